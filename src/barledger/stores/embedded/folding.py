"""Folding: small things become large ones, and nothing that can be read changes.

A layer's log is laid into its segments, and a layer in many small or mostly dead pieces is written again in one. The
new segment is written without the writers' lock; the lock is held only to name it, if the layer still is what it was.
"""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from threading import Lock
from typing import Final

from barledger.domain.interval import Interval
from barledger.domain.rows import Rows
from barledger.domain.series import Series
from barledger.errors import BarledgerError
from barledger.faults import reach
from barledger.stores.contract import unguarded
from barledger.stores.embedded.catalog import Extent, Tables
from barledger.stores.embedded.encoding import CHUNK_ROWS
from barledger.stores.embedded.orphans import remove_orphans
from barledger.stores.embedded.segment import SegmentWriter
from barledger.stores.embedded.segment_encoding import encode_into
from barledger.stores.embedded.transaction import Tools, Transaction
from barledger.stores.embedded.view import View
from barledger.stores.embedded.writing import Writer

_ATTEMPTS: Final = 3


@dataclass(frozen=True, slots=True)
class _Fold:
    """What is written again: the rows of these extents and of the log, as of one view."""

    number: int
    view: View
    extents: Sequence[Extent]
    where: str


class Folder:
    """Folds layers: on demand, or in the background after a write that made one due."""

    def __init__(self, tools: Tools, writer: Writer) -> None:
        """Fold with these; threads may share it."""
        self._tools = tools
        self._writer = writer
        self._background: ThreadPoolExecutor | None = None
        self._queued: set[tuple[Series, str]] = set()
        self._lock = Lock()
        self.failure = ""

    def wake(self, layers: Sequence[tuple[Series, str]]) -> None:
        """Fold in the background those of the layers that are due."""
        for series, name in layers:
            view = self._tools.views.find(series, name)
            if view is not None and self._is_due(view):
                self._queue(series, name)

    def fold_all(self) -> int:
        """Fold every log and compact what is in pieces, now; returns how many layers were written again."""
        folded = 0
        for series, names in self._tools.views.series().items():
            for name in names:
                view = self._tools.views.find(series, name)
                if view is not None and (view.state.entries or self._in_pieces(view)):
                    folded += self._fold(series, name)
        with self._writer.transaction("sweep", unguarded) as transaction:
            remove_orphans(self._tools.segments, Tables(transaction.connection, self._tools.views.path).segments())
        return folded

    def close(self) -> None:
        """Finish the fold that is under way, and begin no other."""
        if self._background is not None:
            self._background.shutdown(cancel_futures=True)

    # --- when ----------------------------------------------------------------------------------

    def _is_due(self, view: View) -> bool:
        limits, state = self._tools.limits, view.state
        if state.entries >= limits.fold_entries or self._in_pieces(view):
            return True
        return state.log_rows >= limits.fold_rows and state.log_rows >= limits.fold_share * _rows(view)

    def _in_pieces(self, view: View) -> bool:
        """Tell whether a layer lies in many small extents, or in parts of which most rows are dead."""
        rows = _rows(view)
        if len(view.extents) >= self._tools.limits.fold_extents and rows < len(view.extents) * CHUNK_ROWS // 4:
            return True
        chunks = {(span.segment, span.chunk.offset): span.chunk.rows for span in view.spans}
        return rows >= self._tools.limits.segment_rows and 2 * rows < sum(chunks.values())

    def _queue(self, series: Series, name: str) -> None:
        with self._lock:
            if (series, name) in self._queued:
                return
            self._queued.add((series, name))
            if self._background is None:
                self._background = ThreadPoolExecutor(1, thread_name_prefix="barledger-fold")
            self._background.submit(self._work, series, name)

    def _work(self, series: Series, name: str) -> None:
        with self._lock:
            self._queued.discard((series, name))
        try:
            self._fold(series, name)
        except (BarledgerError, OSError) as error:
            # The log stays as it is, and the next write that finds it due tries again; `describe` tells.
            self.failure = f"{series}, layer {name}: {error}"
        else:
            self.failure = ""

    # --- how -----------------------------------------------------------------------------------

    def _fold(self, series: Series, name: str) -> bool:
        for _ in range(_ATTEMPTS):
            view = self._tools.views.find(series, name)
            if view is None or not (view.state.entries or len(view.extents) > 1):
                return False
            fold = _Fold(view.state.id, view, self._chosen(view), f"{series}, layer {name}")
            try:
                if self._replace(fold):
                    return True
            except FileNotFoundError:
                self._tools.views.forget()
        return False

    def _chosen(self, view: View) -> Sequence[Extent]:
        """Take the extents that the log touches; all of them if the layer is in pieces."""
        rows = view.overlay()
        if self._in_pieces(view) or not len(rows):
            return view.extents
        hull = Interval(int(rows.time[0]), int(rows.time[-1]) + 1)
        return [extent for extent in view.extents if extent.interval.intersects(hull)]

    def _replace(self, fold: _Fold) -> bool:
        rows = self._rows(fold)
        segment = SegmentWriter(self._tools.segments)
        adopted = False
        try:
            (chunks,) = encode_into(segment, [rows], self._tools.pool)
            reach("embedded.fold.segment-encoded")
            with self._writer.transaction("fold", unguarded) as transaction:
                if not _holds(fold, transaction):
                    return False
                transaction.adopt(segment)
                adopted = True
                if fold.view.state.entries:
                    transaction.forget_log(fold.number, until=fold.view.state.log_last)
                transaction.replace_extents(fold.number, fold.extents, [])
                transaction.add_part(fold.number, rows, chunks)
            return True
        finally:
            if not adopted:
                segment.discard()

    def _rows(self, fold: _Fold) -> Rows:
        """Read the extents and the log over them; the log alone lies between them and beyond."""
        log = fold.view.overlay()
        firsts = [extent.first for extent in fold.extents] + ([int(log.time[0])] if len(log) else [])
        lasts = [extent.last for extent in fold.extents] + ([int(log.time[-1])] if len(log) else [])
        return self._tools.reader.read(fold.view, [Interval(min(firsts), max(lasts) + 1)], where=fold.where)


def _holds(fold: _Fold, transaction: Transaction) -> bool:
    """Tell whether the extents are the same, and the log has only grown."""
    now, then = transaction.view(fold.number), fold.view
    if now.state == then.state:
        return True
    entries = {entry.id for entry, *_ in transaction.tables.entries(now.state)}
    return list(now.extents) == list(then.extents) and (not then.state.entries or then.state.log_last in entries)


def _rows(view: View) -> int:
    return sum(span.rows for span in view.spans)
