"""What detection takes: anybody's frames, in any order and zone, of few rows and of none; and what it refuses."""

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import barledger
from barledger.errors import (
    DuplicateColumns,
    InfiniteValue,
    InvalidSetting,
    InvalidTimeframe,
    MissingColumns,
    WrongType,
)
from vendor import FOLDER, PRICES, adjusted, scaled, walk

SPLIT = FOLDER / "4063-T-1d-bad-stock-split.csv"


def wrong() -> pd.DataFrame:
    return scaled(walk(1, rows=60), slice(20, 23), 100.0, PRICES)


def test_times_are_given_back_in_the_frames_own_zone() -> None:
    frame = wrong()
    (finding,) = barledger.inspect(frame).findings
    assert (finding.start, finding.end) == (frame.index[20], frame.index[22] + pd.Timedelta(days=1))
    assert str(finding.start.tz) == "America/New_York"
    (naive,) = barledger.inspect(frame.tz_localize(None)).findings
    assert naive.start == frame.index[20].tz_localize(None)


def test_texts_with_several_offsets_keep_each_their_own() -> None:
    frame = wrong()
    frame.index = frame.index + pd.Timedelta(days=60)
    texts = frame.set_axis(pd.Index([stamp.isoformat() for stamp in frame.index], name="Date")).reset_index()
    assert len({text[-6:] for text in texts["Date"]}) == 2
    (finding,) = barledger.inspect(texts).findings
    assert finding.start == frame.index[20]
    assert finding.start.utcoffset() == frame.index[20].utcoffset()


@pytest.mark.parametrize("turn", [lambda frame: frame.iloc[::-1], lambda frame: frame.sample(frac=1, random_state=3)])
def test_order_does_not_matter_and_is_kept(turn: object) -> None:
    frame = wrong()
    turned = turn(frame)  # type: ignore[operator]
    report, straight = barledger.inspect(turned), barledger.inspect(frame)
    assert [str(one) for one in report.findings] == [str(one) for one in straight.findings]
    pd.testing.assert_index_equal(report.corrected.index, turned.index)
    pd.testing.assert_frame_equal(report.corrected.sort_index(), straight.corrected, check_freq=False)


def test_polars_and_arrow_are_given_back_as_such() -> None:
    frame = wrong().reset_index()
    straight = barledger.inspect(frame)
    polars = barledger.inspect(pl.from_pandas(frame))
    assert isinstance(polars.corrected, pl.DataFrame)
    assert polars.corrected.schema == pl.from_pandas(frame).schema
    np.testing.assert_allclose(polars.corrected["Close"].to_numpy(), straight.corrected["Close"])
    arrow = barledger.inspect(pa.Table.from_pandas(frame))
    assert isinstance(arrow.corrected, pa.Table)
    assert [one.kind for one in arrow.findings] == [one.kind for one in polars.findings] == ["unit_error"]


def test_names_of_barledger_and_a_list_of_mappings_do_as_well() -> None:
    lower = wrong().rename(columns=str.lower).rename_axis("time").reset_index()
    assert [one.fields[0] for one in barledger.inspect(lower).findings] == ["open"]
    assert [one.kind for one in barledger.inspect(lower.to_dict("records")).findings] == ["unit_error"]


def test_columns_of_one_ticker_in_two_levels() -> None:
    frame = wrong()
    levels = frame.set_axis(pd.MultiIndex.from_product([frame.columns, ["AAPL"]], names=["Price", "Ticker"]), axis=1)
    report = barledger.inspect(levels)
    assert [one.kind for one in report.findings] == ["unit_error"]
    pd.testing.assert_index_equal(report.corrected.columns, levels.columns)


def test_whole_numbers_stay_whole_where_they_are() -> None:
    frame = pd.read_csv(SPLIT)
    corrected = barledger.inspect(frame).corrected
    assert dict(corrected.dtypes) == dict(frame.dtypes)


def test_a_close_alone_is_enough() -> None:
    frame = wrong()[["Close"]]
    assert [one.kind for one in barledger.inspect(frame).findings] == ["unit_error"]


