"""Tallies: what became of the instruments of a batch."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from barledger.errors import BarledgerError, InputMissing
from barledger.services.indicators.batched import Failed, Part
from barledger.services.indicators.progress import Computed, Listener


@dataclass(slots=True, kw_only=True)
class Tally:
    """What became of the instruments so far; ``absent`` are the columns of others that cannot be read, and why."""

    total: int
    progress: Listener | None
    absent: Mapping[str, BarledgerError]
    failures: dict[str, BarledgerError] = field(default_factory=dict)
    column_failures: dict[str, Failed] = field(default_factory=dict)
    done: int = 0

    def note(self, instrument: str, rows: int, error: BarledgerError | None) -> None:
        """Put down an instrument that is done with."""
        self.done += 1
        if error is not None:
            self.failures[instrument] = error
            rows = 0
        if self.progress is not None:
            told = Computed(instrument=instrument, rows=rows, done=self.done, total=self.total, error=error)
            self.progress(told)

    def note_failed(self, instrument: str, failed: Failed) -> None:
        """Put down an instrument of which every column failed: it failed for the reason of the first."""
        self.note_columns(instrument, failed)
        self.note(instrument, 0, next(iter(self.column_failures[instrument].values())))

    def note_part(self, part: Part) -> None:
        """Put down an instrument that is computed, and which columns of it are not."""
        self.note_columns(part.instrument, part.failed)
        self.note(part.instrument, part.rows.stop - part.rows.start, None)

    def note_columns(self, instrument: str, failed: Failed) -> None:
        """Put down which columns of an instrument failed; where what they are of is absent, for the reason of that."""
        if failed:
            self.column_failures[instrument] = {
                name: self.absent.get(error.column, error) if isinstance(error, InputMissing) else error
                for name, error in failed.items()
            }
