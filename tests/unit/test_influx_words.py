"""What InfluxDB says in words, as errors."""

import pytest

from barledger.errors import StoreRejected, StoreUnavailable
from barledger.influxdb.refusals import failure, refusal, temporary

STOPPING = (
    "query engine shutdown",
    "engine is closed",
    "store is closed",
    "index is closing",
    "tsm file closed",
    "tsdb: series file closed",
    "file already closed",
    "WAL closed",
    "shard is disabled",
    "query interrupted",
    "not executed",
    "server is shutting down",
)


@pytest.mark.parametrize("told", STOPPING)
def test_a_server_that_stops_can_be_asked_again(told: str) -> None:
    for error in (failure("http://h", told), refusal("http://h", 400, f'{{"error": "{told}"}}'.encode())):
        assert isinstance(error, StoreUnavailable)
        assert temporary(error)


def test_what_is_refused_for_good_is_not_asked_again() -> None:
    assert type(failure("http://h", "undefined function: foo()")) is StoreRejected
