"""Answering: columns become a calculation, with what they were computed from."""

import hashlib
from collections.abc import Mapping
from typing import Any, Final

import numpy as np

from barledger.domain.bars import Bars
from barledger.domain.digest import digest
from barledger.domain.rows import Floats, Ints, concat
from barledger.domain.series import Series
from barledger.indicators.binding import Request
from barledger.indicators.calculation import Calculation, Standing
from barledger.indicators.relying import ANCHORED, Gaps, Rows, settled_from
from barledger.indicators.table import Table
from barledger.indicators.telling import gaps_told, standing, told
from barledger.services.indicators.explanation import Explanation
from barledger.services.indicators.held import Held

_OF_READING: Final = ("sources", "lookback", "availability")
"""What bars tell of how they were read, which depends on what was known before."""


def answer_of(
    held: Held,
    request: Request,
    rows: Rows,
    anchor: int,
    columns: Mapping[str, Floats],
    explanation: Explanation | None,
) -> Calculation:
    """Return columns with their standings and their provenance, the same whatever was known before."""
    table, used = held.table, _used(request, rows, held.table, anchor)
    # A table that is kept may grow: what is told later is told of what there is now.
    gaps = Gaps(table=table)
    bars, others, revisions, calendar = held.bars, held.others, held.revisions, held.calendar

    def standings() -> dict[str, Standing]:
        return {name: standing(pick, gaps, rows, anchor) for name, pick in request.picks.items()}

    def provenance() -> dict[str, Any]:
        return {
            **_bars_told(bars, others, revisions, used),
            **told(request, standings()),
            "gaps": {**calendar, **gaps_told(gaps, request, rows, anchor)},
        }

    return Calculation(
        time=table.time[rows.first : rows.stop],
        columns=columns,
        standings=standings,
        provenance=provenance,
        explanation=explanation,
        bars_digest=_digesting(held.parts, others, used, table.time),
    )


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


def _digesting(parts: tuple[Bars, ...], others: Mapping[str, Bars], used: slice, time: Ints) -> Any:
    """Return what digests the bars used: of one instrument canonically, of several over their digests by name."""

    def digested() -> str:
        rows = parts[0].rows if len(parts) == 1 else concat([one.rows for one in parts])
        mine = digest(rows.pick(used), parts[0].timeframe).hex()
        if not others:
            return mine
        whole = hashlib.sha256(mine.encode())
        for name, one in sorted(others.items()):
            there = np.isin(one.time, time[used])
            whole.update(f"\n{name} {digest(one.rows.pick(there), one.timeframe).hex()}".encode())
        return whole.hexdigest()

    return digested
