"""Corporate actions of Yahoo."""

import datetime as dt

import pytest

from barledger.sources.yahoo import YahooSource
from barledger.sources.yahoo.answer import StrangeEvent
from tickers import chunks, request, told
from yahoo import Yahoo


@pytest.mark.parametrize("timeframe", ["1d", "1w", "1M", "1h"])
def test_events_are_dated_with_their_session_whatever_the_bars(source: YahooSource, timeframe: str) -> None:
    found = [action for chunk in chunks(source, "VTI", timeframe, "2023-10-02") for action in chunk.actions]
    assert [told(action) for action in found] == [
        ("2024-01-16 00:00:00", "split", 0.125, ""),
        ("2024-02-09 00:00:00", "cash_dividend", 0.5, "USD"),
        ("2024-02-12 00:00:00", "capital_gain", 0.25, "USD"),
    ]


def test_an_event_has_the_date_of_the_venue_and_its_own_currency(source: YahooSource) -> None:
    (chunk,) = chunks(source, "BHP.AX")
    assert [told(action) for action in chunk.actions] == [("2024-02-09 00:00:00", "cash_dividend", 1.1, "USD")]


def test_pence_stay_pence(source: YahooSource) -> None:
    (chunk,) = chunks(source, "VOD.L")
    assert [told(action) for action in chunk.actions] == [("2024-02-09 00:00:00", "cash_dividend", 4.5, "GBp")]
    facts = source.facts(request("VOD.L"))
    assert facts is not None
    assert facts.currency == "GBp"


def test_an_event_that_cannot_have_been_is_left_out_and_said(yahoo: Yahoo, source: YahooSource) -> None:
    yahoo.listings["IBM"].splits = {dt.date(2024, 1, 16): (0, 1), dt.date(2024, 1, 17): (1, 0)}
    with pytest.warns(StrangeEvent, match="split of IBM is left out"):
        (chunk,) = chunks(source)
    assert [action.kind for action in chunk.actions] == ["cash_dividend"]
