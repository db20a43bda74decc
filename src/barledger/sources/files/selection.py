"""Selection: of the files' rows those of one instrument in one interval, as bars."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from barledger.domain.declared import RAW, Adjustment
from barledger.domain.rows import Flags, Ints
from barledger.domain.series import normalise_instrument
from barledger.domain.timeframe import DAY, SECOND
from barledger.errors import BarledgerError, DataNotFound, InvalidName, SourceError
from barledger.sources.contract import FetchRequest
from barledger.sources.files import columns
from barledger.sources.files.columns import Mapped
from barledger.sources.files.datafile import Batch, DataFile, Pruning, Where
from barledger.sources.files.instants import instants, joined
from barledger.sources.files.layout import Layout
from barledger.sources.files.mappers import Mapper


class Selection:
    """The bars that a request wants, from several files one after the other."""

    def __init__(self, files: Sequence[DataFile], layout: Layout, request: FetchRequest) -> None:
        """Select from these files."""
        self._files = files
        self._layout = layout
        self._request = request
        self._spelling: str | None = None
        self._mapped: dict[int, Mapped] = {}
        self._adjustment: Adjustment | None = None
        self._period_found = False
        self._other_periods: set[str] = set()

    def pieces(self, size: int) -> Iterator[pa.Table]:
        """Give the bars in the files' order, at most ``size`` at once, with the number of ``file`` and ``row`` of each.

        Raises `DataNotFound` if files that name their instruments or their timeframes do not name these.
        """
        for number, file in enumerate(self._files):
            mapped = self.mapped(number)
            pruning = Pruning(time=mapped.columns["time"], may_hold=partial(self._may_hold, file, mapped))
            for batch in file.batches(mapped.columns, pruning, texts=mapped.texts):
                piece = self._piece(number, batch, mapped)
                yield from (piece.slice(start, size) for start in range(0, piece.num_rows, size))
        named = self._columns_of_instruments()
        if named and not self._known(named):
            column = next(iter(named.values()))
            raise DataNotFound(what=f"source files has no {self._request.symbol} in column {column!r} of its files")
        if self._other_periods and not self._period_found:
            others = ", ".join(sorted(self._other_periods))
            raise DataNotFound(
                what=f"{self._files[0].origin} has no bars of {self._request.timeframe}, but of {others}"
            )

    def mapped(self, number: int) -> Mapped:
        """Return how a file is read."""
        if number not in self._mapped:
            self._mapped[number] = columns.match(self._files[number])
        return self._mapped[number]

    def adjustment(self, numbers: Iterable[int]) -> Adjustment:
        """Return what the bars of these files are adjusted for.

        Raises `SourceError` if that is not what those before them are: nobody could say what the series is.
        """
        for number in numbers:
            found = self.mapped(number).adjustment
            self._adjustment = self._adjustment or found
            if found != self._adjustment:
                said = f"its bars look adjusted for {found}, those before for {self._adjustment}: give adjustment="
                raise SourceError(source="files", detail=f"{self._files[number].origin}: {said}")
        return self._adjustment or RAW

    def asked(self, numbers: Iterable[int] | None = None) -> str:
        """Say in a line which files these are (without numbers, all of them), and how each is read."""
        listed = sorted(range(len(self._files)) if numbers is None else numbers)
        ways = dict.fromkeys(str(self.mapped(number)) for number in listed)
        first, last = self._files[listed[0]].origin, self._files[listed[-1]].origin
        name = str(first) if len(listed) == 1 else f"{first} to {last} ({len(listed)} files)"
        return f"{name} as {' and '.join(ways)}"

    def note(self, numbers: Iterable[int]) -> str:
        """Return what people should know of how these files are read, if anything."""
        return "; ".join(dict.fromkeys(note for one in sorted(numbers) if (note := self.mapped(one).note)))

    def place(self, piece: pa.Table, at: int) -> str:
        """Return in which file and where in it the bar at a position of a piece stands."""
        file, row = (int(piece[name][at].as_py()) for name in ("file", "row"))
        return self._files[file].place(row)

    def _piece(self, number: int, batch: Batch, mapped: Mapped) -> pa.Table:
        file, given = self._files[number], batch.columns
        rows = batch.first + np.arange(given.num_rows, dtype=np.int64)
        for mask in self._masks(file, given, mapped):
            rows, given = rows[mask], given.filter(pa.array(mask))
        where = Where(file=file, rows=rows)
        bars: dict[str, Any] = {
            "time": self._times(given, mapped, where),
            **columns.values(given, mapped.columns, where),
            "file": pa.array(np.full(len(rows), number, np.int32)),
            "row": pa.array(rows),
        }
        return self._within(pa.table(bars))

    def _masks(self, file: DataFile, given: pa.RecordBatch, mapped: Mapped) -> Iterator[Flags]:
        """Give which rows are the instrument's, and of these which are of the timeframe."""
        ours: Flags = np.ones(given.num_rows, np.bool_)
        if "instrument" in mapped.columns:
            ours = self._ours(given.column(mapped.columns["instrument"]), file, mapped.mapper)
            yield ours
        if "period" in mapped.columns:
            wanted = mapped.mapper.periods.get(self._request.timeframe.name, "")
            where = Where(file=file, rows=np.empty(0, np.int64))
            periods = columns.as_text(given.column(mapped.columns["period"]), "period", where).filter(pa.array(ours))
            found = np.asarray(pc.fill_null(pc.equal(periods, wanted), fill_value=False).to_numpy(zero_copy_only=False))
            self._period_found |= bool(found.any())
            self._other_periods |= {str(text) for text in pc.unique(periods).to_pylist()} - {wanted}
            yield found

    def _times(self, given: pa.RecordBatch, mapped: Mapped, where: Where) -> pa.Array:
        timeframe = self._request.timeframe
        times = given.column(mapped.columns["time"])
        if "clock" in mapped.mapper.columns and pa.types.is_string(times.type):
            clock = mapped.columns.get("clock")
            times = joined(times, None if clock is None else given.column(clock), timeframe)
        opens = instants(times, self._layout, timeframe, where, mapped.mapper)
        if "close_time" in mapped.columns:
            closes = instants(given.column(mapped.columns["close_time"]), self._layout, timeframe, where, mapped.mapper)
            self._check_lengths(opens, closes, where)
        return opens

    def _check_lengths(self, opens: pa.Array, closes: pa.Array, where: Where) -> None:
        """Refuse bars that mostly last longer or shorter than the timeframe; a few may, of a day with an outage."""
        first, last = (np.asarray(times.cast(pa.int64()).to_numpy()) for times in (opens, closes))
        unlike = np.abs(self._request.timeframe.close_of(first) - last) > SECOND
        if 2 * int(unlike.sum()) > len(unlike):
            seconds = float(np.median(last - first)) / SECOND
            said = f"these bars last {seconds:,.0f} seconds, so they are not of {self._request.timeframe}"
            raise SourceError(source="files", detail=f"{where}: {said}")

    def _within(self, piece: pa.Table) -> pa.Table:
        times = nanoseconds(piece)
        interval = self._request.interval
        inside = (times >= interval.start) & (times < interval.end)
        return piece if inside.all() else piece.filter(pa.array(inside))

    def _ours(self, names: pa.Array, file: DataFile, mapper: Mapper) -> Flags:
        """Tell which rows are the instrument's; files that spell it in two ways are refused."""
        texts = columns.as_text(names, "instrument", Where(file=file, rows=np.empty(0, np.int64)))
        spellings = {text for text in pc.unique(texts).to_pylist() if self._means(text, mapper)}
        spellings |= set() if self._spelling is None else {self._spelling}
        if len(spellings) > 1:
            said = " and as ".join(map(repr, sorted(spellings)))
            raise SourceError(source="files", detail=f"{file.origin}: {self._request.instrument} is there as {said}")
        self._spelling = next(iter(spellings), None)
        found = pc.fill_null(pc.equal(texts, self._spelling or ""), fill_value=False)
        return np.asarray(found.to_numpy(zero_copy_only=False))

    def _means(self, text: str | None, mapper: Mapper) -> bool:
        if text is None or text == self._request.symbol or self._request.native is not None:
            return text == self._request.symbol
        if "ticker" in mapper.columns and mapper.alike(self._request.symbol, text):
            return True
        try:
            return normalise_instrument(text) == self._request.instrument
        except InvalidName:
            return False

    def _columns_of_instruments(self) -> dict[int, str]:
        """Return the column that names each row's instrument, by the file's number."""
        found = {number: self.mapped(number).columns.get("instrument") for number in range(len(self._files))}
        return {number: column for number, column in found.items() if column is not None}

    def _known(self, named: Mapping[int, str]) -> bool:
        """Look through the rows that were pruned too, until the instrument turns up."""
        for number, column in named.items():
            file, mapper = self._files[number], self.mapped(number).mapper
            for batch in file.batches({"instrument": column}, None):
                if self._spelling is not None:
                    return True
                self._ours(batch.columns.column(column), file, mapper)
        return self._spelling is not None

    def _may_hold(self, file: DataFile, mapped: Mapped, ends: pa.Array) -> bool:
        """Whether a stretch between two times may hold a wanted one."""
        where = Where(file=file, rows=np.empty(0, np.int64))
        try:
            found = instants(ends, self._layout, self._request.timeframe, where, mapped.mapper)
        except BarledgerError:
            return True
        first, last = found.cast(pa.int64()).to_pylist()
        # Statistics are coarser than ns, and a wall clock may go back by hours.
        return bool(first - DAY < self._request.interval.end and last + DAY >= self._request.interval.start)


def nanoseconds(bars: pa.Table) -> Ints:
    """Return the times (ns)."""
    return np.asarray(bars["time"].cast(pa.int64()).to_numpy())
