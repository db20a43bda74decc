"""Custom indicators: a function of arrays becomes an indicator like any other, by a decorator."""

import inspect
import re
from collections.abc import Callable, Iterable, Sequence
from types import SimpleNamespace
from typing import Any, Final, TypeVar, get_args

import numpy as np

from barledger.domain.rows import VALUES
from barledger.errors import IndicatorFailed, IndicatorInvalid
from barledger.indicators.definition import (
    POLICIES,
    Floats,
    Handle,
    Indicator,
    Kind,
    Memory,
    Output,
    Policy,
    Reach,
    Values,
)
from barledger.indicators.openers import check_opener
from barledger.indicators.parameter import Parameter
from barledger.indicators.registry import REGISTRY
from barledger.indicators.signature import declared

Function = TypeVar("Function", bound=Callable[..., Any])
Warmup = int | Callable[[Any], int]
_NAME: Final = re.compile(r"[a-z_][a-z0-9_]*")


def indicator(  # noqa: PLR0913 - all that can be said of an indicator
    function: None = None,
    *,
    inputs: Sequence[str] = ("close",),
    outputs: Sequence[str] | None = None,
    warmup: Warmup | None = None,
    memory: Memory = "window",
    exact: bool = False,
    name: str | None = None,
    aliases: Sequence[str] = (),
    kind: Kind = "custom",
    nan_policy: Policy = "segment",
    formula: str = "",
    reference: str = "",
    stream: Callable[..., Handle] | None = None,
    replace: bool = False,
) -> Callable[[Function], Function]:
    """Make an indicator of a function; it can still be called as it is.

    The function gets the ``inputs`` as positional arguments (read-only float64 of one length, without a missing value)
    and its parameters by keyword, and returns one array of that length for each of the ``outputs``: several as a tuple.
    Parameters are its keyword-only arguments: their types are those of the annotations or else of the defaults (whole
    numbers, numbers, text, or a ``Literal`` of texts), their ranges ``Annotated[int, Range(1, 500)]``.

    ``warmup`` is how many bars a value needs before its own, a number or a function of the parameters; the first so
    many values are missing. ``memory`` says what values depend on: on that ``window``; on all bars, those before it
    less than 1e-9 (``contractive``); or on all since an anchor (``path``), which needs none. ``exact`` promises the
    same bits from wherever it is computed, which running sums do not give. ``stream`` opens a `Handle` with the
    parameters by name: its class, or a function. What a handle raises, or gives besides one number for each output, is
    told as `IndicatorFailed`, and the live indicators stand where they stood before the bar.

    It is found by its ``name`` (the function's) wherever specs are taken. Defining it again replaces it; of another
    module only with ``replace``, and what is built in never. Other distributions offer theirs by the entry point
    ``barledger.indicators``. Raises `IndicatorInvalid` and `IndicatorTaken`.

    >>> @indicator(warmup=lambda p: p.back)
    ... def change_since(close, *, back: int = 2):
    ...     moved = np.full(len(close), np.nan)
    ...     moved[back:] = close[back:] - close[:-back]
    ...     return moved
    >>> change_since(np.array([1.0, 2.0, 4.0]), back=1).tolist()
    [nan, 1.0, 2.0]
    """
    given: object = function
    if given is not None:
        called, remedy = str(getattr(given, "__name__", given)), "Write brackets: @barledger.indicator(warmup=20)."
        raise IndicatorInvalid(indicator=called, reason="nothing is said of it but its function", remedy=remedy)

    def define(function: Function) -> Function:
        _check_function(function, name)
        called = name if name is not None else str(getattr(function, "__name__", ""))
        shown = called.lower() if name is None else called
        names = _names(shown, (shown, *_listed(aliases)), "name")
        made = _Declaration(
            name=shown, inputs=_inputs(shown, inputs), parameters=declared(shown, function, len(_listed(inputs)))
        )
        _check_choice(shown, "nan_policy", nan_policy, POLICIES)
        _check_choice(shown, "kind", kind, get_args(Kind))
        if stream is not None:
            check_opener(shown, stream, [one.name for one in made.parameters])
        ends = _names(shown, (shown,) if outputs is None else _listed(outputs), "output")
        told = Indicator(
            name=shown,
            title=_title(function, shown),
            kind=kind,
            inputs=made.inputs,
            parameters=made.parameters,
            outputs=tuple(Output(name=one) for one in ends),
            reach=made.reach(warmup, memory, exact=exact),
            compute=_computing(function, shown, made.lookback(warmup, memory), len(ends)),
            stream=stream,
            aliases=names[1:],
            formula=formula,
            reference=reference,
            policy=nan_policy,
            partial=True,
            releases_gil=False,
            owner=f"{function.__module__}.{function.__qualname__}",
        )
        REGISTRY.add(told, replace=replace)
        function.indicator = told  # type: ignore[attr-defined]  # so that an entry point may name the function
        return function

    return define


