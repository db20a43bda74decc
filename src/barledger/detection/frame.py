"""Frames: other people's tables of bars, read for detection and written back changed."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pandas as pd

from barledger.detection.table import COLUMNS, EVENTS, PRICES, Edit, Table, applied
from barledger.domain.frames import TIMES, as_pandas, fields_level, nanoseconds, numbers, stamps_of
from barledger.domain.rows import Floats, Ints
from barledger.domain.timeframe import DAY, Timeframe
from barledger.errors import DuplicateColumns, MissingColumns

_NAMES: Final = {
    "open": "open",
    "high": "high",
    "low": "low",
    "close": "close",
    "adj close": "adj_close",
    "adj_close": "adj_close",
    "adjclose": "adj_close",
    "adjusted close": "adj_close",
    "adjusted_close": "adj_close",
    "volume": "volume",
    "dividends": "dividends",
    "dividend": "dividends",
    "stock splits": "stock_splits",
    "stock_splits": "stock_splits",
    "splits": "stock_splits",
    "split": "stock_splits",
    "capital gains": "capital_gains",
    "capital_gains": "capital_gains",
}
_STEPS: Final = ("1m", "3m", "5m", "15m", "30m", "1h", "2h", "4h", "6h", "8h", "12h", "1d", "3d", "1w", "1M")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class Frame:
    """A caller's table, and where its rows and columns stand in the table that is judged.

    ``order`` are the caller's rows by time, ``kept`` those of them that the table holds: of rows with one time the
    first.
    """

    given: Any
    pandas: pd.DataFrame
    stamps: Sequence[pd.Timestamp] | pd.DatetimeIndex
    names: Mapping[str, Any]
    order: Ints
    kept: Ints
    table: Table

    @staticmethod
    def of(data: Any, timeframe: Timeframe | None) -> "Frame":
        """Read a table of pandas, polars or Arrow, or a list of mappings; raises the kin of `InvalidBars`."""
        frame = _one_ticker(as_pandas(data))
        names, time = _named(frame)
        stamps = stamps_of(frame, time)
        times = nanoseconds(stamps)
        columns = {name: numbers(frame, column) for name, column in names.items()}
        order = np.argsort(times, kind="stable")
        first = np.ones(len(order), np.bool_)
        first[1:] = np.diff(times[order]) != 0
        kept = order[first]
        table = _table(times[kept], {name: values[kept] for name, values in columns.items()}, timeframe)
        return Frame(given=data, pandas=frame, stamps=stamps, names=names, order=order, kept=kept, table=table)

    def corrected(self, edits: Iterable[Edit], dropped: Ints) -> Any:
        """Return the caller's kind of table after the changes, its rows in their order, without those dropped."""
        frame = self.pandas.copy()
        moved = [
            Edit(column=edit.column, rows=self.kept[edit.rows], factor=edit.factor, value=edit.value) for edit in edits
        ]
        changed = {edit.column for edit in moved if edit.column in self.names}
        before = {name: numbers(self.pandas, self.names[name]) for name in changed}
        for name, values in applied(before, moved).items():
            column = self.names[name]
            frame[column] = _like(frame[column], values, rounds=name == "volume")
        if len(dropped):
            frame = frame[~np.isin(np.arange(len(frame)), dropped)]
        return _as_given(frame, self.given)


def _one_ticker(frame: pd.DataFrame) -> pd.DataFrame:
    """Return a frame with plain columns; yfinance's downloads have a level of tickers, of which one can be judged."""
    if not isinstance(frame.columns, pd.MultiIndex):
        return frame
    level = fields_level(frame.columns)
    if level is None:
        raise MissingColumns(count=len(frame), columns=("close",), found=tuple(map(str, frame.columns)))
    plain = frame.copy()
    plain.columns = frame.columns.get_level_values(level)
    return plain


def _named(frame: pd.DataFrame) -> tuple[dict[str, Any], Any]:
    """Return their names by ours, and the column of times (None: the index)."""
    names: dict[str, Any] = {}
    time: Any = None
    for column in frame.columns:
        lower = str(column).strip().lower()
        ours = _NAMES.get(lower)
        if ours is not None:
            if ours in names:
                raise DuplicateColumns(count=len(frame), column=ours, name=str(column))
            names[ours] = column
        elif lower in TIMES and time is None:
            time = column
    if "close" not in names:
        raise MissingColumns(count=len(frame), columns=("close",), found=tuple(map(str, frame.columns)))
    return names, time


def _table(times: Ints, columns: dict[str, Floats], timeframe: Timeframe | None) -> Table:
    missing = np.full(len(times), np.nan)
    prices = {name: columns.get(name, missing) for name in PRICES}
    others = {name: columns.get(name) for name in COLUMNS if name not in PRICES}
    for name in EVENTS:
        values = others[name]
        if values is not None:
            others[name] = np.nan_to_num(values)
    splits = others["stock_splits"]
    if splits is not None:
        others["stock_splits"] = np.where(splits == 1.0, 0.0, splits)
    step = timeframe.duration if timeframe is not None else usual_step(times)
    return Table(time=times, **prices, **others, bar=step, at=np.arange(len(times), dtype=np.int64))  # type: ignore[arg-type]


def usual_step(times: Ints) -> int:
    """Return how long bars last, by the distance that is most usual between them."""
    if len(times) < 2:
        return DAY
    middle = float(np.median(np.diff(times)))
    return min((Timeframe.of(name).duration for name in _STEPS), key=lambda step: abs(np.log(step / middle)))


def _like(column: pd.Series, values: Floats, *, rounds: bool) -> pd.Series:
    """Return values in the column's own type, where they fit it; volume is rounded to it."""
    if pd.api.types.is_integer_dtype(column.dtype):
        whole = np.rint(values)
        near = np.isfinite(values).all() and (
            rounds or bool((np.abs(values - whole) < 1e-6 * np.abs(values) + 1e-9).all())
        )
        if not near:
            return pd.Series(values, index=column.index, name=column.name)
        values = whole
    return pd.Series(values, index=column.index, name=column.name).astype(column.dtype)


def _as_given(frame: pd.DataFrame, given: Any) -> Any:
    """Return a pandas frame as the kind of table that the caller gave."""
    kind = type(given)
    if isinstance(given, pd.DataFrame):
        if isinstance(given.columns, pd.MultiIndex):
            frame.columns = given.columns
        return frame
    if kind.__module__.startswith("polars"):
        return _as_polars(frame, given)
    if kind.__module__.startswith("pyarrow"):
        import pyarrow as pa  # noqa: PLC0415 - only for tables of Arrow

        return pa.Table.from_pandas(frame, preserve_index=False)
    return frame


def _as_polars(frame: pd.DataFrame, given: Any) -> Any:
    """Return the caller's polars frame with the columns that changed; no row's order differs."""
    import polars as pl  # noqa: PLC0415 - the caller has it

    table = given.collect() if isinstance(given, pl.LazyFrame) else given
    table = table[frame.index.to_list()] if len(frame) != len(table) else table
    changed = []
    for name in table.columns:
        column = table[name]
        if column.dtype.is_numeric():
            values = pl.Series(name, frame[name].to_numpy(copy=True))
            changed.append(values.cast(column.dtype) if not column.dtype.is_integer() else _whole(values, column.dtype))
    return table.with_columns(changed)


def _whole(values: Any, dtype: Any) -> Any:
    return values.cast(dtype) if not values.dtype.is_float() else values
