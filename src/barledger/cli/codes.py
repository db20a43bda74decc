"""Exit codes: how an error leaves the command line."""

from typing import Final

from barledger.errors import (
    AccessDenied,
    BarledgerError,
    Busy,
    DeliveryFailed,
    IntegrityError,
    InvalidInput,
    NotFound,
    Refused,
    SourceError,
    StoreError,
)

_CODES: Final[tuple[tuple[type[BarledgerError], int], ...]] = (
    (InvalidInput, 2),
    (NotFound, 3),
    (Refused, 4),
    (AccessDenied, 4),
    (IntegrityError, 5),
    (StoreError, 6),
    (SourceError, 6),
    (DeliveryFailed, 6),
    (Busy, 7),
)


def exit_code(error: BarledgerError) -> int:
    """Return the exit code of an error."""
    return next((code for kind, code in _CODES if isinstance(error, kind)), 1)
