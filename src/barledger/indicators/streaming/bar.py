"""Bars as anybody has them, read as numbers: objects, mappings, rows of frames, plain numbers."""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from operator import attrgetter, itemgetter
from typing import Any, Final

import numpy as np
import pandas as pd

from barledger.domain.frames import TIMES
from barledger.domain.interval import parse_time
from barledger.domain.series import normalise_instrument
from barledger.domain.timeframe import Timeframe
from barledger.errors import InfiniteValue, InputMissing, InputUnsuitable, InvalidInterval
from barledger.indicators.naming import plain_name
from barledger.indicators.streaming import unrolled
from barledger.indicators.streaming.unrolled import Reader, Row

_WHOSE: Final = ("instrument", "symbol", "ticker", "timeframe")
_INDEX: Final = "index"
"""The name of the opening time where no other has it, unless it is the number of a row."""
_LONGEST: Final = 60


class BarReader:
    """Reads certain columns, and the time, from bars of any kind; how is found out once for each class."""

    def __init__(self, columns: Sequence[str], *, asker: str, series: tuple[str, str] | None = None) -> None:
        """Read these columns for somebody who is named in errors; all bars are of one instrument and timeframe.

        That is the ``series``, or else what the first bar says, of each kind that says it.
        """
        self._columns, self._asker, self._series = tuple(columns), asker, series
        self.readers: dict[type, Reader] = {}

    def __call__(self, bar: Any) -> Row:
        """Return the time and the columns of a bar; raises `InputMissing`, `InputUnsuitable` and `InfiniteValue`."""
        reader = self.readers.get(type(bar))
        if reader is None:
            reader = self.readers[type(bar)] = self._of_one_series(bar, self._chosen(bar))
        return reader(bar)

    def _of_one_series(self, bar: Any, reader: Reader) -> Reader:
        """Return what reads a bar after a look at whose it is, if bars of its kind say so."""
        names = whose(bar)
        if not names:
            return reader
        get = itemgetter(*names) if isinstance(bar, Mapping | pd.Series) else attrgetter(*names)
        first = get(bar)
        if self._series is not None:
            told = first if len(names) > 1 else (first,)
            check_series(dict(zip(names, told, strict=True)), self._series)

        def read(one: Any) -> Row:
            try:
                told = get(one)
            except (LookupError, AttributeError):
                told = first
            if told != first:
                raise _mixed(told, first)
            return reader(one)

        return read

    def _chosen(self, bar: Any) -> Reader:  # noqa: PLR0911 - one for each kind of bar
        if isinstance(bar, Mapping):
            return self._by_key(bar)
        if isinstance(bar, pd.Series):
            return self._of_series
        if isinstance(bar, np.void) and bar.dtype.names:
            return lambda row: self._of_mapping({name: row[name] for name in row.dtype.names})
        if isinstance(bar, int | float | np.number) and not isinstance(bar, bool):
            return self._number_alone()
        if all(hasattr(bar, name) for name in self._columns):
            return self._by_attribute(bar)
        if isinstance(bar, str | bytes | list | tuple | np.ndarray | bool) and not hasattr(bar, "_fields"):
            return self._refuse
        return lambda one: self._of_mapping(_attributes(one))

    def _by_key(self, bar: Mapping[str, Any]) -> Reader:
        names, when = frozenset(bar), _when(bar)
        if when is None:
            return self._quick(itemgetter, lambda one: _untimed(one, names), self._of_mapping)
        if _is_index(when):
            return self._of_mapping
        careful = self._quick(itemgetter, itemgetter(when), self._of_mapping)
        return unrolled.reader(when, self._columns, careful) if len(self._columns) in unrolled.WIDTHS else careful

    def _by_attribute(self, bar: Any) -> Reader:
        when = _when(name for name in _names(bar) if not callable(getattr(bar, name, None)))
        names = self._columns if when is None else (*self._columns, when)

        def slowly(one: Any) -> Row:
            return self._of_mapping({name: getattr(one, name, None) for name in names})

        if when is None:
            return self._quick(attrgetter, lambda _: None, slowly)
        return slowly if _is_index(when) else self._quick(attrgetter, attrgetter(when), slowly)

    def _quick(self, getter: Callable[..., Any], timer: Callable[[Any], Any], slowly: Reader) -> Reader:
        """Return what reads a bar that has floats and a time in ns, and leaves others to somebody slower."""
        if len(self._columns) == 1:
            get_one = getter(self._columns[0])

            def read_one(bar: Any) -> Row:
                try:
                    time, value = timer(bar), get_one(bar)
                except (LookupError, AttributeError):
                    return slowly(bar)
                # Of what is not finite the difference from itself is NaN.
                quick = type(value) is float and value - value == 0.0 and (type(time) is int or time is None)
                return (time, (value,), True) if quick else slowly(bar)

            return read_one
        if not self._columns:
            return slowly
        get = getter(*self._columns)

        def read(bar: Any) -> Row:
            try:
                time, values = timer(bar), get(bar)
            except (LookupError, AttributeError):
                return slowly(bar)
            total = 0.0
            for value in values:
                if type(value) is not float:
                    return _converted(time, values) or slowly(bar)
                total += value
            quick = total - total == 0.0 and (type(time) is int or time is None)
            return (time, values, True) if quick else slowly(bar)

        return read

    def _number_alone(self) -> Reader:
        if len(self._columns) != 1:
            return self._refuse

        def read(value: Any) -> Row:
            if type(value) is float and value - value == 0.0:
                return None, (value,), True
            return None, (self._float(self._columns[0], value),), False

        return read

    def _of_series(self, bar: "pd.Series[Any]") -> Row:
        time = bar.name if isinstance(bar.name, pd.Timestamp) else None
        return self._of_mapping({"time": time, **{str(name): value for name, value in bar.items()}})

    def _of_mapping(self, bar: Mapping[str, Any]) -> Row:
        """Read what is written otherwise: with capitals or spaces, or with None for what is missing."""
        lower = {plain_name(name): value for name, value in bar.items()}
        time = next((lower[name] for name in TIMES if lower.get(name) is not None), None)
        if time is None and not isinstance(lower.get(_INDEX), int | float | np.number):
            time = lower.get(_INDEX)
        values = []
        for name in self._columns:
            value = bar[name] if name in bar else lower.get(plain_name(name), self)
            if value is self:
                raise InputMissing(indicator=self._asker, column=name, found=tuple(map(str, bar)))
            values.append(self._float(name, value))
        if isinstance(time, float):
            time = _whole(time)
        return (None if time is None else _time(time)), tuple(values), False

    def _float(self, name: str, value: Any) -> float:
        if value is None or value is pd.NA or value is pd.NaT:
            return math.nan
        number = _number(value)
        if number is None:
            reason = f"{name} is {_shown(value)}, and no number"
            raise InputUnsuitable(reason=reason, remedy="Give a number, or None where it is missing.")
        if math.isinf(number):
            raise InfiniteValue(count=1, examples=f", in {name}")
        return number

    def _refuse(self, bar: Any) -> Row:
        listed = ", ".join(self._columns) or "no column"
        raise InputUnsuitable(
            reason=f"a {type(bar).__name__} does not say what is its {listed}",
            remedy="Give a bar with these names: an object, a mapping, or a row of a frame.",
        )


