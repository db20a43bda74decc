"""Durations, as people write them: 90s, 15m, 2h, 3d, 1w."""

import re
from typing import Final

from barledger.domain.timeframe import DAY, HOUR, MINUTE, SECOND
from barledger.errors import InvalidSetting

_UNITS: Final = {"s": SECOND, "m": MINUTE, "h": HOUR, "d": DAY, "w": 7 * DAY}
_FORM: Final = re.compile(r"([0-9]{1,6})([smhdw])")


def parse_duration(text: str, *, setting: str) -> int:
    """Return the duration in ns; raises `InvalidSetting`, which names the setting.

    >>> parse_duration("15m", setting="every") // MINUTE
    15
    """
    found = _FORM.fullmatch(str(text).strip())
    if found is None or not int(found[1]):
        raise InvalidSetting(setting=setting, reason=f"{text!r} is no duration such as 90s, 15m, 2h, 3d or 1w")
    return int(found[1]) * _UNITS[found[2]]


def format_duration(duration: int) -> str:
    """Return it in the largest unit that tells it whole, with decimals only below a second.

    >>> format_duration(90 * SECOND)
    '90s'
    """
    unit, length = next(
        ((unit, length) for unit, length in reversed(_UNITS.items()) if duration and duration % length == 0), ("s", 0)
    )
    return f"{duration // length}{unit}" if length else f"{duration / SECOND:g}s"
