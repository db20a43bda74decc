"""Fetching what is missing before bars are handed out: availability, ingestion, cache, and a second look."""

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from typing import Any, Final, Protocol

import numpy as np

from barledger.domain.calendar import Calendar
from barledger.domain.interval import BEGINNING, END_OF_TIME, Interval, format_time, intersection, union
from barledger.domain.timeframe import DAY, Timeframe
from barledger.errors import CapabilityMissing, DataNotFound, InvalidSetting, NotFound, OutOfReach, SourceNotFound
from barledger.services.availability import EXCUSED, FETCHABLE
from barledger.services.cache.vault import Vault

# Bars that are open for more than twice their length are of no calendar.
_LONGEST_OPEN: Final = 2
# So many holes are closed one by one; for more, all between the first and the last is asked for.
_MOST_STRETCHES: Final = 20
_NAME_ONE: Final = (
    "Name a source: source=..., or an order of sources by bl.cache.prioritise; `barledger sources` lists those that "
    "there are."
)


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
        instruments: str | list[str],
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
        bars = "bar" if self.bars == 1 else "bars"
        return f"{self.bars:,} {bars} of {self.instrument} {self.timeframe} in {self.interval} ({why})"


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetching:
    """What came of it: the sources that were asked, what had to be there, and what of that is still missing."""

    required: Interval
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

    def after(self, earlier: "Fetching | None") -> "Fetching":
        """Return what came of both, if this went on where an earlier one had ended."""
        if earlier is None:
            return self
        return replace(self, sources=tuple(dict.fromkeys((*earlier.sources, *self.sources))))


@dataclass(frozen=True, slots=True)
class Question:
    """Which bars have to be there."""

    instrument: str
    timeframe: Timeframe
    interval: Interval
    calendar: Calendar


class Fetcher:
    """Closes gaps through the services that know of them."""

    def __init__(
        self, vault: Vault, availability: AvailabilityService | None, ingestion: IngestionService | None
    ) -> None:
        """Work with these services; without one of them, what needs it is refused."""
        self._vault = vault
        self._availability = availability
        self._ingestion = ingestion

    def question(
        self, instrument: str, timeframe: Timeframe, interval: Interval, *, calendar: Calendar, lookback: int
    ) -> Question:
        """Return which bars have to be there: those of a bounded interval, and so many closed ones before it."""
        check, _ = self._services()
        start, end, now = interval.start, interval.end, self._vault.ledger.now()
        if lookback and not _is_past(start, timeframe, now):
            edge = _edge(timeframe, calendar, now)
            start, end = min(start, edge), min(end, edge)
        required = check.required_interval(instrument, timeframe.name, start, end, lookback=lookback)
        # What it says of its calendar is not part of the question.
        return Question(instrument, timeframe, Interval(required.start, required.end), calendar)

    def excused(
        self, instrument: str, timeframe: Timeframe, interval: Interval, *, source: str | None
    ) -> tuple[Still, ...]:
        """Return what is not there and not missing either, such as bars before the listing, as far as it is known."""
        if self._availability is None:
            return ()
        return tuple(one for one in self._absent(instrument, timeframe, interval, source) if one.reason in EXCUSED)

    def fetch_together(
        self, questions: Sequence[Question], *, source: str | None, options: Mapping[str, Any] | None
    ) -> dict[Question, str]:
        """Fetch what several instruments lack alike in one go, and tell from which source; `close_gaps` does the rest.

        Ingestion may then ask for several at once, and the failure of one stops none of the others.
        """
        alike: dict[tuple[str, str, Interval], list[Question]] = {}
        asked: dict[Question, str] = {}
        for question in questions:
            for name in self._sources(question.instrument, question.timeframe, source)[:1]:
                for stretch in self._wanted(self._missing(question, name), None):
                    alike.setdefault((name, question.timeframe.name, stretch), []).append(question)
        for (name, timeframe, stretch), mine in alike.items():
            if len(mine) > 1:
                # A name that is no source is for `close_gaps` to judge, which knows whether others follow.
                with suppress(SourceNotFound):
                    self._ingest([one.instrument for one in mine], timeframe, name, stretch, options)
                    asked |= dict.fromkeys(mine, name)
        return asked

    def close_gaps(
        self, question: Question, *, source: str | None, options: Mapping[str, Any] | None, before: str | None = None
    ) -> Fetching:
        """Fetch what is missing, from the source or those by priority, and tell what is missing still.

        ``before`` is the source that was asked for it together with others. A name under which there are series and no
        source, as of bars that callers wrote, has what it has. Raises `InvalidSetting` if something is missing and no
        source is known for it, `SourceNotFound`, `DataNotFound` if no source knows the instrument and there are no
        bars of it, and what else ingestion raises.
        """
        named = self._sources(question.instrument, question.timeframe, source)
        if not named:
            return Fetching(required=question.interval, sources=(), missing=self._unnamed(question))
        asked: list[str] = [] if before is None else [before]
        refused: dict[str, NotFound] = {}
        missing: tuple[Still, ...] | None = None
        for name in named:
            try:
                left = self._ask(question, name, missing, options, asked)
            except (SourceNotFound, DataNotFound) as error:
                refused[name] = error
                left = self._missing(question, name)
            missing = left if missing is None else _both(question, missing, left)
            if not missing:
                break
        if missing and len(refused) == len(named):
            self._check_refused(question, refused, asked)
        told = _explained(missing or (), refused.values())
        return Fetching(required=question.interval, sources=tuple(asked), missing=told)

    def _check_refused(self, question: Question, refused: Mapping[str, NotFound], asked: Sequence[str]) -> None:
        """Raise what the sources said if none could be asked and there are no bars of theirs either.

        Some names may be those of callers' own bars, a name of nothing at all is a slip; and so is an instrument that
        no source knows.
        """
        series = [one for one in self._vault.ledger.catalog.series() if one.source in refused]
        mine = (question.instrument, question.timeframe)
        if any((one.instrument, one.timeframe) == mine for one in series):
            return
        unknown = [error for error in refused.values() if isinstance(error, DataNotFound)]
        if unknown:
            raise unknown[0]
        (*_, (last, error)) = refused.items()
        if not asked and not any(one.source == last for one in series):
            raise error

    def _ask(
        self,
        question: Question,
        source: str,
        missing: Sequence[Still] | None,
        options: Mapping[str, Any] | None,
        asked: list[str],
    ) -> tuple[Still, ...]:
        """Fetch from one source what it may have of what is missing, and return what this source still lacks."""
        mine = self._missing(question, source)
        wanted = self._wanted(mine, missing)
        if not wanted:
            return mine
        for stretch in wanted:
            # What is too old for this source another one may have, and the rest of it may be had here.
            with suppress(OutOfReach):
                self._ingest(question.instrument, question.timeframe.name, source, stretch, options)
        if source not in asked:
            asked.append(source)
        return self._missing(question, source)

    def _wanted(self, mine: Sequence[Still], missing: Sequence[Still] | None) -> list[Interval]:
        """Return what to ask a source for: what it lacks and may have, as far as it is missing."""
        wanted = union(one.interval for one in mine if one.reason in FETCHABLE)
        if missing is not None:
            wanted = intersection(wanted, [one.interval for one in missing])
        return wanted if len(wanted) <= _MOST_STRETCHES else [Interval(wanted[0].start, wanted[-1].end)]

    def _ingest(
        self,
        instruments: str | list[str],
        timeframe: str,
        source: str,
        stretch: Interval,
        options: Mapping[str, Any] | None,
    ) -> None:
        _, ingestion = self._services()
        ingestion.ingest(
            instruments,
            timeframe,
            source=source,
            start=stretch.start,
            end=stretch.end,
            reason="missing when it was read",
            options=options,
        )

    def _unnamed(self, question: Question) -> tuple[Still, ...]:
        """Look what is missing where no source is known; raises `InvalidSetting` if one is needed."""
        missing = self._missing(question, None)
        closable = [one for one in missing if one.reason in FETCHABLE]
        if closable:
            number = "is" if closable[0].bars == 1 else "are"
            reason = f"{closable[0]} {number} missing, and neither source= nor a priority says where to fetch them"
            raise InvalidSetting(setting="source", reason=reason, advised=_NAME_ONE)
        return missing

    def _services(self) -> tuple[AvailabilityService, IngestionService]:
        if self._availability is None or self._ingestion is None:
            raise CapabilityMissing(who="this library", capability="fetching what is missing while reading")
        return self._availability, self._ingestion

    def _missing(self, question: Question, source: str | None) -> tuple[Still, ...]:
        absent = self._absent(question.instrument, question.timeframe, question.interval, source)
        return tuple(one for one in absent if one.reason not in EXCUSED)

    def _absent(
        self, instrument: str, timeframe: Timeframe, interval: Interval, source: str | None
    ) -> tuple[Still, ...]:
        check, _ = self._services()
        found = check.check(instrument, timeframe.name, start=interval.start, end=interval.end, source=source)
        return tuple(
            Still(
                instrument=instrument,
                timeframe=timeframe.name,
                interval=one.interval,
                reason=one.reason,
                bars=one.bars,
                detail=one.detail or "",
            )
            for one in found.missing
        )

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


