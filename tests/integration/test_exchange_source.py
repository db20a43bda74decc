"""Exchanges by the real ccxt: what they give, and what becomes of what they give wrongly."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest

from barledger.domain.interval import Interval
from barledger.domain.rows import VALUES
from barledger.domain.timeframe import DAY, HOUR, MINUTE, SECOND, Timeframe
from barledger.errors import (
    AmbiguousInstrument,
    BarledgerError,
    CapabilityMissing,
    DataNotFound,
    DuplicateTimes,
    HighBelowLow,
    InvalidSetting,
    RateLimited,
    SourceError,
    SourceNotFound,
    SourceUnavailable,
    WrongType,
    ZeroPrice,
)
from barledger.sources.contract import Fetched, FetchRequest, Source
from barledger.sources.registry import exchange_names, make_source, source_names
from barledger.stores.memory import MemoryStore
from barledger.testing.source import rows_of
from exchanges import LISTED, FakeBinance, FakeExchange, FakeKraken
from libraries import library

NOON = int(np.datetime64("2024-03-05T12:00:00", "ns").astype(np.int64))
NOW = NOON + 30 * SECOND

Maker = Callable[..., Source]


@pytest.fixture
def make() -> Iterator[Maker]:
    """Make sources that are closed after the test."""
    made: list[Source] = []

    def make(server: FakeExchange, **options: Any) -> Source:
        made.append(make_source(server.name, {**server.options, **options}))
        return made[-1]

    yield make
    for source in made:
        source.close()


@pytest.fixture
def binance(fake_binance: FakeBinance) -> FakeBinance:
    fake_binance.clock = lambda: NOW
    return fake_binance


@pytest.fixture
def kraken(fake_kraken: FakeKraken) -> FakeKraken:
    fake_kraken.clock = lambda: NOW
    return fake_kraken


SERVERS = {"binance": ("BTCUSDT", "BTCUSDT"), "kraken": ("BTCUSD", "XXBTZUSD")}


@pytest.fixture(params=sorted(SERVERS))
def server(request: pytest.FixtureRequest) -> FakeExchange:
    """Each exchange in turn."""
    served: FakeExchange = request.getfixturevalue(request.param)
    return served


def asking(
    server: FakeExchange, start: Any = NOON - 2 * HOUR, end: Any = NOON, timeframe: str = "1m", **more: Any
) -> FetchRequest:
    wanted = {"instrument": SERVERS[server.name][0], **more}
    return FetchRequest(timeframe=Timeframe.of(timeframe), interval=Interval.of(start, end), **wanted)


def expected(
    server: FakeExchange, start: int = NOON - 2 * HOUR, end: int = NOON, timeframe: str = "1m", market: str = ""
) -> dict[int, tuple[float, ...]]:
    """Return what the server has, by time."""
    listing, frame = server.listings[market or SERVERS[server.name][1]], Timeframe.of(timeframe)
    bars = {int(at): listing.bar(frame, int(at), NOW) for at in listing.opens(frame, start, end)}
    return {at: tuple(round(bar[name], 8) for name in VALUES) for at, bar in bars.items()}


def found(chunks: list[Fetched]) -> dict[int, tuple[float, ...]]:
    rows = rows_of(chunks)
    columns = [getattr(rows, name).tolist() for name in VALUES]
    return {
        time: tuple(round(v, 8) for v in values) for time, *values in zip(rows.time.tolist(), *columns, strict=True)
    }


def fetched(source: Source, request: FetchRequest) -> tuple[list[Fetched], BarledgerError | None]:
    """Return the chunks that came, and the error after them."""
    chunks: list[Fetched] = []
    try:
        for chunk in source.fetch(request):
            chunks.append(chunk)  # noqa: PERF402 - what came before an error counts
    except BarledgerError as error:
        return chunks, error
    return chunks, None


# --- names -----------------------------------------------------------------------------------------


def test_an_exchange_is_a_source_by_its_id() -> None:
    assert make_source("okx", {}).declaration.name == "okx"
    assert {"binance", "kraken", "coinbase"} <= set(exchange_names())
    assert not set(exchange_names()) & set(source_names())


def test_ids_are_known_without_importing_ccxt() -> None:
    code = """
