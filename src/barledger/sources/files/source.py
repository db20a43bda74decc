"""FilesSource: bars from files of the caller's."""

import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

from barledger.errors import SourceError
from barledger.sources.contract import Fetched, FetchRequest, Source, SourceDeclaration
from barledger.sources.files import layout
from barledger.sources.files.arrow import ArrowFile
from barledger.sources.files.chunks import Chunks
from barledger.sources.files.datafile import DataFile
from barledger.sources.files.delimited import DelimitedFile
from barledger.sources.files.layout import Kind, Layout
from barledger.sources.files.location import check_path, kind_of, locate
from barledger.sources.files.parquet import ParquetFile
from barledger.sources.files.selection import Selection

CHUNK: Final = 262_144

_FILES: Final[Mapping[Kind, type[DataFile]]] = {"csv": DelimitedFile, "parquet": ParquetFile, "arrow": ArrowFile}


class FilesSource(Source):
    """CSV (also .gz, .bz2, .zst), Parquet and Arrow IPC files, read in bounded memory.

    >>> FilesSource(path="prices/{instrument}.csv", columns="close=Adj Close").declaration.name
    'files'
    """

    def __init__(
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
        chunk_rows: int | str = CHUNK,
    ) -> None:
        """Read nothing yet; every option may be text, as a command line gives it.

        ``path`` is a file, a folder (its files are one after the other in time) or a pattern, in which
        ``{instrument}``, ``{symbol}`` (the source's own name of it) and ``{timeframe}`` stand for what is asked for.
        Several files are read in the order of their names, numbers counted as numbers.

        ``columns`` maps our names to theirs (``close=Close,time=Date``). ``header`` is no where CSV has none, the
        missing names, or ``binance`` for its klines. ``time_unit`` (s, ms, us, ns) is that of integer times, ``zone``
        that of times without one. ``instrument_column`` names the instrument of each row, where a file has several.
        ``kind`` (csv, parquet, arrow) is for names that do not tell it. Raises `InvalidSetting`.
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
        )

    @property
    def declaration(self) -> SourceDeclaration:
        """Return what this source has: any timeframe, values that are exactly as given."""
        return SourceDeclaration(name="files", incremental=False)

    def fetch(self, request: FetchRequest) -> Iterator[Fetched]:
        """Give the bars of the interval; bars outside of it are not looked at."""
        self.check(request)
        files = [self._file(path, request) for path in locate(self._path, request)]
        yield from Chunks(Selection(files, self._layout, request), request, size=self._chunk_rows)

    def _file(self, path: Path, request: FetchRequest) -> DataFile:
        kind = self._layout.kind or kind_of(path)
        if kind is None:
            detail = f"the name of {path} does not tell its format; give kind=csv, parquet or arrow"
            raise SourceError(source="files", detail=detail)
        return _FILES[kind](path, self._layout, request.symbol)
