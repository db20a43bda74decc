"""Libraries behind the HTTP face: what the tests of it share."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from barledger import BarLedger
from barledger.api.options import Options

DAYS: Final = 300
"""So many daily bars each instrument has."""

OPTIONS: Final = Options(hosts=("localhost",))
KeyOf = Callable[..., str]
"""Makes a key with some scopes, and returns its text."""


def bearer(key: str) -> dict[str, str]:
    """Return the header that shows a key."""
    return {"Authorization": f"Bearer {key}"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Served:
    """A real server: its address, a key for everything, and the library behind it."""

    url: str
    key: str
    bl: BarLedger
