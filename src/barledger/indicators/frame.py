"""Frames: indicators on anybody's table of bars, without a library."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from barledger.indicators.binding import Binder
from barledger.indicators.definition import Policy
from barledger.indicators.evaluation import Evaluation
from barledger.indicators.registry import REGISTRY
from barledger.indicators.table import Table


def calculate(specs: str | Sequence[str], frame: Any, *, nan_policy: Policy | None = None) -> Any:
    """Return the indicators of a frame as a frame with its index, one column for each output.

    >>> import pandas as pd
    >>> frame = pd.DataFrame({"close": [1.0, 2.0, 4.0]}, index=pd.date_range("2024-01-01", periods=3, tz="UTC"))
    >>> calculate("sma(2)", frame)["sma(2)"].tolist()
    [nan, 1.5, 3.0]
    """
    columns = {str(name).lower(): frame[name].to_numpy(np.float64) for name in frame.columns}
    request = Binder(REGISTRY, columns=tuple(columns)).request(specs, nan_policy=nan_policy)
    time = pd.DatetimeIndex(frame.index).as_unit("ns").asi8
    found = Evaluation(table=Table.of(time, columns)).columns(request)
    return pd.DataFrame(found, index=frame.index)
