"""What is said where a source takes a split back, in the report and in the notices."""

from barledger import detection
from barledger.barledger import BarLedger
from barledger.domain.timeframe import DAY
from integrity import heard, integrity
from missed import EX, Desk
from scripted import SetClock


def test_a_split_that_is_taken_back_is_said_to_go_and_its_undoing_to_bring_it_back(
    bl: BarLedger, clock: SetClock
) -> None:
    desk = Desk(bl, clock, {EX: 2.0})
    desk.tell(EX)
    (late,) = desk.reconcile().discrepancies
    desk.made.accept(late.id, reason="theirs")
    desk.market.splits, desk.market.actions = [(EX * DAY, 0.5)], []
    report = desk.reconcile()
    (back,) = report.discrepancies
    assert f"split of 2:1 on 1972-06-19: not told any more, and taken back with {back.id}" in str(report)
    notices = heard(bl)
    desk.made = integrity(bl, clock, desk.source, findings=detection.findings)
    desk.made.accept(back.id, reason="theirs")
    assert bl.actions.list("A") == []
    told = {one.kind: one.subject for one in notices}
    assert told["correction_applied"].endswith(", without the split of 2:1 on 1972-06-19")
    desk.made.undo(back.id, reason="no")
    told = {one.kind: one.subject for one in notices}
    assert told["correction_undone"].endswith(", with the split of 2:1 on 1972-06-19")
