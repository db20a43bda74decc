"""Selection: of the files' rows those of one instrument in one interval, as bars."""

from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from barledger.domain.rows import Ints
from barledger.domain.series import normalise_instrument
from barledger.domain.timeframe import DAY
from barledger.errors import BarledgerError, DataNotFound, InvalidName, SourceError
from barledger.sources.contract import FetchRequest
from barledger.sources.files import columns
from barledger.sources.files.datafile import Batch, DataFile, Pruning, Where
from barledger.sources.files.instants import instants
from barledger.sources.files.layout import Layout


class Selection:
    """The bars that a request wants, from several files one after the other."""

    def __init__(self, files: Sequence[DataFile], layout: Layout, request: FetchRequest) -> None:
        """Select from these files."""
        self._files = files
        self._layout = layout
        self._request = request
        self._spelling: str | None = None

    def pieces(self, size: int) -> Iterator[pa.Table]:
        """Give the bars in the files' order, at most ``size`` at once, with the number of ``file`` and ``row`` of each.

        Raises `DataNotFound` if files that name their instruments do not name this one.
        """
        for number, file in enumerate(self._files):
            matched = columns.match(file.names(), self._layout, str(file.path))
            pruning = Pruning(time=matched["time"], may_hold=partial(self._may_hold, file))
            for batch in file.batches(matched, pruning):
                piece = self._piece(number, batch, matched)
                yield from (piece.slice(start, size) for start in range(0, piece.num_rows, size))
        column = self._layout.instrument_column
        if column is not None and not self._known(column):
            raise DataNotFound(what=f"source files has no {self._request.symbol} in column {column!r} of its files")

    def place(self, piece: pa.Table, at: int) -> str:
        """Return in which file and where in it the bar at a position of a piece stands."""
        file, row = (int(piece[name][at].as_py()) for name in ("file", "row"))
        return self._files[file].place(row)

    def _piece(self, number: int, batch: Batch, matched: dict[str, str]) -> pa.Table:
        file, given = self._files[number], batch.columns
        rows = batch.first + np.arange(given.num_rows, dtype=np.int64)
        if "instrument" in matched:
            ours = self._ours(given.column(matched["instrument"]), file)
            rows, given = rows[ours.to_numpy(zero_copy_only=False)], given.filter(ours)
        where = Where(file=file, rows=rows)
        bars: dict[str, Any] = {
            "time": instants(given.column(matched["time"]), self._layout, self._request.timeframe, where),
            **columns.values(given, matched, where),
            "file": pa.array(np.full(len(rows), number, np.int32)),
            "row": pa.array(rows),
        }
        return self._within(pa.table(bars))

    def _within(self, piece: pa.Table) -> pa.Table:
        times = nanoseconds(piece)
        interval = self._request.interval
        inside = (times >= interval.start) & (times < interval.end)
        return piece if inside.all() else piece.filter(pa.array(inside))

    def _ours(self, names: pa.Array, file: DataFile) -> pa.Array:
        """Tell which rows are the instrument's; files that spell it in two ways are refused."""
        texts = columns.as_text(names, "instrument", Where(file=file, rows=np.empty(0, np.int64)))
        spellings = {text for text in pc.unique(texts).to_pylist() if self._means(text)}
        spellings |= set() if self._spelling is None else {self._spelling}
        if len(spellings) > 1:
            said = " and as ".join(map(repr, sorted(spellings)))
            raise SourceError(source="files", detail=f"{file.path}: {self._request.instrument} is there as {said}")
        self._spelling = next(iter(spellings), None)
        return pc.fill_null(pc.equal(texts, self._spelling or ""), fill_value=False)

    def _means(self, text: str | None) -> bool:
        if text is None or text == self._request.symbol or self._request.native is not None:
            return text == self._request.symbol
        try:
            return normalise_instrument(text) == self._request.instrument
        except InvalidName:
            return False

    def _known(self, column: str) -> bool:
        """Look through the rows that were pruned too, until the instrument turns up."""
        for file in self._files:
            for batch in file.batches({"instrument": column}, None):
                if self._spelling is not None:
                    return True
                self._ours(batch.columns.column(column), file)
        return self._spelling is not None

    def _may_hold(self, file: DataFile, ends: pa.Array) -> bool:
        """Whether a stretch between two times may hold a wanted one."""
        try:
            found = instants(ends, self._layout, self._request.timeframe, Where(file=file, rows=np.empty(0, np.int64)))
        except BarledgerError:
            return True
        first, last = found.cast(pa.int64()).to_pylist()
        # Statistics are coarser than ns, and a wall clock may go back by hours.
        return bool(first - DAY < self._request.interval.end and last + DAY >= self._request.interval.start)


def nanoseconds(bars: pa.Table) -> Ints:
    """Return the times (ns)."""
    return np.asarray(bars["time"].cast(pa.int64()).to_numpy())
