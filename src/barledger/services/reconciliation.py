"""Reconciliation: making a ledger and a store fit each other again, when one of them is not what it was.

The bars of the store are taken as they are. Revisions that only its rows tell of are recalled as committed at their
own time; a writer that was under way when the old ledger was lost is taken to have ended. Then each series' digests
are compared with its bars, and where they differ a revision says so. Snapshots that no longer hold say it themselves,
when they are verified.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from barledger.domain.digest import block_digests, root_digest
from barledger.domain.interval import Interval, everything, format_time
from barledger.domain.rows import Rows, concat
from barledger.domain.series import Series
from barledger.domain.version import LATEST
from barledger.errors import LedgerMismatch
from barledger.ledger.contract import Intent, Outcome, Pin, Recalled, SeriesChange, SeriesState, Who
from barledger.services.cache.lease import Lease, holding
from barledger.services.cache.reader import read
from barledger.services.cache.repair import repair_held
from barledger.services.cache.vault import Vault
from barledger.stores.contract import Mark

_COPIES: Final = "edition_"
Progress = Callable[[Series, int], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reconciled:
    """What happened to one series: revisions recalled, blocks with other digests, named versions found again."""

    series: Series
    recalled: int
    blocks: tuple[str, ...]
    versions: tuple[str, ...]
    rows: int


def adopt(vault: Vault, *, progress: Progress | None = None) -> list[Reconciled]:
    """Let this ledger take over a store that another one marked, which can only read from then on."""
    mark = vault.store.mark()
    if mark is None or mark.ledger_id == vault.ledger.id:
        raise _unfit("adopt", "the store has another ledger's mark", _situation(vault, mark))
    return _reconcile(vault, "adopt", mark, progress)


def rebuild(vault: Vault, *, progress: Progress | None = None) -> list[Reconciled]:
    """Fill an empty ledger from the rows of a store whose own ledger was lost."""
    mark = vault.store.mark()
    if mark is None or vault.ledger.revisions.last():
        raise _unfit("rebuild", "the ledger is empty and the store is not", _situation(vault, mark))
    return _reconcile(vault, "rebuild", mark, progress)


def reconcile(vault: Vault, *, progress: Progress | None = None) -> list[Reconciled]:
    """Bring a store and its own ledger together again, one of which was restored to an earlier state."""
    mark = vault.store.mark()
    known = vault.ledger.revisions.last()
    if not known or (mark is not None and mark.ledger_id != vault.ledger.id):
        raise _unfit("reconcile", "store and ledger were one, and one of them was set back", _situation(vault, mark))
    return _reconcile(vault, "reconcile", mark or Mark(ledger_id=vault.ledger.id, revision=0), progress)


def _situation(vault: Vault, mark: Mark | None) -> str:
    whose = "nobody's" if mark is None else "this ledger's" if mark.ledger_id == vault.ledger.id else "another ledger's"
    filled = "has history" if vault.ledger.revisions.last() else "is empty"
    return f"the store's mark is {whose}, and the ledger {filled}"


def _unfit(command: str, wanted: str, found: str) -> LedgerMismatch:
    return LedgerMismatch(reason=f"`{command}` is for when {wanted}; here {found}")


def _reconcile(vault: Vault, operation: str, mark: Mark, progress: Progress | None) -> list[Reconciled]:
    freed = replace(vault, mismatch="")
    who = freed.who(operation)
    freed.ledger.adopt(mark.ledger_id, mark.revision, who)
    done = []
    for series in sorted({*freed.store.series(), *freed.ledger.catalog.series()}):
        done.append(_reconcile_series(freed, series, who))
        if progress is not None:
            progress(series, done[-1].rows)
    # Until this last step the session stays read-only, and doing it all again does no harm.
    freed.store.claim(Mark(ledger_id=freed.ledger.id, revision=freed.ledger.revisions.last()))
    return done


def _reconcile_series(vault: Vault, series: Series, who: Who) -> Reconciled:
    with holding(vault, [Intent(series=series, interval=everything())], who) as lease:
        try:
            repair_held(vault, lease)
            latest = vault.store.read(series, LATEST, [everything()])
            copies = vault.store.read_copies(series, [everything()])
            news, edition = _told_by(concat([replace(latest, superseded_at=None), replace(copies, superseded_at=None)]))
            recalled = vault.ledger.revisions.recall(series, news, max_edition=edition, who=who)
            rows, change = _difference(vault, lease, series, edition)
            versions = _named_versions(vault, series, who)
        except BaseException:
            vault.ledger.revisions.discard(lease.pending, who)
            raise
        if change.blocks or change.emptied:
            vault.ledger.revisions.commit(lease.pending, Outcome(changes=[change]), who)
        else:
            vault.ledger.revisions.discard(lease.pending, who)
    starts = sorted([*(block.start for block in change.blocks), *change.emptied])
    blocks = tuple(format_time(start) for start in starts)
    return Reconciled(series=series, recalled=recalled, blocks=blocks, versions=versions, rows=rows)


def _told_by(rows: Rows) -> tuple[list[Recalled], int]:
    """Return the revisions that the rows tell of, oldest first, and the highest edition."""
    found = []
    for revision in np.unique(rows.revision).tolist():
        mine = rows.pick(rows.revision == revision)
        first = int(np.count_nonzero(mine.edition == 1))
        withdrawn = 0 if mine.withdrawn is None else int(np.count_nonzero(mine.withdrawn))
        hull = Interval(int(mine.time.min()), int(mine.time.max()) + 1)
        changed = len(mine) - first - withdrawn
        found.append(Recalled(revision=revision, interval=hull, new=first, changed=changed, withdrawn=withdrawn))
    return found, int(rows.edition.max()) if len(rows) else 0


def _difference(vault: Vault, lease: Lease, series: Series, edition: int) -> tuple[int, SeriesChange]:
    """Compare the bars that are visible now with the ledger's digests; returns their number and what differs."""
    state: SeriesState = vault.ledger.revisions.state(series)
    # Nobody else writes while the lease is held, and its own revision has written nothing.
    revision = min(state.revision, lease.revision - 1)
    seen = read(vault, series, [everything()], revision=revision, pinned=True, compared=False).rows.standing()
    found = {block.start: block for block in block_digests(seen, series.timeframe)}
    known = {block.start: block for block in vault.ledger.catalog.blocks(series, everything()) or ()}
    blocks = [block for start, block in found.items() if known.get(start) != block]
    emptied = [start for start in known if start not in found]
    starts = [*(block.start for block in blocks), *emptied]
    hull = Interval(min(starts), series.timeframe.block_end(max(starts))) if starts else Interval(0, 0)
    change = SeriesChange(
        series=series,
        interval=hull,
        max_edition=max(state.max_edition, edition),
        blocks=blocks,
        emptied=emptied,
    )
    return sum(block.rows for block in found.values()), change


