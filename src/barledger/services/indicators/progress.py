"""Progress: what a running batch tells of itself, as values."""

from collections.abc import Callable
from dataclasses import dataclass

from barledger.errors import BarledgerError


@dataclass(frozen=True, slots=True, kw_only=True)
class Computed:
    """An instrument is done with, well or not: ``done`` of ``total`` are, and it gave so many rows."""

    instrument: str
    rows: int
    done: int
    total: int
    error: BarledgerError | None = None


Listener = Callable[[Computed], None]
