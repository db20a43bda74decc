"""Jobs: the rows of one instrument of a batch, to be computed and filled in place."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from barledger.errors import BarledgerError
from barledger.indicators.binding import Request
from barledger.indicators.calculation import Told
from barledger.services.indicators.batched import Failed, Part
from barledger.services.indicators.plain import Plain
from barledger.services.indicators.preparing import Prepared, Step, computed
from barledger.services.indicators.sheet import Leaf

Ready = tuple[str, Prepared | BarledgerError]
"""An instrument, and its bars or why there are none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """The rows of one instrument that are to be filled; ``kept`` says that the caller has its bars."""

    instrument: str
    prepared: Prepared
    leaf: Leaf
    rows: slice
    kept: bool

    def run(self, steps: Sequence[Step], plain: Plain | None, request: Request) -> Part | Failed:
        """Compute and fill them, and return what they are, or why none of the columns can be."""
        failed: dict[str, BarledgerError] = {}
        table, rows = self.prepared.table, self.prepared.rows
        if plain is not None and len(table) == len(self.prepared) and plain.fill(table, self.leaf.columns, self.rows):
            return self.filled(request, failed)
        columns = computed(steps, table, rows)
        for name, column, values in zip(request.picks, self.leaf.columns, columns, strict=True):
            if isinstance(values, BarledgerError):
                failed[name] = values
                column[self.rows] = np.nan
            else:
                column[self.rows] = values
        return self.filled(request, failed)

    def filled(self, request: Request, failed: Failed) -> Part | Failed:
        """Return what the columns that are filled are, but for those that failed; why they did if all of them did."""
        if len(failed) == len(request.picks):
            return failed
        request = request.without(failed)
        rows = self.prepared.rows
        self.leaf.time[self.rows] = self.prepared.table.time[rows.first : rows.stop]
        return Part(instrument=self.instrument, rows=self.rows, told=self._told(request), failed=failed)

    def _told(self, request: Request) -> Callable[[], Told]:
        """Return what tells of them: bars that nobody else has are not kept for it."""
        told = self.prepared.telling(request) if self.kept else self.prepared.apart(request)
        return lambda: told


def jobs_of(portion: Sequence[Ready], leaf: Leaf, *, kept: bool) -> list[Job]:
    """Return a job for each instrument that can be computed, one below the other in a leaf."""
    jobs, at = list[Job](), 0
    for name, prepared in portion:
        if isinstance(prepared, Prepared):
            rows = slice(at, at + len(prepared))
            jobs.append(Job(instrument=name, prepared=prepared, leaf=leaf, rows=rows, kept=kept))
            at = rows.stop
    return jobs
