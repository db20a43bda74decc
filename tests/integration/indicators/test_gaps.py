"""Bars that should be there and are not restart a calculation; those that nobody expects do not."""

import numpy as np
import pandas as pd
import pytest

from barledger.barledger import BarLedger
from barledger.errors import GapsUnseen, ValuesMissing
from barledger.stores.memory import MemoryStore
from libraries import library
from own_indicators import own_indicators
from walks import daily

DAYS = pd.date_range("2024-01-02", "2024-06-28", freq="B", tz="UTC")
HOLIDAYS = pd.to_datetime(["2024-01-15", "2024-02-19", "2024-03-29", "2024-05-27", "2024-06-19"], utc=True)
SESSIONS = DAYS.difference(HOLIDAYS)
LACKING = pd.to_datetime(["2024-03-12", "2024-03-13"], utc=True)


def written(bl: BarLedger, days: pd.DatetimeIndex, *, calendar: str | None = "XNYS") -> None:
    if calendar is not None:
        bl.instruments.declare("A", calendar=calendar)
    bl.write("A", "1d", daily(range(len(days))).set_axis(days), source="mine")


def values(bl: BarLedger, **options: object) -> pd.Series:
    return bl.indicators.calculate("moved(3)", "A", "1d", **options)["moved(3)"]  # type: ignore[arg-type]


def test_closed_markets_are_no_gaps() -> None:
    with own_indicators(), library(MemoryStore()) as bl:
        written(bl, SESSIONS)
        assert values(bl).count() == len(SESSIONS) - 3
        told = bl.indicators.calculate("moved(3)", "A", "1d").provenance["gaps"]
        assert told == {"calendar": "XNYS", "count": 0, "before": []}


def test_missing_sessions_restart_it_once() -> None:
    with own_indicators(), library(MemoryStore()) as bl:
        written(bl, SESSIONS.difference(LACKING))
        found = values(bl)
        assert found.loc["2024-03-14":"2024-03-18"].isna().all()
        assert found.loc["2024-03-19":].notna().all()
        told = bl.indicators.calculate("moved(3)", "A", "1d").provenance["gaps"]
        assert told == {"calendar": "XNYS", "count": 1, "before": ["2024-03-14T00:00:00Z"]}
        told = "1 of missing bars, by the calendar XNYS"
        for cached in (False, True):
            steps = bl.indicators.calculate("moved(3)", "A", "1d", explain=True, cache=cached).explanation
            assert [one.how for one in steps if one.what == "gaps"] == [told]
        assert values(bl, nan_policy="skip").count() == len(found) - 3
        with pytest.raises(ValuesMissing, match="2024-03-14"):
            values(bl, nan_policy="raise")


def test_a_slice_after_a_gap_restarts_as_the_whole_history_does() -> None:
    with own_indicators(), library(MemoryStore()) as bl:
        written(bl, SESSIONS.difference(LACKING))
        part = values(bl, start="2024-03-15", cache=False)
        pd.testing.assert_series_equal(part, values(bl).loc["2024-03-15":])


def test_a_halt_is_no_gap_from_when_it_is_declared() -> None:
    with own_indicators(), library(MemoryStore()) as bl:
        written(bl, SESSIONS.difference(LACKING))
        assert values(bl).loc["2024-03-14":"2024-03-18"].isna().all()
        bl.instruments.halt("A", "2024-03-12", "2024-03-14", reason="news")
        assert values(bl).loc["2024-03-14":].notna().all()
        assert values(bl, cache=False).loc["2024-03-14":].notna().all()


def test_without_a_calendar_that_somebody_named_rows_are_neighbours() -> None:
    with own_indicators(), library(MemoryStore()) as bl:
        written(bl, SESSIONS.difference(LACKING), calendar=None)
        assert values(bl).count() == len(SESSIONS) - len(LACKING) - 3
        assert bl.indicators.calculate("moved(3)", "A", "1d").provenance["gaps"]["calendar"] is None
        bl.instruments.declare("A", calendar="XNYS")
        assert values(bl).loc["2024-03-14":"2024-03-18"].isna().all()


def test_minutes_are_neighbours_over_night() -> None:
    with own_indicators(), library(MemoryStore()) as bl:
        bl.instruments.declare("A", calendar="XNYS")
        opens = pd.date_range("2024-03-12 13:30", periods=390, freq="min", tz="UTC")
        minutes = opens.append(opens + pd.Timedelta("1D"))
        lacking = minutes.delete([100, 101])
        bl.write("A", "1m", daily(range(len(lacking))).set_axis(lacking), source="mine")
        found = bl.indicators.calculate("moved(3)", "A", "1m")
        assert found.provenance["gaps"]["before"] == ["2024-03-12T15:12:00Z"]
        assert int(np.isnan(found.values("moved(3)")).sum()) == 6


def test_another_instruments_missing_bars_are_missing_values() -> None:
    with own_indicators(), library(MemoryStore()) as bl:
        written(bl, SESSIONS)
        other = daily(range(len(SESSIONS)), seed=3).set_axis(SESSIONS).drop(LACKING)
        bl.write("B", "1d", other, source="mine")
        found = bl.indicators.calculate("moved(@B, 3)", "A", "1d")["moved(@B, 3)"]
        assert found.loc["2024-03-12":"2024-03-18"].isna().all()
        assert found.loc["2024-03-19":].notna().all()
        wanted = other["close"].diff(3)
        skipped = bl.indicators.calculate("moved(@B, 3)", "A", "1d", nan_policy="skip")["moved(@B, 3)"]
        np.testing.assert_array_equal(skipped.dropna().to_numpy(), wanted.dropna().to_numpy())
        part = bl.indicators.calculate("moved(@B.close, 3)", "A", "1d", start="2024-03-13", cache=False)
        np.testing.assert_array_equal(part.values("moved(@B, 3)"), found.loc["2024-03-13":].to_numpy())
        assert part.provenance["others"]["B"]["sources"] == ["mine"]


