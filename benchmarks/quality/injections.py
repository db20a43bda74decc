"""Errors to put into clean series, each in the ways in which vendors make them."""

from collections.abc import Callable, Mapping

import numpy as np
import pandas as pd

from benchmarks.quality.bases import PRICES, base, random_walk, vendor_series, window, with_adjustment
from benchmarks.quality.case import Case

Rng = np.random.Generator
RATIOS = [
    2.0,
    3.0,
    1.5,
    4.0,
    5.0,
    10.0,
    7.0,
    20.0,
    0.1,
    0.05,
    0.2,
    0.5,
    1.3158,
    1 / 1.3158,
    10_000.0,
    1e-4,
    0.4714,
    1.4,
]
SIZES = [12, 20, 30, 60, 250, 600]


def _rows(rng: Rng) -> int:
    return int(rng.choice(SIZES))


def _case(name: str, kind: str | None, wrong: pd.DataFrame, right: pd.DataFrame, rows: np.ndarray, factor: float | None,
          also: tuple[str, ...] = ()) -> Case:  # fmt: skip
    return Case(name=name, kind=kind, wrong=wrong, right=right, first=right.index[int(rows[0])],
                last=right.index[int(rows[-1])], factor=factor, also=also)  # fmt: skip


def _scaled(frame: pd.DataFrame, rows: np.ndarray, factor: float, names: list[str]) -> pd.DataFrame:
    wrong = frame.copy()
    for name in names:
        values = wrong[name].to_numpy(float, copy=True)
        values[rows] *= factor
        wrong[name] = values
    return wrong


