"""Intake: bars of any library become the same rows, and what is not clear is refused."""

import datetime as dt
from collections.abc import Callable
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from barledger.domain.bars import Bars
from barledger.domain.intake import canonical, intake
from barledger.domain.interval import everything, parse_time
from barledger.domain.rows import VALUES, Rows
from barledger.domain.series import Series
from barledger.domain.timeframe import DAY, Timeframe
from barledger.errors import (
    BarledgerError,
    DuplicateColumns,
    InvalidBars,
    MissingColumns,
    NaiveTimes,
    OffGrid,
    WrongType,
)
from barledger.testing.bars import assert_same

DAILY, MINUTELY = Timeframe.of("1d"), Timeframe.of("1m")
START = parse_time("2005-02-28")
TIMES = pd.DatetimeIndex(["2005-02-28", "2005-03-01", "2005-03-02"], tz="UTC", name="time")
COLUMNS = {
    "open": [10.0, 11.0, 12.0],
    "high": [11.0, 12.0, 13.5],
    "low": [9.5, 10.0, 11.0],
    "close": [10.5, 11.0, 13.25],
    "volume": [100.0, 200.0, 0.0],
}


def frame(**columns: Any) -> pd.DataFrame:
    """Return three days of bars with the time as a column; ``columns`` replace some or are added."""
    return pd.DataFrame({"time": TIMES, **COLUMNS, **columns})


def mappings() -> list[dict[str, Any]]:
    return [{name: frame()[name][at] for name in frame().columns} for at in range(3)]


EXPECTED = intake(frame(), DAILY).rows


def refused(data: Any, error: type[BarledgerError], timeframe: Timeframe = DAILY, **options: Any) -> BarledgerError:
    with pytest.raises(error) as caught:
        intake(data, timeframe, **options)
    assert type(caught.value) is error
    return caught.value


class OnlyStream:
    """An object of a library that nobody knows, with the Arrow PyCapsule protocol."""

    def __init__(self, table: pa.Table) -> None:
        self._table = table

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        return self._table.__arrow_c_stream__(requested_schema)


# --- forms ---------------------------------------------------------------------------------------------


def test_rows_are_what_was_given() -> None:
    assert EXPECTED.time.tolist() == [START, START + DAY, START + 2 * DAY]
    assert {name: getattr(EXPECTED, name).tolist() for name in VALUES} == COLUMNS
    assert (EXPECTED.adjustment_factor, EXPECTED.source_id) == (None, None)


TABLE = pa.Table.from_pandas(frame(), preserve_index=False)
FORMS: dict[str, Callable[[], Any]] = {
    "pandas": frame,
    "pandas by index": lambda: frame().set_index("time"),
    "pandas by an index without a name": lambda: frame().set_index("time").rename_axis(None),
    "pandas in New York": lambda: frame(time=TIMES.tz_convert("America/New_York")),
    "pandas in seconds": lambda: frame(time=TIMES.as_unit("s")),
    "pandas of objects": lambda: frame().astype(object),
    "pandas masked": lambda: frame().convert_dtypes(),
    "pandas on Arrow": lambda: frame().convert_dtypes(dtype_backend="pyarrow"),
    "pandas with capitals": lambda: frame().rename(columns=str.upper),
    "pandas with another order and more columns": lambda: frame(vwap=[1.0, 2.0, 3.0]).iloc[:, ::-1],
    "pyarrow": lambda: TABLE,
    "pyarrow in chunks": lambda: pa.concat_tables([TABLE.slice(0, 1), TABLE.slice(1)]),
    "pyarrow batch": lambda: TABLE.to_batches()[0],
    "pyarrow reader": TABLE.to_reader,
    "pyarrow with an index of pandas": lambda: pa.Table.from_pandas(frame().set_index("time")),
    "polars": lambda: pl.DataFrame(TABLE),
    "polars lazily": lambda: pl.DataFrame(TABLE).lazy(),
    "a stream": lambda: OnlyStream(TABLE),
    "mappings": mappings,
    "a tuple of mappings": lambda: tuple(mappings()),
    "mappings with texts": lambda: [bar | {"time": bar["time"].isoformat()} for bar in mappings()],
    "mappings with datetimes": lambda: [bar | {"time": bar["time"].to_pydatetime()} for bar in mappings()],
    "mappings with dates": lambda: [bar | {"time": bar["time"].date()} for bar in mappings()],
    "mappings with days": lambda: [bar | {"time": str(bar["time"].date())} for bar in mappings()],
    "pyarrow dates": lambda: TABLE.set_column(0, "date", TABLE["time"].cast(pa.date32())),
    "polars dates": lambda: pl.DataFrame(TABLE).with_columns(pl.col("time").dt.date()),
}


