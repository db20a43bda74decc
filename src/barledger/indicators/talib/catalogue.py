"""The catalogue of TA-Lib's functions."""

from collections.abc import Iterator
from typing import Final

from barledger.indicators.definition import Indicator, Kind
from barledger.indicators.streaming.opening import streamed
from barledger.indicators.talib import (
    arithmetic,
    cycles,
    direction,
    momentum,
    oscillators,
    overlays,
    patterns,
    prices,
    statistics,
    volatility,
    volume,
)
from barledger.indicators.talib.computing import Computing, numbered, reaching
from barledger.indicators.talib.entry import Entry
from barledger.indicators.talib.library import function, talib

_TABLES: Final[tuple[tuple[Kind, tuple[Entry, ...]], ...]] = (
    ("trend", overlays.ENTRIES),
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


def _indicator(entry: Entry, kind: Kind) -> Indicator:
    reach = reaching(entry.name, entry.rule)
    return Indicator(
        name=entry.name,
        title=entry.title,
        kind=kind,
        inputs=tuple(entry.inputs.split()),
        parameters=entry.parameters,
        outputs=entry.listed(),
        reach=reach,
        compute=Computing(entry.name, function(entry.name), entry.partial or entry.screened),
        stream=streamed(entry.name.upper(), reach=reach, plain=numbered),
        aliases=tuple(entry.aliases.split()),
        formula=entry.formula,
        convention=entry.convention,
        reference=entry.reference,
        partial=entry.partial,
    )