def test_bars_in_hand_are_judged_as_those_that_are_read() -> None:
    with own_indicators(), library(MemoryStore()) as bl:
        written(bl, SESSIONS.difference(LACKING))
        bars = bl.bars("A", "1d")
        for specs in ("moved(3)", ["moved(3)", "sma(5)", "obv"]):
            named, found = bl.indicators.calculate(specs, "A", "1d"), bl.indicators.calculate(specs, bars)
            assert found.digest == named.digest
            assert found.provenance["gaps"] == named.provenance["gaps"]
            assert found.standings == named.standings
            assert bl.indicators.batch([bars], specs=specs)["A"].digest == named.digest
        with pytest.raises(ValuesMissing, match="2024-03-14"):
            bl.indicators.calculate("moved(3)", bars, nan_policy="raise")
        # Of the week that lacks two days there is no bar.
        told = bl.indicators.calculate("moved(3)", bars.resample("1w")).provenance["gaps"]
        assert told["before"] == ["2024-03-18T00:00:00Z"]


def test_bars_in_hand_of_a_snapshot_are_judged_as_it_was_known_then() -> None:
    with own_indicators(), library(MemoryStore()) as bl:
        written(bl, SESSIONS.difference(LACKING))
        snapshot = bl.snapshot(["A"], "1d", purpose="test").id
        bl.instruments.halt("A", "2024-03-12", "2024-03-14", reason="news")
        named = bl.indicators.calculate("moved(3)", "A", "1d", version=snapshot)
        found = bl.indicators.calculate("moved(3)", bl.bars("A", "1d", version=snapshot))
        assert named.provenance["gaps"]["count"] == found.provenance["gaps"]["count"] == 1
        assert found.digest == named.digest
        assert bl.indicators.calculate("moved(3)", bl.bars("A", "1d")).provenance["gaps"]["count"] == 0


def test_bars_in_hand_are_judged_again_when_something_is_said_of_instruments() -> None:
    with own_indicators(), library(MemoryStore()) as bl:
        written(bl, SESSIONS.difference(LACKING), calendar=None)
        bars = bl.bars("A", "1d")
        for say, gaps in (
            (lambda: None, 0),
            (lambda: bl.instruments.declare("A", calendar="XNYS"), 1),
            (lambda: bl.instruments.halt("A", "2024-03-12", "2024-03-14", reason="news"), 0),
            (lambda: bl.instruments.resume("A", "2024-03-12"), 1),
            (lambda: bl.instruments.forget("A"), 0),
        ):
            say()
            named, found = bl.indicators.calculate("moved(3)", "A", "1d"), bl.indicators.calculate("moved(3)", bars)
            assert named.provenance["gaps"]["count"] == found.provenance["gaps"]["count"] == gaps
            assert found.digest == named.digest == bl.indicators.batch([bars], specs="moved(3)")["A"].digest


def test_that_gaps_are_overlooked_is_said_before_what_is_missing_is_refused() -> None:
    with own_indicators(), library(MemoryStore()) as bl:
        days = daily(range(len(SESSIONS))).set_axis(SESSIONS)
        days.iloc[20, days.columns.get_loc("close")] = np.nan
        bl.write("A", "1d", days, source="mine")
        for asked in (("A", "1d"), (bl.bars("A", "1d"),)):
            with pytest.warns(GapsUnseen), pytest.raises(ValuesMissing):
                bl.indicators.calculate("moved(3)", *asked, nan_policy="raise")


def test_bars_of_a_version_that_this_library_does_not_know_are_neighbours() -> None:
    with own_indicators(), library(MemoryStore()) as bl, library(MemoryStore()) as other:
        written(bl, SESSIONS.difference(LACKING))
        written(other, SESSIONS.difference(LACKING))
        bars = other.bars("A", "1d", version=other.snapshot(["A"], "1d", purpose="test").id)
        told = bl.indicators.calculate("moved(3)", bars).provenance["gaps"]
        assert told["calendar"] is None
        assert "which this library does not know" in told["unseen"]


def test_that_missing_bars_cannot_be_refused_is_said() -> None:
    with own_indicators(), library(MemoryStore()) as bl:
        written(bl, SESSIONS.difference(LACKING), calendar=None)
        bars = bl.bars("A", "1d")
        for _ in range(2):
            with pytest.warns(GapsUnseen, match="nobody named a calendar for A"):
                values(bl, nan_policy="raise")
        for asked in (
            lambda: bl.indicators.calculate("moved(3)", bars, nan_policy="raise"),
            lambda: bl.indicators.batch(["A"], "1d", ["moved(3)"], nan_policy="raise"),
            lambda: bl.indicators.batch([bars], specs="moved(3)", nan_policy="raise"),
            lambda: list(bl.indicators.batches(["A"], "1d", ["moved(3)"], nan_policy="raise")),
            lambda: bl.indicators.stream("moved(3)", "A", "1d", nan_policy="raise"),
        ):
            with pytest.warns(GapsUnseen, match="nobody named a calendar for A"):
                asked()
        told = bl.indicators.calculate("moved(3)", "A", "1d").provenance["gaps"]
        assert "bl.instruments.declare('A', calendar=...)" in told["unseen"]
        bl.instruments.declare("A", calendar="24/7")
        assert "unseen" not in bl.indicators.calculate("moved(3)", "A", "1d").provenance["gaps"]