@pytest.mark.parametrize("form", FORMS)
def test_every_form_gives_the_same_rows(form: str) -> None:
    assert_same(intake(FORMS[form](), DAILY).rows, EXPECTED)


@pytest.mark.parametrize("name", ["time", "timestamp", "Datetime", "Date", "open_time"])
def test_the_time_may_go_by_several_names(name: str) -> None:
    assert_same(intake(frame().rename(columns={"time": name}), DAILY).rows, EXPECTED)


def test_a_mapping_names_columns_and_wins() -> None:
    theirs = frame(last=COLUMNS["close"], close=[0.0, 0.0, 0.0]).rename(columns={"volume": "v", "time": "t"})
    read = intake(theirs, DAILY, columns={"close": "last", "volume": "v", "time": "t"})
    assert_same(read.rows, EXPECTED)


def test_bars_themselves_go_round() -> None:
    noted = frame(adjustment_factor=[1.0, np.nan, 0.5], source_id=["a", None, "Ünï"], close=[10.5, np.nan, 13.25])
    given = intake(noted, DAILY).rows
    series = Series.of("AAPL", "1d", "desk")
    bars = Bars(
        rows=given.stamped(revision=7, edition=1),
        series=(series,),
        interval=everything(),
        version="latest",
        revisions={series: 7},
        sources=[],
    )
    assert_same(intake(bars, DAILY).rows, given)
    assert_same(intake(bars.df, DAILY).rows, _without_notes(given))
    assert_same(intake(bars.to_polars(), DAILY).rows, given)


def _without_notes(given: Rows) -> Rows:
    plain = {name: getattr(given, name) for name in ("time", *VALUES, "revision", "edition")}
    return Rows(**plain)


@pytest.mark.parametrize("nothing", [[], (), frame().iloc[:0], TABLE.slice(0, 0), pl.DataFrame(TABLE).head(0)])
def test_no_bars_are_no_rows(nothing: Any) -> None:
    assert len(intake(nothing, DAILY).rows) == 0


@pytest.mark.parametrize(
    "data", [None, 5, "time,open", b"bars", {"time": []}, iter([]), object(), frame()["close"], pl.Series([1.0])]
)
def test_what_holds_no_bars_is_refused(data: Any) -> None:
    refused(data, WrongType)


def test_a_list_of_anything_but_mappings_is_refused() -> None:
    assert "not a mapping" in str(refused([[1, 2, 3]], WrongType))


# --- columns -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("missing", ["time", *VALUES])
def test_a_missing_column_is_named(missing: str) -> None:
    error = refused(frame().drop(columns=missing), MissingColumns)
    assert error.details()["columns"] == (missing,)


def test_a_mapping_to_a_column_that_is_not_there_is_refused() -> None:
    error = refused(frame(), MissingColumns, columns={"close": "last"})
    assert error.details()["columns"] == ("last",)


def test_two_columns_of_one_name_are_refused() -> None:
    twice = pd.concat([frame(), frame()[["close"]]], axis=1)
    error = refused(twice, DuplicateColumns)
    assert (error.details()["column"], error.details()["name"]) == ("close", "close")
    refused(pa.table([*TABLE.columns, TABLE["close"]], names=[*TABLE.column_names, "close"]), DuplicateColumns)


def test_names_that_differ_by_case_alone_are_refused_unless_a_mapping_chooses() -> None:
    twice = frame(Close=[1.0, 2.0, 3.0])
    refused(twice, DuplicateColumns)
    assert_same(intake(twice, DAILY, columns={"close": "close"}).rows, EXPECTED)


def test_a_duplicate_that_nobody_reads_does_no_harm() -> None:
    extra = pd.DataFrame([[1, 2]] * 3, columns=["note", "note"])
    assert_same(intake(pd.concat([frame(), extra], axis=1), DAILY).rows, EXPECTED)


def test_the_two_headers_of_a_download_of_several_tickers_are_refused_by_name() -> None:
    download = frame().set_index("time")
    download.columns = pd.MultiIndex.from_product([[name.title() for name in VALUES], ["AAPL"]])
    error = refused(download, MissingColumns)
    assert error.details()["columns"] == VALUES
    assert "('Close', 'AAPL')" in str(error)
    mapped = intake(download, DAILY, columns={name: (name.title(), "AAPL") for name in VALUES})  # type: ignore[misc]
    assert_same(mapped.rows, EXPECTED)


# --- times ---------------------------------------------------------------------------------------------

NAIVE = TIMES.tz_localize(None)


@pytest.mark.parametrize(
    "times",
    [
        NAIVE,
        NAIVE.astype(object),
        [stamp.isoformat() for stamp in NAIVE],
        [stamp.to_pydatetime() for stamp in NAIVE],
        [NAIVE[0], TIMES[1], TIMES[2]],
    ],
)
def test_times_without_a_zone_are_refused(times: Any) -> None:
    refused(frame(time=pd.Series(list(times), dtype=object)), NaiveTimes)
    refused(frame(time=times), NaiveTimes)


