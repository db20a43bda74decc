"""Witnesses: an exchange's longer bars, which say where it traded at all.

A stretch of which an exchange gives no bars may be one in which nothing was traded, one before its listing, or one that
the exchange does not serve any more at this timeframe. Its longer bars tell these apart, and they are few.
"""

from collections.abc import Iterator
from typing import Final

from barledger.domain.interval import Interval, format_time
from barledger.sources.exchange.dialogue import FLOOR, Dialogue, duration_of

_MOST_STEPS: Final = 500


class Witnesses:
    """The longer bars of one market."""

    def __init__(self, dialogue: Dialogue) -> None:
        """Ask nothing yet."""
        self._dialogue = dialogue
        lengths = sorted((duration_of(name), name) for name in dialogue.habits.longer)
        self._longer = [(length, name) for length, name in lengths if length > dialogue.duration]

    def contradict(self, stretch: Interval) -> bool:
        """Whether something was traded in a stretch: a longer bar that lies wholly within it says so."""
        start = max(stretch.start, FLOOR)
        fitting = [(length, name) for length, name in self._longer if 2 * length <= stretch.end - start]
        if not fitting:
            return False
        length, name = fitting[-1]
        windows = self._windows(name, Interval(start, stretch.end))
        return any(start <= time and time + length <= stretch.end for times, _ in windows for time in times)

    def next_trading(self, window: Interval, stop: int) -> int:
        """Return how far nothing is traded from the start of a window of which the exchange gave nothing.

        At least the window is; never more than until ``stop``. Raises `SourceUnavailable` if the exchange's longer
        bars say that something was traded within it.
        """
        if not self._longer:
            return window.end
        _, near = self._near()
        first, reached = next(self._windows(near, Interval(window.start, stop)), ([], window.end))
        within = [time for time in first if time >= window.start and time + duration_of(near) <= window.end]
        if within:
            told = (
                f"it gives a {near} bar of {format_time(within[0])}, and no {self._dialogue.timeframe} bars within it"
            )
            raise self._dialogue.unavailable(f"{told}; it may not serve so old ones")
        if not first and reached < stop:
            length, far = self._longer[-1]
            later = (times for times, _ in self._windows(far, Interval(reached, stop)))
            first = [self._narrowed(max(reached, time), stop, length) for time in next(filter(None, later), [])[:1]]
        return min(max(window.end, min(first)), stop) if first else stop

    def _narrowed(self, at: int, stop: int, length: int) -> int:
        """Return when something is traded first, given when a long bar opens in which something is."""
        talk = self._dialogue
        while length > talk.span:
            finer = [one for one in self._longer if one[0] < length <= one[0] * talk.habits.page]
            if not finer or at >= stop:
                return at
            length, name = finer[0]
            times, _ = next(self._windows(name, Interval(at, stop)))
            at = max([at, *times[:1]])
        return at

    def _near(self) -> tuple[int, str]:
        """Return the longest bars of which one lies wholly within a page's stretch, else the shortest of all."""
        fitting = [(length, name) for length, name in self._longer if 2 * length <= self._dialogue.span]
        return fitting[-1] if fitting else self._longer[0]

    def _windows(self, name: str, stretch: Interval) -> Iterator[tuple[list[int], int]]:
        """Give, answer by answer, the opening times of the bars of a stretch with trades, and how far it reached."""
        habits, length, start = self._dialogue.habits, duration_of(name), max(stretch.start, FLOOR)
        since = max(start - length, FLOOR)
        for _ in range(_MOST_STEPS):
            if since >= stretch.end:
                return
            answer = self._dialogue.ask_longer(name, since)
            times = [c[0] for c in answer.candles if c[0] + length > start and c[0] < stretch.end and c[5] != 0]
            beyond = habits.newest is not None or any(candle[0] >= stretch.end for candle in answer.candles)
            reached = max([since + habits.page * length, *(time + length for time in times)])
            since = stretch.end if beyond else min(reached, stretch.end)
            yield times, max(since, start)
