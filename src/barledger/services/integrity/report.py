"""Reports: what a comparison with a source found."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, Literal

from barledger.domain.comparison import EXACT, Tolerance
from barledger.domain.discrepancy import Discrepancy
from barledger.domain.interval import Interval, format_time
from barledger.domain.readable import Readable
from barledger.domain.series import Series
from barledger.domain.timeframe import SECOND
from barledger.errors import BarledgerError
from barledger.services.integrity.hearing import Heard

State = Literal["done", "not_done", "failed", "skipped"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """One series against one source.

    ``state`` is ``done``; ``not_done`` if the budget was spent, or all was stopped, before the end; ``failed`` with the
    ``error``; ``skipped`` if there was nothing to compare, and ``notes`` say why. ``intervals`` are the stretches that
    were compared, ``left`` those that were not. ``compared`` counts the bars that both have, ``identical`` and
    ``jitter`` those of them that are the same, or the same but for the ``tolerance``; ``decided`` those that the source
    gives as they were before somebody corrected them, by the ``decisions``; ``ahead`` the bars of the source behind the
    last one held, ``broken`` those that broke a rule. ``revisions`` were made by rules, ``events`` are
    those that the source tells otherwise than before, with what became of each.
    """

    series: Series
    against: str
    state: State = "done"
    intervals: tuple[Interval, ...] = ()
    left: tuple[Interval, ...] = ()
    discrepancies: tuple[Discrepancy, ...] = ()
    compared: int = 0
    identical: int = 0
    jitter: int = 0
    decided: int = 0
    decisions: tuple[str, ...] = ()
    ahead: int = 0
    broken: int = 0
    calls: int = 0
    tolerance: Tolerance = EXACT
    revisions: tuple[int, ...] = ()
    events: tuple[Heard, ...] = ()
    notes: tuple[str, ...] = ()
    error: BarledgerError | None = None

    @property
    def ok(self) -> bool:
        """Whether all of it was compared, and nothing is left to be done."""
        return self.state in ("done", "skipped") and not any(one.waits for one in self.discrepancies)

    def __str__(self) -> str:
        """Say it in lines."""
        counts = f"{self.compared:,} bars compared, {self.identical:,} identical, {self.jitter:,} jitter"
        if self.decided:
            counts += f", {self.decided:,} corrected before ({', '.join(self.decisions)})"
        head = f"{self.series} against {self.against}: {counts} ({self.state.replace('_', ' ')})"
        why = [f"[{self.error.code}] {self.error}"] if self.error is not None else []
        return "\n".join([head, *why, *self.notes, *map(str, self.events), *map(str, self.discrepancies)])


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What became of one series: a `Comparison` with each source that it was compared with."""

    comparisons: tuple[Comparison, ...] = ()

    @property
    def discrepancies(self) -> tuple[Discrepancy, ...]:
        """Return all that differs, in the order of the comparisons."""
        return tuple(one for each in self.comparisons for one in each.discrepancies)

    @property
    def events(self) -> tuple[Heard, ...]:
        """Return the corporate actions that sources tell otherwise than before, with what became of each."""
        return tuple(one for each in self.comparisons for one in each.events)

    @property
    def identical(self) -> int:
        """Return how many bars are the same."""
        return sum(one.identical for one in self.comparisons)

    @property
    def jitter(self) -> int:
        """Return how many bars are the same but for what means nothing."""
        return sum(one.jitter for one in self.comparisons)

    @property
    def decided(self) -> int:
        """Return how many bars the source gives as they were before somebody corrected them."""
        return sum(one.decided for one in self.comparisons)

    @property
    def compared(self) -> int:
        """Return how many bars both sides had."""
        return sum(one.compared for one in self.comparisons)

    @property
    def calls(self) -> int:
        """Return how often sources were asked."""
        return sum(one.calls for one in self.comparisons)

    @property
    def failed(self) -> tuple[Comparison, ...]:
        """Return the comparisons that failed, with their errors."""
        return self._in("failed")

    @property
    def not_done(self) -> tuple[Comparison, ...]:
        """Return the comparisons for which the budget did not last."""
        return self._in("not_done")

    @property
    def ok(self) -> bool:
        """Whether all was compared, and nothing is left to be done."""
        return all(one.ok for one in self.comparisons)

    def __str__(self) -> str:
        """Say it in lines."""
        return "\n".join(map(str, self.comparisons)) or "nothing was compared"

    def _in(self, state: State) -> tuple[Comparison, ...]:
        return tuple(one for one in self.comparisons if one.state == state)


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class LibraryReport(Readable, Report):
    """What a pass over a library found; ``blocks`` counts those that were looked at, ``due`` those that were not.

    ``held`` blocks of ``series`` series were asked about, of which the next is due, as they were then, at ``next_at``
    (ns; 0 if there are none).
    """

    blocks: int = 0
    due: int = 0
    seconds: float = field(default=0.0, compare=False)
    series: int = 0
    held: int = 0
    next_at: int = 0

    @property
    def nothing_due(self) -> str:
        """Say that nothing was due, and when something will be; empty if something was."""
        if self.comparisons or self.due:
            return ""
        following = f", the next at {format_time(self.next_at - self.next_at % SECOND)}" if self.next_at else ""
        return f"nothing is due: {self.held:,} blocks of {self.series:,} series{following}"

    def __str__(self) -> str:
        """Say it in lines: the sums, and the series in which something is wrong."""
        if self.nothing_due:
            return self.nothing_due
        head = (
            f"{len(self.comparisons):,} series, {self.blocks:,} blocks looked at, {self.due:,} still due, "
            f"{self.calls:,} calls: {self.compared:,} bars compared, {self.identical:,} identical, "
            f"{self.jitter:,} jitter, {len(self.discrepancies):,} discrepancies"
        )
        return "\n".join([head, *(str(one) for one in self.comparisons if not one.ok)])


def in_all(comparisons: Sequence[Comparison]) -> Report:
    """Put comparisons together."""
    return Report(comparisons=tuple(comparisons))


DONE: Final = frozenset({"done", "skipped"})
