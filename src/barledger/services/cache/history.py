"""History: every edition that a bar ever had, and every version of a series."""

from dataclasses import dataclass
from typing import Final

import numpy as np

from barledger.domain.interval import Interval, format_time
from barledger.domain.readable import Readable
from barledger.domain.rows import NEVER, VALUES, Rows, concat
from barledger.domain.series import Series
from barledger.domain.version import LATEST
from barledger.domain.visibility import forget_supersession
from barledger.ledger.contract import RevisionRecord, Snapshot
from barledger.services.cache.reader import check_count
from barledger.services.cache.vault import Vault

_UNKNOWN: Final = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Edition(Readable):
    """One value that a bar had: from which revision to which, by whom and why; NaN where a value is missing."""

    series: Series
    time: int
    edition: int
    revision: int
    committed_at: int
    superseded_at: int | None
    withdrawn: bool
    open: float
    high: float
    low: float
    close: float
    volume: float
    actor: str
    operation: str
    reason: str
    trigger: str

    def __str__(self) -> str:
        """Say it in a line."""
        what = "withdrawn" if self.withdrawn else " ".join(f"{name} {getattr(self, name):g}" for name in VALUES)
        why = self.reason or self.operation
        return f"edition {self.edition}, {format_time(self.committed_at)}: {what} ({self.actor}: {why})"


@dataclass(frozen=True, slots=True, kw_only=True)
class Versions:
    """The states of a series that can be named: its revisions, and the snapshots that pin it, oldest first."""

    series: Series
    revisions: tuple[RevisionRecord, ...]
    snapshots: tuple[Snapshot, ...]


def editions(vault: Vault, series: Series, time: int) -> list[Edition]:
    """Return every committed edition of the bar that opens at ``time`` (ns), the first one first.

    Raises `StoreDiverged` if there is none since the store lost all bars around it.
    """
    point = [Interval(time, time + 1)]
    latest = vault.store.read(series, LATEST, point)
    if not len(latest):
        state = vault.ledger.revisions.state(series)
        if state.clean:
            check_count(vault, state, point, latest)
    copies = vault.store.read_copies(series, point)
    uncommitted = vault.ledger.revisions.uncommitted(series)
    rows = concat([copies, forget_supersession(latest)])
    rows = rows.pick(~np.isin(rows.revision, list(uncommitted)))
    rows = rows.pick(np.argsort(rows.edition, kind="stable"))
    # A copy of the newest edition, made by a commit that failed, stands beside the row itself.
    first = np.append(True, rows.edition[1:] != rows.edition[:-1]) if len(rows) else np.zeros(0, np.bool_)
    return [_edition(vault, series, rows, int(at), uncommitted) for at in np.flatnonzero(first)]


def versions(vault: Vault, series: Series, interval: Interval) -> Versions:
    """Return the revisions that changed bars in the interval, and the snapshots that pin some of it."""
    pinning = [
        snapshot
        for snapshot in reversed(vault.ledger.snapshots.list())
        if any(pin.series == series and pin.interval.intersects(interval) for pin in snapshot.pins)
    ]
    records = vault.ledger.revisions.records(series, interval=interval)
    return Versions(series=series, revisions=tuple(records), snapshots=tuple(pinning))


def _edition(vault: Vault, series: Series, rows: Rows, at: int, uncommitted: frozenset[int]) -> Edition:
    revision = int(rows.revision[at])
    record = vault.ledger.revisions.record(revision)
    superseded = NEVER if rows.superseded_at is None else int(rows.superseded_at[at])
    return Edition(
        series=series,
        time=int(rows.time[at]),
        edition=int(rows.edition[at]),
        revision=revision,
        committed_at=record.committed_at if record else revision,
        superseded_at=None if superseded == NEVER or superseded in uncommitted else superseded,
        withdrawn=rows.withdrawn is not None and bool(rows.withdrawn[at]),
        **{name: float(getattr(rows, name)[at]) for name in VALUES},
        actor=record.actor if record else _UNKNOWN,
        operation=record.operation if record else _UNKNOWN,
        reason=record.reason if record else "",
        trigger=record.trigger if record else "",
    )
