"""Jobs that take snapshots: of what a rule names, or of what an event is about."""

from collections.abc import Mapping
from threading import Event
from typing import Any, Final

from barledger.domain.interval import Interval, everything
from barledger.domain.series import Series, check_name
from barledger.errors import NameTaken
from barledger.ledger.contract import Intent
from barledger.services.cache import snapshots
from barledger.services.schedule.kinds import JobKind
from barledger.services.schedule.scope import OPTIONS as SCOPE
from barledger.services.schedule.scope import check_scope, series_in


def _check_snapshot(bl: Any, options: Mapping[str, Any]) -> None:
    check_scope(bl, options)
    check_name("purpose", options.get("purpose", "event"))
    Interval.of(options.get("start"), options.get("end"))


def _snapshot(bl: Any, options: Mapping[str, Any], _: Event) -> Mapping[str, Any]:
    """Pin what a rule names, or what the events are about where it names nothing."""
    events = options.get("events", [])
    scoped = any(name in options for name in SCOPE)
    series = series_in(bl, options, adjusted=True) if scoped or not events else _concerned(bl, events)
    bounded = "start" in options or "end" in options
    interval = Interval.of(options.get("start"), options.get("end")) if bounded else everything()
    strategies = {event["strategy"] for event in events if event.get("strategy")}
    strategy = options.get("strategy") or (strategies.pop() if len(strategies) == 1 else None)
    name = f"event-{options['key']}"
    request = snapshots.SnapshotRequest(
        ranges=[Intent(series=one, interval=interval) for one in series],
        purpose=options.get("purpose", "event"),
        strategy=strategy,
        id=name,
    )
    told = {"snapshot": name, "series": len(series)}
    try:
        snapshots.take(bl.vault, request)
    except NameTaken:
        # The run that took it was killed before it could say so.
        snapshots.finish(bl.vault, snapshots.get(bl.vault, name))
        return {**told, "again": True}
    return told


def _concerned(bl: Any, events: list[Mapping[str, Any]]) -> list[Series]:
    """Return the series that events are about; a corporate action is about all of its instrument's."""
    known = bl.vault.ledger.catalog.series()
    named = {tuple(one) for event in events for one in event.get("series", [])}
    instruments = {event["instrument"] for event in events if event.get("instrument")}
    chosen = [
        one
        for one in known
        if one.instrument in instruments
        or (one.instrument, one.timeframe.name, one.source) in named
        or (one.instrument, one.timeframe.name, "") in named
    ]
    return sorted(chosen) if chosen else series_in(bl, {}, adjusted=True)


KINDS: Final = (
    JobKind(
        name="snapshot",
        about="pin series, by default those that an event is about",
        run=_snapshot,
        options={
            **SCOPE,
            "purpose": "its purpose, event if not given",
            "strategy": "whose it is",
            "start": "pin from this time on",
            "end": "pin up to this time",
        },
        check=_check_snapshot,
    ),
)
