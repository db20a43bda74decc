"""From a view to rows: which stretches of which chunks are asked for, decoded into one place, and the log laid over."""

from bisect import bisect_left
from collections.abc import Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from xxhash import xxh3_64_intdigest

from barledger.domain.arena import Arena
from barledger.domain.interval import Interval
from barledger.domain.rows import COLUMNS, NEVER, VALUES, Flags, Ints, Rows, found_in, overlay
from barledger.errors import StoreDamaged
from barledger.stores.embedded.encoding import CONSTANT, STEP, Array, Column, Piece, decode, search
from barledger.stores.embedded.segment import SegmentFiles
from barledger.stores.embedded.view import Span, View

_ALWAYS: Final = ("time", *VALUES)
_STAMPS: Final = ("revision", "edition", "superseded_at")
_CELLS: Final = {"source_id": np.dtype(object), "withdrawn": np.dtype(bool)}
_FLOATS: Final = frozenset({*VALUES, "adjustment_factor"})
_DEFAULTS: Final[dict[str, Any]] = {
    "adjustment_factor": np.nan,
    "source_id": None,
    "withdrawn": False,
    "superseded_at": NEVER,
}
# Below this many rows, handing work to a second thread costs more than it saves.
_ROWS_WORTH_A_THREAD: Final = 150_000


@dataclass(frozen=True, slots=True)
class Selection:
    """The rows of a span that are asked for: pieces count from the start of the chunk."""

    span: Span
    pieces: Sequence[Piece]
    rows: int


class Reader:
    """Reads views; holds what reading needs: the mapped segments, memory, and a second thread."""

    def __init__(self, files: SegmentFiles, arena: Arena, pool: Executor, *, checked: bool = True) -> None:
        """Read through these; ``checked`` says that every chunk has to fit its checksum."""
        self._checked = checked
        self._files = files
        self._arena = arena
        self._pool = pool

    def read(self, view: View, intervals: Sequence[Interval], *, where: str) -> Rows:
        """Return the rows in the sorted, disjoint intervals; ``where`` names the layer if something is damaged."""
        selections = self._select(view, intervals, where)
        self._check(selections)
        updates = view.overlay()
        if len(updates):
            updates = _within(updates, intervals)
        if not selections:
            return updates
        plan = _Plan.of(selections, updates)
        columns = self._decode(selections, plan, where)
        return plan.finish(columns, updates)

    def times(self, view: View, intervals: Sequence[Interval], *, where: str) -> Array:
        """Return the times of the rows in the intervals that lie in segments, the log left out."""
        selections = self._select(view, intervals, where)
        out = np.empty(sum(selection.rows for selection in selections), np.int64)
        done = 0
        for selection in selections:
            chunk = selection.span.chunk
            target = out[done : done + selection.rows]
            decode(chunk.columns["time"], self._bytes(selection.span, where), chunk.rows, selection.pieces, target)
            done += selection.rows
        return out

    # --- selecting -----------------------------------------------------------------------------

    def _select(self, view: View, intervals: Sequence[Interval], where: str) -> list[Selection]:
        if len(intervals) == 1:
            return self._select_one(view, intervals[0], where)
        starts = np.array([interval.start for interval in intervals], np.int64)
        ends = np.array([interval.end for interval in intervals], np.int64)
        found = []
        for span in view.spans:
            low, high = int(ends.searchsorted(span.first, "right")), int(starts.searchsorted(span.last, "right"))
            if low < high:
                pieces = self._pieces(span, starts[low:high], ends[low:high], where)
                if pieces:
                    found.append(Selection(span, pieces, sum(last - first for first, last in pieces)))
        return found

    def _select_one(self, view: View, interval: Interval, where: str) -> list[Selection]:
        found = []
        for number in range(bisect_left(view.lasts, interval.start), bisect_left(view.firsts, interval.end)):
            span = view.spans[number]
            first, last = span.first_row, span.last_row
            if interval.start > span.first or interval.end <= span.last:
                edges = self._rows_at(span, np.array([interval.start, interval.end], np.int64), where)
                first, last = int(edges[0]), int(edges[1])
            if first < last:
                found.append(Selection(span, ((first, last),), last - first))
        return found

    def _pieces(self, span: Span, starts: Array, ends: Array, where: str) -> list[Piece]:
        edges = self._rows_at(span, np.concatenate([starts, ends]), where).tolist()
        return [
            (first, last)
            for first, last in zip(edges[: len(starts)], edges[len(starts) :], strict=True)
            if first < last
        ]

    def _rows_at(self, span: Span, times: Array, where: str) -> Array:
        chunk = span.chunk
        column = chunk.columns["time"]
        data = _NOTHING if column.kind in (STEP, CONSTANT) and not column.patches else self._bytes(span, where)
        return np.clip(search(column, data, chunk.rows, times), span.first_row, span.last_row)

    def _check(self, selections: Sequence[Selection]) -> None:
        """Look at the files of what is read, once for each."""
        looked = ""
        for selection in selections:
            span = selection.span
            if span.segment != looked:
                looked = span.segment
                self._files.check(looked, span.size)

    # --- decoding ------------------------------------------------------------------------------

    def _bytes(self, span: Span, where: str) -> Any:
        """Return a chunk's bytes after checking them."""
        chunk = span.chunk
        data: Any = self._files.open(span.segment, span.size)[chunk.offset : chunk.offset + chunk.length]
        if self._checked and xxh3_64_intdigest(data) != chunk.checksum:
            stretch = Interval(chunk.first, chunk.last + 1)
            raise StoreDamaged(
                where=str(self._files.path(span.segment)), detail=f"the checksum of {where}, {stretch}, does not fit"
            )
        return data

    def _decode(self, selections: Sequence[Selection], plan: "_Plan", where: str) -> dict[str, Array]:
        columns = plan.allocate(self._arena)
        jobs, done = [], 0
        for selection in selections:
            jobs.append((selection, done))
            done += selection.rows
        if done < _ROWS_WORTH_A_THREAD or len(jobs) < 2:
            self._run(jobs, columns, where)
        else:
            half = len(jobs) // 2
            other = self._pool.submit(self._run, jobs[half:], columns, where)
            try:
                self._run(jobs[:half], columns, where)
            finally:
                other.result()
        return columns

    def _run(self, jobs: Sequence[tuple[Selection, int]], columns: dict[str, Array], where: str) -> None:
        for selection, done in jobs:
            chunk = selection.span.chunk
            data = self._bytes(selection.span, where)
            for name, whole in columns.items():
                out = whole[done : done + selection.rows]
                column = chunk.columns.get(name)
                if column is None:
                    out.fill(_DEFAULTS[name])
                elif name == "withdrawn":
                    flags = np.empty(selection.rows, np.int64)
                    decode(column, data, chunk.rows, selection.pieces, flags)
                    np.copyto(out, flags, casting="unsafe")
                else:
                    decode(column, data, chunk.rows, selection.pieces, out)


