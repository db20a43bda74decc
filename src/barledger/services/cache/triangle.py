"""The triangle: how values moved from revision to revision."""

from typing import Final

import numpy as np
import pandas as pd

from barledger.domain.interval import Interval, everything
from barledger.domain.rows import VALUES, Floats, Ints, Rows
from barledger.domain.series import Series
from barledger.errors import InvalidInterval, MissingColumns
from barledger.services.cache.editions import committed_at, read_editions
from barledger.services.cache.priority import unknown
from barledger.services.cache.vault import Vault
from barledger.services.cache.versions import left

FIELDS: Final = (*VALUES, "adjustment_factor")
_MOST_CELLS: Final = 50_000_000


def triangle(vault: Vault, series: Series, interval: Interval, field: str) -> pd.DataFrame:
    """Return what a field of each bar was at each revision that changed a bar of the interval.

    A row for each bar that ever was (opening time, UTC), a column for each revision, named by its number and the time
    of its commit. NaN where the bar was not there yet, was withdrawn, or has no such value.
    """
    if field not in FIELDS:
        raise MissingColumns(count=0, columns=(field,), found=FIELDS)
    state = vault.ledger.revisions.state(series)
    if not state.revision:
        raise unknown(vault, str(series))
    wanted = left(state, interval) if interval.start == everything().start else [interval]
    reading = read_editions(vault, series, wanted)
    rows = reading.rows
    times, revisions = np.unique(rows.time), np.unique(rows.revision)
    _check_size(len(times), len(revisions))
    cells = _filled(rows, _values(rows, field), np.searchsorted(times, rows.time), len(times), revisions)
    # What was visible before the horizon may be deleted; what was at it and after it is not.
    kept = revisions >= reading.state.horizon
    index = pd.DatetimeIndex(times.view("datetime64[ns]"), name="time").tz_localize("UTC")
    frame = pd.DataFrame(cells[:, kept], index=index, columns=_columns(vault, series, rows, revisions)[kept])
    told = {"instrument": series.instrument, "timeframe": series.timeframe.name, "source": series.source}
    frame.attrs.update({**told, "field": field, "revision": str(reading.revision)})
    return frame


def _check_size(bars: int, revisions: int) -> None:
    if bars * revisions > _MOST_CELLS:
        reason = f"{bars:,} bars at {revisions:,} revisions are too much for one table; ask for a shorter interval"
        raise InvalidInterval(reason=reason)


def _values(rows: Rows, field: str) -> Floats:
    column = getattr(rows, field)
    values: Floats = np.full(len(rows), np.nan) if column is None else column
    return values if rows.withdrawn is None else np.where(rows.withdrawn, np.nan, values)


def _filled(rows: Rows, values: Floats, lines: Ints, bars: int, revisions: Ints) -> Floats:
    """Put each edition where it began to hold, and let it hold until the next one."""
    began = np.full((bars, len(revisions)), -1, np.int64)
    began[lines, np.searchsorted(revisions, rows.revision)] = np.arange(len(rows))
    np.maximum.accumulate(began, axis=1, out=began)
    return np.where(began < 0, np.nan, values[np.maximum(began, 0)]) if len(rows) else np.empty(began.shape)


def _columns(vault: Vault, series: Series, rows: Rows, revisions: Ints) -> pd.MultiIndex:
    first = np.unique(rows.revision, return_index=True)[1]
    times = committed_at(vault, series, rows)[first] if len(rows) else revisions
    stamps = pd.DatetimeIndex(times.view("datetime64[ns]")).tz_localize("UTC")
    return pd.MultiIndex.from_arrays([revisions, stamps], names=["revision", "committed_at"])
