"""IndicatorService: indicators on the bars of a library, right from the first row."""

from collections.abc import Sequence
from typing import Any

from barledger.domain.bars import Bars
from barledger.domain.interval import Instant
from barledger.indicators.binding import Binder
from barledger.indicators.calculation import Calculation, Standing
from barledger.indicators.definition import Policy
from barledger.indicators.evaluation import Evaluation
from barledger.indicators.registry import REGISTRY
from barledger.indicators.table import Table
from barledger.services.indicators.live import LiveService
from barledger.services.retrieval import DataRetrievalService


class IndicatorService:
    """Computes indicators on stored bars, or on bars in hand."""

    def __init__(self, retrieval: DataRetrievalService, live: LiveService) -> None:
        """Read bars by the one service, and go on bar by bar by the other."""
        self._retrieval = retrieval
        self.stream = live.stream
        self.follow = live.follow

    def calculate(
        self,
        specs: str | Sequence[str],
        instrument: str | Bars,
        timeframe: str | None = None,
        *,
        start: Instant | None = None,
        end: Instant | None = None,
        source: str | None = None,
        version: str | Instant = "latest",
        adjust: str | None = None,
        nan_policy: Policy | None = None,
    ) -> Calculation:
        """Return indicators of [start, end) at a version, computed from enough bars before the start."""
        request = Binder(REGISTRY).request(specs, nan_policy=nan_policy)
        if isinstance(instrument, Bars):
            bars, first = instrument, 0
        else:
            lookback = request.reach.settled if start is not None else 0
            options: dict[str, Any] = {"source": source, "version": version, "adjust": adjust, "lookback": lookback}
            bars = self._retrieval.bars(instrument, timeframe or "", start=start, end=end, **options)
            first = int((bars.time < bars.interval.start).sum())
        columns = {name: getattr(bars.rows, name) for name in ("open", "high", "low", "close", "volume")}
        values = Evaluation(table=Table.of(bars.time, columns)).columns(request)
        standings = {
            name: Standing(
                key=pick.key,
                memory=pick.reach.memory,
                exact=pick.reach.exact,
                needed=pick.reach.settled,
                had=first,
                complete=first >= pick.reach.settled,
            )
            for name, pick in request.picks.items()
        }
        return Calculation(
            time=bars.time[first:],
            columns={name: column[first:] for name, column in values.items()},
            standings=standings,
            provenance={**bars.provenance, "bars_digest": bars.digest},
        )
