"""IndicatorService: indicators on the bars of a library, right from the first row."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from barledger.domain.bars import Bars
from barledger.domain.interval import Instant
from barledger.indicators.binding import Binder
from barledger.indicators.calculation import Calculation
from barledger.indicators.definition import Policy
from barledger.indicators.registry import REGISTRY
from barledger.services.indicators.batch import BatchCalculator, Given
from barledger.services.indicators.batched import Batch, Batches
from barledger.services.indicators.preparing import Window, calculation, prepare
from barledger.services.indicators.progress import Listener
from barledger.services.retrieval import DataRetrievalService


class IndicatorService:
    """Computes indicators on stored bars, or on bars in hand."""

    def __init__(self, retrieval: DataRetrievalService) -> None:
        """Read bars by this service."""
        self._retrieval = retrieval
        self._batch = BatchCalculator(retrieval)

    def calculate(  # noqa: PLR0913 - the one call for strategies
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
        last: int | None = None,
        explain: bool = False,
    ) -> Calculation:
        """Return indicators of [start, end) at a version, computed from enough bars before the start."""
        request = Binder(REGISTRY).request(specs, nan_policy=nan_policy)
        window = Window.of(request, start)
        if isinstance(instrument, Bars):
            prepared = prepare(instrument, first=window.first)
        else:
            options: dict[str, Any] = {"source": source, "version": version, "adjust": adjust}
            bars = self._retrieval.bars(
                instrument, timeframe or "", start=window.start, end=end, lookback=window.lookback, **options
            )
            prepared = prepare(bars, first=window.first)
        if last is not None and len(prepared) > last:
            prepared = replace(prepared, warmup=len(prepared.table) - last)
        return calculation(request, prepared, explanation=", ".join(request.keys) if explain else None)

    def batch(  # noqa: PLR0913 - what calculate can be asked, of many
        self,
        instruments: Given,
        timeframe: str | None = None,
        specs: str | Sequence[str] = (),
        *,
        start: Instant | None = None,
        end: Instant | None = None,
        source: str | None = None,
        version: str | Instant = "latest",
        adjust: str | None = None,
        nan_policy: Policy | None = None,
        threads: int | None = None,
        processes: int = 0,
        progress: Listener | None = None,
        explain: bool = False,
    ) -> Batch:
        """Return indicators of many instruments as one frame (`BatchCalculator.batch`)."""
        return self._batch.batch(
            instruments,
            timeframe,
            specs,
            start=start,
            end=end,
            source=source,
            version=version,
            adjust=adjust,
            nan_policy=nan_policy,
            threads=threads,
            processes=processes,
            progress=progress,
            explain=explain,
        )

    def batches(  # noqa: PLR0913 - as above
        self,
        instruments: Given,
        timeframe: str | None = None,
        specs: str | Sequence[str] = (),
        *,
        start: Instant | None = None,
        end: Instant | None = None,
        source: str | None = None,
        version: str | Instant = "latest",
        adjust: str | None = None,
        nan_policy: Policy | None = None,
        threads: int | None = None,
        progress: Listener | None = None,
    ) -> Batches:
        """Give indicators of one instrument after the other, in bounded memory (`BatchCalculator.batches`)."""
        return self._batch.batches(
            instruments,
            timeframe,
            specs,
            start=start,
            end=end,
            source=source,
            version=version,
            adjust=adjust,
            nan_policy=nan_policy,
            threads=threads,
            progress=progress,
        )
