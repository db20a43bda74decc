"""DataCacheService: versions, snapshots and retention, as callers use them."""

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar, get_args

from barledger.domain.comparison import EXACT, Tolerance
from barledger.domain.interval import EARLIEST, LATEST, Instant, Interval, parse_time
from barledger.domain.policy import Policy
from barledger.domain.rows import Rows, tombstones
from barledger.domain.series import Series, check_name, normalise_instrument
from barledger.domain.timeframe import Timeframe
from barledger.domain.version import Version
from barledger.errors import DuplicateTimes, InvalidInterval, InvalidSetting, VersionNotFound
from barledger.ledger.contract import Cover, Intent, SeriesState, Snapshot, Who
from barledger.services.cache import adjustments, repair, retention, snapshots, verification
from barledger.services.cache import history as histories
from barledger.services.cache.changes import Draft
from barledger.services.cache.commit import Written, commit
from barledger.services.cache.named import write_named
from barledger.services.cache.priority import Mode, choose, choose_all, hint, unknown
from barledger.services.cache.triangle import triangle
from barledger.services.cache.vault import Vault
from barledger.services.cache.versions import find_snapshot

if TYPE_CHECKING:
    import pandas as pd

Given = TypeVar("Given", Intent, Draft)


class DataCacheService:
    """Keeps every value that a bar ever had, and pins the states that somebody relies on."""

    def __init__(self, vault: Vault) -> None:
        """Work on this store and ledger."""
        self._vault = vault

    # --- writing -------------------------------------------------------------------------------

    def write(
        self,
        drafts: Sequence[Draft],
        *,
        operation: str = "write",
        reason: str = "",
        trigger: str = "",
        coverage: Sequence[Cover] = (),
        details: Mapping[Series, Mapping[str, Any]] | None = None,
    ) -> Written:
        """Write bars of one or more series as one revision; bars that are there already make no history.

        ``coverage`` and ``details`` are kept with it: what was asked for, and what else the audit log is to tell.
        Raises `RevisionConflict`, `BlockDamaged`, `Busy`, `LeaseLost`, and the store's errors; nothing is visible then.
        """
        _check_distinct(drafts)
        who = self._vault.who(operation, reason=reason, trigger=trigger)
        return commit(self._vault, drafts, who, coverage=coverage, details=details)

    def draft(
        self, series: Series, rows: Rows, *, tolerance: Tolerance = EXACT, expected_revision: int | None = None
    ) -> Draft:
        """Prepare validated bars for `write`."""
        return Draft(series=series, rows=rows, tolerance=tolerance, expected_revision=expected_revision)

    def write_named(self, series: Series, rows: Rows, *, version: str, reason: str = "") -> Written:
        """Write bars as a named, immutable version, outside the series' own history."""
        return write_named(self._vault, series, rows, version, self._vault.who("write-named", reason=reason))

    def withdraw(
        self, series: Series, times: Instant | Sequence[Instant], *, reason: str, expected_revision: int | None = None
    ) -> Written:
        """Withdraw bars by their opening times: they stay in every state before this revision.

        Raises `InvalidName` without a reason, since nothing else will tell why bars were taken back.
        """
        check_name("reason", reason)
        import numpy as np  # noqa: PLC0415 - the rest of this module needs no arrays

        listed: Any = [times] if isinstance(times, str) or not isinstance(times, Iterable) else times
        moments = np.unique(np.array([parse_time(time) for time in listed], np.int64))
        if len(moments) and not EARLIEST <= moments[0] <= moments[-1] < LATEST:
            raise InvalidInterval(reason="bars lie between 1678 and 2261")
        if not len(moments):
            return Written(series=(series,), revision=self._vault.ledger.revisions.state(series).revision, fields={})
        draft = Draft(series=series, rows=tombstones(moments), expected_revision=expected_revision)
        return commit(self._vault, [draft], self._vault.who("withdraw", reason=reason))

    def repair(self) -> int:
        """Repair what dead writers left, finish snapshots, mirror what waits and tidy the store.

        Returns the number of series that were repaired.
        """
        repaired = repair.repair_all(self._vault)
        for snapshot in self._vault.ledger.snapshots.list():
            finished = snapshots.finish(self._vault, snapshot)
            if finished.purpose in snapshots.MATERIALISED or finished.approved_at:
                snapshots.materialise(self._vault, finished)
        snapshots.deliver(self._vault)
        self._vault.store.tidy()
        return repaired

    # --- snapshots -----------------------------------------------------------------------------

    def snapshot(
        self,
        instruments: str | Sequence[str],
        timeframes: str | Sequence[str],
        *,
        start: Instant | None = None,
        end: Instant | None = None,
        purpose: str = "backtest",
        strategy: str | None = None,
        source: str | None = None,
        id: str | None = None,  # noqa: A002 - the word that users know it by
    ) -> Snapshot:
        """Pin what these series hold now, under one id; ranges are [start, end)."""
        given = {"instruments": instruments, "timeframes": timeframes, "start": start, "end": end, "source": source}
        return self.snapshot_of([given], purpose=purpose, strategy=strategy, id=id)

    def snapshot_of(
        self,
        ranges: Sequence[Mapping[str, Any]],
        *,
        purpose: str = "backtest",
        strategy: str | None = None,
        id: str | None = None,  # noqa: A002 - as above
    ) -> Snapshot:
        """Pin several ranges under one id, all of one cut; each has the instruments, timeframes, … of `snapshot`."""
        intents = [intent for one in ranges for intent in self._intents(**one)]
        _check_pinned_once(intents)
        request = snapshots.SnapshotRequest(ranges=intents, purpose=purpose, strategy=strategy, id=id)
        return snapshots.take(self._vault, request)

    def _intents(
        self,
        instruments: str | Sequence[str],
        timeframes: str | Sequence[str],
        *,
        start: Instant | None = None,
        end: Instant | None = None,
        source: str | None = None,
    ) -> list[Intent]:
        interval = Interval.of(start, end)
        names = [normalise_instrument(instrument) for instrument in _listed(instruments)]
        return [
            Intent(series=series, interval=interval)
            for timeframe in _listed(timeframes)
            for choice in choose_all(self._vault, names, Timeframe.of(timeframe), source)
            for series in choice.series
        ]

    def snapshots(
        self,
        *,
        strategy: str | None = None,
        purpose: str | None = None,
        before: tuple[int, str] | None = None,
        limit: int | None = None,
    ) -> list[Snapshot]:
        """Return snapshots and named versions, newest first; with ``before`` (time and id) those that follow one."""
        listed = self._vault.ledger.snapshots.list
        return listed(strategy=strategy, purpose=purpose, before=before, limit=limit)

    def find(self, version: str) -> Snapshot:
        """Return the snapshot or named version that an id or ``strategy:<id>`` means; raises `VersionNotFound`."""
        found = find_snapshot(self._vault, Version.of(version))
        if found is None:
            raise VersionNotFound(version=version)
        return found

    def verify(self, version: str) -> verification.Verification:
        """Read a snapshot's bars again and compare them with its digests."""
        return verification.verify_snapshot(self._vault, self.find(version))

    def verify_series(self, series: Series) -> verification.Verification:
        """Read a series' current bars again and compare them with the ledger's digests."""
        return verification.verify_series(self._vault, series)

    def approve(self, snapshot_id: str, *, strategy: str) -> Snapshot:
        """Approve a snapshot for live trading by a strategy: verified, materialised and held.

        Its purpose and data hash stay. Raises `StoreDamaged` or `StoreDiverged` if its bars are not what they were.
        """
        self._vault.check_writable()
        snapshot = snapshots.finish(self._vault, self.find(snapshot_id))
        snapshots.materialise(self._vault, snapshot)
        who = self._vault.who("approve", purpose=snapshot.purpose)
        approved = self._vault.ledger.snapshots.approve(snapshot.id, check_name("strategy", strategy), who)
        snapshots.deliver(self._vault)
        return approved

    def revoke(self, snapshot_id: str, *, strategy: str, reason: str) -> Snapshot:
        """Take an approval back, for a reason; the snapshot stays, and so does a legal hold.

        The strategy means its newest snapshot that is still approved, or none: what was never approved does not stand
        in. Raises `VersionNotFound`, `ApprovalNotFound`, and `InvalidName` without a reason.
        """
        self._vault.check_writable()
        found = snapshots.get(self._vault, snapshot_id)
        who = self._vault.who("revoke_approval", purpose=found.purpose, reason=check_name("reason", reason))
        return self._vault.ledger.snapshots.revoke(found.id, check_name("strategy", strategy), who)

    def approvals(self, snapshot_id: str) -> list[str]:
        """Return the strategies that a snapshot is approved for, by name; raises `VersionNotFound`."""
        found = self.find(snapshot_id)
        return [strategy for name, strategy in self._vault.ledger.snapshots.approvals() if name == found.id]

    def hold(self, snapshot_id: str, *, reason: str) -> Snapshot:
        """Place a legal hold on a snapshot, which blocks its deletion."""
        self._vault.check_writable()
        return self._vault.ledger.snapshots.hold(
            snapshots.get(self._vault, snapshot_id).id,
            check_name("reason", reason),
            self._vault.who("hold", reason=reason),
        )

    def release(self, snapshot_id: str, *, reason: str) -> Snapshot:
        """Release a legal hold, with a reason for the audit log; raises `Held` where only approvals hold it."""
        self._vault.check_writable()
        found = snapshots.get(self._vault, snapshot_id)
        return self._vault.ledger.snapshots.hold(found.id, "", self._vault.who("release", reason=reason))

    def delete(self, snapshot_id: str) -> Snapshot:
        """Unpin a snapshot; raises `Held`. Its record and its audit entries stay."""
        return snapshots.erase(self._vault, snapshots.get(self._vault, snapshot_id))

    def series(self, *, instrument: str | None = None, timeframe: str | None = None) -> list[SeriesState]:
        """Return the state of every series, or of those of an instrument or timeframe, sorted."""
        name = None if instrument is None else normalise_instrument(instrument)
        frame = None if timeframe is None else Timeframe.of(timeframe).name
        return self._vault.ledger.revisions.states(self._vault.ledger.catalog.series(instrument=name, timeframe=frame))

    # --- looking back --------------------------------------------------------------------------

    def history(
        self, instrument: str, timeframe: str, time: Instant, *, source: str | None = None
    ) -> list[histories.Edition]:
        """Return every edition of the bar that opens at ``time``, the first one first.

        Of several sources in an order of priority, the first that ever had the bar answers. Raises `SeriesNotFound`,
        for a source that has no bars at all too, and `AmbiguousSource`.
        """
        name, frame = normalise_instrument(instrument), Timeframe.of(timeframe)
        chosen = choose(self._vault, name, frame, source)
        found: list[histories.Edition] = []
        for series in chosen.series:
            found = found or histories.editions(self._vault, series, parse_time(time))
        if not found and not any(state.revision for state in self._vault.ledger.revisions.states(chosen.series)):
            raise unknown(self._vault, str(chosen.series[0]), hint(self._vault, name, frame))
        return found

    def versions(
        self, instrument: str, timeframe: str, *, start: Instant | None = None, end: Instant | None = None
    ) -> list[histories.Versions]:
        """Return, for each source, the revisions that changed bars in [start, end) and the snapshots that pin some."""
        name, frame = normalise_instrument(instrument), Timeframe.of(timeframe)
        found = set(self._vault.ledger.catalog.series(instrument=name, timeframe=frame.name))
        for snapshot in self._vault.ledger.snapshots.list():
            found |= {
                pin.series for pin in snapshot.pins if (pin.series.instrument, pin.series.timeframe) == (name, frame)
            }
        return [histories.versions(self._vault, series, Interval.of(start, end)) for series in sorted(found)]

    def adjustments(
        self, instrument: str, timeframe: str, reference: Instant, *, source: str | None = None
    ) -> adjustments.AdjustmentReport:
        """Tell which bars changed since a reference time, when, by how much, and what the changes look like.

        A bar that came later counts from its first value. Of several sources in an order of priority the first one
        answers. Raises `SeriesNotFound`, `AmbiguousSource`, `FutureTime`, and `RevisionExpired` if retention has
        deleted what the bars were then.
        """
        chosen = choose(self._vault, normalise_instrument(instrument), Timeframe.of(timeframe), source)
        return adjustments.check(self._vault, chosen.series[0], parse_time(reference))

    def revisions_of(
        self,
        instrument: str,
        timeframe: str,
        *,
        field: str = "close",
        start: Instant | None = None,
        end: Instant | None = None,
        source: str | None = None,
    ) -> "pd.DataFrame":
        """Return how a field moved: a row for each bar, a column for each revision (its number and its commit's time).

        NaN where the bar was not there yet, was withdrawn, or lacks the value. Of several sources in an order of
        priority the first one answers. Raises `SeriesNotFound`, `AmbiguousSource`, `MissingColumns`, `RevisionExpired`,
        and `InvalidInterval` for a table too large for memory. Revisions behind the retention horizon have no column.
        """
        chosen = choose(self._vault, normalise_instrument(instrument), Timeframe.of(timeframe), source)
        return triangle(self._vault, chosen.series[0], Interval.of(start, end), field)

    # --- policies ------------------------------------------------------------------------------

    def retain(
        self, policy: Policy | Sequence[Mapping[str, Any]] | Mapping[str, Any], *, dry_run: bool = False
    ) -> retention.RetentionReport:
        """Apply a retention policy, or say what it would delete; raises `InvalidPolicy`."""
        return retention.retain(self._vault, Policy.of(policy), dry_run=dry_run)

    def prioritise(
        self, pattern: str, sources: str | Sequence[str], *, timeframe: str = "*", mode: Mode = "strict"
    ) -> None:
        """Prefer sources in this order for instruments that match a glob; no sources remove the rule.

        ``strict`` takes the first source that has the series for the whole range, ``fill`` takes later ones for whole
        missing stretches. Raises `InvalidSetting` and `InvalidTimeframe`.
        """
        self._vault.check_writable()
        if mode not in get_args(Mode):
            raise InvalidSetting(setting="mode", reason=f"{mode!r} is neither strict nor fill")
        frame = "*" if timeframe == "*" else Timeframe.of(timeframe).name
        pattern = pattern if set(pattern) & set("*?[") else normalise_instrument(pattern)
        names = [check_name("source", source) for source in _listed(sources)]
        who: Who = self._vault.who("prioritise")
        self._vault.ledger.catalog.set_priority(pattern, frame, names, mode, who)

    def priorities(self) -> list[tuple[str, str, tuple[str, ...], str]]:
        """Return the rules as (pattern, timeframe or ``*``, sources, mode), the most specific pattern first."""
        return self._vault.ledger.catalog.priorities()


def _listed(values: str | Sequence[str]) -> Sequence[str]:
    return [values] if isinstance(values, str) else values


def _check_pinned_once(intents: Sequence[Intent]) -> None:
    if not intents:
        raise InvalidSetting(setting="instruments", reason="there are none")
    again = _repeated(intents)
    if again is not None:
        raise InvalidSetting(setting="instruments", reason=f"{again.series} is named twice")


def _check_distinct(drafts: Sequence[Draft]) -> None:
    again = _repeated(drafts)
    if again is not None:
        raise DuplicateTimes(count=len(again.rows), examples=f": {again.series} is given twice in one write")


def _repeated(given: Sequence[Given]) -> Given | None:
    """Return the first whose series one before has already."""
    seen: set[Series] = set()
    for one in given:
        if one.series in seen:
            return one
        seen.add(one.series)
    return None