def test_an_index_without_a_zone_is_refused() -> None:
    refused(frame().drop(columns="time").set_index(NAIVE), NaiveTimes)


def test_the_advice_about_naive_days_is_utc_and_about_shorter_bars_their_zone() -> None:
    indexed = frame().drop(columns="time").set_index(NAIVE)
    for data in (indexed, frame(time=NAIVE), frame(time=[str(one) for one in NAIVE])):
        for name, zone in (("1d", "'UTC'"), ("1w", "'UTC'"), ("1h", "'America/New_York'")):
            with pytest.raises(NaiveTimes) as caught:
                intake(data, Timeframe.of(name))
            assert f"tz_localize({zone})" in caught.value.advice


@pytest.mark.parametrize("dates", [[stamp.date() for stamp in TIMES], ["2005-02-28", "2005-03-01", "2005-03-02"]])
def test_dates_are_midnights_in_utc_for_days_and_longer_only(dates: list[Any]) -> None:
    assert_same(intake(frame(time=dates), DAILY).rows, EXPECTED)
    refused(frame(time=dates), NaiveTimes, Timeframe.of("12h"))


def test_zones_may_differ_from_bar_to_bar() -> None:
    zones = ("Asia/Tokyo", "America/New_York", "UTC")
    times = [stamp.to_pydatetime().astimezone(ZoneInfo(zone)) for stamp, zone in zip(TIMES, zones, strict=True)]
    assert_same(intake(frame(time=pd.Series(times, dtype=object)), DAILY).rows, EXPECTED)


@pytest.mark.parametrize(
    "times",
    [
        [1_109_548_800, 1_109_635_200, 1_109_721_600],
        [1.0, 2.0, 3.0],
        [True, False, True],
        ["soon", "later", "never"],
        ["2005-02-28", "2005-03-01", "2005-13-01"],
        [None, None, None],
        [*TIMES[:2], pd.NaT],
        [TIMES[0].date(), None, TIMES[2].date()],
        pd.to_timedelta([1, 2, 3], unit="D"),
    ],
)
def test_what_is_no_time_is_refused(times: Any) -> None:
    refused(frame(time=times), WrongType)


@pytest.mark.parametrize("year", [1500, 2999])
def test_times_beyond_counting_are_refused(year: int) -> None:
    far = dt.datetime(year, 1, 1, tzinfo=dt.UTC)
    refused(frame(time=pd.Series([far] * 3, dtype=object)), WrongType)
    refused(frame(time=pd.Series([far.date()] * 3, dtype=object)), WrongType)
    refused(TABLE.set_column(0, "time", pa.array([far] * 3, pa.timestamp("us", "UTC"))), WrongType)
    refused(pl.DataFrame(TABLE).with_columns(time=pl.lit(far, pl.Datetime("us", "UTC"))), WrongType)


def test_nanoseconds_arrive() -> None:
    error = refused(frame(time=TIMES + pd.Timedelta(1, unit="ns")), OffGrid, MINUTELY)
    assert error.details()["times"] == (START + 1, START + DAY + 1, START + 2 * DAY + 1)


# --- values --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "values",
    [
        pd.Series([100, 200, 0]),
        pd.Series([100, 200, 0], dtype="uint8"),
        pd.Series([100, 200, 0], dtype="Int64"),
        pd.Series([100, 200, 0], dtype="Float32"),
        pd.Series([100, 200, 0], dtype="float32"),
        pd.Series([100, 200, 0], dtype="int32[pyarrow]"),
        pd.Series([100, 200, 0], dtype=pd.ArrowDtype(pa.decimal128(10, 2))),
        pd.Series([Decimal("100.0"), Decimal(200), Decimal("0E-8")]),
        pd.Series([100, 200.0, np.int64(0)], dtype=object),
        pd.Series([100, 200, 0], dtype="Sparse[float64]"),
    ],
)
def test_any_real_numbers_are_values(values: pd.Series) -> None:
    assert_same(intake(frame(volume=values), DAILY).rows, EXPECTED)


@pytest.mark.parametrize("kind", [pa.int32(), pa.uint64(), pa.float32(), pa.decimal128(20, 4)])
def test_any_numbers_of_arrow_are_values(kind: Any) -> None:
    volume = TABLE["volume"].cast(kind)
    assert_same(intake(TABLE.set_column(5, "volume", volume), DAILY).rows, EXPECTED)
    assert_same(intake(pl.DataFrame(TABLE.set_column(5, "volume", volume)), DAILY).rows, EXPECTED)


