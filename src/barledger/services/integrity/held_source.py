"""Held bars as a source: to compare with a series whose own source cannot be asked, such as a desk's."""

from collections.abc import Iterator
from dataclasses import replace

from barledger.domain.series import Series
from barledger.services.cache.vault import Vault
from barledger.services.ingestion.held import Held, current
from barledger.sources.contract import Fetched, FetchRequest, Source, SourceDeclaration


class HeldSource(Source):
    """Gives what the library holds of a source; what it lacks says nothing."""

    def __init__(self, vault: Vault, name: str) -> None:
        """Read this store under the name of the source."""
        self._vault = vault
        self._name = name

    @property
    def declaration(self) -> SourceDeclaration:
        """Return that nothing is promised beyond the bars."""
        return SourceDeclaration(name=self._name, concurrency=4, incremental=False, library="held bars")

    def has(self, other: Series) -> bool:
        """Whether there are bars of the same instrument and timeframe."""
        return not Held(self._vault, replace(other, source=self._name)).empty

    def fetch(self, request: FetchRequest) -> Iterator[Fetched]:
        """Give the bars that are held, in one chunk."""
        self.check(request)
        series = Series(instrument=request.instrument, timeframe=request.timeframe, source=self._name)
        held = Held(self._vault, series)
        shared = None if held.empty else held.interval.intersection(request.interval)
        if shared is not None:
            rows = current(self._vault, series, shared).rows.standing()
            yield Fetched(rows=rows, interval=request.interval, complete=False, asked=f"what is held of {series}")
