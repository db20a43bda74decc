"""Tables of many instruments in one file, written one instrument after the other."""

from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, Self

if TYPE_CHECKING:
    import pyarrow as pa

FORMATS: Final = ("parquet", "csv", "arrow")


class TableFile:
    """A file with a column ``instrument`` before those of the tables that are added; its schema is the first one's."""

    def __init__(self, path: Path, form: str) -> None:
        """Write nothing before the first table comes."""
        self._path, self._form = path, form
        self._opened = ExitStack()
        self._writer: Any = None
        self.rows = 0
        self.columns: list[str] = []

    def add(self, instrument: str, table: "pa.Table") -> None:
        """Add the rows of an instrument."""
        import pyarrow as pa  # noqa: PLC0415 - only for files

        named = pa.repeat(pa.scalar(instrument), len(table))
        full = table.replace_schema_metadata(None).add_column(0, "instrument", named)
        if self._writer is None:
            self._writer = self._opened.enter_context(self._open(full.schema))
            self.columns = full.column_names
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
