"""Bars that should be there and are not restart a calculation; those that nobody expects do not."""

import numpy as np
import pandas as pd
import pytest

from barledger.barledger import BarLedger
from barledger.errors import ValuesMissing
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
