"""Faults of an exchange that stay, bad bars, and options."""

import numpy as np
import pytest

from barledger.domain.timeframe import HOUR
from barledger.errors import (
    BarledgerError,
    CapabilityMissing,
    DuplicateTimes,
    HighBelowLow,
    InvalidSetting,
    SourceError,
    WrongType,
    ZeroPrice,
)
from barledger.testing.source import rows_of
from exchanges import FakeBinance, FakeExchange, FakeKraken
from venues import NOON, Maker, asking, expected, fetched, found

# --- faults that stay ------------------------------------------------------------------------------


def test_a_place_that_is_shut_out_is_told_so_at_once(server: FakeExchange, make: Maker) -> None:
    server.always = "451"
    _, error = fetched(make(server), asking(server))
    assert type(error) is SourceError


BROKEN = [
    ("zero-price", ZeroPrice),
    ("no-close", WrongType),
    ("words", WrongType),
    ("high-below-low", HighBelowLow),
    ("disputed", DuplicateTimes),
]


@pytest.mark.parametrize(("fault", "kind"), BROKEN)
def test_a_bar_that_breaks_a_rule_is_an_error_after_what_is_good(
    server: FakeExchange, make: Maker, fault: str, kind: type[BarledgerError]
) -> None:
    server.faults.append(fault)
    chunks, error = fetched(make(server), asking(server))
    assert type(error) is kind
    broken = error.times[0]  # type: ignore[attr-defined]
    assert found(chunks) == expected(server, end=broken)
    assert chunks[-1].interval.end == broken


@pytest.mark.parametrize(("fault", "kind"), BROKEN)
def test_or_it_is_put_aside_and_all_others_are_given(
    server: FakeExchange, make: Maker, fault: str, kind: type[BarledgerError]
) -> None:
    server.faults.append(fault)
    chunks = list(make(server).fetch(asking(server, on_invalid="quarantine")))
    rejected = [bar for chunk in chunks for bar in chunk.rejected]
    assert {bar.code for bar in rejected} == {kind.code}
    times = {bar.time for bar in rejected}
    assert len(times) == 1
    assert found(chunks) == {at: bar for at, bar in expected(server).items() if at not in times}


def test_a_volume_that_is_null_is_missing(server: FakeExchange, make: Maker) -> None:
    server.faults.append("no-volume")
    rows = rows_of(list(make(server).fetch(asking(server))))
    assert len(rows) == 120
    assert int(np.isnan(rows.volume).sum()) == 1


def test_a_bar_of_the_future_is_an_error_after_what_is_good(server: FakeExchange, make: Maker) -> None:
    server.faults.append("future")
    chunks, error = fetched(make(server), asking(server, end=None))
    assert type(error) is SourceError
    assert "lies in the future" in str(error)
    assert found(chunks) == expected(server)


def test_a_candle_without_a_time_cannot_be_read(server: FakeExchange, make: Maker) -> None:
    server.always = "no-time"
    _, error = fetched(make(server), asking(server))
    assert type(error) is SourceError
    assert "cannot be read" in str(error)


def test_a_timeframe_that_the_exchange_lacks_is_refused(kraken: FakeKraken, make: Maker) -> None:
    with pytest.raises(CapabilityMissing, match="3m"):
        list(make(kraken).fetch(asking(kraken, timeframe="3m")))


# --- options ---------------------------------------------------------------------------------------


def test_sections_of_the_api_can_be_elsewhere(kraken: FakeKraken, make: Maker) -> None:
    source = make(kraken, url=f"public={kraken.url}")
    assert found(list(source.fetch(asking(kraken)))) == expected(kraken)
    with pytest.raises(InvalidSetting, match="no section"):
        _ = make(kraken, url=f"publik={kraken.url}").declaration


def test_a_proxy_is_used(kraken: FakeKraken, make: Maker) -> None:
    source = make(kraken, url="http://kraken.invalid", proxy=kraken.url)
    kraken.paths.clear()
    assert found(list(source.fetch(asking(kraken)))) == expected(kraken)
    assert all(path.startswith("http://kraken.invalid/") for path in kraken.paths)


def test_ccxts_own_options_are_passed_on(binance: FakeBinance, make: Maker) -> None:
    source = make(binance, options='{"fetchMarkets": {"types": ["spot"]}}')
    list(source.fetch(asking(binance)))
    assert not binance.asked("/fapi/") + binance.asked("/dapi/")


def test_an_exchange_without_a_sandbox_says_so(make: Maker, kraken: FakeKraken) -> None:
    with pytest.raises(CapabilityMissing, match="sandbox"):
        _ = make(kraken, sandbox="yes").declaration


def test_volumes_can_be_left_out(server: FakeExchange, make: Maker) -> None:
    rows = rows_of(list(make(server, volume="missing").fetch(asking(server))))
    assert np.isnan(rows.volume).all()
    assert len(rows) == 120


def test_without_confirmation_a_pause_is_not_confirmed(binance: FakeBinance, make: Maker) -> None:
    binance.listings["BTCUSDT"].pauses.append((NOON - HOUR, NOON - HOUR // 2))
    chunks = list(make(binance, confirm="no").fetch(asking(binance)))
    assert [chunk.complete for chunk in chunks] == [False]
    assert len(binance.asked("klines")) == 1
