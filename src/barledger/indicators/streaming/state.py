"""States: what a handle or a live object keeps as JSON, read back with every doubt said.

Floats are written by ``float.hex``, so that they come back bit for bit; times and counts of ns as decimal strings.
"""

import hashlib
import json
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, TypeVar

from barledger.errors import InvalidState

T = TypeVar("T")
_LONGEST: Final = 40


class Fields:
    """The fields of a state, each read once and checked; raises `InvalidState` for what is not as it was written."""

    def __init__(self, state: object, what: str) -> None:
        """Read the state of something, named in errors."""
        if not isinstance(state, Mapping):
            raise InvalidState(what=what, reason=f"it is a {type(state).__name__}, and no mapping")
        self._state, self._what = state, what

    def wrong(self, reason: str) -> InvalidState:
        """Return the error that says what is wrong."""
        return InvalidState(what=self._what, reason=reason)

    def without(self, name: str) -> dict[str, Any]:
        """Return all fields but one."""
        return {one: value for one, value in self._state.items() if one != name}

    def only(self, *names: str) -> None:
        """Make sure that there are these fields, and no others."""
        missing = [name for name in names if name not in self._state]
        if missing:
            raise self.wrong(f"it lacks {', '.join(missing)}")
        unknown = sorted(str(name) for name in self._state if name not in names)
        if unknown:
            raise self.wrong(f"it has {', '.join(unknown)}, which nothing is known of")

    def same(self, name: str, wanted: object) -> None:
        """Make sure that a field is what it has to be."""
        found = self._state.get(name)
        if found != wanted or type(found) is not type(wanted):
            raise self.wrong(f"its {name} is {_short(found)}, and {_short(wanted)} is needed")

    def text(self, name: str) -> str:
        """Return a text."""
        found = self._state.get(name)
        if not isinstance(found, str):
            raise self.wrong(f"its {name} is {_short(found)}, and no text")
        return found

    def text_or_none(self, name: str) -> str | None:
        """Return a text, or None if there is none."""
        return None if self._state.get(name) is None else self.text(name)

    def flag(self, name: str) -> bool:
        """Return a truth."""
        found = self._state.get(name)
        if not isinstance(found, bool):
            raise self.wrong(f"its {name} is {_short(found)}, and neither true nor false")
        return found

    def count(self, name: str) -> int:
        """Return a number that is not below zero."""
        found = self._state.get(name)
        if not isinstance(found, int) or isinstance(found, bool) or found < 0:
            raise self.wrong(f"its {name} is {_short(found)}, and no count")
        return found

    def time(self, name: str) -> int | None:
        """Return a time (ns), or None if there is none."""
        found = self._state.get(name)
        if found is None:
            return None
        return self._read(name, found, int)

    def sequence(self, name: str) -> Sequence[Any]:
        """Return a list."""
        found = self._state.get(name)
        if not isinstance(found, list | tuple):
            raise self.wrong(f"its {name} is {_short(found)}, and no list")
        return found

    def mapping(self, name: str) -> Mapping[str, Any]:
        """Return a mapping."""
        found = self._state.get(name)
        if not isinstance(found, Mapping):
            raise self.wrong(f"its {name} is {_short(found)}, and no mapping")
        return found

    def number(self, name: str, value: object) -> float:
        """Return a float that may be NaN or infinite."""
        return self._read(name, value, float.fromhex)

    def finite(self, name: str, value: object) -> float:
        """Return a float that is finite."""
        number = self.number(name, value)
        if not math.isfinite(number):
            raise self.wrong(f"its {name} has {value!r}, which is not finite")
        return number

    def whole(self, name: str, value: object) -> int:
        """Return an integer that is written as a decimal string."""
        return self._read(name, value, int)

    def _read(self, name: str, value: object, reader: Callable[[str], T]) -> T:
        if not isinstance(value, str):
            raise self.wrong(f"its {name} has {_short(value)} where a text is written")
        try:
            return reader(value)
        except (ValueError, OverflowError):
            raise self.wrong(f"its {name} has {_short(value)}, which cannot be read") from None


def sealed(state: Mapping[str, Any]) -> dict[str, Any]:
    """Return a state with a digest over all of it."""
    return {**state, "digest": _digest(state)}


def opened(state: object, what: str) -> Mapping[str, Any]:
    """Return what `sealed` took; raises `InvalidState` if a single sign of it has changed."""
    fields = Fields(state, what)
    digest, left = fields.text("digest"), fields.without("digest")
    try:
        found = _digest(left)
    except (TypeError, ValueError):
        raise fields.wrong("it has values that JSON does not know") from None
    if found != digest:
        raise fields.wrong("it is damaged: its digest does not fit")
    return left


def _digest(state: Mapping[str, Any]) -> str:
    text = json.dumps(state, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()


def _short(value: object) -> str:
    if value is None:
        return "missing"
    text = repr(value)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"
