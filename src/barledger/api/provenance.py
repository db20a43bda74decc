"""Provenance: all that bars resolved to, in the metadata of typed forms, so that another machine has the same bars."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any, Final

import orjson

from barledger.domain.action import CorporateAction
from barledger.domain.bars import SourceSpan
from barledger.domain.interval import Interval
from barledger.indicators.calculation import Calculation, Standing
from barledger.services.retrieval.scroll import Scroll, Told

PROVENANCE: Final = "barledger.provenance"
"""The key of the schema's metadata under which it is, as JSON; times (ns) and revisions are decimal strings."""


def provenance_of(
    scroll: Scroll, told: Told, interval: Interval, *, actions: Sequence[CorporateAction] | None = None
) -> str:
    """Return what an answer resolved to: its series and their revisions, what came from where, and the calendar.

    ``actions`` are the corporate actions of that state, if they are wanted.
    """
    view = scroll.view
    shown: dict[str, Any] = {
        "instrument": view.instrument,
        "version": scroll.version,
        "snapshot": view.state.snapshot is not None,
        "series": [
            {"source": one.source, "is_adjusted": one.is_adjusted, "revision": str(revision)}
            for one, revision in told.revisions.items()
        ],
        "spans": [_span(one) for one in told.spans],
        "interval": [str(interval.start), str(interval.end)],
        "is_view": told.is_view,
        "calendar": scroll.calendar,
        "notes": dict(told.notes),
    }
    if actions is not None:
        shown["actions"] = [_action(one) for one in actions]
    return orjson.dumps(shown).decode()


def _action(action: CorporateAction) -> dict[str, Any]:
    told = asdict(action)
    return told | {name: str(told[name]) for name in ("ex_date", "known_at", "superseded_at")}


def provenance_of_values(found: Calculation) -> str:
    """Return what a calculation resolved to, and how far each of its columns can be relied on."""
    standings = [{"name": name, **_standing(one)} for name, one in found.standings.items()]
    return orjson.dumps({"told": found.told, "standings": standings}, default=str).decode()


def _standing(standing: Standing) -> dict[str, Any]:
    told = asdict(standing)
    return told | {name: None if told[name] is None else str(told[name]) for name in ("anchor", "restarted")}


def _span(span: SourceSpan) -> dict[str, Any]:
    return {
        "source": span.source,
        "interval": [str(span.interval.start), str(span.interval.end)],
        "rows": span.rows,
    }
