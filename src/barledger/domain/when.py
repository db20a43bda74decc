"""When: the times or events at which a rule of the schedule is due.

| written | due |
|---|---|
| ``*/5 * * * *`` | by the clock of a named zone (`Cron`) |
| ``every 15m`` | at whole multiples since 1970 in UTC, so that every process reckons the same |
| ``after_close("XNYS", "15m")`` | so long after each close of a calendar's sessions, on half days too |
| ``on backtest`` | before a backtest reads its data |
| ``on approval`` | after a snapshot was approved |
| ``on action`` | after a corporate action was recorded |
| ``on restatement`` | after a restatement was applied |
| ``on move("SPX", "1d", "5%")`` | after a close so far from the one before; a fourth word is the source |
| ``on notice("correction_*")`` | after a notice of this kind |
"""

import re
from abc import ABC, abstractmethod
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Final, Literal, get_args

from barledger.domain.cron import Cron, check_zone
from barledger.domain.duration import format_duration, parse_duration
from barledger.domain.exchange_calendar import calendar_called
from barledger.domain.interval import Interval
from barledger.domain.notice import KINDS
from barledger.domain.series import normalise_instrument
from barledger.domain.timeframe import DAY, TIMEFRAMES, Timeframe
from barledger.errors import CalendarNotFound, InvalidSetting

EventKind = Literal["backtest", "approval", "action", "restatement", "move", "notice"]
EVENTS: Final[tuple[str, ...]] = get_args(EventKind)

_CALL: Final = re.compile(r"(\w+)\s*(?:\((.*)\))?", re.DOTALL)
_WORD: Final = re.compile(r"""\s*(?:"([^"]*)"|'([^']*)'|([^\s,"']+))\s*(?:,|$)""")
_PERCENT: Final = re.compile(r"([0-9]{1,4}(?:\.[0-9]{1,6})?)\s*%")
_LOOK: Final = 20 * DAY
# No market closes for so long, but for those that were abandoned.
_LONGEST_PAUSE: Final = 200 * DAY


class When(ABC):
    """When a rule is due; `str` gives what was written, in one spelling."""

    @abstractmethod
    def after(self, time: int) -> int | None:
        """Return the first due instant (ns) after ``time``; None where no clock tells it."""


@dataclass(frozen=True, slots=True)
class ByCron(When):
    """By the clock of a zone."""

    cron: Cron

    def after(self, time: int) -> int | None:
        """Return the next local time of the set."""
        return self.cron.after(time)

    def __str__(self) -> str:
        """Return the five fields."""
        return self.cron.text


