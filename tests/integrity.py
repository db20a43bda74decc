"""An integrity service that knows scripted sources, and a market whose past can be rewritten."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from barledger.barledger import BarLedger
from barledger.domain.finding import Finding
from barledger.domain.notice import Notice
from barledger.domain.rows import Ints, Rows
from barledger.domain.timeframe import DAY
from barledger.errors import SourceNotFound
from barledger.services.integrity import DataIntegrityService
from barledger.sources.contract import Source
from scripted import Market, SetClock


def nothing(rows: Rows, **_: Any) -> list[Finding]:  # noqa: ARG001 - whatever they are
    """Find nothing."""
    return []


def integrity(
    bl: BarLedger, clock: SetClock, *sources: Source, findings: Callable[..., list[Finding]] = nothing
) -> DataIntegrityService:
    """Return an integrity service that knows these sources, and waits by the clock."""
    named = {source.declaration.name: source for source in sources}

    def make(name: str, options: Mapping[str, Any]) -> Source:  # noqa: ARG001 - they take none
        if name not in named:
            raise SourceNotFound(source=name, known=tuple(named))
        return named[name]

    return DataIntegrityService(
        bl.vault,
        bl.cache,
        make,
        bl.instruments,
        timing=clock.timing,
        findings=findings,
        source_names=lambda: tuple(named),
    )


def heard(bl: BarLedger) -> list[Notice]:
    """Let everything that is made of this library from now on tell its notices into a list."""
    told: list[Notice] = []
    bl.vault = replace(bl.vault, notify=told.append)
    return told


Rewriting = Callable[[Rows, Ints, Market], Rows]


@dataclass(slots=True)
class Rewritten(Market):
    """A market whose answers are rewritten by ``rewrite``, if there is one."""

    rewrite: Rewriting | None = field(default=None)

    def rows(self, labels: Ints) -> Rows:
        given = Market.rows(self, labels)
        return given if self.rewrite is None else self.rewrite(given, labels, self)


def multiplied(factor: float, first: int, last: int) -> Rewriting:
    """Return what multiplies the prices of the days from ``first`` to ``last``, and leaves the volume alone."""

    def rewrite(rows: Rows, labels: Ints, _: Market) -> Rows:
        factors = np.where((labels >= first * DAY) & (labels < last * DAY), factor, 1.0)
        return replace(
            rows, open=rows.open * factors, high=rows.high * factors, low=rows.low * factors, close=rows.close * factors
        )

    return rewrite


def moved(offset: int, first: int = 0, last: int = 10**18) -> Rewriting:
    """Return what gives at each label (ns) from ``first`` to ``last`` the values of the bar ``offset`` earlier."""

    def rewrite(rows: Rows, labels: Ints, market: Market) -> Rows:
        inside = (labels >= first) & (labels < last)
        others = Market.rows(market, labels - offset)
        values = {
            name: np.where(inside, getattr(others, name), getattr(rows, name))
            for name in ("open", "high", "low", "close", "volume")
        }
        return replace(rows, **values)

    return rewrite


def volumes(factor: float, every: int = 1) -> Rewriting:
    """Return what multiplies the volume of every so manieth bar."""

    def rewrite(rows: Rows, labels: Ints, _: Market) -> Rows:
        return replace(rows, volume=rows.volume * np.where((labels // DAY) % every == 0, factor, 1.0))

    return rewrite
