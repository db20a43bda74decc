"""Arrow: IPC files (Feather) and streams."""

from collections.abc import Iterator, Mapping
from functools import cached_property, partial
from typing import Any, Final

import pyarrow as pa

from barledger.sources.files.datafile import BATCH, Batch, DataFile, Pruning
from barledger.sources.files.mappers import Mapper, mapper_of

_MAGIC: Final = b"ARROW1"


class ArrowFile(DataFile):
    """Record batches, one of which is in memory at a time; its writer chose their size."""

    def names(self) -> tuple[str, ...]:
        """Return the names of the schema."""
        return tuple(self._schema.names)

    def mapper(self) -> Mapper:
        """Return whose schema this is."""
        return mapper_of(self.names(), "arrow")

    def batches(
        self, matched: Mapping[str, str], pruning: Pruning | None, *, texts: frozenset[str] = frozenset()
    ) -> Iterator[Batch]:
        """Give all rows in order; Arrow keeps no statistics to prune by."""
        del pruning, texts
        first, columns = 0, list(matched.values())
        for record in self._records([self._schema.names.index(theirs) for theirs in columns]):
            chosen = record.select(columns)
            for start in range(0, record.num_rows, BATCH):
                yield Batch(first=first + start, columns=chosen.slice(start, BATCH))
            first += record.num_rows

    @cached_property
    def _schema(self) -> Any:
        return self.guarded(lambda: self._open(None).schema)

    def _records(self, fields: list[int]) -> Iterator[Any]:
        options = pa.ipc.IpcReadOptions(included_fields=sorted(fields))
        reader = self.guarded(lambda: self._open(options))
        if isinstance(reader, pa.ipc.RecordBatchFileReader):
            for number in range(reader.num_record_batches):
                yield self.guarded(partial(reader.get_batch, number))
            return
        while (record := self.guarded(lambda: next(reader, None))) is not None:
            yield record

    def _open(self, options: Any) -> Any:
        file = pa.OSFile(str(self.origin.path))
        is_file = file.read(len(_MAGIC)) == _MAGIC
        file.seek(0)
        opened = pa.ipc.open_file if is_file else pa.ipc.open_stream
        return opened(file, options=options)
