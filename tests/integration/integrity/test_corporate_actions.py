"""Corporate actions that are known explain what a source rewrote."""

import pytest

from barledger.barledger import BarLedger
from barledger.domain.action import CorporateAction
from barledger.domain.timeframe import DAY
from integrity import Rewritten, integrity
from reconciling import loaded
from scripted import SetClock


def split(value: float = 4.0, day: int = 950, source: str = "desk") -> CorporateAction:
    return CorporateAction(instrument="A", ex_date=day * DAY, kind="split", source=source, value=value)


def test_a_known_split_is_believed_before_the_pattern(bl: BarLedger, clock: SetClock) -> None:
    source = loaded(bl, clock)
    source.markets["A"].splits.append((950 * DAY, 4.0))
    bl.vault.ledger.actions.record([split()], bl.vault.who("record"))
    (one,) = integrity(bl, clock, source).reconcile("A", "1d").discrepancies
    assert (one.kind, one.factor, one.confidence) == ("restatement", 0.25, 0.99)
    assert one.evidence["actions"] == ["split of 4 on 1972-08-08, told by desk"]
    assert "split of 4 on 1972-08-08" in one.reason


def test_a_split_that_the_source_tells_with_its_bars_counts_too(bl: BarLedger, clock: SetClock) -> None:
    source = loaded(bl, clock, gives_events=True)
    source.markets["A"].splits.append((950 * DAY, 4.0))
    source.markets["A"].actions.append(split(source="scripted"))
    (one,) = integrity(bl, clock, source).reconcile("A", "1d").discrepancies
    assert one.confidence == 0.99
    # The source says that its bars are as traded, so that no bar counts the event.
    assert [action.value for action in bl.actions.list("A")] == [4.0]


def test_a_split_that_explains_nothing_is_not_believed(bl: BarLedger, clock: SetClock) -> None:
    source = loaded(bl, clock)
    source.markets["A"].splits.append((950 * DAY, 4.0))
    bl.vault.ledger.actions.record([split(3.0), split(4.0, day=900, source="x")], bl.vault.who("record"))
    (one,) = integrity(bl, clock, source).reconcile("A", "1d").discrepancies
    assert (one.factor, one.confidence) == (0.25, 0.9)
    assert "no known event" in one.reason


def test_a_known_split_needs_no_more_than_one_bar(bl: BarLedger, clock: SetClock) -> None:
    source = loaded(bl, clock)
    source.markets["A"].splits.append((701 * DAY, 4.0))
    (guess,) = integrity(bl, clock, source).reconcile("A", "1d").discrepancies
    assert guess.kind == "correction"
    bl.vault.ledger.actions.record([split(day=701)], bl.vault.who("record"))
    (known,) = integrity(bl, clock, source).reconcile("A", "1d").discrepancies
    assert (known.kind, known.bars) == ("restatement", 1)
    assert integrity(bl, clock, source).discrepancy(guess.id).discrepancy.state == "superseded"


def test_several_events_in_a_row_are_one_restatement_in_steps(bl: BarLedger, clock: SetClock) -> None:
    source = loaded(bl, clock)
    market = source.markets["A"]
    held = bl.bars("A", "1d", source="scripted").rows
    close = float(held.close[held.time == 899 * DAY][0])
    dividend = CorporateAction(instrument="A", ex_date=900 * DAY, kind="cash_dividend", source="x", value=0.5)
    market.splits += [(950 * DAY, 2.0), (900 * DAY, 1 / (1 - 0.5 / close))]
    market.volume_adjusted = False
    bl.vault.ledger.actions.record([split(2.0), dividend], bl.vault.who("record"))
    (one,) = integrity(bl, clock, source).reconcile("A", "1d").discrepancies
    assert (one.confidence, len(one.evidence["steps"]), len(one.evidence["actions"])) == (0.99, 2, 2)
    assert one.factor == pytest.approx((1 - 0.5 / close) / 2)


def test_an_adjustment_that_is_taken_back_is_known_as_well(bl: BarLedger, clock: SetClock) -> None:
    source = loaded(bl, clock, Rewritten(listed=700 * DAY, splits=[(950 * DAY, 4.0)]))
    source.markets["A"].splits.clear()
    bl.vault.ledger.actions.record([split()], bl.vault.who("record"))
    (one,) = integrity(bl, clock, source).reconcile("A", "1d").discrepancies
    assert (one.factor, one.confidence) == (4.0, 0.99)
