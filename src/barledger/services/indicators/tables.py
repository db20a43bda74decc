"""Tables: bars in hand as what is computed on."""

from collections.abc import Mapping
from typing import Protocol
from weakref import WeakKeyDictionary

from barledger.domain.bars import Bars
from barledger.domain.rows import VALUES
from barledger.indicators.binding import Request
from barledger.indicators.table import Table
from barledger.services.indicators.absences import Judged
from barledger.services.indicators.reading import columns_of


class Judge(Protocol):
    """Knows which bars are missing of those that a caller has."""

    @property
    def generation(self) -> int:
        """Return a number that is another one when judgements may be others."""

    def judged_in_hand(self, bars: Bars) -> Judged:
        """Return what is missing."""


class _Kept:
    """What is known of bars: as they were judged, of a generation, and the table of all their values."""

    __slots__ = ("generation", "judged", "table")

    def __init__(self, generation: int, judged: Judged) -> None:
        self.generation, self.judged = generation, judged
        self.table: Table | None = None


class Tables:
    """Tables of bars in hand: of the same bars the same one, since what it knows of its columns stays.

    Bars are judged once, and again when the session has said something of instruments. Nothing is kept longer than the
    caller keeps the bars. Threads may share it.
    """

    def __init__(self, judge: Judge) -> None:
        """Know none yet; bars are judged by this one."""
        self._judge = judge
        self._kept: WeakKeyDictionary[Bars, _Kept] = WeakKeyDictionary()

    def of(self, bars: Bars, request: Request, others: Mapping[str, Bars]) -> Table:
        """Return bars as a table, with the columns of others that a request wants.

        Raises `InputMissing`, and `CalendarNotFound` where the instrument's does not reach.
        """
        kept = self._known(bars)
        if not request.plain:
            used = [one.name for one in request.columns if not one.instrument and one.name in VALUES]
            columns = columns_of(bars, request, others, names=used)
            return Table.of(bars.time, columns, breaks=kept.judged.breaks)
        if kept.table is None:
            columns = {name: getattr(bars.rows, name) for name in VALUES}
            kept.table = Table.of(bars.time, columns, breaks=kept.judged.breaks)
        return kept.table

    def judged(self, bars: Bars) -> Judged:
        """Return what is missing of bars; raises `CalendarNotFound`."""
        return self._known(bars).judged

    def _known(self, bars: Bars) -> _Kept:
        generation, found = self._judge.generation, self._kept.get(bars)
        if found is None or found.generation != generation:
            found = self._kept[bars] = _Kept(generation, self._judge.judged_in_hand(bars))
        return found
