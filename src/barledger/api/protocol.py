"""The protocol: HTTP/1.1 by h11 with limits in time, so that a slow client holds nothing for long."""

import asyncio
from typing import Any, Final

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from barledger.api.problems import answer, of_http
from barledger.api.security.limits import headers_too_large

HEADER_SECONDS: Final = 10.0
"""How long a client may take for the head of a request, from its first byte or from the connection on."""

STALLED_SECONDS: Final = 30.0
"""How long a client may take nothing of an answer that waits for it."""

_TOO_LARGE: Final = 431


class TimedProtocol(H11Protocol):
    """Cuts clients off that do not send their head, or do not take what they asked for."""

    header_seconds = HEADER_SECONDS
    stalled_seconds = STALLED_SECONDS
    _head: asyncio.TimerHandle | None = None
    _stalled: asyncio.TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:
        """Wait for the first head."""
        super().connection_made(transport)
        self._await_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait for nothing any more."""
        self._cancel("_head")
        self._cancel("_stalled")
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Wait for the rest of a head that has begun, and no longer for one that is there."""
        if self._head is None and (not self._answering):
            self._await_head()
        super().data_received(data)
        if self._answering:
            self._cancel("_head")

    def on_response_complete(self) -> None:
        """Let the time of an idle connection be counted as such."""
        self._cancel("_head")
        super().on_response_complete()

    def pause_writing(self) -> None:
        """Begin to count the time in which a client takes nothing."""
        super().pause_writing()
        self._cancel("_stalled")
        self._stalled = self.loop.call_later(self.stalled_seconds, self.transport.abort)

    def resume_writing(self) -> None:
        """Count no longer."""
        self._cancel("_stalled")
        super().resume_writing()

    def handle_events(self) -> None:
        """Remember what h11 says of a head that it refuses."""
        self._refused = 0
        found = self.conn.next_event

        def next_event() -> Any:
            try:
                return found()
            except h11.RemoteProtocolError as error:
                self._refused = error.error_status_hint
                raise

        self.conn.next_event = next_event  # type: ignore[method-assign]
        try:
            super().handle_events()
        finally:
            del self.conn.next_event

    def send_400_response(self, msg: str) -> None:
        """Say that the head is too large where it is that."""
        if self._refused != _TOO_LARGE:
            super().send_400_response(msg)
            return
        told = answer(of_http(headers_too_large(), ""))
        headers = [*told.raw_headers, (b"connection", b"close")]
        for event in (
            h11.Response(status_code=_TOO_LARGE, headers=headers, reason=b"Request Header Fields Too Large"),
            h11.Data(data=bytes(told.body)),
            h11.EndOfMessage(),
        ):
            self.transport.write(self.conn.send(event) or b"")
        self.transport.close()

    @property
    def _answering(self) -> bool:
        cycle: Any = self.cycle
        return cycle is not None and not cycle.response_complete

    def _await_head(self) -> None:
        self._head = self.loop.call_later(self.header_seconds, self._too_slow)

    def _too_slow(self) -> None:
        self._head = None
        if not self._answering:
            self.transport.abort()

    def _cancel(self, name: str) -> None:
        timer: asyncio.TimerHandle | None = getattr(self, name)
        if timer is not None:
            timer.cancel()
            setattr(self, name, None)
