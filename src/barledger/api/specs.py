"""Specs: an indicator with parameters as a JSON object has them, written as the library reads it."""

import re
from collections.abc import Mapping
from typing import Final

from barledger.errors import IndicatorNotFound, ParameterInvalid, ParameterUnknown

_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_LARGEST: Final = 1e15
"""Numbers of specs are no larger."""


def named(indicator: str) -> str:
    """Return the name of an indicator alone; raises `IndicatorNotFound` for a spec, and for what none is called."""
    if not _NAME.fullmatch(indicator):
        raise IndicatorNotFound(name=indicator)
    return indicator


def spec_of(indicator: str, parameters: Mapping[str, float | str]) -> str:
    """Return a spec; raises `ParameterUnknown` and `ParameterInvalid` for what none could have.

    What an indicator does not have is told by whoever reads the spec.
    """
    if not parameters:
        return indicator
    return f"{indicator}({', '.join(_argument(indicator, name, value) for name, value in parameters.items())})"


def _argument(indicator: str, name: str, value: float | str) -> str:
    if not _NAME.fullmatch(name):
        raise ParameterUnknown(indicator=indicator, name=name, known=())
    if isinstance(value, str):
        quote = '"' if "'" in value else "'"
        if quote in value or not value.isprintable():
            raise ParameterInvalid(indicator=indicator, name=name, value=value, allowed="a word")
        return f"{name}={quote}{value}{quote}"
    if not abs(value) <= _LARGEST:
        raise ParameterInvalid(indicator=indicator, name=name, value=value, allowed="a number up to 1e15")
    return f"{name}={value!r}"
