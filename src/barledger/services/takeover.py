"""Takeover: bars that something else wrote into the bucket, in the same layout, get revision, edition and digests.

A point's tags cannot be changed. Bars whose tags mean something to barledger but are spelled otherwise (``False`` for
``false``, no ``version``, ``BTC/USDT``) are therefore written under barledger's own tags, and the points under the
old ones are deleted: left there, every tool that does not look at the tags so closely would meet each bar twice, and
barledger would meet bars that somebody may still take for true after they have been corrected. A point goes only
after its bar is committed and was read back equal, so a killed takeover loses nothing, and the next one goes on.

Bars that have the right tags already are stamped where they lie. Until that is committed they belong to nobody: the
repair of a revision that was cut off would delete them. So they are copied aside first, under tags of their own, and
the copy goes when they are committed.

Whatever would be lost, or would change a bar that barledger has, stays where it is and is named.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from barledger import faults
from barledger.domain.comparison import compare
from barledger.domain.interval import Interval, everything
from barledger.domain.rows import Rows, empty_rows
from barledger.domain.series import Series
from barledger.domain.validation import Validated, validate
from barledger.domain.version import LATEST, check_version_id
from barledger.errors import InvalidInput, LedgerMismatch, NameTaken, RevisionConflict, VersionImmutable
from barledger.ledger.contract import QuarantinedBar, Who
from barledger.services.cache.changes import Draft
from barledger.services.cache.commit import commit
from barledger.services.cache.named import write_named
from barledger.services.cache.reader import read
from barledger.services.cache.vault import Vault
from barledger.stores.contract import Foreign, ForeignBars, Mark

Progress = Callable[[Series, int], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class TakenOver:
    """What was taken over of the points with one set of tags; ``left`` says what stays as it was, and why.

    ``series`` is None if nobody can tell what the tags mean. ``tags`` are those that the points had, if they are not
    barledger's own; ``removed`` counts the points deleted under them. ``rows`` and ``quarantined`` count only what is
    new to barledger.
    """

    series: Series | None
    layer: str
    tags: Mapping[str, str] = field(default_factory=dict)
    rows: int = 0
    quarantined: int = 0
    removed: int = 0
    left: str = ""

    @property
    def what(self) -> str:
        """Return the series, and the tags that it had, for people."""
        tags = ", ".join(f"{name}={value}" for name, value in sorted(self.tags.items()))
        return f"{self.series}, was {tags}" if self.series and tags else str(self.series or tags or "no tags")


def take_over(vault: Vault, *, progress: Progress | None = None) -> list[TakenOver]:
    """Take over all bars without barledger's stamps; doing it again takes what was added since.

    Nothing is passed over in silence: what stays as it was is in the answer each time. What else writes into the
    bucket should be stopped first. Raises `LedgerMismatch` if the bucket belongs to another ledger.
    """
    _claim(vault)
    done = []
    for found in vault.store.foreign():
        taken = _take(vault, found)
        if taken is not None:
            done.append(taken)
            if progress is not None and taken.series is not None:
                progress(taken.series, taken.rows)
    return done


def _claim(vault: Vault) -> None:
    mark = vault.store.mark()
    if mark is not None:
        vault.check_writable()
        return
    if vault.ledger.revisions.last():
        raise LedgerMismatch(reason="the ledger has a history, and the bucket was never its own; use a new ledger")
    vault.store.claim(Mark(ledger_id=vault.ledger.id, revision=0))


def _take(vault: Vault, found: Foreign) -> TakenOver | None:
    told = TakenOver(series=found.series, layer=found.layer, tags={} if found.own else dict(found.tags))
    if found.series is None:
        return replace(told, left=found.unclear)
    bars = vault.store.foreign_bars(found)
    if not len(bars.rows) and not bars.others:
        return None
    refusal = _refusal(found, bars)
    if refusal:
        return replace(told, left=refusal)
    who = vault.who("import-bucket", reason=f"bars that something else wrote as {found.layer}")
    validated = validate(bars.rows, found.series.timeframe, on_invalid="quarantine")
    quarantined = _quarantine(vault, found.series, validated, who)
    rows, removed, left = 0, 0, ""
    if len(validated.rows):
        try:
            rows, removed, left = _bring(vault, found, found.series, validated.rows, who)
        except (NameTaken, RevisionConflict, VersionImmutable) as error:
            left = str(error)
    reasons = [
        left,
        _counted(len(validated.rejected), "breaks a rule (see the quarantine)", "break a rule (see the quarantine)"),
        _counted(bars.others, "has no value of a bar", "have no value of a bar"),
    ]
    left = "; ".join(filter(None, reasons))
    return replace(told, rows=rows, quarantined=quarantined, removed=removed, left=left)


def _refusal(found: Foreign, bars: ForeignBars) -> str:
    """Say why nothing of this can be taken over."""
    if bars.obstacle:
        return bars.obstacle
    try:
        if found.layer != LATEST:
            check_version_id(found.layer)
    except InvalidInput as error:
        return str(error)
    if bars.fields and not found.own:
        return f"moving its bars to other tags would lose further fields: {', '.join(bars.fields)}"
    return ""


def _quarantine(vault: Vault, series: Series, validated: Validated, who: Who) -> int:
    """Put the bars that break a rule aside; returns how many were not there already."""
    bars = [
        QuarantinedBar(series=series, time=bar.time, code=bar.code, values=bar.values, actor=who.actor)
        for bar in validated.rejected
    ]
    return vault.ledger.quarantine.add(bars, who) if bars else 0


def _bring(vault: Vault, found: Foreign, series: Series, rows: Rows, who: Who) -> tuple[int, int, str]:
    """Commit the bars and delete the points that they leave; returns the numbers of both, and what stays and why."""
    revision = vault.ledger.revisions.state(series).revision
    before = compare(_standing(vault, series, found.layer, rows), rows)
    if len(before.written) and found.layer != LATEST and _recorded(vault, series, found.layer):
        raise VersionImmutable(name=found.layer, series=str(series))
    new = rows.take(before.new)
    leaving = vault.store.set_aside(series, found.layer, new) if found.own else found
    faults.reach("takeover.safe")
    if len(new) and found.layer == LATEST:
        commit(vault, [Draft(series=series, rows=new, expected_revision=revision)], who)
    elif len(new):
        # What lies there without stamps is not what a writer that died left behind.
        strange = len(vault.store.read_foreign(series, found.layer, [everything()])) > 0
        write_named(vault, series, new, found.layer, who, over_foreign=strange)
    faults.reach("takeover.committed")
    removed, left = _leave(vault, leaving, series)
    return len(new), 0 if found.own else removed, left


def _leave(vault: Vault, found: Foreign, series: Series) -> tuple[int, str]:
    """Delete the points whose bars are held now, and read back equal; returns their number, and what stays and why."""
    bars = vault.store.foreign_bars(found)
    rows = validate(bars.rows, series.timeframe, on_invalid="quarantine").rows
    if not len(rows):
        return 0, ""
    after = compare(_standing(vault, series, found.layer, rows), rows)
    reasons = [
        _counted(len(after.changed), "differs from the bar that is held", "differ from the bars that are held"),
        _counted(len(after.new), "was written meanwhile", "were written meanwhile"),
    ]
    if len(after.same):
        vault.store.delete_foreign(found, rows.time[after.same])
    return len(after.same), "; ".join(filter(None, reasons))


def _standing(vault: Vault, series: Series, layer: str, rows: Rows) -> Rows:
    """Return what barledger holds in the stretch of these bars, withdrawn ones included."""
    stretch = [Interval(int(rows.time[0]), int(rows.time[-1]) + 1)]
    if layer == LATEST:
        return read(vault, series, stretch, pinned=True).rows
    return vault.store.read(series, layer, stretch) if _recorded(vault, series, layer) else empty_rows()


def _recorded(vault: Vault, series: Series, name: str) -> bool:
    """Tell whether the series has a version of this name; raises `NameTaken` if it is a snapshot."""
    snapshot = vault.ledger.snapshots.get(name)
    if snapshot is None:
        return False
    if snapshot.kind != "named":
        raise NameTaken(name=name)
    return any(pin.series == series for pin in snapshot.pins)


def _counted(count: int, one: str, many: str) -> str:
    return f"{count:,} {'point' if count == 1 else 'points'} {one if count == 1 else many}" if count else ""
