"""A transaction: what a writer changes in the catalog and in one new segment, all of it or nothing."""

import sqlite3
from collections.abc import Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np

from barledger.domain.interval import Interval
from barledger.domain.rows import Ints, Rows
from barledger.domain.series import Series
from barledger.errors import LeaseLost
from barledger.faults import reach
from barledger.stores.embedded import log
from barledger.stores.embedded.catalog import (
    Entry,
    Extent,
    Part,
    State,
    Tables,
    added,
    checksum,
    put_head,
    put_layer,
    put_states,
)
from barledger.stores.embedded.chunk import Chunk, pack_directory
from barledger.stores.embedded.lock import FileLock
from barledger.stores.embedded.reading import Reader, inside
from barledger.stores.embedded.segment import SegmentFiles, SegmentWriter
from barledger.stores.embedded.segment_encoding import encode_into
from barledger.stores.embedded.view import View, load, of_extents
from barledger.stores.embedded.views import Views

# A layer that a deletion would cut into more pieces than this is written again instead.
_MOST_PIECES: Final = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """When small things become large ones, in rows or in log entries; the defaults are measured.

    A write of ``segment_rows`` goes to segments, except for layers with fewer than ``share_rows`` of it and for rows
    that are scattered over more than ``scattered`` times their number (up to ``entry_rows``). A layer's log is folded
    in the background from ``fold_rows`` on, if that is also ``fold_share`` of its rows, or from ``fold_entries`` on; a
    layer in ``fold_extents`` small extents is put together.
    """

    segment_rows: int = 4_096
    share_rows: int = 64
    scattered: int = 16
    entry_rows: int = 65_536
    fold_rows: int = 16_384
    fold_share: float = 1 / 64
    fold_entries: int = 512
    fold_extents: int = 32

    def concern(self, state: State) -> bool:
        """Tell whether a layer is worth a look: its log is long, or it lies in many extents."""
        long = state.log_rows >= self.fold_rows or state.entries >= self.fold_entries
        return long or state.extents >= self.fold_extents


@dataclass(frozen=True, slots=True, kw_only=True)
class Tools:
    """What writers, folding and backups work with."""

    folder: Path
    segments: Path
    views: Views
    files: SegmentFiles
    reader: Reader
    pool: Executor
    lock: FileLock
    limits: Limits


