"""What the source declares and which options it takes."""

from typing import Any

import pytest
import yfinance

from barledger.domain.timeframe import DAY
from barledger.errors import InvalidSetting
from barledger.sources.registry import make_source
from barledger.sources.yahoo import YahooSource


def test_it_declares_what_yahoo_gives(source: YahooSource) -> None:
    told = source.declaration
    assert set(told.adjustment.values()) == {"splits"}
    assert (told.tolerance.price, told.tolerance.volume) == (2e-6, 5e-3)
    assert told.gives_events
    assert not told.empty_is_proof
    assert {name: reach // DAY for name, reach in told.history.items()} == {
        "1m": 30,
        "5m": 60,
        "15m": 60,
        "30m": 60,
        "1h": 730,
    }
    assert told.library == f"yfinance {yfinance.__version__}"


def test_it_is_registered_and_takes_its_options_as_text() -> None:
    assert make_source("yahoo", {"url": "http://127.0.0.1:9", "timeout": "5"}).declaration.name == "yahoo"


@pytest.mark.parametrize("options", [{"url": "ftp://x"}, {"timeout": "soon"}, {"timeout": 0}], ids=str)
def test_an_option_that_cannot_be_used_is_refused(options: dict[str, Any]) -> None:
    with pytest.raises(InvalidSetting, match=next(iter(options))):
        make_source("yahoo", options)
