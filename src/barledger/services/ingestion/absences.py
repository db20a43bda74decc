"""Absences: bars that an answer lacks though it has both of their neighbours."""

import numpy as np

from barledger.domain.interval import Interval, difference
from barledger.domain.rows import Ints, found_in
from barledger.domain.series import Series
from barledger.ledger.contract import Ledger
from barledger.services.ingestion.answers import Answer


class Absences:
    """What the complete answers of one task lack, chunk after chunk; the ledger remembers it for the next task.

    A bar at the border of two chunks has a neighbour in each. What was looked at once counts once, even if the task
    has to ask for it again.
    """

    def __init__(self, ledger: Ledger, series: Series) -> None:
        """Look at nothing yet."""
        self._ledger = ledger
        self._series = series
        self._looked_at: list[Interval] = []
        self._reached: tuple[int, int] | None = None
        self._behind = np.empty(0, np.int64)

    def see(self, answer: Answer, held: Ints) -> list[int]:
        """Compare an answer with the labels that are held in its stretch.

        Returns the times of bars that two complete answers in a row lacked, this one and that of an earlier task.
        """
        times = answer.times
        if not answer.complete or not len(times):
            self._reached, self._behind = None, held[:0]
            return []
        first, last = int(times[0]), int(times[-1])
        if self._reached is not None and self._reached[0] == answer.interval.start:
            first, held = self._reached[1], np.concatenate([self._behind, held])
        inside = held[(held > first) & (held < last)]
        self._reached, self._behind = (answer.interval.end, last), held[held > last]
        return self._missed(Interval(first, last + 1), inside, times)

    def _missed(self, answered: Interval, held: Ints, times: Ints) -> list[int]:
        missed: list[int] = []
        for part in difference([answered], self._looked_at):
            here = held[(held >= part.start) & (held < part.end)]
            if len(here):
                lacking = here[~found_in(here, times)].tolist()
                missed += self._ledger.sightings.missed(self._series, part, lacking)
        self._looked_at.append(answered)
        return missed
