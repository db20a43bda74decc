"""Arrow's IPC stream: what programs read without parsing, portion by portion."""

from collections.abc import Iterator

import pyarrow as pa

from barledger.api.formats.contract import Format, Style, Tabular
from barledger.api.formats.sink import Sink


class Arrow(Format):
    """What the table resolved to is in the headers, and in the schema's metadata."""

    name = "arrow"
    media_type = "application/vnd.apache.arrow.stream"
    typed_times = True

    def write(self, table: Tabular, style: Style) -> Iterator[bytes]:  # noqa: ARG002 - the contract's
        """Give a record batch for each portion, one after the other unless the table is whole."""
        sink = Sink()
        with pa.ipc.new_stream(sink, table.schema) as writer:
            for portion in table.portions:
                writer.write_table(portion.replace_schema_metadata(table.schema.metadata))
                if not table.whole:
                    yield sink.taken()
        yield sink.taken()
