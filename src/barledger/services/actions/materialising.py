"""Materialising: an adjusted series beside its original, for tools that read the store and adjust nothing.

The bars are those that reading with ``adjust`` gives of the whole series. They are compared with what is there as in
any write, so that doing it twice makes one revision, and none if neither a bar nor an event has changed. The original
is only read.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from barledger.domain.adjustment import Mode
from barledger.domain.bars import Bars
from barledger.domain.interval import everything
from barledger.domain.rows import Rows, constant, empty_rows, found_in
from barledger.domain.series import Series, normalise_instrument
from barledger.domain.timeframe import Timeframe
from barledger.errors import Busy, InvalidSetting
from barledger.ledger.contract import Materialised
from barledger.services.cache import DataCacheService
from barledger.services.cache.commit import Written
from barledger.services.cache.priority import choose
from barledger.services.cache.reader import read
from barledger.services.cache.vault import Vault
from barledger.services.cache.versions import left
from barledger.services.retrieval import DataRetrievalService

_ATTEMPTS: Final = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Materialisation:
    """What was written of an adjusted series; ``revision`` is its last one if nothing was."""

    series: Series
    adjust: Mode
    revision: int
    new: int
    changed: int
    withdrawn: int
    same: int

    def __str__(self) -> str:
        """Say it in a line."""
        counts = f"{self.new:,} new, {self.changed:,} changed, {self.withdrawn:,} withdrawn, {self.same:,} the same"
        return f"{self.series} ({self.adjust}): {counts}; revision {self.revision}"


def original_of(vault: Vault, instrument: str, timeframe: str, source: str | None) -> Series:
    """Return the one series that is meant; raises what `choose` raises, and `InvalidSetting` for several."""
    chosen = choose(vault, normalise_instrument(instrument), Timeframe.of(timeframe), source)
    if len(chosen.series) > 1:
        sources = ", ".join(one.source for one in chosen.series)
        raise InvalidSetting(setting="source", reason=f"bars are joined from {sources}; name the one to materialise")
    return chosen.series[0]


def check_free(vault: Vault, original: Series) -> None:
    """Refuse to write over bars that somebody else adjusted and wrote; raises `InvalidSetting`.

    A series that was ended, so that no bar of it stands, is free.
    """
    target = replace(original, is_adjusted=True)
    kept = {one.series for one in vault.ledger.actions.kept(instrument=original.instrument)}
    if original not in kept and len(_held(vault, target)):
        reason = f"{target} has bars that its source adjusted, which would be overwritten"
        raise InvalidSetting(setting="materialise", reason=reason)


def materialise(
    vault: Vault, cache: DataCacheService, retrieval: DataRetrievalService, kept: Materialised, *, reason: str
) -> Materialisation:
    """Bring an adjusted series up to its original; raises what reading and writing raise."""
    counts = dict.fromkeys(("new", "changed", "withdrawn", "same"), 0)
    for _ in range(_ATTEMPTS):
        before = _mark(vault, kept.series)
        done, withdrawn = _write(vault, cache, retrieval, kept, reason)
        for name in ("new", "changed"):
            counts[name] += getattr(done, name)
        counts["withdrawn"] += withdrawn
        counts["same"] = done.same
        # What was written meanwhile, or by another process from newer bars, is looked at again.
        if _mark(vault, kept.series) == before:
            target = replace(kept.series, is_adjusted=True)
            return Materialisation(series=target, adjust=kept.adjust, revision=done.revision, **counts)
    raise Busy(what=str(kept.series), waited=0.0)


def end(vault: Vault, cache: DataCacheService, kept: Materialised, *, reason: str) -> Materialisation:
    """Keep an adjusted series no longer: its bars are withdrawn, and stay in every state before this revision."""
    target = replace(kept.series, is_adjusted=True)
    # First, since whatever is written brings the series up that are kept.
    vault.ledger.actions.end(kept.series, vault.who("end-adjusted", reason=reason))
    held = _held(vault, target)
    done = cache.withdraw(target, held.time.tolist(), reason=reason)
    counts = {"new": 0, "changed": 0, "withdrawn": len(held), "same": 0}
    return Materialisation(series=target, adjust=kept.adjust, revision=done.revision, **counts)


def _held(vault: Vault, target: Series) -> Rows:
    """Return the bars of an adjusted series that stand."""
    state = vault.ledger.revisions.state(target)
    return read(vault, target, left(state, everything())).rows.standing() if state.revision else empty_rows()


def _mark(vault: Vault, original: Series) -> tuple[object, ...]:
    """Return what tells one state of bars and events from another."""
    known = vault.ledger.actions.list(instrument=original.instrument, denials=True)
    return vault.ledger.revisions.state(original).revision, tuple(known)


def _write(
    vault: Vault, cache: DataCacheService, retrieval: DataRetrievalService, kept: Materialised, reason: str
) -> tuple[Written, int]:
    original, target = kept.series, replace(kept.series, is_adjusted=True)
    bars = retrieval.bars(original.instrument, original.timeframe.name, source=original.source, adjust=kept.adjust)
    withdrawn = _withdraw(vault, cache, target, bars, reason)
    if not len(bars):
        state = vault.ledger.revisions.state(target)
        return Written(series=(target,), revision=state.revision, fields={}), withdrawn
    nothing = constant(0, len(bars))
    draft = cache.draft(target, replace(bars.rows, revision=nothing, edition=nothing))
    told = {target: {"adjust": kept.adjust, "of": str(original), "original_revision": str(bars.revision)}}
    done = cache.write([draft], operation="materialise", reason=reason, trigger="adjustment", details=told)
    return done, withdrawn


def _withdraw(vault: Vault, cache: DataCacheService, target: Series, bars: Bars, reason: str) -> int:
    held = _held(vault, target)
    gone = held.time[~found_in(held.time, bars.time)]
    if not len(gone):
        return 0
    times: Sequence[int] = np.asarray(gone).tolist()
    return cache.withdraw(target, times, reason=reason or "its original has no such bar").withdrawn
