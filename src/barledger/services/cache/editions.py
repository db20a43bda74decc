"""Editions: every value that bars had, not only the one that stands at a revision."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from barledger.domain.interval import Interval
from barledger.domain.rows import Flags, Ints, Rows, concat
from barledger.domain.series import Series
from barledger.domain.visibility import forget_supersession
from barledger.services.cache.reader import Reading, expired, kept_of, read
from barledger.services.cache.vault import Vault


def read_editions(vault: Vault, series: Series, intervals: Sequence[Interval]) -> Reading:
    """Return every committed edition of every bar, by time and edition, tombstones included.

    Retention may have deleted the first ones, or some in between; see `check_first` and `check_all`.
    """
    now = read(vault, series, intervals)
    kept = kept_of(now.state, intervals)
    copies = vault.store.read_copies(series, kept)
    uncommitted = np.array(sorted(vault.ledger.revisions.uncommitted(series)), np.int64)
    known = copies.pick(~np.isin(copies.revision, uncommitted) & (copies.revision <= now.revision))
    every = concat([now.rows, forget_supersession(known)])
    ordered = every.pick(np.lexsort((every.edition, every.time)))
    # A copy of the newest edition, made by a commit that failed, stands beside the row itself.
    alike = (ordered.time[1:] == ordered.time[:-1]) & (ordered.edition[1:] == ordered.edition[:-1])
    return Reading(
        rows=ordered.pick(np.append(True, ~alike)) if len(ordered) else ordered, revision=now.revision, state=now.state
    )


def first_of(rows: Rows) -> Flags:
    """Tell which rows, sorted by time and edition, are the first ones of their bars."""
    return np.append(True, rows.time[1:] != rows.time[:-1]) if len(rows) else np.zeros(0, np.bool_)


def check_first(reading: Reading) -> None:
    """Raise `RevisionExpired` where retention may have deleted the first edition of a bar.

    It deletes what was superseded up to its horizon, so what came after that had nothing before it that is gone.
    """
    rows, state = reading.rows, reading.state
    if state.horizon and bool((first_of(rows) & (rows.edition > 1) & (rows.revision <= state.horizon)).any()):
        raise expired(state, "its first editions")


def check_all(reading: Reading) -> None:
    """Raise `RevisionExpired` where retention may have deleted any edition of a bar."""
    check_first(reading)
    rows = reading.rows
    skipped = (rows.time[1:] == rows.time[:-1]) & (rows.edition[1:] != rows.edition[:-1] + 1)
    if reading.state.horizon and bool(skipped.any()):
        raise expired(reading.state, "all its editions")


def read_first(vault: Vault, series: Series, intervals: Sequence[Interval], *, revision: int | None = None) -> Reading:
    """Return each bar's first edition, if it came up to ``revision``; raises `RevisionExpired` where it is deleted."""
    reading = read_editions(vault, series, intervals)
    check_first(reading)
    first = reading.rows.pick(first_of(reading.rows))
    if revision is None or revision >= reading.revision:
        return replace(reading, rows=first)
    return replace(reading, rows=first.pick(first.revision <= revision), revision=revision)


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """Standing bars as they were known some time after each, and the times of those that came later than that."""

    rows: Rows
    late: Ints
    revision: int


def read_known(
    vault: Vault,
    series: Series,
    intervals: Sequence[Interval],
    *,
    deadlines: Callable[[Ints], Ints],
    revision: int | None = None,
) -> Known:
    """Return of each bar the newest edition that was committed by its deadline (ns, by the ledger's clock).

    A bar that had been withdrawn by then is left out. One of which nothing was committed by then is *late*: nobody saw
    it live, and it is given as it was first committed. Editions after ``revision`` count as not there. Raises
    `RevisionExpired` where retention may have deleted an edition.
    """
    reading = read_editions(vault, series, intervals)
    check_all(reading)
    limit = reading.revision if revision is None else min(revision, reading.revision)
    rows = reading.rows.pick(reading.rows.revision <= limit)
    if not len(rows):
        return Known(rows=rows, late=rows.time, revision=limit)
    starts = np.flatnonzero(first_of(rows))
    in_time = committed_at(vault, series, rows) <= deadlines(rows.time)
    seen = np.add.reduceat(in_time.astype(np.int64), starts)
    chosen = rows.pick(starts + np.maximum(seen - 1, 0))
    return Known(rows=chosen.standing(), late=chosen.time[seen == 0], revision=limit)


def committed_at(vault: Vault, series: Series, rows: Rows) -> Ints:
    """Return when the revision of each row was committed (ns); what the ledger no longer tells, when it began."""
    hull = Interval(int(rows.time[0]), int(rows.time[-1]) + 1)
    records = vault.ledger.revisions.records(series, interval=hull)
    revisions = np.array([record.revision for record in records], np.int64)
    times = np.array([record.committed_at for record in records], np.int64)
    order = np.argsort(revisions)
    revisions, times = revisions[order], times[order]
    if not len(revisions):
        return rows.revision
    at = np.minimum(np.searchsorted(revisions, rows.revision), len(revisions) - 1)
    return np.where(revisions[at] == rows.revision, times[at], rows.revision)
