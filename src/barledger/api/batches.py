"""Batches as tables: the instruments one below the other, as they are computed, a few thousand rows at a time."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import pyarrow as pa

from barledger.api.schemas.indicators import BatchItem, ItemError, gaps_overlooked
from barledger.api.wording import discreet, next_step
from barledger.errors import BarledgerError
from barledger.indicators.calculation import Calculation
from barledger.services.indicators.batched import Batches

_TIME: Final = pa.timestamp("ns", "UTC")


class BatchTable:
    """The rows of a batch: instrument, time, a column for each indicator, and for what failed the error."""

    def __init__(self, found: Batches, columns: Sequence[str], *, portion: int) -> None:
        """Give tables of about ``portion`` rows of what is found; it can be gone through once."""
        self._found, self._portion = found, portion
        values = [pa.field(name, pa.float64()) for name in columns]
        shown = [pa.field("instrument", pa.string()), pa.field("time", _TIME), *values, pa.field("error", pa.string())]
        self.schema = pa.schema(shown)
        self._items: list[BatchItem] = []

    def tail(self) -> Mapping[str, Any]:
        """Return what became of each instrument so far."""
        return {"items": [one.model_dump(mode="json") for one in self._items]}

    def portions(self) -> Iterator[pa.Table]:
        """Give tables, each of one instrument or of several small ones."""
        kept: list[pa.Table] = []
        rows = 0
        for table in self._tables():
            kept.append(table)
            rows += len(table)
            if rows >= self._portion:
                yield pa.concat_tables(kept)
                kept, rows = [], 0
        if kept:
            yield pa.concat_tables(kept)

    def _tables(self) -> Iterator[pa.Table]:
        with self._found as found:
            for name, calculation in found:
                yield from self._failed()
                self._items.append(_computed(name, calculation))
                whole = calculation.to_arrow()
                for at in range(0, len(whole), self._portion):
                    yield self._shown(name, whole.slice(at, self._portion))
            yield from self._failed()

    def _shown(self, name: str, table: pa.Table) -> pa.Table:
        count = len(table)
        names = pa.array([name], pa.string()).take(pa.nulls(count, pa.int32()).fill_null(0))
        return pa.table([names, *table.columns, pa.nulls(count, pa.string())], schema=self.schema)

    def _failed(self) -> Iterator[pa.Table]:
        """Give a row for each instrument that failed since this was asked last."""
        told = {one.instrument for one in self._items if one.error is not None}
        for name, error in list(self._found.failures.items()):
            if name not in told:
                self._items.append(_failure(name, error))
                row = {"instrument": [name], "error": [f"{error.code}: {error}"]}
                empty = {field.name: pa.nulls(1, field.type) for field in self.schema if field.name not in row}
                yield pa.table({**empty, **row}).select(self.schema.names).cast(self.schema)


def _computed(name: str, found: Calculation) -> BatchItem:
    return BatchItem(
        instrument=name,
        rows=len(found),
        revision=str(found.told["revision"]),
        digest=found.digest,
        warmup_complete=found.warmup_complete,
        exact=found.exact,
        warnings=gaps_overlooked(found.told),
        error=None,
    )


def _failure(name: str, error: BarledgerError) -> BatchItem:
    told = ItemError(code=error.code, detail=str(error), next_step=next_step(discreet(error)))
    return BatchItem(
        instrument=name, rows=0, revision=None, digest=None, warmup_complete=False, exact=False, warnings=[], error=told
    )
