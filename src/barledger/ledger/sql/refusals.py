"""What a database's refusals mean to a caller."""

from collections.abc import Callable
from typing import Any, Final

from barledger.errors import (
    Busy,
    LedgerNotAuthenticated,
    LedgerNotFound,
    LedgerNotPermitted,
    LedgerRejected,
    ReadOnly,
    StoreDamaged,
    StoreUnavailable,
    StoreUnwritable,
)

# Seconds that a writer waits for the others.
PATIENCE: Final = 60

# SQLite's words for a disk that is full, a file that may not be made, and one that cannot be read or written.
_UNWRITABLE: Final = ("database or disk is full", "unable to open database", "disk I/O error")

# PostgreSQL's conditions, by code or by class; a code comes before its class.
_LOST: Final = ("08", "57P", "25P03")
_KINDS: Final[dict[str, Callable[..., Exception]]] = {
    "3D000": LedgerNotFound,
    "28": LedgerNotAuthenticated,
    "42501": LedgerNotPermitted,
    "22": LedgerRejected,
    "54": LedgerRejected,
    "08": StoreUnavailable,
    "25P03": StoreUnavailable,
    "53": StoreUnavailable,
    "57": StoreUnavailable,
    "58": StoreUnavailable,
}


def translated(cause: BaseException, location: str, *, refused: tuple[type[Exception], ...]) -> Exception | None:
    """Return what a driver's error means, None if it means nothing to a caller; ``refused`` are its everyday kinds."""
    code, text = _told(cause)
    if text.startswith("database is locked") or code in ("55P03", "40P01"):
        return Busy(what=location, waited=float(PATIENCE))
    if "readonly database" in text or code == "25006":
        return ReadOnly(reason=f"{location} cannot be written")
    if text.startswith(_UNWRITABLE):
        return StoreUnwritable(url=location, detail=text)
    if "malformed" in text or "not a database" in text or code.startswith("XX00"):
        return StoreDamaged(where=location, detail=text)
    kind: Callable[..., Exception] | None
    kind = next((kind for start, kind in _KINDS.items() if code.startswith(start)), None)
    if kind is None and not code and isinstance(cause, (OSError, *refused)):
        kind = StoreUnavailable
    return None if kind is None else kind(url=location, detail=text)


def closed_by_server(cause: BaseException) -> bool:
    """Tell whether PostgreSQL says that it has ended the connection."""
    return _told(cause)[0].startswith(_LOST)


def _told(cause: BaseException) -> tuple[str, str]:
    """Return the SQLSTATE, if there is one, and the database's own words."""
    told: Any = cause.args[0] if cause.args else ""
    if isinstance(told, dict):
        return str(told.get("C", "")), str(told.get("M", told))
    return "", str(cause)
