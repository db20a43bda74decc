"""Delays: how long after a bar's close somebody looked."""

import re
from datetime import timedelta
from typing import Final

from barledger.domain.timeframe import DAY, HOUR, MINUTE, SECOND
from barledger.errors import InvalidSetting

_UNITS: Final = {"s": SECOND, "m": MINUTE, "h": HOUR, "d": DAY, "w": 7 * DAY}
_DELAY: Final = re.compile(r"(\d{1,9})([smhdw])")
_LONGEST: Final = 100 * 366 * DAY


def parse_delay(value: "str | timedelta", *, setting: str) -> int:
    """Return a delay in ns: ``30m``, ``1d`` or a timedelta; raises `InvalidSetting`, which names the setting.

    >>> parse_delay("1h", setting="known_within")
    3600000000000
    """
    if isinstance(value, timedelta):
        delay = (value.days * 86_400 + value.seconds) * SECOND + value.microseconds * 1_000
    else:
        read = _DELAY.fullmatch(str(value))
        if read is None:
            raise InvalidSetting(setting=setting, reason=f"{value!r} is not a delay such as 30m, 6h or 1d")
        delay = int(read[1]) * _UNITS[read[2]]
    if not 0 <= delay <= _LONGEST:
        raise InvalidSetting(setting=setting, reason=f"{value} is below zero or longer than a hundred years")
    return delay
