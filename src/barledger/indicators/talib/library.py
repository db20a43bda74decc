"""TA-Lib itself, imported when it is first needed."""

from functools import cache
from importlib import import_module
from typing import Any

from barledger.errors import DriverMissing


@cache
def talib() -> Any:
    """Return the module ``talib``; raises `DriverMissing`."""
    try:
        return import_module("talib")
    except ImportError as error:
        raise DriverMissing(package="ta-lib", extra="indicators") from error


@cache
def description(name: str) -> dict[str, Any]:
    """Return what TA-Lib says of a function: inputs, parameters, outputs and flags."""
    talib()
    described: dict[str, Any] = import_module("talib.abstract").Function(name).info
    return described
