"""The functions of TA-Lib, from its own description of them."""

from collections.abc import Callable, Iterator
from functools import partial
from importlib import import_module
from typing import Any

import numpy as np

from barledger.indicators.definition import Floats, Indicator, Output, Reach, Values
from barledger.indicators.parameter import Parameter
from barledger.indicators.streaming.opening import PATHS, streamed
from barledger.indicators.streaming.replay import INDEXED
from barledger.indicators.talib.library import description, talib


def indicators() -> Iterator[Indicator]:
    """Give every function of TA-Lib; raises `DriverMissing`."""
    for name in talib().get_functions():
        yield _indicator(description(name), getattr(talib(), name))


def _indicator(info: dict[str, Any], function: Callable[..., Any]) -> Indicator:
    inputs: list[str] = []
    for wanted in info["input_names"].values():
        inputs += [wanted] if isinstance(wanted, str) else wanted
    return Indicator(
        name=info["name"].lower(),
        title=info["display_name"],
        kind="trend",
        inputs=tuple(inputs),
        parameters=tuple(
            Parameter(name=name, sort="float" if isinstance(value, float) else "int", default=value)
            for name, value in info["parameters"].items()
        ),
        outputs=tuple(Output(name=name) for name in info["output_names"]),
        reach=partial(_reach, info["name"]),
        compute=partial(_compute, function),
        stream=streamed(info["name"], reach=partial(_reach, info["name"])),
    )


def _compute(function: Callable[..., Any], *inputs: Floats, **values: Any) -> tuple[Floats, ...]:
    results = function(*inputs, **values)
    listed = results if isinstance(results, tuple) else (results,)
    return tuple(_floats(one, function.__name__, values) for one in listed)


def _floats(values: Any, name: str, parameters: dict[str, Any]) -> Floats:
    if values.dtype == np.float64:
        values[np.isinf(values)] = np.nan
        return values  # type: ignore[no-any-return]  # TA-Lib knows no types
    found = values.astype(np.float64)
    found[: import_module("talib.abstract").Function(name, **parameters).lookback] = np.nan
    return found  # type: ignore[no-any-return]


def _reach(name: str, values: Values) -> Reach:
    back = int(import_module("talib.abstract").Function(name, **values).lookback)
    if name in PATHS:
        return Reach(lookback=back, settled=back, memory="path", exact=True)
    if name in INDEXED:
        return Reach(lookback=back, settled=back, memory="index", exact=True)
    if name in ("MAX", "MIN"):
        return Reach(lookback=back, settled=back, memory="window", exact=True)
    return Reach(lookback=back, settled=60 * back + 100, memory="contractive", exact=False)
