"""Series: whose bars, how long each, and who says so."""

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from barledger.domain.timeframe import Timeframe
from barledger.errors import InvalidName

_CONTROL = re.compile(r"[\x00-\x1f\x7f\x85\u2028\u2029]")
_PAIR = re.compile(r"([A-Z0-9]+)[/\-]([A-Z0-9]+)")
# Quote currencies that make a slash or dash pair of this shape a pair, not a share class such as BRK-B.
_SHORTEST_QUOTE = 3
_KEPT: Final = 8_192


@dataclass(frozen=True, slots=True, kw_only=True, order=True, repr=False)
class Series:
    """One instrument at one timeframe from one source, raw or adjusted."""

    instrument: str
    timeframe: Timeframe
    source: str
    is_adjusted: bool = False

    @staticmethod
    def of(instrument: str, timeframe: "str | Timeframe", source: str, *, is_adjusted: bool = False) -> "Series":
        """Build a series from what a caller writes; raises `InvalidName` and `InvalidTimeframe`.

        >>> str(Series.of("BTC/USDT", "1m", "binance"))
        'BTCUSDT 1m from binance'
        """
        if type(instrument) is type(source) is str and isinstance(timeframe, str | Timeframe):
            return _remembered(instrument, timeframe, source, is_adjusted)
        return _checked(instrument, timeframe, source, is_adjusted)

    def __hash__(self) -> int:
        """Hash the names alone, since series are looked up all the time."""
        return hash((self.instrument, self.timeframe.name, self.source, self.is_adjusted))

    def __repr__(self) -> str:
        """Say it in brackets."""
        return f"<{self}>"

    def __str__(self) -> str:
        """Say it as a person would."""
        return f"{self.instrument} {self.timeframe} from {self.source}{' (adjusted)' if self.is_adjusted else ''}"


def _checked(
    instrument: str,
    timeframe: "str | Timeframe",
    source: str,
    is_adjusted: bool,  # noqa: FBT001 - a key has no names
) -> Series:
    return Series(
        instrument=normalise_instrument(instrument),
        timeframe=Timeframe.of(timeframe),
        source=check_name("source", source),
        is_adjusted=is_adjusted,
    )


# A poll names the same hundreds of series again and again.
_remembered: Final = lru_cache(maxsize=_KEPT, typed=True)(_checked)


def normalise_instrument(symbol: str) -> str:
    """Return the one spelling of an instrument: ``BTC/USDT`` and ``BTC-USDT`` are ``BTCUSDT``.

    Only a plain pair whose quote has three letters or more is joined, so ``BRK-B``, ``BTC/USDT:USDT`` and ``ES=F``
    stay as they are.
    """
    name = check_name("instrument", symbol)
    pair = _PAIR.fullmatch(name)
    if pair and len(pair[2]) >= _SHORTEST_QUOTE:
        return pair[1] + pair[2]
    return name


def check_name(kind: str, value: str) -> str:
    """Return ``value`` if a store can hold it as a tag; raises `InvalidName`."""
    if not isinstance(value, str):
        raise InvalidName(kind=kind, value=repr(value), reason="it is not text")
    reason = _reason_against(value)
    if reason:
        raise InvalidName(kind=kind, value=value, reason=reason)
    return value


@lru_cache(maxsize=_KEPT)
def _reason_against(value: str) -> str | None:
    if not value or not value.strip():
        return "it is empty"
    if value != value.strip():
        return "it starts or ends with white space"
    if value.endswith("\\"):
        return "it ends with a backslash"
    if _CONTROL.search(value):
        return "it has a control character"
    try:
        value.encode()
    except UnicodeEncodeError:
        return "it is not valid Unicode"
    return None
