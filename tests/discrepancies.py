"""Libraries with bars that their source corrects."""

from typing import Any

from barledger.barledger import BarLedger
from barledger.domain.series import Series
from barledger.domain.timeframe import DAY
from barledger.services.integrity import DataIntegrityService
from integrity import Rewritten, integrity
from scripted import Market, ScriptedSource, SetClock, service

SERIES = Series.of("A", "1d", "scripted")


def loaded(bl: BarLedger, clock: SetClock, market: Market | None = None) -> ScriptedSource:
    """Ingest a hundred days, as one revision."""
    source = ScriptedSource({"A": market or Rewritten(listed=900 * DAY)}, clock, page=200)
    service(bl, clock, source).ingest("A", "1d", source="scripted")
    return source


def corrected(bl: BarLedger, clock: SetClock) -> tuple[DataIntegrityService, ScriptedSource, str]:
    """Load bars of which the source corrects two, and return the proposal's id."""
    source = loaded(bl, clock)
    source.markets["A"].corrected = {950 * DAY: 50, 990 * DAY: 20}
    made = integrity(bl, clock, source)
    (one,) = made.reconcile("A", "1d").discrepancies
    return made, source, one.id


def close_of(bl: BarLedger, day: int, **where: Any) -> float:
    bars = bl.bars("A", "1d", source="scripted", start=day * DAY, end=(day + 1) * DAY, **where)
    return float(bars.rows.close[0])


def _last(bl: BarLedger) -> Any:
    return next(one for one in bl.cache.versions("A", "1d") if one.series == SERIES).revisions[-1]
