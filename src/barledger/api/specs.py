"""Specs: an indicator with parameters as a JSON object has them, written as the library reads it."""

import re
from collections.abc import Collection, Mapping
from typing import Final

from barledger.errors import IndicatorNotFound, InvalidSpec, ParameterInvalid, ParameterUnknown
from barledger.indicators.grammar import Call, Reference, parse

_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_LARGEST: Final = 1e15
"""Numbers of specs are no larger."""


def named(indicator: str) -> str:
    """Return the name of an indicator alone; raises `IndicatorNotFound` for a spec, and for what none is called."""
    if not _NAME.fullmatch(indicator):
        raise IndicatorNotFound(name=indicator)
    return indicator


def spec_of(indicator: str, parameters: Mapping[str, float | str], *, inputs: Collection[str] = ()) -> str:
    """Return a spec; raises `ParameterUnknown` and `ParameterInvalid` for what none could have.

    ``inputs`` are the names that stand for inputs: another instrument (``@MSFT.close``) or a spec may be given for one.

    What an indicator does not have is told by whoever reads the spec.
    """
    if not parameters:
        return indicator
    told = [_argument(indicator, name, value, is_input=name in inputs) for name, value in parameters.items()]
    return f"{indicator}({', '.join(told)})"


def _argument(indicator: str, name: str, value: float | str, *, is_input: bool) -> str:
    if not _NAME.fullmatch(name):
        raise ParameterUnknown(indicator=indicator, name=name, known=())
    if is_input and isinstance(value, str) and _is_expression(value):
        return f"{name}={value}"
    if isinstance(value, str):
        quote = '"' if "'" in value else "'"
        if quote in value or not value.isprintable():
            raise ParameterInvalid(indicator=indicator, name=name, value=value, allowed="a word")
        return f"{name}={quote}{value}{quote}"
    if not abs(value) <= _LARGEST:
        raise ParameterInvalid(indicator=indicator, name=name, value=value, allowed="a number up to 1e15")
    return f"{name}={value!r}"


def _is_expression(value: str) -> bool:
    """Tell whether a text is one other instrument's column, or one spec; a name alone is that of a column."""
    try:
        arguments = parse(f"input({value})").arguments or ()
    except InvalidSpec:
        return False
    if len(arguments) != 1 or arguments[0].name:
        return False
    told = arguments[0].value
    return isinstance(told, Reference) or (isinstance(told, Call) and (told.arguments is not None or bool(told.output)))
