"""Batches of many instruments: the same numbers as one at a time, whatever fails, and in bounded memory."""

import gc
import tracemalloc
from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
import pytest

import barledger
from barledger.barledger import BarLedger
from barledger.errors import (
    Incomplete,
    SeriesNotFound,
    StoreDamaged,
)
from barledger.services.indicators.batched import Batch
from barledger.services.indicators.progress import Computed
from barledger.stores.memory import MemoryStore
from batches import NAMES, same, twelve, walk
from libraries import library
from own_indicators import defined

SPECS = ["rsi(14)", "sma(rsi(14), 9)", "macd", "atr(14)", "obv"]


@pytest.fixture(scope="module")
def bl() -> Iterator[BarLedger]:
    with twelve() as opened:
        yield opened


@pytest.mark.parametrize("start", [None, "2020-09-01"])
@pytest.mark.parametrize("threads", [1, 2])
def test_a_batch_is_what_each_calculation_is(bl: BarLedger, start: str | None, threads: int) -> None:
    found = bl.indicators.batch(NAMES, "1d", SPECS, start=start, threads=threads)
    assert list(found) == NAMES
    for name in NAMES:
        same(found[name], bl.indicators.calculate(SPECS, name, "1d", start=start))


def test_the_frame_has_every_instrument_by_time(bl: BarLedger) -> None:
    found = bl.indicators.batch(NAMES, "1d", SPECS)
    frame = found.df
    assert frame.index.names == ["instrument", "time"]
    assert tuple(frame.columns) == found.columns
    assert len(frame) == found.rows == sum(300 + 10 * number for number in range(12))
    for name in NAMES:
        pd.testing.assert_frame_equal(frame.loc[name], found[name].df, check_freq=False)


def test_instruments_of_the_same_times_have_one_level_of_them(bl: BarLedger) -> None:
    bars = bl.retrieval.bars_of(NAMES[:3], "1d", end="2020-06-01")
    frame = bl.indicators.batch(bars, specs="rsi(14)").df
    assert [len(level) for level in frame.index.levels] == [3, 152]
    assert frame.index.is_unique
    assert frame.loc[("S01", pd.Timestamp("2020-05-31", tz="UTC")), "rsi(14)"] > 0


def test_bars_in_hand_are_computed_as_stored_ones_are(bl: BarLedger) -> None:
    stored = bl.indicators.batch(NAMES, "1d", SPECS)
    by_name = bl.retrieval.bars_of(NAMES, "1d")
    assert bl.indicators.batch(by_name, specs=SPECS).digest == stored.digest
    assert bl.indicators.batch(list(by_name.values()), "1d", SPECS).digest == stored.digest
    one = bl.indicators.batch(by_name["S00"], specs="rsi(14)")
    assert list(one) == ["S00"]


def test_arrow_has_null_where_a_value_is_missing(bl: BarLedger) -> None:
    table = bl.indicators.batch(NAMES[:2], "1d", "rsi(14)").to_arrow()
    assert table.column_names == ["instrument", "time", "rsi(14)"]
    assert table["rsi(14)"].null_count == 2 * 14
    assert table["instrument"].unique().to_pylist() == ["S00", "S01"]


# --- failures --------------------------------------------------------------------------------------


def test_what_fails_stops_no_other_and_is_said(bl: BarLedger) -> None:
    with pytest.warns(Incomplete, match=r"of 4 instruments 2 failed: NOPE \[series-not-found\], GONE"):
        found = bl.indicators.batch(["S01", "NOPE", "S02", "GONE"], "1d", SPECS)
    assert list(found) == ["S01", "S02"]
    assert set(found.failures) == {"NOPE", "GONE"}
    assert "2 failed: NOPE [series-not-found]" in repr(found)
    assert "NOPE" in found.provenance["failures"]
    with pytest.raises(SeriesNotFound, match="NOPE"):
        found["NOPE"]
    same(found["S02"], bl.indicators.calculate(SPECS, "S02", "1d"))


