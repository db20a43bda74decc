"""Bars as anybody has them, read as numbers: objects, mappings, rows of frames, plain numbers."""

import math
from collections.abc import Callable, Mapping, Sequence
from operator import attrgetter, itemgetter
from typing import Any, Final

import numpy as np
import pandas as pd

from barledger.domain.interval import parse_time
from barledger.domain.series import normalise_instrument
from barledger.domain.timeframe import Timeframe
from barledger.errors import InfiniteValue, InputMissing, InputUnsuitable
from barledger.indicators.naming import plain_name
from barledger.indicators.streaming import unrolled
from barledger.indicators.streaming.unrolled import Reader, Row

_WHOSE: Final = ("instrument", "symbol", "ticker", "timeframe")


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
            return self._by_key(timed="time" in bar)
        if isinstance(bar, pd.Series):
            return self._of_series
        if isinstance(bar, np.void) and bar.dtype.names:
            return lambda row: self._of_mapping({name: row[name] for name in row.dtype.names})
        if isinstance(bar, int | float | np.number) and not isinstance(bar, bool):
            return self._number_alone()
        if all(hasattr(bar, name) for name in self._columns):
            return self._by_attribute()
        if isinstance(bar, str | bytes | list | tuple | np.ndarray | bool) and not hasattr(bar, "_fields"):
            return self._refuse
        return lambda one: self._of_mapping(_attributes(one))

    def _by_key(self, *, timed: bool) -> Reader:
        if timed and len(self._columns) in unrolled.WIDTHS:
            return unrolled.reader(self._columns, self._otherwise)
        return self._quick(itemgetter, itemgetter("time") if timed else lambda bar: bar.get("time"), self._of_mapping)

    def _otherwise(self, bar: Mapping[str, Any]) -> Row:
        """Read a mapping that is not as most are: with other numbers, or written otherwise."""
        try:
            time, values = bar["time"], itemgetter(*self._columns)(bar)
        except LookupError:
            return self._of_mapping(bar)
        return _converted(time, values) or self._of_mapping(bar)

    def _by_attribute(self) -> Reader:
        def slowly(bar: Any) -> Row:
            return self._of_mapping({name: getattr(bar, name, None) for name in (*self._columns, "time", "Index")})

        return self._quick(attrgetter, attrgetter("time"), slowly)

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
        time = next((lower[name] for name in ("time", "index") if lower.get(name) is not None), None)
        values = []
        for name in self._columns:
            value = bar[name] if name in bar else lower.get(plain_name(name), self)
            if value is self:
                raise InputMissing(indicator=self._asker, column=name, found=tuple(map(str, bar)))
            values.append(self._float(name, value))
        if isinstance(time, float):
            time = _whole(time)
        return (None if time is None or not _is_time(time) else parse_time(time)), tuple(values), False

    def _float(self, name: str, value: Any) -> float:
        if value is None or value is pd.NA or value is pd.NaT:
            return math.nan
        try:
            number = float(value)
        except (TypeError, ValueError, OverflowError):
            raise InputUnsuitable(
                reason=f"{name} is {value!r}, and no number", remedy="Give a number, or None where it is missing."
            ) from None
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
    try:
        numbers = tuple(map(float, values))
    except (TypeError, ValueError, OverflowError):
        return None
    total = sum(numbers)
    return (time, numbers, True) if total - total == 0.0 and (type(time) is int or time is None) else None


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


def _attributes(bar: Any) -> dict[str, Any]:
    """Return what an object has, without its methods."""
    found = {name: getattr(bar, name) for name in dir(bar) if name[:1] != "_"}
    return {name: value for name, value in found.items() if not callable(value)}


def _is_time(value: Any) -> bool:
    return isinstance(value, str | int | np.integer | np.datetime64) or hasattr(value, "year")


def _whole(value: float) -> int:
    """Return a time (ns) that became a float, as in a row of numbers: those of whole seconds have all their digits."""
    if not value.is_integer():
        raise InputUnsuitable(reason=f"its time is {value!r}", remedy="Give ns as an integer, or a date and time.")
    return int(value)
