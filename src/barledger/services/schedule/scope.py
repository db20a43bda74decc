"""Scopes: which series a job is about."""

from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Any, Final

from barledger.domain.series import Series, normalise_instrument
from barledger.domain.timeframe import Timeframe
from barledger.errors import DataNotFound, InvalidSetting

OPTIONS: Final = {
    "pattern": "a glob of instruments, * for all",
    "instruments": "names, instead of a pattern",
    "timeframe": "only this timeframe",
    "source": "only from this source, or a glob of sources",
}


def check_scope(_: Any, options: Mapping[str, Any]) -> None:
    """Refuse what can name no series; raises `InvalidSetting`, `InvalidTimeframe`, `InvalidName`."""
    if "pattern" in options and "instruments" in options:
        raise InvalidSetting(setting="instruments", reason="a pattern is given too; one of both says it")
    for name in ("pattern", "source"):
        if not isinstance(options.get(name, "*"), str):
            raise InvalidSetting(setting=name, reason=f"{options[name]!r} is no text")
    names_in(options)
    if "timeframe" in options:
        Timeframe.of(options["timeframe"])


def names_in(options: Mapping[str, Any]) -> list[str]:
    """Return the instruments that are named, in their one spelling."""
    given = options.get("instruments", [])
    listed = given.split(",") if isinstance(given, str) else given
    if not isinstance(listed, Sequence):
        raise InvalidSetting(setting="instruments", reason=f"{given!r} is no list of names")
    return [normalise_instrument(name.strip() if isinstance(name, str) else name) for name in listed]


def series_in(bl: Any, options: Mapping[str, Any], *, adjusted: bool = False) -> list[Series]:
    """Return the series of the library that the options mean, sorted; raises `DataNotFound` if there are none."""
    frame = Timeframe.of(options["timeframe"]).name if "timeframe" in options else None
    names, source = names_in(options), options.get("source", "*")
    found = [
        series
        for series in bl.vault.ledger.catalog.series(timeframe=frame)
        if (series.instrument in names if names else fnmatchcase(series.instrument, options.get("pattern", "*")))
        and fnmatchcase(series.source, source)
        and (adjusted or not series.is_adjusted)
    ]
    if not found:
        told = ", ".join(f"{name} {options[name]}" for name in OPTIONS if name in options) or "the whole library"
        raise DataNotFound(what=f"no series: {told}")
    return sorted(found)
