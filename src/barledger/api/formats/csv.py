"""CSV as RFC 4180 has it: a header, a missing value as nothing, numbers with as many digits as they need."""

from collections.abc import Iterator

import pyarrow as pa
import pyarrow.csv

from barledger.api.formats.contract import Format, Style, Tabular
from barledger.api.formats.values import as_they_are, spelled


class Csv(Format):
    """Rows alone; what they resolved to is in the headers."""

    name = "csv"
    media_type = "text/csv"

    def write(self, table: Tabular, style: Style) -> Iterator[bytes]:
        """Give the lines of each portion, the header before the first."""
        header = True
        for portion in table.portions:
            sink = pa.BufferOutputStream()
            options = pa.csv.WriteOptions(include_header=header, quoting_style="needed")
            pa.csv.write_csv(spelled(portion, style.times, big=as_they_are), sink, options)
            header = False
            yield sink.getvalue().to_pybytes()
