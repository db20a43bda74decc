"""Adjusting: bars as they were read become bars for a mode, with the events that were known in their state.

What happened after the bars that are asked for counts too, and needs the closes before it: these are read in short
stretches, and kept, since at one revision they never change. A snapshot is adjusted by what lies within it, so that it
is the same for ever: events after its end are left out.
"""

from collections import OrderedDict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from threading import Lock
from typing import Any, Final

import numpy as np

from barledger.domain.action import CorporateAction
from barledger.domain.adjustment import Made, Mode, Payment, ShareChange, Steps, Wanted, applied, steps_of
from barledger.domain.calendar import AlwaysOpen
from barledger.domain.declared import is_raw
from barledger.domain.instrument import Register
from barledger.domain.interval import END_OF_TIME, Interval, difference, format_time, intersection, union
from barledger.domain.readable import Readable
from barledger.domain.rows import Rows, merge
from barledger.domain.series import Series
from barledger.domain.timeframe import DAY
from barledger.errors import CannotAdjust, InvalidSetting
from barledger.services.cache.priority import fill
from barledger.services.cache.reader import read
from barledger.services.cache.versions import pinned_rows
from barledger.services.retrieval.happenings import Happenings, happenings
from barledger.services.retrieval.view import Part, Stretch, View

# How far back to look for the bar before an ex-date, at first, then, and at last.
_SPANS: Final = (12 * DAY, 400 * DAY, END_OF_TIME)
# Of so many instruments and states what is known is kept, and of each so many steps and closes.
_MOST_KEPT: Final = 4_096
_MOST_STEPS: Final = 256
_MOST_CLOSES: Final = 65_536


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Adjusted(Readable):
    """A stretch after adjustment: for what, with what was known when (ns), and the events that counted.

    ``applied`` is how many events after the first bar the mode counts; ``events`` are all that are known. ``closed``
    says that those after the end of a snapshot are left out.
    """

    stretch: Stretch
    mode: Mode
    known_at: int
    events: tuple[CorporateAction, ...]
    applied: int
    closed: bool

    @property
    def told(self) -> dict[str, Any]:
        """Return it as values that JSON knows, for the provenance."""
        told = {
            "mode": self.mode,
            "known_at": format_time(self.known_at),
            "closed": self.closed,
            "events": self.applied,
        }
        return {"adjusted": told}


@dataclass(frozen=True, slots=True)
class _Close:
    """The last bar before a time: when it opened, its close as it is stored, and which part has it."""

    before: int
    close: float
    part: int


@dataclass(slots=True)
class _Known:
    """What is known of an instrument for some series, and what was worked out of it.

    It is right as long as ``mark`` and ``register`` are those of now, and until ``due`` (ns), the next ex-date.
    ``steps`` are by what was asked, ``closes`` by the state of the series and the time before which they are.
    """

    happenings: Happenings
    register: Register
    mark: int
    due: int
    steps: dict[Any, list[Steps]] = field(default_factory=dict)
    closes: dict[Any, _Close] = field(default_factory=dict)


class Adjuster:
    """Adjusts what was read; threads may share it."""

    def __init__(self) -> None:
        """Know nothing yet."""
        self._known: OrderedDict[Any, _Known] = OrderedDict()
        self._lock = Lock()

    def adjust(
        self, view: View, stretch: Stretch, mode: Mode, *, known_at: int | None = None, end: int | None = None
    ) -> Adjusted:
        """Return a stretch for a mode, by what was known in the view's state, or at a time (ns).

        Events from ``end`` (ns) on are left out; of a snapshot that is its own end. Raises `CannotAdjust`, and
        `InvalidSetting` where editions are mixed.
        """
        as_of = view.state.known_at if known_at is None else known_at
        now = view.vault.ledger.now() if as_of is None else as_of
        known = self._look(view, [part.series for part in stretch.parts], as_of, now)
        register, happened = known.register, known.happenings
        # A source that adjusts has seen the events up to when it was asked, which is the revision, or a little before.
        mades = [Made(adjusted=register.adjusted(part.series), until=part.revision) for part in stretch.parts]
        _check_one_state(view, mades)
        wanted = Wanted(mode=mode, end=view.reach.end if end is None else end)
        done = _marked(stretch)
        if len(stretch.rows) and happened.events:
            done = _Work(view, stretch, known, mades, wanted).done()
        return Adjusted(
            stretch=done,
            mode=mode,
            known_at=now,
            events=happened.events,
            applied=_applied(stretch, happened, wanted),
            closed=wanted.end != END_OF_TIME,
        )

    def _look(self, view: View, series: Sequence[Series], as_of: int | None, now: int) -> _Known:
        """Return what was known, from memory if there is no news."""
        register = view.register
        key = (view.instrument, *series, as_of)
        mark = view.vault.ledger.actions.mark(view.instrument) if as_of is None else as_of
        with self._lock:
            found = self._known.get(key)
            if found is not None and found.register is register and found.mark == mark and now < found.due:
                self._known.move_to_end(key)
                return found
        made = _known(view, series, register, as_of, now, mark)
        with self._lock:
            self._known[key] = made
            while len(self._known) > _MOST_KEPT:
                self._known.popitem(last=False)
        return made


