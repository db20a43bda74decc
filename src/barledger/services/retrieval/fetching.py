"""Fetching what is missing before bars are handed out: availability, ingestion, cache, and a second look."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any, Final, Protocol

import numpy as np

from barledger.domain.calendar import Calendar
from barledger.domain.interval import BEGINNING, END_OF_TIME, Interval, format_time, intersection, union
from barledger.domain.timeframe import DAY, Timeframe
from barledger.errors import CapabilityMissing, InvalidSetting, SourceNotFound
from barledger.services.cache.vault import Vault

# What asking a source again cannot change.
_CLOSED_BY_NOBODY: Final = frozenset({"source_empty", "not_listed", "halted", "withdrawn", "quarantined"})


class Missing(Protocol):
    """A stretch that is not there, and why."""

    @property
    def interval(self) -> Interval:
        """Return where."""

    @property
    def reason(self) -> str:
        """Return why."""

    @property
    def bars(self) -> int:
        """Return how many bars."""

    @property
    def detail(self) -> str:
        """Return more of why, such as a source's error."""


class Availability(Protocol):
    """What is there of a series, and what is missing."""

    @property
    def complete(self) -> bool:
        """Whether nothing is missing."""

    @property
    def missing(self) -> Sequence[Missing]:
        """Return the stretches that are missing."""


class AvailabilityService(Protocol):
    """Tells what is there; `DataAvailabilityService` is one."""

    def check(
        self, instrument: str, timeframe: str, *, start: int | None, end: int | None, source: str | None
    ) -> Availability:
        """Return what is there of [start, end)."""

    def required_interval(self, instrument: str, timeframe: str, start: int, end: int, *, lookback: int) -> Interval:
        """Return the interval that has so many bars before the start."""


