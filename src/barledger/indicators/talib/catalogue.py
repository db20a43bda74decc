"""The catalogue of TA-Lib's functions."""

from collections.abc import Callable, Iterator
from typing import Final

from barledger.indicators.definition import Handle, Indicator, Kind
from barledger.indicators.talib import (
    arithmetic,
    averages_table,
    cycles,
    direction,
    momentum,
    oscillators,
    patterns,
    prices,
    statistics,
    volatility,
    volume,
)
from barledger.indicators.talib.computing import Computing, reaching
from barledger.indicators.talib.entry import Entry
from barledger.indicators.talib.library import function, talib

_TABLES: Final[tuple[tuple[Kind, tuple[Entry, ...]], ...]] = (
    ("trend", averages_table.ENTRIES),
    ("trend", direction.ENTRIES),
    ("trend", cycles.ENTRIES),
    ("momentum", momentum.ENTRIES),
    ("momentum", oscillators.ENTRIES),
    ("volatility", volatility.ENTRIES),
    ("volume", volume.ENTRIES),
    ("price transform", prices.ENTRIES),
    ("statistic", statistics.ENTRIES),
    ("math", arithmetic.ENTRIES),
    ("pattern", patterns.ENTRIES),
)


def indicators() -> Iterator[Indicator]:
    """Give every function of TA-Lib as an indicator; raises `DriverMissing`."""
    talib()
    for kind, entries in _TABLES:
        for entry in entries:
            yield _indicator(entry, kind)


def opener(_name: str) -> Callable[..., Handle] | None:
    """Return what opens a handle of a function."""
    return None


def _indicator(entry: Entry, kind: Kind) -> Indicator:
    return Indicator(
        name=entry.name,
        title=entry.title,
        kind=kind,
        inputs=tuple(entry.inputs.split()),
        parameters=entry.parameters,
        outputs=entry.listed(),
        reach=reaching(entry.name, entry.rule),
        compute=Computing(entry.name, function(entry.name), entry.partial),
        stream=opener(entry.name),
        aliases=tuple(entry.aliases.split()),
        formula=entry.formula,
        convention=entry.convention,
        reference=entry.reference,
        partial=entry.partial,
    )
