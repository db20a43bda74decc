"""Panels of bars that arrived: put together as the library does it, of what each answer told."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np

from barledger.domain.bars import Bars
from barledger.domain.calendar import Calendar
from barledger.domain.rows import Flags
from barledger.domain.series import Series
from barledger.domain.timeframe import Timeframe
from barledger.services.retrieval.panel import PanelShape, panel
from barledger.services.retrieval.request import OBSERVED, ReadRequest
from barledger.services.retrieval.view import Part, Stretch

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, slots=True, kw_only=True)
class _Stretch(Stretch):
    """What arrived, as a panel takes it; which bars were seen live, the server told."""

    seen: Flags

    @property
    def observed(self) -> Flags:
        """Tell which of the rows were seen live."""
        return self.seen

    @staticmethod
    def of(bars: Bars) -> "_Stretch":
        rows = bars.rows
        counts = {span.source: span.rows for span in bars.sources}
        parts = [Part(series=one, rows=rows, revision=bars.revisions[one]) for one in bars.series]
        # Of each part a panel wants to know how many bars came from it.
        used = [rows.pick(slice(0, counts.get(one.source, 0))) for one in bars.series]
        seen = bars.marks.get(OBSERVED, np.ones(len(rows), np.bool_))
        return _Stretch(parts=parts, used=used, rows=rows, interval=bars.interval, seen=seen)


@dataclass(frozen=True, slots=True, kw_only=True)
class _View:
    """Where what arrived came from, as a panel takes it."""

    bars: Bars
    vault: Any
    state: Any

    @property
    def instrument(self) -> str:
        return self.bars.instrument

    @property
    def series(self) -> tuple[Series, ...]:
        return self.bars.series

    @property
    def timeframe(self) -> Timeframe:
        return self.bars.timeframe

    def calendar(self) -> Calendar:
        return self.bars.calendar

    def made_for(self, series: Sequence[Series]) -> str:  # noqa: ARG002 - the server told
        return self.bars.adjustment


def panel_of(
    found: Sequence[Bars], request: ReadRequest, shape: PanelShape, *, clock: Callable[[], int]
) -> "pd.DataFrame":
    """Return one frame of these bars; ``clock`` gives now (ns), after which no calendar expects a bar."""
    vault = SimpleNamespace(ledger=SimpleNamespace(now=clock))
    views: Any = [_View(bars=one, vault=vault, state=_state(one, request)) for one in found]
    return panel(views, [_Stretch.of(one) for one in found], request, shape)


def _state(bars: Bars, request: ReadRequest) -> Any:
    pinned = request.version.pinned
    return SimpleNamespace(snapshot=SimpleNamespace(id=bars.version) if pinned else None)