def _explained(missing: Sequence[Still], refused: Iterable[NotFound]) -> tuple[Still, ...]:
    """Return what is missing with what the sources said that do not know the instrument, where nothing else is."""
    said = "; ".join(str(error) for error in refused if isinstance(error, DataNotFound))
    return tuple(replace(one, detail=one.detail or said) for one in missing)


def _both(question: Question, first: Sequence[Still], second: Sequence[Still]) -> tuple[Still, ...]:
    """Return what both lack, for the reason of the first."""
    others = [one.interval for one in second]
    return tuple(
        replace(one, interval=part, bars=question.calendar.count(question.timeframe, part))
        for one in first
        for part in intersection([one.interval], others)
    )


def bounded(interval: Interval, timeframe: Timeframe, calendar: Calendar, now: int) -> Interval:
    """Return the interval up to the end of the last bar that is closed by now; raises `InvalidSetting` without a start.

    A bar that is still forming, or lies ahead, cannot be missing.
    """
    if interval.start == BEGINNING:
        raise InvalidSetting(setting="fetch_missing", reason="it needs a start: nobody knows where the past begins")
    if interval.end != END_OF_TIME and _is_past(interval.end, timeframe, now):
        return interval
    return Interval(interval.start, max(interval.start, min(interval.end, _edge(timeframe, calendar, now))))


def _is_past(time: int, timeframe: Timeframe, now: int) -> bool:
    """Whether any bar before the time is closed, by whatever calendar."""
    return time <= now - _LONGEST_OPEN * timeframe.duration - DAY


def _edge(timeframe: Timeframe, calendar: Calendar, now: int) -> int:
    """Return the label of the first bar that is not closed by now."""
    recent = calendar.expected(timeframe, Interval(now - _LONGEST_OPEN * timeframe.duration - 7 * DAY, now + DAY))
    closed = recent[calendar.closes(timeframe, recent) <= now] if len(recent) else recent
    unclosed = recent[~np.isin(recent, closed)]
    return int(unclosed[0]) if len(unclosed) else now
