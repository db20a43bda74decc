"""Series without a fault, of the kinds in which faults are imagined."""

from collections.abc import Callable, Mapping

import numpy as np
import pandas as pd

from benchmarks.quality.bases import (
    PRICES,
    base,
    random_walk,
    raw_series,
    vendor_files,
    vendor_series,
    window,
    with_adjustment,
)
from benchmarks.quality.bases import (
    weekly as by_week,
)

Rng = np.random.Generator


def real_windows(rng: Rng) -> pd.DataFrame:
    return base(rng, rows=int(rng.choice([10, 20, 60, 250, 700])), kinds=("real", "file"))


def whole_files(rng: Rng) -> pd.DataFrame:
    files = vendor_files()
    return files[str(rng.choice(list(files)))]


def raw_between_splits(rng: Rng) -> pd.DataFrame:
    """Raw prices of years without a split, crashes included."""
    name, first, last = [
        ("AAPL", "2000-07-01", "2005-02-01"), ("AAPL", "2005-03-05", "2013-03-01"),
        ("MSFT", "2000-03-01", "2003-02-01"),
        ("IBM", "2000-03-01", "2013-03-01"), ("GOOG", "2004-08-19", "2013-03-01"), ("FB", "2012-05-18", "2013-03-01"),
        ("MSFT", "2003-03-01", "2013-03-01"),
    ][int(rng.integers(7))]  # fmt: skip
    vintage = str(rng.choice(["2026.1", "2025.0"]))
    frame = raw_series(vintage)[name].loc[first:last, [*PRICES, "Volume"]]
    return frame.drop(columns="Volume") if rng.random() < 0.3 else frame


def told_splits(rng: Rng) -> pd.DataFrame:
    """Real bars, years of them or few, that are adjusted for splits that they tell of."""
    series = vendor_series()
    frame = window(series[str(rng.choice(list(series)))], rng, int(rng.choice([15, 60, 600, 4000]))).copy()
    for row in rng.choice(np.arange(1, len(frame)), size=int(rng.integers(1, 4)), replace=False):
        frame.iloc[int(row), frame.columns.get_loc("Stock Splits")] = float(
            rng.choice([2.0, 3.0, 1.5, 0.1, 0.5, 1.3, 7.0])
        )
    return frame


def real_weeks(rng: Rng) -> pd.DataFrame:
    series = vendor_series()
    return window(by_week(series[str(rng.choice(list(series)))]), rng, int(rng.choice([15, 60, 700])))


def ordinary(rng: Rng) -> pd.DataFrame:
    return random_walk(rng, rows=int(rng.choice([20, 60, 500, 2500])), volatility=float(rng.uniform(0.005, 0.025)),
                       level=float(np.exp(rng.uniform(0, 6))), share=float(rng.uniform(0.002, 0.03)))  # fmt: skip


def wild(rng: Rng) -> pd.DataFrame:
    return random_walk(rng, rows=1000, volatility=float(rng.uniform(0.03, 0.09)), level=50.0, yearly=0)


def penny(rng: Rng) -> pd.DataFrame:
    return random_walk(rng, rows=600, volatility=float(rng.uniform(0.02, 0.08)), level=float(rng.uniform(0.03, 0.5)),
                       yearly=0, volume=float(rng.choice([300.0, 1e5])))  # fmt: skip


def coarse(rng: Rng) -> pd.DataFrame:
    return random_walk(rng, rows=300, volatility=0.04, level=float(rng.uniform(2, 8)), tick=1.0, yearly=0)


def crashes(rng: Rng) -> pd.DataFrame:
    """One to three days that lose or win a quarter to three quarters, for good, with the volume of such days."""
    frame = random_walk(rng, rows=600, volatility=float(rng.uniform(0.012, 0.035)), level=80.0, yearly=0)
    for _ in range(int(rng.integers(1, 4))):
        row = int(rng.integers(30, 570))
        move = float(rng.choice([rng.uniform(0.3, 0.75), rng.uniform(1.3, 2.2)]))
        overnight = float(rng.uniform(0.5, 1.0))
        for name in PRICES:
            values = frame[name].to_numpy(copy=True)
            values[row + 1 :] *= move
            values[row] *= move if name != "Open" else move**overnight
            frame[name] = np.round(values, 2)
        body = frame[["Open", "Close"]].iloc[row]
        noise = np.exp(np.abs(rng.standard_normal(2)) * 0.04)
        frame.iloc[row, frame.columns.get_loc("High")] = body.max() * noise[0]
        frame.iloc[row, frame.columns.get_loc("Low")] = body.min() / noise[1]
        volume = frame["Volume"].to_numpy(copy=True)
        volume[row : row + 5] *= np.exp(rng.normal(1.8, 0.6)) * np.array([1, 0.6, 0.4, 0.3, 0.25])
        frame["Volume"] = np.round(volume)
    return with_adjustment(frame)


