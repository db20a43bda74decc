"""Bars of a share that was split, as they were traded."""

import numpy as np
import pandas as pd

EX_DATE = pd.Timestamp("2024-05-20", tz="UTC")
RATIO = 4.0


def split_frame(freq: str = "B") -> pd.DataFrame:
    """Return bars as traded, of which those from the ex-date on are in four times the shares."""
    times = pd.date_range("2024-01-02", periods=200, freq=freq, tz="UTC")
    chance = np.random.default_rng(7)
    shares = np.where(times < EX_DATE, 1.0, RATIO)
    close = 200 * np.exp(np.cumsum(chance.normal(0, 0.01, len(times))))
    opened = np.append(close[0], close[:-1]) * np.exp(chance.normal(0, 0.002, len(times)))
    wide = np.exp(np.abs(chance.normal(0, 0.004, len(times))))
    frame = pd.DataFrame({"open": opened, "high": np.maximum(opened, close) * wide}, times)
    frame["low"], frame["close"] = np.minimum(opened, close) / wide, close
    frame = frame.div(shares, axis=0)
    frame["volume"] = np.round(1e6 * np.exp(chance.normal(0, 0.2, len(times)))) * shares
    return frame
