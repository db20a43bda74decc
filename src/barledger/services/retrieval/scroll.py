"""Scrolls: one question for bars that is resolved once and answered in portions, so that memory stays bounded.

Every portion, and every page that follows from a `Bookmark`, is of the state that was resolved at first, whatever is
written meanwhile. What the answer depends on is known from the ledger alone (`Scroll.mark`), and so, of whole blocks of
the newest state and of whole pins, is its digest (`Scroll.told`): nobody has to read bars to learn that nothing
changed.
"""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from functools import cached_property
from operator import attrgetter
from typing import Any, Final

import numpy as np

from barledger.domain.bars import Bars, SourceSpan
from barledger.domain.digest import EMPTY_ROOT, Block, block_digests, root_digest
from barledger.domain.interval import BEGINNING, END_OF_TIME, Interval, intersection
from barledger.domain.readable import Readable
from barledger.domain.rows import Ints
from barledger.domain.series import Series
from barledger.domain.version import Version
from barledger.errors import InvalidCursor
from barledger.ledger.contract import SeriesState
from barledger.services.cache.counting import diverged
from barledger.services.cache.vault import Vault
from barledger.services.cache.versions import within_pin
from barledger.services.instruments import InstrumentService
from barledger.services.retrieval.adjusting import Adjuster, settled
from barledger.services.retrieval.answering import answer
from barledger.services.retrieval.nothing import told_of_nothing
from barledger.services.retrieval.request import ReadRequest
from barledger.services.retrieval.selection import Name, select
from barledger.services.retrieval.view import Stretch, View, told_window
from barledger.services.retrieval.window import read_window

PORTION: Final = 65_536
"""So many bars are about as much as is held at once."""

_NESTED: Final = {
    "interval": ("interval.start", "interval.end"),
    "version": tuple(f"version.{one.name}" for one in fields(Version)),
}
_ASKED: Final = attrgetter(*(name for one in fields(ReadRequest) for name in _NESTED.get(one.name, (one.name,))))
"""All that a request asks for, as text, numbers, and tuples of these."""