def _with_split(rng: Rng, rows: int) -> tuple[pd.DataFrame, int, float]:
    """Return a right frame that tells of a split."""
    frame = base(rng, rows=rows)
    frame["Stock Splits"] = 0.0
    row = int(rng.integers(max(3, len(frame) // 3), len(frame) - 1))
    ratio = float(rng.choice(RATIOS))
    frame.iloc[row, frame.columns.get_loc("Stock Splits")] = ratio
    return frame, row, ratio


def split_before(rng: Rng) -> Case:
    frame, row, ratio = _with_split(rng, _rows(rng))
    end = max(2, row - int(rng.choice([0, 0, 0, 1, 2, 5])))
    rows = np.arange(end)
    wrong = _volume(_scaled(frame, rows, ratio, [*PRICES, "Adj Close"]), rows, 1 / ratio)
    return _case("split left out before its ex-date", "split_missed", wrong, frame, rows, 1 / ratio)


def _volume(frame: pd.DataFrame, rows: np.ndarray, factor: float) -> pd.DataFrame:
    wrong = frame.copy()
    values = wrong["Volume"].to_numpy(float, copy=True)
    values[rows] *= factor
    wrong["Volume"] = values
    return wrong


def split_rows(rng: Rng) -> Case:
    frame, row, ratio = _with_split(rng, _rows(rng))
    count = int(rng.choice([1, 1, 1, 2, 3, 5]))
    first = int(rng.integers(0, max(1, row - count)))
    rows = np.arange(first, min(first + count, row))
    wrong = _volume(_scaled(frame, rows, ratio, [*PRICES, "Adj Close"]), rows, 1 / ratio)
    return _case("split left out in one to five rows", "split_missed", wrong, frame, rows, 1 / ratio)


def split_columns(rng: Rng) -> Case:
    frame, row, ratio = _with_split(rng, _rows(rng))
    while 0.7 < ratio < 1.45:
        frame, row, ratio = _with_split(rng, _rows(rng))
    names = [str(name) for name in rng.choice(PRICES, size=int(rng.choice([1, 2, 3])), replace=False)]
    rows = np.arange(row) if rng.random() < 0.4 else np.arange(max(0, row - int(rng.choice([1, 2]))), row)
    wrong = _scaled(frame, rows, ratio, names + (["Adj Close"] if "Close" in names else []))
    return _case("split left out in some columns", "split_missed", wrong, frame, rows, 1 / ratio)


def split_unknown(rng: Rng) -> Case:
    frame = base(rng, rows=int(rng.choice([60, 250, 600])))
    frame["Stock Splits"] = 0.0
    ratio = float(rng.choice([2.0, 3.0, 1.5, 4.0, 5.0, 7.0, 10.0, 20.0, 0.1, 0.05, 0.125, 0.2]))
    row = int(rng.integers(25, len(frame) - 10))
    rows = np.arange(row)
    raw = _volume(_scaled(frame, rows, ratio, PRICES), rows, 1 / ratio)
    names = [*PRICES, "Volume"]
    return _case("raw series, split not told", "split_missed", raw[names], frame[names], rows, 1 / ratio)


def split_phantom(rng: Rng) -> Case:
    frame, row, ratio = _with_split(rng, _rows(rng))
    rows = np.arange(row)
    wrong = _volume(_scaled(frame, rows, 1 / ratio, [*PRICES, "Adj Close"]), rows, ratio)
    right = frame.copy()
    right["Stock Splits"] = 0.0
    return _case("split that never was", "split_phantom", wrong, right, rows, ratio)


def unit_rows(rng: Rng) -> Case:
    frame = base(rng, rows=_rows(rng))
    count = int(rng.choice([1, 1, 1, 2, 4]))
    first = int(rng.integers(0, len(frame) - count))
    rows = np.arange(first, first + count)
    factor = float(rng.choice([100.0, 0.01]))
    wrong = _scaled(frame, rows, factor, [*PRICES, "Adj Close"])
    return _case("another unit in one to four rows", "unit_error", wrong, frame, rows, 1 / factor)


def unit_scattered(rng: Rng) -> Case:
    frame = base(rng, rows=int(rng.choice([60, 250])))
    rows = np.sort(rng.choice(len(frame), size=6, replace=False))
    factor = float(rng.choice([100.0, 0.01]))
    wrong = _scaled(frame, rows, factor, [*PRICES, "Adj Close"])
    return _case("another unit in scattered rows", "unit_error", wrong, frame, rows, 1 / factor)


def unit_columns(rng: Rng) -> Case:
    frame = base(rng, rows=_rows(rng))
    names = [str(name) for name in rng.choice(PRICES, size=int(rng.choice([1, 2, 3])), replace=False)]
    rows = np.array([int(rng.integers(0, len(frame)))])
    factor = float(rng.choice([100.0, 0.01]))
    wrong = _scaled(frame, rows, factor, names + (["Adj Close"] if "Close" in names else []))
    return _case("another unit in some columns of a row", "unit_error", wrong, frame, rows, 1 / factor)


def unit_switch(rng: Rng) -> Case:
    frame = base(rng, rows=int(rng.choice([30, 60, 250, 600])))
    end = int(rng.integers(4, int(len(frame) * 0.7)))
    rows = np.arange(end)
    factor = float(rng.choice([100.0, 0.01]))
    wrong = _scaled(frame, rows, factor, [*PRICES, "Adj Close"])
    return _case("another unit until a day", "unit_error", wrong, frame, rows, 1 / factor)


def unit_block(rng: Rng) -> Case:
    frame = base(rng, rows=int(rng.choice([60, 250, 600])))
    first = int(rng.integers(1, len(frame) // 2))
    rows = np.arange(first, first + int(rng.integers(5, len(frame) // 3)))
    factor = float(rng.choice([100.0, 0.01]))
    wrong = _scaled(frame, rows, factor, [*PRICES, "Adj Close"])
    return _case("another unit in a block", "unit_error", wrong, frame, rows, 1 / factor)


def unit_most(rng: Rng) -> Case:
    frame = base(rng, rows=int(rng.choice([250, 600])))
    count = int(rng.integers(len(frame) // 2, len(frame) * 4 // 5))
    first = int(rng.integers(20, len(frame) - count - 10))
    rows = np.arange(first, first + count)
    factor = float(rng.choice([100.0, 0.01, 1000.0, 0.001]))
    wrong = _scaled(frame, rows, factor, [*PRICES, "Adj Close"])
    return _case("another unit in most rows", "unit_error", wrong, frame, rows, 1 / factor)


def _paid(rng: Rng, *, rows: int = 600, least: int = 2) -> tuple[pd.DataFrame, np.ndarray, int]:
    frame = base(rng, rows=rows, dividends=least)
    frame = frame.assign(**{"Stock Splits": 0.0})
    if "Capital Gains" in frame:
        frame = frame.drop(columns="Capital Gains")
    frame = with_adjustment(frame)
    events = np.flatnonzero(frame["Dividends"].to_numpy())
    events = events[events > 1]
    return frame, events, int(rng.choice(events))


def _dividend(frame: pd.DataFrame, row: int, amount: float) -> pd.DataFrame:
    wrong = frame.copy()
    values = wrong["Dividends"].to_numpy(float, copy=True)
    values[row] = amount
    wrong["Dividends"] = values
    return wrong


def big_column(rng: Rng) -> Case:
    frame, events, row = _paid(rng)
    rows = events if rng.random() < 0.4 else np.array([row])
    wrong = _scaled(frame, rows, 100.0, ["Dividends"])
    return _case("dividend x100, Adj Close right", "dividend_too_big", wrong, frame, rows, 0.01)


def big_both(rng: Rng) -> Case:
    frame, _, row = _paid(rng)
    while frame["Dividends"].iloc[row] * 100 > 0.9 * frame["Close"].iloc[row - 1]:
        frame, _, row = _paid(rng)
    wrong = with_adjustment(_dividend(frame, row, frame["Dividends"].iloc[row] * 100))
    return _case("dividend x100, Adj Close made with it", "dividend_too_big", wrong, frame, np.arange(row + 1), 0.01)


def small_column(rng: Rng) -> Case:
    frame, events, row = _paid(rng)
    rows = events if rng.random() < 0.4 else np.array([row])
    wrong = _scaled(frame, rows, 0.01, ["Dividends"])
    return _case("dividend /100, Adj Close right", "dividend_too_small", wrong, frame, rows, 100.0)


def small_both(rng: Rng) -> Case:
    frame, _, row = _paid(rng, least=3)
    wrong = with_adjustment(_dividend(frame, row, frame["Dividends"].iloc[row] * 0.01))
    return _case("dividend /100, Adj Close made with it", "dividend_too_small", wrong, frame, np.arange(row + 1), 100.0)


def not_adjusted(rng: Rng) -> Case:
    frame, _, row = _paid(rng, rows=_rows(rng), least=1)
    amounts = frame["Dividends"].to_numpy(float, copy=True)
    amounts[row] = 0.0
    wrong = with_adjustment(frame, paid=amounts)
    factor = 1 - frame["Dividends"].iloc[row] / frame["Close"].iloc[row - 1]
    return _case("Adj Close without a dividend", "dividend_not_adjusted", wrong, frame, np.arange(row), factor)


def missing(rng: Rng) -> Case:
    frame, _, row = _paid(rng, rows=_rows(rng), least=1)
    wrong = _dividend(frame, row, 0.0)
    return _case("dividend not told, Adj Close has it", "dividend_missing", wrong, frame, np.array([row]), None)


def phantom_copy(rng: Rng) -> Case:
    frame, _, row = _paid(rng)
    near = int(np.clip(row + int(rng.choice([-5, -4, -2, 2, 4, 5])), 1, len(frame) - 1))
    if near == row or frame["Dividends"].iloc[near]:
        return phantom_copy(rng)
    wrong = _dividend(frame, near, frame["Dividends"].iloc[row])
    return _case("dividend copied within a week", "dividend_phantom", wrong, frame, np.array([near]), 0.0)


def phantom_adjusted(rng: Rng) -> Case:
    frame, _, row = _paid(rng, least=3)
    near = int(np.clip(row + int(rng.choice([-5, -4, -2, 2, 4, 5])), 1, len(frame) - 1))
    if near == row or frame["Dividends"].iloc[near]:
        return phantom_adjusted(rng)
    wrong = with_adjustment(_dividend(frame, near, frame["Dividends"].iloc[row]))
    return _case("dividend copied, Adj Close made with it", "dividend_phantom", wrong, frame, np.arange(near + 1), 0.0)


def phantom_large(rng: Rng) -> Case:
    frame, events, _ = _paid(rng)
    free = np.setdiff1d(np.arange(2, len(frame) - 2), np.concatenate([events + step for step in range(-15, 16)]))
    row = int(rng.choice(free))
    wrong = with_adjustment(
        _dividend(frame, row, round(float(frame["Close"].iloc[row - 1] * rng.uniform(0.1, 0.4)), 4))
    )
    return _case("large dividend that never was", "dividend_phantom", wrong, frame, np.arange(row + 1), 0.0)


def double_gains(rng: Rng) -> Case:
    frame = random_walk(rng, rows=500, volatility=float(rng.uniform(0.004, 0.011)), level=float(rng.uniform(10, 60)),
                        yearly=2, share=float(rng.uniform(0.04, 0.09)))  # fmt: skip
    frame["Capital Gains"] = np.round(frame["Dividends"] * rng.uniform(0.4, 0.9), 3)
    right = with_adjustment(frame)
    wrong = with_adjustment(frame, paid=(frame["Dividends"] + frame["Capital Gains"]).to_numpy())
    rows = np.arange(int(np.flatnonzero(frame["Dividends"].to_numpy())[-1]))
    return _case("capital gains taken twice by Adj Close", "dividend_double_counted", wrong, right, rows, None)


def double_dividend(rng: Rng) -> Case:
    frame, _, row = _paid(rng)
    while frame["Dividends"].iloc[row] < 0.006 * frame["Close"].iloc[row - 1]:
        frame, _, row = _paid(rng)
    amounts = frame["Dividends"].to_numpy(float, copy=True)
    amounts[row] *= 2
    wrong = with_adjustment(frame, paid=amounts)
    return _case("Adj Close takes a dividend twice", "dividend_double_counted", wrong, frame, np.arange(row), None)


def wrong_step(rng: Rng) -> Case:
    frame, _, row = _paid(rng)
    while frame["Dividends"].iloc[row] < 0.006 * frame["Close"].iloc[row - 1]:
        frame, _, row = _paid(rng)
    amounts = frame["Dividends"].to_numpy(float, copy=True)
    amounts[row] *= float(rng.choice([0.01, 0.3, 0.5, 3.0, 5.0]))
    wrong = with_adjustment(frame, paid=amounts)
    return _case("Adj Close made with another amount", "adjustment_error", wrong, frame, np.arange(row), None)


def adjusted_rows(rng: Rng) -> Case:
    frame, _, _ = _paid(rng)
    first = int(rng.integers(3, len(frame) - 10))
    rows = np.arange(first, first + int(rng.choice([1, 2, 4])))
    factor = float(rng.choice([0.9, 0.97, 1.05, 1.2]))
    wrong = _scaled(frame, rows, factor, ["Adj Close"])
    return _case("Adj Close of a few rows off", "adjustment_error", wrong, frame, rows, 1 / factor)


def wrong_row(rng: Rng) -> Case:
    frame, _, row = _paid(rng)
    share = frame["Dividends"].iloc[row] / frame["Close"].iloc[row - 1]
    if share < 0.02:
        return wrong_row(rng)
    to = int(np.clip(row + int(rng.choice([-20, -10, -5, 5, 10, 20])), 1, len(frame) - 1))
    if frame["Dividends"].iloc[to] or to == row:
        return wrong_row(rng)
    wrong = _dividend(_dividend(frame, row, 0.0), to, frame["Dividends"].iloc[row])
    return _case("dividend at another row than its step", "dividend_phantom", wrong, frame, np.array([to]), 0.0)


def duplicated(rng: Rng) -> Case:
    frame = base(rng, rows=_rows(rng))
    row = int(rng.integers(0, len(frame)))
    wrong = pd.concat([frame, frame.iloc[[row]]])
    return _case("a row twice", "duplicate", wrong, frame, np.array([row]), None)


def repeated(rng: Rng) -> Case:
    frame = base(rng, rows=int(rng.choice([60, 250, 600])), kinds=("real", "random"))
    first = int(rng.integers(2, len(frame) - 8))
    rows = np.arange(first, first + int(rng.choice([3, 5])))
    wrong = frame.copy()
    for name in [*PRICES, "Volume"]:
        values = wrong[name].to_numpy(float, copy=True)
        values[rows] = values[first - 1]
        wrong[name] = values
    wrong["Adj Close"] = wrong["Close"] * frame["Adj Close"] / frame["Close"]
    return _case("a bar repeated", "stale", wrong, wrong, rows, None)


def zeroes(rng: Rng) -> Case:
    frame = base(rng, rows=_rows(rng))
    row = int(rng.integers(0, len(frame)))
    wrong = _scaled(frame, np.array([row]), 0.0, [*PRICES, "Adj Close"] if rng.random() < 0.5 else ["Low"])
    return _case("prices of zero", "non_positive", wrong, wrong, np.array([row]), None)


def inverted(rng: Rng) -> Case:
    frame = base(rng, rows=_rows(rng))
    row = int(np.argmax((frame["High"] / frame["Low"]).to_numpy()))
    wrong = frame.copy()
    wrong.iloc[row, wrong.columns.get_loc("High")], wrong.iloc[row, wrong.columns.get_loc("Low")] = (
        frame["Low"].iloc[row],
        frame["High"].iloc[row],
    )
    return _case("high and low exchanged", "crossed", wrong, frame, np.array([row]), None)


def spike(rng: Rng) -> Case:
    frame = base(rng, rows=int(rng.choice([60, 250, 600])))
    row = int(rng.integers(3, len(frame) - 3))
    factor = float(rng.choice([0.35, 0.5, 1.9, 3.0, 10.0]))
    wrong = _scaled(frame, np.array([row]), factor, [*PRICES, "Adj Close"])
    return _case("one bar at a false price", "outlier", wrong, wrong, np.array([row]), None)


def lots(rng: Rng) -> Case:
    frame = base(rng, rows=int(rng.choice([60, 250, 600])))
    end = int(rng.integers(20, len(frame) - 20))
    factor = float(rng.choice([100.0, 1000.0, 0.01, 0.001]))
    wrong = _scaled(frame, np.arange(end), factor, ["Volume"])
    return _case("volume in another unit until a day", "volume_switch", wrong, frame, np.arange(end), 1 / factor)


def half_open(rng: Rng) -> Case:
    """A step that is known, at a real series' real split, as traded."""
    series = vendor_series()
    name = str(rng.choice(["AAPL", "MSFT"]))
    frame = series[name]
    rows = np.flatnonzero(frame["Stock Splits"].to_numpy())
    row = int(rng.choice(rows))
    first = max(0, row - int(rng.integers(5, 200)))
    right = frame.iloc[first : row + int(rng.integers(3, 200))].copy()
    ratio = float(frame["Stock Splits"].iloc[row])
    before = np.arange(row - first)
    wrong = _volume(_scaled(right, before, ratio, [*PRICES, "Adj Close"]), before, 1 / ratio)
    return _case("a real split, as traded", "split_missed", wrong, right, before, 1 / ratio)


def _as_traded(rng: Rng, rows: int) -> tuple[pd.DataFrame, pd.DataFrame, int, float]:
    """Return a real share's years as traded with a split put in, the same without, the split's row and its ratio."""
    series = vendor_series()
    right = window(series[str(rng.choice(["AAPL", "MSFT", "IBM", "GOOG"]))], rng, rows)[[*PRICES, "Volume"]].copy()
    ratio = float(rng.choice([2.0, 2.0, 2.0, 1.5, 3.0, 4.0, 1.25, 7.0, 20.0, 0.1]))
    row = int(rng.integers(100, len(right) - 100))
    right.iloc[row, right.columns.get_loc("Volume")] *= float(np.exp(rng.uniform(np.log(0.53), np.log(2.64))))
    before = np.arange(row)
    return _volume(_scaled(right, before, ratio, PRICES), before, 1 / ratio), right, row, ratio


def split_years(rng: Rng) -> Case:
    raw, right, row, ratio = _as_traded(rng, int(rng.choice([400, 1500, 4000])))
    return _case("years as traded, split not told", "split_missed", raw, right, np.arange(row), 1 / ratio)


def split_weeks(rng: Rng) -> Case:
    """Weeks of a series as traded; the split lies on any day of its week, whose own high and low stay unknown."""
    raw, right, row, ratio = _as_traded(rng, int(rng.choice([1500, 4000])))
    first, rules = raw.index[row], {"Open": "first", "High": "max", "Low": "min", "Close": "last"}
    weeks = [frame.groupby(pd.Grouper(freq="W-MON", closed="left", label="left")).agg(rules | {"Volume": "sum"}).dropna()
             for frame in (raw, right)]  # fmt: skip
    at = int(weeks[0].index.searchsorted(first, side="right")) - 1
    expected = weeks[1].drop(columns=["High", "Low", "Volume"])
    return _case("weeks as traded, split not told", "split_missed", weeks[0], expected, np.arange(at), 1 / ratio)


ERRORS: Mapping[str, Callable[[Rng], Case]] = {
    one.__name__: one
    for one in (
        split_before, split_rows, split_columns, split_unknown, split_years, split_weeks, half_open, split_phantom, unit_rows, unit_scattered,
        unit_columns, unit_switch, unit_block, unit_most, big_column, big_both, small_column, small_both, not_adjusted, missing,
        phantom_copy, phantom_adjusted, phantom_large, double_gains, double_dividend, wrong_step,
        adjusted_rows, wrong_row, duplicated,
        repeated, zeroes, inverted, spike, lots,
    )
}  # fmt: skip
