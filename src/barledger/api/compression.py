"""Compression: text answers in zstd or gzip for clients that want it, portion by portion.

Arrow and Parquet are compressed by themselves or read without a copy, and small answers are not worth it. An answer
that is compressed is another representation: its entity tag ends in the coding, and is known by it when it is shown.
"""

import re
import zlib
from abc import ABC, abstractmethod
from typing import Any, ClassVar, Final

import pyarrow as pa
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from barledger.api.formats.sink import Sink
from barledger.api.requests import is_head

_TEXT: Final = (b"application/json", b"application/x-ndjson", b"application/problem+json", b"text/csv", b"text/plain")
_GZIP_LEVEL: Final = 1
_SUFFIX: Final = re.compile(rb'-(zstd|gzip)"')


class Coding(ABC):
    """A content coding; `flush` gives what can be sent already."""

    name: ClassVar[bytes]

    @abstractmethod
    def write(self, data: bytes, *, last: bool) -> bytes:
        """Return the coded bytes."""


class Gzip(Coding):
    """By zlib, at its fastest: JSON of bars becomes a fifth, and a higher level hardly less."""

    name = b"gzip"

    def __init__(self) -> None:
        """Begin a stream."""
        self._stream = zlib.compressobj(_GZIP_LEVEL, zlib.DEFLATED, 31)

    def write(self, data: bytes, *, last: bool) -> bytes:
        """Return the coded bytes; each portion can be read by itself."""
        return self._stream.compress(data) + self._stream.flush(zlib.Z_FINISH if last else zlib.Z_SYNC_FLUSH)


class Zstd(Coding):
    """By Arrow, which brings it along."""

    name = b"zstd"

    def __init__(self) -> None:
        """Begin a stream."""
        self._sink = Sink()
        self._stream: Any = pa.CompressedOutputStream(self._sink, "zstd")

    def write(self, data: bytes, *, last: bool) -> bytes:
        """Return the coded bytes; each portion can be read by itself."""
        self._stream.write(data)
        if last:
            # Arrow closes the sink with the stream, and what was written stays in it.
            self._stream.close()
        else:
            self._stream.flush()
        return self._sink.taken()


_CODINGS: Final[dict[str, type[Coding]]] = {"zstd": Zstd, "gzip": Gzip}


class Compression:
    """Codes what is text and large enough."""

    def __init__(self, app: ASGIApp, *, least: int) -> None:
        """Code answers from so many bytes on; what is streamed is taken for large."""
        self._app = app
        self._least = least

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Choose a coding by the header Accept-Encoding, and code the answer if it is fit for it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        chosen = _chosen(_header(scope["headers"], b"accept-encoding"))
        told = _header(scope["headers"], b"if-none-match")
        if told:
            # Not a copy: what a request is routed to is told in this very scope.
            scope["headers"] = [(a, _plain(b) if a == b"if-none-match" else b) for a, b in scope["headers"]]
        coded = _Coded(send, chosen, least=self._least, head=is_head(scope), known=told)
        await self._app(scope, receive, coded.send)


class _Coded:
    """One answer on its way out; it begins with the first part of its body, whose size decides."""

    def __init__(self, send: Send, chosen: type[Coding] | None, *, least: int, head: bool, known: bytes) -> None:
        self._send, self._chosen, self._least, self._head, self._known = send, chosen, least, head, known
        self._start: Message | None = None
        self._coding: Coding | None = None

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._start = message
            return
        if message["type"] != "http.response.body":
            await self._send(message)
            return
        if self._start is not None:
            start, self._start = self._start, None
            await self._send(self._begun(start, message))
        if self._coding is not None:
            more = message.get("more_body", False)
            message = {**message, "body": self._coding.write(message.get("body", b""), last=not more)}
            if more and not message["body"]:
                return
        await self._send(message)

    def _begun(self, start: Message, body: Message) -> Message:
        headers: list[tuple[bytes, bytes]] = list(start["headers"])
        if start["status"] == 304:
            return {**start, "headers": [(a, _as_known(b, self._known) if a == b"etag" else b) for a, b in headers]}
        if not _fit(headers) or start["status"] == 204:
            return start
        large = body.get("more_body", False) or len(body.get("body", b"")) >= self._least
        vary = _header(headers, b"vary")
        if b"accept-encoding" not in vary.lower():
            headers = [one for one in headers if one[0] != b"vary"]
            headers.append((b"vary", b", ".join(filter(None, (vary, b"Accept-Encoding")))))
        # The head of a table is told without making the table; it is that of a large one.
        headless = self._head and not body.get("body") and not _header(headers, b"content-length")
        if self._chosen is None or not (large or headless):
            return {**start, "headers": headers}
        if not headless:
            self._coding = self._chosen()
        name = self._chosen.name
        kept = [(a, _tagged(b, name) if a == b"etag" else b) for a, b in headers if a != b"content-length"]
        return {**start, "headers": [*kept, (b"content-encoding", name)]}


def _chosen(accepted: bytes) -> type[Coding] | None:
    """Return the coding that a client wants most, zstd before gzip; None for as it is."""
    rated: dict[str, float] = {}
    for one in accepted.decode("latin-1").split(","):
        name, *parameters = (part.strip().casefold() for part in one.split(";"))
        quality = next((value[2:] for value in parameters if value.startswith("q=")), "1")
        try:
            rated[name] = float(quality)
        except ValueError:
            continue
    named = {name: rated.get(name, rated.get("*", 0.0)) for name in _CODINGS}
    best = max(named, key=lambda name: named[name])
    return _CODINGS[best] if named[best] > rated.get("identity", 0.0) or named[best] >= 1 else None


def _fit(headers: list[tuple[bytes, bytes]]) -> bool:
    kind = _header(headers, b"content-type").partition(b";")[0].strip()
    return kind in _TEXT and not _header(headers, b"content-encoding")


def _header(headers: list[tuple[bytes, bytes]], wanted: bytes) -> bytes:
    return b", ".join(value for name, value in headers if name == wanted)


def coded_like(tag: str, given: str) -> str:
    """Return a tag in the coding in which a client has seen the one that it gives."""
    found = _SUFFIX.search(given.encode())
    return tag if found is None else _tagged(tag.encode(), found[1]).decode()


def _tagged(tag: bytes, coding: bytes) -> bytes:
    return tag[:-1] + b"-" + coding + b'"' if tag.endswith(b'"') else tag


def _plain(tags: bytes) -> bytes:
    return _SUFFIX.sub(b'"', tags)


def _as_known(tag: bytes, known: bytes) -> bytes:
    """Return a tag as the client has it."""
    found = next((_tagged(tag, name) for name in (b"zstd", b"gzip") if _tagged(tag, name) in known), None)
    return found if found is not None and tag not in known else tag
