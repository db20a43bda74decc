"""Reading: from a question to bars, whose digest is computed again from what arrived."""

from collections.abc import Callable
from typing import Any, Final

from barledger.domain.action import CorporateAction
from barledger.domain.bars import Bars, SourceSpan
from barledger.domain.calendar import Calendar
from barledger.domain.digest import digest
from barledger.domain.exchange_calendar import calendar_called
from barledger.domain.interval import Interval, format_time
from barledger.domain.rows import Rows
from barledger.domain.series import Series
from barledger.domain.timeframe import SECOND, Timeframe
from barledger.errors import AnswerDamaged, BarledgerError, Busy, NotBarledger
from barledger.remote.arriving import Table
from barledger.remote.connection import target_of
from barledger.remote.question import BarsQuestion
from barledger.remote.tables import Arrived, TableReader
from barledger.services.retrieval.scroll import PORTION

# As often as this, bars are asked for again because some were written or withdrawn since they were counted.
_ATTEMPTS: Final = 20


class BarsReader:
    """Reads bars from a server."""

    def __init__(self, tables: TableReader) -> None:
        """Ask by this reader of tables."""
        self._tables = tables

    def bars(self, question: BarsQuestion) -> tuple[Bars, Arrived]:
        """Return bars whose digest is that which the server told; raises `AnswerDamaged` and the server's errors."""
        found = self._tables.ask(question.target)
        try:
            return self._made(question, found), found
        except (KeyError, ValueError, TypeError) as error:
            if isinstance(error, BarledgerError):
                raise
            raise NotBarledger(url=self._tables.url, detail=f"an answer lacks what bars need: {error}") from None

    def newest(self, question: BarsQuestion) -> tuple[Bars, Arrived, BarsQuestion]:
        """Return bars as `bars` does, and the question that they were asked by.

        A server counts so many from the end as it holds at once. Of more, their times are asked for first, portion
        before portion; the bars are then those from the earliest of these on, in one answer of one state.
        """
        last = question.request.last
        if last is None or last <= PORTION:
            return (*self.bars(question), question)
        for _ in range(_ATTEMPTS):
            asked, enough = self._from_earliest(question, last)
            bars, found = self.bars(asked)
            # Another number was written or withdrawn meanwhile.
            if len(bars) == last or (len(bars) < last and not enough):
                return bars, found, asked
        raise Busy(what=str(question), waited=0.0)

    def same(self, question: BarsQuestion, tag: str) -> bool:
        """Tell whether a question still has the answer of this tag."""
        return self._tables.same(question.target, tag)

    def _from_earliest(self, question: BarsQuestion, last: int) -> tuple[BarsQuestion, bool]:
        """Return the question for the last so many bars by where they begin, and whether there are so many."""
        whole = question.request.interval
        end, left = whole.end, last
        while left:
            if end <= whole.start:
                return question.between(whole), False
            count = min(left, PORTION)
            before = question.between(Interval(whole.start, end), last=count)
            times = self._tables.ask(target_of(before.path, before.query | {"columns": "close"})).table.column("time")
            if len(times) < count:
                return question.between(whole), False
            end, left = int(times[0]), left - count
        return question.between(Interval(end, whole.end)), True

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
        told = self._tables.ask(target_of(question.path, question.events)).table.provenance["actions"]
        return [
            CorporateAction(**{**one, **{name: int(one[name]) for name in ("ex_date", "known_at", "superseded_at")}})
            for one in told
        ]


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
