"""Days of a scripted source in a library."""

from barledger.barledger import BarLedger
from barledger.domain.timeframe import DAY
from scripted import ScriptedSource

TODAY = 1_000


def days_of(bl: BarLedger, instrument: str = "A", source: str = "scripted") -> list[int]:
    return [int(time) // DAY for time in bl.bars(instrument, "1d", source=source).time]


def coverage(bl: BarLedger, instrument: str = "A") -> dict[str, list[tuple[float, float]]]:
    """Return the stretches by outcome, in days."""
    (series,) = {one.series for one in bl.cache.series(instrument=instrument)} or {None}
    found: dict[str, list[tuple[float, float]]] = {}
    for cover in bl.vault.ledger.catalog.coverage(series):
        found.setdefault(cover.outcome, []).append((cover.interval.start / DAY, cover.interval.end / DAY))
    return found


def asked(source: ScriptedSource) -> list[tuple[str, float]]:
    """Return who was asked for and from which day on, and forget it."""
    found = [(instrument, start / DAY) for instrument, start, _ in source.requests]
    source.requests.clear()
    return found
