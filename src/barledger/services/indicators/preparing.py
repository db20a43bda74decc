"""Preparing: from bars to the tables that they are computed on, and to their columns."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from barledger.domain.bars import Bars
from barledger.domain.interval import BEGINNING
from barledger.domain.rows import Floats
from barledger.errors import BarledgerError
from barledger.indicators.binding import Pick, Request, bounds
from barledger.indicators.calculation import Standing
from barledger.indicators.evaluation import Evaluation
from barledger.indicators.relying import Rows, begin_of
from barledger.indicators.table import Table
from barledger.services.indicators.absences import Judged
from barledger.services.indicators.answering import Telling
from barledger.services.indicators.held import Held
from barledger.services.indicators.question import Need, Question
from barledger.services.indicators.reading import Reading
from barledger.services.indicators.tables import Tables


@dataclass(frozen=True, slots=True, kw_only=True)
class Apart:
    """What is told of columns, without the bars that it is told of."""

    standings: Mapping[str, Standing]
    provenance: Mapping[str, Any]
    bars_digest: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """Bars as they are computed on, and which rows are answered; those before are the warm-up."""

    held: Held
    rows: Rows

    @property
    def table(self) -> Table:
        """Return what is computed on."""
        return self.held.table

    def __len__(self) -> int:
        """Return the number of rows of the answer."""
        return self.rows.stop - self.rows.first

    @staticmethod
    def in_hand(bars: Bars, table: Table, others: Mapping[str, Bars], judged: Judged) -> "Prepared":
        """Prepare bars that the caller has, all of which are answered."""
        held = Held(
            interval=bars.interval,
            begins=bars.interval.start == BEGINNING and not bars.notes.get("lookback"),
            bars=bars,
            others=others,
            table=table,
            revisions=bars.revisions,
            judged=judged,
        )
        return Prepared(held=held, rows=Rows(first=0, stop=len(table), begins=held.begins, known=held.known_from(None)))

    def telling(self, request: Request) -> Telling:
        """Return what tells of the answer."""
        return Telling(self.held, request, self.rows, 0)

    def apart(self, request: Request) -> Apart:
        """Return what is told of the answer, and let go of the bars."""
        telling = self.telling(request)
        return Apart(standings=telling.standings, provenance=telling.provenance, bars_digest=telling.bars_digest)


@dataclass(frozen=True, slots=True, kw_only=True)
class Preparer:
    """Prepares bars for a request."""

    reading: Reading
    tables: Tables
    request: Request

    def stored(
        self, bars: Bars, question: Question, need: Need, others: Mapping[str, Bars], absent: Collection[str]
    ) -> Prepared:
        """Prepare bars of a library, without columns that are ``absent``; raises what reading raises."""
        beside = {name: others[name] for name in need.others if name in others}
        held = self.reading.table(question, bars, need, self.request, beside, absent)
        time = held.table.time
        first, end = np.searchsorted(time, [question.interval.start, question.interval.end]).tolist()
        rows = Rows(first=first, stop=end, begins=held.begins, known=held.known_from(None))
        return Prepared(held=held, rows=rows)

    def in_hand(self, bars: Bars) -> Prepared:
        """Prepare bars that the caller has; raises `InputMissing`."""
        return Prepared.in_hand(bars, self.tables.of(bars, self.request, {}), {}, self.tables.judged(bars))


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """A column, and what no later one is computed from: let go of at once, its memory is still near the processor."""

    pick: Pick
    last: tuple[str, ...]

    @staticmethod
    def of(request: Request) -> "list[Step]":
        """Return the steps of a request."""
        picks = list(request.picks.values())
        last = {bound.key: at for at, pick in enumerate(picks) for bound in bounds(pick)}
        gone: list[list[str]] = [[] for _ in picks]
        for key, at in last.items():
            gone[at].append(key)
        return [Step(pick=pick, last=tuple(keys)) for pick, keys in zip(picks, gone, strict=True)]


def computed(steps: Sequence[Step], table: Table, rows: Rows) -> Iterator[Floats | BarledgerError]:
    """Give each column of the rows that are answered, or why it cannot be computed, which stops no other.

    What is exact only within a tolerance is computed from where it settles, whatever else is asked for with it, so that
    it does not depend on that.
    """
    evaluations: dict[int, Evaluation] = {}
    for step in steps:
        # Most tables have no warm-up before their answer, and of short ones all that is done besides computing counts.
        begin = min(begin_of(step.pick, rows, table), rows.first) if rows.first else 0
        evaluation = evaluations.get(begin)
        if evaluation is None:
            evaluation = evaluations[begin] = Evaluation(table=table.part(begin, rows.stop))
        try:
            values = evaluation.results(step.pick.bound)[step.pick.place]
        except BarledgerError as error:
            yield error
        else:
            yield values[rows.first - begin :] if rows.first > begin else values
        for key in step.last:
            for one in evaluations.values():
                one.known.pop(key, None)
