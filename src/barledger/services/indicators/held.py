"""Held tables: bars of a series as columns, and what was computed of them; both grow when bars are added."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from threading import RLock
from typing import Any, Final

import numpy as np

from barledger.domain.bars import Bars
from barledger.domain.interval import BEGINNING, Interval
from barledger.domain.rows import Floats, Ints, copied
from barledger.domain.rows import Rows as BarRows
from barledger.domain.series import Series
from barledger.indicators.binding import Pick, Request
from barledger.indicators.evaluation import Evaluation, Results
from barledger.indicators.relying import ANCHORED, Rows, begin_of, settled_from
from barledger.indicators.table import Table
from barledger.services.indicators.absences import Judged
from barledger.services.indicators.choosing import choose, foresees
from barledger.services.indicators.explanation import Explanation
from barledger.services.indicators.growing import Growing, GrowingColumns, piled

Span = tuple[int, int | None]
"""From which row of a table something is computed, and up to which one; None for its end, wherever that moves."""

_SMALL: Final = 8
"""A part of less than one in so many rows is computed by itself, and not kept: its whole is not worth it."""
_MOST_KNOWN: Final = 1_024


@dataclass(slots=True, kw_only=True, eq=False, repr=False)
class Held:
    """All bars of ``interval`` in some state, ``begins`` if the series has none before them.

    ``bars`` are those that were read first, ``added`` those that came later, and ``others`` those of other instruments.
    ``revisions`` are those that each series was read at, ``state`` what else the ledger told of a single one. Whoever
    computes or grows it holds its ``lock``.
    """

    interval: Interval
    begins: bool
    bars: Bars
    table: Table
    revisions: Mapping[Series, int]
    judged: Judged
    others: Mapping[str, Bars] = field(default_factory=dict)
    added: tuple[BarRows, ...] = ()
    state: Any = None
    due: int | None = None
    generation: int = 0
    lock: Any = field(default_factory=RLock)
    _grown: GrowingColumns | None = None
    _piled: int = 0
    _known: dict[tuple[Span, str], tuple[Growing, ...]] = field(default_factory=dict)

    def known_from(self, anchor: int | None) -> int:
        """Return from when on (ns) all bars of the series are here, and are computed on from an anchor."""
        start = BEGINNING if self.begins else max(self.interval.start, self.bars.interval.start)
        if not len(self.table):
            return start
        first = int(self.table.time[0])
        if start == BEGINNING and not self.begins:
            start = first
        return start if anchor is None or (self.begins and anchor <= first) else max(start, anchor)

    @property
    def nbytes(self) -> int:
        """Return the memory that columns, results and what was added take; for who holds the lock."""
        if self._grown is None:
            table = self.table.time.nbytes + sum(one.nbytes for one in self.table.columns.values())
        else:
            table = self._grown.nbytes
        return table + self._piled + sum(one.nbytes for known in self._known.values() for one in known)

    def forget(self, generation: int) -> None:
        """Drop results of other definitions than those of a generation of the registry."""
        if self.generation != generation:
            self._known.clear()
            self.generation = generation

    # --- computing -----------------------------------------------------------------------------

    def columns(
        self, request: Request, rows: Rows, anchor: int, explanation: Explanation | None = None
    ) -> tuple[dict[str, Floats], int]:
        """Return the columns of a request for the rows, and how many of them were known."""
        found: dict[str, Floats] = {}
        hits = 0
        by_span: dict[Span, dict[str, Pick]] = {}
        for name, pick in request.picks.items():
            by_span.setdefault(self._span(pick, rows, anchor), {})[name] = pick
        for span, picks in by_span.items():
            size = (len(self.table) if span[1] is None else span[1]) - span[0]
            for name, pick in picks.items():
                known = self._known.get((span, pick.bound.key))
                if known is not None and len(known[0]) == size:
                    hits += 1
                    if explanation is not None:
                        explanation.add("cache", name, f"{size:,} rows known")
                elif known is not None and span[0] == 0 and span[1] is None:
                    self._go_on(name, pick, len(known[0]), explanation)
            found |= self._evaluated(span, picks, size, explanation)
        cut = {name: found[name][rows.first - begin : rows.stop - begin] for begin, name in self._begins(by_span)}
        return {name: cut[name] for name in request.picks}, hits

    def _begins(self, by_span: Mapping[Span, Mapping[str, Pick]]) -> list[tuple[int, str]]:
        return [(span[0], name) for span, picks in by_span.items() for name in picks]

    def _span(self, pick: Pick, rows: Rows, anchor: int) -> Span:
        begin, size = begin_of(pick, rows, self.table, anchor), len(self.table)
        # What knows of later bars, or refuses them, must not see those after the last row that is answered.
        if rows.stop < size and (pick.bound.refuses or foresees(pick)):
            return begin, rows.stop
        if begin or not pick.reach.exact or pick.reach.memory in ANCHORED:
            return begin, rows.stop if (rows.stop - begin) * _SMALL < size - begin else None
        known = ((0, None), pick.bound.key) in self._known
        settled = settled_from(pick, rows, self.table)
        small = not known and (rows.stop - settled) * _SMALL < size
        return (settled, rows.stop) if small else (0, None)

    def _evaluated(
        self, span: Span, picks: Mapping[str, Pick], size: int, explanation: Explanation | None
    ) -> dict[str, Floats]:
        known: dict[str, Results] = {
            key: tuple(one.view() for one in grown)
            for (where, key), grown in self._known.items()
            if where == span and len(grown[0]) == size
        }
        before = set(known)
        evaluation = Evaluation(table=self.table.part(span[0], span[0] + size), known=known)
        found = {}
        for name, pick in picks.items():
            if explanation is None or pick.bound.key in known:
                found[name] = evaluation.values(pick)
                continue
            with explanation.timed("compute", name) as how:
                found[name] = evaluation.values(pick)
                how.append(f"{size:,} rows as a whole, {pick.reach.memory}")
        if span[1] is None:
            for key in known.keys() - before:
                self._known[span, key] = tuple(Growing(one) for one in known[key])
            while len(self._known) > _MOST_KNOWN:
                self._known.pop(next(iter(self._known)))
        return found

    def _go_on(self, name: str, pick: Pick, known: int, explanation: Explanation | None) -> None:
        """Compute the rows of an output that are new since it was known, if that gives the same as all of them."""
        rows = len(self.table)
        way, why = choose(pick, known=known, rows=rows)
        begin = known - pick.reach.settled
        if way == "tail" and pick.bound.policy == "skip" and self._lacks(pick, begin):
            way, why = "whole", "values are missing in what settles the tail"
        if way == "whole":
            self._known.pop(((0, None), pick.bound.key))
            if explanation is not None:
                explanation.add("tail", name, f"no: {why}")
            return
        tail = Evaluation(table=self.table.part(begin, rows)).results(pick.bound)
        for grown, values in zip(self._known[(0, None), pick.bound.key], tail, strict=True):
            grown.extend(values[known - begin :])
        if explanation is not None:
            explanation.add("tail", name, why)

    def _lacks(self, pick: Pick, begin: int) -> bool:
        part = self.table.part(begin, len(self.table))
        columns = Request(specs=(), picks={"": pick}).columns
        return any(not bool(np.isfinite(part.columns[one.key]).all()) for one in columns)

    # --- growing -------------------------------------------------------------------------------

    def grow(self, rows: BarRows, breaks: Ints) -> None:
        """Put bars at the end that were added since; ``breaks`` are all of the table's, in its new length."""
        if self._grown is None:
            self._grown = GrowingColumns(self.table.time, self.table.columns)
        finite = self._grown.extend(rows)
        # A store may give a slice of much more than these, all of which would stay with it.
        own = copied(rows)
        self.added = piled(self.added, own)
        self._piled += sum(column.nbytes for _, column in own.columns() if column is not None)
        self.table = self.table.followed(*self._grown.view(), breaks, finite=finite)
