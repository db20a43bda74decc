"""Strips: a long record in few cells, for people who look."""

from dataclasses import dataclass

import numpy as np

from barledger.domain.calendar import Calendar
from barledger.domain.interval import EARLIEST, LATEST, Interval
from barledger.domain.rows import Ints
from barledger.domain.timetable import Timetable
from barledger.services.availability.report import Availability
from barledger.services.availability.runs import Runs


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """A stretch of ``bars`` closed bars of the calendar: so many were found, and so many are excused."""

    interval: Interval
    bars: int
    found: int
    excused: int

    @property
    def share(self) -> float | None:
        """Return the share of the expected bars that are there; None if none are expected."""
        expected = self.bars - self.excused
        return self.found / expected if expected else None


def strip(answer: Availability, market: Calendar, *, cells: int) -> tuple[Cell, ...]:
    """Divide what was checked into cells of equally many bars, at most so many; closed markets take no room."""
    segments = [*answer.present, *(one.interval for one in answer.missing)]
    if not segments:
        return ()
    reach = Interval(min(one.start for one in segments), max(one.end for one in segments))
    table = market.timetable(answer.timeframe, reach)
    first, last = _numbers(table, [reach.start, reach.end]).tolist()
    edges = np.unique(np.linspace(first, last, min(cells, last - first) + 1).round().astype(np.int64))
    found = _below(_runs(table, answer.present), edges)
    excused = _below(_runs(table, [one.interval for one in answer.missing if one.excused]), edges)
    starts = [*table.labels(edges[:-1]).tolist(), reach.end]
    return tuple(
        Cell(interval=Interval(starts[at], starts[at + 1]), bars=bars, found=there, excused=not_expected)
        for at, (bars, there, not_expected) in enumerate(
            zip(np.diff(edges).tolist(), np.diff(found).tolist(), np.diff(excused).tolist(), strict=True)
        )
    )


def _numbers(table: Timetable, times: "list[int] | Ints") -> Ints:
    return table.before(np.clip(np.array(times, np.int64), EARLIEST, LATEST))


def _runs(table: Timetable, intervals: "list[Interval] | tuple[Interval, ...]") -> Runs:
    starts, ends = [one.start for one in intervals], [one.end for one in intervals]
    return Runs.of(_numbers(table, starts), _numbers(table, ends))


def _below(runs: Runs, numbers: Ints) -> Ints:
    """Return how many of the runs' numbers lie below each number."""
    lengths = np.concatenate([[0], np.cumsum(runs.last - runs.first)])
    at = np.searchsorted(runs.first, numbers, "right") - 1
    if not len(runs):
        return np.zeros(len(numbers), np.int64)
    inside = np.minimum(numbers, runs.last[np.maximum(at, 0)]) - runs.first[np.maximum(at, 0)]
    return np.where(at < 0, 0, lengths[np.maximum(at, 0)] + inside)
