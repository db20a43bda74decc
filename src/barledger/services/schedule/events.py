"""Events: what happened since a rule looked last, found in the ledger, so that no event is lost with a process."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from barledger.domain.discrepancy import IDS
from barledger.domain.interval import format_time
from barledger.domain.series import Series
from barledger.domain.timeframe import Timeframe
from barledger.domain.when import Upon
from barledger.errors import DiscrepancyNotFound, NotFound
from barledger.ledger.contract import AuditEntry
from barledger.services.cache.priority import choose
from barledger.services.cache.vault import Vault

RESTATEMENT: Final = "restatement"
_AT_ONCE: Final = 2000
# Bodies are canonical, so these stand in them as they are.
_ACTIONS: Final = '"actions":['
_TRIGGERS: Final = tuple(f'"trigger":"{word}' for word in (RESTATEMENT, *IDS))

Event = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """Events since a cursor, and the cursor behind them."""

    events: Sequence[Event] = ()
    cursor: Mapping[str, str] = field(default_factory=dict)


class EventWatch:
    """Looks for events in the audit log, among notices, and in bars."""

    def __init__(self, vault: Vault, bars: Any) -> None:
        """Look in this ledger; ``bars`` reads bars as `DataRetrievalService.bars` does."""
        self._vault = vault
        self._bars = bars

    def beginning(self, when: Upon) -> dict[str, str]:
        """Return a cursor before which nothing counts: events are those from now on."""
        ledger = self._vault.ledger
        if when.event == "notice":
            return {"notice": str(ledger.now())}
        if when.event == "move":
            return self._moved(when, None)[1]
        return {"audit": str(ledger.audit.count())} if when.event != "backtest" else {}

    def look(self, when: Upon, cursor: Mapping[str, str]) -> Seen:
        """Return what happened since."""
        if when.event == "backtest":
            return Seen(cursor=cursor)
        if when.event == "notice":
            return self._noticed(when, int(cursor.get("notice", "0")))
        if when.event == "move":
            events, moved = self._moved(when, cursor)
            return Seen(events=events, cursor=moved)
        return self._audited(when, int(cursor.get("audit", "0")))

    # --- the audit log and notices -----------------------------------------------------------------

    def _audited(self, when: Upon, after: int) -> Seen:
        audit = self._vault.ledger.audit
        if audit.count() <= after:
            return Seen(cursor={"audit": str(after)})
        entries = audit.entries(after=after, limit=_AT_ONCE)
        find = {"approval": self._approvals, "action": self._actions, RESTATEMENT: self._restatements}[when.event]
        events = [event for entry in entries for event in find(entry)]
        last = entries[-1].sequence if entries else after
        return Seen(events=events, cursor={"audit": str(last)})

    def _approvals(self, entry: AuditEntry) -> Iterable[Event]:
        if entry.operation != "approve":
            return
        told = entry.data
        found = self._vault.ledger.snapshots.get(str(told.get("snapshot")))
        pins = [] if found is None else found.pins
        yield {
            "kind": "approval",
            "snapshot": told.get("snapshot"),
            "strategy": told.get("set", {}).get("approved_for", ""),
            "series": sorted({_key(pin.series) for pin in pins}),
            "at": format_time(entry.time),
        }

    def _actions(self, entry: AuditEntry) -> Iterable[Event]:
        if _ACTIONS not in entry.body:
            return
        for action in entry.data["actions"]:
            if isinstance(action, Mapping) and "instrument" in action:
                said = {name: action.get(name) for name in ("instrument", "source", "value", "ex_date")}
                yield {"kind": "action", "action": action.get("kind"), **said, "at": format_time(entry.time)}

    def _restatements(self, entry: AuditEntry) -> Iterable[Event]:
        if not any(sign in entry.body for sign in _TRIGGERS) or '"revision":' not in entry.body:
            return
        told = entry.data
        trigger = str(told.get("trigger"))
        if trigger != RESTATEMENT and not self._restates(trigger):
            return
        listed = told.get("series")
        if not isinstance(listed, list) or not listed:
            return
        series = [[one["instrument"], one["timeframe"], one["source"]] for one in listed]
        yield {"kind": RESTATEMENT, "series": series, "revision": told.get("revision"), "at": format_time(entry.time)}

    def _restates(self, discrepancy: str) -> bool:
        try:
            return self._vault.ledger.discrepancies.get(discrepancy).kind == RESTATEMENT
        except DiscrepancyNotFound:
            return False

    def _noticed(self, when: Upon, after: int) -> Seen:
        found = self._vault.ledger.notices.list(after=after, limit=_AT_ONCE)
        events = [
            {"kind": "notice", "notice": one.notice.kind, "about": one.notice.about, "id": one.id}
            for one in found
            if when.takes(one.notice.kind)
        ]
        return Seen(events=events, cursor={"notice": str(found[-1].made_at if found else after)})

    # --- bars --------------------------------------------------------------------------------------

    def _moved(self, when: Upon, cursor: Mapping[str, str] | None) -> tuple[list[Event], dict[str, str]]:
        """Return moves of bars behind the cursor; without one, none, but where the series ends."""
        series = self._series(when)
        if series is None:
            return [], dict(cursor or {})
        state = self._vault.ledger.revisions.state(series)
        revision = state.revision
        if not state.rows:
            return [], dict(cursor or {})
        if cursor and cursor.get("revision") == str(revision):
            return [], dict(cursor)
        seen = int(cursor["bar"]) if cursor and "bar" in cursor else None
        # The bar that was seen last is what the next one is compared with; a history that comes at once is no news.
        asked = {"last": 1} if seen is None else {"start": seen}
        found = self._bars(series.instrument, series.timeframe.name, source=series.source, **asked)
        times, closes = found.time.tolist(), found.rows.close.tolist()
        events: list[Event] = []
        for before, (time, close) in zip(closes, list(zip(times, closes, strict=True))[1:], strict=False):
            change = close / before - 1 if before and before == before else 0.0  # noqa: PLR0124 - NaN differs from itself
            if abs(change) >= when.move and (seen is None or time > seen):
                told = {"change": f"{change:+.6f}", "time": format_time(time)}
                events.append({"kind": "move", "series": [list(_key(series))], **told})
        last = times[-1] if times else seen
        after = {"revision": str(revision), **({} if last is None else {"bar": str(last)})}
        return events, after

    def _series(self, when: Upon) -> Series | None:
        frame = Timeframe.of(when.timeframe)
        if when.source:
            return Series.of(when.instrument, frame, when.source)
        try:
            return choose(self._vault, when.instrument, frame, None).series[0]
        except NotFound:
            return None


def key_of(job: str, cursor: Mapping[str, str]) -> str:
    """Return a word that is the same for the same job and cursor, so that what it names is made once."""
    import hashlib  # noqa: PLC0415 - only for this

    text = json.dumps([job, dict(cursor)], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def _key(series: Series) -> tuple[str, str, str]:
    return series.instrument, series.timeframe.name, series.source