def _known(view: View, series: Sequence[Series], register: Register, as_of: int | None, now: int, mark: int) -> _Known:
    actions = view.vault.ledger.actions.list(instrument=view.instrument, known_at=as_of, denials=True)
    # Days and longer bars need no calendar to find their place.
    calendar = AlwaysOpen() if view.timeframe.duration >= DAY else view.calendar()
    due = min((one.ex_date for one in actions if one.ex_date > now), default=END_OF_TIME)
    return _Known(happenings(actions, series, register, calendar, until=now), register, mark, due)


def _applied(stretch: Stretch, happened: Happenings, wanted: Wanted) -> int:
    if not len(stretch.rows):
        return 0
    first = int(stretch.rows.time[0])
    changes = sum(wanted.splits(one) for one in happened.shares.changes if one.at > first)
    return changes + sum(wanted.pays(one) for one in happened.payments if one.at > first)


def settled(view: View) -> int:
    """Return the earliest time (ns) at which the same was known of the view's instrument as in its state."""
    now = view.vault.ledger.now() if view.state.known_at is None else view.state.known_at
    known = view.vault.ledger.actions.history(view.instrument)
    moments = {moment for one in known for moment in (one.known_at, one.superseded_at, one.ex_date)}
    return max((moment for moment in moments if moment <= now), default=0)


def _check_one_state(view: View, mades: Iterable[Made]) -> None:
    """Refuse bars that their source had each adjusted for other events."""
    if view.known_within is None and view.state.version.kind != "first":
        return
    if not all(is_raw(made.adjusted) for made in mades):
        reason = "each of these bars was adjusted by its source for what had happened when it was given"
        raise InvalidSetting(setting="adjust", reason=f"{reason}; ask for latest, a revision, a time or a snapshot")


def _marked(stretch: Stretch) -> Stretch:
    """Say of bars that no event touches that their factor is 1."""
    ones = [replace(rows, adjustment_factor=np.ones(len(rows))) for rows in stretch.used]
    rows = ones[0] if len(ones) == 1 else replace(stretch.rows, adjustment_factor=np.ones(len(stretch.rows)))
    return replace(stretch, used=ones, rows=rows)