@pytest.mark.parametrize("policy", [None, "skip"])
def test_another_instrument_that_is_not_there_costs_the_columns_of_it(bl: BarLedger, policy: Any) -> None:
    specs = ["rsi(14)", "correl(close, @NOPE, 30)", "sma(correl(close, @S03, 30), 3)", "sma(rsi(@NOPE), 3)"]
    options: dict[str, Any] = {"start": "2020-06-01", "nan_policy": policy}
    with pytest.warns(Incomplete, match="2 failed in part"):
        found = bl.indicators.batch(["S01", "S02"], "1d", specs, **options)
    failed = found.column_failures["S01"]
    assert {name: error.code for name, error in failed.items()} == dict.fromkeys(specs[1::2], "series-not-found")
    assert "NOPE 1d" in str(failed[specs[1]])
    alone = bl.indicators.calculate(specs[::2], "S02", "1d", **options)
    assert (found["S02"].digest, found["S02"].standings) == (alone.digest, alone.standings)
    each = dict(bl.indicators.batches(["S01", "S02"], "1d", specs, **options))
    same(each["S02"], found["S02"])
    with pytest.warns(Incomplete, match=r"2 failed: S01 \[series-not-found\]"):
        assert not bl.indicators.batch(["S01", "S02"], "1d", specs[1]).rows


def test_another_instrument_that_is_not_there_costs_no_more_where_the_warm_up_is_read_again() -> None:
    holed = walk(300, 1)
    holed.iloc[100:190, holed.columns.get_loc("close")] = np.nan
    with library(MemoryStore()) as own:
        own.write("A", "1d", holed, source="x")
        options: dict[str, Any] = {"start": holed.index[200], "nan_policy": "skip"}
        with pytest.warns(Incomplete, match=r"in part: correl\(close, @NOPE, 30\) of A \[series-not-found\]"):
            found = own.indicators.batch(["A"], "1d", ["sma(30)", "correl(close, @NOPE, 30)"], **options)
        alone = own.indicators.calculate("sma(30)", "A", "1d", **options)
        assert (found["A"].digest, found["A"].warmup_complete) == (alone.digest, True)


def test_another_instrument_that_is_damaged_costs_the_columns_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    with library(MemoryStore()) as own:
        for name in ("A", "B"):
            own.write(name, "1d", walk(300, 1), source="x")
        read = own.vault.store.read

        def damaged(series: Any, *asked: Any) -> Any:
            if series.instrument == "B":
                raise StoreDamaged(where="B", detail="a byte is another one")
            return read(series, *asked)

        monkeypatch.setattr(own.vault.store, "read", damaged)
        with pytest.warns(Incomplete, match=r"in part: rsi\(@B, 14\) of A \[store-damaged\]"):
            found = own.indicators.batch(["A"], "1d", ["rsi(14)", "rsi(@B, 14)"])
        assert found["A"].digest == own.indicators.calculate("rsi(14)", "A", "1d").digest


def test_rows_of_what_fails_while_it_is_computed_are_left_out(bl: BarLedger) -> None:
    bl.instruments.declare("S*", calendar="24/7")
    bars = {name: bl.bars(name, "1d") for name in NAMES[:4]}
    holed = walk(310, 1)
    holed.iloc[50, holed.columns.get_loc("close")] = np.nan
    with library(MemoryStore()) as other:
        other.write("S01", "1d", holed, source="x")
        bars["S01"] = other.bars("S01", "1d")
        with pytest.warns(Incomplete, match="1 failed"):
            found = bl.indicators.batch(bars, specs=SPECS, nan_policy="raise")
    assert list(found) == ["S00", "S02", "S03"]
    for name in found:
        same(found[name], bl.indicators.calculate(SPECS, name, "1d", nan_policy="raise"))
    assert found.rows == len(found.df) == 300 + 320 + 330


@pytest.fixture
def fussy() -> Iterator[None]:
    """An indicator that raises on dear bars, and one that is made of it."""
    with defined():

        @barledger.indicator(warmup=0, exact=True)
        def fussy(close: np.ndarray) -> np.ndarray:
            if close[0] > 1e6:
                message = "too expensive"
                raise ValueError(message)
            return close * 2

        yield


PARTLY = ["rsi(14)", "fussy", "macd", "sma(fussy, 3)", "fussy(open)"]


@pytest.fixture
def cheap_and_dear() -> Iterator[BarLedger]:
    with library(MemoryStore()) as own:
        own.write("CHEAP", "1d", walk(100, 1), source="x")
        dear = walk(100, 1)
        own.write("DEAR", "1d", dear.assign(close=dear["close"] * 1e5, high=dear["high"] * 1e5), source="x")
        own.write("SOUND", "1d", walk(90, 2), source="x")
        yield own


