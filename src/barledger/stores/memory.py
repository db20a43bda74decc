"""The memory store: the model that every other store is compared with, and the one to read first."""

from collections.abc import Sequence
from threading import RLock

from barledger.domain.interval import Interval
from barledger.domain.rows import Rows, concat, copied, empty_rows, overlay
from barledger.domain.series import Series
from barledger.errors import LeaseLost
from barledger.stores.contract import Batch, Capabilities, Description, Guard, Mark, Record, Store, unguarded

COPIES = "edition_"


class MemoryStore(Store):
    """Rows in a dictionary; they live as long as the process."""

    capabilities = Capabilities(mirror=True, fencing=True)

    def __init__(self) -> None:
        """Start empty and unclaimed."""
        self._layers: dict[tuple[Series, str], Rows] = {}
        self._fences: dict[Series, int] = {}
        self._mark: Mark | None = None
        self._lock = RLock()
        self.records: list[Record] = []

    def read(self, series: Series, layer: str, intervals: Sequence[Interval]) -> Rows:
        """Return the layer's rows in the intervals."""
        with self._lock:
            return self._layers.get((series, layer), empty_rows()).within_any(intervals)

    def read_copies(self, series: Series, intervals: Sequence[Interval], *, after: int = 0) -> Rows:  # noqa: ARG002 - all are given
        """Return the rows of all edition layers in the intervals."""
        with self._lock:
            return concat(
                [self.read(series, layer, intervals) for layer in self.layers(series) if layer.startswith(COPIES)]
            )

    def write(self, batches: Sequence[Batch], *, revision: int, guard: Guard = unguarded) -> None:
        """Upsert the batches as one."""
        guard()
        with self._lock:
            for batch in batches:
                self._check_fence(batch.series, revision)
            for batch in batches:
                key = (batch.series, batch.layer)
                self._layers[key] = overlay(self._layers.get(key, empty_rows()), copied(batch.rows)).frozen()
            self._advance({batch.series for batch in batches}, revision)

    def delete(
        self, series: Series, layer: str, intervals: Sequence[Interval], *, revision: int, guard: Guard = unguarded
    ) -> None:
        """Delete the layer's rows in the intervals."""
        guard()
        with self._lock:
            self._check_fence(series, revision)
            rows = self._layers.get((series, layer), empty_rows())
            for interval in intervals:
                rows = rows.pick((rows.time < interval.start) | (rows.time >= interval.end))
            self._layers[series, layer] = rows.frozen()
            self._advance({series}, revision)

    def layers(self, series: Series) -> list[str]:
        """Return the names of the series' layers."""
        with self._lock:
            return sorted(layer for owner, layer in self._layers if owner == series)

    def series(self) -> list[Series]:
        """Return every series."""
        with self._lock:
            return sorted({owner for owner, _ in self._layers})

    def mark(self) -> Mark | None:
        """Return whose store this is."""
        return self._mark

    def claim(self, mark: Mark) -> None:
        """Set the mark."""
        self._mark = mark

    def mirror(self, records: Sequence[Record], *, guard: Guard = unguarded) -> None:
        """Keep the records in a list."""
        guard()
        with self._lock:
            self.records.extend(records)

    def describe(self) -> Description:
        """Say that nothing here lasts."""
        return Description(kind="memory", location="this process", facts={"series": str(len(self.series()))})

    def _check_fence(self, series: Series, revision: int) -> None:
        if self._fences.get(series, 0) > revision:
            raise LeaseLost(what=str(series), waited=0.0)

    def _advance(self, written: set[Series], revision: int) -> None:
        self._fences.update(dict.fromkeys(written, revision))
        if self._mark and self._mark.revision < revision:
            self._mark = Mark(ledger_id=self._mark.ledger_id, revision=revision)
