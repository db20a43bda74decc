"""A commit: how bars become true.

1. The ledger allocates a revision and locks the series. What an earlier writer left behind is repaired.
2. The rows that will be superseded are copied to the edition layers, and acknowledged.
3. The new rows are written to ``latest``, stamped with the revision.
4. The ledger marks the revision committed, with digests, coverage and one audit entry.

There is nothing to undo: until step 4 the rows of this revision are invisible, and those that they overwrote are in
their edition layers.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from barledger import faults
from barledger.domain.readable import Readable
from barledger.domain.rows import VALUES, Rows
from barledger.domain.series import Series
from barledger.errors import LeaseLost
from barledger.ledger.contract import Cover, Outcome, SeriesState, Who
from barledger.services.cache.afterwards import Superseded
from barledger.services.cache.changes import Draft, Plan, plan
from barledger.services.cache.lease import Lease, holding
from barledger.services.cache.repair import repair_held
from barledger.services.cache.vault import Vault

_JITTER_TOLD = 20


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Written(Readable):
    """What a write did, in numbers of bars; ``revision`` is the series' last one if nothing changed.

    ``fields`` counts the changed bars per field.
    """

    series: tuple[Series, ...]
    revision: int
    new: int = 0
    changed: int = 0
    withdrawn: int = 0
    same: int = 0
    jitter: int = 0
    quarantined: int = 0
    fields: dict[str, int]

    def __str__(self) -> str:
        """Say it in a line."""
        return f"{self.counts}; revision {self.revision}"

    @property
    def counts(self) -> str:
        """Return what became of the bars, in words; withdrawn ones only if there are any."""
        withdrawn = f", {self.withdrawn:,} withdrawn" if self.withdrawn else ""
        text = f"{self.new:,} new, {self.changed:,} changed, {self.same:,} the same, {self.jitter:,} jitter"
        return f"{text}, {self.quarantined:,} quarantined{withdrawn}"


def commit(
    vault: Vault,
    drafts: Sequence[Draft],
    who: Who,
    *,
    coverage: Sequence[Cover] = (),
    details: Mapping[Series, Mapping[str, Any]] | None = None,
) -> Written:
    """Write drafts of different series as one revision; all of it becomes true, or nothing.

    ``details`` are what else the audit log is to keep of each series.
    """
    vault.check_writable()
    done, plans = _commit(vault, drafts, who, coverage=coverage, told=details or {})
    if plans:
        # An adjusted series follows its original, and nothing follows it.
        originals = [draft.series.instrument for draft in drafts if not draft.series.is_adjusted]
        vault.afterwards.changed(originals, _superseded(plans, done.revision, who.trigger))
    return done


def _superseded(plans: Sequence[Plan], revision: int, trigger: str) -> Iterator[Superseded]:
    for prepared in plans:
        times = [batch.rows.time for batch in prepared.copies]
        if times:
            series, moved = prepared.draft.series, np.concatenate(times)
            yield Superseded(series=series, times=moved, revision=revision, trigger=trigger)


def _commit(
    vault: Vault,
    drafts: Sequence[Draft],
    who: Who,
    *,
    coverage: Sequence[Cover],
    told: Mapping[Series, Mapping[str, Any]],
) -> tuple[Written, Sequence[Plan]]:
    """Return what was done, and the plans that became true, none of them if nothing changed."""
    with holding(vault, [draft.intent for draft in drafts], who) as lease:
        try:
            repair_held(vault, lease)
            plans = _plan(vault, lease, drafts)
        except BaseException:
            _give_up(vault, lease, who, sent=False)
            raise
        if not any(prepared.current for prepared in plans):
            outcome = _outcome(plans, coverage, told) if coverage or any(len(done.jitter) for done in plans) else None
            vault.ledger.revisions.discard(lease.pending, who, outcome=outcome)
            return _written(plans, max(state.revision for state in lease.pending.states)), ()
        _send(vault, lease, plans, _outcome(plans, coverage, told), who)
        _keep_tails(vault, lease, plans)
        return _written(plans, lease.revision), plans


def _plan(vault: Vault, lease: Lease, drafts: Sequence[Draft]) -> list[Plan]:
    states: dict[Series, SeriesState] = {state.series: state for state in lease.pending.states}
    return [plan(vault, states[draft.series], draft, lease.revision) for draft in drafts]


def _send(vault: Vault, lease: Lease, plans: Sequence[Plan], outcome: Outcome, who: Who) -> None:
    faults.reach("commit.begun")
    try:
        copies = [batch for prepared in plans for batch in prepared.copies]
        if copies:
            vault.store.write(copies, revision=lease.revision, guard=lease.guard)
        faults.reach("commit.copies-written")
        current = [prepared.current for prepared in plans if prepared.current]
        vault.store.write(current, revision=lease.revision, guard=lease.guard)
        faults.reach("commit.rows-written")
        lease.guard()
        vault.ledger.revisions.commit(lease.pending, outcome, who)
        faults.reach("commit.committed")
    except BaseException as error:
        if isinstance(error, Exception) and _became_true(vault, lease):
            return
        _give_up(vault, lease, who, sent=True)
        raise


def _keep_tails(vault: Vault, lease: Lease, plans: Sequence[Plan]) -> None:
    states: dict[Series, SeriesState] = {state.series: state for state in lease.pending.states}
    for prepared in plans:
        if prepared.after is not None:
            vault.tails.keep(states[prepared.draft.series], prepared.change, prepared.after, lease.revision)


def _became_true(vault: Vault, lease: Lease) -> bool:
    """Tell whether a commit whose answer was lost has happened after all."""
    try:
        record = vault.ledger.revisions.record(lease.revision)
    except Exception:  # noqa: BLE001 - the first error matters; the lease's end settles what this one left open
        return False
    return record is not None and record.state == "committed"


def _give_up(vault: Vault, lease: Lease, who: Who, *, sent: bool) -> None:
    try:
        if sent:
            vault.ledger.revisions.abort(lease.pending)
        else:
            vault.ledger.revisions.discard(lease.pending, who)
    except LeaseLost:
        return  # another writer has aborted it already
    except Exception:  # noqa: BLE001 - the first error matters; the lease's end settles what this one left open
        return


def _outcome(plans: Sequence[Plan], coverage: Sequence[Cover], told: Mapping[Series, Mapping[str, Any]]) -> Outcome:
    details = {
        str(prepared.draft.series): {**_details(prepared), **told.get(prepared.draft.series, {})} for prepared in plans
    }
    changes = [prepared.change for prepared in plans]
    return Outcome(changes=changes, coverage=coverage, details={key: told for key, told in details.items() if told})


def _details(prepared: Plan) -> dict[str, object]:
    told: dict[str, object] = {}
    if prepared.fields:
        told["fields"] = prepared.fields
    if len(prepared.jitter):
        told["jitter"] = _jitter_sample(prepared.jitter)
    return told


def _jitter_sample(rows: Rows) -> list[dict[str, str]]:
    """Return the first jittering bars as the source gave them now, for the audit log."""
    head = rows.pick(slice(0, _JITTER_TOLD))
    return [
        {"time": str(int(head.time[i])), **{name: repr(float(getattr(head, name)[i])) for name in VALUES}}
        for i in range(len(head))
    ]


def _written(plans: Sequence[Plan], revision: int) -> Written:
    changes = [prepared.change for prepared in plans]
    fields: dict[str, int] = {}
    for prepared in plans:
        for name, count in prepared.fields.items():
            fields[name] = fields.get(name, 0) + count
    return Written(
        series=tuple(change.series for change in changes),
        revision=revision,
        new=sum(change.new for change in changes),
        changed=sum(change.changed for change in changes),
        withdrawn=sum(change.withdrawn for change in changes),
        same=sum(change.same for change in changes),
        jitter=sum(change.jitter for change in changes),
        fields=fields,
    )
