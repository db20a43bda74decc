"""Runs: sets of bars by their numbers, as sorted, disjoint, half-open stretches of numbers."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from barledger.domain.rows import Ints


@dataclass(frozen=True, slots=True)
class Runs:
    """Stretches ``[first, last)`` of numbers, ascending; none is empty, and none touches the next."""

    first: Ints
    last: Ints

    @staticmethod
    def of(first: Ints, last: Ints) -> "Runs":
        """Put stretches in normal form: in any order, empty, overlapping or touching ones as well."""
        kept = first < last
        if not kept.all():
            first, last = first[kept], last[kept]
        if not len(first):
            return NOTHING
        if bool((first[1:] < first[:-1]).any()):
            order = np.argsort(first, kind="stable")
            first, last = first[order], last[order]
        reached = np.maximum.accumulate(last)
        opens = np.concatenate([[True], first[1:] > reached[:-1]])
        return Runs(first[opens], reached[np.append(opens[1:], True)])

    @staticmethod
    def of_numbers(numbers: Ints) -> "Runs":
        """Return the stretches that ascending, unique numbers form."""
        if not len(numbers):
            return NOTHING
        cuts = np.flatnonzero(np.diff(numbers) > 1)
        return Runs(numbers[np.append(0, cuts + 1)], numbers[np.append(cuts, len(numbers) - 1)] + 1)

    @staticmethod
    def single(first: int, last: int) -> "Runs":
        """Return one stretch, or none if it is empty."""
        return Runs.of(np.array([first], np.int64), np.array([last], np.int64))

    def __len__(self) -> int:
        """Return the number of stretches."""
        return len(self.first)

    @property
    def count(self) -> int:
        """Return how many numbers there are."""
        return int((self.last - self.first).sum())

    def union(self, others: "Iterable[Runs]") -> "Runs":
        """Return what this or any other has."""
        parts = [part for part in (self, *others) if len(part)]
        if len(parts) < 2:
            return parts[0] if parts else NOTHING
        return Runs.of(np.concatenate([part.first for part in parts]), np.concatenate([part.last for part in parts]))

    def within(self, first: int, last: int) -> "Runs":
        """Return the part inside a stretch."""
        if len(self) and first <= self.first[0] and self.last[-1] <= last:
            return self
        return Runs.of(np.maximum(self.first, first), np.minimum(self.last, last))

    def missing(self, first: int, last: int) -> "Runs":
        """Return what a stretch has and this does not."""
        inside = self.within(first, last)
        if len(inside) == 1 and inside.first[0] == first and inside.last[0] == last:
            return NOTHING
        return Runs.of(np.append(first, inside.last), np.append(inside.first, last))

    def cut_at(self, bounds: Sequence[Ints]) -> tuple[Ints, Ints]:
        """Return the stretches cut wherever one of these numbers lies inside of one."""
        edges = np.unique(np.concatenate([self.first, self.last, *bounds]))
        firsts, lasts = edges[:-1], edges[1:]
        kept = self.position(firsts) >= 0
        return firsts[kept], lasts[kept]

    def position(self, numbers: Ints) -> Ints:
        """Return the stretch in which each number lies, or -1."""
        if not len(self):
            return np.full(len(numbers), -1, np.int64)
        at = np.searchsorted(self.first, numbers, "right").astype(np.int64) - 1
        return np.where((at >= 0) & (numbers < self.last[np.maximum(at, 0)]), at, -1)


NOTHING = Runs(np.empty(0, np.int64), np.empty(0, np.int64))