@pytest.mark.parametrize("rows", [0, 1, 2, 3, 5])
def test_few_rows_are_no_fault(rows: int) -> None:
    frame = walk(2, rows=400, dividends=True).iloc[:rows]
    report = barledger.inspect(frame)
    assert report.ok
    pd.testing.assert_frame_equal(report.corrected, frame)


def test_a_frame_without_rows_has_no_findings() -> None:
    for frame in (walk(2).iloc[:0], walk(2).iloc[:0].reset_index(), pd.DataFrame({"time": [], "close": []})):
        assert barledger.inspect(frame).findings == ()


def test_missing_values_are_passed_over() -> None:
    frame = wrong()
    frame.iloc[5] = np.nan
    frame.iloc[7, 0] = np.nan
    report = barledger.inspect(frame)
    assert [one.kind for one in report.findings] == ["unit_error"]
    assert report.corrected.iloc[5].isna().all()
    nothing = frame * np.nan
    assert barledger.inspect(nothing).findings == ()


def test_a_dividend_in_a_row_without_prices_counts_for_the_next() -> None:
    frame = walk(11, dividends=True)
    moved = frame.copy()
    moved.iloc[83, [moved.columns.get_loc(name) for name in (*PRICES, "Adj Close", "Volume")]] = np.nan
    report = barledger.inspect(scaled(moved, slice(83, 84), 100.0, ["Dividends"]))
    assert [one.kind for one in report.findings if one.certain] == ["dividend_too_big"]
    np.testing.assert_allclose(report.corrected["Dividends"], frame["Dividends"], rtol=1e-9)


def test_weekly_bars_may_take_a_dividend_a_bar_later() -> None:
    frame = pd.read_csv(FOLDER / "AV-L-1wk-bad-stock-split-fixed.csv")
    assert barledger.inspect(frame).ok
    assert barledger.inspect(frame, timeframe="1wk").ok


@pytest.mark.parametrize(
    ("frame", "error"),
    [
        (walk(1).drop(columns="Close"), MissingColumns),
        (walk(1).reset_index(drop=True), WrongType),
        (walk(1).assign(Close="x"), WrongType),
        (walk(1).assign(Close=True), WrongType),
        (walk(1).assign(Close=1j), WrongType),
        (walk(1).assign(Close=np.inf), InfiniteValue),
        (walk(1).assign(close=1.0), DuplicateColumns),
        (walk(1).reset_index().assign(Date="no day"), WrongType),
        (walk(1).reset_index().assign(Date=None), WrongType),
        (walk(1).reset_index().assign(Date=1), WrongType),
        (pd.DataFrame({"time": ["2020-01-01", "2020-01-02T00:00:00Z"], "close": [1.0, 2.0]}), WrongType),
        (pd.DataFrame({"time": ["9999-01-01", "2020-01-02"], "close": [1.0, 2.0]}), WrongType),
        ([1, 2], WrongType),
        ("AAPL", WrongType),
        (None, WrongType),
        (7, WrongType),
    ],
)
def test_a_frame_that_cannot_be_read_is_refused_by_type(frame: object, error: type[Exception]) -> None:
    with pytest.raises(error):
        barledger.inspect(frame)


def test_settings_are_checked() -> None:
    with pytest.raises(InvalidTimeframe):
        barledger.inspect(walk(1), timeframe="1y")
    with pytest.raises(InvalidSetting):
        barledger.inspect(walk(1), adjusted="half")  # type: ignore[arg-type]
    with pytest.raises(InvalidSetting):
        barledger.inspect(barledger.inspect(walk(1)))


def test_the_callers_frame_is_not_changed() -> None:
    frame = wrong()
    before = frame.copy(deep=True)
    barledger.inspect(frame)
    pd.testing.assert_frame_equal(frame, before)


def test_a_report_can_be_read_by_people() -> None:
    report = barledger.inspect(wrong())
    assert repr(report) == "<Inspection of 60 bars: 1 findings, 1 certain>"
    assert "unit_error [2020-01-29 00:00:00-05:00, 2020-02-01 00:00:00-05:00) Open, High, Low, Close" in str(report)


def test_adj_close_without_dividends_told_is_not_asked_for_them() -> None:
    frame = adjusted(walk(11, dividends=True)).drop(columns="Dividends")
    assert barledger.inspect(frame).ok
