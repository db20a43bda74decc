"""Takeover: bars that something else wrote into the bucket, in the same layout, get revision, edition and digests."""

from collections.abc import Callable
from dataclasses import dataclass

from barledger.domain.interval import everything
from barledger.domain.series import Series
from barledger.domain.validation import validate
from barledger.domain.version import LATEST, check_version_id
from barledger.errors import InvalidInput, LedgerMismatch
from barledger.ledger.contract import QuarantinedBar
from barledger.services.cache.changes import Draft
from barledger.services.cache.commit import commit
from barledger.services.cache.named import write_named
from barledger.services.cache.vault import Vault
from barledger.stores.contract import Mark

Progress = Callable[[Series, int], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class TakenOver:
    """What was taken over of one layer; ``left`` says why something stays as it was."""

    series: Series
    layer: str
    rows: int
    quarantined: int = 0
    left: str = ""


def take_over(vault: Vault, *, progress: Progress | None = None) -> list[TakenOver]:
    """Take over all bars without barledger's stamps; doing it again takes what was added since.

    Raises `LedgerMismatch` if the bucket belongs to another ledger.
    """
    _claim(vault)
    done = []
    for series in vault.store.series():
        for layer in vault.store.layers(series):
            taken = _take_layer(vault, series, layer)
            if taken is not None:
                done.append(taken)
                if progress is not None:
                    progress(series, taken.rows)
    return done


def _claim(vault: Vault) -> None:
    mark = vault.store.mark()
    if mark is not None:
        vault.check_writable()
        return
    if vault.ledger.revisions.last():
        raise LedgerMismatch(reason="the ledger has a history, and the bucket was never its own; use a new ledger")
    vault.store.claim(Mark(ledger_id=vault.ledger.id, revision=0))


def _take_layer(vault: Vault, series: Series, layer: str) -> TakenOver | None:
    rows = vault.store.read_foreign(series, layer, [everything()])
    if not len(rows):
        return None
    target = Series.of(series.instrument, series.timeframe, series.source, is_adjusted=series.is_adjusted)
    left = "" if target == series else f"its points under the name {series.instrument} stay beside the new ones"
    try:
        name = layer if layer == LATEST else check_version_id(layer)
    except InvalidInput as error:
        return TakenOver(series=series, layer=layer, rows=0, left=str(error))
    validated = validate(rows, series.timeframe, on_invalid="quarantine")
    who = vault.who("import-bucket", reason=f"bars that something else wrote as {layer}")
    if validated.rejected:
        bars = [
            QuarantinedBar(series=target, time=bar.time, code=bar.code, values=bar.values, actor=who.actor)
            for bar in validated.rejected
        ]
        vault.ledger.quarantine.add(bars, who)
    if len(validated.rows):
        if name == LATEST:
            commit(vault, [Draft(series=target, rows=validated.rows)], who)
        else:
            write_named(vault, target, validated.rows, name, who, over_foreign=target == series)
    quarantined = len(validated.rejected)
    return TakenOver(series=target, layer=layer, rows=len(validated.rows), quarantined=quarantined, left=left)