# A portion may hold so many times more than the ledger's counts of now promise, where bars were withdrawn since.
_SLACK: Final = 4


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Bookmark(Readable):
    """Where the next page of an answer begins (ns), and the state that its first page resolved to.

    ``at`` are the revisions of the sources in their order, or ``snapshot`` is the id; ``known_at`` (ns) is until when
    corporate actions count.
    """

    start: int
    at: tuple[tuple[str, int], ...] = ()
    snapshot: str = ""
    known_at: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What a whole answer comes to: its number of bars, its digest in hex, and which of them came from which source.

    ``revisions`` are those that each series was read at. Of one source alone the span may be that which was asked for.
    """

    rows: int
    digest: str
    revisions: Mapping[Series, int]
    adjustment: str
    spans: tuple[SourceSpan, ...]
    notes: Mapping[str, Any]
    is_view: bool = False

    @property
    def revision(self) -> int:
        """Return the highest revision that any series was read at."""
        return max(self.revisions.values())

    @property
    def sources(self) -> tuple[tuple[str, int], ...]:
        """Return how many bars came from which source."""
        return tuple((span.source, span.rows) for span in self.spans)

    @staticmethod
    def of(bars: Bars, digest: bytes | None = None) -> "Told":
        """Tell what bars in hand come to, whose digest may be known."""
        return Told(
            rows=len(bars),
            digest=bars.digest if digest is None else digest.hex(),
            revisions=bars.revisions,
            adjustment=bars.adjustment,
            spans=bars.sources,
            notes=bars.notes,
            is_view=bars.is_view,
        )


class Scroll:
    """The bars of one instrument at one timeframe in one state; made by `DataRetrievalService.scroll`."""

    def __init__(
        self,
        view: View,
        request: ReadRequest,
        adjuster: Adjuster,
        *,
        known_at: int,
        portion: int = PORTION,
        looked: Sequence[SeriesState] = (),
    ) -> None:
        """Answer a request from a view whose state is settled (`open_scroll`); ``looked`` is what the ledger told."""
        self._looked = list(looked)
        self.most = portion
        self.view = view
        self.request = request
        self.known_at = known_at
        self._adjuster = adjuster
        self._whole: Bars | None = None

    # --- without reading bars ------------------------------------------------------------------

    @property
    def version(self) -> str:
        """Return the version that was asked for, or the snapshot's id that it resolved to."""
        snapshot = self.view.state.snapshot
        return snapshot.id if snapshot else self.request.label

    @property
    def immutable(self) -> bool:
        """Whether the same question has the same answer for ever: bars of a snapshot by its id, as they are stored."""
        named = self.view.state.snapshot is not None and self.request.version.kind == "named"
        return named and self.request.adjustment is None

    @cached_property
    def mark(self) -> str:
        """Return a digest of everything that the answer depends on; equal marks are equal answers."""
        snapshot = self.view.state.snapshot
        told = (
            self.view.vault.ledger.id,
            _ASKED(self.request),
            [_state_told(state, self.view.state.at) for state in self._states],
            (snapshot.id, snapshot.data_hash) if snapshot else (),
            self.view.made_for(self.view.series),
            self.calendar,
            self._events_until,
            self.known_at,
        )
        # All of it is text, numbers, and tuples of these.
        return hashlib.sha256(repr(told).encode()).hexdigest()

    @cached_property
    def calendar(self) -> str:
        """Return the name of the calendar by which the instrument trades."""
        return self.view.register.describe(self.view.instrument).calendar

    @property
    def _events_until(self) -> int:
        """Return until when (ns) the corporate actions that count were told; 0 where none do."""
        if not self.request.adjustment:
            return 0
        return self.known_at or settled(self.view)

    def warning(self, told: Told) -> str:
        """Say that there never were such bars, which may be a misspelling, or none yet at the version; else nothing."""
        return told_of_nothing(self.view, self.request, rows=told.rows, revision=told.revision)

    # --- reading -------------------------------------------------------------------------------

    @property
    def small(self) -> bool:
        """Whether the whole answer is held at once."""
        if self.request.last is not None or self._rows_of_all <= self.most:
            return True
        return int(self._counts[1].sum()) <= self.most

    @property
    def _rows_of_all(self) -> int:
        """Return how many bars the series have, or the snapshot, whatever the interval."""
        return sum(pin.rows for pin in self.view.pins) or sum(state.rows for state in self._states)

    def whole(self) -> Bars:
        """Return all bars at once."""
        if self._whole is None:
            newest = self.request.last is not None
            stretch = read_window(self.view, self.request) if newest else self._read(self.interval, self._states)
            self._whole = self._bars(stretch)
        return self._whole

    def portions(self) -> Iterator[Bars]:
        """Give the bars in order of time, portion by portion; there is at least one, be it empty.

        Raises `StoreDiverged` after the last one of a snapshot that has more bars, or fewer, than are pinned.
        """
        if self.small:
            yield self.whole()
            return
        found = 0
        for interval in self._cuts(self.most):
            bars = self._bars(self._read(interval))
            found += len(bars)
            yield bars
        pinned = self._known_pin()
        if pinned is not None and pinned[0] != found:
            raise diverged(self.view.series[0], f"of snapshot {self.version} it has {found} of {pinned[0]} bars")

    def page(self, limit: int) -> tuple[Bars, Bookmark | None]:
        """Return the first bars, at most so many, and where the next page begins if there is one."""
        for interval in self._growing(limit):
            stretch = self._read(interval)
            if len(stretch.rows) > limit:
                end = int(stretch.rows.time[limit])
                return self._bars(stretch.within(Interval(interval.start, end))), self._bookmark(end)
        return self._bars(stretch), None

    def told(self) -> Told:
        """Return what the answer comes to; what the ledger does not know of it is read, portion by portion."""
        if self.small:
            return Told.of(self.whole(), self._known_whole())
        first = Told.of(next(self.portions()))
        known = self._known_pin() or self._known_blocks()
        if known is not None:
            rows, digest = known
            span = SourceSpan(source=self.view.series[0].source, interval=self.interval, rows=rows)
            return replace(first, rows=rows, digest=digest.hex(), spans=(span,) if rows else ())
        return self._added_up(first)

    def _added_up(self, first: Told) -> Told:
        link, rows, revisions = EMPTY_ROOT, 0, dict(first.revisions)
        spans: dict[str, SourceSpan] = {}
        for bars in self.portions():
            link = root_digest(block_digests(bars.rows, self.view.timeframe), after=link)
            rows += len(bars)
            revisions |= bars.revisions
            for span in bars.sources:
                spans[span.source] = _joined(spans.get(span.source), span)
        order = [one.source for one in self.view.series]
        found = tuple(sorted(spans.values(), key=lambda span: order.index(span.source)))
        series = {one: revisions[one] for one in self.view.series if one in revisions}
        return replace(first, rows=rows, digest=link.hex(), revisions=series, spans=found)

    # --- parts ---------------------------------------------------------------------------------

    @property
    def _name(self) -> Name:
        return self.view.instrument, self.view.timeframe

    @cached_property
    def _states(self) -> list[SeriesState]:
        return self._looked or self.view.vault.ledger.revisions.states(self.view.series)

    @cached_property
    def interval(self) -> Interval:
        """Return what is asked for, of a snapshot within its bounds; raises `InvalidInterval` outside them."""
        snapshot = self.view.state.snapshot
        asked = self.request.interval
        if snapshot is not None:
            asked = within_pin(snapshot, self.view.pins[0], asked)
        return self._prolonged(asked) if self.request.lookback else asked

    def _prolonged(self, asked: Interval) -> Interval:
        """Begin so many bars earlier, as far as there are any."""
        before = replace(self.request, interval=Interval(asked.start, asked.start))
        times = read_window(self.view, before).rows.time
        return Interval(int(times[0]), asked.end) if len(times) else asked

    @cached_property
    def _counts(self) -> tuple[Ints, Ints]:
        """Return where blocks begin, and about how many bars each has."""
        listed = self.view.vault.ledger.catalog.counts_of(self.view.series, self.interval)
        starts = np.concatenate([np.zeros(0, np.int64), *(starts for starts, _ in listed.values())])
        counts = np.concatenate([np.zeros(0, np.int64), *(counts for _, counts in listed.values())])
        edges, place = np.unique(starts, return_inverse=True)
        return edges, np.bincount(place, counts, minlength=len(edges)).astype(np.int64)

    def _cuts(self, rows: int) -> Iterator[Interval]:
        """Divide the interval where blocks begin, so that each part has about so many bars."""
        starts, counts = self._counts
        longest = _SLACK * rows * self.view.timeframe.duration
        begin, held = self.interval.start, 0
        for start, count in zip(starts.tolist(), counts.tolist(), strict=True):
            if start > begin and held and (held + count > rows or start - max(begin, starts[0]) > longest):
                yield Interval(begin, start)
                begin, held = start, 0
            held += count
        yield Interval(begin, self.interval.end)

    def _growing(self, limit: int) -> Iterator[Interval]:
        """Give ever longer beginnings of the interval, the first of which should have more bars than the limit."""
        wanted = limit + 1
        while True:
            first = next(self._cuts(wanted + int(self._counts[1].max(initial=0))))
            yield first
            if first.end == self.interval.end:
                return
            wanted *= 2

    def _read(self, interval: Interval, looked: Sequence[SeriesState] = ()) -> Stretch:
        unbounded = self.request.interval.start == BEGINNING
        firm_from = END_OF_TIME if unbounded else self.request.interval.start
        return self.view.read(interval, firm_from=firm_from, looked={state.series: state for state in looked})

    def _bars(self, stretch: Stretch) -> Bars:
        notes = told_window(self.request, stretch)
        return answer(self._adjuster, self.view, stretch, self.request, notes, known_at=self.known_at or None)

    def _known_whole(self) -> bytes | None:
        """Return the digest of all bars of the newest state, or of all that is pinned, if these were read.

        It is what the ledger keeps, and not of what was read: who computes it again sees what was damaged on the way.
        """
        if self.request.last is not None:
            return None
        pinned = self._known_pin()
        if pinned is not None:
            return pinned[1]
        if self.view.pins or not self._settled:
            return None
        state, whole = self._states[0], self.whole()
        read = (whole.revisions.get(state.series), len(whole))
        return state.digest if state.clean and read == (state.revision, state.rows) and state.digest else None

    def _known_pin(self) -> tuple[int, bytes] | None:
        """Return how many bars a snapshot has and their digest, if all that it pins of one series is asked for."""
        pins = self.view.pins
        if len(pins) != 1 or self.request.adjust or self.view.known_within is not None:
            return None
        if pins[0].interval != self.interval or pins[0].digest is None:
            return None
        return pins[0].rows, pins[0].digest

    def _known_blocks(self) -> tuple[int, bytes] | None:
        """Return how many bars there are and their digest by the ledger; None where it does not know.

        Of blocks that the interval cuts, bars are read.
        """
        if self.view.pins or not self._settled:
            return None
        state, frame = self._states[0], self.view.timeframe
        listed = self.view.vault.ledger.catalog.blocks(state.series, self.interval) or []
        if self.view.state.at[state.series] < state.revision or not state.clean or not listed:
            return None
        if self.view.vault.ledger.revisions.state(state.series) != state:
            return None
        last = listed[-1]
        cut = frame.block_end(last.start) > self.interval.end
        inner = listed[:-1] if cut else listed
        head = self._edge(Interval(self.interval.start, max(self.interval.start, listed[0].start)))
        tail = self._edge(Interval(last.start, self.interval.end)) if cut else []
        blocks = [*head, *inner, *tail]
        return sum(block.rows for block in blocks), root_digest(blocks)

    @property
    def _settled(self) -> bool:
        """Tell whether all bars are those of one series, as one revision left them."""
        single = len(self.view.series) == 1 and not self.request.adjust and self.view.known_within is None
        return single and self.view.state.version.kind != "first" and not self._gone

    @property
    def _gone(self) -> bool:
        return any(intersection([self.interval], [gone.interval for gone in one.gone]) for one in self._states)

    def _edge(self, interval: Interval) -> list[Block]:
        return [] if interval.empty else block_digests(self._read(interval).rows, self.view.timeframe)

    def _bookmark(self, start: int) -> Bookmark:
        snapshot, at = self.view.state.snapshot, self.view.state.at
        return Bookmark(
            start=start,
            at=() if snapshot else tuple((one.source, at[one]) for one in self.view.series),
            snapshot=snapshot.id if snapshot else "",
            known_at=self.known_at,
        )


