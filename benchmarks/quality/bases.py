"""Clean series to put errors into: real ones in the vendor's convention, and random ones that are like real ones."""

import io
import os
import zipfile
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd

from barledger.sources.sample import default_folder, ensure

REAL = Path(__file__).parent.parent.parent / "tests" / "data" / "yahoo-repairs"
PRICES = ["Open", "High", "Low", "Close"]
SPLITS = {
    "AAPL": {"2000-06-21": 2.0, "2005-02-28": 2.0},
    "MSFT": {"2003-02-18": 2.0},
    "IBM": {},
    "GOOG": {},
    "FB": {},
}


def folder() -> Path:
    """Return where the sample's wheels are."""
    named = os.environ.get("BARLEDGER_SAMPLE_DIR")
    kept = Path(__file__).parent.parent.parent / ".cache" / "sample"
    return Path(named) if named else kept if kept.exists() else default_folder()


@cache
def raw_series(vintage: str) -> dict[str, pd.DataFrame]:
    """Return the sample's five shares as traded, of one vintage."""
    if vintage == "2026.1":
        import bokeh_sampledata  # noqa: PLC0415 - the sample is an extra

        every = pd.read_csv(Path(bokeh_sampledata.__file__).parent / "_data" / "stocks.csv.gz")
        frames = {name: every[every["Ticker"] == name].drop(columns="Ticker") for name in SPLITS}
    else:
        wheel = zipfile.ZipFile(ensure(vintage, folder()))
        frames = {name: pd.read_csv(io.BytesIO(wheel.read(f"bokeh_sampledata/_data/{name}.csv"))) for name in SPLITS}
    return {name: _by_day(frame) for name, frame in frames.items()}


def _by_day(frame: pd.DataFrame) -> pd.DataFrame:
    days = pd.DatetimeIndex(pd.to_datetime(frame["Date"])).tz_localize("America/New_York")
    return frame.drop(columns="Date").set_index(days).sort_index().rename_axis("Date")


@cache
def vendor_series() -> dict[str, pd.DataFrame]:
    """Return the shares as a vendor gives them: split-adjusted, with dividends derived from Adj Close."""
    return {name: _as_vendor(frame, SPLITS[name]) for name, frame in raw_series("2026.1").items()}


def _as_vendor(frame: pd.DataFrame, splits: dict[str, float]) -> pd.DataFrame:
    ratio = (frame["Adj Close"] / frame["Close"]).to_numpy(copy=True)
    out = frame[[*PRICES, "Volume"]].astype(float)
    factor = np.ones(len(frame))
    events = np.zeros(len(frame))
    for day, split in splits.items():
        row = frame.index.get_loc(pd.Timestamp(day, tz="America/New_York"))
        factor[:row] /= split
        ratio[:row] *= split
        events[row] = split
    close = frame["Close"].to_numpy() * factor
    steps = np.concatenate([[1.0], ratio[:-1] / ratio[1:]])
    dividends = np.zeros(len(frame))
    amount = (1 - steps[1:]) * close[:-1]
    paid = (steps[1:] < 1 - 8e-4) & (amount > 0.004)
    dividends[1:][paid] = np.round(amount[paid], 4)
    for name in PRICES:
        out[name] = out[name].to_numpy() * factor
    out["Volume"] = np.round(out["Volume"].to_numpy() / factor)
    out["Dividends"] = dividends
    out["Stock Splits"] = events
    return with_adjustment(out)


def with_adjustment(frame: pd.DataFrame, *, paid: np.ndarray | None = None) -> pd.DataFrame:
    """Return the frame with the Adj Close that its dividends (or those given) ask for."""
    close = frame["Close"].to_numpy(float)
    amounts = frame["Dividends"].to_numpy(float) if paid is None else paid
    multiplier = np.ones(len(frame))
    multiplier[1:] = 1 - amounts[1:] / close[:-1]
    after = np.append(np.cumprod(multiplier[::-1])[::-1][1:], 1.0)
    out = frame.copy()
    out["Adj Close"] = close * after
    return out[
        [
            *PRICES,
            "Adj Close",
            "Volume",
            "Dividends",
            "Stock Splits",
            *(["Capital Gains"] if "Capital Gains" in frame else []),
        ]
    ]


def weekly(frame: pd.DataFrame) -> pd.DataFrame:
    """Return a vendor's daily bars as weekly ones."""
    week = frame.groupby(pd.Grouper(freq="W-MON", closed="left", label="left"))
    rules = {"Open": "first", "High": "max", "Low": "min", "Close": "last", "Volume": "sum", "Dividends": "sum",
             "Stock Splits": "sum"}  # fmt: skip
    return with_adjustment(week.agg(rules).dropna().rename_axis("Date"))