def thin(rng: Rng) -> pd.DataFrame:
    """A fund that hardly trades: most days repeat the last price without volume."""
    frame = random_walk(rng, rows=500, volatility=0.01, level=20.0, yearly=1, volume=200.0)
    close, traded = frame["Close"].to_numpy(copy=True), rng.random(500) < 0.3
    for row in range(1, 500):
        if not traded[row]:
            close[row] = close[row - 1]
    quiet = ~traded
    for name in PRICES:
        frame[name] = np.where(quiet, close, frame[name])
    frame["Close"] = close
    frame["High"], frame["Low"] = frame[PRICES].max(axis=1), frame[PRICES].min(axis=1)
    frame["Volume"] = np.where(quiet, 0.0, frame["Volume"])
    return with_adjustment(frame)


def rich(rng: Rng) -> pd.DataFrame:
    """Large dividends, some of them special, of very different sizes."""
    frame = random_walk(rng, rows=700, volatility=float(rng.uniform(0.01, 0.02)), level=40.0, yearly=0)
    rows = np.sort(rng.choice(np.arange(20, 680), size=8, replace=False))
    for row in rows:
        share = float(np.exp(rng.uniform(np.log(0.003), np.log(0.15))))
        amount = round(float(frame["Close"].iloc[row - 1]) * share, 3)
        for name in PRICES:
            values = frame[name].to_numpy(copy=True)
            values[row:] *= 1 - amount / float(frame["Close"].iloc[row - 1])
            frame[name] = np.round(values, 2)
        frame.iloc[row, frame.columns.get_loc("Dividends")] = amount
    # What came before a payment fell with it afterwards, so amounts are told of the prices that now stand there.
    return with_adjustment(frame)


def monthly_fund(rng: Rng) -> pd.DataFrame:
    return random_walk(rng, rows=700, volatility=float(rng.uniform(0.002, 0.006)), level=25.0, yearly=12, share=0.004)


def weekly(rng: Rng) -> pd.DataFrame:
    return random_walk(rng, rows=300, volatility=float(rng.uniform(0.02, 0.05)), level=40.0, yearly=4, week=True)


def minutes(rng: Rng) -> pd.DataFrame:
    frame = random_walk(rng, rows=4000, volatility=0.0008, level=30_000.0, yearly=0)
    return frame[[*PRICES, "Volume"]].set_axis(pd.date_range("2024-01-01", periods=4000, freq="1min", tz="UTC"))


def first_days(rng: Rng) -> pd.DataFrame:
    """A share after its listing: wild at first."""
    frame = random_walk(rng, rows=60, volatility=0.03, level=30.0, yearly=0)
    wildness = np.exp(np.cumsum(rng.standard_normal(5) * 0.15))
    for name in PRICES:
        values = frame[name].to_numpy(copy=True)
        values[:5] *= wildness / wildness[-1]
        frame[name] = np.round(values, 2)
    frame["High"], frame["Low"] = frame[PRICES].max(axis=1), frame[PRICES].min(axis=1)
    return with_adjustment(frame)


def a_few(rng: Rng) -> pd.DataFrame:
    return window(base(rng, rows=60, kinds=("real", "file")), rng, int(rng.integers(1, 8)))


CLEAN: Mapping[str, Callable[[Rng], pd.DataFrame]] = {
    one.__name__: one
    for one in (
        real_windows, whole_files, told_splits, real_weeks, raw_between_splits, ordinary, wild, penny, coarse, crashes, thin, rich, monthly_fund,
        weekly, minutes, first_days, a_few,
    )
}  # fmt: skip
