"""Budgets: how much a verification may read."""

import math
import re
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from barledger.domain.delay import parse_delay
from barledger.domain.timeframe import SECOND
from barledger.errors import InvalidSetting

_BLOCKS: Final = re.compile(r"(\d{1,12})\s*blocks?")
_SECONDS: Final = re.compile(r"\d{1,9}(\.\d+)?")


@dataclass(frozen=True, slots=True, kw_only=True)
class VerificationBudget:
    """At most so many seconds and so many blocks."""

    seconds: float = math.inf
    blocks: int | None = None

    @staticmethod
    def of(value: "float | str | timedelta | VerificationBudget | None") -> "VerificationBudget":
        """Read a budget: seconds as a number, ``60s``, ``5m`` or a timedelta, or ``500 blocks``; None is without end.

        Raises `InvalidSetting`.

        >>> VerificationBudget.of("500 blocks").blocks
        500
        """
        if value is None:
            return VerificationBudget()
        if isinstance(value, VerificationBudget):
            return value
        if isinstance(value, str):
            text = value.strip()
            if blocks := _BLOCKS.fullmatch(text):
                return _checked(VerificationBudget(blocks=int(blocks[1])), value)
            seconds = float(text) if _SECONDS.fullmatch(text) else _delay(text)
        elif isinstance(value, timedelta):
            seconds = value.total_seconds()
        elif isinstance(value, bool) or not isinstance(value, int | float):
            raise InvalidSetting(setting="budget", reason=f"{value!r} is neither seconds nor blocks")
        else:
            seconds = float(value)
        return _checked(VerificationBudget(seconds=seconds), value)


def _delay(text: str) -> float:
    try:
        return parse_delay(text, setting="budget") / SECOND
    except InvalidSetting:
        reason = f'{text!r} is neither a time, such as "60s" or "5m", nor blocks, such as "20 blocks"'
        raise InvalidSetting(setting="budget", reason=reason) from None


def _checked(budget: VerificationBudget, value: object) -> VerificationBudget:
    if not budget.seconds > 0 or budget.blocks == 0:
        raise InvalidSetting(setting="budget", reason=f"{value!r} leaves no room for anything")
    return budget
