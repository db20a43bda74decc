"""Signatures: the parameters of an indicator, read from those of a function."""

import inspect
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal, get_args, get_origin, get_type_hints

from barledger.errors import IndicatorInvalid, ParameterInvalid
from barledger.indicators.parameter import Parameter, Sort

_KINDS: Mapping[Any, Sort] = {int: "int", float: "float", str: "text"}
_CALL = "Write it like def spread(close, *, fast: int = 12, slow: int = 26)."


@dataclass(frozen=True, slots=True)
class Range:
    """From which to which number a parameter may go, both included: ``Annotated[int, Range(1, 500)]``."""

    low: float = -math.inf
    high: float = math.inf

    def __post_init__(self) -> None:
        """Refuse a range without a number; raises `IndicatorInvalid`."""
        if not self.low <= self.high:
            reason = f"no number lies from {self.low} to {self.high}"
            raise IndicatorInvalid(indicator="Range", reason=reason, remedy="Give the lower end first.")


def declared(indicator: str, function: Callable[..., Any], inputs: int) -> tuple[Parameter, ...]:
    """Return the parameters that a function declares; raises `IndicatorInvalid` unless it takes so many inputs."""
    try:
        taken = list(inspect.signature(function).parameters.values())
        hints = get_type_hints(function, include_extras=True)
    except (TypeError, ValueError, NameError) as error:
        raise IndicatorInvalid(
            indicator=indicator, reason=f"its signature cannot be read: {error}", remedy=_CALL
        ) from error
    for one in taken:
        if one.kind in (one.VAR_POSITIONAL, one.VAR_KEYWORD):
            reason = f"{one} takes whatever comes, so that nobody can tell its parameters"
            raise IndicatorInvalid(indicator=indicator, reason=reason, remedy=_CALL)
    places = [one for one in taken if one.kind in (one.POSITIONAL_ONLY, one.POSITIONAL_OR_KEYWORD)]
    if len(places) != inputs:
        named = ", ".join(one.name for one in places) or "none"
        reason = f"it has {inputs} input{'s' * (inputs != 1)}, and the function takes {len(places)} ({named})"
        remedy = "Take one argument for each input, and parameters after a *: " + _CALL
        raise IndicatorInvalid(indicator=indicator, reason=reason, remedy=remedy)
    options = [one for one in taken if one.kind is one.KEYWORD_ONLY]
    return tuple(_parameter(indicator, one, hints.get(one.name)) for one in options)


def _parameter(indicator: str, option: inspect.Parameter, hint: Any) -> Parameter:
    name, default = option.name, option.default
    if default is option.empty:
        reason = f"its parameter {name} has no default"
        raise IndicatorInvalid(indicator=indicator, reason=reason, remedy="Give every parameter a default.")
    if name != name.lower():
        reason = f"its parameter {name} has capitals, and specs have none"
        raise IndicatorInvalid(indicator=indicator, reason=reason, remedy="Give it a name in lower case.")
    span, hint = _divided(hint)
    kind = type(default) if hint is None else hint
    if get_origin(kind) is Literal:
        made = Parameter(name=name, sort="choice", default=default, choices=_choices(indicator, name, kind))
    elif kind in _KINDS:
        made = Parameter(name=name, sort=_KINDS[kind], default=default, low=span.low, high=span.high)
    else:
        shown = getattr(kind, "__name__", str(kind))
        reason = f"its parameter {name} is of {shown}"
        remedy = "Parameters are int, float, str, or a Literal of texts, such as Literal['on', 'off']."
        raise IndicatorInvalid(indicator=indicator, reason=reason, remedy=remedy)
    try:
        made.check(indicator, default)
    except ParameterInvalid as error:
        reason = f"the default of {name} is {default!r}, and it may be {made.allowed}"
        raise IndicatorInvalid(indicator=indicator, reason=reason, remedy="Make both agree.") from error
    return made


def _divided(hint: Any) -> tuple[Range, Any]:
    """Return the range of an annotation, and the type in it."""
    if get_origin(hint) is not Annotated:
        return Range(), hint
    kind, *notes = get_args(hint)
    return next((one for one in notes if isinstance(one, Range)), Range()), kind


def _choices(indicator: str, name: str, kind: Any) -> tuple[str, ...]:
    choices = get_args(kind)
    if not all(isinstance(one, str) and one == one.lower() for one in choices):
        reason = f"the choices of {name} are {', '.join(map(repr, choices))}"
        raise IndicatorInvalid(indicator=indicator, reason=reason, remedy="Let them be texts in lower case.")
    return tuple(choices)
