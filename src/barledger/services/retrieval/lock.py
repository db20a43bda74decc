"""Locks: a file in a strategy's repository that names the data behind it, and the check that they are still those."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from barledger.domain.interval import Interval
from barledger.domain.series import Series
from barledger.errors import InvalidSetting, LockBroken, SeriesNotFound
from barledger.services.cache.priority import hint
from barledger.services.cache.vault import Vault
from barledger.services.retrieval.comparison import Compared, compare_at, compare_latest, seal
from barledger.services.retrieval.dataset import compare_indicators
from barledger.services.retrieval.indicated import IndicatorsOf
from barledger.services.retrieval.manifest import DATASET, LOCK, Manifest, Sealed, listed, ordered
from barledger.services.retrieval.request import ReadRequest
from barledger.services.retrieval.sealing import Sealer
from barledger.services.retrieval.view import View

FILE: Final = "barledger.lock"


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """What a check of a lock found: every series is as it was locked; ``moved`` are those that have newer states."""

    file: str
    series: tuple[Compared, ...]
    moved: tuple[Compared, ...]

    @property
    def rows(self) -> int:
        """Return how many bars were read and compared."""
        return sum(one.rows for one in self.series if one.stored)


def check_one_state(request: ReadRequest) -> None:
    """Raise `InvalidSetting` for first editions, which nothing keeps as they are."""
    if request.version.kind == "first":
        reason = "first is no one state; lock a revision, a time or a snapshot"
        raise InvalidSetting(setting="version", reason=reason)


def manifest_of(
    vault: Vault, views: Sequence[View], request: ReadRequest, sealer: Sealer, *, strategy: str
) -> Manifest:
    """Return the manifest of what some views of one state show, digests computed from the bars.

    Raises `SeriesNotFound` for a series or stretch without any.
    """
    snapshot, interval = views[0].state.snapshot, request.interval
    sealed: list[Sealed] = []
    for view in views:
        if view.pins:
            _refuse_part(interval)
            sealed += [Sealed.of(pin) for pin in view.pins]
            continue
        for series in view.series:
            revision = _last_change(vault, series, interval, view.state.at.get(series))
            sealed.append(seal(vault, Sealed(series=series, interval=interval, revision=revision, rows=0, digest="")))
    empty = next((one for one in ordered(sealed) if not one.rows), None)
    if empty is not None:
        where = f"{empty.series} in {empty.interval}"
        raise SeriesNotFound(series=where, hint=hint(vault, empty.series.instrument, empty.series.timeframe))
    return Manifest(
        format=LOCK,
        ledger=vault.ledger.id,
        series=ordered(sealed),
        snapshot=snapshot.id if snapshot else "",
        strategy=strategy,
        adjustment=None if request.adjust is None else sealer.seal(views, interval, request.adjust),
    )


def _last_change(vault: Vault, series: Series, interval: Interval, at: int | None) -> int:
    """Return the last revision, up to ``at``, that changed bars of the interval; later ones are no news."""
    state = vault.ledger.revisions.state(series)
    shown = state.revision if at is None else min(at, state.revision)
    changes = (one.revision for one in vault.ledger.revisions.records(series, interval=interval))
    last = max((one for one in changes if one <= shown), default=shown)
    return min(max(last, state.horizon), shown)


def _refuse_part(interval: Interval) -> None:
    if interval != Interval.of(None, None):
        raise InvalidSetting(setting="start", reason="a snapshot is locked as it is pinned, without start or end")


def check(
    vault: Vault,
    path: str | Path,
    sealer: Sealer,
    *,
    latest: bool,
    service: Callable[[], IndicatorsOf] | None = None,
) -> Checked:
    """Compare a lock, or a dataset's manifest with its indicators, with this library.

    Raises `LockBroken`, and `InvalidSetting` for a file that is no lock.
    """
    manifest = Manifest.load(path, LOCK, DATASET)
    same_ledger = manifest.ledger == vault.ledger.id
    snapshot = vault.ledger.snapshots.get(manifest.snapshot) if manifest.snapshot and same_ledger else None
    compared = (
        *(compare_at(vault, sealed, snapshot=snapshot, same_ledger=same_ledger) for sealed in manifest.series),
        *sealer.compare(manifest, snapshot=snapshot, same_ledger=same_ledger),
        *compare_indicators(manifest, snapshot=snapshot, service=service),
    )
    broken = [one for one in compared if not one.same]
    if broken:
        raise LockBroken(file=str(path), detail=listed([str(one) for one in broken]))
    newest = [
        *(_now(vault, one) for one in compared if one.stored),
        *sealer.compare(manifest, snapshot=snapshot, same_ledger=same_ledger, latest=True),
    ]
    moved = tuple(one for one in newest if not one.same)
    if latest and moved:
        told = [f"{one.sealed.series} has moved on since revision {one.sealed.revision}: {one.detail}" for one in moved]
        raise LockBroken(file=str(path), detail=listed(told))
    return Checked(file=str(path), series=compared, moved=moved)


def _now(vault: Vault, compared: Compared) -> Compared:
    """Compare with the newest state; one that is the locked revision need not be read again."""
    state = vault.ledger.revisions.state(compared.sealed.series)
    if compared.read_as == "latest" or (compared.read_as == "revision" and state.revision == compared.sealed.revision):
        return compared
    return compare_latest(vault, compared.sealed)
