"""A reader of a series that is written all the time gets an answer, and a right one."""

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from barledger.domain.interval import Interval
from barledger.domain.rows import Rows
from barledger.domain.series import Series
from barledger.errors import StoreDiverged
from barledger.stores.contract import Capabilities
from barledger.stores.memory import MemoryStore
from libraries import closes, expected, frame, library

DESK = {"source": "desk"}


class BusyStore(MemoryStore):
    """A store without checksums in which something happens at each read of the current rows."""

    capabilities = Capabilities(mirror=True, fencing=True, checksums=False)

    def __init__(self) -> None:
        super().__init__()
        self.happens: Callable[[], object] | None = None
        self.reads = 0

    def read(self, series: Series, layer: str, intervals: Sequence[Interval]) -> Rows:
        """Read, and let it happen."""
        found = super().read(series, layer, intervals)
        if layer == "latest" and self.happens is not None:
            self.reads += 1
            happens, self.happens = self.happens, None
            happens()
            self.happens = happens
        return found


@pytest.mark.parametrize("start", [None, "1970-01-01"])
def test_a_writer_that_is_always_ahead_holds_no_reader_up(tmp_path: Path, start: str | None) -> None:
    url = f"sqlite:///{tmp_path / 'ledger.sqlite'}"
    store = BusyStore()
    writer, reader = library(store, url), library(store, url)
    writer.write("AAPL", "1d", frame(range(800), 100.0), **DESK)
    values = iter(range(101, 10_000))

    def correct() -> None:
        writer.write("AAPL", "1d", frame(range(800), float(next(values))), **DESK)

    store.happens = correct
    for number in range(5):
        found = reader.bars("AAPL", "1d", start=start)
        # Each read sees what was true when it began: one commit happens within it.
        assert closes(found) == expected(range(800), 100.0 + number)
        assert store.reads == number + 1


def test_rows_that_are_not_those_of_the_ledger_are_refused_however_busy_the_series(tmp_path: Path) -> None:
    store = BusyStore()
    bl = library(store, f"sqlite:///{tmp_path / 'ledger.sqlite'}")
    bl.write("AAPL", "1d", frame(range(800)), **DESK)
    series = Series.of("AAPL", "1d", "desk")
    store._layers[series, "latest"] = store._layers[series, "latest"].pick(slice(1, None))
    with pytest.raises(StoreDiverged):
        bl.bars("AAPL", "1d")