class _Declaration:
    """What was declared, and how far it looks back with certain parameters."""

    def __init__(self, *, name: str, inputs: tuple[str, ...], parameters: tuple[Parameter, ...]) -> None:
        self.name, self.inputs, self.parameters = name, inputs, parameters

    def lookback(self, warmup: Warmup | None, memory: Memory) -> Callable[[Values], int]:
        """Return the warm-up as a function of the parameters, tried with the usual ones; raises `IndicatorInvalid`."""
        _check_choice(self.name, "memory", memory, get_args(Memory))
        if warmup is None and memory in ("window", "contractive"):
            reason = "nothing says how many bars it needs before the first value"
            remedy = "Say warmup=20, or warmup=lambda p: p.slow; 0 if it needs none."
            raise IndicatorInvalid(indicator=self.name, reason=reason, remedy=remedy)
        self._back(warmup, {one.name: one.default for one in self.parameters})
        return lambda values: self._back(warmup, values)

    def reach(self, warmup: Warmup | None, memory: Memory, *, exact: bool) -> Callable[[Values], Reach]:
        """Return how far it looks back, as a function of the parameters."""
        back = self.lookback(warmup, memory)

        def reach(values: Values) -> Reach:
            bars = back(values)
            return Reach(lookback=bars, settled=bars, memory=memory, exact=exact)

        return reach

    def _back(self, warmup: Warmup | None, values: Values) -> int:
        remedy = "Give a whole number of bars from 0, or a function of the parameters that does: lambda p: p.slow."
        try:
            bars: Any = warmup(SimpleNamespace(**values)) if callable(warmup) else warmup or 0
        except Exception as error:
            reason = f"warmup raised {type(error).__name__}: {error}"
            raise IndicatorInvalid(indicator=self.name, reason=reason, remedy=remedy) from error
        if isinstance(bars, bool) or not isinstance(bars, int | np.integer) or bars < 0:
            raise IndicatorInvalid(indicator=self.name, reason=f"warmup gave {bars!r}", remedy=remedy)
        return int(bars)


def _computing(
    function: Callable[..., Any], name: str, lookback: Callable[[Values], int], count: int
) -> Callable[..., tuple[Floats, ...]]:
    def compute(*inputs: Floats, **values: Any) -> tuple[Floats, ...]:
        given = function(*inputs, **values)
        listed = given if isinstance(given, tuple) else (given,)
        if len(listed) != count:
            return listed  # which is told where all other people's code is looked at
        found = tuple(_doubles(one, name) for one in listed)
        back = lookback(values)
        for one in found:
            one[slice(back) if one.ndim else ...] = np.nan
        return found

    return compute


def _doubles(values: Any, name: str) -> Floats:
    """Return a result as an array of its own, missing where it is not finite; raises `IndicatorFailed`."""
    array = np.asarray(values)
    if array.dtype.kind not in "biufO":
        reason = f"a result is of {array.dtype}, and no numbers"
        raise IndicatorFailed(indicator=name, reason=reason, remedy="Return arrays of float64.")
    try:
        made = np.array(array, np.float64)
    except (TypeError, ValueError) as error:
        reason = f"a result is a {type(values).__name__}, and no numbers"
        raise IndicatorFailed(indicator=name, reason=reason, remedy="Return arrays of float64.") from error
    made[~np.isfinite(made)] = np.nan
    if isinstance(values, np.ma.MaskedArray):
        made[np.ma.getmaskarray(values)] = np.nan
    return made


def _check_function(function: object, name: str | None) -> None:
    """Raise `IndicatorInvalid` for what a decorator cannot say anything of, or what gives no arrays when called."""
    called = name or str(getattr(function, "__name__", function))
    if inspect.iscoroutinefunction(function) or inspect.isgeneratorfunction(function):
        remedy = "Return the arrays: def without async, and without yield."
        raise IndicatorInvalid(indicator=called, reason="to call it gives no arrays yet", remedy=remedy)
    if not callable(function) or not hasattr(function, "__qualname__") or not hasattr(function, "__dict__"):
        reason = f"it is a {type(function).__name__}, and no function that is written in Python"
        remedy = "Define it with def, and call from there what it is made of."
        raise IndicatorInvalid(indicator=called, reason=reason, remedy=remedy)


def _check_choice(indicator: str, what: str, given: object, choices: Sequence[str]) -> None:
    if given not in choices:
        remedy = f"Choose one of {', '.join(choices)}."
        raise IndicatorInvalid(indicator=indicator, reason=f"there is no {what} {given!r}", remedy=remedy)


def _listed(names: object) -> tuple[str, ...]:
    if isinstance(names, str):
        return (names,)
    # What cannot be gone through is no name either, which is told where names are looked at.
    return tuple(names) if isinstance(names, Iterable) else (names,)  # type: ignore[return-value]


def _inputs(indicator: str, inputs: Sequence[str]) -> tuple[str, ...]:
    listed = _listed(inputs)
    if not listed:
        remedy = "Name at least one column: inputs=('close',)."
        raise IndicatorInvalid(indicator=indicator, reason="it has no inputs", remedy=remedy)
    return _names(indicator, listed, "input")


def _names(indicator: str, names: tuple[str, ...], what: str) -> tuple[str, ...]:
    """Return names that specs can have; raises `IndicatorInvalid`."""
    remedy = "Give names of lower-case letters, digits and _, each once."
    if not names:
        raise IndicatorInvalid(indicator=indicator, reason=f"it has no {what}s", remedy=remedy)
    for name in names:
        if not _NAME.fullmatch(str(name)):
            raise IndicatorInvalid(
                indicator=indicator, reason=f"{name!r} is no {what} that specs can name", remedy=remedy
            )
        if what == "name" and name in VALUES:
            raise IndicatorInvalid(
                indicator=indicator, reason=f"{name} is a column of bars", remedy="Choose another name."
            )
    if len(set(names)) < len(names):
        raise IndicatorInvalid(indicator=indicator, reason=f"an {what} is named twice", remedy=remedy)
    return names


def _title(function: Callable[..., Any], name: str) -> str:
    text = (function.__doc__ or "").strip().partition("\n")[0].rstrip(".")
    return text or name
