"""Places: under what a table is kept, and whether one that is kept still is what would be read now."""

from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from barledger.domain.interval import BEGINNING, END_OF_TIME, Interval
from barledger.domain.series import Series
from barledger.indicators.binding import Request
from barledger.ledger.contract import SeriesState
from barledger.services.cache.vault import Vault
from barledger.services.indicators.held import Held
from barledger.services.indicators.question import Need, Question
from barledger.services.indicators.reading import skipped
from barledger.services.instruments import InstrumentService
from barledger.services.retrieval.selection import select
from barledger.services.retrieval.state import State
from barledger.services.retrieval.view import NOTHING_KNOWN, Part, View


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """What a question reads: ``key`` is the same for the same series in the same circumstances.

    ``revisions`` are those to read each series at, empty for a snapshot, whose bars never change. ``newest`` says that
    these are the last ones; ``state`` is what the ledger tells of a single series. ``view`` is where bars are read.
    """

    key: Hashable
    revisions: Mapping[Series, int]
    newest: bool
    view: View
    state: SeriesState | None = None


class Places:
    """Resolves questions to places."""

    def __init__(self, vault: Vault, instruments: InstrumentService) -> None:
        """Ask this ledger."""
        self._vault, self._instruments = vault, instruments

    @property
    def mark(self) -> int:
        """Return how much the ledger has noted: as long as that is the same, no answer differs."""
        return self._vault.ledger.audit.size()

    def find(self, question: Question, need: Need) -> Place | None:
        """Return the place of a question, None for what is not kept; raises what reading raises."""
        asked = question.asked
        if asked.version.kind == "first":
            return None
        names = [(name, question.timeframe) for name in (question.instrument, *need.others)]
        views = select(self._vault, self._instruments, names, asked)
        series = tuple(one for view in views for one in view.series)
        state, facts = views[0].state, views[0].register.mark
        # Which bars came from which of several sources is told of a whole stretch, so it serves the same one alone.
        stretch = need if any(len(view.series) > 1 for view in views) else None
        if state.snapshot is not None:
            pinned = (state.snapshot.id, state.snapshot.created_at)
            at_snapshot = (series, pinned, question.adjust, facts, stretch)
            return Place(key=at_snapshot, revisions={}, newest=False, view=views[0])
        latest = asked.version.kind == "latest"
        known: tuple[Any, ...] = ()
        if question.adjust is not None:
            marks = tuple(self._vault.ledger.actions.mark(name) for name, _ in names)
            known = (question.adjust, marks, "" if latest else asked.label)
        single = self._looked(state, series[0]) if len(series) == 1 else None
        at = dict(state.at) if state.at or single is None else {series[0]: single.revision}
        if single is not None:
            at = {series[0]: min(at[series[0]], single.revision)}
        at_state = (series, state.known_at, known, facts, stretch)
        return Place(key=at_state, revisions=at, newest=latest, view=views[0], state=single)

    def _looked(self, state: State, series: Series) -> SeriesState:
        found = state.looked.get(series)
        return self._vault.ledger.revisions.state(series) if found is None else found

    @staticmethod
    def added(held: Held, place: Place) -> Part:
        """Return the newest bars behind those of a table of one series, to which at most bars were `appended`."""
        looked = NOTHING_KNOWN if place.state is None else {place.state.series: place.state}
        stretch = place.view.read(Interval(int(held.table.time[-1]) + 1, END_OF_TIME), looked=looked)
        return stretch.parts[0]

    def due(self, question: Question, place: Place) -> int | None:
        """Return the next ex-date (ns) from which on the newest state is adjusted otherwise, if there is one."""
        if question.adjust is None or not place.newest:
            return None
        now = self._vault.ledger.now()
        listed = self._vault.ledger.actions.list(instrument=question.instrument, denials=True)
        return min((one.ex_date for one in listed if one.ex_date > now), default=None)

    # --- whether a table is right --------------------------------------------------------------

    def fits(self, held: Held, need: Need, request: Request) -> bool:
        """Tell whether a table has all rows and columns that are needed."""
        if need.end > held.interval.end or any(one.key not in held.table.columns for one in request.columns):
            return False
        if held.interval.start == BEGINNING:
            return True
        if need.whole or held.interval.start > (need.start if need.start is not None else held.interval.start):
            return False
        time = held.table.time
        if need.last is not None:
            enough = int(np.searchsorted(time, need.end)) >= need.last + need.back
        else:
            enough = int(np.searchsorted(time, need.start or BEGINNING)) >= need.back
        return enough and not skipped(held.table, request, need)

    def current(self, held: Held, place: Place) -> bool:
        """Tell whether bars of a table are those of the place, because nothing in its interval has changed since."""
        if self._due(held):
            return False
        if self.same(held, place):
            return True
        return self._follows(held, place) and not self._changed(held, held.interval)

    @staticmethod
    def same(held: Held, place: Place) -> bool:
        """Tell whether a table was read at the revisions of the place, or never changes."""
        return not place.revisions or dict(held.revisions) == dict(place.revisions)

    def appended(self, held: Held, place: Place) -> bool:
        """Tell whether at most bars were added behind those of an open-ended table of one series, as it came."""
        plain = place.newest and held.interval.end == END_OF_TIME and not held.bars.is_view and bool(len(held.table))
        if not plain or self.same(held, place) or self._due(held) or not self._follows(held, place):
            return False
        return not self._changed(held, Interval(BEGINNING, int(held.table.time[-1]) + 1))

    def _due(self, held: Held) -> bool:
        return held.due is not None and self._vault.ledger.now() >= held.due

    def _follows(self, held: Held, place: Place) -> bool:
        """Tell whether a place is a later state of a single series, with the same history behind it."""
        if place.state is None or held.state is None or len(held.revisions) != 1:
            return False
        same = (place.state.horizon, place.state.gone) == (held.state.horizon, held.state.gone)
        (before,), (now,) = held.revisions.values(), place.revisions.values()
        return same and now >= before

    def _changed(self, held: Held, interval: Interval) -> bool:
        (series, revision), *_ = held.revisions.items()
        return bool(self._vault.ledger.revisions.conflicting(series, interval, revision))
