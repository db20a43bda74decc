"""The embedded store passes the suite that all stores pass, in its log and in its segments."""

import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from barledger.stores.contract import Store
from barledger.stores.embedded import EmbeddedStore, Limits
from barledger.testing.stateful import StoreMachine
from barledger.testing.store import StoreContract

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


TestEmbeddedLog = _Machine.TestCase
TestEmbeddedLog.settings = settings(max_examples=15, stateful_step_count=20, deadline=None)
TestEmbeddedSegments = _SegmentMachine.TestCase
TestEmbeddedSegments.settings = settings(max_examples=15, stateful_step_count=30, deadline=None)
