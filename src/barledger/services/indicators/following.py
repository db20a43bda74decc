"""Following with indicators: values as bars close, and again from where bars have become others."""

from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from barledger.domain.interval import EARLIEST, Interval
from barledger.domain.readable import Readable
from barledger.domain.rows import VALUES
from barledger.domain.series import Series
from barledger.indicators.relying import ANCHORED
from barledger.indicators.streaming.live import Live
from barledger.services.cache.vault import Vault
from barledger.services.indicators.wishes import Wish
from barledger.services.ingestion.follow import ClosedBar
from barledger.services.retrieval import DataRetrievalService

Opened = Callable[[Wish, int | None, int | None, Mapping[str, Any]], Live]
"""Gives live indicators at the last bar before an end (ns), that began at a start, or where they settle."""
# What was given is remembered for so many bars, to tell what it has become.
_REMEMBERED: Final = 1_000
# A copy is kept every so many bars, and so many of them: what changed between them is computed again from the nearest.
_EVERY: Final = 64
_COPIES: Final = 16


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Corrected(Readable):
    """A bar that was given and is another one now, or has other values; ``time`` is its opening (ns).

    ``old_bar`` and ``old`` are what was given, None for a bar that came late; ``bar`` and ``values`` are what is right
    now, None for a bar that was withdrawn.
    """

    time: int
    old_bar: Mapping[str, float] | None
    bar: Mapping[str, float] | None
    old: Any
    values: Any


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Followed(Readable):
    """A bar that closed, the values at it, and what of earlier ones has become another since the bar before.

    ``corrected`` has bars and values among the last thousand that were given, oldest first; ``corrected_from`` is the
    opening (ns) of the earliest bar that changed, which may lie before them.
    """

    time: int
    bar: ClosedBar
    values: Any
    corrected: tuple[Corrected, ...] = ()
    corrected_from: int | None = None


class Follower:
    """Goes along one series; ``seen`` is the revision up to which it knows what changed."""

    def __init__(
        self, vault: Vault, retrieval: DataRetrievalService, opened: Opened, wish: Wish, first: ClosedBar
    ) -> None:
        """Stand right before the first bar that is given."""
        self._vault, self._retrieval, self._open, self._wish = vault, retrieval, opened, wish
        self._series = Series.of(first.instrument, first.timeframe, first.source)
        self._given: dict[int, tuple[Mapping[str, float], Any]] = {}
        self._copies: deque[Live] = deque(maxlen=_COPIES)
        self._seen = self._revision()
        self._live = self._opened(first.time)
        # The bars that values rely on. Of those that are skipped none counts.
        self._times: deque[int] = deque(maxlen=wish.request.reach.settled + 1)

    def take(self, bar: ClosedBar) -> Followed:
        """Take a bar in, after what has changed before it."""
        # A bar that was stored at the last look brings no news: catching up with a history needs no look for each.
        since = self._changed(bar) if bar.revision > self._seen else None
        corrected = () if since is None else tuple(self._again(since, bar.time))
        values = self._go_on(bar.time, {name: getattr(bar, name) for name in VALUES})
        while len(self._given) > _REMEMBERED:
            del self._given[next(iter(self._given))]
        return Followed(time=bar.time, bar=bar, values=values, corrected=corrected, corrected_from=since)

    def _changed(self, bar: ClosedBar) -> int | None:
        """Return the opening of the earliest bar that counts and has changed since the last look, if there is one."""
        seen, self._seen = self._seen, self._revision()
        last, begun = self._live.time, self._begun()
        if last is None:
            return None
        known = Interval(begun, min(bar.time, last + 1))
        revisions = self._vault.ledger.revisions
        if not revisions.conflicting(self._series, known, seen):
            return None
        found = [one.interval.start for one in revisions.records(self._series, interval=known) if one.revision > seen]
        return max(min(found), begun) if found else None

    def _begun(self) -> int:
        """Return the opening (ns) from which on a bar counts: what depends on the whole path depends on any bar."""
        if self._wish.request.reach.memory in ANCHORED:
            return EARLIEST
        if len(self._times) == self._times.maxlen:
            return self._times[0]
        settled = self._live.count > self._wish.request.reach.settled
        return (self._live.anchor or EARLIEST) if settled else EARLIEST

    def _again(self, since: int, end: int) -> Iterator[Corrected]:
        """Compute again from a time on, and give what has become of what was given."""
        self._rewind(since)
        after = self._live.time
        start = since if after is None else after + 1
        bars = self._retrieval.bars(
            self._series.instrument, self._series.timeframe.name, start=start, end=end, source=self._series.source
        )
        first = next(iter(self._given), end)
        gone = {time: given for time, given in self._given.items() if time >= start}
        for time in gone:
            del self._given[time]
        columns = [getattr(bars.rows, name).tolist() for name in VALUES]
        for time, *row in zip(bars.time.tolist(), *columns, strict=True):
            bar = dict(zip(VALUES, row, strict=True))
            values = self._go_on(time, bar, given=time >= first)
            old_bar, old = gone.pop(time, (None, None))
            if time >= first and (old_bar is None or not _same(old_bar, bar) or not _same(old, values)):
                yield Corrected(time=time, old_bar=old_bar, bar=bar, old=old, values=values)
        for time, (old_bar, old) in gone.items():
            yield Corrected(time=time, old_bar=old_bar, bar=None, old=old, values=None)

    def _rewind(self, since: int) -> None:
        """Stand before a time: at a copy, or where the stored history leads."""
        while self._copies and (self._copies[-1].time or 0) >= since:
            self._copies.pop()
        while self._times and self._times[-1] >= since:
            self._times.pop()
        self._live = self._copies[-1].copy() if self._copies else self._opened(since)
        while self._times and self._times[-1] > (self._live.time or 0):
            self._times.pop()

    def _go_on(self, time: int, bar: Mapping[str, float], *, given: bool = True) -> Any:
        values = self._live.update({"time": time, **bar})
        if given:
            self._given[time] = (bar, values)
        if not self._wish.request.skips or self._live.complete:
            self._times.append(time)
        if not self._live.count % _EVERY:
            self._copies.append(self._live.copy())
        return values

    def _opened(self, end: int) -> Live:
        return self._open(self._wish, None, end, {"source": self._series.source})

    def _revision(self) -> int:
        return self._vault.ledger.revisions.state(self._series).revision


def _same(one: Any, other: Any) -> bool:
    """Tell whether bars or values are the same; what is missing is the same as what is missing."""
    pairs = zip(_numbers(one), _numbers(other), strict=False)
    return len(_numbers(one)) == len(_numbers(other)) and all(a == b or (a != a and b != b) for a, b in pairs)  # noqa: PLR0124


def _numbers(values: Any) -> tuple[float, ...]:
    if isinstance(values, Mapping):
        return tuple(values.values())
    return tuple(values) if isinstance(values, tuple) else (values,)
