"""Tables of many instruments in one file, written one instrument after the other."""

from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, Self

if TYPE_CHECKING:
    import pyarrow as pa

FORMATS: Final = ("parquet", "csv", "arrow")


class TableFile:
    """A file with columns ``instrument`` and ``time``, and columns of numbers after them."""

    def __init__(self, path: Path, form: str, values: Sequence[str]) -> None:
        """Write nothing before the first table comes."""
        self._path, self._form, self._values = path, form, values
        self._opened = ExitStack()
        self._writer: Any = None
        self.rows = 0
        self.columns = ["instrument", "time", *values]

    def add(self, instrument: str, table: "pa.Table") -> None:
        """Add the rows of an instrument, with nulls for a column that it lacks."""
        import pyarrow as pa  # noqa: PLC0415 - only for files

        there, size = set(table.column_names), len(table)
        named = pa.repeat(pa.scalar(instrument), size)
        values = [table[name] if name in there else pa.nulls(size, pa.float64()) for name in self._values]
        full = pa.table([named, table["time"], *values], names=self.columns)
        if self._writer is None:
            self._writer = self._opened.enter_context(self._open(full.schema))
        self._writer.write_table(full)
        self.rows += len(full)

    def _open(self, schema: "pa.Schema") -> Any:
        if self._form == "parquet":
            from pyarrow import parquet  # noqa: PLC0415 - only for files

            return parquet.ParquetWriter(self._path, schema)
        if self._form == "csv":
            from pyarrow import csv  # noqa: PLC0415 - only for files

            return csv.CSVWriter(str(self._path), schema)
        from pyarrow import ipc  # noqa: PLC0415 - only for files

        return ipc.new_file(str(self._path), schema)

    def __enter__(self) -> Self:
        """Use it in a with statement."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Finish the file."""
        self._opened.close()
