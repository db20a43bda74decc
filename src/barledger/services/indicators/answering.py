"""Answering: what is told of columns, with what they were computed from."""

import hashlib
from collections.abc import Mapping
from functools import cached_property
from typing import Any, Final

import numpy as np

from barledger.domain.bars import Bars
from barledger.domain.digest import digest
from barledger.domain.rows import Ints, concat
from barledger.domain.series import Series
from barledger.indicators.binding import Request
from barledger.indicators.calculation import Standing
from barledger.indicators.relying import ANCHORED, Gaps, Rows, settled_from
from barledger.indicators.table import Table
from barledger.indicators.telling import gaps_told, standing, told
from barledger.services.indicators.held import Held

_OF_READING: Final = ("sources", "lookback", "availability")
"""What bars tell of how they were read, which depends on what was known before."""


class Telling:
    """Tells of an answer, once somebody asks: the same whatever was known before."""

    def __init__(self, held: Held, request: Request, rows: Rows, anchor: int) -> None:
        """Tell of some rows of a table that were answered, by what computed from an anchor."""
        # A table that is kept may grow: what is told later is told of what there is now.
        self._gaps, self._bars, self._added, self._others = Gaps(table=held.table), held.bars, held.added, held.others
        self._revisions, self._judged = held.revisions, held.judged
        self._request, self._rows, self._anchor = request, rows, anchor

    @cached_property
    def standings(self) -> dict[str, Standing]:
        """Return how far each column can be relied on."""
        picks = self._request.picks.items()
        return {name: standing(pick, self._gaps, self._rows, self._anchor) for name, pick in picks}

    @cached_property
    def provenance(self) -> dict[str, Any]:
        """Return what the bars resolved to and who computed, as values that JSON knows."""
        return {
            **_bars_told(self._bars, self._others, self._revisions, self._used),
            **told(self._request, self.standings),
            "gaps": {**self._judged.told, **gaps_told(self._gaps, self._request, self._rows, self._anchor)},
        }

    @cached_property
    def bars_digest(self) -> str:
        """Return the digest of the bars used: of one instrument canonically, of several over theirs by name."""
        bars = concat([self._bars.rows, *self._added])
        mine = digest(bars.pick(self._used), self._bars.timeframe).hex()
        return _beside(mine, self._others, self._gaps.table.time[self._used])

    @property
    def _used(self) -> slice:
        return _used(self._request, self._rows, self._gaps.table, self._anchor)


def _used(request: Request, rows: Rows, table: Table, anchor: int) -> slice:
    """Return the rows that the columns rely on: the warm-up of them all, and what is answered."""
    begins = [rows.first - min(rows.first, request.reach.settled)]
    begins += [settled_from(pick, rows, table) for pick in request.picks.values() if pick.bound.skips]
    begins += [anchor for pick in request.picks.values() if pick.reach.memory in ANCHORED]
    return slice(min(begins), max(rows.stop, min(begins)))


def _bars_told(bars: Bars, beside: Mapping[str, Bars], revisions: Mapping[Series, int], used: slice) -> dict[str, Any]:
    told = {name: value for name, value in bars.provenance.items() if name not in _OF_READING}
    if "adjusted" in told:
        # How many events counted depends on where reading began, and changes nothing here.
        told["adjusted"] = {name: value for name, value in told["adjusted"].items() if name != "events"}
    sources: list[dict[str, Any]] = [{"source": one.source} for one in bars.sources]
    if len(sources) == 1:
        sources[0]["rows"] = used.stop - used.start
    found_beside = {
        name: {"revision": str(one.revision), "sources": [span.source for span in one.sources]}
        for name, one in beside.items()
    }
    revision = max(one for series, one in revisions.items() if series.instrument == bars.instrument)
    found = {**told, "revision": str(revision), "sources": sources, "used_rows": used.stop - used.start}
    return found | ({"others": found_beside} if found_beside else {})


def _beside(mine: str, others: Mapping[str, Bars], time: Ints) -> str:
    """Return the digest of bars and of those of others at their times."""
    if not others:
        return mine
    whole = hashlib.sha256(mine.encode())
    for name, one in sorted(others.items()):
        there = np.isin(one.time, time)
        whole.update(f"\n{name} {digest(one.rows.pick(there), one.timeframe).hex()}".encode())
    return whole.hexdigest()
