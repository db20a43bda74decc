"""What is found out about a series' bars: which are there, which are not, and why."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal, get_args

import pandas as pd

from barledger.domain.instrument import DEFAULT
from barledger.domain.interval import Interval
from barledger.domain.readable import Readable
from barledger.domain.series import Series
from barledger.domain.timeframe import Timeframe

Reason = Literal[
    "never_requested",
    "fetch_failed",
    "unconfirmed",
    "source_empty",
    "lacking",
    "expired",
    "quarantined",
    "withdrawn",
    "halted",
    "not_listed",
]
"""Why bars are missing; of several reasons, the one furthest down counts.

- ``never_requested``: no source was asked for them, as far as the ledger knows.
- ``fetch_failed``: a source was asked, and the question failed; ``detail`` is the error.
- ``unconfirmed``: a source gave nothing, which proves nothing.
- ``source_empty``: an answer without any bars, with which a source proved that it has none.
- ``lacking``: a source answered about the stretch with bars, and not with these: nobody traded, or it has lost them.
- ``expired``: retention deleted them.
- ``quarantined``: they came, broke a rule (``detail``), and were put aside.
- ``withdrawn``: they were there, and somebody took them back.
- ``halted``: trading was halted, as somebody declared (``detail``).
- ``not_listed``: the instrument was not yet listed, or not any more, as somebody declared or the series' own source
  told; it is never the reason between bars that are there.
