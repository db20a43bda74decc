"""Gaps: where values are missing within an input, and what is computed on either side."""

import math
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import numpy as np

from barledger.domain.rows import Flags, Ints
from barledger.indicators.definition import Floats

NO_BREAKS: Final = np.zeros(0, np.int64)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Present:
    """Which rows of some inputs are there: None for all from ``first`` on."""

    first: int = 0
    rows: Flags | None = None

    def beside(self, other: "Present", size: int) -> "Present":
        """Return which rows of both are there."""
        if self.rows is None and other.rows is None:
            return self if self.first >= other.first else other
        return Present(first=max(self.first, other.first), rows=self.flags(size) & other.flags(size))

    def flags(self, size: int) -> Flags:
        """Return it row by row."""
        if self.rows is not None:
            return self.rows
        flags = np.ones(size, np.bool_)
        flags[: self.first] = False
        return flags


WHOLE: Final = Present()


def present(values: Floats) -> Present:
    """Return which values are finite."""
    # A finite sum has finite terms, and is the fastest look at all of them; one that overflows is looked at again.
    if math.isfinite(np.einsum("i->", values)):
        return WHOLE
    flags = np.isfinite(values)
    if bool(flags.all()):
        return WHOLE
    first = int(np.argmax(flags)) if bool(flags.any()) else len(values)
    return Present(first=first) if bool(flags[first:].all()) else Present(first=first, rows=flags)


def segments(there: Present, size: int, breaks: Ints = NO_BREAKS) -> list[tuple[int, int]]:
    """Return the stretches [begin, end) without a missing value and without a break, in order.

    A break is a row before which bars are missing.
    """
    if there.rows is None and not len(breaks):
        return [(there.first, size)] if there.first < size else []
    flags = there.flags(size)
    edges = np.flatnonzero(np.diff(flags, prepend=False, append=False))
    found: list[tuple[int, int]] = []
    for begin, end in edges.reshape(-1, 2).tolist():
        inside = breaks[(breaks > begin) & (breaks < end)].tolist()
        cuts = [begin, *inside, end]
        found += pairwise(cuts)
    return found
