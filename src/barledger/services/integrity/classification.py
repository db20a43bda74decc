"""Classification: of which kind each difference between two sides is.

The order matters. Bars under other labels differ in every value, and bars of another scale in every price, so these are
told before single bars are: shift and relabelling, then a factor, then what the source gives less of, or more, and what
is left of each bar, prices or volume alone.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np

from barledger.domain.action import CorporateAction
from barledger.domain.discrepancy import ADDED, CORRECTION, RESTATEMENT, TRUNCATED, VOLUME_ONLY, WITHDRAWN
from barledger.domain.interval import format_time
from barledger.domain.rows import Flags, Ints, Rows, found_in, tombstones
from barledger.services.ingestion.judgement import move
from barledger.services.ingestion.restatement import PRICES
from barledger.services.integrity.difference import Difference, Sides, differing, moved_fields
from barledger.services.integrity.factors import Multiplied, find_factor
from barledger.services.integrity.shifts import find_shift

_ONE_WORD: Final = 0.5
_DOUBTFUL: Final = 0.5
_FEWEST_ALIKE: Final = 3
_SAME_RATIO: Final = 1e-3


@dataclass(frozen=True, slots=True, kw_only=True)
class Classified:
    """What two sides differ in, and how many bars are the same or the same but for jitter."""

    differences: tuple[Difference, ...]
    identical: int
    jitter: Rows


def classify(
    sides: Sides, *, actions: Sequence[CorporateAction] = (), twice: Ints | None = None, late: int | None = None
) -> Classified:
    """Tell what kind each difference is of.

    ``actions`` are the known ones of the instrument; ``twice`` the times of bars that the complete answer before this
    one lacked too; from ``late`` (ns) on, absence says nothing yet.
    """
    compared = sides.compared
    shifted = find_shift(sides)
    jitter = sides.new.pick(compared.jitter)
    if shifted is not None:
        rest = _without(sides, shifted.times)
        beside = classify(rest, actions=actions, twice=twice, late=late) if len(rest.old) or len(rest.new) else None
        found = (shifted, *(beside.differences if beside else ()))
        return Classified(differences=found, identical=len(compared.same), jitter=jitter)
    differences = tuple(_bar_by_bar(sides, actions, twice, late))
    return Classified(differences=differences, identical=len(compared.same), jitter=jitter)


def _without(sides: Sides, times: Ints) -> Sides:
    """Return both sides without these bars, and without those around which nothing can be told any more."""
    return replace(
        sides,
        old=sides.old.pick(~found_in(sides.old.time, times)),
        new=sides.new.pick(~found_in(sides.new.time, times)),
    )


def _bar_by_bar(
    sides: Sides, actions: Sequence[CorporateAction], twice: Ints | None, late: int | None
) -> Iterator[Difference]:
    compared = sides.compared
    added = sides.new.take(compared.new)
    old, new = sides.old.take(compared.replaced), sides.new.take(compared.changed)
    found = _multiplied(sides, actions)
    if found is not None:
        whole, first, last = _restatement(sides, found, added, new)
        yield whole
        added = added.pick(~_between(added.time, first, last))
        left = ~_between(new.time, first, last)
        old, new = old.pick(left), new.pick(left)
    yield from _absent(sides, twice, late)
    if len(added):
        yield _added(sides, added)
    yield from _changed(sides, old, new)


def _between(times: Ints, first: int, last: int) -> Flags:
    return np.asarray((times >= first) & (times <= last))


# --- one factor over a stretch -----------------------------------------------------------------------


def _multiplied(sides: Sides, actions: Sequence[CorporateAction]) -> Multiplied | None:
    old, new = sides.pairs
    if not len(old):
        return None
    flags = differing(old, new, sides.tolerance)
    changed = np.logical_or.reduce([flags[name] for name in PRICES])
    return find_factor(old, new, changed, sides.tolerance, actions)


def _restatement(sides: Sides, found: Multiplied, added: Rows, changed: Rows) -> tuple[Difference, int, int]:
    """Return the whole event: bars that the stretch gains with it are of its scale, and wait with it."""
    old, _ = sides.pairs
    first, last = int(old.time[found.first]), int(old.time[found.last - 1])
    start = int(min(first, sides.new.time[0])) if not found.first else first
    rows = sides.new.pick(
        _between(sides.new.time, start, last)
        & (found_in(sides.new.time, added.time) | found_in(sides.new.time, changed.time))
    )
    lost = int(_between(sides.lacking, start, last).sum())
    more: dict[str, Any] = {"new_bars": str(int(_between(added.time, start, last).sum()))}
    if lost:
        more["not_given"] = str(lost)
    confidence = min(found.confidence, _DOUBTFUL) if lost else found.confidence
    whole = Difference(
        kind=RESTATEMENT,
        rows=rows,
        times=rows.time,
        reason=found.reason + (f"; {lost} bars of the stretch are not given any more" if lost else ""),
        fields=found.fields,
        factor=found.factor,
        confidence=confidence,
        evidence={**found.evidence, **more},
    )
    return whole, start, last


# --- more and less -------------------------------------------------------------------------------------


def _absent(sides: Sides, twice: Ints | None, late: int | None) -> Iterator[Difference]:
    """Give what is not given any more: at the ends of what is given, in between once, and in between twice."""
    lacking = sides.lacking
    if not len(lacking):
        return
    times = np.union1d(sides.new.time, sides.broken)
    head = lacking < (times[0] if len(times) else np.iinfo(np.int64).max)
    tail = ~head & (lacking > (times[-1] if len(times) else 0))
    if late is not None:
        tail &= sides.timeframe.close_of(lacking) <= late
    before = "before its first bar" if len(times) else "there"
    for flags, where in ((head, before), (tail, "after its last bar")):
        if flags.any():
            yield _truncated(sides, lacking[flags], where)
    inner = lacking[~head & (lacking < (times[-1] if len(times) else 0))]
    seen = np.empty(0, np.int64) if twice is None else twice
    for often, part in ((2, inner[found_in(inner, seen)]), (1, inner[~found_in(inner, seen)])):
        if len(part):
            yield _withdrawn(part, often)


def _truncated(sides: Sides, times: Ints, where: str) -> Difference:
    said = f"the source gives nothing {where} any more, and {len(times)} bars are held there"
    edge = format_time(int(times[0] if "after" in where else times[-1]))
    return Difference(
        kind=TRUNCATED,
        rows=sides.new.pick(slice(0, 0)),
        times=times,
        reason=said,
        about=f"{where} {edge}",
        evidence={"where": where, "first": format_time(int(times[0])), "last": format_time(int(times[-1]))},
    )


def _withdrawn(times: Ints, often: int) -> Difference:
    word = "two complete answers in a row" if often > 1 else "a complete answer"
    rows = tombstones(times)
    return Difference(
        kind=WITHDRAWN,
        rows=rows if often > 1 else rows.pick(slice(0, 0)),
        times=times,
        reason=f"{word} had both of its neighbours and not the bar",
        confidence=0.9 if often > 1 else _ONE_WORD,
        about=",".join(map(str, times.tolist())),
        evidence={"answers": str(often)},
    )


def _added(sides: Sides, rows: Rows) -> Difference:
    back = int(found_in(rows.time, sides.withdrawn).sum())
    again = f", {back} of which were withdrawn" if back else ""
    return Difference(
        kind=ADDED,
        rows=rows,
        times=rows.time,
        reason=f"the source gives {len(rows)} bars that are not held{again}",
        fields=("open", "high", "low", "close", "volume"),
        evidence={"first": format_time(int(rows.time[0])), **({"withdrawn_before": str(back)} if back else {})},
    )


# --- bar by bar ----------------------------------------------------------------------------------------


def _changed(sides: Sides, old: Rows, new: Rows) -> Iterator[Difference]:
    """Give what is left: bars with other prices, and bars of which the volume alone is another."""
    if not len(old):
        return
    flags = differing(old, new, sides.tolerance)
    priced = np.logical_or.reduce([flags[name] for name in PRICES])
    volume = ~priced & flags["volume"]
    priced = ~volume
    for kind, part in ((CORRECTION, priced), (VOLUME_ONLY, volume)):
        if not part.any():
            continue
        before, after = old.pick(part), new.pick(part)
        largest = move(before, after)
        factor = _volume_factor(before, after) if kind == VOLUME_ONLY else None
        evidence = {"first": format_time(int(after.time[0]))}
        if kind == CORRECTION:
            evidence["largest_move"] = f"{largest:.6g}"
        if factor is not None:
            evidence["factor"] = f"{factor:.10g}"
        yield Difference(
            kind=kind,
            rows=after,
            times=after.time,
            reason=_why(kind, len(after), largest, factor),
            fields=moved_fields(before, after, sides.tolerance),
            factor=factor,
            evidence=evidence,
        )


def _why(kind: str, bars: int, largest: float, factor: float | None) -> str:
    if kind == CORRECTION:
        return f"{bars} bars have other values, prices by up to {largest:.4g} of their own"
    return f"{bars} bars have another volume" + (f", all times {factor:.6g}" if factor is not None else "")


def _volume_factor(old: Rows, new: Rows) -> float | None:
    """Return the one factor between the volumes, if there is one."""
    with np.errstate(divide="ignore", invalid="ignore"):
        ratios = new.volume / old.volume
    if len(ratios) < _FEWEST_ALIKE or not bool(np.isfinite(ratios).all()):
        return None
    middle = float(np.median(ratios))
    # Volumes are whole numbers mostly, so that small ones say little of a factor.
    near = np.abs(new.volume - middle * old.volume) <= 1.0 + _SAME_RATIO * np.abs(new.volume)
    return middle if bool(near.all()) and middle > 0 and abs(middle - 1) > _SAME_RATIO else None
