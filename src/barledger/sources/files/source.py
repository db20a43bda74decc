"""FilesSource: bars from files of the caller's."""

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, Final

from barledger.domain.declared import RAW
from barledger.domain.rows import VALUES, Rows
from barledger.errors import SourceError
from barledger.sources.contract import Fetched, FetchRequest, Source, SourceDeclaration
from barledger.sources.files import layout
from barledger.sources.files.arrow import ArrowFile
from barledger.sources.files.chunks import Chunks
from barledger.sources.files.columns import Mapped
from barledger.sources.files.datafile import DataFile
from barledger.sources.files.delimited import DelimitedFile
from barledger.sources.files.json_rows import JsonRowsFile
from barledger.sources.files.layout import Kind, Layout
from barledger.sources.files.location import check_path, kind_in, locate
from barledger.sources.files.mappers import read_mapper
from barledger.sources.files.origin import Origin
from barledger.sources.files.parquet import ParquetFile
from barledger.sources.files.selection import Selection

CHUNK: Final = 262_144

_FILES: Final[Mapping[Kind, type[DataFile]]] = {
    "csv": DelimitedFile,
    "parquet": ParquetFile,
    "arrow": ArrowFile,
    "json": JsonRowsFile,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Preview:
    """How files are read: in a line, by which mapper and columns the first of them, and the first bars."""

    asked: str
    mapped: Mapped
    rows: Rows


class FilesSource(Source):
    """CSV (also .gz, .bz2, .zst, .zip), Parquet, Arrow IPC and freqtrade's JSON, read in bounded memory.

    >>> FilesSource(path="prices/{instrument}.csv", columns="close=Adj Close").declaration.name
    'files'
    """

    example: ClassVar[Mapping[str, str]] = {"path": "{instrument}-{timeframe}.csv"}

    def __init__(  # noqa: PLR0913 - an option a line
        self,
        *,
        path: str | os.PathLike[str],
        columns: Mapping[str, str] | str | None = None,
        header: bool | str | Sequence[str] = True,
        time_unit: str | None = None,
        zone: str | None = None,
        instrument_column: str | None = None,
        delimiter: str | None = None,
        decimal: str = ".",
        kind: str | None = None,
        mapper: str | None = None,
        adjustment: str | None = None,
        chunk_rows: int | str = CHUNK,
    ) -> None:
        """Read nothing yet; every option may be text, as a command line gives it.

        ``path`` is a file, a folder (its files are one after the other in time) or a pattern, in which
        ``{instrument}``, ``{symbol}`` (the source's own name of it) and ``{timeframe}`` stand for what is asked for.
        Several files are read in the order of their names, numbers counted as numbers.

        ``columns`` maps our names to theirs (``close=Close,time=Date``). ``header`` is no where CSV has none, the
        missing names, or ``binance`` for its klines. ``time_unit`` (s, ms, us, ns) is that of integer times, ``zone``
        that of times without one; dates and midnights of days and longer bars need none. ``instrument_column`` names
        the instrument of each row, where a file has several. ``kind`` (csv, parquet, arrow, json) is for names that do
        not tell it. ``mapper`` says whose layout the files have, where their header does not tell it
        (`barledger.sources.files.mappers`), ``adjustment`` what their bars are adjusted for (raw, splits, total), where
        it is not what that program does. Raises `InvalidSetting`.
        """
        self._path = os.fspath(path)
        check_path(self._path)
        self._chunk_rows = layout.read_count("chunk_rows", chunk_rows)
        self._layout = Layout(
            columns=layout.read_columns(columns),
            header=layout.read_header(header),
            time_unit=layout.read_choice("time_unit", time_unit, layout.TimeUnit),
            zone=layout.read_zone(zone),
            instrument_column=instrument_column,
            delimiter=layout.read_delimiter(delimiter),
            decimal=layout.read_decimal(decimal),
            kind=layout.read_kind(kind),
            mapper=read_mapper(mapper),
            adjustment=layout.read_adjustment(adjustment),
        )

    @property
    def declaration(self) -> SourceDeclaration:
        """Return what this source has: any timeframe, values that are exactly as given, events if files have them."""
        adjustment = dict.fromkeys(VALUES, self._layout.adjustment or RAW)
        return SourceDeclaration(name="files", adjustment=adjustment, gives_events=True, incremental=False)

    def fetch(self, request: FetchRequest) -> Iterator[Fetched]:
        """Give the bars of the interval; bars outside of it are not looked at."""
        self.check(request)
        yield from Chunks(self._selection(request), request, size=self._chunk_rows)

    def preview(self, request: FetchRequest, *, bars: int = 5) -> Preview:
        """Return how the files of a request are read, with the first few bars; raises what `fetch` raises."""
        self.check(request)
        selection = self._selection(request)
        first = next(iter(Chunks(selection, request, size=max(bars, 1))))
        return Preview(asked=selection.asked(), mapped=selection.mapped(0), rows=first.rows.pick(slice(0, bars)))

    def _selection(self, request: FetchRequest) -> Selection:
        files = [self._file(origin, request) for origin in locate(self._path, request)]
        return Selection(files, self._layout, request)

    def _file(self, origin: Origin, request: FetchRequest) -> DataFile:
        kind = self._layout.kind or kind_in(origin)
        if kind is None:
            detail = f"the name of {origin} does not tell its format; give kind=csv, parquet, arrow or json"
            raise SourceError(source="files", detail=detail)
        return _FILES[kind](origin, self._layout, request.symbol)
