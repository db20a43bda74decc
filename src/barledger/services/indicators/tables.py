"""Tables: bars in hand as what is computed on."""

from collections.abc import Mapping
from weakref import WeakKeyDictionary

from barledger.domain.bars import Bars
from barledger.domain.rows import VALUES
from barledger.indicators.binding import Request
from barledger.indicators.table import Table
from barledger.services.indicators.reading import columns_of


class Tables:
    """Tables of bars in hand: of the same bars the same one, since what it knows of its columns stays.

    Nothing is kept longer than the caller keeps the bars. Threads may share it.
    """

    def __init__(self) -> None:
        """Know none yet."""
        self._known: WeakKeyDictionary[Bars, Table] = WeakKeyDictionary()

    def of(self, bars: Bars, request: Request, others: Mapping[str, Bars]) -> Table:
        """Return bars as a table, with the columns of others that a request wants; raises `InputMissing`."""
        if not request.plain:
            used = [one.name for one in request.columns if not one.instrument and one.name in VALUES]
            return Table.of(bars.time, columns_of(bars, request, others, names=used))
        found = self._known.get(bars)
        if found is None:
            found = self._known[bars] = Table.of(bars.time, {name: getattr(bars.rows, name) for name in VALUES})
        return found
