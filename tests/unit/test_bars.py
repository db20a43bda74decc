"""Bars: what a caller holds, in every library's form, and nobody can change it."""

import gc
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from barledger.domain.bars import Bars, SourceSpan, schema
from barledger.domain.digest import digest
from barledger.domain.interval import Interval, everything
from barledger.domain.rows import VALUES, empty_rows
from barledger.domain.series import Series
from barledger.domain.timeframe import DAY
from barledger.errors import CalendarNotFound, MissingColumns
from barledger.testing.bars import days, rows
from sessions import EARLY_CLOSE, Weekdays

DESK, YAHOO = Series.of("AAPL", "1M", "desk"), Series.of("AAPL", "1M", "yahoo")
MONTHS = [0, 31 * DAY, 59 * DAY]
ALL = (*VALUES, "adjustment_factor", "source_id", "revision", "close_time")


def bars(**columns: Any) -> Bars:
    """Return the bars of January to March 1970, of which two come from one source and one from another."""
    return Bars(
        rows=rows(MONTHS, revision=5, **columns),
        series=(DESK, YAHOO),
        interval=everything(),
        version="latest",
        revisions={DESK: 5, YAHOO: 4},
        sources=[
            SourceSpan(source="desk", interval=Interval(0, 59 * DAY), rows=2),
            SourceSpan(source="yahoo", interval=Interval(59 * DAY, 90 * DAY), rows=1),
        ],
    )


def noted() -> Bars:
    return bars(
        close=np.array([60.0, np.nan, 62.0]),
        adjustment_factor=np.array([0.5, np.nan, 1.0]),
        source_id=np.array(["a", None, "c"], np.object_),
    )


def nothing() -> Bars:
    return Bars(
        rows=empty_rows(), series=(DESK,), interval=everything(), version="latest", revisions={DESK: 5}, sources=[]
    )


def test_bars_know_what_they_resolved_to() -> None:
    some = bars()
    assert (len(some), some.instrument, some.timeframe.name, some.revision) == (3, "AAPL", "1M", 5)
    assert some.digest == digest(some.rows, DESK.timeframe).hex()
    assert some.provenance == {
        "instrument": "AAPL",
        "timeframe": "1M",
        "version": "latest",
        "revision": "5",
        "adjustment": "raw",
        "sources": [{"source": "desk", "rows": 2}, {"source": "yahoo", "rows": 1}],
    }


def test_a_bar_is_known_from_its_close_on() -> None:
    assert bars().time.tolist() == MONTHS
    assert bars().close_time.tolist() == [31 * DAY, 59 * DAY, 90 * DAY]


# --- pandas --------------------------------------------------------------------------------------------


def test_the_frame_has_the_values_by_time_in_utc() -> None:
    frame = noted().df
    assert list(frame.columns) == list(VALUES)
    assert frame.index.name == "time"
    assert str(frame.index.dtype) == "datetime64[ns, UTC]"
    assert frame.index.asi8.tolist() == MONTHS
    assert set(map(str, frame.dtypes)) == {"float64"}
    assert np.array_equal(frame["close"], [60.0, np.nan, 62.0], equal_nan=True)
    assert frame.attrs == noted().provenance


def test_other_columns_are_given_to_those_who_ask() -> None:
    frame = noted().to_pandas(ALL)
    assert list(frame.columns) == list(ALL)
    assert [None if pd.isna(text) else text for text in frame["source_id"]] == ["a", None, "c"]
    assert np.array_equal(frame["adjustment_factor"], [0.5, np.nan, 1.0], equal_nan=True)
    assert frame["revision"].tolist() == [5, 5, 5]
    assert frame["close_time"].tolist() == [pd.Timestamp(end, tz="UTC") for end in (31 * DAY, 59 * DAY, 90 * DAY)]


def test_columns_that_no_bar_has_are_missing_in_every_row() -> None:
    frame = bars().to_pandas(["adjustment_factor", "source_id"])
    assert frame.isna().all(axis=None)


