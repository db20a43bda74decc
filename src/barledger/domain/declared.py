"""Declared adjustment: what a source has adjusted its bars for before it gives them."""

from collections.abc import Mapping
from typing import Final, Literal, get_args

from barledger.errors import InvalidSetting

Adjustment = Literal["raw", "splits", "total"]
"""``raw`` as traded, ``splits`` in today's shares, ``total`` for dividends too."""

Adjusted = Mapping[str, Adjustment]
"""What each column is adjusted for; a column that is not named is raw."""

RAW: Final = "raw"
_PRICES: Final = ("open", "high", "low", "close")
_COLUMNS: Final = (*_PRICES, "volume")


def check_adjusted(adjusted: Adjusted) -> None:
    """Refuse columns and states that there are not, and prices of one bar in two states."""
    unknown = {*adjusted} - {*_COLUMNS}
    if unknown:
        raise InvalidSetting(setting="adjusted", reason=f"{min(unknown)!r} is none of {', '.join(_COLUMNS)}")
    wrong = {*adjusted.values()} - {*get_args(Adjustment)}
    if wrong:
        raise InvalidSetting(setting="adjusted", reason=f"{min(wrong)!r} is none of {', '.join(get_args(Adjustment))}")
    if len({adjusted.get(price, RAW) for price in _PRICES}) > 1:
        raise InvalidSetting(setting="adjusted", reason="the prices of one bar are adjusted for different things")


def is_raw(adjusted: Adjusted) -> bool:
    """Whether nothing is adjusted for anything."""
    return all(state == RAW for state in adjusted.values())


def spoken(adjusted: Adjusted) -> str:
    """Return the state of the prices as one word, and beside it that of the volume where it is another.

    A volume knows no dividends: ``splits`` and ``total`` are one state of it.
    """
    prices, volume = adjusted.get("close", RAW), adjusted.get("volume", RAW)
    if (prices == RAW) == (volume == RAW):
        return prices
    return f"{prices}, volume {volume}"
