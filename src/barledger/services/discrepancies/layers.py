"""Layers: what decisions made of bars, one over the other, so that any of them can be taken out again.

Each revision that a decision or its undoing made is a layer. A bar is followed back through them to the edition before
all of them, and what still stands is done again: a finding multiplies, and what a source gave is written as it gave it.
So what was undone counts as if it had never been, and without any decision a bar is what it was, to the bit.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from barledger.domain.discrepancy import RESTATEMENT, Discrepancy
from barledger.domain.interval import Interval
from barledger.domain.rows import VALUES, Flags, Ints, Rows, found_in, merge, overlay, tombstones
from barledger.domain.series import Series
from barledger.ledger.contract import Ledger
from barledger.services.cache.reader import read
from barledger.services.cache.vault import Vault
from barledger.services.discrepancies.decisions import DECIDED
from barledger.services.discrepancies.multiplying import is_own, multiplied, steps_of
from barledger.services.discrepancies.payload import decode


@dataclass(frozen=True, slots=True, kw_only=True)
class Layer:
    """A revision that a decision made, or its undoing."""

    revision: int
    decision: Discrepancy
    undoing: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Restored:
    """Bars without a decision (``rows``), of those flagged in ``ours``.

    ``since`` are the bars that somebody else wrote after it, or that another decision, which has to be undone first,
    gave other values.
    """

    rows: Rows
    ours: Flags
    since: Flags


def layers_of(ledger: Ledger, series: Series) -> tuple[Layer, ...]:
    """Return the layers of a series, the newest first."""
    listed = ledger.discrepancies.list(series=series, states={"applied", "undone"})
    found = [layer for one in listed if _wrote_bars(one) for layer in _layers(one)]
    return tuple(sorted(found, key=lambda layer: -layer.revision))


def restored(vault: Vault, found: Discrepancy, now: Rows) -> Restored:
    """Return bars without a decision and with all others that stand; raises `RevisionExpired`."""
    layers = layers_of(vault.ledger, found.series)
    base, written = now, np.zeros((len(now), len(layers)), np.bool_)
    for number, layer in enumerate(layers):
        here = base.revision == layer.revision
        if here.any():
            written[:, number] = here
            base = overlay(base, _before(vault, found.series, base.time[here], layer.revision - 1))
    made, mine = base, np.zeros(len(now), np.bool_)
    way = np.zeros(len(now), np.bool_)
    for number, layer in reversed(list(enumerate(layers))):
        one, here = layer.decision, written[:, number]
        if layer.undoing or not here.any():
            continue
        if one.id == found.id:
            mine |= here
        elif one.state == "applied":
            way |= here & mine & _hides(one, found)
            made = _done(vault, layers, one, made, here, without=found.id)
    ours = mine & ~way
    since = (~mine & (base.revision > found.result)) | way
    return Restored(rows=made.pick(ours), ours=ours, since=since)


def _hides(above: Discrepancy, found: Discrepancy) -> bool:
    """Whether a bar cannot be told without a decision, as long as the one above it stands."""
    if is_own(above):
        return not is_own(found) and found.kind != RESTATEMENT
    return not (is_own(found) and found.id in above.evidence.get(DECIDED, {}))


def _done(
    vault: Vault, layers: Sequence[Layer], one: Discrepancy, rows: Rows, here: Flags, *, without: str = ""
) -> Rows:
    """Do a decision again."""
    if is_own(one):
        made = multiplied(rows, steps_of(one.fields, one.factor or 1.0))
        return replace(rows, **{name: np.where(here, getattr(made, name), getattr(rows, name)) for name in VALUES})
    decisions = [layer.decision for layer in layers if not layer.undoing]
    gone = [each for each in decisions if each.id == without or each.state != "applied"]
    given = _without(decode(vault.ledger.discrepancies.payload(one.id) or b""), one, gone)
    return overlay(rows, given.pick(found_in(given.time, rows.time[here])))


def _without(given: Rows, one: Discrepancy, gone: Sequence[Discrepancy]) -> Rows:
    """Return what a source gave without corrections of ours that went on in it and do not stand any more."""
    for each in gone:
        if each.id not in one.evidence.get(DECIDED, {}) or not is_own(each):
            continue
        inside = (given.time >= each.interval.start) & (given.time < each.interval.end)
        steps = steps_of(each.fields, each.factor or 1.0)
        made = multiplied(given, {name: 1 / step for name, step in steps.items()})
        values = {name: np.where(inside, getattr(made, name), getattr(given, name)) for name in VALUES}
        given = replace(given, **values)
    return given


def _wrote_bars(one: Discrepancy) -> bool:
    """Whether it is no event alone, whose result is no revision of bars."""
    return bool(one.against or one.fields) and one.result > 0


def _layers(one: Discrepancy) -> Iterator[Layer]:
    yield Layer(revision=one.result, decision=one)
    if one.undone_by:
        yield Layer(revision=one.undone_by, decision=one, undoing=True)


def _before(vault: Vault, series: Series, times: Ints, revision: int) -> Rows:
    """Return the bars of some times as they were at a revision; what was not there, as tombstones.

    What was withdrawn by then keeps its revision, by which it is followed further back.
    """
    hull = Interval(int(times[0]), int(times[-1]) + 1)
    old = read(vault, series, [hull], revision=revision).rows
    old = old.pick(found_in(old.time, times))
    missing = times[~found_in(times, old.time)]
    return merge([old, tombstones(missing)]) if len(missing) else old
