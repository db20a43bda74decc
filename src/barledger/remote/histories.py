"""Histories as a server tells them: the values that a bar had, and the states of a series that can be named."""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from barledger.domain.interval import parse_time
from barledger.domain.rows import VALUES
from barledger.domain.series import Series
from barledger.domain.timeframe import Timeframe
from barledger.ledger.contract import RevisionRecord, Snapshot
from barledger.remote.availability import span
from barledger.services.cache.history import Edition, Versions


def edition_of(series: Series, time: int, told: Mapping[str, Any]) -> Edition:
    """Return one value that a bar had; raises `KeyError`, `ValueError` and `TypeError` for what is none."""
    superseded = told["superseded_by"]
    return Edition(
        series=series,
        time=time,
        edition=told["edition"],
        revision=int(told["revision"]),
        committed_at=parse_time(told["committed_at"]),
        superseded_at=None if superseded is None else int(superseded),
        withdrawn=told["withdrawn"],
        **{name: math.nan if told[name] is None else float(told[name]) for name in VALUES},
        actor=told["actor"],
        operation=told["operation"],
        reason=told["reason"],
        trigger=told["trigger"],
    )


def versions_of(
    instrument: str, timeframe: Timeframe, told: Sequence[Mapping[str, Any]], find: Callable[[str], Snapshot]
) -> list[Versions]:
    """Return the states of each series in the order of their names; ``find`` gives a snapshot by its id."""
    listed: dict[Series, list[Mapping[str, Any]]] = {}
    for one in told:
        series = Series.of(instrument, timeframe, one["source"], is_adjusted=one["is_adjusted"])
        listed.setdefault(series, []).append(one)
    return [
        Versions(
            series=series,
            revisions=tuple(_record(series, one) for one in listed[series] if one["kind"] == "revision"),
            snapshots=tuple(find(one["version"]) for one in listed[series] if one["kind"] != "revision"),
        )
        for series in sorted(listed)
    ]


def _record(series: Series, told: Mapping[str, Any]) -> RevisionRecord:
    """Return a committed revision."""
    return RevisionRecord(
        revision=int(told["revision"]),
        series=series,
        state="committed",
        actor=told["made_by"],
        operation=told["operation"],
        reason=told["reason"],
        trigger=told.get("trigger", ""),
        interval=span(told["interval"]),
        begun_at=parse_time(told["begun_at"]),
        committed_at=parse_time(told["made_at"]),
        new=told["new"],
        changed=told["changed"],
        withdrawn=told["withdrawn"],
        jitter=told.get("jitter", 0),
    )
