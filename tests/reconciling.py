"""Libraries that are reconciled with a market whose past was rewritten."""

from barledger.barledger import BarLedger
from barledger.domain.timeframe import DAY
from barledger.services.integrity.report import Report
from integrity import Rewriting, Rewritten, integrity
from scripted import Market, ScriptedSource, SetClock, service

PRICES = ("open", "high", "low", "close")


def loaded(bl: BarLedger, clock: SetClock, market: Market | None = None, **declared: object) -> ScriptedSource:
    """Ingest 300 days of a market, unless another one is given, and forget what was asked for it."""
    source = ScriptedSource({"A": market or Rewritten(listed=700 * DAY)}, clock, page=60, **declared)  # type: ignore[arg-type]
    service(bl, clock, source).ingest("A", source.markets["A"].timeframe.name, source="scripted")
    source.requests.clear()
    return source


def rewritten(bl: BarLedger, clock: SetClock, rewrite: Rewriting, **declared: object) -> Report:
    """Load a market, rewrite its past, and reconcile."""
    source = loaded(bl, clock, **declared)
    market = source.markets["A"]
    assert isinstance(market, Rewritten)
    market.rewrite = rewrite
    return integrity(bl, clock, source).reconcile("A", "1d")