class IngestionService(Protocol):
    """Brings bars in; `DataIngestionService` is one."""

    def ingest(
        self,
        instruments: str,
        timeframe: str,
        *,
        source: str,
        start: int | None,
        end: int | None,
        reason: str,
        options: Mapping[str, Any] | None,
    ) -> object:
        """Fetch [start, end) and write what is new."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Still:
    """A stretch that is still missing after fetching; ``bars`` counts them."""

    instrument: str
    timeframe: str
    interval: Interval
    reason: str
    bars: int
    detail: str = ""

    def __str__(self) -> str:
        """Say it in a line."""
        why = f"{self.reason}: {self.detail}" if self.detail else self.reason
        return f"{self.bars:,} bars of {self.instrument} {self.timeframe} in {self.interval} ({why})"


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetching:
    """What came of it: the sources that were asked, and what is still missing."""

    sources: tuple[str, ...]
    missing: tuple[Still, ...]

    @property
    def told(self) -> dict[str, Any]:
        """Return it as values that JSON knows."""
        missing = [
            {
                "start": format_time(one.interval.start),
                "end": format_time(one.interval.end),
                "reason": one.reason,
                "bars": one.bars,
            }
            for one in self.missing
        ]
        return {"fetched_from": list(self.sources), "complete": not missing, "missing": missing}


class Fetcher:
    """Closes gaps through the services that know of them."""

    def __init__(
        self, vault: Vault, availability: AvailabilityService | None, ingestion: IngestionService | None
    ) -> None:
        """Work with these services; without one of them, what needs it is refused."""
        self._vault = vault
        self._availability = availability
        self._ingestion = ingestion

    def close_gaps(
        self,
        instrument: str,
        timeframe: Timeframe,
        interval: Interval,
        *,
        lookback: int,
        source: str | None,
        options: Mapping[str, Any] | None,
    ) -> Fetching:
        """Fetch what is missing of an interval and of the bars before it, from the source or those by priority.

        An interval has to be bounded. Raises `InvalidSetting` if something is missing and no source is known for it,
        `SourceNotFound`, and what ingestion raises.
        """
        check, ingestion = self._services()
        named = self._sources(instrument, timeframe, source)
        required = check.required_interval(instrument, timeframe.name, interval.start, interval.end, lookback=lookback)
        asked: list[str] = []
        missing = self._missing(instrument, timeframe, required, named[0] if named else source)
        for name in named:
            closable = [one.interval for one in missing if one.reason not in _CLOSED_BY_NOBODY]
            if not closable:
                break
            try:
                for stretch in union(closable):
                    ingestion.ingest(
                        instrument,
                        timeframe.name,
                        source=name,
                        start=stretch.start,
                        end=stretch.end,
                        reason="missing when it was read",
                        options=options,
                    )
            except SourceNotFound:
                # Of a fill order, some names may be those of callers' own bars; the only one has to be a source.
                if name == named[-1] and not asked:
                    raise
                continue
            asked.append(name)
            left = self._missing(instrument, timeframe, required, name)
            missing = left if len(asked) == 1 else _both(missing, left)
        if not named and any(one.reason not in _CLOSED_BY_NOBODY for one in missing):
            raise InvalidSetting(
                setting="source",
                reason=f"{missing[0]} is missing, and neither source= nor a priority says where to fetch it",
            )
        return Fetching(sources=tuple(asked), missing=tuple(missing))

    def _services(self) -> tuple[AvailabilityService, IngestionService]:
        if self._availability is None or self._ingestion is None:
            raise CapabilityMissing(who="this library", capability="fetching what is missing while reading")
        return self._availability, self._ingestion

    def _missing(self, instrument: str, timeframe: Timeframe, interval: Interval, source: str | None) -> list[Still]:
        check, _ = self._services()
        found = check.check(instrument, timeframe.name, start=interval.start, end=interval.end, source=source)
        if found.complete:
            return []
        return [
            Still(
                instrument=instrument,
                timeframe=timeframe.name,
                interval=one.interval,
                reason=one.reason,
                bars=one.bars,
                detail=one.detail or "",
            )
            for one in found.missing
        ]

    def _sources(self, instrument: str, timeframe: Timeframe, source: str | None) -> list[str]:
        """Return which sources to ask, in order: the named one, those by priority, or the only one that there is."""
        if source is not None:
            return [source]
        for pattern, applies_to, order, mode in self._vault.ledger.catalog.priorities():
            if fnmatchcase(instrument, pattern) and applies_to in ("*", timeframe.name):
                return list(order) if mode == "fill" else list(order[:1])
        known = self._vault.ledger.catalog.series(instrument=instrument, timeframe=timeframe.name)
        sources = list(dict.fromkeys(series.source for series in known if not series.is_adjusted))
        return sources if len(sources) == 1 else []


def _both(first: Sequence[Still], second: Sequence[Still]) -> list[Still]:
    """Return what both lack, for the reason of the first."""
    others = [one.interval for one in second]
    return [one for one in first if intersection([one.interval], others)]


def bounded(interval: Interval, timeframe: Timeframe, calendar: Calendar, now: int) -> Interval:
    """Return the interval up to the end of the last bar that is closed by now; raises `InvalidSetting` without a start.

    A bar that is still forming, or lies ahead, cannot be missing.
    """
    if interval.start == BEGINNING:
        raise InvalidSetting(setting="fetch_missing", reason="it needs a start: nobody knows where the past begins")
    if interval.end != END_OF_TIME and interval.end <= now - _LONGEST_OPEN * timeframe.duration - DAY:
        return interval
    recent = calendar.expected(timeframe, Interval(now - _LONGEST_OPEN * timeframe.duration - 7 * DAY, now + DAY))
    closed = recent[calendar.closes(timeframe, recent) <= now] if len(recent) else recent
    unclosed = recent[~np.isin(recent, closed)]
    edge = int(unclosed[0]) if len(unclosed) else now
    return Interval(interval.start, max(interval.start, min(interval.end, edge)))


_LONGEST_OPEN: Final = 2
