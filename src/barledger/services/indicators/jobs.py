"""Jobs: the rows of one instrument of a batch, to be computed and filled in place."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from barledger.domain.bars import Bars
from barledger.errors import BarledgerError
from barledger.services.indicators.batched import Part
from barledger.services.indicators.preparing import Prepared, Step, computed
from barledger.services.indicators.sheet import Leaf

Ready = tuple[str, Prepared | BarledgerError]
"""An instrument, and its bars or why there are none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """The rows of one instrument that are to be filled."""

    instrument: str
    prepared: Prepared
    leaf: Leaf
    rows: slice

    def run(self, steps: Sequence[Step]) -> BarledgerError | None:
        """Compute and fill them, or return why that cannot be."""
        table, warmup = self.prepared.table, self.prepared.warmup
        try:
            for column, values in zip(self.leaf.columns, computed(steps, table, warmup), strict=True):
                column[self.rows] = values
        except BarledgerError as error:
            return error
        self.leaf.time[self.rows] = table.time[warmup:]
        return None

    def part(self, *, kept: bool, at: int) -> Part:
        """Return it as a part of the answer that begins at this row; ``kept`` says that the caller has its bars."""
        bars = self.prepared.bars
        provenance = partial(_origin, bars) if kept else partial(dict, _origin(bars))
        anchor = int(bars.time[0]) if len(bars) else None
        rows = slice(at, at + len(self.prepared))
        return Part(
            instrument=self.instrument, rows=rows, warmup=self.prepared.warmup, anchor=anchor, provenance=provenance
        )


def jobs_of(portion: Sequence[Ready], leaf: Leaf) -> list[Job]:
    """Return a job for each instrument that can be computed, one below the other in a leaf."""
    jobs, at = list[Job](), 0
    for name, prepared in portion:
        if isinstance(prepared, Prepared):
            rows = slice(at, at + len(prepared))
            jobs.append(Job(instrument=name, prepared=prepared, leaf=leaf, rows=rows))
            at = rows.stop
    return jobs


def _origin(bars: Bars) -> dict[str, Any]:
    return {**bars.provenance, "bars_digest": bars.digest}