def _converted(time: Any, values: tuple[Any, ...]) -> Row | None:
    """Return a bar of other numbers than Python's floats, those of NumPy for instance; None if that is not so easy."""
    numbers = tuple(number for number in map(_number, values) if number is not None)
    if len(numbers) < len(values):
        return None
    total = sum(numbers)
    return (time, numbers, True) if total - total == 0.0 and (type(time) is int or time is None) else None


def _number(value: Any) -> float | None:
    """Return a number, or the text of one, as a float; None for what is none."""
    if isinstance(value, bool | np.bool_):
        return None
    try:
        return float(value)
    except (TypeError, ValueError, OverflowError):
        return None


def _shown(value: Any) -> str:
    told = f"a {type(value).__name__}" if isinstance(value, pd.DataFrame | pd.Series | np.ndarray) else repr(value)
    return told if len(told) <= _LONGEST else f"{told[:_LONGEST]}…"


def whose(bar: Any) -> list[str]:
    """Return the names under which a bar says of which series it is, as texts."""
    if isinstance(bar, Mapping | pd.Series):
        return [name for name in _WHOSE if isinstance(bar.get(name), str)]
    return [name for name in _WHOSE if isinstance(getattr(bar, name, None), str)]


def check_series(told: Mapping[str, str], series: tuple[str, str]) -> None:
    """Raise `InputUnsuitable` for a bar that says that it is of another instrument or timeframe."""
    instrument, timeframe = told.get("instrument", series[0]), told.get("timeframe", series[1])
    same = normalise_instrument(instrument) == series[0] and Timeframe.of(timeframe).name == series[1]
    if not same:
        raise _mixed((instrument, timeframe), series)


def _mixed(told: Any, first: Any) -> InputUnsuitable:
    shown, before = (one if isinstance(one, str) else " ".join(map(str, one)) for one in (told, first))
    remedy = "Open live indicators for each series, and give each the bars of its own."
    return InputUnsuitable(reason=f"a bar of {shown} is given after those of {before}", remedy=remedy)


def _when(names: Iterable[str]) -> str | None:
    """Return under which name there is the opening time, if there is one."""
    plain = {plain_name(name): name for name in names}
    return next((plain[name] for name in (*TIMES, _INDEX) if name in plain), None)


def _is_index(name: str) -> bool:
    return plain_name(name) == _INDEX


def _untimed(bar: Mapping[str, Any], names: frozenset[str]) -> None:
    """Return that a bar has no time, as those of the same names before; raises `LookupError` for one of others."""
    if bar.keys() != names:
        raise LookupError


def _names(bar: Any) -> Sequence[str]:
    """Return what an object has."""
    fields: Sequence[str] = getattr(bar, "_fields", ())
    return fields or [name for name in dir(bar) if name[:1] != "_"]


def _attributes(bar: Any) -> dict[str, Any]:
    """Return what an object has, without its methods."""
    found = {name: getattr(bar, name) for name in _names(bar)}
    return {name: value for name, value in found.items() if not callable(value)}


def _time(value: Any) -> int | None:
    """Return an opening time in ns, None for what is missing or no time at all."""
    if value is pd.NaT or not (isinstance(value, str | int | np.integer | np.datetime64) or hasattr(value, "year")):
        return None
    try:
        return parse_time(value)
    except InvalidInterval as error:
        remedy = "Give its opening time in ns as an integer, or as a date and time."
        raise InputUnsuitable(reason=f"its time is {_shown(value)}: {error.reason}", remedy=remedy) from error


def _whole(value: float) -> int:
    """Return a time (ns) that became a float, as in a row of numbers: those of whole seconds have all their digits."""
    if not value.is_integer():
        raise InputUnsuitable(reason=f"its time is {value!r}", remedy="Give ns as an integer, or a date and time.")
    return int(value)
