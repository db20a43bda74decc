"""Headers that keep browsers from doing more with answers than showing them."""

from typing import Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

_ALWAYS: Final = (
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"x-frame-options", b"DENY"),
)
_POLICY: Final = (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'")
_NOT_KEPT: Final = (b"cache-control", b"no-store")
_TLS: Final = (b"strict-transport-security", b"max-age=31536000")


class SecurityHeaders:
    """Adds them to every answer; what an answer says of the same by itself stays."""

    def __init__(self, app: ASGIApp, *, tls: bool) -> None:
        """With ``tls``, browsers are told to insist on it."""
        self._app = app
        self._added = (*_ALWAYS, _POLICY, _NOT_KEPT, *((_TLS,) if tls else ()))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Add headers where the answer begins."""

        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start":
                there = {name for name, _ in message["headers"]}
                message["headers"] = [*message["headers"], *(one for one in self._added if one[0] not in there)]
            await send(message)

        await self._app(scope, receive, sending if scope["type"] == "http" else send)
