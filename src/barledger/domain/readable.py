"""Readable values: records of which a person sees times as RFC 3339, where programs have ns."""

import re
from dataclasses import MISSING, Field, fields
from typing import Any, Final

from barledger.domain.interval import format_time

_TIMES: Final = re.compile(r"time|at|until|since|start|end|ex_date|close_time|\w+_(at|until|trade)")
# Stamps of what has not happened yet are 0; a bar may open at 0.
_STAMPS: Final = re.compile(r"at|\w+_at")


def is_time(name: str) -> bool:
    """Tell whether a field of this name holds a time (ns) if it holds an integer."""
    return _TIMES.fullmatch(name) is not None


def readable_time(name: str, time: int) -> str | None:
    """Return the time (ns) that a field holds as RFC 3339, or None for a stamp of what has not happened yet."""
    return None if not time and _STAMPS.fullmatch(name) else format_time(time)


class Readable:
    """A dataclass whose repr shows times as RFC 3339, and leaves out what is empty as it is by default.

    What a field hides from the repr stays hidden, for instance a secret.
    """

    __slots__ = ()

    def __repr__(self) -> str:
        told: tuple[Field[Any], ...] = fields(self)  # type: ignore[arg-type]  # only dataclasses are readable
        values = [(field, getattr(self, field.name)) for field in told if field.repr]
        shown = [f"{field.name}={_shown(field.name, value)}" for field, value in values if not _left(field, value)]
        return f"{type(self).__name__}({', '.join(shown)})"


def _left(field: Field[Any], value: Any) -> bool:
    default = field.default if field.default_factory is MISSING else field.default_factory()
    return default is not MISSING and not default and type(value) is type(default) and bool(value == default)


def _shown(name: str, value: Any) -> str:
    return str(readable_time(name, value)) if type(value) is int and is_time(name) else repr(value)
