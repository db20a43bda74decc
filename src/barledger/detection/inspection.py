"""Inspections: what looks wrong in a frame of bars, and the frame with the proposals applied."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
import pandas as pd

from barledger.detection.detector import detect
from barledger.detection.frame import Frame
from barledger.detection.suspicion import LIKELY, Suspicion
from barledger.domain.declared import Adjustment, check_adjusted
from barledger.domain.finding import CERTAIN, FindingKind
from barledger.domain.rows import Ints
from barledger.domain.timeframe import DAY, Timeframe
from barledger.errors import InvalidSetting

_COPY: Final = 0.99
_CONFLICT: Final = 0.96
_SAME_DAY: Final = 0.8


@dataclass(frozen=True, slots=True, kw_only=True)
class FrameFinding:
    """One thing that looks wrong in the rows of a frame from ``start`` up to, not including, ``end``.

    Times are in the frame's own zone, and ``fields`` its own names. ``factor`` turns the wrong values of the first
    field into the right ones (None where no factor does); ``confidence`` is a probability.
    """

    kind: FindingKind
    start: pd.Timestamp
    end: pd.Timestamp
    fields: tuple[str, ...]
    factor: float | None
    confidence: float
    rule: str
    evidence: Mapping[str, Any] = field(repr=False)

    @property
    def certain(self) -> bool:
        """Whether it needs no further proof."""
        return self.confidence >= CERTAIN

    def __str__(self) -> str:
        """Return one line for people."""
        factor = "" if self.factor is None else f", factor {self.factor:.6g}"
        fields = ", ".join(self.fields)
        return f"{self.kind} [{self.start}, {self.end}) {fields}{factor}, confidence {self.confidence:.2f}: {self.rule}"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class Inspection:
    """The findings of a frame, the most certain first, and the frame ``corrected`` by those that are likely."""

    findings: tuple[FrameFinding, ...]
    corrected: Any
    rows: int

    @property
    def ok(self) -> bool:
        """Whether nothing is likely to be wrong."""
        return not any(finding.confidence >= LIKELY for finding in self.findings)

    def __repr__(self) -> str:
        """Return how many there are."""
        certain = sum(finding.certain for finding in self.findings)
        return f"<Inspection of {self.rows} bars: {len(self.findings)} findings, {certain} certain>"

    def __str__(self) -> str:
        """Return a line for each finding."""
        return "\n".join([repr(self), *(f"  {finding}" for finding in self.findings)])


def inspect(frame: Any, *, timeframe: str | Timeframe | None = None, adjusted: Adjustment | None = None) -> Inspection:
    """Find what looks wrong in a frame of bars, without any other source.

    ``frame`` is a pandas or polars frame, an Arrow table or a list of mappings with a close, and whatever else it has
    of open, high, low, volume, Adj Close, Dividends, Stock Splits and Capital Gains, by yfinance's names or
    barledger's, its rows in any order. ``timeframe`` is inferred where it is not given. ``adjusted`` says what prices
    are adjusted for: ``raw`` (splits show in them), ``splits`` or ``total``; without it, prices are taken for adjusted
    for the splits that the frame tells of, unless its Adj Close says otherwise.

    Raises `MissingColumns`, `DuplicateColumns`, `WrongType`, `InfiniteValue`, `InvalidTimeframe` or `InvalidSetting`.
    """
    if adjusted is not None:
        check_adjusted(dict.fromkeys(("open", "high", "low", "close"), adjusted))
    if isinstance(frame, Inspection):
        raise InvalidSetting(setting="frame", reason="it is an inspection; its frame is .corrected")
    read = Frame.of(frame, None if timeframe is None else Timeframe.of(timeframe))
    suspicions = detect(read.table, adjustment=adjusted)
    doubles, dropped = _duplicates(read)
    found = [*doubles, *(_told(read, one) for one in suspicions)]
    edits = [edit for one in suspicions if one.confidence >= LIKELY for edit in one.edits]
    return Inspection(
        findings=tuple(sorted(found, key=lambda one: (-one.confidence, one.start.value, one.kind))),
        corrected=read.corrected(edits, dropped),
        rows=len(read.order),
    )


def _told(read: Frame, one: Suspicion) -> FrameFinding:
    """Return a suspicion in the frame's own words."""
    inner = one.finding(read.table)
    first, last = int(read.kept[one.rows[0]]), int(read.kept[one.rows[-1]])
    told = one.told(lambda row: read.stamps[int(read.kept[row])].isoformat())
    evidence = {**told, "bars": inner.evidence["bars"]}
    return FrameFinding(
        kind=one.kind,
        start=read.stamps[first],
        end=after(read.stamps[last], read.table.bar),
        # A frame may lack columns that the table that is judged has.
        fields=tuple(str(read.names[name]) for name in one.fields if name in read.names),
        factor=one.factor,
        confidence=inner.confidence,
        rule=one.rule,
        evidence=evidence,
    )


def after(stamp: pd.Timestamp, bar: int) -> pd.Timestamp:
    """Return the end of a bar; days are counted on the wall clock, so that a change of the clock shifts nothing."""
    if bar < DAY:
        return stamp + pd.Timedelta(bar, "ns")
    naive = stamp.tz_localize(None) + pd.Timedelta(bar, "ns")
    if stamp.tz is None:
        return naive
    return naive.tz_localize(stamp.tz, ambiguous=True, nonexistent="shift_forward")


def _duplicates(read: Frame) -> tuple[list[FrameFinding], Ints]:
    """Find rows that have another's time, or its day; of rows that agree in all values one is enough."""
    found: list[FrameFinding] = []
    dropped: list[int] = []
    kept = {int(row) for row in read.kept}
    columns = [read.pandas[name] for name in read.names.values()]
    first = -1
    for row in read.order.tolist():
        if row in kept:
            if first >= 0 and _one_bar(read, first, row):
                same = _agree(columns, first, row)
                found.append(_double(read, row, _SAME_DAY if not same else _COPY, same=same))
                dropped.extend([row] if same else [])
            first = row
            continue
        same = _agree(columns, first, row)
        found.append(_double(read, row, _COPY if same else _CONFLICT, same=same))
        dropped.extend([row] if same else [])
    return found, np.array(dropped, np.int64)


def _one_bar(read: Frame, row: int, other: int) -> bool:
    """Whether both rows lie in one day, of a frame of days or longer."""
    if read.table.bar < DAY:
        return False
    return bool(read.stamps[row].date() == read.stamps[other].date())


def _agree(columns: list[pd.Series], row: int, other: int) -> bool:
    pairs = ((column.iloc[row], column.iloc[other]) for column in columns)
    return all(one == two or (pd.isna(one) and pd.isna(two)) for one, two in pairs)


def _double(read: Frame, row: int, confidence: float, *, same: bool) -> FrameFinding:
    stamp = read.stamps[row]
    return FrameFinding(
        kind="duplicate",
        start=stamp,
        end=after(stamp, read.table.bar),
        fields=tuple(str(name) for name in read.names.values()),
        factor=None,
        confidence=confidence,
        rule="two rows have one time" + ("" if same else ", and differ"),
        evidence={"row": row, "agree": same},
    )
