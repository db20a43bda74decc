"""Files in the layouts of other programs, and what is read of them."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from barledger.domain.interval import Interval
from barledger.domain.rows import Rows, concat
from barledger.domain.timeframe import MINUTE, Timeframe
from barledger.sources.contract import Fetched, FetchRequest
from barledger.sources.files import FilesSource

Write = Callable[..., Path]
NEW_YORK = "America/New_York"


def request(timeframe: str, instrument: str, native: str | None = None, span: Interval | None = None) -> FetchRequest:
    interval = span or Interval.of(None, None)
    return FetchRequest(instrument=instrument, timeframe=Timeframe.of(timeframe), interval=interval, native=native)


def chunks(
    path: Path | str,
    timeframe: str = "1d",
    *,
    instrument: str = "AAPL",
    native: str | None = None,
    span: Interval | None = None,
    **options: Any,
) -> list[Fetched]:
    return list(FilesSource(path=path, **options).fetch(request(timeframe, instrument, native, span)))


def read(path: Path | str, timeframe: str = "1d", **options: Any) -> Rows:
    return concat(chunk.rows for chunk in chunks(path, timeframe, **options))


def mapper_of(path: Path | str, timeframe: str = "1d", **options: Any) -> str:
    return FilesSource(path=path, **options).preview(request(timeframe, "AAPL")).mapped.mapper.name


def stamps(rows: Rows) -> list[str]:
    return [f"{pd.Timestamp(time):%Y-%m-%d %H:%M}" for time in rows.time.tolist()]


def events(path: Path | str, timeframe: str = "1d", **options: Any) -> list[tuple[str, str, float]]:
    found = [action for chunk in chunks(path, timeframe, **options) for action in chunk.actions]
    return [(f"{pd.Timestamp(one.ex_date):%Y-%m-%d %H:%M}", one.kind, one.value) for one in found]


KLINE_NAMES = (
    "open_time,open,high,low,close,volume,close_time,quote_volume,count,taker_buy_volume,taker_buy_quote_volume,ignore"
)


START = int(pd.Timestamp("2025-01-01", tz="UTC").value)


def klines(count: int = 3, *, unit: int = 1_000_000, length: int = MINUTE, header: bool = False) -> str:
    """Return klines as Binance publishes them; ``unit`` is in ns."""
    times = [START + at * length for at in range(count)]
    lines = [
        f"{time // unit},4.1,4.4,3.9,4.{at % 4},10.5,{(time + length) // unit - 1},43.1,7,5.1,20.9,0"
        for at, time in enumerate(times)
    ]
    return "\n".join([KLINE_NAMES] * header + lines) + "\n"


def yahoo_frame(index: pd.DatetimeIndex, *, adjusted: bool = False) -> pd.DataFrame:
    """Return a frame as `Ticker.history` gives it."""
    count = len(index)
    close = np.arange(count) + 100.25
    columns = {"Open": close - 0.25, "High": close + 1, "Low": close - 1, "Close": close}
    columns |= {} if adjusted else {"Adj Close": close * 0.9}
    columns |= {"Volume": np.arange(count) + 1000, "Dividends": 0.0, "Stock Splits": 0.0}
    return pd.DataFrame(columns, index=index)


def yahoo_days(start: str = "2024-03-08", count: int = 4) -> pd.DatetimeIndex:
    return pd.DatetimeIndex(pd.date_range(start, periods=count, freq="D", tz=NEW_YORK), name="Date")


def rows(count: int = 5, step: int = 86_400_000) -> list[list[float | None]]:
    return [[1_704_067_200_000 + at * step, 1.0, 2.0, 0.5, 1.5, 10.25 + at] for at in range(count)]
