"""The views that this process knows, and when they are out of date.

A read asks SQLite one cheap question, whether anything was committed. As long as every commit was this process's own,
its views stay right, because the writer brings them up to date itself. Another catalog in the place of the one that was
opened is only read if it is a copy of it, be it one that goes on.
"""

import sqlite3
from collections import OrderedDict
from collections.abc import Callable, Mapping
from pathlib import Path
from threading import RLock
from typing import Final, TypeVar

from barledger.domain.series import Series
from barledger.errors import StoreDamaged, StoreUnavailable
from barledger.stores.embedded.catalog import Head, Part, State, Tables, errors_of
from barledger.stores.embedded.connection import CommitCount, Identity, ReadConnection
from barledger.stores.embedded.view import View, follow, load

Answer = TypeVar("Answer")

_KEPT_VIEWS: Final = 4096
_KEPT_PARTS: Final = 8192
_ATTEMPTS: Final = 100


class Views:
    """What is committed, as a reader sees it. Threads may share it."""

    def __init__(self, folder: Path, *, shared: bool) -> None:
        """Read the catalog in this folder; ``shared`` says that SQLite may make its files there."""
        self._connection = ReadConnection(folder, shared=shared)
        self._count = CommitCount(folder)
        self._head: Head | None = None
        self._known: tuple[Identity | None, Head] | None = None
        self._epoch = 0
        self._layers: dict[Series, dict[str, int]] = {}
        self._views: OrderedDict[int, tuple[int, View]] = OrderedDict()
        self._parts: dict[int, Part] = {}
        self.lock = RLock()

    def part(self, tables: Tables, number: int) -> Part:
        """Return a part, which never changes."""
        part = self._parts.get(number)
        if part is None:
            if len(self._parts) > _KEPT_PARTS:
                self._parts.clear()
            part = self._parts[number] = tables.part(number)
        return part

    @property
    def path(self) -> Path:
        """Return where the catalog is."""
        return self._connection.path

    def head(self) -> Head | None:
        """Return the head row, or None if there is no catalog yet."""
        return self._steadily(lambda: self._head)

    def identity(self) -> Identity | None:
        """Return which file the catalog is; raises `StoreUnavailable` if it is gone, or another store's."""
        return self._steadily(lambda: self._connection.identity)

    def series(self) -> dict[Series, dict[str, int]]:
        """Return every series with its layers' numbers."""
        return self._steadily(lambda: self._layers)

    def segment_names(self) -> set[str]:
        """Return the names of all segments that the catalog knows."""
        return self._steadily(self._segment_names)

    def find(self, series: Series, layer: str) -> View | None:
        """Return the current view of a layer, or None if there is no such layer."""
        return self._steadily(lambda: self._find(series, layer))

    def _steadily(self, answer: Callable[[], Answer]) -> Answer:
        """Answer from one state of the catalog, though its files may change under a reader who cannot lock them."""
        with self.lock, errors_of(self.path):
            for _ in range(_ATTEMPTS):
                try:
                    self._refresh()
                    found = answer()
                except (StoreDamaged, sqlite3.Error):
                    if self._connection.steady():
                        raise
                    continue
                if self._connection.steady():
                    return found
        raise StoreDamaged(where=str(self.path), detail="it never stops changing")

    def _segment_names(self) -> set[str]:
        connection = self._connection.current()
        return set() if connection is None else set(Tables(connection, self.path).segments())

    def _find(self, series: Series, layer: str) -> View | None:
        number = self._layers.get(series, {}).get(layer)
        return None if number is None else self._view(number)

    def forget(self) -> None:
        """Believe nothing that is remembered."""
        with self.lock:
            self._epoch += 1
            self._views.clear()
            self._head = None
            self._connection.close()

    def close(self) -> None:
        """Close the connection."""
        with self.lock:
            self.forget()

    # --- the writer's own news -----------------------------------------------------------------

    def known(self, head: Head, number: int) -> View | None:
        """Return the view of a layer if it is right as of ``head``, for the writer that holds the lock."""
        with self.lock:
            found = self._views.get(number)
            return found[1] if found is not None and found[0] == self._epoch and self._head == head else None

    def known_layers(self, head: Head) -> dict[Series, dict[str, int]] | None:
        """Return every series with its layers' numbers, if that is right as of ``head``."""
        with self.lock:
            mine = self._head
            alike = mine is not None and (mine.layers, mine.total) == (head.layers, head.total)
            return self._layers if alike else None

    def committed(
        self, before: Head, after: Head, layers: dict[Series, dict[str, int]], views: Mapping[int, View | None]
    ) -> None:
        """Take over what this process committed on top of ``before``, still holding the lock: a None drops a view."""
        with self.lock:
            if self._head not in (before, after):
                self._epoch += 1
            self._head = after
            self._known = self._connection.identity, after
            self._layers = layers
            for number, view in views.items():
                if view is None:
                    self._views.pop(number, None)
                else:
                    self._keep(number, view)

    # --- looking -------------------------------------------------------------------------------

    def _refresh(self) -> None:
        connection = self._connection.current()
        if connection is None:
            self._head, self._layers = None, {}
            return
        if not self._connection.changed() and self._head is not None:
            return
        counted = self._count.read()
        tables = Tables(connection, self.path)
        connection.execute("BEGIN")
        try:
            head = tables.head()
            self._refuse_lost_commits(head, counted)
            self._refuse_another(head)
            if self._head == head:
                return
            if self._head is None or (self._head.layers, self._head.total) != (head.layers, head.total):
                self._layers = tables.layers(head)
            self._head = head
            self._epoch += 1
        except BaseException:
            self._head = None
            raise
        finally:
            connection.execute("COMMIT")

    def _refuse_lost_commits(self, head: Head, counted: int | None) -> None:
        if counted is not None and counted > head.commits:
            lost = f"{counted - head.commits} commits are missing; SQLite's log may be damaged"
            raise StoreDamaged(where=str(self.path), detail=lost)

    def _refuse_another(self, head: Head) -> None:
        """Refuse a catalog that is not the one that was read before, nor a copy of that or of what became of it."""
        identity = self._connection.identity
        if self._known is not None:
            before, known = self._known
            if identity != before and (head.ledger != known.ledger or head.commits < known.commits):
                detail = "another store lies there, or an older state of the one that was opened"
                raise StoreUnavailable(url=str(self.path.parent), detail=detail)
            if head.commits < known.commits:
                raise StoreDamaged(where=str(self.path), detail=f"{known.commits - head.commits} commits are missing")
            if identity != before:
                self._views.clear()
                self._parts.clear()
        self._known = identity, head

    def _view(self, number: int) -> View:
        found = self._views.get(number)
        if found is not None and found[0] == self._epoch:
            self._views.move_to_end(number)
            return found[1]
        connection = self._connection.current()
        if connection is None:
            raise StoreDamaged(where=str(self.path), detail="it is gone")
        tables = Tables(connection, self.path)
        connection.execute("BEGIN")
        try:
            view = self._load(tables, tables.state(number), None if found is None else found[1])
        finally:
            connection.execute("COMMIT")
        self._keep(number, view)
        return view

    def _load(self, tables: Tables, state: State, old: View | None) -> View:
        if old is not None and old.state == state:
            return old
        grown = None if old is None else follow(tables, old, state)
        return grown or load(tables, state, lambda number: self.part(tables, number))

    def _keep(self, number: int, view: View) -> None:
        self._views[number] = (self._epoch, view)
        self._views.move_to_end(number)
        if len(self._views) > _KEPT_VIEWS:
            self._views.popitem(last=False)
