"""Panels: one frame of many instruments, aligned, with nothing in it that no bar says."""

import copy
import json
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from barledger import BarLedger
from barledger.domain.timeframe import DAY
from barledger.errors import InvalidSetting, MissingColumns, NoBars, SeriesNotFound
from barledger.services.instruments import InstrumentService
from barledger.services.retrieval import DataRetrievalService
from barledger.stores.memory import MemoryStore
from libraries import expected, frame, library
from remoted import Faced
from sessions import Weekdays

DESK = {"source": "desk"}
NAN = np.nan


def days(panel: pd.DataFrame) -> list[int]:
    return [time.value // DAY for time in panel.index]


def column(panel: pd.DataFrame, name: Any) -> dict[int, float]:
    """Return what is in a column, by day."""
    values = panel[name].dropna()
    return {time.value // DAY: value for time, value in values.items()}


@pytest.fixture
def bl(anywhere: BarLedger, faced: Faced) -> BarLedger:
    """Two instruments that overlap for three days, one of which has a hole."""
    anywhere.write("AAPL", "1d", frame([0, 1, 2, 4, 5]), **DESK)
    anywhere.write("IBM", "1d", frame([2, 4, 5, 6, 9], 50.0), **DESK)
    return faced(anywhere)


def test_a_union_has_every_bar_and_no_other(bl: BarLedger) -> None:
    panel = bl.retrieval.panel(["AAPL", "IBM"], "1d")
    assert days(panel) == [0, 1, 2, 4, 5, 6, 9]
    assert (str(panel.index.dtype), panel.index.name, panel.columns.name) == (
        "datetime64[ns, UTC]",
        "time",
        "instrument",
    )
    assert column(panel, "AAPL") == expected([0, 1, 2, 4, 5])
    assert column(panel, "IBM") == expected([2, 4, 5, 6, 9], 50.0)


def test_an_intersection_has_the_bars_of_all(bl: BarLedger) -> None:
    panel = bl.retrieval.panel(["AAPL", "IBM"], "1d", align="intersection")
    assert days(panel) == [2, 4, 5]
    assert not panel.isna().any(axis=None)
    assert panel.attrs["panel"]["left_out"] == 4


def test_a_calendar_has_what_is_expected(bl: BarLedger) -> None:
    panel = bl.retrieval.panel(["AAPL", "IBM"], "1d", align="calendar")
    assert days(panel) == list(range(10))
    bounded = bl.retrieval.panel(["AAPL", "IBM"], "1d", align="calendar", start="1970-01-03", end="1970-01-15")
    assert days(bounded) == list(range(2, 14))
    assert column(bounded, "AAPL") == expected([2, 4, 5])


def test_bars_that_no_calendar_expects_are_left_out_and_counted(in_memory: BarLedger) -> None:
    class Sessions(InstrumentService):
        """Knows one market."""

        def calendar(self, instrument: str) -> Weekdays:  # noqa: ARG002 - the contract's
            return Weekdays()

    monday = int(np.datetime64("2021-03-01", "D").astype(int))
    in_memory.write("AAPL", "1d", frame(range(monday, monday + 9)), **DESK)
    retrieval = DataRetrievalService(in_memory.vault, Sessions(in_memory.vault))
    panel = retrieval.panel("AAPL", "1d", align="calendar")
    assert days(panel) == [monday + at for at in (0, 1, 2, 3, 4, 7, 8)]
    assert panel.attrs["panel"]["left_out"] == 2
    assert retrieval.bars("AAPL", "1d", last=1).close_time.tolist() == [(monday + 8) * DAY + 21 * DAY // 24]


def test_several_fields_are_one_frame(bl: BarLedger) -> None:
    panel = bl.retrieval.panel(["AAPL", "IBM"], "1d", fields=["close", "volume", "adjustment_factor"])
    assert panel.columns.names == ["field", "instrument"]
    assert panel["close"].equals(bl.retrieval.panel(["AAPL", "IBM"], "1d"))
    assert column(panel["volume"], "IBM") == dict.fromkeys([2, 4, 5, 6, 9], 1000.0)
    assert panel["adjustment_factor"].isna().all(axis=None)
    assert bl.retrieval.panel("AAPL", "1d", fields="open").columns.tolist() == [("open", "AAPL")]


def test_a_panel_may_be_filled_as_far_as_it_says(bl: BarLedger) -> None:
    plain = bl.retrieval.panel(["AAPL", "IBM"], "1d", align="calendar")
    for limit in (1, 2, 9):
        panel = bl.retrieval.panel(["AAPL", "IBM"], "1d", align="calendar", fill="ffill", limit=limit)
        pd.testing.assert_frame_equal(panel, plain.ffill(limit=limit))
        assert panel.attrs["panel"]["filled"] == int((plain.isna() & panel.notna()).to_numpy().sum())


def test_volume_is_never_filled(bl: BarLedger) -> None:
    plain = bl.retrieval.panel(["AAPL", "IBM"], "1d", fields=["close", "volume"])
    filled = bl.retrieval.panel(["AAPL", "IBM"], "1d", fields=["close", "volume"], fill="ffill", limit=9)
    assert filled["volume"].equals(plain["volume"])
    assert filled["close"].isna().sum().sum() < plain["close"].isna().sum().sum()
    with pytest.raises(InvalidSetting, match="volume is never filled"):
        bl.retrieval.panel("AAPL", "1d", field="volume", fill="ffill", limit=1)


WRONG: tuple[tuple[dict[str, Any], type[Exception], str], ...] = (
    ({"field": "close", "fields": ["open"]}, InvalidSetting, "not both"),
    ({"field": "vwap"}, MissingColumns, "vwap"),
    ({"fields": []}, InvalidSetting, "name at least one"),
    ({"fields": ["close", "close"]}, InvalidSetting, "each once"),
    ({"align": "outer"}, InvalidSetting, "'outer' is none of union, intersection, calendar"),
    ({"limit": 3}, InvalidSetting, "none is asked for"),
    ({"fill": "ffill"}, InvalidSetting, "limit=n"),
    ({"fill": "ffill", "limit": 0}, InvalidSetting, "limit=n"),
    ({"fill": "ffill", "limit": True}, InvalidSetting, "limit=n"),
    ({"fill": "bfill", "limit": 1}, InvalidSetting, "'bfill' is not ffill"),
    ({"lookback": 3}, InvalidSetting, "there is none"),
    ({"lookback": 3, "last": 4, "start": "1970-01-03"}, InvalidSetting, "one of both"),
)


@pytest.mark.parametrize(("wish", "error", "said"), WRONG)
def test_wishes_that_make_no_sense_are_refused(
    in_memory: BarLedger, faced: Faced, wish: dict[str, Any], error: type[Exception], said: str
) -> None:
    in_memory.write("AAPL", "1d", frame(range(3)), **DESK)
    with pytest.raises(error, match=said):
        faced(in_memory).retrieval.panel("AAPL", "1d", **wish)


def test_an_instrument_that_is_not_there_is_said(bl: BarLedger) -> None:
    with pytest.raises(SeriesNotFound):
        bl.retrieval.panel(["AAPL", "MSFT"], "1d")
    with pytest.warns(NoBars, match="MSFT"):
        panel = bl.retrieval.panel(["AAPL", "MSFT"], "1d", **DESK)
    assert panel["MSFT"].isna().all()


def test_a_panel_of_any_version(bl: BarLedger) -> None:
    first = bl.vault.ledger.now()
    bl.snapshot(["AAPL", "IBM"], "1d", id="bt")
    bl.write("AAPL", "1d", frame([1, 5], 300.0), **DESK)
    assert column(bl.retrieval.panel(["AAPL", "IBM"], "1d"), "AAPL")[5] == 300.05
    for version in ("bt", "first", pd.Timestamp(first, tz="UTC")):
        panel = bl.retrieval.panel(["AAPL", "IBM"], "1d", version=version)
        assert column(panel, "AAPL") == expected([0, 1, 2, 4, 5])
        assert column(panel, "IBM") == expected([2, 4, 5, 6, 9], 50.0)
    assert bl.retrieval.panel(["AAPL", "IBM"], "1d", version="bt").attrs["panel"]["version"] == "bt"


def test_windows_of_a_panel_are_of_each_instrument(bl: BarLedger) -> None:
    panel = bl.retrieval.panel(["AAPL", "IBM"], "1d", last=2)
    assert column(panel, "AAPL") == expected([4, 5])
    assert column(panel, "IBM") == expected([6, 9], 50.0)
    later = bl.retrieval.panel(["AAPL", "IBM"], "1d", start="1970-01-06", lookback=1)
    assert column(later, "AAPL") == expected([4, 5])
    assert column(later, "IBM") == expected([4, 5, 6, 9], 50.0)


def test_a_panel_tells_where_it_comes_from_and_nobody_can_change_that(bl: BarLedger) -> None:
    bl.write("IBM", "1d", frame([7], 60.0), source="vendor")
    bl.cache.prioritise("IBM", ["desk", "vendor"], mode="fill")
    panel = bl.retrieval.panel(["AAPL", "IBM"], "1d")
    told = panel.attrs["panel"]
    assert [(one["source"], one["rows"]) for one in told["series"]["IBM"]] == [("desk", 5), ("vendor", 1)]
    assert told["revision"] == str(max(int(one["revision"]) for each in told["series"].values() for one in each))
    assert (told["timeframe"], told["version"], told["adjustment"]) == ("1d", "latest", "raw")
    assert (panel * 2).attrs["panel"] is told
    assert copy.deepcopy(told) is told
    assert json.loads(json.dumps(told)) == told
    for change in (lambda: told.update(x=1), lambda: told.__setitem__("x", 1), told.clear):
        with pytest.raises(TypeError):
            change()


def test_a_panel_is_the_callers_own(bl: BarLedger) -> None:
    panel = bl.retrieval.panel(["AAPL", "IBM"], "1d")
    panel.iloc[0, 0] = 7.0
    assert bl.retrieval.panel(["AAPL", "IBM"], "1d").iloc[0, 0] == 100.0


@pytest.mark.slow
@settings(max_examples=40)
@given(
    held=st.lists(st.sets(st.integers(0, 25)), min_size=1, max_size=5),
    align=st.sampled_from(["union", "intersection"]),
    limit=st.none() | st.integers(1, 4),
    version=st.sampled_from(["latest", "first"]),
)
def test_panels_are_what_pandas_makes_of_the_bars_one_by_one(
    held: list[set[int]], align: str, limit: int | None, version: str
) -> None:
    names = [f"I{at}" for at in range(len(held))]
    with library(MemoryStore()) as bl:
        for at, (name, kept) in enumerate(zip(names, held, strict=True)):
            bl.write(name, "1d", frame([*sorted(kept), 26], 100.0 * (at + 1)), **DESK)
        bl.write(names[0], "1d", frame([26], 7.0), **DESK)
        fill: dict[str, Any] = {} if limit is None else {"fill": "ffill", "limit": limit}
        panel = bl.retrieval.panel(names, "1d", align=align, version=version, **fill)
        join = "outer" if align == "union" else "inner"
        alone = {name: bl.bars(name, "1d", version=version).df["close"] for name in names}
        wanted = pd.concat(alone, axis=1, join=join, sort=True)
        wanted = wanted if limit is None else wanted.ffill(limit=limit)
        pd.testing.assert_frame_equal(panel, wanted, check_names=False, check_freq=False, check_column_type=False)
