"""The dialogue with an exchange about one market at one timeframe: what is asked, and whether answers agree."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np

from barledger.domain.interval import Interval, format_time
from barledger.domain.timeframe import DAY, HOUR, MINUTE, SECOND, Timeframe
from barledger.errors import SourceError, SourceUnavailable
from barledger.sources.exchange.candles import Answer, Candle

Ask = Callable[[str, int, int | None], Answer]
"""Gives the candles of a timeframe from a time (ns) on, at most so many."""

FLOOR: Final = int(np.datetime64("2009-01-03", "ns").astype(np.int64))
"""The day of Bitcoin's first block; nothing is asked for that is older."""

SETTLING: Final = 2 * MINUTE
"""How long after its close a bar may be late, or change, without anybody having to wonder."""

_AHEAD: Final = 5 * MINUTE
_UNITS: Final = {"s": SECOND, "m": MINUTE, "h": HOUR, "d": DAY, "w": 7 * DAY, "M": 31 * DAY, "y": 366 * DAY}
# One candle on each side of a stretch, and one more for exchanges that leave out the one that is asked from.
_MARGIN: Final = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Habits:
    """What is known of the answers: at most ``page`` candles, of the ``newest`` only, and whether to ask twice.

    ``longer`` are the names of the exchange's timeframes that may bear witness to shorter ones.
    """

    source: str
    page: int
    newest: int | None = None
    confirm: bool = True
    longer: tuple[str, ...] = ()


class Dialogue:
    """Questions to an exchange; what it said before is compared with what it says now."""

    def __init__(self, ask: Ask, timeframe: Timeframe, habits: Habits) -> None:
        """Ask nothing yet."""
        self.timeframe = timeframe
        self.habits = habits
        self.duration = timeframe.duration
        self.span = habits.page * timeframe.duration
        """How long a stretch is of which one answer can speak."""
        self.now = 0
        self.disputed: dict[int, tuple[Candle, ...]] = {}
        self._ask = ask
        self._said: dict[int, Candle] = {}

    def ask(self, cursor: int, end: int) -> Answer:
        """Ask for the candles that open from ``cursor`` on, for a page of them or, if that is less, until ``end``.

        Raises `SourceUnavailable` if a bar that was closed long ago is not what it was a moment before.
        """
        since = self.since(cursor)
        limit = max(1, min(self.habits.page, (end - since) // self.duration + _MARGIN))
        answer = self._ask(self.timeframe.name, since, None if self.habits.newest else limit)
        self.now = answer.now
        self.disputed |= answer.disputed
        settled = {c[0]: c for c in answer.candles if self.close_of(c[0]) <= answer.now - SETTLING}
        self._compare(settled)
        self._said = {time: candle for time, candle in self._said.items() if time >= since} | settled
        return answer

    def ask_longer(self, name: str, since: int) -> Answer:
        """Ask for a page of longer bars."""
        return self._ask(name, since, None if self.habits.newest else self.habits.page)

    def since(self, cursor: int) -> int:
        """Return where to ask from: a candle early, since some exchanges leave out the one that is asked from."""
        early = self.duration if self.habits.page >= _MARGIN else 0
        return max(cursor - early, FLOOR) if cursor > FLOOR else FLOOR

    def close_of(self, time: int) -> int:
        """Return when a bar closes."""
        if self.timeframe.name != "1M":
            return time + self.duration
        return int(self.timeframe.close_of(np.array([time], np.int64))[0])

    def may_open(self, stretch: Interval) -> bool:
        """Whether a bar could open in a stretch; where the third of three days falls is up to the exchange."""
        if stretch.empty or self.timeframe.name == "3d":
            return not stretch.empty
        return int(self.timeframe.open_of(np.array([stretch.end - 1], np.int64))[0]) >= stretch.start

    @property
    def quiet(self) -> int:
        """Return the time before which a bar that opened is closed for so long that it would be there."""
        return self.now - SETTLING - self.duration

    def is_cut(self, answer: Answer) -> bool:
        """Whether an answer begins where the exchange's memory does."""
        return self.habits.newest is not None and len(answer.candles) >= self.habits.newest

    def unavailable(self, detail: str) -> SourceUnavailable:
        """Return the error for what may pass."""
        return SourceUnavailable(source=self.habits.source, detail=detail)

    def in_the_future(self, answer: Answer) -> SourceError | None:
        """Return the error for bars that nobody can know yet, if there are any."""
        ahead = [candle[0] for candle in answer.candles if candle[0] > answer.now + _AHEAD]
        if not ahead:
            return None
        detail = f"it gives a bar of {format_time(ahead[0])}, which lies in the future; is this machine's clock right?"
        return SourceError(source=self.habits.source, detail=detail)

    def _compare(self, settled: dict[int, Candle]) -> None:
        for time in sorted(settled.keys() & self._said.keys() - self.disputed.keys()):
            if settled[time] != self._said[time]:
                told = f"the {self.timeframe} bar of {format_time(time)} changed between two of its answers"
                raise self.unavailable(told)


def present(answer: Answer) -> list[Candle]:
    """Return the candles of an answer without those of the future."""
    return [candle for candle in answer.candles if candle[0] <= answer.now + _AHEAD]


def duration_of(name: str) -> int:
    """Return the longest duration (ns) of a timeframe in ccxt's spelling."""
    return int(name[:-1]) * _UNITS[name[-1]]
