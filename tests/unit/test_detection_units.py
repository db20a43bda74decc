"""Which of two levels is right: where trading was, what is newest, what was there first, and how often it is left."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

import barledger
from barledger.detection import findings
from barledger.domain.rows import Rows, constant
from barledger.domain.timeframe import DAY, MINUTE, Timeframe
from vendor import PRICES, scaled, walk

DAILY = Timeframe.of("1d")


def rows_of(frame: pd.DataFrame, revision: object = 1) -> Rows:
    columns = {name.lower(): frame[name].to_numpy(float) for name in (*PRICES, "Volume")}
    times = frame.index.tz_convert("UTC").normalize().as_unit("ns").asi8
    stamps = constant(1, len(frame)) if isinstance(revision, int) else np.asarray(revision, np.int64)
    return Rows(time=times, **columns, revision=stamps, edition=constant(1, len(frame)))


def told(rows: Rows, **more: object) -> list[tuple[str, int, int]]:
    found = findings(rows, timeframe=DAILY, **more)  # type: ignore[arg-type]
    at = {int(time): place for place, time in enumerate(rows.time)}
    return [(one.kind, at[one.interval.start], at[one.interval.end - DAY] + 1) for one in found]


@pytest.mark.parametrize("factor", [100.0, 0.01, 1_000.0, 0.001])
@pytest.mark.parametrize("rows", [slice(60, 330), slice(30, 370), slice(100, 390)], ids=str)
def test_a_level_that_prices_leave_and_come_back_to_is_right_though_most_bars_are_not(
    rows: slice, factor: float
) -> None:
    (found,) = barledger.inspect(scaled(walk(3), rows, factor, PRICES)).findings
    right = walk(3)
    assert found.kind == "unit_error"
    assert found.certain
    assert found.start == right.index[rows.start]
    assert found.factor == pytest.approx(1 / factor)


def test_single_rows_at_both_ends_are_wrong_and_not_all_between() -> None:
    wrong = scaled(scaled(walk(3, rows=40), slice(0, 1), 100.0, PRICES), slice(39, 40), 100.0, PRICES)
    assert told(rows_of(wrong)) == [("unit_error", 0, 1), ("unit_error", 39, 40)]


def test_stretches_that_nobody_traded_are_hardly_any() -> None:
    wrong = scaled(walk(3, rows=60), slice(0, 20), 0.01, PRICES)
    wrong = scaled(wrong, slice(30, None), 0.01, PRICES)
    assert told(rows_of(wrong)) == [("unit_error", 20, 30)]
    wrong.iloc[:20, wrong.columns.get_loc("Volume")] = 0
    wrong.iloc[30:, wrong.columns.get_loc("Volume")] = 0
    assert told(rows_of(wrong))[:2] == [("unit_error", 0, 20), ("unit_error", 30, 60)]


def test_which_of_two_even_levels_is_right_is_not_certain() -> None:
    (found,) = barledger.inspect(scaled(walk(3), slice(0, 300), 100.0, PRICES)).findings
    assert 0.5 <= found.confidence < 0.95


@pytest.mark.parametrize("count", [305, 306, 307, 308, 309])
def test_one_of_two_levels_is_wrong_however_even_they_are(count: int) -> None:
    (found,) = barledger.inspect(scaled(walk(3), slice(0, count), 100.0, PRICES)).findings
    assert found.kind == "unit_error"
    assert 0.53 <= found.confidence < 0.75


@pytest.mark.parametrize("count", [8, 20, 64])
def test_what_was_held_before_is_right_however_many_bars_come(count: int) -> None:
    rows = rows_of(scaled(walk(3), slice(count, None), 100.0, PRICES))
    held = np.arange(len(rows)) < count
    assert told(rows) == [("unit_error", 0, count)]
    assert told(rows, held=held) == [("unit_error", count, 400)]
    assert findings(rows, timeframe=DAILY, held=held)[0].certain


def test_a_few_held_bars_do_not_outweigh_a_year() -> None:
    rows = rows_of(scaled(walk(3), slice(2, None), 100.0, PRICES))
    assert told(rows, held=np.arange(len(rows)) < 2) == [("unit_error", 0, 2)]


def test_held_bars_that_disagree_say_as_much_as_there_are_of_each() -> None:
    rows = rows_of(scaled(walk(3), slice(60, 64), 100.0, PRICES))
    assert told(rows, held=np.arange(len(rows)) < 64) == [("unit_error", 60, 64)]


def test_withdrawn_and_impossible_bars_are_left_out_of_what_is_held() -> None:
    wrong = scaled(walk(3), slice(64, None), 100.0, PRICES)
    wrong.iloc[10:14, [wrong.columns.get_loc(name) for name in PRICES]] = np.nan
    rows = rows_of(wrong)
    withdrawn = np.arange(len(rows)) % 9 == 0
    found = findings(replace(rows, withdrawn=withdrawn), timeframe=DAILY, held=np.arange(len(rows)) < 64)
    assert [one.interval.start for one in found if one.kind == "unit_error"] == [int(rows.time[64])]


def test_the_bars_that_were_written_first_are_more_likely_to_be_right() -> None:
    wrong = scaled(walk(3), slice(150, None), 100.0, PRICES)
    later = np.where(np.arange(400) < 150, 10 * MINUTE, 12 * MINUTE)
    assert told(rows_of(wrong, later)) == [("unit_error", 150, 400)]


def test_commits_of_one_ingestion_are_not_before_each_other() -> None:
    wrong = scaled(walk(3), slice(150, None), 100.0, PRICES)
    close = 10 * MINUTE + np.arange(400) // 50 * (MINUTE // 2)
    assert told(rows_of(wrong, close)) == [("unit_error", 0, 150)]


def test_bars_that_are_not_written_yet_are_the_last_to_come() -> None:
    wrong = scaled(walk(3), slice(0, 250), 100.0, PRICES)
    stamps = np.where(np.arange(400) < 250, 0, 10 * MINUTE + np.arange(400) * MINUTE // 2)
    assert told(rows_of(wrong, stamps)) == [("unit_error", 0, 250)]
