"""A bucket that something else filled, in the same layout, is taken over."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from barledger.domain.timeframe import DAY
from barledger.errors import LedgerMismatch
from barledger.stores.contract import unguarded
from conftest import INFLUX_SERVERS, influx_server_called
from libraries import closes, expected, frame, library, same_bars
from places import Place
from servers import InfluxServer

pytestmark = pytest.mark.influx


def point(
    day: int, close: float, *, instrument: str = "AAPL", version: str = "latest", high: float | None = None
) -> str:
    """One bar as `frame` makes it, in line protocol, written by hand."""
    tags = f"instrument={instrument},timeframe=1d,source=script,version={version},is_adjusted=false"
    top = close + 1 if high is None else high
    return f"market_data,{tags} open={close},high={top},low={close - 1},close={close},volume=1000 {day * DAY}\n"


@pytest.fixture(params=INFLUX_SERVERS)
def server(request: pytest.FixtureRequest) -> InfluxServer:
    return influx_server_called(request.param, request)


@pytest.fixture
def place(server: InfluxServer, tmp_path: Path) -> Iterator[Place]:
    with server.bucket() as bucket:
        server.store(bucket).close()
        lines = "".join(point(day, 100 + day / 100) for day in range(50))
        lines += "".join(point(day, 200 + day / 100, version="v1") for day in range(5))
        lines += point(60, 90.0, high=50.0)
        lines += point(3, 100.03, instrument="BTC/USDT")
        lines += f"weather,place=here temperature=21 {DAY}\n"
        server.connection().post_lines(bucket, lines.encode(), unguarded)
        url = f"sqlite:///{tmp_path / 'ledger.sqlite'}"
        yield Place(open_store=lambda: server.store(bucket), ledger=url, folder=tmp_path)


def test_bars_of_something_else_are_not_ours_until_they_are_taken_over(place: Place) -> None:
    with place.opened() as bl:
        assert "import-bucket" in bl.vault.mismatch
        with pytest.raises(LedgerMismatch):
            bl.write("AAPL", "1d", frame([1]), source="desk")


def test_taken_over_bars_have_revision_edition_and_digest(place: Place) -> None:
    with place.opened() as bl:
        done = {(one.series.instrument, one.layer): one for one in bl.import_bucket()}
        assert (done["AAPL", "latest"].rows, done["AAPL", "latest"].quarantined) == (50, 1)
        assert done["AAPL", "v1"].rows == 5
        assert (done["BTCUSDT", "latest"].rows, "BTC/USDT" in done["BTCUSDT", "latest"].left) == (1, True)
    with place.opened() as bl:
        assert not bl.vault.mismatch
        same_bars(closes(bl.bars("AAPL", "1d")), expected(range(50)))
        same_bars(closes(bl.bars("AAPL", "1d", version="v1", source="script")), expected(range(5), 200))
        same_bars(closes(bl.bars("BTC/USDT", "1d")), expected([3]))
        assert [bar.code for bar in bl.ingestion.quarantine()] == ["high-below-low"]
        snap = bl.snapshot("AAPL", "1d")
        assert bl.write("AAPL", "1d", frame(range(3), 300), source="script").changed == 3
        same_bars(closes(bl.bars("AAPL", "1d", version=snap.id)), expected(range(50)))
        assert bl.verify(snap.id).ok


def test_taking_over_again_takes_only_what_was_added(place: Place) -> None:
    with place.opened() as bl:
        bl.import_bucket()
        again = bl.import_bucket()
        assert all(one.rows == 0 or one.left for one in again)
        before = bl.vault.ledger.revisions.last()
        bl.import_bucket()
        assert bl.bars("AAPL", "1d").revision < before


def test_points_of_other_measurements_stay(place: Place, server: InfluxServer) -> None:
    with place.opened() as bl:
        bl.import_bucket()
        bucket = bl.vault.store.describe().facts["bucket"]
    found = server.connection().execute("SELECT temperature FROM weather WHERE time < 2d", database=bucket)
    assert (
        found[0]["series"][0]["values"] == [["1970-01-02T00:00:00Z", 21]] or found[0]["series"][0]["values"][0][1] == 21
    )


def test_a_bucket_of_another_ledger_is_not_taken(place: Place) -> None:
    with place.opened() as bl:
        bl.import_bucket()
    other = library(place.open_store(), f"sqlite:///{place.folder / 'another.sqlite'}")
    with pytest.raises(LedgerMismatch):
        other.import_bucket()
    other.close()
