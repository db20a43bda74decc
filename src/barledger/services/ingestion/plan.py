"""Plans: which stretches of a series a source is asked for."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import numpy as np

from barledger.domain.interval import BEGINNING, EARLIEST, Instant, Interval, difference, intersection, union
from barledger.domain.readable import Readable
from barledger.errors import InvalidSetting
from barledger.ledger.contract import Cover
from barledger.services.cache.vault import Vault
from barledger.services.ingestion.answers import FAILED, SETTLED
from barledger.services.ingestion.held import Held
from barledger.sources.contract import SourceDeclaration

Refresh = int | Interval | tuple[Instant | None, Instant | None]

# Bars that are asked for once more beside new ones, where a source adjusts: a factor shows in them.
OVERLAP: Final = 10
_MOST_STRETCHES: Final = 20


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Wanted(Readable):
    """What a caller asks for; ``bars`` and ``again`` are to be read once more, ``exactly`` replaces all the rest.

    Without a start (``from_the_end``) it begins where the series ends. Who ``insists`` on a stretch is refused if the
    source's history reaches back to none of it.
    """

    interval: Interval
    from_the_end: bool = False
    bars: int = 0
    again: Interval | None = None
    exactly: tuple[Interval, ...] | None = None
    insists: bool = False

    @staticmethod
    def of(start: Instant | None, end: Instant | None, refresh: Refresh | None = None) -> "Wanted":
        """Read what a caller gives; raises `InvalidInterval` and `InvalidSetting`."""
        interval, bars, again = Interval.of(start, end), 0, None
        if isinstance(refresh, Interval):
            again = refresh
        elif isinstance(refresh, tuple) and len(refresh) == 2:
            again = Interval.of(*refresh)
        elif isinstance(refresh, int) and not isinstance(refresh, bool) and refresh > 0:
            bars = refresh
        elif refresh is not None:
            reason = f"{refresh!r} is neither a number of bars above zero nor an interval"
            raise InvalidSetting(setting="refresh", reason=reason)
        only = again is not None and start is None and end is None
        exactly = (again,) if again is not None and only else None
        return Wanted(
            interval=interval,
            from_the_end=start is None,
            bars=bars,
            again=again,
            exactly=exactly,
            insists=start is not None or exactly is not None,
        )

    @property
    def end(self) -> int:
        """Return where the newest of what is asked for ends (ns)."""
        return self.interval.end if self.exactly is None else max(one.end for one in self.exactly)


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """The stretches to ask for, in this order; from ``horizon`` (ns) on no bar is closed yet.

    ``lacking`` are those for whose sake it is asked, without the bars that are only to be seen beside them. What is
    lacking before the source's history is ``out_of_reach``; ``hopeless`` says that all that somebody insists on is.
    """

    stretches: tuple[Interval, ...]
    lacking: tuple[Interval, ...]
    horizon: int
    out_of_reach: Interval | None = None
    hopeless: bool = False


def plan(vault: Vault, held: Held, wanted: Wanted, declaration: SourceDeclaration, *, horizon: int) -> Plan:
    """Return what has to be asked for: what coverage lacks, what is to be seen again, and some bars beside it."""
    if not declaration.incremental and wanted.exactly is None:
        return Plan(stretches=(wanted.interval,), lacking=(wanted.interval,), horizon=horizon)
    covers = vault.ledger.catalog.coverage(held.series)
    asked = _asked(held, wanted, covers, horizon)
    kept, out_of_reach = _within_reach(vault, held, asked, declaration)
    stretches = _overlapping(held, kept) if adjusts(declaration) and not held.empty else kept
    return Plan(
        stretches=tuple(_opened(stretches, wanted, horizon)),
        lacking=tuple(_opened(kept, wanted, horizon)),
        horizon=horizon,
        out_of_reach=out_of_reach,
        hopeless=wanted.insists and not kept and out_of_reach is not None and wanted.end <= out_of_reach.end,
    )


def adjusts(declaration: SourceDeclaration) -> bool:
    """Whether the source changes the past by design, when an instrument splits or pays."""
    return any(state != "raw" for state in declaration.adjustment.values())


def _asked(held: Held, wanted: Wanted, covers: Sequence[Cover], horizon: int) -> list[Interval]:
    past = Interval(BEGINNING, horizon)
    if wanted.exactly is not None:
        return intersection(wanted.exactly, [past])
    start = held.end if wanted.from_the_end and not held.empty else wanted.interval.start
    end = min(wanted.interval.end, horizon)
    settled = [cover.interval for cover in covers if cover.outcome in SETTLED]
    asked = difference([Interval(start, max(start, end))], settled)
    if wanted.from_the_end:
        failed = [cover.interval for cover in covers if cover.outcome == FAILED]
        asked += intersection(failed, [Interval(BEGINNING, max(end, EARLIEST))])
    if wanted.bars and not held.empty:
        asked += intersection([Interval(int(held.before(held.end, wanted.bars)[0]), held.end)], [past])
    if wanted.again is not None:
        asked += intersection([wanted.again], [past])
    return _few(union(asked))


def _few(stretches: list[Interval]) -> list[Interval]:
    """Join the stretches that lie nearest to each other, where asking for each by itself would take too many calls."""
    if len(stretches) <= _MOST_STRETCHES:
        return stretches
    apart = sorted(right.start - left.end for left, right in pairwise(stretches))
    nearest = apart[len(stretches) - _MOST_STRETCHES - 1]
    joined = [stretches[0]]
    for left, right in pairwise(stretches):
        if right.start - left.end <= nearest:
            joined[-1] = Interval(joined[-1].start, right.end)
        else:
            joined.append(right)
    return joined


def _within_reach(
    vault: Vault, held: Held, asked: list[Interval], declaration: SourceDeclaration
) -> tuple[list[Interval], Interval | None]:
    """Leave out what lies before the source's history, as far as somebody named a time there."""
    timeframe = held.series.timeframe
    history = declaration.history.get(timeframe.name)
    if history is None or not asked or asked[0].start == BEGINNING:
        return asked, None
    edge = np.array([vault.ledger.now() - history], np.int64)
    reach = int(timeframe.close_of(timeframe.open_of(edge))[0])
    kept = intersection(asked, [Interval(reach, max(asked[-1].end, reach))])
    lost = difference(asked, kept)
    return kept, Interval(lost[0].start, lost[-1].end) if lost else None


def _overlapping(held: Held, asked: Sequence[Interval]) -> list[Interval]:
    """Let every stretch begin with bars that are held; where none lie before it, those behind it are asked for first.

    A factor shows in the oldest bars if it shows in any, and so before anything of the stretch is written.
    """
    probes: list[Interval] = []
    stretches: list[Interval] = []
    for stretch in asked:
        before, after = held.before(stretch.start, OVERLAP), held.after(stretch.start, OVERLAP)
        stretches.append(Interval(int(before[0]), stretch.end) if len(before) else stretch)
        if not len(before) and len(after) and int(after[0]) > stretch.start:
            probes.append(Interval(int(after[0]), int(after[-1]) + 1))
    first = union(probes)
    return [*first, *difference(stretches, first)]


def _opened(stretches: Sequence[Interval], wanted: Wanted, horizon: int) -> list[Interval]:
    """Let the newest stretch reach as far as the caller asked: meanwhile bars may close."""
    return [Interval(one.start, max(wanted.interval.end, one.end)) if one.end == horizon else one for one in stretches]
