"""Parquet: row groups, of which those without a wanted time are never read."""

from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import Any, Final

import pyarrow as pa
from pyarrow import parquet

from barledger.sources.files.datafile import BATCH, Batch, DataFile, Pruning
from barledger.sources.files.mappers import Mapper, mapper_of

_BUFFER: Final = 1 << 20


class ParquetFile(DataFile):
    """Columns in row groups; a group of any size is read in pieces."""

    def names(self) -> tuple[str, ...]:
        """Return the names of the schema."""
        return tuple(self._file.schema_arrow.names)

    def mapper(self) -> Mapper:
        """Return whose schema this is."""
        return mapper_of(self.names(), "parquet")

    def batches(
        self, matched: Mapping[str, str], pruning: Pruning | None, *, texts: frozenset[str] = frozenset()
    ) -> Iterator[Batch]:
        """Give the rows of all groups that may hold a wanted time."""
        del texts
        first, columns = 0, list(matched.values())
        for group in range(self._file.num_row_groups):
            if pruning is None or self._may_hold(group, pruning):
                yield from self._group(group, first, columns)
            first += self._file.metadata.row_group(group).num_rows

    @cached_property
    def _file(self) -> Any:
        # With a buffer a column is read as it is decoded; without one, the whole column of a group at once.
        return self.guarded(lambda: parquet.ParquetFile(self.origin.path, buffer_size=_BUFFER, pre_buffer=False))

    def _group(self, group: int, first: int, columns: list[str]) -> Iterator[Batch]:
        batches = self.guarded(
            lambda: self._file.iter_batches(batch_size=BATCH, row_groups=[group], columns=columns, use_threads=False)
        )
        while (batch := self.guarded(lambda: next(batches, None))) is not None:
            yield Batch(first=first, columns=batch)
            first += batch.num_rows

    def _may_hold(self, group: int, pruning: Pruning) -> bool:
        """Ask the statistics of the group; where there are none, or none that can be read, it may."""
        metadata = self._file.metadata.row_group(group)
        chunks = (metadata.column(at) for at in range(metadata.num_columns))
        statistics = next((chunk.statistics for chunk in chunks if chunk.path_in_schema == pruning.time), None)
        if statistics is None or not statistics.has_min_max:
            return True
        kind = self._file.schema_arrow.field(pruning.time).type
        try:
            return pruning.may_hold(pa.array([statistics.min, statistics.max], kind))
        except (pa.ArrowException, TypeError, ValueError, OverflowError):
            return True
