"""The bars that exchanges give, in the end in a library."""

from typing import Any

import numpy as np
import pytest

from barledger.domain.interval import Interval
from barledger.domain.timeframe import DAY, HOUR, MINUTE, Timeframe
from barledger.errors import CapabilityMissing, SourceError
from barledger.stores.memory import MemoryStore
from barledger.testing.source import rows_of
from exchanges import LISTED, FakeBinance, FakeExchange, FakeKraken
from libraries import library
from venues import NOON, NOW, SERVERS, Maker, asking, expected, found

# --- what it gives ---------------------------------------------------------------------------------


def test_bars_are_those_of_the_exchange(server: FakeExchange, make: Maker) -> None:
    chunks = list(make(server).fetch(asking(server)))
    assert found(chunks) == expected(server)
    assert [chunk.complete for chunk in chunks] == [True]
    assert chunks[0].interval == Interval(NOON - 2 * HOUR, NOON)
    assert f"{server.url}/" in chunks[0].asked


def test_many_pages_are_one_record(binance: FakeBinance, make: Maker) -> None:
    start = NOON - 5 * DAY
    chunks = list(make(binance).fetch(asking(binance, start)))
    assert found(chunks) == expected(binance, start)
    assert len(chunks) == 8
    assert len(binance.asked("klines")) == 8
    assert all("limit=1000" in path for path in binance.asked("klines")[:-1])


@pytest.mark.parametrize("timeframe", ["1m", "3m", "1h", "12h", "1d", "3d", "1w", "1M"])
def test_a_forming_bar_is_left_out(binance: FakeBinance, make: Maker, timeframe: str) -> None:
    frame = Timeframe.of(timeframe)
    start = int(frame.open_of(np.array([NOON]))[0]) - 4 * frame.duration
    chunks = list(make(binance).fetch(asking(binance, start, None, timeframe)))
    closed = [at for at in expected(binance, start, NOW, timeframe) if frame.close_of(np.array([at]))[0] <= NOW]
    assert list(found(chunks)) == closed
    assert chunks[-1].interval.end <= NOW


def test_the_server_decides_as_well_what_is_closed(server: FakeExchange, make: Maker) -> None:
    server.date_ahead = -5 * MINUTE
    chunks = list(make(server).fetch(asking(server, end=None)))
    assert max(found(chunks)) == NOON - 6 * MINUTE
    assert chunks[-1].interval.end <= NOW - 5 * MINUTE


@pytest.mark.parametrize("hours", [-2, 2])
def test_clocks_that_differ_by_hours_are_an_error(server: FakeExchange, make: Maker, hours: int) -> None:
    server.date_ahead = hours * HOUR
    with pytest.raises(SourceError, match="one of them is wrong"):
        list(make(server).fetch(asking(server)))


def test_a_clock_that_goes_back_takes_nothing_back_and_nothing_in(server: FakeExchange, make: Maker) -> None:
    source = make(server)
    assert max(found(list(source.fetch(asking(server, end=None))))) == NOON - MINUTE
    server.clock = lambda: NOW - 10 * MINUTE
    back = make(server)
    assert max(found(list(back.fetch(asking(server, end=None))))) == NOON - 11 * MINUTE


def test_a_range_before_the_listing_is_empty_and_quickly_so(binance: FakeBinance, make: Maker) -> None:
    chunks = list(make(binance).fetch(asking(binance, "2012-01-01", "2017-01-01")))
    assert not len(rows_of(chunks))
    assert [chunk.complete for chunk in chunks] == [True]
    assert chunks[0].interval == Interval.of("2012-01-01", "2017-01-01")
    assert len(binance.asked("klines")) <= 3


def test_the_record_begins_with_the_listing(binance: FakeBinance, make: Maker) -> None:
    source, end = make(binance), LISTED + 3 * HOUR
    request = asking(binance, None, end)
    assert source.facts(request).first_trade is None  # type: ignore[union-attr]
    assert found(list(source.fetch(request))) == expected(binance, LISTED, end)
    assert source.facts(request).first_trade == LISTED  # type: ignore[union-attr]


def test_a_pause_is_confirmed_by_a_second_answer(binance: FakeBinance, make: Maker) -> None:
    binance.listings["BTCUSDT"].pauses.append((NOON - HOUR, NOON - HOUR // 2))
    chunks = list(make(binance).fetch(asking(binance)))
    assert [chunk.complete for chunk in chunks] == [True]
    assert found(chunks) == expected(binance)
    assert len(found(chunks)) == 90
    assert len(binance.asked("klines")) == 2


def test_what_kraken_does_not_serve_any_more_is_not_empty(kraken: FakeKraken, make: Maker) -> None:
    chunks = list(make(kraken).fetch(asking(kraken, NOON - 2 * DAY, None)))
    oldest = NOON - 719 * MINUTE
    assert [(len(chunk.rows), chunk.interval, chunk.complete) for chunk in chunks] == [
        (0, Interval(NOON - 2 * DAY, oldest), False),
        (719, Interval(oldest, NOON), True),
    ]
    with pytest.raises(CapabilityMissing, match=r"1m bars before .* its newest 720"):
        list(make(kraken).fetch(asking(kraken, NOON - 3 * DAY, NOON - 2 * DAY)))


def test_all_of_a_young_market_is_served_by_kraken(kraken: FakeKraken, make: Maker) -> None:
    kraken.listings["XXBTZUSD"].since = NOON - 3 * HOUR
    chunks = list(make(kraken).fetch(asking(kraken, NOON - 2 * DAY, NOON)))
    assert [chunk.complete for chunk in chunks] == [True]
    assert chunks[0].interval == Interval(NOON - 2 * DAY, NOON)
    assert found(chunks) == expected(kraken, NOON - 2 * DAY)


def test_a_correction_is_given_as_it_is_now(server: FakeExchange, make: Maker) -> None:
    at = NOON - 10 * MINUTE
    server.listings[SERVERS[server.name][1]].correct("1m", at, volume=12345.0)
    assert found(list(make(server).fetch(asking(server))))[at][4] == 12345.0


# --- with a library --------------------------------------------------------------------------------


def test_a_library_keeps_what_an_exchange_gives_once(server: FakeExchange) -> None:
    instrument = SERVERS[server.name][0]
    two_hours: dict[str, Any] = {"source": server.name, "start": NOON - 2 * HOUR, "end": NOON}
    with library(MemoryStore(), clock=server.clock) as bl:
        assert bl.ingest(instrument, "1m", options=server.options, **two_hours).new == 120
        again = bl.ingest(instrument, "1m", options=server.options, refresh=120, **two_hours)
        assert (again.new, again.changed, again.same) == (0, 0, 120)
        bars = bl.bars(instrument, "1m", source=server.name)
        assert dict(zip(bars.time.tolist(), bars.rows.close.tolist(), strict=True)) == {
            at: bar[3] for at, bar in expected(server).items()
        }
