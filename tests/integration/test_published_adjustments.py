"""Real shares: adjusted closes that two vendors published follow from raw prices and events of whole cents."""

from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from barledger.barledger import BarLedger
from barledger.stores.memory import MemoryStore
from libraries import library
from published import EARLIER, FOLDER, NEWEST, Derived, derive, published

TICKERS = ("AAPL", "IBM", "MSFT")
# Quandl divides by the close on the ex-date, not by the one before: C / (C + D) for 1 - D / C_before. Of usual
# dividends that is 1e-5; of the 3.08 that Microsoft paid at once, on 2004-11-15, it is 1.9e-3.
TOLERANCE = {"AAPL": 1e-3, "IBM": 1e-3, "MSFT": 3e-3}


@pytest.fixture(scope="module")
def events() -> dict[str, list[Derived]]:
    return {ticker: derive(published(ticker, EARLIER)) for ticker in TICKERS}


@pytest.fixture(params=[NEWEST, EARLIER])
def loaded(request: pytest.FixtureRequest, events: dict[str, list[Derived]], tmp_path: Path) -> tuple[str, BarLedger]:
    """A library with one vintage's raw bars, and the events by CSV."""
    bl = library(MemoryStore(), f"sqlite:///{tmp_path / 'ledger.db'}")
    bl.ingest([*TICKERS], "1d", source="sample", options={"vintage": request.param, "folder": FOLDER})
    lines = [f"{name},{one.kind},{one.day},{one.value}" for name in TICKERS for one in events[name]]
    (tmp_path / "events.csv").write_text("\n".join(["instrument,kind,ex_date,value", *lines, ""]))
    bl.actions.import_csv(tmp_path / "events.csv")
    return request.param, bl


def test_the_events_are_the_companies_own(events: dict[str, list[Derived]]) -> None:
    counts = {name: Counter(one.kind for one in events[name]) for name in TICKERS}
    assert counts["AAPL"] == {"split": 2, "cash_dividend": 3}
    assert counts["IBM"] == {"cash_dividend": 52}
    assert counts["MSFT"] == {"split": 1, "cash_dividend": 37}
    assert [(one.day, one.value) for one in events["AAPL"]] == [
        ("2000-06-21", 2.0),
        ("2005-02-28", 2.0),
        ("2012-08-09", 2.65),
        ("2012-11-07", 2.65),
        ("2013-02-07", 2.65),
    ]
    assert Derived("2004-11-15", "cash_dividend", 3.08) in events["MSFT"]
    paid = [one.value for one in events["IBM"]]
    assert paid == sorted(paid)
    assert set(paid) == {0.13, 0.14, 0.15, 0.16, 0.18, 0.2, 0.3, 0.4, 0.5, 0.55, 0.65, 0.75, 0.85}


def test_published_adjusted_closes_follow_up_to_one_constant(loaded: tuple[str, BarLedger]) -> None:
    vintage, bl = loaded
    for ticker in TICKERS:
        ours = bl.bars(ticker, "1d", adjust="total").df["close"]
        theirs = published(ticker, vintage)["Adj Close"]
        ratio = (theirs / ours).to_numpy()
        assert len(ratio) == 3270
        spread = np.abs(ratio / np.median(ratio) - 1).max()
        assert spread < TOLERANCE[ticker], f"{ticker} of {vintage}: {spread:.2e}"


def test_the_cause_of_microsofts_difference_is_the_close_that_quandl_divides_by(
    events: dict[str, list[Derived]],
) -> None:
    frame = published("MSFT", NEWEST)
    close, ratio = frame["Close"], frame["Adj Close"] / frame["Close"]
    for one in events["MSFT"]:
        if one.kind == "split":
            continue
        at = frame.index.get_loc(one.day + "T00:00:00Z")
        theirs = ratio.iloc[at - 1] / ratio.iloc[at]
        ours = 1 - one.value / close.iloc[at - 1]
        by_their_formula = close.iloc[at] / (close.iloc[at] + one.value)
        assert theirs == pytest.approx(by_their_formula, rel=2e-6)
        assert abs(theirs / ours - 1) < (2e-3 if one.value == 3.08 else 6e-4)


def test_a_missing_event_would_be_seen(loaded: tuple[str, BarLedger], events: dict[str, list[Derived]]) -> None:
    vintage, bl = loaded
    one = events["IBM"][-1]
    bl.actions.withdraw("IBM", one.kind, one.day, reason="to see whether it matters")
    ratio = (published("IBM", vintage)["Adj Close"] / bl.bars("IBM", "1d", adjust="total").df["close"]).to_numpy()
    assert np.abs(ratio / np.median(ratio) - 1).max() > TOLERANCE["IBM"]


def test_volume_of_apple_is_that_of_the_newest_shares(tmp_path: Path, events: dict[str, list[Derived]]) -> None:
    volumes = {}
    for vintage, adjust in ((NEWEST, "splits"), (EARLIER, None)):
        (tmp_path / vintage).mkdir()
        bl = library(MemoryStore(), f"sqlite:///{tmp_path / vintage / 'ledger.db'}")
        bl.ingest("AAPL", "1d", source="sample", options={"vintage": vintage, "folder": FOLDER})
        for one in events["AAPL"]:
            bl.actions.add("AAPL", one.kind, one.day, value=one.value)
        volumes[vintage] = bl.bars("AAPL", "1d", adjust=adjust).df["volume"]
    # Yahoo's volume is in the newest shares while its prices, in this vintage, are as traded.
    assert np.median(np.abs(volumes[NEWEST] / volumes[EARLIER] - 1)) < 2e-2
