"""TA-Lib itself, imported when it is first needed, and what is asked of it."""

from collections.abc import Callable
from functools import cache, lru_cache
from importlib import import_module
from typing import Any, Final

from barledger.errors import DriverMissing, IndicatorFailed

_REMEDY: Final = (
    "Set it to 0 again with talib.set_unstable_period('ALL', 0): barledger knows itself how many bars settle a value."
)


@cache
def talib() -> Any:
    """Return the module ``talib``; raises `DriverMissing`."""
    try:
        return import_module("talib")
    except ImportError as error:
        raise DriverMissing(package="ta-lib", extra="indicators") from error


@cache
def function(name: str) -> Callable[..., Any]:
    """Return TA-Lib's function on arrays, without the layer that looks for frames of pandas or polars."""
    talib()
    found = getattr(import_module("talib._ta_lib"), name.upper())
    # That layer is there only if pandas or polars is installed, and costs more than the call.
    wrapped: Callable[..., Any] = getattr(found, "__wrapped__", found)
    return wrapped


@lru_cache(maxsize=4096)
def lookback(name: str, names: tuple[str, ...], values: tuple[Any, ...]) -> int:
    """Return how many leading values are missing, as TA-Lib says; -1 where parameters contradict each other.

    Raises `IndicatorFailed` if a process-wide setting of TA-Lib would move it.
    """
    refuse_settings(name)
    abstract = import_module("talib.abstract")
    # An object of its own: they are not to be shared between threads.
    described = abstract.Function(name.upper())
    if names:
        described.parameters = dict(zip(names, values, strict=True))
    return int(described.lookback)


def refuse_settings(name: str) -> None:
    """Raise `IndicatorFailed` if an unstable period is set in this process, which shifts and shortens all results."""
    module = talib()
    identities = import_module("talib._ta_lib")._ta_func_unst_ids  # noqa: SLF001 - there is no public list of them
    for one in identities:
        if one in {"NONE", "ALL"}:
            continue
        period = module.get_unstable_period(one)
        if period:
            reason = f"TA-Lib's unstable period of {one} is set to {period} in this process"
            raise IndicatorFailed(indicator=name, reason=reason, remedy=_REMEDY)