class Transaction:
    """Changes under the writers' lock, not yet committed."""

    def __init__(self, tools: Tools, connection: sqlite3.Connection, *, revision: int = 0) -> None:
        """Begin on what is committed; ``revision`` becomes the fence of the layers that are changed."""
        self.tools = tools
        self._revision = revision
        self.connection = connection
        self.tables = Tables(connection, tools.views.path)
        self.before = self.head = self.tables.head()
        known = tools.views.known_layers(self.head)
        self.layers = self.tables.layers(self.head) if known is None else known
        self.views: dict[int, View | None] = {}
        self.segment: SegmentWriter | None = None
        self.dead: list[str] = []
        self._states: dict[int, State] = {}
        self._touched: set[int] = set()
        self._segment = 0
        self._log: list[tuple[object, ...]] = []
        self._copied = False

    # --- layers --------------------------------------------------------------------------------

    def number(self, series: Series, name: str) -> int:
        """Return the number of a layer, which is added if it is new."""
        found = self.layers.get(series, {}).get(name)
        if found is not None:
            return found
        if not self._copied:
            self.layers, self._copied = {owner: dict(names) for owner, names in self.layers.items()}, True
        self.head, number = put_layer(self.connection, self.head, series, name)
        self.layers.setdefault(series, {})[name] = number
        self._states[number] = State(number)
        self.views[number] = of_extents(State(number), (), _no_part)
        return number

    def state(self, number: int) -> State:
        """Return a layer's state as this transaction leaves it."""
        state = self._states.get(number)
        if state is None:
            known = self.tools.views.known(self.before, number)
            state = self.tables.state(number) if known is None else known.state
            self._states[number] = state
        return state

    def view(self, number: int) -> View:
        """Return a layer's view as this transaction leaves it."""
        view = self.views.get(number) or self.tools.views.known(self.before, number)
        state = self.state(number)
        if view is None or view.state != state:
            self._flush_log()
            view = load(self.tables, state, lambda part: self.tools.views.part(self.tables, part))
        self.views[number] = view
        return view

    def check_fence(self, series: Series, revision: int) -> None:
        """Raise `LeaseLost` if a higher revision has written to the series."""
        for number in self.layers.get(series, {}).values():
            if self.state(number).fence > revision:
                raise LeaseLost(what=str(series), waited=0.0)

    def touch(self, number: int) -> None:
        """Raise the fence of a layer that is not changed otherwise."""
        self._change(number)
        self.views[number] = None

    # --- the log -------------------------------------------------------------------------------

    def append(self, number: int, rows: Rows) -> None:
        """Add rows to a layer's log."""
        state = self.state(number)
        body = log.encode(rows)
        entry = Entry(self._next(), number, state.log_last, len(rows), int(rows.time[0]), int(rows.time[-1]))
        digest = entry.checksum(body)
        self._log.append((entry.id, number, entry.previous, entry.rows, entry.first, entry.last, body, digest))
        view = self.views.get(number) or self.tools.views.known(self.before, number)
        fits = view is not None and view.state == state
        self._change(
            number,
            entries=state.entries + 1,
            log_rows=state.log_rows + entry.rows,
            log_last=entry.id,
            total=added(state.total, digest),
        )
        self.views[number] = view.logged(self._states[number], body) if view is not None and fits else None

    def forget_log(self, number: int, *, until: int) -> None:
        """Remove the entries up to this one from a layer's log."""
        state = self.state(number)
        self._flush_log()
        gone = [(entry, digest) for entry, _, digest in self.tables.entries(state) if entry.id <= until]
        self.connection.executemany("DELETE FROM log WHERE id = ?", [(entry.id,) for entry, _ in gone])
        left = state.entries - len(gone)
        self._change(
            number,
            entries=left,
            log_rows=state.log_rows - sum(entry.rows for entry, _ in gone),
            log_last=state.log_last if left else 0,
            total=added(state.total, *(-digest for _, digest in gone)),
        )
        self.views[number] = None

    # --- extents -------------------------------------------------------------------------------

    def cut(self, number: int, intervals: Sequence[Interval], *, where: str) -> int:
        """Remove the layer's rows in the sorted, disjoint intervals; returns how many there were."""
        view = self.view(number)
        removed = self._cut_log(number, view, intervals)
        hulls = [interval for interval in intervals if not interval.empty]
        for extent in view.extents:
            touching = [interval for interval in hulls if interval.intersects(extent.interval)]
            if touching:
                removed += self._cut_extent(number, extent, touching, where)
        return removed

    def _cut_log(self, number: int, view: View, intervals: Sequence[Interval]) -> int:
        rows = view.overlay()
        gone = inside(rows.time, intervals)
        if not gone.any():
            return 0
        self.forget_log(number, until=self.state(number).log_last)
        if not gone.all():
            self.append(number, rows.pick(~gone))
        return int(gone.sum())

    def _cut_extent(self, number: int, extent: Extent, intervals: Sequence[Interval], where: str) -> int:
        if intervals[0].start <= extent.first and extent.last < intervals[0].end:
            self.replace_extents(number, [extent], [])
            return extent.last_row - extent.first_row
        alone = of_extents(self.state(number), (extent,), lambda part: self.tools.views.part(self.tables, part))
        times = self.tools.reader.times(alone, [extent.interval], where=where)
        kept = ~inside(times, intervals)
        edges = np.flatnonzero(np.diff(np.concatenate([[False], kept, [False]]).astype(np.int8))).reshape(-1, 2)
        if len(edges) <= _MOST_PIECES:
            pieces = [self._piece(extent, times, first, last) for first, last in edges.tolist()]
            self.replace_extents(number, [extent], pieces)
        else:
            rows = self.tools.reader.read(alone, [extent.interval], where=where)
            self.replace_extents(number, [extent], [])
            self.store([(number, rows.pick(kept))])
        return len(kept) - int(kept.sum())

    def _piece(self, extent: Extent, times: Ints, first: int, last: int) -> Extent:
        start = extent.first_row
        return Extent(
            self._next(),
            extent.layer,
            extent.part,
            start + first,
            start + last,
            int(times[first]),
            int(times[last - 1]),
        )

    def replace_extents(self, number: int, old: Sequence[Extent], new: Sequence[Extent]) -> None:
        """Put other extents in the place of some of a layer's."""
        self.connection.executemany("DELETE FROM extents WHERE id = ?", [(extent.id,) for extent in old])
        rows = [extent.row() for extent in new]
        self.connection.executemany("INSERT INTO extents VALUES (?, ?, ?, ?, ?, ?, ?, ?)", rows)
        state = self.state(number)
        self._change(
            number,
            extents=state.extents + len(new) - len(old),
            total=added(state.total, *(row[-1] for row in rows), *(-extent.row()[-1] for extent in old)),
        )
        self.views[number] = None
        kept = {extent.part for extent in new}
        self._drop_parts({extent.part for extent in old} - kept)

    def _drop_parts(self, parts: set[int]) -> None:
        for part in parts:
            if self.connection.execute("SELECT 1 FROM extents WHERE part = ? LIMIT 1", (part,)).fetchone():
                continue
            (segment,) = self.connection.execute("SELECT segment FROM parts WHERE id = ?", (part,)).fetchone()
            self.connection.execute("DELETE FROM parts WHERE id = ?", (part,))
            if not self.connection.execute("SELECT 1 FROM parts WHERE segment = ? LIMIT 1", (segment,)).fetchone():
                (name,) = self.connection.execute("SELECT name FROM segments WHERE id = ?", (segment,)).fetchone()
                self.connection.execute("DELETE FROM segments WHERE id = ?", (segment,))
                self.dead.append(name)

    # --- segments ------------------------------------------------------------------------------

    def store(self, batches: Sequence[tuple[int, Rows]]) -> None:
        """Write rows into the transaction's segment, as one more extent of each layer."""
        parts = encode_into(self._writer(), [rows for _, rows in batches], self.tools.pool)
        for (number, rows), chunks in zip(batches, parts, strict=True):
            self.add_part(number, rows, chunks)

    def adopt(self, segment: SegmentWriter) -> None:
        """Name a segment that was written before the lock was taken."""
        self.segment = segment

    def _writer(self) -> SegmentWriter:
        if self.segment is None:
            self.segment = SegmentWriter(self.tools.segments)
        return self.segment

    def add_part(self, number: int, rows: Rows, chunks: list[Chunk]) -> None:
        """Add rows that were written to the segment as an extent of a layer."""
        part = self.put_part(len(rows), chunks)
        extent = Extent(self._next(), number, part, 0, len(rows), int(rows.time[0]), int(rows.time[-1]))
        self.replace_extents(number, [], [extent])

    def put_part(self, rows: int, chunks: list[Chunk]) -> int:
        """Name chunks of the segment as a part."""
        part, segment, directory = self._next(), self._segment_number(), pack_directory(chunks)
        digest = checksum(part, segment, rows, body=directory)
        self.connection.execute("INSERT INTO parts VALUES (?, ?, ?, ?, ?)", (part, segment, rows, directory, digest))
        return part

    def _segment_number(self) -> int:
        """Return the number of the segment, whose row is written last, when its size is known."""
        if not self._segment:
            self._segment = self._next()
        return self._segment

    # --- the end -------------------------------------------------------------------------------

    def flush(self, name: str) -> None:
        """Write everything that is left to write, the segment first."""
        self._flush_log()
        if self.segment is not None:
            reach(f"embedded.{name}.segment-written")
            self.segment.make_durable()
            reach(f"embedded.{name}.segment-durable")
            number, size = self._segment_number(), self.segment.size
            digest = checksum(number, size, body=self.segment.name.encode())
            row = (number, self.segment.name, size, digest)
            self.connection.execute("INSERT INTO segments VALUES (?, ?, ?, ?)", row)
        put_states(self.connection, (self._states[number] for number in self._touched))
        mark = max(self.head.revision, self._revision) if self.head.ledger else self.head.revision
        self.head = replace(self.head, commits=self.head.commits + 1, revision=mark)
        put_head(self.connection, self.head)

    def _flush_log(self) -> None:
        if self._log:
            self.connection.executemany("INSERT INTO log VALUES (?, ?, ?, ?, ?, ?, ?, ?)", self._log)
            self._log.clear()

    def _next(self) -> int:
        self.head = replace(self.head, sequence=self.head.sequence + 1)
        return self.head.sequence

    def _change(self, number: int, **values: int) -> None:
        state = self.state(number)
        fence = max(state.fence, self._revision)
        self._states[number] = replace(state, generation=state.generation + 1, fence=fence, **values)
        self._touched.add(number)


def _no_part(part: int) -> Part:
    raise KeyError(part)
