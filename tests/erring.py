"""Every error of the library, and one of each."""

from collections.abc import Iterator
from dataclasses import fields
from typing import Any

from barledger import errors
from barledger.errors import BarledgerError

SAMPLES: dict[str, Any] = {
    "str": "text {with} braces",
    "int": 7,
    "bool": True,
    "float": 1.5,
    "tuple": ("one", "two"),
    "Any": 7.5,
}


def below(root: type[BarledgerError]) -> Iterator[type[BarledgerError]]:
    for kind in root.__subclasses__():
        yield kind
        yield from below(kind)


KINDS = [kind for kind in below(BarledgerError) if kind.__module__.startswith(errors.__name__)]
LEAVES = [kind for kind in KINDS if not kind.__subclasses__()]


def sample(kind: type[BarledgerError]) -> BarledgerError:
    """Make an error with a value in each of its fields."""
    values = {field.name: SAMPLES[str(getattr(field.type, "__name__", field.type))] for field in fields(kind)}
    # A remedy is a sentence of its own.
    values |= {name: f"{value}." for name, value in values.items() if name == "remedy"}
    return kind(**{name: value for name, value in values.items() if name != "advised"})