_NOTHING: Final = np.empty(0, np.uint8)


@dataclass(frozen=True, slots=True)
class _Plan:
    """Which columns of an answer are arrays, which are one value, and which are missing.

    The answer has ``rows`` from segments, and room for ``tail`` newer ones from the log.
    """

    rows: int
    tail: int
    arrays: tuple[str, ...]
    single: dict[str, int]

    @staticmethod
    def of(selections: Sequence[Selection], updates: Rows) -> "_Plan":
        arrays, single = list(_ALWAYS), {}
        held = {id(selection.span.chunk): selection.span.chunk.columns for selection in selections}.values()
        for name in COLUMNS[len(_ALWAYS) :]:
            columns = [columns.get(name) for columns in held]
            added = getattr(updates, name) if len(updates) else None
            if all(column is None for column in columns) and added is None:
                continue
            value = _one_value(columns, added, has_updates=len(updates) > 0) if name in _STAMPS else None
            if value is None:
                arrays.append(name)
            else:
                single[name] = value
        rows = sum(selection.rows for selection in selections)
        tail = len(updates) - int(updates.time.searchsorted(selections[-1].span.last, "right"))
        return _Plan(rows, tail, tuple(arrays), single)

    def allocate(self, arena: Arena) -> dict[str, Array]:
        """Return an array for each column that needs one."""
        wide = [name for name in self.arrays if name not in _CELLS]
        size = self.rows + self.tail
        memory = arena.columns(len(wide), size)
        columns = {
            name: cells.view(np.float64 if name in _FLOATS else np.int64)
            for name, cells in zip(wide, memory, strict=True)
        }
        return columns | {name: np.empty(size, _CELLS[name]) for name in self.arrays if name in _CELLS}

    def finish(self, columns: dict[str, Array], updates: Rows) -> Rows:
        """Return the rows after putting updates in the place of rows with the same time, or adding them."""
        if not len(updates):
            return self._rows(columns, self.rows)
        body = updates.pick(slice(0, len(updates) - self.tail))
        base = self._rows({name: column[: self.rows] for name, column in columns.items()}, self.rows)
        new = self._replace(base, body)
        if len(new):
            return overlay(overlay(base, new), updates.pick(slice(len(body), None)))
        for name, column in columns.items():
            values = getattr(updates, name)
            column[self.rows :] = _DEFAULTS[name] if values is None else values[len(body) :]
        return self._rows(columns, self.rows + self.tail)

    def _replace(self, base: Rows, body: Rows) -> Rows:
        """Put rows in the place of those with the same time, and return the others."""
        if not len(body):
            return body
        known = found_in(body.time, base.time)
        at = base.time.searchsorted(body.time[known])
        for name in self.arrays[1:]:
            values = getattr(body, name)
            getattr(base, name)[at] = _DEFAULTS[name] if values is None else values[known]
        return body.pick(~known)

    def _rows(self, columns: dict[str, Array], rows: int) -> Rows:
        constants: dict[str, Any] = {
            name: np.broadcast_to(np.int64(value), (rows,)) for name, value in self.single.items()
        }
        return Rows(**constants, **columns)


def _one_value(columns: Sequence[Column | None], added: Array | None, *, has_updates: bool) -> int | None:
    first = columns[0]
    if first is None or (has_updates and (added is None or bool((added != first.base).any()))):
        return None
    alike = all(
        column is not None and column.kind == CONSTANT and not column.patches and column.base == first.base
        for column in columns
    )
    return first.base if alike else None


# --- the log ---------------------------------------------------------------------------------------


def inside(times: Ints, intervals: Sequence[Interval]) -> Flags:
    """Tell for each time whether it lies in one of the sorted, disjoint intervals."""
    if not intervals:
        return np.zeros(len(times), np.bool_)
    starts = np.array([interval.start for interval in intervals], np.int64)
    ends = np.array([interval.end for interval in intervals], np.int64)
    at = starts.searchsorted(times, "right") - 1
    return np.asarray((at >= 0) & (times < ends[at]))


def _within(rows: Rows, intervals: Sequence[Interval]) -> Rows:
    return rows.within(intervals[0]) if len(intervals) == 1 else rows.pick(inside(rows.time, intervals))
