"""What was applied and undone is found anew, as another proposal, when somebody asks; nobody else brings it back."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from barledger.barledger import BarLedger
from barledger.domain.discrepancy import Discrepancy
from barledger.domain.timeframe import DAY
from barledger.services.integrity import DataIntegrityService
from barledger.services.integrity.report import Report
from integrity import Rewritten, integrity, volumes
from reconciling import loaded
from scripted import Market, ScriptedSource, SetClock, service

Change = Callable[[Market], None]


def _corrected(market: Market) -> None:
    market.corrected = {900 * DAY: 5.0}


def _gone(market: Market) -> None:
    market.gone = {900 * DAY}


def _came(market: Market) -> None:
    market.gone = set()


def _volumes(market: Market) -> None:
    assert isinstance(market, Rewritten)
    market.rewrite = volumes(1.5, every=4)


CHANGES = [("correction", _corrected), ("withdrawn", _gone), ("added", _came), ("volume_only", _volumes)]


def _begun(bl: BarLedger, clock: SetClock, kind: str, change: Change) -> tuple[DataIntegrityService, ScriptedSource]:
    market = Rewritten(listed=700 * DAY)
    market.gone = {900 * DAY} if kind == "added" else set()
    source = loaded(bl, clock, market)
    change(market)
    return integrity(bl, clock, source), source


def _asked(made: DataIntegrityService) -> Report:
    """Ask twice, since a bar that is not given is proposed after the second answer."""
    made.reconcile("A", "1d")
    return made.reconcile("A", "1d")


def _undone(made: DataIntegrityService) -> Discrepancy:
    (first,) = _asked(made).discrepancies
    made.accept(first.id, reason="theirs")
    made.undo(first.id, reason="a slip")
    return first


@pytest.mark.parametrize(("kind", "change"), CHANGES)
def test_what_was_undone_is_another_proposal_when_somebody_asks(
    bl: BarLedger, clock: SetClock, kind: str, change: Change
) -> None:
    made, _ = _begun(bl, clock, kind, change)
    before = bl.bars("A", "1d", source="scripted").digest
    first = _undone(made)
    made.set_rule("all", kind="*", confidence=0.0, reason="desk rule")
    (again,) = made.reconcile("A", "1d").discrepancies
    assert (again.kind, again.state, again.id != first.id) == (kind, "proposed", True)
    assert [one.id for one in made.reconcile("A", "1d").discrepancies] == [again.id]
    theirs = made.accept(again.id, reason="theirs after all").revision
    assert made.reconcile("A", "1d").ok
    made.undo(again.id, reason="no")
    assert bl.bars("A", "1d", source="scripted").digest == before
    (third,) = made.reconcile("A", "1d").discrepancies
    made.reject(third.id, reason="no, really")
    assert [one.id for one in made.reconcile("A", "1d").discrepancies] == [third.id]
    assert made.reconcile("A", "1d").ok
    assert theirs


@pytest.mark.parametrize(("kind", "change"), CHANGES)
def test_ingestions_and_passes_leave_it_and_do_not_close_what_was_asked_for(
    bl: BarLedger, clock: SetClock, kind: str, change: Change
) -> None:
    made, source = _begun(bl, clock, kind, change)
    first = _undone(made)
    before = bl.bars("A", "1d", source="scripted").digest
    for state in ("undone", "proposed"):
        service(bl, clock, source).ingest("A", "1d", source="scripted", refresh=290)
        clock.now += 400 * DAY
        passed = made.reconcile_all("A")
        assert [one.state for one in passed.discrepancies if one.kind == kind] in ([], [state])
        assert bl.bars("A", "1d", source="scripted", end=1_000 * DAY).digest == before or kind == "added"
        if state == "undone":
            assert made.discrepancies(kind=kind) == []
            (again,) = (one for one in made.reconcile("A", "1d").discrepancies if one.kind == kind)
            assert (again.state, again.id != first.id) == ("proposed", True)
        else:
            assert made.discrepancy(again.id).discrepancy.state == "proposed"


def test_what_was_undone_beside_what_is_news_waits_for_a_person_too(bl: BarLedger, clock: SetClock) -> None:
    made, source = _begun(bl, clock, "correction", _corrected)
    _undone(made)
    made.set_rule("all", kind="*", confidence=0.0, reason="desk rule")
    source.markets["A"].corrected = {900 * DAY: 5.0, 950 * DAY: 7.0}
    (both,) = made.reconcile("A", "1d").discrepancies
    assert (both.state, both.bars) == ("proposed", 2)


def test_an_acceptance_after_an_undoing_is_what_counts(bl: BarLedger, clock: SetClock) -> None:
    made, source = _begun(bl, clock, "correction", _corrected)
    _undone(made)
    (again,) = made.reconcile("A", "1d").discrepancies
    made.accept(again.id, reason="theirs after all")
    for close in (9.0, 5.0):
        source.markets["A"].corrected = {900 * DAY: close}
        assert service(bl, clock, source).ingest("A", "1d", source="scripted", refresh=290).changed == 1


def test_a_bar_that_was_undone_and_is_told_in_a_third_way_is_news(bl: BarLedger, clock: SetClock) -> None:
    made, source = _begun(bl, clock, "correction", _corrected)
    _undone(made)
    source.markets["A"].rewrite = lambda rows, labels, _: replace(  # type: ignore[attr-defined]
        rows, volume=np.where(labels == 900 * DAY, rows.volume * 3, rows.volume)
    )
    (third,) = made.reconcile("A", "1d").discrepancies
    assert (third.kind, third.state) == ("correction", "proposed")
