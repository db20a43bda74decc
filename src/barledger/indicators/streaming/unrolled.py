"""Unrolled readers: mappings with a time in ns and so many columns of floats, read without a loop.

A live indicator spends as much on reading a bar as on its recurrence, and a loop over four columns is half of that.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

Row = tuple[int | None, tuple[float, ...], bool]
"""The opening time (ns), if there is one, the values of the columns, and whether it is known that all are finite."""
Reader = Callable[[Any], Row]


def _two(when: str, columns: Sequence[str], otherwise: Reader) -> Reader:
    first, second = columns

    def read(bar: Mapping[str, Any]) -> Row:
        try:
            time = bar[when]
            values = a, b = bar[first], bar[second]
        except LookupError:
            return otherwise(bar)
        if type(a) is type(b) is float and type(time) is int:
            total = a + b
            # Of what is not finite the difference from itself is NaN.
            if total - total == 0.0:
                return time, values, True
        return otherwise(bar)

    return read


def _three(when: str, columns: Sequence[str], otherwise: Reader) -> Reader:
    first, second, third = columns

    def read(bar: Mapping[str, Any]) -> Row:
        try:
            time = bar[when]
            values = a, b, c = bar[first], bar[second], bar[third]
        except LookupError:
            return otherwise(bar)
        if type(a) is type(b) is type(c) is float and type(time) is int:
            total = a + b + c
            if total - total == 0.0:
                return time, values, True
        return otherwise(bar)

    return read


def _four(when: str, columns: Sequence[str], otherwise: Reader) -> Reader:
    first, second, third, fourth = columns

    def read(bar: Mapping[str, Any]) -> Row:
        try:
            time = bar[when]
            values = a, b, c, d = bar[first], bar[second], bar[third], bar[fourth]
        except LookupError:
            return otherwise(bar)
        if type(a) is type(b) is type(c) is type(d) is float and type(time) is int:
            total = a + b + c + d
            if total - total == 0.0:
                return time, values, True
        return otherwise(bar)

    return read


_READERS: Final = {2: _two, 3: _three, 4: _four}
WIDTHS: Final = frozenset(_READERS)


def reader(when: str, columns: Sequence[str], otherwise: Reader) -> Reader:
    """Return what reads the time and these columns, of `WIDTHS` many; any other bar is left to ``otherwise``."""
    return _READERS[len(columns)](when, columns, otherwise)
