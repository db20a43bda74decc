"""Faults of an exchange that pass: they leave no trace, and are said to be so."""

import pytest

from barledger.domain.timeframe import DAY
from barledger.errors import RateLimited, SourceError, SourceUnavailable
from exchanges import FakeBinance, FakeExchange, FakeKraken
from venues import NOON, Maker, asking, expected, fetched, found


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