def check_partly(bl: BarLedger, found: Batch) -> None:
    failing = ["fussy", "sma(fussy, 3)"]
    assert list(found) == ["CHEAP", "DEAR", "SOUND"]
    assert found.failures == {}
    assert {name: list(failed) for name, failed in found.column_failures.items()} == {"DEAR": failing}
    assert all("too expensive" in str(error) for error in found.column_failures["DEAR"].values())
    assert "1 failed in part: fussy of DEAR [indicator-failed]" in repr(found)
    assert list(found.provenance["column_failures"]["DEAR"]) == failing
    for name in ("CHEAP", "SOUND"):
        same(found[name], bl.indicators.calculate(PARTLY, name, "1d"))
    rest = bl.indicators.calculate([spec for spec in PARTLY if spec not in failing], "DEAR", "1d")
    assert found["DEAR"].digest == rest.digest
    assert found["DEAR"].columns == rest.columns
    frame = found.df.loc["DEAR"]
    assert len(frame) == 100
    assert frame[failing].isna().all(axis=None)
    pd.testing.assert_frame_equal(frame[list(rest.columns)], rest.df, check_freq=False)


@pytest.mark.usefixtures("fussy")
@pytest.mark.parametrize("threads", [1, 2])
def test_a_column_that_fails_stops_no_other(cheap_and_dear: BarLedger, threads: int) -> None:
    bl = cheap_and_dear
    with pytest.warns(Incomplete, match=r"1 failed in part: fussy of DEAR \[indicator-failed\], .*column_failures"):
        check_partly(bl, bl.indicators.batch("*", "1d", PARTLY, threads=threads))
    bars = bl.retrieval.bars_of(["CHEAP", "DEAR", "SOUND"], "1d")
    with pytest.warns(Incomplete):
        found = bl.indicators.batch(bars, specs=PARTLY, threads=threads)
    assert list(found.column_failures["DEAR"]) == ["fussy", "sma(fussy, 3)"]


@pytest.mark.usefixtures("fussy")
def test_a_column_that_fails_one_after_the_other_stops_no_other(cheap_and_dear: BarLedger) -> None:
    found = cheap_and_dear.indicators.batches("*", "1d", PARTLY)
    given = dict(found)
    assert list(given) == ["CHEAP", "DEAR", "SOUND"]
    assert given["DEAR"].columns == ("rsi(14)", "macd.macd", "macd.signal", "macd.histogram", "fussy(open)")
    assert list(found.column_failures["DEAR"]) == ["fussy", "sma(fussy, 3)"]
    assert found.failures == {}
    assert "1 failed in part" in repr(found)


@pytest.mark.usefixtures("fussy")
def test_an_instrument_of_which_all_columns_fail_is_left_out_and_each_is_told(cheap_and_dear: BarLedger) -> None:
    told: list[Computed] = []
    specs = ["fussy", "sma(fussy, 3)"]
    with pytest.warns(Incomplete, match=r"1 failed: DEAR \[indicator-failed\]; see .failures"):
        found = cheap_and_dear.indicators.batch("*", "1d", specs, progress=told.append)
    assert list(found) == ["CHEAP", "SOUND"]
    assert found.rows == 190
    assert list(found.failures) == ["DEAR"]
    assert list(found.column_failures["DEAR"]) == specs
    assert [one.error is None for one in told] == [True, False, True]
    lazy = cheap_and_dear.indicators.batches("*", "1d", specs)
    assert [name for name, _ in lazy] == ["CHEAP", "SOUND"]
    assert list(lazy.failures) == ["DEAR"]
    assert list(lazy.column_failures["DEAR"]) == specs


@pytest.mark.parametrize(
    ("named", "meant"),
    [
        ("S0*", NAMES[:10]),
        ("S1?, S01", ["S10", "S11", "S01"]),
        ("S01,S02,S01", ["S01", "S02"]),
        (["S11", "S1*", "S0[12]"], ["S11", "S10", "S01", "S02"]),
        ("*", NAMES),
    ],
)
def test_patterns_and_lists_with_commas_name_instruments(
    bl: BarLedger, named: str | list[str], meant: list[str]
) -> None:
    assert list(bl.indicators.batch(named, "1d", "sma(5)")) == meant
    assert [name for name, _ in bl.indicators.batches(named, "1d", "sma(5)")] == meant


