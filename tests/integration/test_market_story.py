"""The parts together: an exchange, files, calendars, availability, proposals, windows, datasets and locks."""

from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

import barledger
from barledger import BarLedger
from barledger.domain.calendar import Calendar
from barledger.domain.interval import Interval, parse_time
from barledger.domain.timeframe import Timeframe
from barledger.errors import DataNotFound, ManifestNotFound, SeriesNotFound
from exchanges import FakeBinance

NOON = parse_time("2024-03-01T12:00:00Z")
BINANCE = {"source": "binance"}


@pytest.fixture
def clock() -> Callable[[], int]:
    """The ledger's clock of `anywhere`, which stands still."""
    return lambda: NOON


@pytest.fixture
def exchange(fake_binance: FakeBinance) -> FakeBinance:
    fake_binance.clock = lambda: NOON
    return fake_binance


@pytest.fixture
def bl(anywhere: BarLedger) -> BarLedger:
    return anywhere


def test_what_is_missing_is_found_fetched_pinned_and_reproduced(bl: BarLedger, exchange: FakeBinance) -> None:
    loaded = bl.ingest(["BTC/USDT", "ETH/USDT"], "1h", start="2024-02-20", options=exchange.options, **BINANCE)
    assert loaded.new == 2 * (10 * 24 + 12)
    asked = len(exchange.asked("klines"))
    assert bl.ingest(["BTC/USDT", "ETH/USDT"], "1h", start="2024-02-20", options=exchange.options, **BINANCE).new == 0
    assert len(exchange.asked("klines")) == asked
    found = bl.availability.check("BTCUSDT", "1h", start="2024-02-19")
    assert (found.complete, found.calendar, found.reasons) == (False, "24/7", {"never_requested": 24})
    bars = bl.bars(
        "BTCUSDT", "1h", start="2024-02-20", lookback=30, fetch_missing=True, options=exchange.options, **BINANCE
    )
    assert len(bars) == 30 + 10 * 24 + 12
    assert bars.provenance["availability"]["complete"]
    assert bl.availability.check("BTCUSDT", "1h", start="2024-02-19").complete
    data = bl.retrieval.dataset(
        strategy="momentum-7",
        instruments=["BTCUSDT", "ETHUSDT"],
        timeframes=["1h"],
        start="2024-02-21",
        end="2024-03-01",
        options=exchange.options,
        **BINANCE,
    )
    exchange.listings["BTCUSDT"].correct("1h", parse_time("2024-02-25T00:00:00Z"), volume=99.5)
    assert bl.ingest("BTCUSDT", "1h", refresh=200, options=exchange.options, **BINANCE).changed == 1
    assert bl.retrieval.reproduce(data.id).same
    assert data["BTCUSDT"].digest != bl.bars("BTCUSDT", "1h", start="2024-02-21", end="2024-03-01").digest


def test_a_rejected_change_stays_rejected_whatever_the_policy(bl: BarLedger, exchange: FakeBinance) -> None:
    bl.ingest("BTCUSDT", "1h", start="2024-02-28", options=exchange.options, **BINANCE)
    before = bl.bars("BTCUSDT", "1h").digest
    at = parse_time("2024-02-29T00:00:00Z")
    exchange.listings["BTCUSDT"].correct("1h", at, volume=99.5)
    wish = {"refresh": 100, "options": exchange.options, **BINANCE}
    (waiting,) = bl.ingest("BTCUSDT", "1h", on_change="propose", **wish).proposals
    bl.ingestion.reject(waiting, reason="the tape says otherwise")
    again = bl.ingest("BTCUSDT", "1h", **wish)
    assert (again.changed, again.declined, again.proposals) == (0, 1, ())
    assert bl.bars("BTCUSDT", "1h").digest == before
    exchange.listings["BTCUSDT"].correct("1h", at, volume=99.25)
    assert bl.ingest("BTCUSDT", "1h", **wish).changed == 1


def test_a_name_that_means_nothing_leaves_no_gap(bl: BarLedger, exchange: FakeBinance) -> None:
    with pytest.raises(DataNotFound):
        bl.ingest("DOGE/USDX", "1h", start="2024-02-28", options=exchange.options, **BINANCE)
    assert len(list(bl.availability.gaps())) == 0
    assert bl.availability.gaps().checked == 0


