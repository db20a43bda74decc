"""Delimited text: CSV and its kin, compressed or not."""

import csv
import io
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

import pyarrow as pa
from pyarrow import csv as arrow_csv

from barledger.domain.rows import VALUES
from barledger.errors import SourceError
from barledger.sources.files.datafile import Batch, DataFile, Pruning
from barledger.sources.files.layout import Layout
from barledger.sources.files.location import suffix_of
from barledger.sources.files.mappers import ACTIONS, YFINANCE, Mapper, lacking_header, mapper_called, mapper_of
from barledger.sources.files.origin import Origin

_HEAD: Final = 65_536
_BLOCK: Final = 1 << 20
_TYPES: Final = {
    **dict.fromkeys((*VALUES, "adjustment_factor", *ACTIONS), pa.float64()),
    **dict.fromkeys(("instrument", "source_id", "clock", "period"), pa.string()),
}
# Arrow counts from 1: each line that it was told to skip, then each line that is not empty.
_RECORD: Final = re.compile(r"Row #(\d+): ")
_CELL: Final = re.compile(r"In CSV column #(\d+): ")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Header:
    """The names of the columns, and how many records and lines (empty ones included) stand before the first bar."""

    names: tuple[str, ...]
    records: int = 0
    lines: int = 0


class DelimitedFile(DataFile):
    """Values between delimiters, a line a bar."""

    def __init__(self, origin: Origin, layout: Layout, symbol: str) -> None:
        """Open nothing yet."""
        super().__init__(origin, layout, symbol)
        self._delimiter = layout.delimiter or ("\t" if suffix_of(origin.name) == ".tsv" else ",")
        self._header: _Header | None = None

    def names(self) -> tuple[str, ...]:
        """Return the names of the header, or those that stand in for it."""
        return self._read_header().names

    def mapper(self) -> Mapper:
        """Return whose header this is; one of three lines is yfinance's."""
        header = self._read_header()
        return YFINANCE if header.records > 1 else mapper_of(header.names, "csv")

    def place(self, row: int) -> str:
        """Return the line of a row."""
        return f"{self.origin}, line {self._line(row + self._read_header().records + 1)}"

    def batches(
        self, matched: Mapping[str, str], pruning: Pruning | None, *, texts: frozenset[str] = frozenset()
    ) -> Iterator[Batch]:
        """Give all rows in order; text has no statistics to prune by."""
        del pruning
        first = 0
        types = _types(matched, texts)
        reader = self._reading(lambda: self._open(types, parallel=True), types)
        while True:
            batch = self._reading(lambda: next(reader, None), types)
            if batch is None:
                return
            yield Batch(first=first, columns=batch)
            first += batch.num_rows

    def _reading(self, work: Any, types: Mapping[str, Any]) -> Any:
        """Read; what cannot be parsed is read again one record after the other, which tells the record's number."""
        try:
            return self.guarded(work)
        except SourceError as error:
            raise self._named(types) or error from error.__cause__

    def _named(self, types: Mapping[str, Any]) -> SourceError | None:
        try:
            for _ in self._open(types, parallel=False):
                pass
        except (pa.ArrowException, OSError, EOFError) as error:
            record = _RECORD.search(str(error))
            if record is None:
                return self.error(error)
            header = self._read_header()
            line = self._line(int(record[1]) - header.lines + header.records)
            said = _RECORD.sub("", str(error)).splitlines()[0]
            said = _CELL.sub(lambda cell: f"column {header.names[int(cell[1])]!r}: ", said)
            return SourceError(source="files", detail=f"{self.origin}, line {line}: {said}")
        return None

    def _open(self, types: Mapping[str, Any], *, parallel: bool) -> Any:
        header = self._read_header()
        read = arrow_csv.ReadOptions(
            block_size=_BLOCK, column_names=header.names, skip_rows=header.lines, use_threads=parallel
        )
        convert = arrow_csv.ConvertOptions(
            include_columns=list(types),
            column_types={theirs: kind for theirs, kind in types.items() if kind is not None},
            decimal_point=self.layout.decimal,
        )
        parse = arrow_csv.ParseOptions(delimiter=self._delimiter)
        return arrow_csv.open_csv(self.origin.open(), read_options=read, parse_options=parse, convert_options=convert)

    def _read_header(self) -> _Header:
        if self._header is None:
            lines = self._head()
            records = self._records(list(lines.values()))
            given = self.layout.header
            if isinstance(given, tuple):
                self._header = _Header(names=given)
            elif not given:
                self._header = _Header(names=tuple(str(at) for at in range(len(records[0]))))
            elif _is_of_yfinance(records):
                names = self._names_of_yfinance(records[0], records[1])
                self._header = _Header(names=names, records=len(records), lines=max(lines))
            elif names := self._lacking(records[0]):
                self._header = _Header(names=names)
            else:
                self._header = _Header(names=tuple(records[0]), records=1, lines=min(lines))
        return self._header

    def _lacking(self, record: list[str]) -> tuple[str, ...]:
        """Return the names that the file lacks, if its first line is a bar of a program that writes none."""
        if self.layout.mapper is not None and not mapper_called(self.layout.mapper).header:
            return ()
        return lacking_header(record)

    def _names_of_yfinance(self, prices: list[str], tickers: list[str]) -> tuple[str, ...]:
        """Name the columns under yfinance's header of three lines; those of other tickers say whose they are."""
        names = zip(prices[1:], tickers[1:], strict=False)
        wanted = self.symbol if len(set(tickers[1:])) > 1 else tickers[1]
        return ("Date", *(price if ticker == wanted else f"{price} {ticker}" for price, ticker in names))

    def _head(self) -> dict[int, str]:
        """Return the first three lines that are not empty, or as many as there are, by their numbers (from 1)."""
        head = self.guarded(self._first_bytes)
        if not head.strip():
            raise self.error("the file is empty")
        if b"\0" in head:
            raise self.error("this is no text in UTF-8, so no CSV")
        whole = head if len(head) < _HEAD else head[: head.rfind(b"\n") + 1]
        try:
            text = whole.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            raise self.error(f"this is no text in UTF-8: {error}") from error
        lines = {number: line for number, line in enumerate(io.StringIO(text), 1) if line.strip("\r\n")}
        if not lines:
            raise self.error("the first line does not end, so this is no CSV")
        return dict(list(lines.items())[:3])

    def _records(self, lines: list[str]) -> list[list[str]]:
        try:
            return list(csv.reader(lines, delimiter=self._delimiter))
        except csv.Error as error:
            raise self.error(error) from error

    def _first_bytes(self) -> bytes:
        with self.origin.open() as stream:
            return bytes(stream.read(_HEAD))

    def _line(self, record: int) -> int:
        """Return the line of a record (both from 1)."""
        with self.origin.open() as stream, io.BufferedReader(stream) as lines:
            for number, line in enumerate(lines, 1):
                record -= bool(line.strip(b"\r\n"))
                if not record:
                    return number
        return record


def _is_of_yfinance(records: list[list[str]]) -> bool:
    """Whether these are the lines of yfinance's header: prices, tickers, and the name of the index."""
    return [record[0] for record in records[:2]] == ["Price", "Ticker"]


def _types(matched: Mapping[str, str], texts: frozenset[str]) -> dict[str, Any]:
    """Return the columns to read with their types, None where the values tell."""
    return {theirs: pa.string() if ours in texts else _TYPES.get(ours) for ours, theirs in matched.items()}
