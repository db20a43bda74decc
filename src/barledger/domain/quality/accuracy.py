"""Accuracy: how far the bars agree with those of other sources."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np

from barledger.domain.comparison import Tolerance
from barledger.domain.interval import Interval
from barledger.domain.quality.metric import Case, Metric, unmeasured, worst_of
from barledger.domain.rows import VALUES, Flags, Floats, Ints, Rows, found_in
from barledger.domain.timeframe import Timeframe

BETWEEN_SOURCES: Final = Tolerance(price=1e-3, volume=5e-2)
"""What two sources may differ by, relatively, and still agree, unless somebody says otherwise."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreement:
    """How the bars that two sources have in common agree.

    ``differences`` are relative, of each field that could be compared (NaN where a bar lacks it), ``agrees`` tells of
    each bar whether all of them are within the tolerance, ``skipped`` why fields were not compared. ``alone`` counts
    the bars that this source has and the other has not, ``lacking`` those that only the other has.
    """

    source: str
    times: Ints
    differences: Mapping[str, Floats]
    agrees: Flags
    alone: int
    lacking: int
    skipped: Mapping[str, str] = field(default_factory=dict)


def compare_sources(
    source: str,
    mine: Rows,
    theirs: Rows,
    *,
    tolerance: Tolerance = BETWEEN_SOURCES,
    skipped: Mapping[str, str] | None = None,
) -> Agreement:
    """Compare bars with those of another source, bar by bar and field by field.

    The difference of a and b is ``|a - b| / max(|a|, |b|)``, 0 where both are 0, so it does not matter which of both is
    right. A bar of which no field can be compared is left out.
    """
    fields = [name for name in VALUES if name not in (skipped or {})]
    here, there = found_in(mine.time, theirs.time), found_in(theirs.time, mine.time)
    a, b = mine.pick(here), theirs.pick(there)
    told = {name: _difference(getattr(a, name), getattr(b, name)) for name in fields}
    comparable = np.logical_or.reduce([~np.isnan(one) for one in told.values()]) if told else np.zeros(len(a), np.bool_)
    kept = {name: one[comparable] for name, one in told.items()}
    with np.errstate(invalid="ignore"):
        beyond = [one > tolerance.of(name) for name, one in kept.items()]
    agrees = ~np.logical_or.reduce(beyond) if beyond else np.zeros(0, np.bool_)
    return Agreement(
        source=source,
        times=a.time[comparable],
        differences=kept,
        agrees=np.asarray(agrees),
        alone=len(mine) - len(a),
        lacking=len(theirs) - len(b),
        skipped=dict(skipped or {}),
    )


def accuracy(
    agreements: Sequence[Agreement], timeframe: Timeframe, *, tolerance: Tolerance = BETWEEN_SOURCES, reason: str = ""
) -> Metric:
    """Return ``agreeing / compared``: of all pairs of a bar and another source that has it, the share that agrees.

    A pair agrees if no field differs by more than the tolerance, relatively (`compare_sources`). Beside it, of each
    other source and field, the share within the tolerance, and median and 99th percentile (by linear interpolation) of
    the difference. Who is right, agreement cannot tell. None, and never 1, where there is nothing to compare with;
    ``reason`` says why, if it is known.
    """
    used = [one for one in agreements if len(one.times)]
    counts = {
        "compared": sum(len(one.times) for one in used),
        "agreeing": sum(int(one.agrees.sum()) for one in used),
        "sources": len(used),
    }
    figures = {
        "tolerance": {"price": tolerance.price, "volume": tolerance.volume},
        "sources": {one.source: _told(one, tolerance) for one in agreements},
    }
    notes = tuple(
        f"{', '.join(names)} not compared with {one.source}: {why}"
        for one in agreements
        for why, names in _by_reason(one.skipped).items()
    )
    if not used:
        told = reason or _nothing_common(agreements)
        return unmeasured("accuracy", told, counts=counts, figures=figures if agreements else {}, notes=notes)
    return Metric(
        name="accuracy",
        score=counts["agreeing"] / counts["compared"],
        counts={**counts, "differing": counts["compared"] - counts["agreeing"]},
        figures=figures,
        worst=worst_of([case for one in used for case in _cases(one, timeframe, tolerance)]),
        notes=notes,
    )


def _difference(a: Floats, b: Floats) -> Floats:
    """Return relative differences, NaN where either value is missing."""
    larger = np.maximum(np.abs(a), np.abs(b))
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(larger == 0, 0.0, np.abs(a - b) / larger)


def _told(one: Agreement, tolerance: Tolerance) -> dict[str, Any]:
    fields = {name: _field(values, tolerance.of(name)) for name, values in one.differences.items()}
    return {"compared": len(one.times), "only_here": one.alone, "only_there": one.lacking, "fields": fields}


def _field(values: Floats, tolerance: float) -> dict[str, Any] | None:
    known = values[~np.isnan(values)]
    if not len(known):
        return None
    median, high = np.percentile(known, [50.0, 99.0])
    return {
        "compared": len(known),
        "agreeing": int((known <= tolerance).sum()),
        "share": float((known <= tolerance).mean()),
        "median": float(median),
        "p99": float(high),
    }


def _cases(one: Agreement, timeframe: Timeframe, tolerance: Tolerance) -> list[Case]:
    """Return the bars that differ most, measured in tolerances."""
    cases = []
    for name, values in one.differences.items():
        allowed = tolerance.of(name)
        beyond = np.flatnonzero(np.nan_to_num(values) > allowed)
        for at in beyond[np.argsort(-values[beyond], kind="stable")[:_FEW]].tolist():
            start, end = int(one.times[at]), int(timeframe.close_of(one.times[at : at + 1])[0])
            what = f"{name} differs from {one.source} by {values[at]:.2%}"
            value = float(values[at]) / max(allowed, _FINEST)
            cases.append(Case(interval=Interval(start, end), what=what, value=value))
    return cases


_FEW: Final = 5
# Where nothing is allowed, differences of prices and of volumes are measured alike.
_FINEST: Final = 1e-6


def _by_reason(skipped: Mapping[str, str]) -> dict[str, list[str]]:
    told: dict[str, list[str]] = {}
    for name, why in skipped.items():
        told.setdefault(why, []).append(name)
    return told


def _nothing_common(agreements: Sequence[Agreement]) -> str:
    if not agreements:
        return "there is no other source to compare with"
    names = ", ".join(one.source for one in agreements)
    return f"no bar can be compared with one of {names}"
