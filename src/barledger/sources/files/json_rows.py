"""JSON: freqtrade's rows, an array of arrays of numbers, read piece by piece."""

import json
from collections.abc import Iterator, Mapping
from typing import Any, Final

import pyarrow as pa

from barledger.sources.files.datafile import BATCH, Batch, DataFile, Pruning
from barledger.sources.files.mappers import FREQTRADE, ROWS, Mapper

_PIECE: Final = 1 << 20
_LONGEST_ROW: Final = 1 << 16
_INTEGER: Final = pa.int64()
_NUMBER: Final = pa.float64()


class JsonRowsFile(DataFile):
    """Rows ``[milliseconds, open, high, low, close, volume]``; null stands for a missing value."""

    def names(self) -> tuple[str, ...]:
        """Return freqtrade's names, since the file has none."""
        return ROWS

    def mapper(self) -> Mapper:
        """Return the one whose JSON is read."""
        return FREQTRADE

    def batches(
        self, matched: Mapping[str, str], pruning: Pruning | None, *, texts: frozenset[str] = frozenset()
    ) -> Iterator[Batch]:
        """Give all rows in order; JSON has no statistics to prune by."""
        del pruning, texts
        first = 0
        waiting: list[list[Any]] = []
        for rows in self._rows():
            waiting += rows
            while len(waiting) >= BATCH:
                yield self._batch(first, waiting[:BATCH], matched)
                waiting = waiting[BATCH:]
                first += BATCH
        if waiting:
            yield self._batch(first, waiting, matched)

    def _batch(self, first: int, rows: list[list[Any]], matched: Mapping[str, str]) -> Batch:
        wrong = next((at for at, row in enumerate(rows) if not _is_row(row)), None)
        if wrong is not None:
            raise self.error(f"row {first + wrong + 1} is not {len(ROWS)} numbers, as freqtrade writes them")
        columns = dict(zip(ROWS, zip(*rows, strict=True), strict=True))
        arrays = [self._array(columns[name], _INTEGER if name == "date" else _NUMBER) for name in matched.values()]
        return Batch(first=first, columns=pa.RecordBatch.from_arrays(arrays, list(matched.values())))

    def _array(self, values: Any, kind: pa.DataType) -> pa.Array:
        floats = kind is _NUMBER
        return self.guarded(lambda: pa.array([float(v) if floats and v is not None else v for v in values], kind))

    def _rows(self) -> Iterator[list[list[Any]]]:
        """Give the rows as they come; what is between the outer brackets is cut after a row's closing one."""
        with self.guarded(self.origin.open) as stream:
            text = self._text(stream).lstrip()
            if not text.startswith("["):
                raise self.error("this is no JSON array of rows, as freqtrade writes it")
            text = text[1:]
            while True:
                cut = text.rfind("]", 0, max(text.rfind("["), 0)) + 1
                if cut:
                    yield self._parsed(text[:cut])
                    text = text[cut:].lstrip().removeprefix(",")
                more = self._text(stream)
                if not more:
                    break
                if len(text) > _PIECE + _LONGEST_ROW:
                    raise self.error("a row does not end, so this is not as freqtrade writes it")
                text += more
        whole = text.rstrip()
        if not whole.endswith("]"):
            raise self.error("the array does not end; the file was cut off")
        yield self._parsed(whole[:-1])

    def _text(self, stream: Any) -> str:
        data = self.guarded(lambda: bytes(stream.read(_PIECE)))
        try:
            return str(data.decode("ascii"))
        except UnicodeDecodeError as error:
            raise self.error("this is no JSON of numbers") from error

    def _parsed(self, text: str) -> list[list[Any]]:
        try:
            rows: list[list[Any]] = json.loads(f"[{text}]")
        except ValueError as error:
            raise self.error(f"this is no JSON: {error}") from error
        return rows


def _is_row(row: Any) -> bool:
    if not isinstance(row, list) or len(row) != len(ROWS) or isinstance(row[0], bool) or not isinstance(row[0], int):
        return False
    return all(value is None or (isinstance(value, int | float) and not isinstance(value, bool)) for value in row[1:])