@pytest.mark.parametrize(
    "values",
    [
        [100.0, None, 0.0],
        [100.0, np.nan, 0.0],
        pd.Series([100, None, 0], dtype="Int64"),
        pd.Series([100, None, 0], dtype="Float64"),
        pd.Series([100, None, 0], dtype="int64[pyarrow]"),
        pd.Series([100, None, 0], dtype=object),
        pd.Series([100, pd.NA, 0], dtype=object),
        pd.Series([Decimal(100), Decimal("NaN"), Decimal(0)]),
    ],
)
def test_a_missing_value_is_missing_in_any_spelling(values: Any) -> None:
    volume = intake(frame(volume=values), DAILY).rows.volume
    assert volume.view(np.int64).tolist() == np.array([100.0, np.nan, 0.0]).view(np.int64).tolist()


def test_a_key_that_a_mapping_lacks_is_a_missing_value() -> None:
    bars = mappings()
    del bars[1]["volume"]
    assert np.isnan(intake(bars, DAILY).rows.volume).tolist() == [False, True, False]


@pytest.mark.parametrize(
    "values",
    [
        ["100", "200", "0"],
        pd.Series(["100", "200", "0"], dtype="string"),
        pd.Series(["100", "200", "0"], dtype="string[pyarrow]"),
        pd.Series(["100", "200", "0"], dtype="category"),
        [100.0, "200", 0.0],
        [b"100", b"200", b"0"],
        [True, False, True],
        pd.Series([True, None, False], dtype="boolean"),
        pd.Series([100.0, np.True_, 0.0], dtype=object),
        TIMES,
        NAIVE,
        pd.to_timedelta([1, 2, 3], unit="D"),
        np.array([100 + 1j, 200, 0]),
        [[1], [2], [3]],
        [{}, {}, {}],
        pd.Series([10**400, 200, 0], dtype=object),
    ],
)
@pytest.mark.parametrize("name", ["volume", "adjustment_factor"])
def test_what_is_no_number_is_refused(name: str, values: Any) -> None:
    assert refused(frame(**{name: values}), WrongType).details()["column"] == name


def test_texts_of_arrow_and_polars_are_refused() -> None:
    texts = TABLE.set_column(5, "volume", TABLE["volume"].cast(pa.string()))
    refused(texts, WrongType)
    refused(pl.DataFrame(texts), WrongType)


def test_values_are_canonical() -> None:
    odd = np.array([-0.0, 1.0, np.nan])
    odd.view(np.uint64)[2] = 0xFFF8_0000_0000_00AB
    clean = canonical(odd)
    assert clean.view(np.uint64).tolist() == [0, 0x3FF0_0000_0000_0000, 0x7FF8_0000_0000_0000]
    assert odd.view(np.uint64)[2] == 0xFFF8_0000_0000_00AB, "the caller's own array is left alone"
    assert canonical(clean) is clean


# --- what else a bar may have -------------------------------------------------------------------------------


def test_a_factor_and_a_source_id_are_taken_along() -> None:
    read = intake(frame(Adjustment_Factor=[1, None, 2], SOURCE_ID=["a", np.nan, "c"]), DAILY).rows
    assert read.adjustment_factor is not None
    assert read.source_id is not None
    assert np.array_equal(read.adjustment_factor, [1.0, np.nan, 2.0], equal_nan=True)
    assert read.source_id.tolist() == ["a", None, "c"]


def test_columns_that_are_wholly_missing_are_none() -> None:
    read = intake(frame(adjustment_factor=[None] * 3, source_id=[None] * 3), DAILY).rows
    assert (read.adjustment_factor, read.source_id) == (None, None)


def test_a_source_id_is_text() -> None:
    assert refused(frame(source_id=[1, 2, 3]), WrongType).details()["found"] == "int"


@pytest.mark.parametrize("text", ["", "a\nb", "a\rb", "a\x00b", "a\ud800"])
def test_a_source_id_that_no_store_can_hold_is_refused(text: str) -> None:
    values = pd.Series(["a", text, None], dtype=object)
    assert refused(frame(source_id=values), InvalidBars).details()["count"] == 1


# --- validation ----------------------------------------------------------------------------------------


def test_what_is_read_is_validated() -> None:
    refused(frame(time=TIMES + pd.Timedelta(hours=5)), OffGrid)
    done = intake(frame(high=[11.0, np.inf, 13.5]), DAILY, on_invalid="quarantine")
    assert done.rows.time.tolist() == [START, START + 2 * DAY]
    assert [one.time for one in done.rejected] == [START + DAY]


def test_the_callers_data_are_left_alone() -> None:
    given = frame(volume=[-0.0, np.nan, 1.0])
    before = given.copy(deep=True)
    intake(given, DAILY)
    pd.testing.assert_frame_equal(given, before)
    assert np.signbit(given["volume"][0])
