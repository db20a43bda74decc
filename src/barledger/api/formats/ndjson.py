"""NDJSON: an object for each row, on a line of its own."""

from collections.abc import Iterator

from barledger.api.formats.contract import Format, Style, Tabular
from barledger.api.formats.values import as_text, rows, slices, spelled


class Ndjson(Format):
    """Rows alone; what they resolved to is in the headers."""

    name = "ndjson"
    media_type = "application/x-ndjson"
    also = ("application/jsonl", "application/x-jsonlines")

    def write(self, table: Tabular, style: Style) -> Iterator[bytes]:
        """Give the lines of each portion."""
        for portion in table.portions:
            for part in slices(spelled(portion, style.times, big=as_text)):
                yield b"".join(row + b"\n" for row in rows(part))