def test_a_column_that_does_not_exist_is_refused() -> None:
    with pytest.raises(MissingColumns) as caught:
        bars().to_pandas(["close", "vwap"])
    assert caught.value.columns == ("vwap",)


@pytest.mark.parametrize("columns", [VALUES, ALL, ("close",), ("adjustment_factor", "revision")])
def test_a_frame_is_the_callers_own(columns: tuple[str, ...]) -> None:
    some = noted()
    before = some.digest
    for _ in range(2):
        frame = some.to_pandas(columns)
        for name in frame.select_dtypes("number").columns:
            frame.loc[frame.index[0], name] = 7
            frame[name] += 1
        frame.attrs["version"] = "mine"
    assert digest(some.rows, DESK.timeframe).hex() == before
    assert some.rows.revision.tolist() == [5, 5, 5]
    assert some.df["close"].iloc[0] == 60.0
    assert some.df.attrs["version"] == "latest"


def test_a_frame_outlives_its_bars_and_can_still_be_changed() -> None:
    frame = bars().df
    frame.loc[frame.index[0], "close"] = 7.0
    assert frame["close"].iloc[0] == 7.0


@pytest.mark.parametrize("frozen", [False, True])
def test_arrays_stay_as_they_are_when_a_frame_of_the_same_bars_is_changed(frozen: bool) -> None:  # noqa: FBT001 - a parameter
    some = bars()
    if frozen:
        some.rows.frozen()
    frame, arrays, table = some.df, some.to_numpy(), some.to_arrow()
    closes = arrays["close"].tolist()
    del some
    gc.collect()
    frame.loc[:, "close"] = 7.0
    frame.iloc[0, 0] = 7.0
    assert frame["close"].tolist() == [7.0] * len(closes)
    assert arrays["close"].tolist() == closes
    assert arrays["open"][0] != 7.0
    assert table["close"].to_pylist() == closes


@pytest.mark.skipif(pd.__version__.startswith("2."), reason="this pandas copies at once")
def test_a_frame_takes_no_memory_until_it_is_changed() -> None:
    some = bars()
    first, second = some.df, some.df
    assert np.shares_memory(first["close"].to_numpy(), second["close"].to_numpy())
    second.loc[second.index[0], "close"] = 7.0
    assert first["close"].iloc[0] != 7.0


# --- Arrow, polars, numpy -------------------------------------------------------------------------------


def table_of(some: Bars) -> pa.Table:
    return pa.table(some)


@pytest.mark.parametrize("form", [Bars.to_arrow, table_of])
def test_the_table_has_the_one_schema(form: Callable[[Bars], pa.Table]) -> None:
    table = form(noted())
    assert table.schema.equals(schema())
    assert table.column_names == ["time", *VALUES, "adjustment_factor", "source_id", "revision"]
    assert table["time"].cast(pa.int64()).to_pylist() == MONTHS
    assert table["close"].to_pylist() == [60.0, None, 62.0]
    assert table["adjustment_factor"].to_pylist() == [0.5, None, 1.0]
    assert table["source_id"].to_pylist() == ["a", None, "c"]
    assert table["revision"].to_pylist() == [5, 5, 5]
    assert table.schema.metadata[b"barledger.revision"] == b"5"


def test_a_table_of_plain_bars_has_nulls_for_what_they_lack() -> None:
    table = bars().to_arrow()
    assert table["adjustment_factor"].null_count == table["source_id"].null_count == 3


@pytest.mark.parametrize("form", [Bars.to_polars, pl.DataFrame])
def test_polars_takes_bars(form: Callable[[Bars], pl.DataFrame]) -> None:
    frame = form(noted())
    assert frame.schema["time"] == pl.Datetime("ns", "UTC")
    assert frame["time"].cast(pl.Int64).to_list() == MONTHS
    assert frame["close"].to_list() == [60.0, None, 62.0]
    assert frame["source_id"].to_list() == ["a", None, "c"]


