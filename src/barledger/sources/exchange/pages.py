"""Pages: from an exchange that gives a few candles at a time to a record of all that it has.

Exchanges differ in what they make of "from here on". Some give the next candles there are, wherever; some those of one
window, which may be empty though later ones are not; some give their newest and nothing older. No answer says which.
So nothing is taken for empty on one word: what is missing between candles is asked for again, and what lies beyond a
page is compared with the exchange's own longer bars, which also find the next stretch in which it traded.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from barledger.domain.interval import Interval, format_time
from barledger.domain.timeframe import Timeframe
from barledger.errors import OutOfReach
from barledger.sources.exchange.candles import Answer, Candle
from barledger.sources.exchange.dialogue import FLOOR, Ask, Dialogue, Habits, present
from barledger.sources.exchange.witnesses import Witnesses

_ROUNDS: Final = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """A part of the record: all candles of an interval, those included that dispute each other's time.

    ``complete`` is False where the exchange may have more than it gave.
    """

    candles: tuple[Candle, ...]
    interval: Interval
    complete: bool
    asked: str = ""


class Pages:
    """The record of one market at one timeframe over an interval, page by page."""

    def __init__(self, ask: Ask, timeframe: Timeframe, interval: Interval, habits: Habits) -> None:
        """Ask nothing yet."""
        self._talk = Dialogue(ask, timeframe, habits)
        self._witnesses = Witnesses(self._talk)
        self._interval = interval
        self.first: int | None = None
        """When the first candle of all opened, once that is known."""

    def __iter__(self) -> Iterator[Page]:
        """Give pages that ascend and do not overlap; the last one ends where closed bars end.

        Raises `SourceUnavailable` if answers contradict each other, `OutOfReach` if the exchange does not serve
        any of the interval, `SourceError` if it gives bars of the future; what is good before that was given.
        """
        if self._interval.end <= FLOOR:
            yield Page(candles=(), interval=self._interval, complete=True)
            return
        cursor, held = self._interval.start, None
        answer: Answer | None = None
        while cursor < self._interval.end:
            answer = answer or self._asked(cursor, held)
            step = self._step(answer, cursor, held)
            if step.upto > cursor:
                yield self._page(step, Interval(cursor, step.upto), answer.asked)
            future = self._talk.in_the_future(answer)
            if future is not None:
                raise future
            if step.last:
                return
            answer = answer if step.goes_on else None
            cursor, held = step.upto, step.held

    # --- one step ------------------------------------------------------------------------------

    def _asked(self, cursor: int, held: Candle | None) -> Answer:
        """Ask for what comes at ``cursor``; a second time, if the answer lacks what should be in it.

        That is something new, and ``held``, the candle at the cursor, if it is known already.
        """
        known_until = self._known_until(cursor, held)
        answer = self._talk.ask(cursor, self._interval.end)
        wanted = known_until < min(self._interval.end, self._talk.quiet)
        nothing_new = wanted and all(candle[0] < known_until for candle in answer.candles)
        if self._talk.habits.confirm and (nothing_new or _lacks(answer, held)):
            answer = self._talk.ask(cursor, self._interval.end)
        if held is not None and _lacks(answer, held):
            told = f"the {self._talk.timeframe} bar of {format_time(held[0])} is missing in the answer after it"
            raise self._talk.unavailable(told)
        return answer

    def _step(self, answer: Answer, cursor: int, held: Candle | None) -> "_Step":
        """Judge an answer."""
        end, known_until = self._interval.end, self._known_until(cursor, held)
        candles = [candle for candle in present(answer) if candle[0] >= cursor]
        found = {c[0]: c for c in candles if c[0] < end and self._talk.close_of(c[0]) <= answer.now}
        later = [candle[0] for candle in candles if candle[0] not in found]
        new = [candle[0] for candle in candles if candle[0] >= known_until]
        if not new:
            return self._nothing_new(answer, cursor, held)
        before = Interval(known_until, max(min(new[0], end), known_until))
        if self._not_served(answer, before):
            return self._left_out(new[0], cursor, held)
        if cursor <= FLOOR and new[0] in found:
            self.first = new[0]
        return self._judged(found, later, cursor, known_until)

    def _judged(self, found: dict[int, Candle], later: Sequence[int], cursor: int, known_until: int) -> "_Step":
        """Close what is open between the candles of an answer."""
        talk, end = self._talk, self._interval.end
        newest = max(found, default=None)
        through = known_until if newest is None else talk.close_of(newest)
        done = bool(later) or through >= end or talk.close_of(through) > talk.now
        if done:
            # What is missing in the last moments may only be late.
            upto = max(min(through, end), min(*later, end, talk.quiet) if later else cursor)
        else:
            upto = newest if newest is not None and talk.habits.page > 1 else through
        upto = max(upto, cursor)
        complete = self._confirm(found, Interval(cursor, upto), known_until)
        kept = {time: candle for time, candle in found.items() if time < upto}
        return _Step(candles=kept, upto=upto, held=None if done else found.get(upto), complete=complete, last=done)

    def _nothing_new(self, answer: Answer, cursor: int, held: Candle | None) -> "_Step":
        """Go on after an answer that holds nothing new."""
        talk, known_until = self._talk, self._known_until(cursor, held)
        if talk.habits.newest is not None and not answer.candles and known_until <= talk.now:
            raise talk.unavailable("its answer has no bars, not even the newest")
        kept = {} if held is None else {held[0]: held}
        stop = min(self._interval.end, talk.quiet)
        reached = max(talk.since(cursor) + talk.span, known_until + talk.duration)
        last = reached >= min(self._interval.end, talk.now)
        if known_until >= stop:
            upto = min(known_until, self._interval.end) if kept else cursor
            return _Step(candles=kept, upto=upto if last else reached, complete=last, last=last)
        upto = self._witnesses.next_trading(Interval(known_until, min(reached, stop)), stop)
        return _Step(candles=kept, upto=upto, complete=talk.habits.confirm, last=last and upto >= stop)

    def _left_out(self, after: int, cursor: int, held: Candle | None) -> "_Step":
        """Pass over what the exchange has and does not give; refuse, if nothing else is wanted."""
        habits, end = self._talk.habits, self._interval.end
        if after >= end and cursor == self._interval.start:
            only = f"its newest {habits.newest}" if habits.newest else "no older ones"
            told = f"{self._talk.timeframe} bars before {format_time(after)}; it serves {only}"
            raise OutOfReach(who=f"source {habits.source}", capability=told)
        kept = {} if held is None else {held[0]: held}
        upto = min(after, end)
        return _Step(candles=kept, upto=upto, complete=False, last=upto >= end, goes_on=True)

    def _page(self, step: "_Step", interval: Interval, asked: str) -> Page:
        candles: list[Candle] = []
        for time in sorted(step.candles):
            candles += self._talk.disputed.get(time, (step.candles[time],))
        return Page(candles=tuple(candles), interval=interval, complete=step.complete, asked=asked)

    def _known_until(self, cursor: int, held: Candle | None) -> int:
        return cursor if held is None else self._talk.close_of(held[0])

    # --- what is missing -----------------------------------------------------------------------

    def _not_served(self, answer: Answer, before: Interval) -> bool:
        """Whether the exchange has bars in the stretch before the first new one of an answer, and keeps them back."""
        talk = self._talk
        if not talk.may_open(before):
            return False
        if talk.is_cut(answer):
            return True
        if not self._is_long(before):
            return False
        if talk.habits.confirm and any(c[0] in before for c in talk.ask(before.start, before.start).candles):
            told = f"it now gives {talk.timeframe} bars after {format_time(before.start)}, and a moment ago it did not"
            raise talk.unavailable(told)
        return self._witnesses.contradict(before)

    def _is_long(self, stretch: Interval) -> bool:
        """Whether a stretch is longer than what one answer can speak of."""
        return stretch.end - max(stretch.start, FLOOR) > self._talk.span

    def _confirm(self, found: dict[int, Candle], interval: Interval, known_until: int) -> bool:
        """Ask again for what is missing between candles, and add what comes; tells whether the rest is missing."""
        holes = self._holes(found, interval, known_until)
        for _ in range(_ROUNDS):
            if not holes or not self._talk.habits.confirm:
                return not holes
            hull = Interval(holes[0].start, holes[-1].end)
            more, whole = self._again(hull, neighbour=hull.end in found)
            new = more.keys() - found.keys()
            found |= {time: more[time] for time in new}
            holes = self._holes(found, interval, known_until)
            if whole and not new:
                return True
        return not holes

    def _holes(self, found: Mapping[int, Candle], interval: Interval, known_until: int) -> list[Interval]:
        """Return the stretches of an interval in which a bar could open and none does.

        A long one before the first candle is left to the exchange's longer bars.
        """
        times = sorted(time for time in found if time in interval)
        start = max(interval.start, known_until)
        head = Interval(start, max(start, times[0] if times else interval.end))
        holes = [head] if self._talk.may_open(head) and not self._is_long(head) else []
        for time, following in zip(times, [*times[1:], interval.end], strict=False):
            close = self._talk.close_of(time)
            if close < following:
                holes.append(Interval(close, following))
        return holes

    def _again(self, hull: Interval, *, neighbour: bool) -> tuple[dict[int, Candle], bool]:
        """Return the candles of a stretch as other answers have them, and whether they speak of all of it.

        Where there is a candle at its end, an answer without that one may have been cut short.
        """
        more: dict[int, Candle] = {}
        at = hull.start
        for _ in range(_ROUNDS + (hull.end - hull.start) // self._talk.span):
            answer = self._talk.ask(at, hull.end)
            if self._talk.is_cut(answer) and answer.candles[0][0] > at:
                return more, False
            more |= {c[0]: c for c in answer.candles if c[0] in hull and self._talk.close_of(c[0]) <= answer.now}
            if any(candle[0] >= hull.end for candle in answer.candles):
                return more, True
            at = max(at, self._talk.since(at) + self._talk.span, *(self._talk.close_of(time) for time in more))
            if at >= hull.end:
                return more, not neighbour
        return more, False


def _lacks(answer: Answer, held: Candle | None) -> bool:
    return held is not None and all(candle[0] != held[0] for candle in answer.candles)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Step:
    """What one answer settles: the candles up to ``upto``, and whether that is all.

    ``held`` is the candle at ``upto``, if it is known; ``goes_on`` means that the answer speaks of what comes then too.
    """

    candles: Mapping[int, Candle]
    upto: int
    complete: bool
    last: bool
    held: Candle | None = None
    goes_on: bool = False
