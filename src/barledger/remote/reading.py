"""Reading: a question for bars goes out, or is known to be answered as before, and bars with their digest come back."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import pyarrow as pa
import urllib3

from barledger.domain.action import CorporateAction
from barledger.domain.bars import Bars, SourceSpan
from barledger.domain.calendar import Calendar
from barledger.domain.digest import digest
from barledger.domain.exchange_calendar import calendar_called
from barledger.domain.interval import Interval, format_time
from barledger.domain.rows import Rows
from barledger.domain.series import Series
from barledger.domain.timeframe import SECOND, Timeframe
from barledger.errors import AnswerDamaged, NotBarledger
from barledger.remote.arriving import Pouring, Table, arrived
from barledger.remote.cache import AnswerCache, Kept
from barledger.remote.connection import Connection, target_of
from barledger.remote.question import BarsQuestion

_ARROW: Final = "application/vnd.apache.arrow.stream"
_TOLD: Final = ("barledger-digest", "barledger-rows", "barledger-adjustment", "barledger-warning")


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrived:
    """A table, the headers that came with it, and the tag by which to ask whether it is still so."""

    table: Table
    headers: Mapping[str, str]
    tag: str


class BarsReader:
    """Reads tables of bars from a server, through what is kept on disk."""

    def __init__(self, connection: Connection, cache: AnswerCache, *, owner: str) -> None:
        """Ask there; ``owner`` says whose answers may be shared, and is no secret."""
        self._connection, self._cache, self._owner = connection, cache, owner

    def bars(self, question: BarsQuestion) -> tuple[Bars, Arrived]:
        """Return bars whose digest is that which the server told; raises `AnswerDamaged` and the server's errors."""
        found = self.ask(question.target)
        try:
            return self._made(question, found), found
        except (KeyError, ValueError, TypeError) as error:
            raise NotBarledger(url=self._connection.url, detail=f"an answer lacks what bars need: {error}") from None

    def same(self, question: BarsQuestion, tag: str) -> bool:
        """Tell whether a question still has the answer of this tag."""
        headers = {"Accept": _ARROW, "If-None-Match": tag}
        return self._connection.asked(question.target, headers, lambda answer: answer.status == 304, method="HEAD")

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
        headers = {one: answer.headers[one] for one in _TOLD if one in answer.headers}
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

    def _made(self, question: BarsQuestion, found: Arrived) -> Bars:
        table, rows = found.table, found.table.rows.frozen()
        self._check(question, rows, found.headers["barledger-digest"])
        told = table.provenance
        frame = question.timeframe
        series = {
            Series.of(told["instrument"], frame, one["source"], is_adjusted=one["is_adjusted"]): int(one["revision"])
            for one in told["series"]
        }
        start, end = told["interval"]
        return Bars(
            rows=rows,
            series=tuple(series),
            interval=Interval(int(start), int(end)),
            version=told["version"] if told["snapshot"] else question.request.label,
            revisions=series,
            sources=_spans(told["spans"], rows, frame),
            adjustment=found.headers["barledger-adjustment"],
            is_view=told["is_view"],
            calendar=_calendar(told["calendar"]),
            actions=lambda: self._actions(question),
            columns=question.request.columns,
            marks=table.marks,
            notes={**told["notes"], **_counted(question, table, rows)},
        )

    def _check(self, question: BarsQuestion, rows: Rows, expected: str) -> None:
        found = digest(rows, question.timeframe).hex()
        if found != expected:
            raise AnswerDamaged(what=str(question), expected=expected, found=found)

    def _actions(self, question: BarsQuestion) -> list[CorporateAction]:
        """Ask for the corporate actions once somebody needs them."""
        told = self.ask(target_of(question.path, question.events)).table.provenance["actions"]
        return [
            CorporateAction(**{**one, **{name: int(one[name]) for name in ("ex_date", "known_at", "superseded_at")}})
            for one in told
        ]


def _rows(headers: Mapping[str, str]) -> int:
    told = headers.get("barledger-rows", "")
    return int(told) if told.isdigit() else 0


def _spans(told: list[dict[str, Any]], rows: Rows, timeframe: Timeframe) -> tuple[SourceSpan, ...]:
    """Return what came from where; of one source alone its bars say more exactly where they begin and end."""
    if len(told) == 1 and len(rows):
        whole = Interval(int(rows.time[0]), int(timeframe.close_of(rows.time[-1:])[0]))
        return (SourceSpan(source=told[0]["source"], interval=whole, rows=len(rows)),)
    return tuple(
        SourceSpan(
            source=one["source"],
            interval=Interval(int(one["interval"][0]), int(one["interval"][1])),
            rows=int(one["rows"]),
        )
        for one in told
    )


def _calendar(name: str) -> Callable[[], Calendar]:
    return lambda: calendar_called(name)


def _counted(question: BarsQuestion, table: Table, rows: Rows) -> dict[str, Any]:
    """Return those notes that are counts of bars, over all that arrived."""
    request, counted = question.request, {}
    if request.lookback:
        found = int(rows.time.searchsorted(request.interval.start))
        start = format_time(request.interval.start)
        counted["lookback"] = {"asked": request.lookback, "found": found, "start": start}
    if request.known_within is not None:
        seen = int(table.column("observed").sum())
        counted["known_within"] = {
            "seconds": request.known_within / SECOND,
            "observed": seen,
            "not_observed": len(rows) - seen,
        }
    return counted