def test_arrays_are_views_that_nobody_can_write() -> None:
    some = noted()
    arrays = some.to_numpy()
    assert list(arrays) == ["time", *VALUES]
    assert arrays["time"].dtype == np.dtype("datetime64[ns]")
    assert all(np.shares_memory(array, getattr(some.rows, name)) for name, array in arrays.items())
    for array in arrays.values():
        with pytest.raises(ValueError, match="read-only"):
            array[0] = array[1]


def test_no_bars_have_every_form_too() -> None:
    none = nothing()
    assert (len(none), len(none.df), none.to_arrow().num_rows, none.to_polars().height) == (0, 0, 0, 0)
    assert str(none.df.index.dtype) == "datetime64[ns, UTC]"
    assert none.to_arrow().schema.equals(schema())
    assert [len(array) for array in none.to_numpy().values()] == [0] * 6
    assert len(none.close_time) == 0
    assert repr(none) == "<Bars AAPL 1M latest: 0 bars>"


# --- for people ----------------------------------------------------------------------------------------


def test_bars_say_what_they_are() -> None:
    expected = (
        "<Bars AAPL 1M latest: 3 bars, 1970-01-01T00:00:00Z to 1970-03-01T00:00:00Z, from desk, yahoo, revision 5>"
    )
    assert repr(bars()) == expected


def test_a_notebook_shows_the_first_bars_and_escapes_names() -> None:
    series = Series.of("<b>", "1d", "desk")
    many = Bars(
        rows=rows(days(0, 50)),
        series=(series,),
        interval=everything(),
        version="latest",
        revisions={series: 1},
        sources=[],
    )
    shown = many._repr_html_()
    assert "&lt;b&gt;" in shown
    assert "<b>" not in shown
    assert shown.count("<tr") < 20


# --- what was asked for ---------------------------------------------------------------------------------


def asked(**options: Any) -> Bars:
    return Bars(
        rows=rows(MONTHS, revision=5),
        series=(DESK,),
        interval=everything(),
        version="latest",
        revisions={DESK: 5},
        sources=[],
        **options,
    )


def test_bars_of_a_session_close_with_it() -> None:
    calendar = Weekdays()
    day = int(pd.Timestamp("2021-03-05", tz="UTC").value)
    series = Series.of("AAPL", "1d", "desk")
    friday = Bars(
        rows=rows([day]),
        series=(series,),
        interval=everything(),
        version="latest",
        revisions={series: 1},
        sources=[],
        calendar=lambda: calendar,
    )
    assert friday.close_time.tolist() == [day + EARLY_CLOSE]
    assert friday.to_pandas(["close_time"])["close_time"].tolist() == [pd.Timestamp("2021-03-05T18:00:00Z")]


def test_a_calendar_is_only_asked_for_closing_times() -> None:
    def missing() -> Any:
        raise CalendarNotFound(calendar="XXXX")

    some = asked(calendar=missing)
    assert len(some.df) == len(some.to_arrow()) == 3
    with pytest.raises(CalendarNotFound):
        _ = some.close_time


def test_every_form_has_the_columns_that_were_asked_for() -> None:
    some = asked(columns=("close", "close_time"))
    assert list(some.df.columns) == ["close", "close_time"]
    assert some.to_arrow().column_names == some.to_polars().columns == ["time", "close", "close_time"]
    assert list(some.to_numpy()) == ["time", "close", "close_time"]
    assert some.digest == asked().digest
    assert list(some.to_pandas(["volume"]).columns) == ["volume"]


def test_marks_are_columns_that_nobody_can_change() -> None:
    seen = np.array([True, False, True])
    some = asked(marks={"observed": seen}, notes={"known_within": {"observed": 2}})
    assert list(some.df.columns) == [*VALUES, "observed"]
    assert some.df["observed"].dtype == bool
    assert some.to_arrow().column_names == [*schema().names, "observed"]
    assert some.to_numpy()["observed"].tolist() == [True, False, True]
    frame = some.df
    frame.loc[:, "observed"] = True
    assert some.marks["observed"].tolist() == [True, False, True]
    with pytest.raises(ValueError, match="read-only"):
        some.marks["observed"][1] = True
    assert some.provenance["known_within"] == {"observed": 2}
