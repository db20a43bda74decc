"""Events that a source tells late: at every moment adjusted bars are right for what is known and held then."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from barledger.barledger import BarLedger
from barledger.domain.action import CorporateAction
from barledger.domain.change_policy import ChangePolicy
from barledger.domain.timeframe import DAY
from barledger.errors import ChangedSince, ProposalStale
from barledger.services.ingestion import IngestionReport
from barledger.services.integrity.report import Report
from integrity import Rewritten, integrity
from places import EVERYWHERE, Place, place_called
from scripted import SPLITS, ScriptedSource, SetClock, service

FIRST, EX, LAST = 700, 850, 1_000
OWN: dict[str, Any] = {"source": "scripted"}
TOTAL = dict.fromkeys(("open", "high", "low", "close", "volume"), "total")


def event(kind: Any = "split", value: float = 2.0, day: int = EX) -> CorporateAction:
    return CorporateAction(instrument="A", ex_date=day * DAY, kind=kind, source="scripted", value=value)


class Late:
    """A library with 300 days as traded, of a source that adjusts for splits and changes its mind later."""

    def __init__(self, bl: BarLedger, clock: SetClock, **declared: Any) -> None:
        self.bl, self.clock = bl, clock
        self.market = Rewritten(listed=FIRST * DAY)
        told = {"adjustment": SPLITS, "gives_events": True, **declared}
        self.source = ScriptedSource({"A": self.market}, clock, page=500, **told)
        self.ingest()
        self.made = integrity(bl, clock, self.source)
        self.traded, self.times = self.closes(), bl.bars("A", "1d", **OWN).time

    def ingest(self, **how: Any) -> IngestionReport:
        return service(self.bl, self.clock, self.source).ingest("A", "1d", **OWN, **how)

    def reconcile(self) -> Report:
        return self.made.reconcile("A", "1d")

    def closes(self, adjust: str | None = None, **how: Any) -> np.ndarray[Any, Any]:
        return self.bl.bars("A", "1d", **OWN, adjust=adjust, **how).df["close"].to_numpy()

    def split(self, ratio: float = 2.0) -> None:
        """Let the source tell of a split, and count it."""
        self.market.splits, self.market.actions = [(EX * DAY, ratio)], [event(value=ratio)]

    def adjusted(self, ratio: float = 2.0) -> np.ndarray[Any, Any]:
        return np.where(self.times < EX * DAY, self.traded / ratio, self.traded)

    def check(self, ratio: float | None, **how: Any) -> None:
        """Raw bars are as traded, and those for splits in the shares of what is known."""
        np.testing.assert_allclose(self.closes("raw", **how), self.traded, rtol=1e-12)
        np.testing.assert_allclose(self.closes("splits", **how), self.adjusted(ratio or 1.0), rtol=1e-12)


@pytest.fixture
def late(bl: BarLedger, clock: SetClock) -> Late:
    return Late(bl, clock)


def test_a_split_that_is_told_late_becomes_known_with_the_bars_that_count_it(late: Late) -> None:
    snapshot, before = late.bl.snapshot("A", "1d", **OWN), late.bl.bars("A", "1d", **OWN).revision
    late.split()
    report = late.reconcile()
    (one,) = report.discrepancies
    (heard,) = report.events
    assert (one.kind, one.factor, one.confidence) == ("restatement", 0.5, 0.99)
    assert (heard.became, heard.discrepancy) == ("with", one.id)
    assert f"split of 2:1 on 1972-04-30: becomes known with {one.id}" in str(report)
    assert late.bl.actions.list("A") == []
    late.check(None)

    late.made.accept(one.id, reason="split confirmed")
    (known,) = late.bl.actions.list("A")
    assert (known.source, known.value, known.told["discrepancy"]) == ("scripted", 2.0, one.id)
    late.check(2.0)
    np.testing.assert_allclose(late.closes(), late.adjusted())
    for version in (snapshot.id, f"revision:{before}"):
        late.check(None, version=version)
    again = late.reconcile()
    assert (again.discrepancies, again.events) == ((), ())
    assert late.ingest(refresh=200).changed == 0
    late.check(2.0)

    late.made.undo(one.id, reason="there was none")
    assert late.bl.actions.list("A") == []
    np.testing.assert_array_equal(late.closes(), late.traded)
    late.check(None)
    late.check(None, version=snapshot.id)
    assert late.bl.audit.verify().ok


def test_an_event_of_what_was_rejected_or_undone_is_not_let_in_by_an_ingestion(late: Late) -> None:
    late.split()
    (one,) = late.reconcile().discrepancies
    late.made.reject(one.id, reason="not our vintage")
    (heard,) = late.reconcile().events
    assert heard.discrepancy == one.id
    late.clock.now += 3 * DAY
    done = late.ingest(refresh=300)
    assert (done.new, done.changed, done.declined) == (3, 0, 150)
    assert late.bl.actions.list("A") == []
    late.times, late.traded = late.bl.bars("A", "1d", **OWN).time, np.append(late.traded, late.closes()[-3:])
    late.check(None)


def test_bars_from_the_ex_date_on_alone_do_not_let_a_declined_event_in(late: Late) -> None:
    late.split()
    late.made.reject(late.reconcile().discrepancies[0].id, reason="not our vintage")
    late.source.requests.clear()
    assert late.ingest(refresh=LAST - EX - 10).changed == 0
    assert late.source.requests[0][1] == EX * DAY
    assert late.bl.actions.list("A") == []
    late.check(None)


def test_an_event_that_waits_with_a_proposal_of_an_ingestion_becomes_known_with_it(
    bl: BarLedger, clock: SetClock
) -> None:
    late = Late(bl, clock, on_change=ChangePolicy(on_change="propose"))
    late.split()
    (proposal,) = late.ingest(refresh=300).proposals
    late.check(None)
    assert late.ingest(refresh=300).proposals == (proposal,)
    assert late.reconcile().events[0].became == "with"
    late.check(None)
    (one,) = late.made.discrepancies(state="proposed")
    late.made.accept(one.id, reason="yes")
    late.check(2.0)
    late.made.undo(one.id, reason="no")
    late.check(None)


def test_an_ingestion_that_may_restate_lets_the_event_be_known_with_the_bars(late: Late) -> None:
    late.split()
    assert late.ingest(refresh=300).changed == 150
    late.check(2.0)


def test_a_rule_accepts_the_event_with_the_bars(late: Late) -> None:
    late.made.set_rule("splits", kind="restatement", confidence=0.99, reason="desk rule")
    late.split()
    report = late.reconcile()
    assert len(report.comparisons[0].revisions) == 1
    late.check(2.0)


def test_a_library_pass_hears_as_a_reconciliation_does(late: Late) -> None:
    late.clock.now += 400 * DAY
    late.ingest()
    late.times, late.traded = late.bl.bars("A", "1d", **OWN).time, late.closes()
    late.market.actions = [event("cash_dividend", 0.5)]
    report = late.made.reconcile_all()
    assert [heard.became for heard in report.events] == ["noted"]
    assert [one.kind for one in late.bl.actions.list("A")] == ["cash_dividend"]
    late.split()
    late.market.actions.append(event("cash_dividend", 0.5))
    late.clock.now += 400 * DAY
    late.made.reconcile_all()
    (one,) = late.made.discrepancies(kind="restatement")
    late.check(None)
    late.made.accept(one.id, reason="yes")
    late.check(2.0)


def test_a_dividend_that_is_told_late_is_noted_at_once(late: Late) -> None:
    late.market.actions = [event("cash_dividend", 0.5)]
    report = late.reconcile()
    assert (report.discrepancies, [heard.became for heard in report.events]) == ((), ["noted"])
    assert "cash_dividend of 0.5 on 1972-04-30: noted" in str(report)
    last = float(late.traded[late.times < EX * DAY][-1])
    wanted = np.where(late.times < EX * DAY, late.traded * (1 - 0.5 / last), late.traded)
    np.testing.assert_allclose(late.closes("total"), wanted, rtol=1e-12)
    late.check(None)
    assert late.reconcile().events == ()
    entries = late.bl.audit.entries(operation="reconcile")
    assert entries[-2].data[str(report.comparisons[0].series)]["events"] == [str(report.events[0])]


def test_an_amount_that_is_told_otherwise_supersedes_what_was_known(late: Late) -> None:
    late.market.actions = [event("cash_dividend", 0.5)]
    late.reconcile()
    late.market.actions = [event("cash_dividend", 0.75)]
    (heard,) = late.reconcile().events
    assert (heard.became, heard.action.value) == ("noted", 0.75)
    assert [one.value for one in late.bl.actions.list("A")] == [0.75]


def test_an_event_that_is_not_told_any_more_is_said_and_stays(late: Late) -> None:
    late.market.actions = [event("cash_dividend", 0.5)]
    late.reconcile()
    late.market.actions = []
    for _ in range(2):
        (heard,) = late.reconcile().events
        assert heard.became == "not told"
    assert len(late.bl.actions.list("A")) == 1


def test_a_split_that_bars_count_already_is_noted_at_once(late: Late) -> None:
    late.split()
    late.market.actions = []
    (one,) = late.reconcile().discrepancies
    late.made.accept(one.id, reason="yes")
    late.market.actions = [event()]
    (heard,) = late.reconcile().events
    assert heard.became == "noted"
    late.check(2.0)


def test_a_ratio_that_was_told_wrongly_is_known_as_it_was_until_its_bars_are_right(late: Late) -> None:
    late.split()
    late.made.accept(late.reconcile().discrepancies[0].id, reason="yes")
    late.split(3.0)
    (one,) = late.reconcile().discrepancies
    late.check(2.0)
    late.made.accept(one.id, reason="three it was")
    assert [known.value for known in late.bl.actions.list("A")] == [3.0]
    late.check(3.0)
    late.made.undo(one.id, reason="two after all")
    assert [known.value for known in late.bl.actions.list("A")] == [2.0]
    late.check(2.0)


def test_a_split_that_was_none_is_withdrawn_with_the_bars_that_counted_it(late: Late) -> None:
    late.split()
    late.made.accept(late.reconcile().discrepancies[0].id, reason="yes")
    late.market.splits, late.market.actions = [], []
    (one,) = late.reconcile().discrepancies
    late.check(2.0)
    late.made.accept(one.id, reason="there was none")
    assert late.bl.actions.list("A") == []
    late.check(None)
    late.made.undo(one.id, reason="there was one")
    late.check(2.0)


def test_dividends_in_the_shares_of_a_late_split_wait_with_it(late: Late) -> None:
    late.market.actions = [event("cash_dividend", 0.5, day=800)]
    late.reconcile()
    before = late.closes("total")
    late.split()
    late.market.actions.append(event("cash_dividend", 0.25, day=800))
    report = late.reconcile()
    assert {heard.became for heard in report.events} == {"with"}
    np.testing.assert_array_equal(late.closes("total"), before)
    late.made.accept(report.discrepancies[0].id, reason="yes")
    wanted = np.where(late.times < EX * DAY, before / 2, before)
    np.testing.assert_allclose(late.closes("total"), wanted, rtol=1e-12)
    late.made.undo(report.discrepancies[0].id, reason="no")
    np.testing.assert_allclose(late.closes("total"), before, rtol=1e-12)


def test_a_late_dividend_of_a_source_that_adjusts_for_it_goes_with_the_bars(bl: BarLedger, clock: SetClock) -> None:
    late = Late(bl, clock, adjustment=TOTAL)
    close = float(late.traded[late.times < EX * DAY][-1])
    late.market.splits = [(EX * DAY, 1 / (1 - 0.5 / close))]
    late.market.volume_adjusted = False
    late.market.actions = [event("cash_dividend", 0.5)]
    (one,) = late.reconcile().discrepancies
    np.testing.assert_allclose(late.closes("raw"), late.traded)
    late.made.accept(one.id, reason="yes")
    np.testing.assert_allclose(late.closes("raw"), late.traded)
    np.testing.assert_allclose(late.closes("total"), late.closes())
    late.made.undo(one.id, reason="no")
    np.testing.assert_array_equal(late.closes("raw"), late.traded)


def test_a_stale_proposal_leaves_its_event_unknown(late: Late) -> None:
    late.split()
    (one,) = late.reconcile().discrepancies
    bars = late.bl.bars("A", "1d", **OWN, start=800 * DAY, end=801 * DAY).df
    late.bl.write("A", "1d", bars * 1.5, **OWN)
    with pytest.raises(ProposalStale):
        late.made.accept(one.id, reason="yes")
    assert late.bl.actions.list("A") == []


def test_undoing_that_is_refused_leaves_the_event_known(late: Late) -> None:
    late.split()
    (one,) = late.reconcile().discrepancies
    late.made.accept(one.id, reason="yes")
    bars = late.bl.bars("A", "1d", **OWN, start=800 * DAY, end=801 * DAY).df
    late.bl.write("A", "1d", bars * 1.5, **OWN)
    with pytest.raises(ChangedSince):
        late.made.undo(one.id, reason="no")
    assert len(late.bl.actions.list("A")) == 1


def test_what_is_asked_from_the_ex_date_on_asks_for_the_bars_before_it_too(late: Late) -> None:
    late.split()
    report = late.made.reconcile("A", "1d", start=(EX + 1) * DAY)
    (one,) = report.discrepancies
    assert one.interval.start == FIRST * DAY
    late.check(None)


@pytest.fixture(params=EVERYWHERE)
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    (tmp_path / "library").mkdir()
    with place_called(request.param, request, tmp_path / "library") as made:
        yield made


def test_it_is_so_everywhere(place: Place) -> None:
    with place.opened() as bl:
        clock = SetClock(bl.vault.ledger.now())
        late = Late(bl, clock)
        assert len(late.times) > LAST
        late.split()
        (one,) = late.reconcile().discrepancies
        late.check(None)
        late.made.accept(one.id, reason="yes")
        late.check(2.0)
        late.made.undo(one.id, reason="no")
        late.check(None)
