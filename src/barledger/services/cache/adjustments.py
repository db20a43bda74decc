"""Adjustments: what the editions say about how a source changed its story.

A source that applies a split or dividend multiplies a whole stretch of prices by one factor; one that corrects an
error changes single bars. Prices alone cannot prove which it was, so this describes and decides nothing.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np

from barledger.domain.interval import Interval, everything
from barledger.domain.readable import Readable
from barledger.domain.rows import VALUES, Flags, Floats, Rows, concat, empty_rows, found_in, merge
from barledger.domain.series import Series
from barledger.domain.visibility import forget_supersession
from barledger.services.cache.priority import unknown
from barledger.services.cache.reader import Reading, read
from barledger.services.cache.vault import Vault
from barledger.services.cache.versions import left

Looks = Literal["unchanged", "factor", "jitter", "corrections", "volume only"]

_PRICES: Final = ("open", "high", "low", "close")
# A factor is one factor if no bar's own ratio is further from it, nor by more than a quarter of what the factor moves.
_SPREAD: Final = 1e-3
_FEWEST: Final = 5
# What vendors that compute their bars anew for every request are known to differ by.
_JITTER: Final = 2e-6
_VOLUME_JITTER: Final = 5e-3
_MOST_DECIMALS: Final = 8


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class ChangedBar(Readable):
    """A bar that is not what it was: the commit that made it so, and new over old value of each field that moved.

    A ratio is NaN where one of both values is missing.
    """

    time: int
    revision: int
    committed_at: int
    ratios: dict[str, float]


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class AdjustmentReport(Readable):
    """What changed since a reference: ``looks`` says what the changes look like, ``factor`` is the common one.

    Bars that move by no more than a vendor's jitter are no evidence against a factor. ``added`` counts the bars that
    were not there at the reference; those that changed later are among ``changed`` too.
    """

    series: Series
    since: int
    looks: Looks
    changed: tuple[ChangedBar, ...]
    added: int
    withdrawn: int
    factor: float | None
    interval: Interval | None

    @property
    def adjusted(self) -> bool:
        """Whether the changes look like a split or dividend adjustment."""
        return self.looks == "factor"


def check(vault: Vault, series: Series, reference: int) -> AdjustmentReport:
    """Compare each bar's value at ``reference`` (ns), or its first one after it, with the newest one."""
    then_revision = vault.ledger.revisions.at_time(series, reference)
    state = vault.ledger.revisions.state(series)
    if not state.revision:
        raise unknown(vault, str(series))
    kept = left(state, everything())
    now = read(vault, series, kept)
    then = read(vault, series, kept, revision=then_revision).rows.standing()
    current = now.rows.standing()
    known = merge([then, _first_after(vault, now, kept, then, then_revision)])
    old = known.pick(found_in(known.time, current.time))
    new = current.pick(found_in(current.time, known.time))
    moved = np.logical_or.reduce([~_equal(getattr(old, name), getattr(new, name)) for name in VALUES])
    before, after = old.pick(moved), new.pick(moved)
    looks, factor = _judge(before, after)
    return AdjustmentReport(
        series=series,
        since=reference,
        looks=looks,
        changed=tuple(_bars(vault, before, after)),
        added=int((~found_in(current.time, then.time)).sum()),
        withdrawn=int((~found_in(then.time, current.time)).sum()),
        factor=factor,
        interval=Interval(int(after.time[0]), int(after.time[-1]) + 1) if len(after) else None,
    )


def _first_after(vault: Vault, now: Reading, intervals: list[Interval], then: Rows, revision: int) -> Rows:
    """Return the first value after ``revision`` of each bar that did not stand then."""
    series = now.state.series
    if bool(found_in(now.rows.time, then.time).all()):
        return empty_rows()
    copies = vault.store.read_copies(series, intervals, after=revision)
    unborn = np.array(sorted(vault.ledger.revisions.uncommitted(series)), np.int64)
    every = concat([now.rows, forget_supersession(copies.pick(~found_in(copies.revision, unborn)))]).standing()
    later = every.pick((every.revision > revision) & ~found_in(every.time, then.time))
    ordered = later.pick(np.lexsort((later.edition, later.time)))
    return ordered.pick(np.append(True, ordered.time[1:] != ordered.time[:-1])) if len(ordered) else ordered


def _judge(old: Rows, new: Rows) -> tuple[Looks, float | None]:
    if not len(old):
        return "unchanged", None
    shift = np.max([_shift(getattr(old, name), getattr(new, name)) for name in _PRICES], axis=0)
    restated = shift > _JITTER
    if not bool(restated.any()):
        trembling = bool(shift.any()) and bool((_shift(old.volume, new.volume) <= _VOLUME_JITTER).all())
        return ("jitter" if trembling else "volume only"), None
    if int(restated.sum()) < _FEWEST:
        return "corrections", None
    factor = _factor(old.pick(restated), new.pick(restated))
    return ("corrections" if factor is None else "factor"), factor


def _factor(old: Rows, new: Rows) -> float | None:
    """Return the one factor between the prices of these bars, or None if there is none."""
    before, after = (np.concatenate([getattr(rows, name) for name in _PRICES]) for rows in (old, new))
    nothing = _equal(before, after) & ((before == 0) | np.isnan(before))
    before, after = before[~nothing], after[~nothing]
    if not bool(((before > 0) & (after > 0)).all()):
        return None
    factor = float(after.mean() / before.mean())
    move = abs(factor - 1) * before
    allowed = np.minimum(_SPREAD * after, move / 4)
    # Vendors round adjusted prices, which says nothing as long as the factor moves them by much more.
    rounding = _half_a_unit(after) + factor * _half_a_unit(before)
    if rounding <= float(np.median(move)) / 4:
        allowed = allowed + rounding
    return factor if bool((np.abs(after - factor * before) <= allowed).all()) else None


def _half_a_unit(prices: Floats) -> float:
    """Return half of the last decimal that prices were rounded to, or 0 if they were not."""
    for decimals in range(_MOST_DECIMALS):
        if bool((np.round(prices, decimals) == prices).all()):
            return 0.5 / 10.0**decimals
    return 0.0


def _bars(vault: Vault, old: Rows, new: Rows) -> Iterator[ChangedBar]:
    moved = {name: ~_equal(getattr(old, name), getattr(new, name)) for name in VALUES}
    ratios = {name: _ratio(getattr(old, name), getattr(new, name)) for name in VALUES}
    records = {revision: vault.ledger.revisions.record(revision) for revision in np.unique(new.revision).tolist()}
    for at, (time, revision) in enumerate(zip(new.time.tolist(), new.revision.tolist(), strict=True)):
        record = records[revision]
        yield ChangedBar(
            time=time,
            revision=revision,
            committed_at=record.committed_at if record else revision,
            ratios={name: float(ratios[name][at]) for name in VALUES if moved[name][at]},
        )


def _ratio(old: Floats, new: Floats) -> Floats:
    with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
        return np.asarray(new / old)


def _shift(old: Floats, new: Floats) -> Floats:
    """Return by which part of it each value moved; infinite where one of both is missing."""
    shift = np.abs(_ratio(old, new) - 1)
    return np.where(_equal(old, new), 0.0, np.where(np.isnan(shift), np.inf, shift))


def _equal(old: Floats, new: Floats) -> Flags:
    return np.asarray((old == new) | (np.isnan(old) & np.isnan(new)))
