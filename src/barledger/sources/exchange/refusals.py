"""ccxt's errors, translated into ours."""

import email.utils
from importlib import import_module
from typing import Any, Final

from barledger.errors import (
    BarledgerError,
    CapabilityMissing,
    DataNotFound,
    InvalidSetting,
    RateLimited,
    SourceError,
    SourceUnavailable,
)
from barledger.sources.exchange.candles import MILLISECOND

_LONGEST: Final = 300
_SECOND: Final = 1000 * MILLISECOND
# What ccxt has no kind of error for.
_UNKNOWN_MARKET: Final = ("EQuery:Unknown asset pair",)
# What a server says once and for all; asking it again gives the same.
_FOR_GOOD: Final = frozenset({400, 401, 404, 405, 407, 410, 451, 511})


def translate(  # noqa: PLR0911 - a kind a line
    error: Exception, *, source: str, what: str, exchange: Any, now: int
) -> BarledgerError:
    """Return our error for one that ccxt raised when ``exchange`` was asked for ``what``."""
    ccxt = import_module("ccxt")
    detail = brief(str(error))
    wait = retry_after(exchange.last_response_headers, now)
    if isinstance(error, ccxt.BadSymbol) or any(words in detail for words in _UNKNOWN_MARKET):
        return DataNotFound(what=f"{source} has no market for {what}: {detail}")
    if isinstance(error, ccxt.NotSupported):
        return CapabilityMissing(who=f"source {source}", capability=f"{what}: {detail}")
    if isinstance(error, ccxt.InvalidProxySettings):
        return InvalidSetting(setting="option proxy of an exchange", reason=detail)
    if isinstance(error, ccxt.DDoSProtection | ccxt.RateLimitExceeded):
        return RateLimited(source=source, detail=detail, retry_after=wait)
    if isinstance(error, ccxt.NetworkError) and exchange.status not in _FOR_GOOD:
        return SourceUnavailable(source=source, detail=detail, retry_after=wait)
    if isinstance(error, ccxt.BaseError):
        return SourceError(source=source, detail=detail)
    return SourceError(source=source, detail=f"its answer to {what} cannot be read: {brief(repr(error))}")


def brief(text: str) -> str:
    """Return text on one line that is short enough to be read; a server's page of HTML is not."""
    line = " ".join(text.split())
    return line if len(line) <= _LONGEST else f"{line[:_LONGEST]}…"


def retry_after(headers: Any, now: int) -> float:
    """Return the seconds that a server asks to wait, 0 if it does not say so; it may give a number or a date."""
    said = str((headers or {}).get("Retry-After") or "").strip()
    if said.isdigit():
        return float(said)
    date = read_date(said)
    return 0.0 if date is None else max(0.0, (date - now) / _SECOND)


def read_date(text: str | None) -> int | None:
    """Return the time (ns) that an HTTP date names, None if it is none."""
    if not text:
        return None
    try:
        return int(email.utils.parsedate_to_datetime(text).timestamp()) * _SECOND
    except (TypeError, ValueError, OverflowError):
        return None