def open_scroll(
    vault: Vault,
    instruments: InstrumentService,
    adjuster: Adjuster,
    name: Name,
    request: ReadRequest,
    *,
    bookmark: Bookmark | None = None,
    portion: int = PORTION,
) -> Scroll:
    """Resolve a question once, or go on where a bookmark is; raises as `select` does, and `InvalidCursor`."""
    if bookmark is not None and bookmark.snapshot and request.version.kind == "strategy":
        # The strategy may mean another snapshot by now.
        request = replace(request, version=Version(kind="named", name=bookmark.snapshot))
    (view,) = select(vault, instruments, [name], request)
    if bookmark is not None:
        return _going_on(view, request, adjuster, bookmark, portion)
    # The earliest moment at which the same was known, so that the same question has the same mark later.
    known_at = max(settled(view), 1) if request.adjustment and view.state.known_at is None else 0
    known = view.state.looked
    looked = all(one in known for one in view.series)
    states = [known[one] for one in view.series] if looked else vault.ledger.revisions.states(view.series)
    return Scroll(_settled(view, states), request, adjuster, known_at=known_at, portion=portion, looked=states)


def open_scrolls(
    vault: Vault, instruments: InstrumentService, adjuster: Adjuster, names: Sequence[Name], request: ReadRequest
) -> Iterator[Scroll]:
    """Resolve a question about several instruments at once, and give one after the other, all of one cut.

    Raises as `select` does, before the first is asked for.
    """
    views = select(vault, instruments, names, request)
    known_at = vault.ledger.now() if request.adjustment and views[0].state.known_at is None else 0
    listed = list(dict.fromkeys(series for view in views for series in view.series))
    states = {state.series: state for state in vault.ledger.revisions.states(listed)}

    def scroll_of(view: View) -> Scroll:
        looked = [states[series] for series in view.series if series in states]
        return Scroll(_settled(view, looked), request, adjuster, known_at=known_at, looked=looked)

    # What one has read is let go of with it.
    return map(scroll_of, views)


