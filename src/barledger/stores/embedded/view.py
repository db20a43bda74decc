"""What a layer consists of at one moment: stretches of chunks in order of time, and the rows of the log over them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from barledger.domain.rows import Rows, empty_rows, overlay
from barledger.stores.embedded import log
from barledger.stores.embedded.catalog import Extent, Part, State, Tables, added
from barledger.stores.embedded.chunk import Chunk


@dataclass(frozen=True, slots=True)
class Span:
    """Rows [first_row, last_row) of one chunk, with their first and last time; the chunk is row ``start`` of a part."""

    segment: str
    size: int
    chunk: Chunk
    first_row: int
    last_row: int
    first: int
    last: int
    part: int
    start: int

    @property
    def rows(self) -> int:
        """Return the number of rows."""
        return self.last_row - self.first_row


@dataclass(slots=True)
class View:
    """A layer as of one generation. The log's newest blobs are decoded when somebody reads."""

    state: State
    extents: Sequence[Extent]
    spans: Sequence[Span]
    firsts: list[int] = field(default_factory=list)
    lasts: list[int] = field(default_factory=list)
    _overlay: Rows = field(default_factory=empty_rows)
    _blobs: tuple[bytes, ...] = ()

    def overlay(self) -> Rows:
        """Return the rows of the log, the newest of each time."""
        blobs = self._blobs
        if blobs:
            rows = self._overlay
            for blob in blobs:
                rows = overlay(rows, log.decode(blob))
            self._overlay, self._blobs = rows.frozen(), ()
        return self._overlay

    def logged(self, state: State, *blobs: bytes) -> "View":
        """Return the view after more entries of the log."""
        return View(
            state=state,
            extents=self.extents,
            spans=self.spans,
            firsts=self.firsts,
            lasts=self.lasts,
            _overlay=self._overlay,
            _blobs=(*self._blobs, *blobs),
        )


def load(tables: Tables, state: State, parts: Callable[[int], Part]) -> View:
    """Read a layer from the catalog; raises `StoreDamaged` if anything of it is missing."""
    extents = tables.extents(state)
    entries = tables.entries(state)
    digests = [digest for _, digest in extents] + [digest for *_, digest in entries]
    if added(0, *digests) != state.total or sum(entry.rows for entry, *_ in entries) != state.log_rows:
        raise tables.damaged("states", "its extents and log entries are not those that were written")
    view = of_extents(state, [extent for extent, _ in extents], parts)
    return view.logged(state, *(body for _, body, _ in entries))


def follow(tables: Tables, view: View, state: State) -> View | None:
    """Return the view after entries that were only added to the log, or None if more has happened."""
    old = view.state
    if state.extents != old.extents or state.entries < old.entries:
        return None
    entries = tables.entries(state, until=old.log_last)
    if added(old.total, *(digest for *_, digest in entries)) != state.total:
        return None
    return view.logged(state, *(body for _, body, _ in entries))


def of_extents(state: State, extents: Sequence[Extent], parts: Callable[[int], Part]) -> View:
    """Return a view of these extents without any log."""
    spans = [span for extent in extents for span in _spans(extent, parts(extent.part))]
    return View(
        state=state,
        extents=extents,
        spans=spans,
        firsts=[span.first for span in spans],
        lasts=[span.last for span in spans],
    )


def _spans(extent: Extent, part: Part) -> list[Span]:
    spans, start = [], 0
    for chunk in part.chunks:
        first_row, last_row = max(extent.first_row - start, 0), min(extent.last_row - start, chunk.rows)
        if first_row < last_row:
            spans.append(
                Span(
                    segment=part.segment,
                    size=part.size,
                    chunk=chunk,
                    first_row=first_row,
                    last_row=last_row,
                    first=extent.first if first_row else chunk.first,
                    last=extent.last if last_row < chunk.rows else chunk.last,
                    part=extent.part,
                    start=start,
                )
            )
        start += chunk.rows
    return spans
