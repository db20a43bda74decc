"""Series: one instrument has one spelling, and a name that no store can hold is refused."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from barledger.domain.series import Series, check_name, normalise_instrument
from barledger.domain.timeframe import Timeframe
from barledger.errors import InvalidName, InvalidTimeframe
from barledger.testing.bars import HOSTILE_NAMES

REFUSED = {
    "": "empty",
    " ": "empty",
    "\t": "empty",
    " AAPL": "white space",
    "AAPL ": "white space",
    "AAPL\u00a0": "white space",
    "a\\": "backslash",
    "\\": "backslash",
    "a\nb": "control",
    "a\rb": "control",
    "a\tb": "control",
    "a\x00b": "control",
    "a\x7fb": "control",
    "a\x85b": "control",
    "a\u2028b": "control",
    "a\ud800b": "Unicode",
}


@pytest.mark.parametrize("spelling", ["BTC/USDT", "BTC-USDT", "BTCUSDT"])
def test_a_pair_is_one_instrument_however_it_is_written(spelling: str) -> None:
    assert Series.of(spelling, "1m", "binance") == Series.of("BTCUSDT", "1m", "binance")


@pytest.mark.parametrize("name", ["BRK.B", "BRK-B", "BRK/B", "^GSPC", "EURUSD=X", "ES=F", "BTC/USDT:USDT", "AAPL"])
def test_what_is_no_plain_pair_keeps_its_name(name: str) -> None:
    assert normalise_instrument(name) == name


@given(st.text(st.characters(codec="utf-8", exclude_categories=["C", "Z"], exclude_characters="\\"), min_size=1))
def test_a_name_that_is_normalised_again_stays(name: str) -> None:
    once = normalise_instrument(name)
    assert normalise_instrument(once) == once


@pytest.mark.parametrize("name", HOSTILE_NAMES)
def test_strange_names_are_names(name: str) -> None:
    series = Series.of(name, "1d", name)
    assert (series.instrument, series.source) == (name, name)


@pytest.mark.parametrize("name", REFUSED)
@pytest.mark.parametrize("kind", ["instrument", "source"])
def test_names_that_no_store_can_hold_are_refused(kind: str, name: str) -> None:
    given_names = {"instrument": "AAPL", "source": "desk"} | {kind: name}
    with pytest.raises(InvalidName) as caught:
        Series.of(timeframe="1d", **given_names)
    assert (caught.value.kind, caught.value.value) == (kind, name)
    assert REFUSED[name] in caught.value.reason


@pytest.mark.parametrize("value", [None, 5, b"AAPL", ["AAPL"]])
def test_a_name_is_text(value: object) -> None:
    with pytest.raises(InvalidName, match="not text"):
        check_name("instrument", value)  # type: ignore[arg-type]


def test_a_series_needs_a_timeframe() -> None:
    with pytest.raises(InvalidTimeframe):
        Series.of("AAPL", "1D", "desk")


def test_each_part_makes_another_series() -> None:
    one = Series.of("AAPL", "1d", "desk")
    others = [
        Series.of("IBM", "1d", "desk"),
        Series.of("AAPL", "1w", "desk"),
        Series.of("AAPL", "1d", "yahoo"),
        Series.of("AAPL", "1d", "desk", is_adjusted=True),
    ]
    assert len({one, *others}) == 5
    assert Series.of("AAPL", Timeframe.of("1d"), "desk") == one
    assert min([*others, one]) == one


def test_a_series_says_what_it_is() -> None:
    assert str(Series.of("BTC/USDT", "60m", "binance")) == "BTCUSDT 1h from binance"
    assert repr(Series.of("AAPL", "1d", "desk", is_adjusted=True)) == "<AAPL 1d from desk (adjusted)>"
