"""A desk: a source that adjusts for splits, with those that it misses and prices that it gets wrong."""

from typing import Any

import numpy as np

from barledger import detection
from barledger.barledger import BarLedger
from barledger.domain.action import CorporateAction
from barledger.domain.discrepancy import Discrepancy
from barledger.domain.rows import Ints, Rows
from barledger.domain.timeframe import DAY
from barledger.services.ingestion import DataIngestionService, IngestionReport
from barledger.services.integrity.report import Report
from integrity import Rewritten, integrity
from scripted import SPLITS, ScriptedSource, SetClock

FIRST, EX, LAST = 700, 900, 1_000
OWN: Any = {"source": "scripted"}


class Walk(Rewritten):
    """A market whose prices walk, so that a jump in them stands out; ``wrong`` multiplies some prices by a hundred."""

    wrong: tuple[int, int] = (0, 0)

    def rows(self, labels: Ints) -> Rows:
        chance = np.random.default_rng(5)
        days = (labels // DAY).astype(np.int64) - FIRST
        close = 64 * np.exp(np.cumsum(chance.normal(0, 0.012, 2_000)))
        wide, volume = np.exp(np.abs(chance.normal(0, 0.004, 2_000))), 6e5 * np.exp(chance.normal(0, 0.3, 2_000))
        opened = np.append(64.0, close[:-1])
        factor = np.ones(len(labels))
        for ex, ratio in self.splits:
            factor[labels < ex] /= ratio
        unit = np.where((days + FIRST >= self.wrong[0]) & (days + FIRST < self.wrong[1]), 100.0, 1.0) * factor
        columns = (opened, np.maximum(opened, close) * wide, np.minimum(opened, close) / wide, close)
        prices = dict(zip(("open", "high", "low", "close"), (one[days] * unit for one in columns), strict=True))
        plain = Rewritten.rows(self, labels)
        return Rows(
            time=labels,
            **prices,
            volume=volume[days] / factor,
            revision=plain.revision,
            edition=plain.edition,
        )


def event(day: int = EX, ratio: float = 2.0) -> CorporateAction:
    return CorporateAction(instrument="A", ex_date=day * DAY, kind="split", source="scripted", value=ratio)


class Desk:
    """Three hundred days of a source that adjusts for splits, with what it leaves out and gets wrong."""

    def __init__(
        self, bl: BarLedger, clock: SetClock, missed: dict[int, float], wrong: tuple[int, int] = (0, 0)
    ) -> None:
        self.bl, self.clock = bl, clock
        self.market = Walk(listed=FIRST * DAY)
        self.market.wrong = wrong
        self.clean = Walk(listed=FIRST * DAY)
        self.missed = dict(missed)
        # What is not missed is adjusted for; all of it is as traded in new shares otherwise.
        self.market.splits = [(day * DAY, 1 / ratio) for day, ratio in missed.items()]
        self.source = ScriptedSource({"A": self.market}, clock, page=500, adjustment=SPLITS, gives_events=True)
        self.made = integrity(bl, clock, self.source, findings=detection.findings)
        self.ingest()
        self.times = bl.bars("A", "1d", **OWN).time
        self.first = self.digest
        self.traded = self._traded()

    def _traded(self) -> Rows:
        given = Walk(listed=FIRST * DAY)
        given.splits = [(day * DAY, 1 / ratio) for day, ratio in self.missed.items()]
        return given.rows(self.times)

    @property
    def digest(self) -> str:
        return self.bl.bars("A", "1d", **OWN).digest

    def ingest(self, refresh: int = 0) -> IngestionReport:
        made = DataIngestionService(
            self.bl.vault,
            self.bl.cache,
            lambda *_: self.source,
            self.bl.instruments,
            timing=self.clock.timing,
            screen=self.made.screening,
        )
        return made.ingest("A", "1d", source="scripted", refresh=refresh or None)

    def reconcile(self) -> Report:
        return self.made.reconcile("A", "1d")

    def tell(self, day: int) -> None:
        """Let the source apply a split that it missed, and tell of it."""
        self.market.splits = [one for one in self.market.splits if one[0] != day * DAY]
        self.market.actions = [*self.market.actions, event(day, self.missed[day])]

    def found(self, kind: str, **how: Any) -> list[Discrepancy]:
        return self.made.discrepancies(kind=kind, **how)

    def close(self, adjust: str | None = None) -> np.ndarray[Any, Any]:
        return self.bl.bars("A", "1d", **OWN, adjust=adjust).df["close"].to_numpy()

    def check(self, known: dict[int, float], wrong: tuple[int, int] | None = None) -> None:
        """Raw bars are as traded; for splits and for total, in the shares of what is known."""
        days = self.times // DAY
        unit = 1.0 if wrong is None else np.where((days >= wrong[0]) & (days < wrong[1]), 100.0, 1.0)
        raw = self.bl.bars("A", "1d", **OWN, adjust="raw").df
        np.testing.assert_allclose(raw["close"], self.traded.close * unit, rtol=1e-9)
        np.testing.assert_allclose(raw["volume"], self.traded.volume, rtol=1e-9)
        wanted = self.traded.close * unit
        for day, ratio in known.items():
            wanted = np.where(days < day, wanted / ratio, wanted)
        for adjust in (None, "splits", "total"):
            np.testing.assert_allclose(self.close(adjust), wanted, rtol=1e-9)
