"""Encrypted: behind a proxy with TLS, whoever comes past it would send keys in clear."""

from typing import Final

from starlette.types import ASGIApp, Receive, Scope, Send

from barledger.api.problems import HttpProblem, refusal

_OPEN: Final = frozenset({"/health", "/ready"})
_THIS_MACHINE: Final = frozenset({"127.0.0.1", "::1"})
_STEP: Final = "Ask the proxy by https; it must send X-Forwarded-Proto, and be the address that --proxy names."


class Encrypted:
    """Refuses requests that did not come by TLS, but for those of this machine and those that need no key."""

    def __init__(self, app: ASGIApp) -> None:
        """Let requests through whose scheme is https, as a trusted proxy's header says."""
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Look at the scheme."""
        if scope["type"] != "http" or scope["scheme"] == "https" or scope["path"] in _OPEN or _is_here(scope):
            await self._app(scope, receive, send)
            return
        refused = HttpProblem(
            403, "not-encrypted", "this server is behind a proxy, and this request did not use it", _STEP
        )
        await refusal(scope, refused)(scope, receive, send)


def _is_here(scope: Scope) -> bool:
    return (scope.get("client") or ("",))[0] in _THIS_MACHINE
