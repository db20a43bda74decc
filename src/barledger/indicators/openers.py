"""Openers: what an indicator's ``stream`` is given as, and whether it can open handles."""

import inspect
from collections.abc import Iterable
from typing import Final

from barledger.errors import IndicatorInvalid

METHODS: Final = ("update", "fill", "peek", "copy", "save", "load")
"""What a handle does; `Handle` has ``fill``, and leaves the others to who derives from it."""
_REMEDY: Final = "Derive from barledger.Handle, and define update, peek, copy, save and load."


def check_opener(indicator: str, stream: object, parameters: Iterable[str]) -> None:
    """Raise `IndicatorInvalid` unless something can be called with these parameters by name, to open a handle."""
    if not callable(stream):
        reason = f"its stream is a {type(stream).__name__}, which opens no handle"
        remedy = "Give the class of the handle, or a function that returns one."
        raise IndicatorInvalid(indicator=indicator, reason=reason, remedy=remedy)
    names = tuple(parameters)
    try:
        signature = inspect.signature(stream)
    except (TypeError, ValueError):
        # Of what is not written in Python it is seen when a handle is opened.
        signature = None
    try:
        if signature is not None:
            signature.bind(**dict.fromkeys(names))
    except TypeError as error:
        listed = ", ".join(f"{name}=..." for name in names)
        reason = f"its stream cannot be called as stream({listed}): {error}"
        remedy = "Let it take every parameter of the function by its name, and nothing else that has no default."
        raise IndicatorInvalid(indicator=indicator, reason=reason, remedy=remedy) from error
    if isinstance(stream, type):
        check_handle(indicator, stream)


def check_handle(indicator: str, handle: object) -> None:
    """Raise `IndicatorInvalid` unless a handle, or a class of handles, has all that handles do."""
    lacking = [name for name in METHODS if not _has(handle, name)]
    if lacking:
        what = handle.__name__ if isinstance(handle, type) else f"a {type(handle).__name__}"
        reason = f"its stream gives {what}, which has no {', '.join(lacking)}"
        raise IndicatorInvalid(indicator=indicator, reason=reason, remedy=_REMEDY)


def _has(handle: object, name: str) -> bool:
    method = getattr(handle, name, None)
    return callable(method) and not getattr(method, "__isabstractmethod__", False)
