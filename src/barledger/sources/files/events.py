"""Events: the corporate actions that files carry beside their bars."""

from collections.abc import Iterator
from typing import Any, Final, Protocol

import numpy as np
import pyarrow as pa

from barledger.domain.action import CorporateAction
from barledger.domain.rows import Flags, Floats
from barledger.errors import InvalidAction, SourceError
from barledger.sources.files.mappers import ACTIONS

_PRICES: Final = ("open", "high", "low", "close")
# A file has a value in every row: no dividend is 0, and one share for one is no split.
_NOTHING: Final = {"dividend": (0.0,), "split": (0.0, 1.0), "capital_gain": (0.0,)}


class Placing(Protocol):
    """Tells where the bar at a position of a run stands."""

    def place(self, piece: Any, at: int) -> str:
        """Return the file and the line."""


def actions_possible(run: pa.Table) -> bool:
    """Whether a run of bars has columns of events."""
    return any(role in run.column_names for role in ACTIONS)


def actions_in(run: pa.Table, instrument: str, places: Placing) -> Iterator[CorporateAction]:
    """Give the actions of a run, each with its bar's time as the ex-date; raises `SourceError` for one that cannot be.

    Files do not say in which currency amounts are.
    """
    times = run["time"].cast(pa.int64())
    for role, kind in ACTIONS.items():
        if role not in run.column_names:
            continue
        values = _numbers(run, role)
        for at in np.flatnonzero(~np.isnan(values) & ~np.isin(values, _NOTHING[role])).tolist():
            value, ex_date = float(values[at]), int(times[at].as_py())
            try:
                yield CorporateAction(instrument=instrument, ex_date=ex_date, kind=kind, source="files", value=value)
            except InvalidAction as error:
                detail = f"{places.place(run, at)}: {error}"
                raise SourceError(source="files", detail=detail) from error


def bars_in(run: pa.Table) -> Flags:
    """Tell which rows are bars: where there are columns of events, a row without price and volume is an event only."""
    unpriced = np.logical_and.reduce([np.isnan(_numbers(run, name)) for name in _PRICES])
    volume = _numbers(run, "volume")
    return np.asarray(~(unpriced & (np.isnan(volume) | (volume == 0))))


def _numbers(run: pa.Table, name: str) -> Floats:
    return np.asarray(run[name].to_numpy(), np.float64)
