"""EmbeddedStore: a store in a folder."""

import os
import time
import uuid
from collections import OrderedDict
from collections.abc import Sequence
from pathlib import Path
from sqlite3 import Connection
from threading import Lock
from typing import Final

from barledger import faults
from barledger.domain.interval import Interval
from barledger.domain.rows import Rows
from barledger.domain.series import Series
from barledger.errors import LeaseLost, StoreDamaged
from barledger.stores.contract import Batch, Capabilities, Description, Guard, Mark, Store, unguarded
from barledger.stores.embedded import catalog as catalogs
from barledger.stores.embedded.catalog import Catalog, Layer, Operation, content_checksum, series_key, series_of
from barledger.stores.embedded.layering import Patch, layered
from barledger.stores.embedded.packing import pack, unpack
from barledger.stores.embedded.segment import Segment, write_segment

_COPIES: Final = "edition_"
# From so many rows on, a batch is worth a file of its own.
_ROWS_WORTH_A_SEGMENT: Final = 2_048
# Layers with a longer log are folded by the write that makes it so long.
_LONGEST_LOG: Final = 256
_MOST_LOGGED: Final = 200_000
_ABANDONED_AFTER: Final = 3_600.0
_RETRIES: Final = 20
_CACHED: Final = 4_096


class EmbeddedStore(Store):
    """Rows in segments and a log, for many reading processes and one writing at a time."""

    capabilities = Capabilities(fencing=True)

    def __init__(self, folder: str | Path, *, read_only: bool = False) -> None:
        """Open the store in ``folder``, making it if there is none; raises `FormatTooNew`, `ReadOnly`."""
        self.folder = Path(folder) / "store"
        self._segments_folder = self.folder / "segments"
        self._read_only = read_only
        if not read_only:
            self._segments_folder.mkdir(parents=True, exist_ok=True)
        self._catalog = Catalog(self.folder / "catalog.sqlite", read_only=read_only)
        self._segments: dict[str, Segment] = {}
        self._steps: OrderedDict[tuple[int, int], list[Operation]] = OrderedDict()
        self._blobs: OrderedDict[int, Rows] = OrderedDict()
        self._lock = Lock()
        if not read_only:
            self._remove_abandoned()

    # --- reading -------------------------------------------------------------------------------

    def read(self, series: Series, layer: str, intervals: Sequence[Interval]) -> Rows:
        """Return the layer's rows in the intervals; every byte that is used was checked."""
        return self._retrying(series_key(series), [layer], intervals)[0]

    def read_copies(self, series: Series, intervals: Sequence[Interval]) -> Rows:
        """Return the rows of all edition layers in the intervals."""
        from barledger.domain.rows import concat  # noqa: PLC0415 - keeps the names of this module to what it is about

        names = [name for name in self.layers(series) if name.startswith(_COPIES)]
        return concat(self._retrying(series_key(series), names, intervals))

    def layers(self, series: Series) -> list[str]:
        """Return the names of the series' layers."""
        key = series_key(series)
        with self._catalog.reading() as connection:
            query = "SELECT name FROM layers WHERE series = ? ORDER BY name"
            found = [row[0] for row in connection.execute(query, (key,))]
            return sorted(name for name in found if self._catalog.layer(connection, key, name) is not None)

    def series(self) -> list[Series]:
        """Return every series."""
        with self._catalog.reading() as connection:
            return sorted({series_of(layer.series) for layer in self._catalog.layers(connection)})

    def _retrying(self, key: str, names: Sequence[str], intervals: Sequence[Interval]) -> list[Rows]:
        """Read layers; a segment that was folded away between two looks is looked up again."""
        for attempt in range(_RETRIES):
            try:
                with self._catalog.reading() as connection:
                    return [self._rows(connection, key, name, intervals) for name in names]
            except FileNotFoundError as error:
                if attempt == _RETRIES - 1:
                    raise StoreDamaged(where=str(error.filename), detail="the file is missing") from error
        raise AssertionError

    def _rows(self, connection: Connection, key: str, name: str, intervals: Sequence[Interval]) -> Rows:
        layer = self._catalog.layer(connection, key, name)
        steps = [] if layer is None else self._operations(connection, layer)
        return layered([self._patch(connection, step, intervals) for step in _relevant(steps, intervals)])

    def _operations(self, connection: Connection, layer: Layer) -> list[Operation]:
        known = self._steps.get((layer.id, layer.version))
        if known is None:
            known = self._catalog.operations(connection, layer)
            with self._lock:
                self._steps[layer.id, layer.version] = known
                while len(self._steps) > _CACHED:
                    self._steps.popitem(last=False)
        return known

    def _patch(self, connection: Connection, step: Operation, intervals: Sequence[Interval]) -> Patch:
        if step.kind == catalogs.HOLE:
            return Patch(hole=Interval(step.first, step.last + 1))
        if step.kind == catalogs.SEGMENT:
            return Patch(rows=self._segment(step.file).read(intervals), fresh=True)
        rows = self._blobs.get(step.id)
        if rows is None:
            rows = unpack(self._catalog.blob(connection, step))
            with self._lock:
                self._blobs[step.id] = rows
                while len(self._blobs) > _CACHED:
                    self._blobs.popitem(last=False)
        return Patch(rows=rows.within_any(intervals))

    def _segment(self, name: str) -> Segment:
        found = self._segments.get(name)
        if found is None:
            found = Segment(self._segments_folder / name)
            self._segments[name] = found
        return found

    # --- writing -------------------------------------------------------------------------------

    def write(self, batches: Sequence[Batch], *, revision: int, guard: Guard = unguarded) -> None:
        """Put the batches as one: all of them are durable on return, or none is."""
        files = {at: self._write_file(batch, guard) for at, batch in enumerate(batches) if _is_large(batch)}
        faults.reach("embedded.segments-written")
        try:
            with self._catalog.writing(guard) as connection:
                self._check_fences(connection, [batch.series for batch in batches], revision)
                long = [
                    layer
                    for at, batch in enumerate(batches)
                    if len(batch.rows)
                    and self._put(connection, batch, files.get(at), revision, layer := self._layer(connection, batch))
                ]
                self._advance(connection, revision)
                faults.reach("embedded.before-commit")
        except BaseException:
            for name in files.values():
                (self._segments_folder / name).unlink(missing_ok=True)
            raise
        faults.reach("embedded.committed")
        for layer in long:
            self._fold_layer(layer.series, layer.name, guard)

    def delete(
        self, series: Series, layer: str, intervals: Sequence[Interval], *, revision: int, guard: Guard = unguarded
    ) -> None:
        """Delete the layer's rows in the intervals."""
        key = series_key(series)
        with self._catalog.writing(guard) as connection:
            self._check_fences(connection, [series], revision)
            found = self._catalog.layer(connection, key, layer)
            if found is not None:
                for interval in intervals:
                    hole = _step(catalogs.HOLE, interval.start, interval.end - 1)
                    found, _ = self._catalog.append(connection, found, hole, fence=revision)
            self._advance(connection, revision)
            faults.reach("embedded.before-delete-commit")

    def mark(self) -> Mark | None:
        """Return whose store this is."""
        with self._catalog.reading() as connection:
            owner = self._catalog.meta(connection, "owner")
            revision = int(self._catalog.meta(connection, "revision"))
            return Mark(ledger_id=owner, revision=revision) if owner else None

    def claim(self, mark: Mark) -> None:
        """Set the mark."""
        with self._catalog.writing(unguarded) as connection:
            self._catalog.set_meta(connection, "owner", mark.ledger_id)
            self._catalog.set_meta(connection, "revision", str(mark.revision))

    def _layer(self, connection: Connection, batch: Batch) -> Layer:
        return self._catalog.ensure_layer(connection, series_key(batch.series), batch.layer)

    def _put(self, connection: Connection, batch: Batch, file: str | None, revision: int, layer: Layer) -> bool:
        """Add a batch to its layer; tells whether the layer's log has become long."""
        first, last = int(batch.rows.time[0]), int(batch.rows.time[-1])
        if file is not None:
            step = _step(catalogs.SEGMENT, first, last, rows=len(batch.rows), file=file)
            self._catalog.append(connection, layer, step, fence=revision)
            return False
        data = pack(batch.rows)
        step = _step(catalogs.BLOB, first, last, rows=len(batch.rows), content=content_checksum(data))
        _, number = self._catalog.append(connection, layer, step, fence=revision)
        connection.execute("INSERT INTO blobs (operation, data) VALUES (?, ?)", (number, data))
        query = "SELECT count(*), sum(rows) FROM operations WHERE layer = ? AND kind != ?"
        count, rows = connection.execute(query, (layer.id, catalogs.SEGMENT)).fetchone()
        return bool(count > _LONGEST_LOG or rows > _MOST_LOGGED)

    def _write_file(self, batch: Batch, guard: Guard) -> str:
        guard()
        name = f"{uuid.uuid4().hex}.seg"
        write_segment(self._segments_folder / name, batch.rows, batch.series.timeframe)
        _sync(self._segments_folder)
        return name

    def _check_fences(self, connection: Connection, series: Sequence[Series], revision: int) -> None:
        for one in dict.fromkeys(series):
            if self._catalog.fence(connection, series_key(one)) > revision:
                raise LeaseLost(what=str(one), waited=0.0)

    def _advance(self, connection: Connection, revision: int) -> None:
        if int(self._catalog.meta(connection, "revision")) < revision:
            self._catalog.set_meta(connection, "revision", str(revision))

    # --- folding -------------------------------------------------------------------------------

    def fold(self, *, guard: Guard = unguarded) -> int:
        """Rewrite every layer that is more than one segment as one; returns how many were."""
        with self._catalog.reading() as connection:
            layers = self._catalog.layers(connection)
        return sum(self._fold_layer(layer.series, layer.name, guard) for layer in layers)

    def _fold_layer(self, key: str, name: str, guard: Guard) -> bool:
        from barledger.domain.interval import everything  # noqa: PLC0415 - as in read_copies

        guard()
        with self._catalog.writing(guard) as connection:
            layer = self._catalog.layer(connection, key, name)
            steps = [] if layer is None else self._catalog.operations(connection, layer)
            if layer is None or not steps or (len(steps) == 1 and steps[0].kind == catalogs.SEGMENT):
                return False
            rows = layered([self._patch(connection, step, [everything()]) for step in steps])
            layer = self._catalog.remove(connection, layer, steps)
            if len(rows):
                file = self._write_file(Batch(series=series_of(key), layer=name, rows=rows), guard)
                faults.reach("embedded.fold-segment-written")
                step = _step(catalogs.SEGMENT, int(rows.time[0]), int(rows.time[-1]), rows=len(rows), file=file)
                self._catalog.append(connection, layer, step, fence=layer.fence)
            faults.reach("embedded.fold-before-commit")
        faults.reach("embedded.fold-committed")
        for step in steps:
            if step.kind == catalogs.SEGMENT:
                self._segments.pop(step.file, None)
                (self._segments_folder / step.file).unlink(missing_ok=True)
        return True

    def _remove_abandoned(self) -> None:
        """Delete segments that a dead writer left before any operation named them."""
        young = time.time() - _ABANDONED_AFTER
        old = [path for path in self._segments_folder.glob("*.seg") if path.stat().st_mtime < young]
        if not old:
            return
        with self._catalog.writing(unguarded) as connection:
            used = {
                row[0] for row in connection.execute("SELECT file FROM operations WHERE kind = ?", (catalogs.SEGMENT,))
            }
            for path in old:
                if path.name not in used:
                    path.unlink(missing_ok=True)

    # --- the rest ------------------------------------------------------------------------------

    def describe(self) -> Description:
        """Say how large the store is and what it is made of."""
        with self._catalog.reading() as connection:
            layers = self._catalog.layers(connection)
            kinds = dict(connection.execute("SELECT kind, count(*) FROM operations GROUP BY kind"))
        size = sum(path.stat().st_size for path in self.folder.rglob("*") if path.is_file())
        facts = {
            "format": str(catalogs.FORMAT),
            "size": f"{size / 1e6:.1f} MB",
            "series": str(len({layer.series for layer in layers})),
            "layers": str(len(layers)),
            "segments": str(kinds.get(catalogs.SEGMENT, 0)),
            "log entries": str(kinds.get(catalogs.BLOB, 0) + kinds.get(catalogs.HOLE, 0)),
        }
        return Description(kind="embedded", location=str(self.folder.parent), facts=facts)

    def close(self) -> None:
        """Close the catalog."""
        self._catalog.close()
        self._segments.clear()


def _is_large(batch: Batch) -> bool:
    return len(batch.rows) >= _ROWS_WORTH_A_SEGMENT


def _relevant(steps: Sequence[Operation], intervals: Sequence[Interval]) -> list[Operation]:
    if not intervals:
        return []
    start, end = intervals[0].start, intervals[-1].end
    return [step for step in steps if step.first < end and step.last >= start]


def _step(kind: str, first: int, last: int, *, rows: int = 0, file: str = "", content: int = 0) -> Operation:
    return Operation(id=0, kind=kind, first=first, last=last, rows=rows, file=file, content=content)


def _sync(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