def test_a_lock_changes_when_its_data_do_and_not_before(bl: BarLedger, exchange: FakeBinance, tmp_path: Path) -> None:
    day = {"start": "2024-02-28", "end": "2024-02-29", **BINANCE}
    bl.ingest("BTCUSDT", "1h", options=exchange.options, **day)
    file = tmp_path / "barledger.lock"
    bl.retrieval.lock("BTCUSDT", "1h", file=file, **day)
    first = file.read_bytes()
    bl.ingest("BTCUSDT", "1h", options=exchange.options, **BINANCE)
    bl.retrieval.lock("BTCUSDT", "1h", file=file, **day)
    assert file.read_bytes() == first
    assert not bl.retrieval.check(file, latest=True).moved
    exchange.listings["BTCUSDT"].correct("1h", parse_time("2024-02-28T05:00:00Z"), volume=99.5)
    bl.ingest("BTCUSDT", "1h", refresh=100, options=exchange.options, **BINANCE)
    assert len(bl.retrieval.check(file).moved) == 1
    bl.retrieval.lock("BTCUSDT", "1h", file=file, **day)
    assert file.read_bytes() != first


def test_a_part_of_a_file_withdraws_nothing(tmp_path: Path) -> None:
    file = tmp_path / "AAPL.csv"
    days = pd.date_range("2024-01-01", periods=24).strftime("%Y-%m-%d")
    whole = pd.DataFrame({"time": days} | dict.fromkeys(("open", "high", "low", "close", "volume"), 1.5))
    with barledger.connect("memory:") as bl:
        whole.to_csv(file, index=False)
        bl.ingest("AAPL", "1d", source="files", options={"path": str(file)})
        whole.iloc[[0, -1]].to_csv(file, index=False)
        for _ in range(3):
            assert bl.ingest("AAPL", "1d", source="files", options={"path": str(file)}).withdrawn == 0
        assert len(bl.bars("AAPL", "1d")) == 24


def test_sessions_of_new_york_make_days_across_half_days_and_the_clock_change() -> None:
    with barledger.connect("memory:") as bl:
        bl.instruments.declare("AAPL", calendar="XNYS")
        calendar = bl.instruments.calendar("AAPL")
        spans = ["2023-11-02", "2023-11-09"], ["2023-11-21", "2023-11-28"]
        hours = pd.concat([_hours(calendar, *span) for span in spans])
        bl.write("AAPL", "1h", hours, source="desk")
        bars = bl.bars("AAPL", "1h")
        daily = bars.resample("1d")
        named = [f"{time:%Y-%m-%d}" for time in daily.df.index]
        half = named.index("2023-11-24")
        assert "2023-11-23" not in named
        assert daily.df["volume"].tolist() == [4.0 if at == half else 7.0 for at in range(len(named))]
        closes = pd.DatetimeIndex(daily.close_time.view("datetime64[ns]"))
        assert f"{closes[half]:%H:%M}" == "18:00"
        assert {f"{close:%m-%d %H:%M}" for close in closes[:3]} == {"11-02 20:00", "11-03 20:00", "11-06 21:00"}
        assert len(bars.resample("1w", partial="keep")) == 4


def _hours(calendar: Calendar, start: str, end: str) -> pd.DataFrame:
    labels = calendar.expected(Timeframe.of("1h"), Interval.of(start, end))
    prices = dict.fromkeys(("open", "high", "low", "close"), 10.0)
    return pd.DataFrame({**prices, "volume": 1.0}, index=pd.to_datetime(labels, utc=True))


def test_a_day_without_a_session_lies_in_the_week_of_its_date() -> None:
    with barledger.connect("memory:") as bl:
        bl.instruments.declare("AAPL", calendar="XNYS")
        days = pd.bdate_range("2023-04-03", "2023-04-14", tz="UTC")  # the seventh is Good Friday
        bars = pd.DataFrame(dict.fromkeys(("open", "high", "low", "close"), 10.0) | {"volume": 1.0}, index=days)
        bl.write("AAPL", "1d", bars, source="desk")
        assert bl.bars("AAPL", "1d").resample("1w").df["volume"].tolist() == [5.0, 5.0]
        assert bl.bars("AAPL", "1d").resample("1M", partial="keep").df["volume"].tolist() == [10.0]


@pytest.mark.parametrize("wish", [{"source": "smaple"}, {"source": "sample", "start": "2020-01-01"}])
def test_what_has_no_bars_cannot_be_locked(wish: dict[str, str], tmp_path: Path) -> None:
    with barledger.connect("memory:") as bl:
        bl.ingest("AAPL", "1d", source="sample")
        with pytest.raises(SeriesNotFound):
            bl.retrieval.lock("AAPL", "1d", file=tmp_path / "x.lock", **wish)
        with pytest.raises(ManifestNotFound, match=r"x\.lock"):
            bl.retrieval.check(tmp_path / "x.lock")
