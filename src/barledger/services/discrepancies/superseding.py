"""Superseding: what waits and was put right by another decision on its way is closed."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from barledger.domain.discrepancy import Discrepancy
from barledger.domain.interval import EARLIEST, LATEST, Interval
from barledger.domain.rows import Floats, Ints, Rows, found_in
from barledger.domain.series import Series
from barledger.services.cache.reader import read
from barledger.services.cache.vault import Vault
from barledger.services.cache.versions import left
from barledger.services.discrepancies.moot import is_so_already, moves, put_right
from barledger.services.discrepancies.remedy import bars_now, remedy_of

# How many bars' time beside what waits is looked at: weekends and holidays count.
_BESIDE: Final = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Superseding:
    """Closes what a decision has made moot."""

    vault: Vault

    def close(self, found: Discrepancy, old: Rows) -> None:
        """Close what waits about bars that were put right on the way; ``old`` are those of ``found`` before it."""
        hull = Interval(int(old.time[0]), int(old.time[-1]) + 1)
        listed = self.vault.ledger.discrepancies.list(series=found.series, states={"open", "proposed"})
        waiting = [one for one in listed if one.id != found.id and one.interval.intersects(hull)]
        if not waiting:
            return
        times, moved = self._moved(found.series, old, waiting)
        who = self.vault.who("supersede", reason=f"{found.id} put it right", trigger=found.id)
        for one in waiting:
            if put_right(one, times, moved) or self._is_so_already(one):
                self.vault.ledger.discrepancies.step(one.id, "superseded", who)

    def _moved(self, series: Series, old: Rows, waiting: Sequence[Discrepancy]) -> tuple[Ints, Floats]:
        """Return the times of bars around what waits, and by how much each of them was moved; most by nothing."""
        beside = _BESIDE * series.timeframe.duration
        start = min(int(old.time[0]), *(one.interval.start for one in waiting)) - beside
        end = max(int(old.time[-1]) + 1, *(one.interval.end for one in waiting)) + beside
        hull = Interval(max(start, EARLIEST), min(end, LATEST))
        now = read(self.vault, series, left(self.vault.ledger.revisions.state(series), hull)).rows.standing()
        times, logs = moves(old, now)
        moved = np.zeros(len(now))
        moved[found_in(now.time, times)] = logs
        return now.time, moved

    def _is_so_already(self, one: Discrepancy) -> bool:
        remedy = remedy_of(self.vault, one) if one.against and one.state == "proposed" else None
        if not isinstance(remedy, Rows) or not len(remedy):
            return False
        return is_so_already(one, remedy, bars_now(self.vault, one.series, remedy).rows.standing())
