"""Preparing: from a request to the bars that it needs, and from bars to the table that it is computed on."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from barledger.domain.bars import Bars
from barledger.domain.interval import Instant, parse_time
from barledger.domain.rows import VALUES
from barledger.indicators.binding import Pick, Request, bounds
from barledger.indicators.calculation import Calculation, Standing
from barledger.indicators.definition import Floats
from barledger.indicators.evaluation import Evaluation
from barledger.indicators.table import Table

_ANCHORED: Final = ("path", "index")


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """How to read for a request: from ``start`` with ``lookback`` before it, and the answer begins at ``first`` (ns).

    A class that counts from an anchor is read from the beginning of its series.
    """

    start: Instant | None
    lookback: int
    first: int | None

    @staticmethod
    def of(request: Request, start: Instant | None) -> "Window":
        """Return the window of a request."""
        if start is None:
            return Window(start=None, lookback=0, first=None)
        first = parse_time(start)
        if request.reach.memory in _ANCHORED:
            return Window(start=None, lookback=0, first=first)
        return Window(start=start, lookback=request.reach.settled, first=first)


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """Bars as they are computed on; the first ``warmup`` of them are no part of the answer."""

    bars: Bars
    table: Table
    warmup: int

    def __len__(self) -> int:
        """Return the number of rows of the answer."""
        return len(self.table) - self.warmup


def prepare(bars: Bars, *, first: int | None = None) -> Prepared:
    """Return bars as they are computed on; the answer begins at ``first`` (ns)."""
    columns = {name: getattr(bars.rows, name) for name in VALUES}
    warmup = 0 if first is None else int(np.searchsorted(bars.time, first))
    return Prepared(bars=bars, table=Table.of(bars.time, columns), warmup=warmup)


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


def computed(steps: Sequence[Step], table: Table, warmup: int) -> Iterator[Floats]:
    """Give each column without the warm-up; raises what an `Evaluation` raises.

    What is exact only within a tolerance is computed from where it settles, whatever else is asked for with it, so that
    it does not depend on that.
    """
    evaluations: dict[int, Evaluation] = {}
    for step in steps:
        begin = begin_of(step.pick, warmup)
        evaluation = evaluations.get(begin)
        if evaluation is None:
            evaluation = evaluations[begin] = Evaluation(table=table.part(begin, len(table)))
        values = evaluation.values(step.pick)
        yield values[warmup - begin :] if warmup > begin else values
        for key in step.last:
            for one in evaluations.values():
                one.known.pop(key, None)


def begin_of(pick: Pick, warmup: int) -> int:
    """Return the row that a column is computed from."""
    reach = pick.reach
    return 0 if reach.exact or reach.memory in _ANCHORED else max(0, warmup - reach.settled)


def standings(request: Request, *, warmup: int, anchor: int | None) -> dict[str, Standing]:
    """Return how far each column can be relied on."""
    found = {}
    for name, pick in request.picks.items():
        reach = pick.reach
        had = warmup - begin_of(pick, warmup)
        found[name] = Standing(
            key=pick.key,
            memory=reach.memory,
            exact=reach.exact,
            needed=reach.settled,
            had=had,
            complete=had >= reach.settled,
            anchor=anchor if reach.memory in _ANCHORED else None,
        )
    return found


def calculation(request: Request, prepared: Prepared, *, explanation: Any = None) -> Calculation:
    """Return the indicators of bars, without the warm-up; raises what an `Evaluation` raises."""
    warmup, bars = prepared.warmup, prepared.bars
    columns = computed(Step.of(request), prepared.table, warmup)
    return Calculation(
        time=prepared.table.time[warmup:],
        columns=dict(zip(request.picks, columns, strict=True)),
        standings=standings(request, warmup=warmup, anchor=int(bars.time[0]) if len(bars) else None),
        provenance={**bars.provenance, "bars_digest": bars.digest},
        explanation=explanation,
    )
