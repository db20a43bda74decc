"""Tables on their way from a server: what is kept is used if the server says that it is still so."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

import pyarrow as pa
import urllib3

from barledger.errors import NotBarledger
from barledger.remote.arriving import Pouring, Table, arrived
from barledger.remote.cache import AnswerCache, Kept
from barledger.remote.connection import Connection

_ARROW: Final = "application/vnd.apache.arrow.stream"
_TOLD: Final = "barledger-"


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrived:
    """A table, the headers that came with it, and the tag by which to ask whether it is still so."""

    table: Table
    headers: Mapping[str, str]
    tag: str


class TableReader:
    """Reads tables from a server, through what is kept on disk."""

    def __init__(self, connection: Connection, cache: AnswerCache, *, owner: str) -> None:
        """Ask there; ``owner`` says whose answers may be shared, and is no secret."""
        self.url = connection.url
        self._connection, self._cache, self._owner = connection, cache, owner

    def same(self, target: str, tag: str) -> bool:
        """Tell whether a question still has the answer of this tag."""
        headers = {"Accept": _ARROW, "If-None-Match": tag}
        return self._connection.asked(target, headers, lambda answer: answer.status == 304, method="HEAD")

    def ask(self, target: str) -> Arrived:
        """Return a table: what is kept, if the server says that it is still so, else what it sends."""
        name = self._cache.name(self._connection.url, self._owner, target)
        kept = self._cache.look(name)
        if kept is not None:
            found = self._connection.asked(
                target, {"Accept": _ARROW, "If-None-Match": kept.head.tag}, self._taker(name, kept)
            )
            if found is not None:
                return found
            self._cache.drop(name)
        found = self._connection.asked(target, {"Accept": _ARROW}, self._taker(name, None))
        if found is None:
            raise NotBarledger(url=self._connection.url, detail="304 for a question without a tag")
        return found

    def _taker(self, name: str, kept: Kept | None) -> Callable[[urllib3.BaseHTTPResponse], Arrived | None]:
        def take(answer: urllib3.BaseHTTPResponse) -> Arrived | None:
            if answer.status == 304:
                return None if kept is None else self._again(name, kept)
            return self._new(name, answer)

        return take

    def _again(self, name: str, kept: Kept) -> Arrived | None:
        """Return what is kept; None if it is not what was kept."""
        if not kept.whole:
            return None
        try:
            table = arrived(pa.py_buffer(kept.body), _rows(kept.head.headers))
        except pa.ArrowInvalid:
            return None
        self._cache.used(name)
        return Arrived(table=table, headers=kept.head.headers, tag=kept.head.tag)

    def _new(self, name: str, answer: urllib3.BaseHTTPResponse) -> Arrived:
        if answer.headers.get("Content-Type", "").partition(";")[0] != _ARROW:
            raise NotBarledger(url=self._connection.url, detail="it sends something else than Arrow")
        told = {name.lower(): value for name, value in answer.headers.items()}
        headers = {name: value for name, value in told.items() if name.startswith(_TOLD)}
        tag = answer.headers.get("ETag", "")
        keeper = self._cache.keeper(name) if tag else None
        try:
            table = self._poured(answer, keeper.take if keeper else lambda _: None, _rows(headers))
            if keeper is not None:
                keeper.keep(tag, headers)
        finally:
            if keeper is not None:
                keeper.forget()
        return Arrived(table=table, headers=headers, tag=tag)

    def _poured(self, answer: urllib3.BaseHTTPResponse, also: Callable[[bytes], None], rows: int) -> Table:
        source = Pouring(answer.read, also)
        try:
            table = arrived(source, rows)
        except (pa.ArrowInvalid, EOFError) as error:
            raise self._connection.broken(f"an answer cannot be read: {error}") from None
        # A stream that was cut off behind its last portion is none.
        while source.read(1 << 16):
            pass
        return table


def _rows(headers: Mapping[str, str]) -> int:
    told = headers.get("barledger-rows", "")
    return int(told) if told.isdigit() else 0
