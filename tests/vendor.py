"""A vendor's wrong answers with their corrections, and what is known of them."""

import csv
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

FOLDER = Path(__file__).parent / "data" / "yahoo-repairs"
PRICES = ["Open", "High", "Low", "Close"]


@dataclass(frozen=True)
class Label:
    file: str
    kind: str
    first: str
    last: str
    factor: float | None

    def __str__(self) -> str:
        return self.file.removesuffix(".csv")

    def wrong(self) -> pd.DataFrame:
        return pd.read_csv(FOLDER / self.file)

    def right(self) -> pd.DataFrame:
        return pd.read_csv(FOLDER / self.file.replace(".csv", "-fixed.csv"))


def labels(*, clean: bool) -> list[Label]:
    with (FOLDER / "labels.csv").open() as lines:
        rows = list(csv.DictReader(lines))
    return [
        Label(row["file"], row["kind"], row["first"], row["last"], float(row["factor"]) if row["factor"] else None)
        for row in rows
        if (row["kind"] == "clean") == clean
    ]


def walk(
    seed: int, *, rows: int = 400, volatility: float = 0.015, level: float = 80.0, dividends: bool = False
) -> pd.DataFrame:
    """Return a random series by yfinance's names; with dividends it falls by them and has their Adj Close."""
    rng = np.random.default_rng(seed)
    night, day = rng.standard_t(4, rows) * volatility * 0.4, rng.standard_t(4, rows) * volatility * 0.6
    paid = np.zeros(rows)
    if dividends:
        paid[20::63] = 0.01 * level
    opened, closed, price = np.empty(rows), np.empty(rows), level
    for row in range(rows):
        opened[row] = (price - paid[row]) * np.exp(night[row])
        price = closed[row] = opened[row] * np.exp(day[row])
    reach = np.exp(np.abs(rng.standard_normal((2, rows))) * volatility * 0.5)
    frame = pd.DataFrame(
        {
            "Open": opened,
            "High": np.maximum(opened, closed) * reach[0],
            "Low": np.minimum(opened, closed) / reach[1],
            "Close": closed,
            "Volume": np.round(1e6 * np.exp(0.4 * rng.standard_normal(rows))),
        },
        index=pd.date_range("2020-01-01", periods=rows, freq="B", tz="America/New_York", name="Date"),
    ).round(4)
    return adjusted(frame.assign(**{"Dividends": paid, "Stock Splits": 0.0})) if dividends else frame


def adjusted(frame: pd.DataFrame, paid: np.ndarray | None = None) -> pd.DataFrame:
    """Return the frame with the Adj Close that its dividends, or those given, ask for."""
    amounts = frame["Dividends"].to_numpy() if paid is None else paid
    close = frame["Close"].to_numpy()
    share = np.append(1 - amounts[1:] / close[:-1], 1.0)
    return frame.assign(**{"Adj Close": close * np.cumprod(share[::-1])[::-1]})


def scaled(frame: pd.DataFrame, rows: slice, factor: float, names: list[str]) -> pd.DataFrame:
    """Return the frame with some cells multiplied."""
    wrong = frame.astype(dict.fromkeys(names, float))
    for name in names:
        wrong.iloc[rows, wrong.columns.get_loc(name)] *= factor
    return wrong