@cache
def vendor_files() -> dict[str, pd.DataFrame]:
    """Return the vendor's clean answers, and its corrected ones that have no fault left."""
    frames = {}
    for path in sorted(REAL.glob("*.csv")):
        corrected = path.stem.endswith("-fixed") and not path.stem.startswith(("SAND", "AV-L", "ALPHA", "AET"))
        if path.stem.endswith("no-bad-divs") or corrected:
            frames[path.stem] = read(path)
    return frames


def read(path: Path) -> pd.DataFrame:
    """Return a vendor's file by day."""
    frame = pd.read_csv(path).drop(columns="Repaired?", errors="ignore")
    days = pd.to_datetime(frame.iloc[:, 0], utc=True)
    frame = frame.drop(columns=frame.columns[0]).set_index(pd.DatetimeIndex(days)).sort_index().rename_axis("Date")
    return frame.astype(float)


def random_walk(rng: np.random.Generator, *, rows: int, volatility: float, level: float, tick: float = 0.01,
                yearly: int = 4, share: float = 0.008, volume: float = 1e6,
                week: bool = False) -> pd.DataFrame:  # fmt: skip
    """Return a fat-tailed random series with clustered volatility that pays dividends, and falls by them."""
    cluster = np.exp(0.35 * np.convolve(rng.standard_normal(rows + 20), np.ones(20) / 20**0.5, "valid")[:rows])
    scale = volatility * cluster
    night = rng.standard_t(3.5, rows) * scale * 0.4
    day = rng.standard_t(4, rows) * scale * 0.6
    dividends = np.zeros(rows)
    price = level
    columns = np.zeros((rows, 4))
    every = max(2, (52 if week else 252) // yearly) if yearly else rows + 1
    start = int(rng.integers(1, every)) if yearly else rows + 1
    typical = None
    for row in range(rows):
        if row >= start and (row - start) % every == 0 and row:
            typical = price * share if typical is None else typical * float(rng.choice([1, 1, 1, 1.05, 1.1]))
            typical = float(np.clip(typical, 0.4 * share * price, 2.5 * share * price))
            dividends[row] = float(f"{typical * float(np.exp(0.05 * rng.standard_normal())):.3g}")
        opened = max((price - dividends[row]) * np.exp(np.clip(night[row], -0.6, 0.6)), tick)
        closed = max(opened * np.exp(np.clip(day[row], -0.6, 0.6)), tick)
        reach = np.abs(rng.standard_normal(2)) * scale[row] * 0.6
        columns[row] = opened, max(opened, closed) * np.exp(reach[0]), min(opened, closed) * np.exp(-reach[1]), closed
        price = closed
    columns = np.maximum(np.round(columns / tick), 1) * tick
    columns[:, 1] = columns.max(axis=1)
    columns[:, 2] = columns.min(axis=1)
    noisy = volume * np.exp(0.45 * rng.standard_normal(rows) + 8 * np.abs(night + day)) * cluster
    index = pd.date_range("2015-01-05", periods=rows, freq="7D" if week else "B", tz="America/New_York", name="Date")
    frame = pd.DataFrame(columns, columns=PRICES, index=index)
    frame["Volume"] = np.round(noisy)
    frame["Dividends"] = dividends
    frame["Stock Splits"] = 0.0
    return with_adjustment(frame)


def window(frame: pd.DataFrame, rng: np.random.Generator, rows: int) -> pd.DataFrame:
    """Return so many rows of a frame, with Adj Close as a vendor gives it for them."""
    if len(frame) <= rows:
        return frame.copy()
    first = int(rng.integers(0, len(frame) - rows))
    return frame.iloc[first : first + rows].copy()


def base(
    rng: np.random.Generator, *, rows: int, dividends: int = 0, kinds: Sequence[str] = ("real", "file", "random")
) -> pd.DataFrame:
    """Return a clean series with at least so many dividends inside."""
    for _ in range(60):
        kind = str(rng.choice(list(kinds)))
        if kind == "real":
            series = vendor_series()
            frame = window(series[str(rng.choice(list(series)))], rng, rows)
        elif kind == "file":
            files = vendor_files()
            frame = window(files[str(rng.choice(list(files)))], rng, rows)
        else:
            frame = random_walk(
                rng, rows=rows, volatility=float(rng.uniform(0.006, 0.03)), level=float(np.exp(rng.uniform(0, 6))),
                share=float(np.exp(rng.uniform(np.log(0.002), np.log(0.03)))), yearly=int(rng.choice([1, 2, 4])),
                volume=float(np.exp(rng.uniform(8, 17))),
            )  # fmt: skip
        paid = frame["Dividends"].iloc[2:].astype(bool).sum()
        if len(frame) >= 0.8 * rows and paid >= dividends and not frame[PRICES].isna().any().any():
            return frame
    message = "no base has so many dividends"
    raise LookupError(message)
