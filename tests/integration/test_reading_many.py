"""Many series of a store that waits for a server are read side by side, in order, and an error of one is the answer."""

from collections.abc import Sequence
from threading import Barrier

import pytest

from barledger.domain.interval import Interval
from barledger.domain.rows import Rows
from barledger.domain.series import Series
from barledger.errors import StoreUnavailable
from barledger.stores.contract import Capabilities
from barledger.stores.memory import MemoryStore
from libraries import frame, library

NAMES = [f"S{number}" for number in range(9)]


class DistantStore(MemoryStore):
    """A store that answers no read before as many are under way as it says that it is good for."""

    capabilities = Capabilities(mirror=True, fencing=True, checksums=False, readers=3)

    def __init__(self) -> None:
        super().__init__()
        self.meeting: Barrier | None = None
        self.broken = ""

    def read(self, series: Series, layer: str, intervals: Sequence[Interval]) -> Rows:
        """Wait for the others."""
        if self.meeting is not None:
            self.meeting.wait(timeout=20)
        if series.instrument == self.broken:
            raise StoreUnavailable(url="afar", detail="gone")
        return super().read(series, layer, intervals)


def test_as_many_are_read_at_once_as_the_store_is_good_for() -> None:
    store = DistantStore()
    bl = library(store)
    for number, name in enumerate(NAMES):
        bl.write(name, "1d", frame(range(10), 100.0 + number), source="desk")
    store.meeting = Barrier(3)
    panel = bl.retrieval.panel(NAMES, "1d", field="close")
    assert list(panel.columns) == NAMES
    assert panel.iloc[0].tolist() == [100.0 + number for number in range(len(NAMES))]


def test_what_one_of_them_raises_is_raised() -> None:
    store = DistantStore()
    bl = library(store)
    for name in NAMES:
        bl.write(name, "1d", frame(range(10), 100.0), source="desk")
    store.broken = NAMES[4]
    with pytest.raises(StoreUnavailable):
        bl.retrieval.panel(NAMES, "1d", field="close")
