"""Histories: what live indicators are warmed up on, as a table."""

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np

from barledger.indicators.binding import Request
from barledger.indicators.frame import table_of
from barledger.indicators.gaps import NO_BREAKS
from barledger.indicators.given import Given
from barledger.indicators.table import Table

Gap = Callable[[int, int], bool]
"""Tells whether bars are missing between two opening times (ns) that follow each other."""


def table_of_history(history: Any, request: Request, gap: Gap | None) -> tuple[Table, bool]:
    """Return a history as a table with its gaps, and whether it has times; raises what `barledger.calculate` raises."""
    if isinstance(history, Table):
        return history, True
    given = history if isinstance(history, Given) else Given.of(history)
    if given.time is None:
        return table_of(given, request, NO_BREAKS), False
    times = given.time.tolist()
    missing = [] if gap is None else [row for row, pair in enumerate(pairwise(times), 1) if gap(*pair)]
    return table_of(given, request, np.array(missing, np.int64)), True
