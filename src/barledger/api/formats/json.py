"""JSON: an envelope of what the table resolved to, its rows or its columns, and the next page."""

from collections.abc import Iterator
from typing import Any

import orjson

from barledger.api.formats.contract import Format, Style, Tabular
from barledger.api.formats.values import arrays, as_text, rows, slices, spelled
from barledger.api.problems import HttpProblem


class Json(Format):
    """``{"meta": …, "next": …, "data": …}``, in this order, so that a reader knows what comes; a tail follows."""

    name = "json"
    media_type = "application/json"

    def write(self, table: Tabular, style: Style) -> Iterator[bytes]:
        """Give the envelope and the rows of each portion; columns only of a table that is one portion."""
        if style.orient == "columns":
            return self._columns(table, style)
        return self._records(table, style)

    def _records(self, table: Tabular, style: Style) -> Iterator[bytes]:
        yield self._head(table) + b"["
        comma = b""
        for portion in table.portions:
            for part in slices(spelled(portion, style.times, big=as_text)):
                yield comma + b",".join(rows(part))
                comma = b","
        yield b"]" + _tail(table)

    def _columns(self, table: Tabular, style: Style) -> Iterator[bytes]:
        if not table.whole:
            step = "Ask for fewer by limit, for orient=records, or for another format."
            told = "columns are written only of what fits into one portion"
            raise HttpProblem(422, "too-many-for-columns", told, step, parameter="orient")
        columns = [_dumped(arrays(spelled(one, style.times, big=as_text))) for one in table.portions]
        return iter([self._head(table), *columns, _tail(table)])

    @staticmethod
    def _head(table: Tabular) -> bytes:
        return _dumped({"meta": table.meta(), "next": table.next})[:-1] + b',"data":'


def _tail(table: Tabular) -> bytes:
    """Return what follows the rows, and the end of the envelope."""
    return b"}" if table.tail is None else b"," + _dumped(table.tail())[1:]


def _dumped(value: Any) -> bytes:
    return orjson.dumps(value, option=orjson.OPT_SERIALIZE_NUMPY)