def test_a_pattern_is_for_what_is_stored_with_the_timeframe_and_of_the_source() -> None:
    with library(MemoryStore()) as own:
        own.write("AA", "1d", walk(30, 1), source="x")
        own.write("AB", "1d", walk(30, 1), source="y")
        own.write("AC", "1h", walk(30, 1), source="x")
        assert list(own.indicators.batch("A*", "1d", "sma(5)")) == ["AA", "AB"]
        assert list(own.indicators.batch("A*", "1d", "sma(5)", source="y")) == ["AB"]
        with pytest.raises(SeriesNotFound, match=r"B\* 1d from y"):
            own.indicators.batch("A*,B*", "1d", "sma(5)", source="y")


# --- progress, explanations, and one after the other --------------------------------------------------


def test_progress_is_told_of_each_instrument(bl: BarLedger) -> None:
    told: list[Computed] = []
    with pytest.warns(Incomplete):
        bl.indicators.batch(["S01", "NOPE", "S02"], "1d", "rsi(14)", progress=told.append)
    assert [(one.instrument, one.rows, one.done, one.total) for one in told] == [
        ("S01", 310, 1, 3),
        ("NOPE", 0, 2, 3),
        ("S02", 320, 3, 3),
    ]
    assert isinstance(told[1].error, SeriesNotFound)


def test_the_choice_is_explained(bl: BarLedger) -> None:
    found = bl.indicators.batch(NAMES, "1d", ["rsi(14)", "sma(rsi(14), 9)"], explain=True)
    said = str(found.explanation)
    assert "1 thread" in said
    assert said.count("computed once for each series: rsi(") == 1
    assert bl.indicators.batch(NAMES, "1d", "rsi(14)").explanation is None


def test_instruments_come_one_after_the_other(bl: BarLedger) -> None:
    found = bl.indicators.batches([*NAMES, "NOPE"], "1d", SPECS, start="2020-09-01", threads=2)
    names = []
    for name, calculation in found:
        names.append(name)
        same(calculation, bl.indicators.calculate(SPECS, name, "1d", start="2020-09-01"))
    assert names == NAMES
    assert set(found.failures) == {"NOPE"}
    assert repr(found) == "<Batches: 12 instruments so far, 1 failed: NOPE [series-not-found]>"


def test_an_iteration_can_be_left_early(bl: BarLedger) -> None:
    with bl.indicators.batches(NAMES, "1d", SPECS, threads=2) as found:
        assert next(found)[0] == "S00"
    assert list(found) == []


def test_a_commit_meanwhile_shows_in_none() -> None:
    with library(MemoryStore()) as own:
        for name in NAMES:
            own.write(name, "1d", walk(300, 7), source="x")
        found = own.indicators.batches(NAMES, "1d", "sma(2)", threads=1)
        first = next(found)[1]
        own.write_many([(name, "1d", walk(300, 8)) for name in NAMES], source="x")
        assert {calculation.digest for _, calculation in found} == {first.digest}


# --- memory ------------------------------------------------------------------------------------------


def test_bars_in_hand_need_little_more_than_the_output() -> None:
    with library(MemoryStore()) as own:
        for number in range(8):
            own.write(f"S{number}", "1d", walk(20_000, number), source="x")
        bars = own.retrieval.bars_of([f"S{number}" for number in range(8)], "1d")
        own.indicators.batch(bars, specs=SPECS)
        peak, output = _peak(lambda: own.indicators.batch(bars, specs=SPECS).df)
    assert peak < 1.5 * output


def test_an_iteration_holds_only_some() -> None:
    with library(MemoryStore()) as own:
        for number in range(24):
            own.write(f"S{number}", "1d", walk(20_000, number), source="x")
        names = [f"S{number}" for number in range(24)]

        def through() -> None:
            for _, calculation in own.indicators.batches(names, "1d", SPECS, threads=1):
                assert len(calculation) == 20_000

        through()
        peak, _ = _peak(through)
    all_of_it = 24 * 20_000 * 8 * 7
    assert peak < all_of_it / 2


def _peak(work: object) -> tuple[int, int]:
    """Return the peak of memory while something is done, and the size of the frame that it gives."""
    gc.collect()
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        tracemalloc.reset_peak()
        found = work()  # type: ignore[operator]  # a function
        peak = tracemalloc.get_traced_memory()[1] - before
    finally:
        tracemalloc.stop()
    size = int(found.memory_usage(index=True).sum()) if isinstance(found, pd.DataFrame) else 0
    return peak, size
