"""Plain columns: those of a table without a gap, by indicators of its columns alone, put where they belong at once.

Most batches are of such, and of short series all that is done besides computing counts.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from barledger.domain.rows import Floats
from barledger.indicators.binding import Bound, Request
from barledger.indicators.definition import BUILT_IN
from barledger.indicators.table import Table


@dataclass(frozen=True, slots=True)
class _Computing:
    """An indicator of some columns, and into which column of the answer which of its outputs goes."""

    compute: Callable[..., Any]
    names: tuple[str, ...]
    targets: tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class Plain:
    """All columns of a request, of series that are longer than it reaches back to its first value."""

    lookback: int
    computings: tuple[_Computing, ...]

    @staticmethod
    def of(request: Request) -> "Plain | None":
        """Return how a request is computed; None if any of it is not of columns alone, or of other people's code."""
        found: dict[str, tuple[Bound, tuple[str, ...], list[tuple[int, int]]]] = {}
        for column, pick in enumerate(request.picks.values()):
            bound = pick.bound
            if bound.names is None or bound.indicator.timed or bound.indicator.owner != BUILT_IN:
                return None
            found.setdefault(bound.key, (bound, bound.names, []))[2].append((column, pick.place))
        lookback = max((bound.own.lookback for bound, _, _ in found.values()), default=0)
        made = (_Computing(bound.compute, names, tuple(targets)) for bound, names, targets in found.values())
        return Plain(lookback, tuple(made))

    def fill(self, table: Table, columns: Sequence[Floats], rows: slice) -> bool:
        """Put the columns of a whole table there; return whether that is all, or somebody has to look at it closely."""
        if len(table) <= self.lookback:
            return False
        try:
            for one in self.computings:
                inputs = table.whole(one.names)
                if inputs is None:
                    return False
                results = one.compute(*inputs)
                for column, place in one.targets:
                    columns[column][rows] = results[place]
        except Exception:  # noqa: BLE001 - who looks closely meets it again, and tells of it
            return False
        return True
