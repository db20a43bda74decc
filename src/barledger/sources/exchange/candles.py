"""Candles as an exchange gives them, and the bars that they are."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
import pandas as pd

from barledger.domain.intake import Validated, intake
from barledger.domain.interval import format_time
from barledger.domain.rows import VALUES
from barledger.domain.timeframe import Timeframe
from barledger.domain.validation import OnInvalid, Rejected
from barledger.errors import InvalidBars, WrongType, ZeroPrice
from barledger.errors.input import ASIDE

Candle = tuple[int, float | None, float | None, float | None, float | None, float | None]
"""Opening time (ns), open, high, low, close, volume; None is a missing value."""

MILLISECOND: Final = 1_000_000
_TOLD: Final = 5
# ns in 64 bits end in 2262.
_LAST: Final = 9_223_372_036_854


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What an exchange answered: one candle for each time, ascending.

    ``disputed`` are all candles of the times for which it gave several that differ. ``now`` (ns) is the latest moment
    of which the answer can speak; ``asked`` is the request in the exchange's own words.
    """

    candles: tuple[Candle, ...]
    now: int
    asked: str = ""
    disputed: Mapping[int, tuple[Candle, ...]] = field(default_factory=dict)


def read_answer(given: Any, *, now: int, asked: str = "", factor: float | None = 1.0) -> Answer:
    """Read what ccxt's ``fetch_ohlcv`` returns; raises `ValueError` if that is not candles.

    ``factor`` is what a unit of volume is in units of the base currency; None leaves volumes out. Candles without any
    price say that nothing was traded, and are left out.
    """
    by_time: dict[int, dict[Candle, None]] = {}
    for one in given:
        candle = _candle(one, factor)
        if any(price is not None for price in candle[1:5]):
            by_time.setdefault(candle[0], {})[candle] = None
    ordered = sorted(by_time.items())
    return Answer(
        candles=tuple(next(iter(candles)) for _, candles in ordered),
        now=now,
        asked=asked,
        disputed={time: tuple(candles) for time, candles in ordered if len(candles) > 1},
    )


def _candle(given: Any, factor: float | None) -> Candle:
    if not isinstance(given, Sequence) or isinstance(given, str) or len(given) < 1 + len(VALUES):
        message = f"{given!r} is not a candle"
        raise ValueError(message)
    moment = given[0]
    if isinstance(moment, bool) or not isinstance(moment, int | float) or not abs(moment) <= _LAST:
        message = f"{moment!r} is not the time of a candle"
        raise ValueError(message)
    numbers = [_number(value) for value in given[1:6]]
    volume = None if numbers[4] is None or factor is None else numbers[4] * factor
    return (int(moment) * MILLISECOND, numbers[0], numbers[1], numbers[2], numbers[3], volume)


def _number(value: Any) -> float | None:
    """Return a number, None for a missing one."""
    if value is None or value == "":
        return None
    number = float(value)
    return None if math.isnan(number) else number


def bars_of(candles: Sequence[Candle], timeframe: Timeframe, on_invalid: OnInvalid) -> Validated:
    """Return the bars that candles are; raises the error of a broken rule, or puts the offenders aside.

    Beside the rules of all bars, nothing is traded for nothing, and a bar has all four prices.
    """
    good, rejected = list(candles), []
    for error, broken in ((ZeroPrice, _has_zero), (WrongType, _lacks_a_price)):
        offenders = [candle for candle in good if broken(candle)]
        if offenders and on_invalid == "raise":
            raise _error(error, offenders)
        rejected += [_rejected(candle, error.code) for candle in offenders]
        good = [candle for candle in good if not broken(candle)]
    validated = intake(_frame(good), timeframe, on_invalid=on_invalid)
    put_aside = sorted((*rejected, *validated.rejected), key=lambda bar: bar.time)
    return Validated(rows=validated.rows, rejected=tuple(put_aside))


def _has_zero(candle: Candle) -> bool:
    return 0 in candle[1:5]


def _lacks_a_price(candle: Candle) -> bool:
    return None in candle[1:5]


def _error(error: type[InvalidBars], offenders: Sequence[Candle]) -> InvalidBars:
    times = tuple(candle[0] for candle in offenders[:_TOLD])
    more = ", …" if len(offenders) > _TOLD else ""
    examples = f" ({', '.join(map(format_time, times))}{more})"
    if error is WrongType:
        columns = [name for at, name in enumerate(VALUES[:4], 1) if any(candle[at] is None for candle in offenders)]
        return WrongType(
            count=len(offenders),
            times=times,
            examples=examples,
            column=", ".join(columns),
            found="missing in some bars",
            hint=f"{ASIDE.capitalize()} and to write the rest. ",
        )
    return error(count=len(offenders), times=times, examples=examples)


def _rejected(candle: Candle, code: str) -> Rejected:
    values = {name: repr(math.nan if value is None else value) for name, value in zip(VALUES, candle[1:], strict=True)}
    return Rejected(time=candle[0], code=code, values=values)


def _frame(candles: Iterable[Candle]) -> pd.DataFrame:
    columns = tuple(zip(*candles, strict=True)) or ((),) * (1 + len(VALUES))
    index = pd.DatetimeIndex(np.array(columns[0], "datetime64[ns]")).tz_localize("UTC")
    values = {name: np.array(column, np.float64) for name, column in zip(VALUES, columns[1:], strict=True)}
    return pd.DataFrame(values, index=index)
