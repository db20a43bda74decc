"""The embedded store passes the suite that all stores pass, in its log and in its segments."""

import os
import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis.stateful import rule

from barledger import faults
from barledger.domain.interval import Interval, everything
from barledger.domain.rows import Rows
from barledger.domain.timeframe import DAY
from barledger.stores.contract import Batch, Store
from barledger.stores.embedded import EmbeddedStore, Limits
from barledger.stores.memory import MemoryStore
from barledger.testing.bars import assert_same, rows, series
from barledger.testing.stateful import StoreMachine
from barledger.testing.store import StoreContract
from libraries import killed_at

USUAL = Limits()
SEGMENTS_ONLY = Limits(segment_rows=1, share_rows=1, scattered=10**9)
LOG_ONLY = Limits(segment_rows=10**9)
ALL_LIMITS = pytest.mark.parametrize("limits", [USUAL, SEGMENTS_ONLY, LOG_ONLY], ids=["usual", "segments", "log"])


@ALL_LIMITS
class TestEmbeddedStore(StoreContract):
    @pytest.fixture
    def store(self, tmp_path: Path, limits: Limits) -> Iterator[Store]:
        opened = EmbeddedStore(tmp_path, limits=limits)
        yield opened
        opened.close()

    @pytest.fixture
    def reopen(self, store: Store, tmp_path: Path, limits: Limits) -> Iterator[Callable[[], Store]]:
        opened: list[Store] = []

        def again() -> Store:
            store.close()
            opened.append(EmbeddedStore(tmp_path, limits=limits))
            return opened[-1]

        yield again
        for one in opened:
            one.close()


class _Machine(StoreMachine):
    limits = USUAL

    def open_store(self) -> Store:
        self.folder = tempfile.TemporaryDirectory()
        return EmbeddedStore(self.folder.name, limits=self.limits)

    def reopen_store(self, store: Store) -> Store:
        store.close()
        return EmbeddedStore(self.folder.name, limits=self.limits)

    def teardown(self) -> None:
        super().teardown()
        self.folder.cleanup()


class _SegmentMachine(_Machine):
    limits = Limits(segment_rows=5, share_rows=2)

    @rule()
    def tidy(self) -> None:
        self.store.tidy()


class _FoldingMachine(_SegmentMachine):
    """Folds in the background after almost every write."""

    limits = Limits(segment_rows=20, share_rows=2, fold_rows=8, fold_share=0.0, fold_entries=2, fold_extents=3)


TestEmbeddedLog = _Machine.TestCase
TestEmbeddedLog.settings = settings(max_examples=15, stateful_step_count=20, deadline=None)
TestEmbeddedSegments = pytest.mark.slow(_SegmentMachine.TestCase)
TestEmbeddedSegments.settings = settings(max_examples=15, stateful_step_count=30, deadline=None)
TestEmbeddedFolding = pytest.mark.slow(_FoldingMachine.TestCase)
TestEmbeddedFolding.settings = settings(max_examples=15, stateful_step_count=30, deadline=None)


def bars(times: Sequence[int], *, seed: int = 0, revision: int = 1) -> Rows:
    return rows([time * DAY for time in times], seed=seed, revision=revision)


def put(store: Store, given: Rows, *, revision: int, layer: str = "latest") -> None:
    store.write([Batch(series=series(), layer=layer, rows=given)], revision=revision)


def read(store: Store) -> Rows:
    return store.read(series(), "latest", [everything()])


class TestFolding:
    def test_a_long_log_is_folded_in_the_background(self, tmp_path: Path) -> None:
        store = EmbeddedStore(tmp_path, limits=Limits(fold_entries=20))
        model = MemoryStore()
        for number in range(50):
            for one in (store, model):
                put(one, bars([number, number + 3], seed=number, revision=number + 1), revision=number + 1)
        store.close()
        again = EmbeddedStore(tmp_path)
        assert int(again.describe().facts["rows in the log"]) < 50
        assert_same(read(again), read(model))
        again.close()

    def test_tidying_empties_the_log_and_leaves_one_extent(self, tmp_path: Path) -> None:
        store = EmbeddedStore(tmp_path)
        model = MemoryStore()
        for one in (store, model):
            put(one, bars(range(0, 20_000, 2)), revision=1)
            put(one, bars(range(500, 9_000, 7), seed=1, revision=2), revision=2)
        assert store.tidy() == 1
        assert store.describe().facts["rows in the log"] == "0"
        assert store.tidy() == 0
        assert_same(read(store), read(model))
        store.close()

    def test_tidying_again_and_again_leaves_no_garbage(self, tmp_path: Path) -> None:
        store = EmbeddedStore(tmp_path)
        sizes = []
        for number in range(1, 12):
            put(store, bars(range(5_000), seed=number, revision=number), revision=number)
            store.tidy()
            sizes.append(sum(path.stat().st_size for path in (tmp_path / "store" / "segments").iterdir()))
        assert sizes[-1] < 1.5 * sizes[0]
        store.close()

    def test_a_delete_between_reading_and_naming_is_not_undone(self, tmp_path: Path) -> None:
        """The fold is held up, before it takes the lock, by a delete that cuts the log, and by more writes."""
        store, other = EmbeddedStore(tmp_path), EmbeddedStore(tmp_path)
        put(store, bars(range(10)), revision=1)
        put(store, bars(range(10, 20)), revision=2)
        deleted = threading.Event()

        def delete(point: str) -> None:
            if point == "embedded.fold.segment-encoded" and not deleted.is_set():
                deleted.set()
                other.delete(series(), "latest", [Interval(3 * DAY, 15 * DAY)], revision=3)
                for number in range(5):
                    put(other, bars([100 + number]), revision=4)

        faults.install(delete)
        try:
            store.tidy()
        finally:
            faults.install(None)
        assert deleted.is_set()
        assert (read(store).time // DAY).tolist() == [0, 1, 2, 15, 16, 17, 18, 19, 100, 101, 102, 103, 104]
        assert_same(read(store), read(other))
        store.close()
        other.close()

    @pytest.mark.parametrize(
        "point",
        [
            f"embedded.fold.{at}"
            for at in ("segment-encoded", "segment-written", "segment-durable", "ready", "committed", "settled")
        ],
    )
    def test_killed_while_folding_nothing_is_lost(self, tmp_path: Path, point: str) -> None:
        def fold() -> None:
            EmbeddedStore(tmp_path).tidy()

        store = EmbeddedStore(tmp_path)
        put(store, bars(range(6_000)), revision=1)
        put(store, bars(range(5_990, 6_010), seed=1, revision=2), revision=2)
        before = read(store)
        store.close()
        assert killed_at(point, fold)
        again = EmbeddedStore(tmp_path)
        assert_same(read(again), before)
        for segment in (tmp_path / "store" / "segments").iterdir():
            os.utime(segment, (0, 0))
        again.tidy()
        assert_same(read(again), before)
        named = again.describe().findings[0].detail
        assert named.startswith(f"{len(list((tmp_path / 'store' / 'segments').iterdir()))} segments")
        again.close()