@dataclass(frozen=True, slots=True)
class Every(When):
    """At multiples of a duration (ns) since 1970."""

    duration: int

    def after(self, time: int) -> int | None:
        """Return the next multiple."""
        return (time // self.duration + 1) * self.duration

    def __str__(self) -> str:
        """Say it as a person would."""
        return f"every {format_duration(self.duration)}"


@dataclass(frozen=True, slots=True)
class AfterClose(When):
    """So long (ns) after the close of each session."""

    calendar: str
    delay: int

    def after(self, time: int) -> int | None:
        """Return the next close, and the delay on top of it; raises `CalendarNotFound` beyond its bounds."""
        calendar, daily, span = calendar_called(self.calendar), TIMEFRAMES["1d"], _LOOK
        while span <= _LONGEST_PAUSE:
            base = time - self.delay
            labels = calendar.expected(daily, Interval(base - 2 * DAY, base + span))
            later = calendar.closes(daily, labels) + self.delay
            later = later[later > time]
            if len(later):
                return int(later.min())
            span *= 2
        raise CalendarNotFound(calendar=self.calendar, detail=" with a close in the next months")

    def __str__(self) -> str:
        """Return the call."""
        return f'after_close("{self.calendar}", "{format_duration(self.delay)}")'


@dataclass(frozen=True, slots=True)
class Upon(When):
    """After an event; which fields count depends on its kind, and ``move`` is a part of the price (0.05: 5 %)."""

    event: EventKind
    pattern: str = "*"
    instrument: str = ""
    timeframe: str = ""
    move: float = 0.0
    source: str = ""

    def after(self, time: int) -> int | None:  # noqa: ARG002 - others need it
        """Return None: no clock tells."""
        return None

    def takes(self, kind: str) -> bool:
        """Whether a kind of notice is meant."""
        return fnmatchcase(kind, self.pattern)

    def __str__(self) -> str:
        """Say it as a person would."""
        if self.event == "notice":
            return f'on notice("{self.pattern}")'
        if self.event == "move":
            words = [self.instrument, self.timeframe, f"{self.move * 100:g}%", *([self.source] if self.source else [])]
            quoted = ", ".join(f'"{word}"' for word in words)
            return f"on move({quoted})"
        return f"on {self.event}"


def when_of(text: str, *, zone: str = "UTC") -> When:
    """Read when; raises `InvalidSetting` and `CalendarNotFound`.

    >>> str(when_of("every 60m"))
    'every 1h'
    """
    written = str(text).strip()
    if not written:
        raise InvalidSetting(setting="when", reason="it is empty")
    check_zone(zone)
    head, _, rest = written.partition(" ")
    if head == "every":
        return Every(parse_duration(rest, setting="when"))
    if head == "on":
        return _event(rest.strip())
    if written.startswith("after_close"):
        return _after_close(written)
    return ByCron(Cron.of(written, zone))


def _after_close(text: str) -> AfterClose:
    name, words = _called(text)
    if name != "after_close" or len(words) not in (1, 2):
        raise _unreadable(text)
    calendar = calendar_called(words[0])
    delay = parse_duration(words[1], setting="when") if len(words) > 1 and words[1] != "0s" else 0
    if delay > DAY:
        raise InvalidSetting(setting="when", reason=f"{words[1]} after a close is the next day; use a shorter delay")
    return AfterClose(calendar.name, delay)


def _event(text: str) -> Upon:
    name, words = _called(text)
    if name == "move" and len(words) in (3, 4):
        part = _PERCENT.fullmatch(words[2])
        if part is None or not float(part[1]):
            raise InvalidSetting(setting="when", reason=f"{words[2]!r} is no percentage such as 5%")
        frame = Timeframe.of(words[1]).name
        names = (normalise_instrument(words[0]), frame)
        source = words[3] if len(words) > 3 else ""
        return Upon("move", instrument=names[0], timeframe=names[1], move=float(part[1]) / 100, source=source)
    if name == "notice" and len(words) == 1:
        if not any(fnmatchcase(kind, words[0]) for kind in KINDS):
            raise InvalidSetting(setting="when", reason=f"{words[0]!r} is none of {', '.join(KINDS)}")
        return Upon("notice", pattern=words[0])
    if name in ("backtest", "approval", "action", "restatement") and not words:
        return Upon(name)  # type: ignore[arg-type]  # one of these
    raise _unreadable(f"on {text}")


def _called(text: str) -> tuple[str, list[str]]:
    """Return the name of a call and its words, or a name alone."""
    found = _CALL.fullmatch(text)
    if found is None:
        raise _unreadable(text)
    words, at, inside = [], 0, (found[2] or "").strip()
    while at < len(inside):
        word = _WORD.match(inside, at)
        if word is None:
            raise _unreadable(text)
        words.append(next(one for one in word.groups() if one is not None))
        at = word.end()
    return found[1], words


def _unreadable(text: str) -> InvalidSetting:
    reason = (
        f'{text!r} is neither five fields of cron, nor "every 15m", nor after_close("XNYS", "15m"), nor on '
        f'{", ".join(EVENTS[:4])}, move("SPX", "1d", "5%") or notice("lag")'
    )
    return InvalidSetting(setting="when", reason=reason)
