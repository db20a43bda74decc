"""What the first values rely on is told: restarts after gaps, windows that are cut, and later bars."""

from collections.abc import Iterator

import numpy as np
import pandas as pd
import pytest

import barledger
from barledger.barledger import BarLedger
from barledger.errors import ValuesMissing
from barledger.stores.memory import MemoryStore
from libraries import library
from walks import daily

DAYS = pd.date_range("2023-01-02", "2024-06-28", freq="B", tz="UTC")
HOLIDAYS = pd.to_datetime(
    [
        *("2023-01-02", "2023-01-16", "2023-02-20", "2023-04-07", "2023-05-29", "2023-06-19", "2023-07-04"),
        *("2023-09-04", "2023-11-23", "2023-12-25", "2024-01-01", "2024-01-15", "2024-02-19", "2024-03-29"),
        *("2024-05-27", "2024-06-19"),
    ],
    utc=True,
)
SESSIONS = DAYS.difference(HOLIDAYS)
LACKING = pd.to_datetime(["2024-03-12", "2024-03-13"], utc=True)
BEHIND = "2024-03-14T00:00:00Z"
START = "2024-03-21"
"""Five sessions after the gap."""


@pytest.fixture
def bl() -> Iterator[BarLedger]:
    with library(MemoryStore()) as opened:
        opened.instruments.declare("A", calendar="XNYS")
        opened.write("A", "1d", whole().drop(LACKING), source="mine")
        yield opened


def whole() -> pd.DataFrame:
    return daily(range(len(SESSIONS))).set_axis(SESSIONS)


def test_a_path_counts_from_the_last_restart_and_tells_the_gap_before_it(bl: BarLedger) -> None:
    found = bl.indicators.calculate("obv", "A", "1d", start=START)
    since = barledger.calculate("obv", whole().loc["2024-03-14":])["obv"]
    np.testing.assert_array_equal(found.values("obv"), since.loc[START:])
    assert found.provenance["anchors"] == {"obv": BEHIND}
    assert found.provenance["gaps"] == {"calendar": "XNYS", "count": 1, "before": [BEHIND]}
    assert "restarted after a gap at 2024-03-14" in str(found.standings["obv"])


def test_gaps_before_the_last_restart_change_nothing_and_are_not_told(bl: BarLedger) -> None:
    bl.instruments.declare("B", calendar="XNYS")
    bl.write("B", "1d", whole().drop([*LACKING, SESSIONS[50]]), source="mine")
    found = bl.indicators.calculate("obv", "B", "1d", start=START)
    assert found.provenance["gaps"]["count"] == 1
    assert bl.indicators.calculate("obv", "B", "1d").provenance["gaps"]["count"] == 2


@pytest.mark.parametrize("spec", ["rsi(5)", "sma(10)", "ema(sma(3), 4)"])
def test_a_restart_in_the_warm_up_leaves_it_incomplete(bl: BarLedger, spec: str) -> None:
    for cached in (False, True, True):
        found = bl.indicators.calculate(spec, "A", "1d", start=START, cache=cached)
        (standing,) = found.standings.values()
        assert (standing.had, standing.complete, found.warmup_complete) == (5, False, False)
        assert standing.restarted == pd.Timestamp(BEHIND).value
        assert found.provenance["gaps"]["before"] == [BEHIND]


def test_a_restart_before_the_warm_up_says_nothing(bl: BarLedger) -> None:
    found = bl.indicators.calculate("sma(5)", "A", "1d", start=START)
    (standing,) = found.standings.values()
    assert (found.warmup_complete, standing.had, standing.restarted) == (True, 4, None)
    assert found.provenance["gaps"]["count"] == 0


def test_a_row_without_a_value_in_the_warm_up_restarts_too(bl: BarLedger) -> None:
    lacking = whole()
    lacking.loc[LACKING, "close"] = np.nan
    bl.write("N", "1d", lacking, source="mine")
    found = bl.indicators.calculate(["rsi(5)", "obv"], "N", "1d", start=START)
    assert found.standings["rsi(5)"].had == 5
    assert not found.warmup_complete
    assert found.provenance["anchors"] == {"obv": BEHIND}
    assert found.provenance["gaps"]["rows_without_a_value"] == 2
    at_once = bl.indicators.calculate("rsi(5)", "N", "1d", start="2024-03-13")
    assert at_once.standings["rsi(5)"].had == 0


