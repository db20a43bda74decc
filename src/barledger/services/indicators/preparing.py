"""Preparing: from bars to the tables that a batch is computed on, and from its columns to calculations."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from barledger.domain.bars import Bars
from barledger.domain.interval import BEGINNING
from barledger.domain.rows import Floats, Ints
from barledger.errors import BarledgerError
from barledger.indicators.binding import Pick, Request, bounds
from barledger.indicators.calculation import Calculation, Standing
from barledger.indicators.evaluation import Evaluation
from barledger.indicators.relying import Rows, begin_of
from barledger.indicators.table import Table
from barledger.services.indicators.answering import answer_of
from barledger.services.indicators.held import Held
from barledger.services.indicators.question import Need, Question
from barledger.services.indicators.reading import Reading, columns_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What is told of columns beside their values."""

    standings: Mapping[str, Standing]
    provenance: Mapping[str, Any]
    bars_digest: Callable[[], str]

    def calculation(self, time: Ints, columns: Mapping[str, Floats], *, explanation: Any = None) -> Calculation:
        """Return columns with it."""
        return Calculation(
            time=time,
            columns=columns,
            standings=self.standings,
            provenance=self.provenance,
            explanation=explanation,
            bars_digest=self.bars_digest,
        )


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

    def told(self, request: Request, *, apart: bool) -> Told:
        """Return what is told of the answer; ``apart`` digests the bars now, and lets go of them."""
        made = answer_of(self.held, request, self.rows, 0, {}, None)
        digest = made.bars_digest if apart else ""
        return Told(
            standings=made.standings,
            provenance=made.told,
            bars_digest=(lambda: digest) if apart else (lambda: made.bars_digest),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Preparer:
    """Prepares bars for a request."""

    reading: Reading
    request: Request

    def stored(self, bars: Bars, question: Question, need: Need, others: Mapping[str, Bars]) -> Prepared:
        """Prepare bars of a library; raises `InputMissing` and what reading raises."""
        held = self.reading.table(question, bars, need, self.request, others)
        time = held.table.time
        first, end = np.searchsorted(time, [question.interval.start, question.interval.end]).tolist()
        rows = Rows(first=first, stop=end, begins=held.begins, known=held.known_from(None))
        return Prepared(held=held, rows=rows)

    def in_hand(self, bars: Bars) -> Prepared:
        """Prepare bars that the caller has; raises `InputMissing`."""
        held = Held(
            interval=bars.interval,
            begins=bars.interval.start == BEGINNING and not bars.notes.get("lookback"),
            parts=(bars,),
            table=Table.of(bars.time, columns_of(bars, self.request, {})),
            revisions=bars.revisions,
            calendar={"calendar": None},
        )
        rows = Rows(first=0, stop=len(bars), begins=held.begins, known=held.known_from(None))
        return Prepared(held=held, rows=rows)


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
        begin = min(begin_of(step.pick, rows, table), rows.first)
        evaluation = evaluations.get(begin)
        if evaluation is None:
            evaluation = evaluations[begin] = Evaluation(table=table.part(begin, rows.stop))
        try:
            values = evaluation.values(step.pick)
        except BarledgerError as error:
            yield error
        else:
            yield values[rows.first - begin :] if rows.first > begin else values
        for key in step.last:
            for one in evaluations.values():
                one.known.pop(key, None)
