"""The memory store passes the suite that all stores pass."""

import pytest
from hypothesis import settings

from barledger.stores.contract import Store
from barledger.stores.memory import MemoryStore
from barledger.testing.stateful import StoreMachine
from barledger.testing.store import StoreContract


class TestMemoryStore(StoreContract):
    @pytest.fixture
    def store(self) -> Store:
        return MemoryStore()


class _Machine(StoreMachine):
    def open_store(self) -> Store:
        return MemoryStore()


TestMemoryStateful = _Machine.TestCase
TestMemoryStateful.settings = settings(max_examples=20, stateful_step_count=20, deadline=None)
