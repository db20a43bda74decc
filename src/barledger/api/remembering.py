"""Remembered answers: up to a megabyte is sent again without a look at anything but the key, until anything is noted.

Whatever changes what the ledger tells appends an entry to the audit log in the same transaction, so an answer that
depends on the ledger alone is the same as long as the log has as many entries. Their number comes with the key's
record. A route says that its answer is of that kind by `rememberable`; one that depends on the time is none.
"""

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field
from threading import Lock
from typing import Any, Final

from anyio import to_thread
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from barledger.api.conditional import matches
from barledger.api.problems import HttpProblem
from barledger.domain.access import AccessKey
from barledger.errors import BarledgerError
from barledger.services.access import Recognised

_RECOGNISED: Final = "barledger.recognised"
_REMEMBERED: Final = "barledger.remembered"
_BEARER: Final = b"bearer "
_LARGEST: Final = 1_048_576
_OK: Final = 200
_NOT_MODIFIED: Final = 304
_UNCHANGED: Final = frozenset({b"etag", b"vary", b"cache-control"})
_Asked = tuple[str, bytes, bytes, bytes]
"""The key's id, the path, the query and what is accepted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What was sent, by which route, and how many entries the log had then.

    Of 304 there is no body, and it stands for 304 alone.
    """

    mark: int
    tag: str
    route: Any = field(repr=False)
    headers: list[tuple[bytes, bytes]]
    body: bytes | None = field(repr=False)

    @property
    def unchanged(self) -> list[tuple[bytes, bytes]]:
        """Return the headers of 304."""
        return [one for one in self.headers if one[0] in _UNCHANGED]


class Memory:
    """The newest answers, at most so many bytes of them; threads share it."""

    def __init__(self, limit: int) -> None:
        """Begin empty."""
        self._limit, self._held = limit, 0
        self._lock = Lock()
        self._kept: OrderedDict[_Asked, Answer] = OrderedDict()

    def find(self, asked: _Asked, mark: int) -> Answer | None:
        """Return an answer if nothing was noted since it was given."""
        with self._lock:
            found = self._kept.get(asked)
            if found is None or found.mark != mark:
                return None
            self._kept.move_to_end(asked)
            return found

    def keep(self, asked: _Asked, answer: Answer) -> None:
        """Keep an answer, and let the oldest go."""
        with self._lock:
            before = self._kept.pop(asked, None)
            self._held += _size(answer) - (0 if before is None else _size(before))
            self._kept[asked] = answer
            while self._held > self._limit:
                self._held -= _size(self._kept.popitem(last=False)[1])


class Remembering:
    """The layer that is next to the routes: looks the key up, answers from memory, and keeps what may be kept."""

    def __init__(self, app: ASGIApp, *, root: str, prefix: str, limit: int) -> None:
        """Look keys up for what begins with ``root``, and remember only what begins with ``prefix``."""
        self._app, self._root, self._prefix = app, root, prefix
        self._limit = limit
        self._memories: tuple[Any, Memory] = None, Memory(limit)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer from memory, or let a route do it."""
        if scope["type"] != "http" or not scope["path"].startswith(self._root):
            await self._app(scope, receive, send)
            return
        headers = dict(scope["headers"])
        recognised = await self._recognised(scope, headers.get(b"authorization", b""))
        if recognised is None or scope["method"] != "GET" or not scope["path"].startswith(self._prefix):
            await self._app(scope, receive, send)
            return
        path = scope.get("raw_path") or scope["path"].encode()
        asked = recognised.key.id, path, scope["query_string"], headers.get(b"accept", b"")
        memory = self._memory(scope)
        found = memory.find(asked, recognised.mark)
        same = found is not None and matches(headers.get(b"if-none-match", b"").decode("latin-1"), found.tag)
        if found is None or (found.body is None and not same) or not self._may(scope, recognised.key):
            await self._app(scope, receive, _Listening(scope, send, memory, asked, recognised.mark))
            return
        # What is counted and logged is told by these.
        scope["barledger.key"], scope["route"] = recognised.key, found.route
        status, sent = (304, found.unchanged) if same else (200, list(found.headers))
        await send({"type": "http.response.start", "status": status, "headers": sent})
        await send({"type": "http.response.body", "body": b"" if same else found.body})

    @staticmethod
    def _may(scope: Scope, key: AccessKey) -> bool:
        """Whether the key has a request left; if not, the route says so."""
        try:
            scope["app"].state.rates.take(key)
        except HttpProblem:
            return False
        return True

    def _memory(self, scope: Scope) -> Memory:
        """Return what was remembered of the library that is served now."""
        sessions = scope["app"].state.sessions
        if self._memories[0] is not sessions:
            self._memories = sessions, Memory(self._limit)
        return self._memories[1]

    @staticmethod
    async def _recognised(scope: Scope, shown: bytes) -> Recognised | None:
        """Return whose key is shown; who is refused is told so by the route."""
        if shown[: len(_BEARER)].lower() != _BEARER:
            return None
        keys = scope["app"].state.sessions.bl.keys
        try:
            found: Recognised = await to_thread.run_sync(keys.recognise, shown[len(_BEARER) :].decode("latin-1"))
        except BarledgerError:
            return None
        scope[_RECOGNISED] = found
        return found


class _Listening:
    """Sends on, and keeps an answer that a route says may be kept, if it is not large and whole."""

    def __init__(self, scope: Scope, send: Send, memory: Memory, asked: _Asked, mark: int) -> None:
        self._scope, self._send, self._memory = scope, send, memory
        self._asked, self._mark = asked, mark
        self._headers: list[tuple[bytes, bytes]] = []
        self._status, self._size, self._tag = 0, 0, ""
        self._parts: list[bytes] | None = None

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._headers = list(message["headers"])
            self._parts = [] if self._scope.get(_REMEMBERED, False) and self._may_keep(message["status"]) else None
        elif self._parts is not None:
            body = message.get("body")
            # To join a single part is not to copy it.
            if body:
                self._parts.append(bytes(body))
            if not message.get("more_body"):
                self._keep(b"".join(self._parts))
        await self._send(message)

    def _may_keep(self, status: int) -> bool:
        """Whether an answer is one to keep, by what its head says: it is 304, or says how long it is."""
        named = dict(self._headers)
        self._tag = named.get(b"etag", b"").decode("latin-1")
        self._size = 0 if status == _NOT_MODIFIED else int(named.get(b"content-length", _LARGEST + 1))
        self._status = status
        return bool(self._tag) and status in (_OK, _NOT_MODIFIED) and self._size <= _LARGEST

    def _keep(self, body: bytes) -> None:
        if len(body) == self._size:
            kept = None if self._status == _NOT_MODIFIED else body
            route = self._scope.get("route")
            answer = Answer(mark=self._mark, tag=self._tag, route=route, headers=self._headers, body=kept)
            self._memory.keep(self._asked, answer)


def rememberable(request: Request) -> None:
    """Say that the answer to a request depends on the ledger alone."""
    request.scope[_REMEMBERED] = True


def recognised_in(scope: Mapping[str, Any]) -> Recognised | None:
    """Return whose key was shown, if that was looked up already."""
    found: Recognised | None = scope.get(_RECOGNISED)
    return found


def _size(answer: Answer) -> int:
    return len(answer.body or b"") + sum(len(name) + len(value) for name, value in answer.headers) + 512