def _named_versions(vault: Vault, series: Series, who: Who) -> tuple[str, ...]:
    """Record the layers of snapshots and named versions that the ledger does not know."""
    found = []
    for layer in vault.store.layers(series):
        if layer == LATEST or layer.startswith(_COPIES) or _pinned(vault, layer, series):
            continue
        rows = vault.store.read(series, layer, [everything()]).standing()
        if len(rows):
            vault.ledger.snapshots.add_named(layer, _pin(series, rows), who)
            found.append(layer)
    return tuple(found)


def _pinned(vault: Vault, layer: str, series: Series) -> bool:
    known = vault.ledger.snapshots.get(layer)
    return known is not None and (known.kind == "snapshot" or series in {pin.series for pin in known.pins})


def _pin(series: Series, rows: Rows) -> Pin:
    digest = root_digest(block_digests(rows, series.timeframe))
    hull = Interval(int(rows.time[0]), int(rows.time[-1]) + 1)
    return Pin(series=series, interval=hull, revision=int(rows.revision.max()), rows=len(rows), digest=digest)


def total(done: Sequence[Reconciled]) -> dict[str, int]:
    """Return sums over all series."""
    return {
        "series": len(done),
        "rows": sum(one.rows for one in done),
        "recalled": sum(one.recalled for one in done),
        "blocks": sum(len(one.blocks) for one in done),
        "versions": len({name for one in done for name in one.versions}),
    }