def _joined(before: SourceSpan | None, span: SourceSpan) -> SourceSpan:
    if before is None:
        return span
    interval = Interval(before.interval.start, span.interval.end)
    return SourceSpan(source=span.source, interval=interval, rows=before.rows + span.rows)


def _settled(view: View, states: Sequence[SeriesState]) -> View:
    """Give every series the revision that it is read at from now on."""
    if view.state.snapshot is not None:
        return view
    at = {state.series: state.revision for state in states}
    return replace(view, state=replace(view.state, at={**at, **view.state.at}))


def _going_on(view: View, request: ReadRequest, adjuster: Adjuster, bookmark: Bookmark, portion: int) -> Scroll:
    interval = request.interval
    if not interval.start <= bookmark.start < interval.end:
        raise InvalidCursor(reason="it begins outside of what is asked for")
    snapshot = view.state.snapshot
    if (snapshot.id if snapshot else "") != bookmark.snapshot:
        raise InvalidCursor(reason="the version means another snapshot by now")
    later = replace(request, interval=Interval(bookmark.start, interval.end))
    if snapshot is None:
        view = _at(view, bookmark)
    return Scroll(view, later, adjuster, known_at=bookmark.known_at, portion=portion)


def _at(view: View, bookmark: Bookmark) -> View:
    series = tuple(replace(view.series[0], source=source) for source, _ in bookmark.at)
    known = set(view.vault.ledger.catalog.series(instrument=view.instrument, timeframe=view.timeframe.name))
    if not series or not known.issuperset(series):
        raise InvalidCursor(reason="there are no such series")
    last = view.vault.ledger.revisions.last()
    if any(not 0 <= revision <= last for _, revision in bookmark.at):
        raise InvalidCursor(reason="there are no such revisions")
    at = {one: revision for one, (_, revision) in zip(series, bookmark.at, strict=True)}
    return replace(view, series=series, state=replace(view.state, at=at))


def _state_told(state: SeriesState, at: Mapping[Series, int]) -> tuple[Any, ...]:
    """Return what of a series' state decides what a read at its revision gives."""
    number = at.get(state.series, 0)
    open_ = state.pending if 0 < state.pending <= number else 0
    gone = [(one.interval.start, one.interval.end, one.revision, one.refilled) for one in state.gone]
    return str(state.series), min(number, state.revision), open_, state.horizon, gone
