"""Hosts: a request must address the server by one of its names, or a rebinding DNS name could."""

from typing import Final

from starlette.types import ASGIApp, Receive, Scope, Send

from barledger.api.problems import HttpProblem, refusal

_STEP: Final = "Address the server by one of its names; `barledger serve --allow-host NAME` adds one."


class Hosts:
    """Refuses requests for other hosts; ``*`` allows all."""

    def __init__(self, app: ASGIApp, *, hosts: tuple[str, ...]) -> None:
        """Let requests for these hosts through, whatever the port."""
        self._app = app
        self._hosts = frozenset(host.casefold() for host in hosts)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Look at the header Host."""
        if scope["type"] != "http" or "*" in self._hosts or _host(scope) in self._hosts:
            await self._app(scope, receive, send)
            return
        refused = HttpProblem(400, "host-refused", "this server does not go by that name", _STEP)
        await refusal(scope, refused)(scope, receive, send)


def _host(scope: Scope) -> str:
    """Return the host without its port; empty where there is none, or more than one."""
    named = [value for name, value in scope["headers"] if name == b"host"]
    text = named[0].decode("latin-1").casefold() if len(named) == 1 else ""
    return text.partition("]")[0] + "]" if text.startswith("[") else text.partition(":")[0]
