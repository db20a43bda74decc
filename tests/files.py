"""Files of bars, and what is read of them."""

import gzip
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from pyarrow import csv, feather, parquet

from barledger.domain.interval import Interval
from barledger.domain.rows import Rows, concat
from barledger.domain.timeframe import Timeframe
from barledger.domain.validation import OnInvalid
from barledger.sources.contract import Fetched, FetchRequest
from barledger.sources.files import FilesSource

HEADER = "time,open,high,low,close,volume"
FIRST = pd.Timestamp("2020-01-01", tz="UTC")


def line(time: object, close: object = 1.5) -> str:
    return f"{time},1,2,0.5,{close},100"


def days(count: int, first: int = 0) -> list[str]:
    return [f"{FIRST + pd.Timedelta(days=day):%Y-%m-%d}" for day in range(first, first + count)]


def text(lines: list[str], header: str = HEADER) -> str:
    return "".join(f"{one}\n" for one in ([header] if header else []) + lines)


def table(count: int = 50, step: str = "D", **columns: Any) -> pa.Table:
    close = np.arange(count) + 100.0
    bars = {"open": close, "high": close + 1, "low": close - 1, "close": close, "volume": close}
    return pa.table({"time": pa.array(pd.date_range(FIRST, periods=count, freq=step)), **bars, **columns})


def chunks(
    path: Path | str,
    timeframe: str = "1d",
    *,
    instrument: str = "AAPL",
    native: str | None = None,
    span: Interval | None = None,
    on_invalid: OnInvalid = "raise",
    **options: Any,
) -> list[Fetched]:
    request = FetchRequest(
        instrument=instrument,
        timeframe=Timeframe.of(timeframe),
        interval=span or Interval.of(None, None),
        native=native,
        on_invalid=on_invalid,
    )
    return list(FilesSource(path=path, **options).fetch(request))


def read(path: Path | str, timeframe: str = "1d", **options: Any) -> Rows:
    return concat(chunk.rows for chunk in chunks(path, timeframe, **options))


def stamps(rows: Rows) -> list[str]:
    return [str(pd.Timestamp(time)) for time in rows.time.tolist()]


Write = Callable[..., Path]


def _as_stream(bars: pa.Table, path: Path) -> None:
    with pa.OSFile(str(path), "wb") as file, pa.ipc.new_stream(file, bars.schema) as writer:
        writer.write_table(bars, max_chunksize=7)


WRITERS: dict[str, Callable[[pa.Table, Path], object]] = {
    "bars.csv": csv.write_csv,
    "bars.tsv": lambda bars, path: csv.write_csv(bars, path, csv.WriteOptions(delimiter="\t")),
    "bars.csv.gz": lambda bars, path: path.write_bytes(gzip.compress(bars.to_pandas().to_csv(index=False).encode())),
    "bars.parquet": lambda bars, path: parquet.write_table(bars, path, row_group_size=13),
    "bars.feather": lambda bars, path: feather.write_feather(bars, str(path), chunksize=7),
    "bars.arrow": _as_stream,
}
