"""Exchanges and their instruments by their names."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest

from barledger.domain.interval import Interval
from barledger.domain.timeframe import HOUR, MINUTE, Timeframe
from barledger.errors import AmbiguousInstrument, CapabilityMissing, DataNotFound, InvalidSetting, SourceNotFound
from barledger.sources.contract import FetchRequest
from barledger.sources.registry import exchange_names, make_source, source_names
from exchanges import FakeBinance, FakeExchange, FakeKraken
from venues import NOON, Maker, asking, expected, found

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
