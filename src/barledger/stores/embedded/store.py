"""The embedded store: a folder with a catalog and segments."""

import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from copy import copy
from dataclasses import replace
from pathlib import Path
from typing import Final

from barledger.domain.arena import Arena
from barledger.domain.interval import Interval
from barledger.domain.rows import Rows, concat, empty_rows
from barledger.domain.series import Series
from barledger.domain.version import LATEST
from barledger.errors import ReadOnly, StoreDamaged
from barledger.stores.contract import Batch, Capabilities, Description, Guard, Mark, Store, unguarded
from barledger.stores.embedded.catalog import errors_of
from barledger.stores.embedded.connection import CATALOG, create
from barledger.stores.embedded.description import describe
from barledger.stores.embedded.folding import Folder
from barledger.stores.embedded.lock import FileLock
from barledger.stores.embedded.reading import Reader
from barledger.stores.embedded.segment import SegmentFiles
from barledger.stores.embedded.transaction import Limits, Tools
from barledger.stores.embedded.views import Views
from barledger.stores.embedded.writing import Writer

FOLDER: Final = "store"
SEGMENTS: Final = "segments"
LOCK: Final = "lock"
COPIES: Final = "edition_"
_ATTEMPTS: Final = 20
_PATIENCE: Final = 60.0


class EmbeddedStore(Store):
    """Rows in files of one folder: one writer at a time, any number of readers, in any number of processes."""

    capabilities = Capabilities(fencing=True)

    def __init__(self, folder: str | Path, *, read_only: bool = False, limits: Limits | None = None) -> None:
        """Open the store in ``folder/store``; unless ``read_only``, it is made if there is none.

        Raises `FormatTooNew` and `StoreDamaged`.
        """
        home = Path(folder) / FOLDER
        self._read_only = read_only
        self._arena = Arena()
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="barledger-store")
        files = SegmentFiles(home / SEGMENTS)
        self._tools = Tools(
            folder=home,
            segments=home / SEGMENTS,
            views=Views(home, shared=not read_only),
            files=files,
            reader=Reader(files, self._arena, self._pool),
            pool=self._pool,
            lock=FileLock(home / LOCK),
            limits=limits or Limits(),
        )
        self._writer = Writer(self._tools)
        self._folder = Folder(self._tools, self._writer)
        if not read_only:
            self._make()
        self._tools.views.head()

    # --- reading -------------------------------------------------------------------------------

    def read(self, series: Series, layer: str, intervals: Sequence[Interval]) -> Rows:
        """Return the layer's rows in the intervals.

        Raises `StoreDamaged` where a checksum does not fit or a file is missing, and `StoreUnavailable` if the folder
        is not there any more, or another store's; that costs a look at the catalog's file and at those of the segments.
        """
        where = f"{series}, layer {layer}"
        for _ in range(_ATTEMPTS):
            view = self._tools.views.find(series, layer)
            if view is None:
                return empty_rows()
            try:
                return self._tools.reader.read(view, intervals, where=where)
            except FileNotFoundError as error:
                missing = error
            self._tools.views.forget()
        raise StoreDamaged(where=str(missing.filename), detail=f"this segment of {where} is missing") from missing

    def read_copies(self, series: Series, intervals: Sequence[Interval], *, after: int = 0) -> Rows:  # noqa: ARG002 - all are given
        """Return the rows of all edition layers in the intervals."""
        names = [name for name in self.layers(series) if name.startswith(COPIES)]
        return concat([self.read(series, name, intervals) for name in names])

    def layers(self, series: Series) -> list[str]:
        """Return the names of the series' layers."""
        return sorted(self._tools.views.series().get(series, {}))

    def series(self) -> list[Series]:
        """Return every series."""
        return sorted(self._tools.views.series())

    def mark(self) -> Mark | None:
        """Return whose store this is."""
        head = self._tools.views.head()
        return Mark(ledger_id=head.ledger, revision=head.revision) if head is not None and head.ledger else None

    # --- writing -------------------------------------------------------------------------------

    def write(self, batches: Sequence[Batch], *, revision: int, guard: Guard = unguarded) -> None:
        """Upsert the batches as one; raises `LeaseLost`, `Busy` and `ReadOnly`."""
        self._refuse_readers()
        self._folder.wake(self._writer.write(batches, revision=revision, guard=guard))

    def delete(
        self, series: Series, layer: str, intervals: Sequence[Interval], *, revision: int, guard: Guard = unguarded
    ) -> None:
        """Delete the layer's rows in the intervals."""
        self._refuse_readers()
        self._writer.delete(series, layer, intervals, revision=revision, guard=guard)

    def claim(self, mark: Mark) -> None:
        """Set the mark."""
        self._refuse_readers()
        self._writer.claim(mark, guard=unguarded)

    # --- care ----------------------------------------------------------------------------------

    def check_held(self, series: Sequence[Series]) -> None:
        """Look at the files of the series' current rows; raises `StoreDamaged` if one is missing or cut off."""
        for _ in range(_ATTEMPTS):
            views = [self._tools.views.find(one, LATEST) for one in series]
            files = {span.segment: span.size for view in views if view is not None for span in view.spans}
            try:
                for name, size in files.items():
                    self._tools.files.check(name, size)
            except FileNotFoundError as error:
                missing = error
                self._tools.views.forget()
            else:
                return
        raise StoreDamaged(where=str(missing.filename), detail="this segment is missing") from missing

    def unchecked(self) -> Store:
        """Return a reader of what can still be decoded; it shares this store's files, and is not closed."""
        reader = Reader(self._tools.files, self._arena, self._pool, checked=False)
        twin = copy(self)
        twin.__dict__.update(_read_only=True, _tools=replace(self._tools, reader=reader))
        return twin

    def tidy(self) -> int:
        """Fold logs into segments and compact what lies in pieces; returns how many layers were written again."""
        self._refuse_readers()
        return self._folder.fold_all()

    def check_writable(self) -> None:
        """Make a file beside the segments and remove it again."""
        self._refuse_readers()
        self._tools.views.identity()
        with errors_of(self._tools.folder / CATALOG), tempfile.TemporaryFile(dir=self._tools.segments) as probe:
            probe.write(b"x" * 4096)

    def describe(self) -> Description:
        """Say where the store is and what is in it."""
        return describe(self._tools, self._folder.failure)

    def close(self) -> None:
        """Close files and connections."""
        self._folder.close()
        self._writer.close()
        self._tools.views.close()
        self._tools.files.close()
        self._tools.lock.close()
        self._pool.shutdown()
        self._arena.clear()

    def _refuse_readers(self) -> None:
        if self._read_only:
            raise ReadOnly(reason="the store was opened for reading")

    def _make(self) -> None:
        if (self._tools.folder / CATALOG).exists():
            return
        with errors_of(self._tools.folder / CATALOG):
            self._tools.segments.mkdir(parents=True, exist_ok=True)
            with self._tools.lock.held(_PATIENCE):
                if not (self._tools.folder / CATALOG).exists():
                    create(self._tools.folder)
