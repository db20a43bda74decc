"""Fixtures that several test folders share."""

import os
import shutil
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

from barledger.stores.influx.store import InfluxStore
from servers import Influxd, InfluxServer, influxd, named_servers

# A deadline for each example is a timed assertion, which a busy machine breaks.
settings.register_profile("untimed", deadline=None, suppress_health_check=[HealthCheck.too_slow])
# What `make test-fast` takes: of each property that does not say how many examples it needs, some.
settings.register_profile("few", settings.get_profile("untimed"), max_examples=25)
settings.load_profile("untimed")


@pytest.fixture(autouse=True, scope="session")
def _piped() -> None:
    """Commands write to a pipe, whose width nobody names; a test process of several is told one."""
    os.environ.pop("COLUMNS", None)


# --- InfluxDB ------------------------------------------------------------------------------------

OWN = "influxd"
NAMED = {f"named-{number}": server for number, server in enumerate(named_servers(), 1)}


@pytest.fixture(scope="session")
def own_influxd() -> Iterator[Influxd]:
    """A real influxd for the whole session; a machine without one fails, it never skips."""
    with influxd() as server:
        yield server


# Without an influxd here, the named servers stand for it, except where a test has to kill the server.
INFLUX_SERVERS = (OWN, *NAMED) if shutil.which("influxd") or not NAMED else tuple(NAMED)


def influx_server_called(name: str, request: pytest.FixtureRequest) -> InfluxServer:
    """Return a server under test by its name."""
    if name == OWN:
        return InfluxServer(url=request.getfixturevalue("own_influxd").url)
    return NAMED[name]


@pytest.fixture(scope="session", params=INFLUX_SERVERS)
def influx_server(request: pytest.FixtureRequest) -> InfluxServer:
    """Each server under test: our own, and those of BARLEDGER_TEST_INFLUX_URLS."""
    return influx_server_called(request.param, request)


@pytest.fixture
def influx_bucket(influx_server: InfluxServer) -> Iterator[str]:
    """The name of a bucket that no other test uses, dropped after the test."""
    with influx_server.bucket() as name:
        yield name


@pytest.fixture
def influx_store(influx_server: InfluxServer, influx_bucket: str) -> Iterator[InfluxStore]:
    """An open store on a bucket of its own."""
    store = influx_server.store(influx_bucket)
    yield store
    store.close()


# --- fixtures in modules of their own --------------------------------------------------------------

pytest_plugins = ("postgres", "commands", "clients", "exchanges", "anywhere", "remoted")
