"""Plans: what a batch computes, of what, and by how many."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from barledger.domain.arena import Arena
from barledger.errors import BarledgerError
from barledger.indicators.binding import Request
from barledger.services.indicators.costs import Choice, available_cores, choose_batch
from barledger.services.indicators.jobs import Ready
from barledger.services.indicators.preparing import Prepared


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """How a batch was computed: what was chosen, by which estimates, and what did not go as it was asked."""

    choice: Choice
    processes: int
    computed: tuple[str, ...]
    notes: tuple[str, ...] = ()

    def __str__(self) -> str:
        """Say it in lines."""
        lines = [f"{self.processes} processes" if self.processes else str(self.choice)]
        lines += [f"computed once for each series: {key}" for key in self.computed]
        return "\n".join([*lines, *self.notes])


@dataclass(frozen=True, kw_only=True, eq=False)
class Plan:
    """What is asked for: the specs, where the bars come from, and by how many it is computed.

    Bars in hand are computed at once, and their columns lent by an ``arena``. ``absent`` are the columns of other
    instruments that cannot be read, and why.
    """

    request: Request
    total: int
    portions: Callable[[int], Iterable[list[Ready]]]
    arena: Arena | None
    threads: int | None
    processes: int = 0
    absent: Mapping[str, BarledgerError] = field(default_factory=dict)

    def choice(self, portion: Sequence[Ready]) -> Choice:
        """Return how many threads compute it, by the bars of the first instruments."""
        sizes = [len(one.table) for _, one in portion if isinstance(one, Prepared)]
        bars = sum(sizes) // len(sizes) if sizes else 0
        chosen = choose_batch(self.request, series=self.total, bars=bars)
        if self.threads is None:
            return chosen
        return Choice(threads=min(self.threads, available_cores()), estimates=chosen.estimates)

    def overlooked(self, portion: Sequence[Ready]) -> list[str]:
        """Return why missing bars are not refused, of each instrument where they should be."""
        if not self.request.refuses_gaps:
            return []
        told = (one.held.judged.overlooked(self.request) for _, one in portion if isinstance(one, Prepared))
        return [one for one in told if one]

    @cached_property
    def computed(self) -> tuple[str, ...]:
        """Return everything that is computed of a series, each once."""
        return tuple(bound.key for bound in self.request.computed)
