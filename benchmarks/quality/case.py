"""A case: a frame with one error (or none), its label, and the frame as it was."""

from dataclasses import dataclass

import pandas as pd


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """``kind`` is the finding that is expected in [first, last] (None: nothing is wrong)."""

    name: str
    wrong: pd.DataFrame
    right: pd.DataFrame
    kind: str | None
    also: tuple[str, ...] = ()
    first: pd.Timestamp | None = None
    last: pd.Timestamp | None = None
    factor: float | None = None
