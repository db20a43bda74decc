"""Questions: which bars indicators are wanted for, checked before anything is read."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from barledger.domain.interval import BEGINNING, Instant, Interval, format_time, parse_time
from barledger.domain.readable import Readable
from barledger.domain.series import normalise_instrument
from barledger.domain.timeframe import Timeframe
from barledger.domain.version import Version
from barledger.errors import InvalidInterval, InvalidSetting
from barledger.indicators.binding import Request
from barledger.indicators.relying import ANCHORED
from barledger.services.retrieval.request import ReadRequest


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """The rows of one instrument and timeframe that are answered: an interval, or the last so many of it.

    ``asked`` is how they are read, ``version`` what it names in the caller's words. ``anchor`` (ns) is from where on
    what never settles is computed. ``fetching`` are the options of fetching what is missing, None where nothing is
    fetched.
    """

    instrument: str
    timeframe: Timeframe
    interval: Interval
    asked: ReadRequest
    version: str | Instant
    anchor: int | None = None
    fetching: Mapping[str, Any] | None = None

    @staticmethod
    def of(  # noqa: PLR0913 - all that a calculation can be asked for
        instrument: str,
        timeframe: str | None,
        *,
        start: Instant | None,
        end: Instant | None,
        last: int | None,
        source: str | None,
        version: str | Instant,
        adjust: str | None,
        anchor: Instant | None,
        fetch_missing: bool,
        options: Mapping[str, Any] | None,
    ) -> "Question":
        """Read what a caller gave; raises `InvalidInterval`, `InvalidTimeframe`, `InvalidVersion`, `InvalidSetting`."""
        if timeframe is None:
            raise InvalidSetting(setting="timeframe", reason=f"of which length are the bars of {instrument}? Say '1d'")
        asked = ReadRequest.of(start=start, end=end, last=last, source=source, version=version, adjust=adjust)
        since = None if anchor is None else parse_time(anchor)
        if options is not None and not fetch_missing:
            raise InvalidSetting(setting="options", reason="they are a source's, and nothing is fetched")
        return Question(
            instrument=normalise_instrument(instrument),
            timeframe=Timeframe.of(timeframe),
            interval=_from(asked.interval, since),
            asked=asked,
            version=version,
            anchor=since,
            fetching=dict(options or {}) if fetch_missing else None,
        )

    @property
    def last(self) -> int | None:
        """Return how many of the newest rows are answered, if not all."""
        return self.asked.last

    @property
    def source(self) -> str | None:
        """Return the source that is named, if one is."""
        return self.asked.source

    @property
    def adjust(self) -> str | None:
        """Return what bars are adjusted for, if they are."""
        return self.asked.adjust

    @property
    def pinned(self) -> bool:
        """Whether a snapshot or a named version is asked, which has bounds of its own."""
        return Version.of(self.version).pinned

    def needs(self, request: Request) -> "Need":
        """Return which bars answer it."""
        anchored = any(pick.reach.memory in ANCHORED for pick in request.picks.values())
        back = request.reach.settled
        others = {normalise_instrument(one) for one in request.instruments}
        start: int | None = None if self.interval.start == BEGINNING else self.interval.start
        if anchored:
            start = self.anchor
        return Need(
            start=start,
            end=self.interval.end,
            back=back,
            last=None if anchored or start is not None or self.last is None else self.last,
            others=tuple(sorted(others - {self.instrument})),
        )


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Need(Readable):
    """The bars to read: from a start (None: the first bar) to an end (ns), and ``back`` more before that.

    With ``last``, the last so many and those ``back`` before them. ``others`` are further instruments.
    """

    start: int | None
    end: int
    back: int
    last: int | None
    others: tuple[str, ...] = ()

    @property
    def whole(self) -> bool:
        """Whether all bars up to the end are needed."""
        return self.start is None and self.last is None


class Inquiry(NamedTuple):
    """What is asked: indicators, of which rows, and the bars that they need."""

    request: Request
    question: Question
    need: Need

    @staticmethod
    def of(request: Request, question: Question) -> "Inquiry":
        """Put a request to a question."""
        return Inquiry(request, question, question.needs(request))


def _from(interval: Interval, anchor: int | None) -> Interval:
    """Return the interval from the anchor on, if it has no start; raises `InvalidSetting` for a later anchor."""
    if anchor is None:
        return interval
    if interval.start != BEGINNING and anchor > interval.start:
        told = f"{format_time(anchor)} is later than the start, {format_time(interval.start)}"
        raise InvalidInterval(reason=f"the anchor, {told}: values before it would be missing")
    return Interval(interval.start if interval.start != BEGINNING else anchor, max(interval.end, anchor))


def refuse_reading(given: Mapping[str, object], *, version: str | Instant) -> None:
    """Refuse what is a matter of reading, where bars are in hand."""
    named = [name for name, value in given.items() if value is not None]
    if version != "latest":
        named.append("version")
    if named:
        reason = "bars in hand are what they are; read others, or name the instrument instead"
        raise InvalidSetting(setting=named[0], reason=reason)
