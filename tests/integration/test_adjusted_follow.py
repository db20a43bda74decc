"""Whatever changes bars or events, the adjusted series that are kept beside them follow, by one revision at its end."""

import warnings
from collections.abc import Iterator

import numpy as np
import pytest

from barledger import BarLedger
from barledger.domain.action import CorporateAction
from barledger.domain.timeframe import DAY
from barledger.errors import NotRefreshed
from barledger.services.discrepancies.filter import Filter
from barledger.services.ingestion import DataIngestionService
from barledger.services.integrity import DataIntegrityService
from barledger.stores.memory import MemoryStore
from integrity import Rewritten, integrity, multiplied
from libraries import frame
from scripted import ScriptedSource, SetClock, clocked, service

NOW = 1_000 * DAY + DAY // 2


@pytest.fixture
def clock() -> SetClock:
    return SetClock(NOW)


@pytest.fixture
def bl(clock: SetClock) -> Iterator[BarLedger]:
    with clocked(MemoryStore(), clock) as opened:
        yield opened


class Scene:
    """A market, a source of it, the services that know it, and an adjusted series that is kept."""

    def __init__(self, bl: BarLedger, clock: SetClock) -> None:
        self.bl = bl
        self.market = Rewritten(listed=900 * DAY)
        self.source = ScriptedSource({"A": self.market}, clock, name="desk", page=20)
        self.ingestion: DataIngestionService = service(bl, clock, self.source)
        self.integrity: DataIntegrityService = integrity(bl, clock, self.source)
        self.ingestion.ingest("A", "1d", source="desk", start=900 * DAY, end=990 * DAY)
        bl.actions.add("A", "split", 950 * DAY, value=2, source="desk")
        bl.actions.materialise("A", "1d", adjust="splits")

    def revisions(self) -> int:
        """Return how many revisions the adjusted series has."""
        return sum(1 for one in self.bl.audit.entries(operation="materialise"))

    def check(self) -> None:
        """Compare what is kept with what a reader would be shown now."""
        kept = self.bl.bars("A", "1d", is_adjusted=True)
        view = self.bl.bars("A", "1d", adjust="splits")
        np.testing.assert_array_equal(kept.time, view.time)
        np.testing.assert_array_equal(kept.rows.close, view.rows.close)


@pytest.fixture
def scene(bl: BarLedger, clock: SetClock) -> Scene:
    return Scene(bl, clock)


def test_a_decision_is_followed_and_so_is_its_undoing(scene: Scene) -> None:
    scene.market.corrected = {910 * DAY: 50.0}
    (found,) = scene.integrity.reconcile("A", "1d").discrepancies
    before = scene.bl.bars("A", "1d", is_adjusted=True)
    scene.integrity.accept(found.id, reason="checked")
    scene.check()
    assert scene.bl.bars("A", "1d", is_adjusted=True).digest != before.digest
    scene.integrity.undo(found.id, reason="no")
    scene.check()
    assert scene.bl.bars("A", "1d", is_adjusted=True).digest == before.digest
    assert scene.revisions() == 3


def test_many_decisions_are_followed_once(scene: Scene) -> None:
    for day in (910, 920, 930):
        scene.market.corrected = {day * DAY: 50.0}
        scene.integrity.reconcile("A", "1d", start=(day - 3) * DAY, end=(day + 3) * DAY)
    decided = scene.integrity.accept_each(Filter.of(kind="correction"), reason="checked")
    assert [one.ok for one in decided] == [True] * 3
    scene.check()
    assert scene.revisions() == 2


def test_a_rule_that_accepts_is_followed_at_the_end_of_the_pass(scene: Scene, clock: SetClock) -> None:
    scene.integrity.set_rule("all", kind="*", confidence=0.0, reason="desk rule")
    scene.market.rewrite = multiplied(0.5, 0, 10**6)
    clock.now += 400 * DAY
    report = scene.integrity.reconcile_all()
    assert [one.state for one in report.discrepancies] == ["applied"]
    scene.check()
    assert scene.revisions() == 2


def test_a_long_ingestion_is_followed_once(scene: Scene) -> None:
    scene.market.corrected = {day * DAY: 50.0 for day in range(930, 990, 15)}
    commits = len(scene.bl.audit.entries(operation="ingest"))
    scene.ingestion.ingest("A", "1d", source="desk", end=NOW, refresh=60)
    assert len(scene.bl.audit.entries(operation="ingest")) > commits + 2
    scene.check()
    assert scene.revisions() == 2
    scene.ingestion.ingest("A", "1d", source="desk", end=NOW)
    assert scene.revisions() == 2


def test_filling_a_gap_is_followed(scene: Scene) -> None:
    scene.bl.withdraw("A", "1d", [at * DAY for at in (905, 906)], source="desk", reason="a hole")
    scene.check()
    scene.bl.instruments.declare("A", calendar="24/7")
    report = scene.ingestion.fill_gaps(scene.bl.availability.gaps(instrument="A"))
    assert report.new + report.changed > 0
    scene.check()
    assert scene.revisions() == 2


def test_bars_that_close_are_followed_as_they_come(scene: Scene) -> None:
    given = list(scene.ingestion.follow("A", "1d", source="desk", until=1_003 * DAY))
    assert [bar.time // DAY for bar in given][-1] == 1_002
    scene.check()
    assert len(scene.bl.bars("A", "1d", is_adjusted=True)) == 103


def test_an_event_that_a_source_tells_is_followed_though_no_bar_changed(scene: Scene) -> None:
    told = CorporateAction(instrument="A", ex_date=930 * DAY, kind="split", source="desk", value=3.0)
    scene.market.actions.append(told)
    scene.ingestion.ingest("A", "1d", source="desk", refresh=(925 * DAY, 935 * DAY))
    assert len(scene.bl.actions.list("A")) == 2
    scene.check()


def test_who_writes_to_the_cache_itself_is_followed_too(scene: Scene, bl: BarLedger) -> None:
    bl.ingestion.write("A", "1d", frame([990]), source="desk")
    scene.check()
    with bl.acting_as("alice") as session:
        session.write("A", "1d", frame([991]), source="desk")
    scene.check()
    assert len(bl.bars("A", "1d", is_adjusted=True)) == 92
    assert bl.audit.entries(operation="materialise")[-1].data["actor"] == "alice"


def test_a_decision_stands_though_the_adjusted_series_cannot_follow(scene: Scene, bl: BarLedger) -> None:
    scene.market.corrected = {910 * DAY: 50.0}
    (found,) = scene.integrity.reconcile("A", "1d").discrepancies
    bl.actions.unmaterialise("A", "1d", reason="kept for dividends too")
    bl.actions.materialise("A", "1d", adjust="total")
    bl.instruments.declare("A", currency="USD")
    with pytest.warns(NotRefreshed):
        bl.actions.add("A", "cash_dividend", 920 * DAY, value=1.0, currency="EUR")
    with pytest.warns(NotRefreshed, match="stay as they were"):
        scene.integrity.accept(found.id, reason="checked")
    assert scene.integrity.discrepancy(found.id).discrepancy.state == "applied"


def test_what_changes_nothing_is_followed_by_nothing(scene: Scene) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        scene.integrity.reconcile("A", "1d")
        scene.ingestion.ingest("A", "1d", source="desk", refresh=20, end=990 * DAY)
    assert scene.revisions() == 1
