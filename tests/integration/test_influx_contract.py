"""The contract of stores, on every server under test."""

from collections.abc import Callable, Iterator

import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test

from barledger.stores.contract import Store
from barledger.stores.influx import InfluxStore
from barledger.testing.stateful import StoreMachine
from barledger.testing.store import StoreContract
from servers import InfluxServer

pytestmark = pytest.mark.influx

SHORT = settings(
    deadline=None,
    max_examples=12,
    stateful_step_count=12,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


class TestInfluxStore(StoreContract):
    """The published suite."""

    @pytest.fixture
    def store(self, influx_store: InfluxStore) -> Store:
        return influx_store

    @pytest.fixture
    def reopen(self, store: Store, influx_server: InfluxServer, influx_bucket: str) -> Iterator[Callable[[], Store]]:
        opened: list[Store] = []

        def again() -> Store:
            store.close()
            opened.append(influx_server.store(influx_bucket))
            return opened[-1]

        yield again
        for one in opened:
            one.close()


def test_any_run_of_writes_withdrawals_and_deletions_ends_as_in_memory(influx_server: InfluxServer) -> None:
    class Machine(StoreMachine):
        def open_store(self) -> Store:
            self.holding = influx_server.bucket()
            self.bucket = self.holding.__enter__()
            return influx_server.store(self.bucket)

        def reopen_store(self, store: Store) -> Store:
            store.close()
            return influx_server.store(self.bucket)

        def teardown(self) -> None:
            self.store.close()
            self.holding.__exit__(None, None, None)

    run_state_machine_as_test(Machine, settings=SHORT)