"""

FETCHABLE: Final[frozenset[Reason]] = frozenset({"never_requested", "fetch_failed", "unconfirmed"})
"""Reasons that asking a source may do away with."""

EXCUSED: Final[frozenset[Reason]] = frozenset({"halted", "not_listed"})
"""Reasons for which there never were any bars; like those of a closed market, nobody expects them."""


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Missing(Readable):
    """A stretch of ``bars`` missing bars that are neighbours in a full record, all for one reason.

    ``interval`` begins with the label of the first and ends with the last; it may span closed markets. ``source`` is
    whose bars they would be, empty if no source is known.
    """

    interval: Interval
    reason: Reason
    bars: int
    detail: str = ""
    source: str = ""

    def __str__(self) -> str:
        """Say it in a line."""
        detail = f": {self.detail}" if self.detail else ""
        return f"{self.bars:,} bars in {self.interval}, {self.reason}{detail}"

    @property
    def excused(self) -> bool:
        """Whether there never were any such bars, so that none were expected."""
        return self.reason in EXCUSED

    @property
    def fetchable(self) -> bool:
        """Whether asking a source may bring them."""
        return self.reason in FETCHABLE


@dataclass(frozen=True, slots=True, kw_only=True)
class Availability:
    """Which bars of an instrument are there in an interval.

    ``expected`` counts the closed bars that a full record has by the calendar, less those that are missing and excused
    (halted, not listed); ``found`` counts those that are there. ``series`` are those that were looked at, the most
    preferred first. ``present`` and ``missing`` are in ascending order. ``fields`` tells of each required field how
    many of the bars found lack it. ``calendar_origin`` is who named the calendar, `DEFAULT` if nobody did.
    """

    instrument: str
    timeframe: Timeframe
    interval: Interval
    series: tuple[Series, ...]
    calendar: str
    calendar_origin: str
    expected: int
    found: int
    present: tuple[Interval, ...]
    missing: tuple[Missing, ...]
    fields: Mapping[str, int] = field(default_factory=dict)

    @property
    def complete(self) -> bool:
        """Whether every expected bar is there, with every required field."""
        return self.found == self.expected and not any(self.fields.values())

    @property
    def ratio(self) -> float:
        """Return the share of the expected bars that are there; 1 if none are expected."""
        return self.found / self.expected if self.expected else 1.0

    @property
    def fetchable(self) -> tuple[Missing, ...]:
        """Return the missing stretches that asking a source may fill."""
        return tuple(one for one in self.missing if one.fetchable)

    @property
    def reasons(self) -> dict[Reason, int]:
        """Return how many bars are missing for each reason."""
        counted: dict[Reason, int] = {}
        for one in self.missing:
            counted[one.reason] = counted.get(one.reason, 0) + one.bars
        return counted

    @property
    def largest(self) -> Missing | None:
        """Return the longest missing stretch that is not excused."""
        return max((one for one in self.missing if not one.excused), key=lambda one: one.bars, default=None)

    @property
    def behind(self) -> int:
        """Return how many bars at the end were never asked for: the record is so far behind."""
        last = self.missing[-1] if self.missing else None
        if last is None or last.reason != "never_requested":
            return 0
        return 0 if self.present and self.present[-1].start > last.interval.start else last.bars

    @property
    def inner(self) -> int:
        """Return how many bars are missing that are no mere end which was never asked for: the real holes."""
        return self.expected - self.found - self.behind

    @property
    def assumed(self) -> bool:
        """Whether nobody said when the instrument trades, so that the answer rests on an assumption."""
        return self.calendar_origin == DEFAULT

    def __str__(self) -> str:
        """Say it in a line."""
        whose = " > ".join(one.source for one in self.series) or "no source"
        share = f"{self.found:,} of {self.expected:,} bars"
        return f"{self.instrument} {self.timeframe} from {whose}: {share} in {self.interval}"


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class RequiredInterval(Interval):
    """An interval that was counted in bars, and by which calendar; it equals the plain interval.

    ``calendar_origin`` is who named the calendar, `DEFAULT` if nobody did.
    """

    calendar: str
    calendar_origin: str

    @property
    def assumed(self) -> bool:
        """Whether nobody said when the instrument trades, so that the count rests on an assumption."""
        return self.calendar_origin == DEFAULT

    @property
    def plain(self) -> Interval:
        """Return the interval alone."""
        return Interval(self.start, self.end)

    def __str__(self) -> str:
        """Show both ends, and the calendar if it is assumed."""
        return f"{self.plain}{f', by {self.calendar}, which is assumed' if self.assumed else ''}"

    __repr__ = __str__

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Interval) and (self.start, self.end) == (other.start, other.end)

    def __hash__(self) -> int:
        return hash(self.plain)

    def __lt__(self, other: Interval) -> bool:
        return (self.start, self.end) < (other.start, other.end)

    def __le__(self, other: Interval) -> bool:
        return (self.start, self.end) <= (other.start, other.end)

    def __gt__(self, other: Interval) -> bool:
        return (self.start, self.end) > (other.start, other.end)

    def __ge__(self, other: Interval) -> bool:
        return (self.start, self.end) >= (other.start, other.end)


@dataclass(frozen=True, slots=True, kw_only=True)
class Undecided:
    """An instrument that could not be judged, and why not: perhaps every question about it ``failed``."""

    instrument: str
    timeframe: Timeframe
    reason: str
    source: str = ""
    failed: bool = False

    def __str__(self) -> str:
        """Say it in a line."""
        whose = f" from {self.source}" if self.source else ""
        what = "nothing was ever obtained" if self.failed else "cannot be judged"
        return f"{self.instrument} {self.timeframe}{whose}: {what}: {self.reason}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Gaps:
    """What a library lacks, real holes first, then what is only behind; ``checked`` counts complete ones too."""

    rows: tuple[Availability, ...]
    undecided: tuple[Undecided, ...]
    checked: int

    def __len__(self) -> int:
        """Return how many are incomplete."""
        return len(self.rows)

    def __str__(self) -> str:
        """Say it in lines: how many, and each with its missing stretches."""
        lines = [f"{len(self):,} of {self.checked:,} are incomplete"]
        for row in self.rows:
            lines += [f"  {row}", *(f"    {one}" for one in row.missing)]
        return "\n".join([*lines, *(f"  {one}" for one in self.undecided)])

    def __iter__(self) -> Iterator[Availability]:
        """Give the incomplete ones."""
        return iter(self.rows)

    @property
    def df(self) -> pd.DataFrame:
        """Return a pandas table with a row for each, and a column for each reason."""
        rows = [_row(one) for one in self.rows]
        told = [reason for reason in get_args(Reason) if any(reason in one.reasons for one in self.rows)]
        return pd.DataFrame([dict.fromkeys(told, 0) | row for row in rows], columns=[*_COLUMNS, *told])


_COLUMNS: Final = (
    "instrument",
    "timeframe",
    "source",
    "start",
    "end",
    "expected",
    "found",
    "ratio",
    "behind",
    "calendar",
    "assumed",
)


def _row(one: Availability) -> dict[str, Any]:
    start, end = (pd.Timestamp(at, tz="UTC") for at in (one.interval.start, one.interval.end))
    told: dict[str, Any] = {name: getattr(one, name) for name in _COLUMNS if hasattr(one, name)}
    source = " > ".join(series.source for series in one.series)
    return told | {"timeframe": one.timeframe.name, "source": source, "start": start, "end": end} | one.reasons