class _Work:
    """The adjustment of one stretch."""

    def __init__(self, view: View, stretch: Stretch, known: _Known, mades: Sequence[Made], wanted: Wanted) -> None:
        self._view, self._stretch, self._mades, self._wanted, self._known = view, stretch, mades, wanted, known
        self._times = stretch.rows.time
        self._first = int(self._times[0])
        self._shares = known.happenings.shares
        self._payments = [one for one in known.happenings.payments if one.at > self._first]
        self._unusable = [(at, error) for at, error in known.happenings.unusable if at > self._first]

    def done(self) -> Stretch:
        """Return the stretch, adjusted."""
        self._refuse_straddling()
        used = [
            applied(rows, steps.factors(rows.time))
            for rows, steps in zip(self._stretch.used, self._steps(), strict=True)
        ]
        return replace(self._stretch, used=used, rows=used[0] if len(used) == 1 else merge(used))

    def _steps(self) -> list[Steps]:
        """Return what events do to the bars of each part; that depends on the first bar only by what lies before it."""
        payments = tuple(one.at for one in self._payments[:1]), len(self._payments), len(self._unusable)
        key = (*self._state(), self._wanted, *payments)
        found = self._known.steps.get(key)
        if found is None:
            closed = self._with_closes() if self._needs_closes() else ()
            found = [steps_of(self._shares, closed, made, self._wanted) for made in self._mades]
            if len(self._known.steps) < _MOST_STEPS:
                self._known.steps[key] = found
        return found

    def _state(self) -> tuple[Any, ...]:
        snapshot = self._view.state.snapshot
        states = tuple((part.series, part.revision) for part in self._stretch.parts)
        return (*states, snapshot.id if snapshot else "", self._view.known_within, self._view.state.version.kind)

    def _needs_closes(self) -> bool:
        """Whether a payment has to be taken off or put back, refusing what cannot be."""
        wanted = self._wanted
        if wanted.mode == "total" or any(made.prices == "total" for made in self._mades):
            for at, error in self._unusable:
                if at < wanted.end or wanted.mode != "total":
                    raise error
        needed = any(wanted.pays(one) != made.pays(one) for one in self._payments for made in self._mades)
        if needed and len(self._mades) > 1 and any(made.prices == "total" for made in self._mades):
            reason = "a source that adjusts for payments cannot be joined with others; name one by source="
            raise InvalidSetting(setting="adjust", reason=reason)
        return needed

    def _refuse_straddling(self) -> None:
        """Raise `CannotAdjust` for a bar that lies on both sides of an ex-date."""
        frame = self._view.timeframe
        if frame.duration <= DAY:
            return
        changes = [one for one in self._shares.changes if any(self._moves(one, made) for made in self._mades)]
        paid = [one for one in self._payments if any(self._wanted.pays(one) != made.pays(one) for made in self._mades)]
        moving: list[ShareChange | Payment] = [*changes, *paid]
        for event in moving:
            place = int(np.searchsorted(self._times, event.at))
            if place and int(frame.close_of(self._times[place - 1 : place])[0]) > event.at:
                label = format_time(int(self._times[place - 1]))
                reason = f"the bar of {frame} at {label} lies on both sides of it; adjust bars of 1d, and resample"
                what = event.name if isinstance(event, Payment) else f"the split on {format_time(event.at)}"
                raise CannotAdjust(what=what, reason=reason)

    def _moves(self, change: ShareChange, made: Made) -> bool:
        wanted = self._wanted.splits(change)
        return wanted != made.splits(change) or wanted != made.splits(change, volume=True)

    # --- closes --------------------------------------------------------------------------------

    def _with_closes(self) -> list[Payment]:
        moving = [one for one in self._payments if self._counts_anywhere(one)]
        closes = self._closes(sorted({one.at for one in moving}))
        return [self._with_close(one, closes[one.at]) for one in moving]

    def _counts_anywhere(self, payment: Payment) -> bool:
        return self._wanted.pays(payment) or any(made.pays(payment) for made in self._mades)

    def _with_close(self, payment: Payment, found: _Close) -> Payment:
        close = self._shares.newest(found.close, found.before, self._mades[found.part])
        return replace(payment, before=found.before, close=close)

    def _closes(self, wanted: Sequence[int]) -> dict[int, _Close]:
        """Return the last bar before each time."""
        last = int(self._times[-1])
        found = {at: self._inside(at) for at in wanted if at <= last}
        for at in wanted:
            if at > last and (kept := self._known.closes.get((*self._state(), at))) is not None:
                found[at] = kept
        found |= self._outside([at for at in wanted if at not in found])
        return found

    def _inside(self, at: int) -> _Close:
        return self._last(self._stretch.rows, self._stretch.used, int(np.searchsorted(self._times, at)) - 1)

    def _last(self, rows: Rows, used: Sequence[Rows], place: int) -> _Close:
        time = int(rows.time[place])
        part = next(number for number, mine in enumerate(used) if _has(mine, time))
        return _Close(time, float(rows.close[place]), part)

    def _outside(self, wanted: Sequence[int]) -> dict[int, _Close]:
        """Look for bars between the stretch and these times; where there is none, its last bar is the one before."""
        found: dict[int, _Close] = {}
        after = int(self._times[-1]) + 1
        left = list(wanted)
        for span in _SPANS:
            if not left:
                break
            starts = {at: max(after, at - span) for at in left}
            rows, used = self._read(union(Interval(start, at) for at, start in starts.items() if start < at))
            for at in left:
                place = int(np.searchsorted(rows.time, at)) - 1
                if place >= 0 and int(rows.time[place]) >= starts[at]:
                    found[at] = self._last(rows, used, place)
                elif starts[at] == after:
                    found[at] = self._last(self._stretch.rows, self._stretch.used, len(self._times) - 1)
            left = [at for at in left if at not in found]
        if len(self._known.closes) < _MOST_CLOSES:
            self._known.closes |= {(*self._state(), at): close for at, close in found.items()}
        return found

    def _read(self, intervals: Sequence[Interval]) -> tuple[Rows, Sequence[Rows]]:
        parts = [self._read_part(part, number, intervals) for number, part in enumerate(self._stretch.parts)]
        if len(parts) == 1:
            return parts[0], parts
        return fill(parts, self._view.timeframe)

    def _read_part(self, part: Part, number: int, intervals: Sequence[Interval]) -> Rows:
        view = self._view
        snapshot = view.state.snapshot
        if snapshot is None or not view.pins:
            return read(view.vault, part.series, intervals, revision=part.revision).rows.standing()
        pin = view.pins[number]
        rows = [pinned_rows(view.vault, snapshot, pin, intersection(intervals, [pin.interval]))]
        beyond = difference(intervals, [pin.interval])
        if beyond:
            rows.append(read(view.vault, part.series, beyond, revision=part.revision).rows.standing())
        return merge(rows)


def _has(rows: Rows, time: int) -> bool:
    place = int(np.searchsorted(rows.time, time))
    return place < len(rows) and int(rows.time[place]) == time