@pytest.mark.parametrize(
    "spec", ["pivots(window=month).p", "session_vwap(anchor=month).vwap", "anchored_vwap('2024-03-01').vwap"]
)
def test_what_is_of_the_calendar_leaves_gaps_out_and_tells_them(bl: BarLedger, spec: str) -> None:
    start = "2024-04-01" if spec.startswith("pivots") else START
    found = bl.indicators.calculate(spec, "A", "1d", start=start)
    wanted = barledger.calculate(spec, whole().drop(LACKING))[spec]
    np.testing.assert_array_equal(found.values(spec), wanted.loc[start:])
    assert found.provenance["gaps"]["before"] == [BEHIND]
    assert found.provenance["anchors"] == {spec: "2024-03-01T00:00:00Z"}
    assert found.warmup_complete
    restarting = bl.indicators.calculate(spec, "A", "1d", start=start, nan_policy="segment")
    assert restarting.provenance["anchors"] == {spec: BEHIND}
    assert not restarting.warmup_complete


def test_a_minute_that_is_missing_leaves_the_levels_of_its_day() -> None:
    opens = pd.date_range("2024-03-12 13:30", periods=390, freq="min", tz="UTC")
    minutes = opens.append(opens + pd.Timedelta("1D"))
    rows = daily(range(len(minutes))).set_axis(minutes)
    with library(MemoryStore()) as bl:
        bl.instruments.declare("A", calendar="XNYS")
        bl.write("A", "1m", rows.drop(minutes[380]), source="mine")
        found = bl.indicators.calculate("pivots.p", "A", "1m", start="2024-03-13")
    day = rows.loc["2024-03-12"].drop(minutes[380])
    assert found.values("pivots.p")[0] == (day["high"].max() + day["low"].min() + day["close"].iloc[-1]) / 3


@pytest.mark.parametrize(
    "spec", ["pivots(window=month).p", "session_vwap(anchor=month).vwap", "ema(pivots(month).p, 3)"]
)
def test_a_window_that_an_anchor_or_a_snapshot_cuts_is_told(bl: BarLedger, spec: str) -> None:
    early = {"start": "2023-08-15", "version": "latest"}
    assert bl.indicators.calculate(spec, "A", "1d", **early).warmup_complete
    cut = bl.indicators.calculate(spec, "A", "1d", anchor="2023-08-09", **early)
    assert not cut.warmup_complete
    assert "its first window is cut" in str(cut.standings[spec])
    assert bl.indicators.calculate(spec, "A", "1d", anchor="2023-02-01", **early).warmup_complete
    snapshot = bl.snapshot(["A"], "1d", start="2023-08-09", end="2024-01-01")
    pinned = bl.indicators.calculate(spec, "A", "1d", version=snapshot.id)
    assert not pinned.warmup_complete
    in_hand = bl.indicators.calculate(spec, bl.bars("A", "1d", start="2023-08-09"))
    assert not in_hand.warmup_complete


def test_a_window_that_begins_where_the_anchor_is_is_whole(bl: BarLedger) -> None:
    spec = "session_vwap(anchor=month).vwap"
    assert bl.indicators.calculate(spec, "A", "1d", start="2023-05-15", anchor="2023-05-01").warmup_complete
    assert not bl.indicators.calculate(spec, "A", "1d", start="2023-05-15", anchor="2023-05-02").warmup_complete


def test_a_path_that_begins_in_a_stated_anchor_is_not_cut(bl: BarLedger) -> None:
    assert bl.indicators.calculate("obv", "A", "1d", start="2023-05-15", anchor="2023-05-02").warmup_complete


def test_what_knows_later_bars_says_how_many(bl: BarLedger) -> None:
    found = bl.indicators.calculate(["ichimoku", "sma(ichimoku.chikou, 3)"], "A", "1d", end="2024-03-01")
    assert [name for name, one in found.standings.items() if one.lookahead] == [
        "ichimoku.chikou",
        "sma(ichimoku.chikou, 3)",
    ]
    assert found.provenance["lookahead"] == {"ichimoku.chikou": 26, "sma(ichimoku.chikou, 3)": 26}
    assert str(found.standings["ichimoku.chikou"]).endswith("knows 26 later bars")
    assert np.isnan(found.values("ichimoku.chikou")[-26:]).all()


def test_a_frame_says_the_same_in_its_attrs() -> None:
    frame = barledger.calculate(["obv", "ichimoku.chikou"], whole().drop(LACKING), timeframe="1d", calendar="XNYS")
    assert frame.attrs["restarts"] == {"count": 1, "before": [BEHIND]}
    assert frame.attrs["calendar"] == "XNYS"
    assert frame.attrs["lookahead"] == {"ichimoku.chikou": 26}
    assert not frame.attrs["warmup_complete"]
    late = whole()
    late.loc[late.index[:7], "close"] = np.nan
    told = barledger.calculate("obv", late).attrs
    assert told["anchors"] == {"obv": "2023-01-12T00:00:00Z"}
    assert told["restarts"]["count"] == 0


def test_missing_bars_are_told_by_the_row_behind_them(bl: BarLedger) -> None:
    with pytest.raises(ValuesMissing, match=f"1 gap in its input, the first of bars missing before {BEHIND}"):
        bl.indicators.calculate("obv", "A", "1d", nan_policy="raise")
