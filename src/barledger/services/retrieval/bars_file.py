"""Files that bars are written into, portion by portion: CSV, Parquet and Arrow, in our own shape or another style."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, Self

from barledger.domain.bars import Bars
from barledger.domain.digest import EMPTY_ROOT, block_digests, root_digest
from barledger.domain.style import flat
from barledger.errors import InvalidSetting
from barledger.services.retrieval.files import OWN, Format, why

if TYPE_CHECKING:
    import pyarrow as pa


class BarsFile:
    """A file of bars that appears in one piece at the end of a with statement, and not at all if that fails.

    Portions are in order of time, and begin where blocks do. ``digest`` (hex) is of what the file tells of them: a
    style leaves the adjustment factor and the source's own references out, and so does it.
    """

    def __init__(
        self, path: Path, kind: Format, style: str, *, told: Mapping[str, Any] | None = None, factors: bool = False
    ) -> None:
        """Write nothing before the first portion comes.

        ``told`` is what the provenance of all bars says that a portion's does not; ``factors`` says that some portions
        have adjustment factors, for styles whose columns depend on it.
        """
        self._path, self._kind, self._style, self._factors = path, kind, style, factors
        self._told = dict(told or {})
        self._beside = path.with_name(f".{path.name}.new")
        self._writer: Any = None
        self._schema: Any = None
        self._link = self._bars_link = EMPTY_ROOT
        self.rows = 0

    @property
    def digest(self) -> str:
        """Return the digest of what was written so far, in hex."""
        return self._link.hex()

    @property
    def bars_digest(self) -> str:
        """Return the digest of the bars themselves, in hex."""
        return self._bars_link.hex()

    def add(self, bars: Bars) -> None:
        """Write a portion; raises `InvalidSetting` if that cannot be done."""
        table = self._table(bars)
        try:
            if self._writer is None:
                self._schema, self._writer = table.schema, _WRITERS[self._kind](self._beside, table.schema)
            self._writer.write_table(table.cast(self._schema))
        except OSError as error:
            raise self._failed(error) from error
        self._bars_link = root_digest(block_digests(bars.rows, bars.timeframe), after=self._bars_link)
        if self._style == OWN:
            self._link = self._bars_link
        else:
            plain = replace(bars.rows, adjustment_factor=None, source_id=None)
            self._link = root_digest(block_digests(plain, bars.timeframe), after=self._link)
        self.rows += len(bars)

    def _table(self, bars: Bars) -> "pa.Table":
        import pyarrow as pa  # noqa: PLC0415 - only for files

        if self._style == OWN:
            table = bars.to_arrow()
            told = {f"barledger.{name}": str(value) for name, value in (bars.provenance | self._told).items()}
            table = table.replace_schema_metadata(told)
            return _seconds(table) if self._kind == "csv" else table
        frame = flat(bars.factored() if self._factors else bars, self._style)  # type: ignore[arg-type]
        frame.attrs = {}
        table = pa.Table.from_pandas(frame, preserve_index=False)
        return _seconds(table) if self._kind == "csv" else table

    def _failed(self, error: OSError) -> InvalidSetting:
        return InvalidSetting(setting="file", reason=f"{self._path} cannot be written: {why(error)}")

    def __enter__(self) -> Self:
        """Use it in a with statement."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Finish the file, or leave nothing of it; raises `InvalidSetting`."""
        try:
            if self._writer is not None:
                self._writer.close()
            if error is None:
                self._beside.replace(self._path)
        except OSError as failed:
            raise self._failed(failed) from failed
        finally:
            self._beside.unlink(missing_ok=True)


def write(bars: Bars, path: Path, kind: Format, style: str) -> str:
    """Write bars to a file in one piece, and return the digest (hex) of what the file tells of them.

    Raises `InvalidSetting` if the file cannot be written.
    """
    with BarsFile(path, kind, style) as file:
        file.add(bars)
    return file.digest


def _seconds(table: "pa.Table") -> "pa.Table":
    """Return times to the second: no bar opens within one, and few programs read nine decimals of it."""
    import pyarrow as pa  # noqa: PLC0415 - only for files

    def shortened(kind: "pa.DataType") -> "pa.DataType":
        return pa.timestamp("s", kind.tz) if pa.types.is_timestamp(kind) else kind

    return table.cast(pa.schema([pa.field(one.name, shortened(one.type)) for one in table.schema]))


def _csv(path: Path, schema: "pa.Schema") -> Any:
    from pyarrow import csv  # noqa: PLC0415 - only for files

    return csv.CSVWriter(str(path), schema)


def _parquet(path: Path, schema: "pa.Schema") -> Any:
    from pyarrow import parquet  # noqa: PLC0415 - only for files

    return parquet.ParquetWriter(path, schema)


def _arrow(path: Path, schema: "pa.Schema") -> Any:
    from pyarrow import ipc  # noqa: PLC0415 - only for files

    # As Feather files are, which is what others know it by.
    return ipc.new_file(str(path), schema, options=ipc.IpcWriteOptions(compression="lz4"))


_WRITERS: Final[Mapping[str, Callable[[Path, "pa.Schema"], Any]]] = {"csv": _csv, "parquet": _parquet, "arrow": _arrow}
