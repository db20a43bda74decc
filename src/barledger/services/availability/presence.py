"""Presence: which bars are there, from the ledger's counts, and from the bars only where counts leave it open.

A block that has as many bars as its stretch of the calendar is complete. That holds unless a bar that no session
explains, such as one of a Saturday, stands in for a missing one; whoever has to be sure asks for an exact answer.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from barledger.domain.interval import Interval, union
from barledger.domain.rows import Flags, Ints, Rows
from barledger.domain.series import Series
from barledger.services.availability.question import Question
from barledger.services.availability.runs import NOTHING, Runs
from barledger.services.cache.priority import fill
from barledger.services.cache.reader import read
from barledger.services.cache.vault import Vault

Counts = tuple[Ints, Ints]
"""The starts of blocks, and how many bars each has."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Presence:
    """The bars that are there: their stretches of time, and the numbers of those that are not (``absent``).

    ``rows`` are the bars, where all were read.
    """

    count: int
    spans: tuple[Interval, ...]
    absent: Runs
    rows: Rows | None = None

    @staticmethod
    def of(question: Question, runs: Runs, rows: Rows | None = None) -> "Presence":
        """Describe the bars that are asked for among those with these numbers."""
        inside = runs.within(question.first, question.last)
        spans = tuple(question.spans(inside.first, inside.last))
        absent = inside.missing(question.first, question.last)
        return Presence(count=inside.count, spans=spans, absent=absent, rows=rows)


@dataclass(frozen=True, slots=True, kw_only=True)
class Blocks:
    """The blocks of a series that are asked for, by the numbers of their bars, and which of them are complete."""

    starts: Ints
    ends: Ints
    first: Ints
    last: Ints
    complete: Flags

    @staticmethod
    def of(question: Question, counts: Counts, span: Interval | None) -> "Blocks":
        """Compare counts with the calendar; ``span`` is known to hold all bars that the series ever had."""
        held, ends, first, last = question.blocks(counts[0])
        starts, rows = counts[0][held], counts[1][held]
        complete = rows == last - first
        ahead = _ahead(question, ends)
        if span is not None:
            low, high = question.before(np.array([span.start, span.end], np.int64)).tolist()
            first, last = np.maximum(first, low), np.minimum(last, high)
            complete = rows == last - first
            ahead = ahead and high > question.closed
        if ahead:
            # A bar that has not closed counts too, and would stand in for one that is missing.
            complete[-1:] = False
        return Blocks(starts=starts, ends=ends, first=first, last=last, complete=complete)

    @property
    def runs(self) -> Runs:
        """Return the numbers that the complete blocks have."""
        return Runs.of(self.first[self.complete], self.last[self.complete])

    def doubtful(self, question: Question, known: Runs) -> list[Interval]:
        """Return the stretches of those incomplete blocks that may have bars which are not known to be there."""
        reach = question.reach
        if reach is None or self.complete.all():
            return []
        at = known.position(self.first)
        covered = (at >= 0) & (self.last <= known.last[at]) if len(known) else np.zeros(len(at), np.bool_)
        wanted = ~self.complete & ~covered & (self.first < self.last)
        stretches = zip(self.starts[wanted].tolist(), self.ends[wanted].tolist(), strict=True)
        return union(part for stretch in stretches if (part := Interval(*stretch).intersection(reach)))


def _ahead(question: Question, ends: Ints) -> bool:
    """Tell whether the last block may hold bars that have not closed by now."""
    return bool(len(ends)) and int(question.before(ends[-1:])[0]) > question.closed


def blocks_of(
    question: Question, counts: Mapping[Series, Counts], spans: Mapping[Series, Interval]
) -> dict[Series, Blocks]:
    """Return the blocks of each series."""
    return {one: Blocks.of(question, counts[one], spans.get(one)) for one in question.subject.series}


def is_open(blocks: Mapping[Series, Blocks]) -> bool:
    """Tell whether counts alone may leave open which bars are there."""
    return not all(each.complete.all() for each in blocks.values())


def presence(vault: Vault, question: Question, blocks: Mapping[Series, Blocks], *, exact: bool) -> Presence:
    """Return which bars are there; ``exact`` reads all of them."""
    if not exact and len(blocks) == 1:
        (only,) = blocks.values()
        if only.complete.all():
            return _counted(question, only)
    reach = question.reach
    if reach is None or not blocks:
        return Presence.of(question, NOTHING)
    known = NOTHING if exact else NOTHING.union(each.runs for each in blocks.values())
    wanted = [reach] if exact else union(part for each in blocks.values() for part in each.doubtful(question, known))
    parts = [
        read(vault, series, wanted, pinned=True).rows.standing()
        for series, each in blocks.items()
        if wanted and len(each.starts)
    ]
    if not parts:
        return Presence.of(question, known)
    rows = fill(parts, question.timeframe)[0] if len(parts) > 1 else parts[0]
    numbers, found = question.table.find(rows.time)
    runs = known.union([Runs.of_numbers(numbers[found])])
    return Presence.of(question, runs, rows if exact else None)


def _counted(question: Question, blocks: Blocks) -> Presence:
    """Return what complete blocks hold; many series of a market have the same."""
    key = blocks.first.tobytes() + blocks.last.tobytes()
    if key not in question.memory:
        question.memory[key] = Presence.of(question, blocks.runs)
    found: Presence = question.memory[key]
    return found


def lacking(question: Question, rows: Rows, fields: tuple[str, ...]) -> dict[str, int]:
    """Return how many of the expected bars among ``rows`` lack each field."""
    numbers, found = question.table.find(rows.time)
    found &= (numbers >= question.first) & (numbers < question.last)
    inside = rows.pick(found)
    return {name: _lacking(getattr(inside, name), len(inside)) for name in fields}


def _lacking(values: "np.ndarray[tuple[int], np.dtype[np.generic]] | None", count: int) -> int:
    if values is None:
        return count
    if values.dtype == np.object_:
        return sum(value is None for value in values)
    return int(np.isnan(values).sum())
