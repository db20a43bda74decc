"""Parquet: a row group for each portion; files that pandas, polars and DuckDB read."""

from collections.abc import Iterator

from barledger.api.formats.contract import Format, Style, Tabular
from barledger.api.formats.sink import Sink


class Parquet(Format):
    """What the table resolved to is in the headers, and in the file's metadata."""

    name = "parquet"
    media_type = "application/vnd.apache.parquet"
    also = ("application/x-parquet",)
    typed_times = True

    def write(self, table: Tabular, style: Style) -> Iterator[bytes]:  # noqa: ARG002 - the contract's
        """Give a row group for each portion, and the footer at the end."""
        import pyarrow.parquet as pq  # noqa: PLC0415 - only this format needs it

        sink = Sink()
        with pq.ParquetWriter(sink, table.schema, compression="zstd") as writer:
            for portion in table.portions:
                writer.write_table(portion.replace_schema_metadata(table.schema.metadata))
                yield sink.taken()
        yield sink.taken()