import sys
from barledger.sources.registry import exchange_names, make_source, source_names
from barledger.errors import SourceNotFound
assert "kraken" in exchange_names()
source_names()
make_source("kraken", {})
make_source("files", {"path": "x.csv"})
try:
    make_source("krakn", {})
except SourceNotFound as error:
    assert "did you mean kraken" in str(error), error
sys.exit("ccxt" in sys.modules)
"""
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_name_that_nobody_has_is_refused_with_names_that_are_near() -> None:
    with pytest.raises(SourceNotFound, match="did you mean binance"):
        make_source("binnance", {})


def test_the_exchange_is_named_once() -> None:
    with pytest.raises(InvalidSetting, match="says which exchange"):
        make_source("kraken", {"exchange": "binance"})
    with pytest.raises(InvalidSetting, match="has to be given"):
        make_source("exchange", {})
    with pytest.raises(InvalidSetting, match="no exchange of ccxt"):
        make_source("exchange", {"exchange": "files"})
    assert make_source("exchange", {"exchange": "kraken"}).declaration.name == "kraken"


def test_an_exchange_without_bars_is_refused() -> None:
    source = make_source("bitflyer", {})
    request = FetchRequest(instrument="BTCJPY", timeframe=Timeframe.of("1d"), interval=Interval.of("2024", "2025"))
    with pytest.raises(CapabilityMissing, match="bars"):
        list(source.fetch(request))


def test_it_declares_what_is_known_of_the_exchange(binance: FakeBinance, kraken: FakeKraken, make: Maker) -> None:
    declared = make(binance).declaration
    assert {"1m", "3d", "1w", "1M"} <= declared.timeframes
    assert declared.empty_is_proof
    assert declared.library.startswith("ccxt 4.")
    declared = make(kraken).declaration
    assert declared.history["1m"] == 720 * MINUTE
    assert "1w" not in declared.timeframes
    assert not make(kraken, confirm="no").declaration.empty_is_proof


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


# --- instruments -----------------------------------------------------------------------------------


def test_a_swap_stays_its_own(binance: FakeBinance, make: Maker) -> None:
    source = make(binance)
    swap = found(list(source.fetch(asking(binance, instrument="BTC/USDT:USDT"))))
    assert swap == expected(binance, market="fapi BTCUSDT")
    assert swap != found(list(source.fetch(asking(binance))))


def test_volumes_of_an_inverse_market_are_in_its_base(binance: FakeBinance, make: Maker) -> None:
    inverse = found(list(make(binance).fetch(asking(binance, instrument="BTC/USD:BTC"))))
    assert inverse == expected(binance, market="dapi BTCUSD_PERP")


def test_the_ledgers_own_symbol_wins(binance: FakeBinance, kraken: FakeKraken, make: Maker) -> None:
    named = found(list(make(binance).fetch(asking(binance, native="ETHBTC"))))
    assert named == expected(binance, market="ETHBTC")
    named = found(list(make(kraken).fetch(asking(kraken, instrument="GOLD", native="XETHZUSD"))))
    assert named == expected(kraken, market="XETHZUSD")


def test_a_native_symbol_of_two_markets_is_refused_unless_their_kind_is_said(binance: FakeBinance, make: Maker) -> None:
    with pytest.raises(AmbiguousInstrument) as caught:
        list(make(binance).fetch(asking(binance, native="BTCUSDT")))
    assert set(caught.value.candidates) == {"BTC/USDT", "BTC/USDT:USDT"}
    swap = make(binance, market_type="swap")
    assert found(list(swap.fetch(asking(binance, native="BTCUSDT")))) == expected(binance, market="fapi BTCUSDT")


def test_an_instrument_that_two_markets_could_be_is_refused_until_one_is_named(
    binance: FakeBinance, make: Maker
) -> None:
    binance.listings["ABCUSDY"] = binance.listings["ETHBTC"]
    request = asking(binance, instrument="ABCUSDX")
    with pytest.raises(AmbiguousInstrument) as caught:
        list(make(binance).fetch(request))
    assert set(caught.value.candidates) == {"AB/CUSDX", "ABC/USDX"}
    named = make(binance, symbols="ABCUSDX=ABC/USDX")
    assert found(list(named.fetch(request))) == expected(binance, market="ETHBTC")


@pytest.mark.parametrize(
    ("asked", "near"), [("BTCUSTD", "BTC/USDT"), ("btc/usdt", "BTC/USDT"), ("BTCUSD_PERP", "BTC/USD:BTC")]
)
def test_an_unknown_instrument_is_refused_with_names_that_are_near(
    binance: FakeBinance, make: Maker, asked: str, near: str
) -> None:
    with pytest.raises(DataNotFound, match=f"no market {asked}; near are .*{near}"):
        list(make(binance).fetch(asking(binance, instrument=asked)))


def test_a_market_that_is_listed_and_that_the_exchange_does_not_know_is_not_found(
    binance: FakeBinance, kraken: FakeKraken, make: Maker
) -> None:
    del binance.listings["ETHBTC"], kraken.listings["XETHZUSD"]
    with pytest.raises(DataNotFound, match="ETH/BTC"):
        list(make(binance).fetch(asking(binance, instrument="ETHBTC")))
    with pytest.raises(DataNotFound, match="ETH/USD"):
        list(make(kraken).fetch(asking(kraken, instrument="ETHUSD")))


def test_it_tells_what_it_knows_of_a_market(binance: FakeBinance, make: Maker) -> None:
    source = make(binance)
    facts = source.facts(asking(binance, instrument="BTC/USD:BTC"))
    assert facts is not None
    assert (facts.kind, facts.calendar, facts.currency, facts.origin) == ("crypto", "24/7", "USD", "binance")
    assert facts.first_trade == 1_596_006_000_000 * 1_000_000
    with pytest.raises(DataNotFound):
        source.facts(asking(binance, instrument="NOSUCH"))


def test_markets_are_asked_for_once(server: FakeExchange, make: Maker) -> None:
    source = make(server)
    for _ in range(3):
        list(source.fetch(asking(server)))
        source.facts(asking(server))
    listing = "AssetPairs" if server.name == "kraken" else "/api/v3/exchangeInfo"
    assert len(server.asked(listing)) == 1


def test_threads_share_markets_and_ask_at_the_same_time(binance: FakeBinance, make: Maker) -> None:
    source = make(binance)
    binance.always, binance.hang_seconds = "hang", 0.3
    starts = [NOON - number * HOUR for number in range(2, 6)]

    def load(start: int) -> dict[int, tuple[float, ...]]:
        return found(list(source.fetch(asking(binance, start, start + HOUR))))

    with ThreadPoolExecutor(source.declaration.concurrency) as pool:
        loaded = list(pool.map(load, starts))
    assert loaded == [expected(binance, start, start + HOUR) for start in starts]
    assert len(binance.asked("/api/v3/exchangeInfo")) == 1
    assert binance.most_at_once > 1


# --- faults that pass ------------------------------------------------------------------------------


@pytest.mark.parametrize("fault", ["half", "headless", "hollow", "repeated", "backwards", "numbers"])
def test_an_answer_that_lacks_something_or_is_out_of_order_leaves_no_trace(
    server: FakeExchange, make: Maker, fault: str
) -> None:
    server.faults.append(fault)
    chunks, error = fetched(make(server), asking(server))
    assert error is None
    assert found(chunks) == expected(server)
    assert all(chunk.complete for chunk in chunks)


@pytest.mark.parametrize("fault", ["half", "repeated", "headless", "hollow", "empty", "backwards"])
def test_the_same_holds_on_every_page(binance: FakeBinance, make: Maker, fault: str) -> None:
    start = NOON - 2 * DAY
    binance.faults.extend(["", fault, "", "", fault, "", ""])
    chunks, error = fetched(make(binance), asking(binance, start))
    assert error is None
    assert found(chunks) == expected(binance, start)


@pytest.mark.parametrize(
    ("fault", "told"),
    [
        ("500", "500"),
        ("503", "503"),
        ("drop", "GET"),
        ("cut", "GET"),
        ("html", "not JSON"),
        ("broken", "not JSON"),
        ("shapeless", "no list of candles"),
        ("null", "not JSON"),
    ],
)
def test_what_may_pass_is_said_to_be_so(server: FakeExchange, make: Maker, fault: str, told: str) -> None:
    source = make(server)
    server.always = fault
    chunks, error = fetched(source, asking(server))
    assert not chunks
    assert isinstance(error, SourceUnavailable), error
    server.always = ""
    assert found(list(source.fetch(asking(server)))) == expected(server)
    assert told in str(error)
    assert len(str(error)) < 500


def test_an_exchange_that_does_not_answer_in_time_is_unavailable(server: FakeExchange, make: Maker) -> None:
    server.always, server.hang_seconds = "hang", 1.5
    _, error = fetched(make(server, timeout="0.3"), asking(server))
    assert isinstance(error, SourceUnavailable)


def test_an_exchange_that_is_not_there_is_unavailable(server: FakeExchange, make: Maker) -> None:
    _, error = fetched(make(server, url="http://127.0.0.1:9"), asking(server))
    assert isinstance(error, SourceUnavailable)


@pytest.mark.parametrize("status", ["418", "429"])
@pytest.mark.parametrize(("header", "seconds"), [("7", 7.0), ("", 0.0), ("soon", 0.0)])
def test_a_rate_limit_says_how_long_to_wait(
    server: FakeExchange, make: Maker, status: str, header: str, seconds: float
) -> None:
    server.retry_after = header
    server.always = status
    _, error = fetched(make(server), asking(server))
    assert isinstance(error, RateLimited)
    assert error.retry_after == seconds


def test_a_date_to_wait_for_is_understood_too(binance: FakeBinance, make: Maker) -> None:
    binance.retry_after = "Tue, 05 Mar 2024 12:01:00 GMT"
    binance.always = "429"
    _, error = fetched(make(binance), asking(binance))
    assert isinstance(error, RateLimited)
    assert error.retry_after == 30.0


def test_what_was_given_before_a_fault_stays(binance: FakeBinance, make: Maker) -> None:
    source, start = make(binance), NOON - 2 * DAY
    binance.faults.extend(["", "", "drop"])
    chunks, error = fetched(source, asking(binance, start))
    assert isinstance(error, SourceUnavailable)
    at = chunks[-1].interval.end
    assert found(chunks) == expected(binance, start, at)
    rest = list(source.fetch(asking(binance, at)))
    assert found(chunks) | found(rest) == expected(binance, start)


def test_an_answer_that_changes_between_two_pages_is_noticed(binance: FakeBinance, make: Maker) -> None:
    binance.faults.extend(["", "changed"])
    chunks, error = fetched(make(binance), asking(binance, NOON - 2 * DAY))
    assert isinstance(error, SourceUnavailable)
    assert "changed between two of its answers" in str(error)
    assert found(chunks) == expected(binance, NOON - 2 * DAY, chunks[-1].interval.end)


def test_an_empty_answer_of_kraken_is_an_error(kraken: FakeKraken, make: Maker) -> None:
    kraken.always = "empty"
    _, error = fetched(make(kraken), asking(kraken))
    assert isinstance(error, SourceUnavailable)


def test_bars_that_are_kept_back_although_longer_ones_have_trades_are_an_error(
    binance: FakeBinance, make: Maker
) -> None:
    binance.faults.extend(["empty", "empty"])
    _, error = fetched(make(binance), asking(binance, NOON - 2 * DAY))
    assert isinstance(error, SourceUnavailable)
    assert "8h bar" in str(error)


def test_a_market_list_that_is_html_is_no_market_list(binance: FakeBinance, make: Maker) -> None:
    source = make(binance, url=f"public={binance.url}/api/v3,fapiPublic={binance.url}/nothing")
    with pytest.raises(SourceError):
        list(source.fetch(asking(binance)))


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
