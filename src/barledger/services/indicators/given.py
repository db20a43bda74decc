"""Given: what a batch is asked for, names of instruments or bars that the caller has."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import pandas as pd

from barledger.domain.bars import Bars
from barledger.errors import InputUnsuitable

Given = str | Bars | Sequence[str] | Sequence[Bars] | Mapping[Any, Bars]
"""Instruments by their names or patterns of them, or bars that the caller has."""


def in_hand(instruments: Given, timeframe: str | None) -> dict[str, Bars] | None:
    """Return the bars that the caller gave, by instrument; None for names. Raises `InputUnsuitable`."""
    if isinstance(instruments, str):
        return None
    if isinstance(instruments, Bars):
        return {instruments.instrument: instruments}
    given: object = instruments
    if isinstance(given, pd.DataFrame) or not isinstance(given, Iterable):
        raise _no_instruments(given)
    listed: list[Any] = [*(instruments.values() if isinstance(instruments, Mapping) else instruments)]
    if not any(isinstance(one, Bars) for one in listed):
        named = not isinstance(instruments, Mapping)
        odd = [one for one in listed if isinstance(one, pd.DataFrame)] if named else listed
        if odd:
            raise _no_instruments(odd[0])
        return None
    found: dict[str, Bars] = {}
    for bars in listed:
        _check_given(bars, listed[0], found, timeframe)
        found[bars.instrument] = bars
    return found


def _no_instruments(given: object) -> InputUnsuitable:
    return InputUnsuitable(
        reason=f"a {type(given).__name__} is given for names of instruments, or bars of a library",
        remedy="Give names, or what bl.bars(...) returns; compute on each table by barledger.calculate(specs, table).",
    )


def _check_given(bars: Any, first: Any, found: Mapping[str, Bars], timeframe: str | None) -> None:
    if not isinstance(bars, Bars) or not isinstance(first, Bars):
        reason = f"bars and a {type(bars).__name__} are given together"
        raise InputUnsuitable(reason=reason, remedy="Give names of instruments, or bars, and not both.")
    if bars.timeframe != first.timeframe or (timeframe and bars.timeframe.name != timeframe):
        wanted = timeframe or first.timeframe.name
        reason = f"{bars.instrument} has bars of {bars.timeframe.name}, and not of {wanted}"
        raise InputUnsuitable(reason=reason, remedy="Compute each timeframe in a batch of its own.")
    if bars.instrument in found:
        reason = f"{bars.instrument} is there twice"
        raise InputUnsuitable(reason=reason, remedy="Give the bars of an instrument once.")
