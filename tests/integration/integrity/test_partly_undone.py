"""Undoing a part of what was decided: only where the bars that stay do not count what would not be known any more."""

from typing import Any

import pytest

from barledger.barledger import BarLedger
from barledger.domain.timeframe import DAY
from barledger.errors import ChangedSince, StillCounted
from missed import EX, FIRST, OWN, Desk
from scripted import SetClock

EARLIER = 820


def _late(desk: Desk, day: int) -> Any:
    desk.tell(day)
    (one,) = desk.reconcile().discrepancies
    desk.made.accept(one.id, reason="theirs")
    return one


@pytest.mark.parametrize("ratios", [(0.2, 3.0), (2.0, 3.0), (4.0, 3.0), (0.5, 3.0), (2.0, 0.25), (0.2, 0.25)])
@pytest.mark.parametrize("partial", [False, True])
def test_a_split_is_not_half_undone_whichever_way_another_went_since(
    bl: BarLedger, clock: SetClock, ratios: tuple[float, float], *, partial: bool
) -> None:
    desk = Desk(bl, clock, {EARLIER: ratios[0], EX: ratios[1]})
    late = _late(desk, EX)
    desk.tell(EARLIER)
    assert desk.ingest(290).changed == EARLIER - FIRST
    desk.check({EARLIER: ratios[0], EX: ratios[1]})
    with pytest.raises(StillCounted) as caught:
        desk.made.undo(late.id, reason="no", partial=partial)
    assert "then undo this with partial=True" in caught.value.advice
    desk.check({EARLIER: ratios[0], EX: ratios[1]})
    assert bl.audit.verify().ok


@pytest.mark.parametrize("ratio", [0.25, 3.0])
@pytest.mark.parametrize("by", [1.0, 1.02, 0.97])
def test_bars_in_the_shares_of_before_may_stay(bl: BarLedger, clock: SetClock, ratio: float, by: float) -> None:
    desk = Desk(bl, clock, {EX: ratio})
    day: dict[str, Any] = {**OWN, "start": 800 * DAY, "end": 801 * DAY}
    before = bl.bars("A", "1d", **day).df
    late = _late(desk, EX)
    bl.write("A", "1d", before * by, source="scripted", reason="by hand")
    with pytest.raises(ChangedSince) as caught:
        desk.made.undo(late.id, reason="no")
    assert not isinstance(caught.value, StillCounted)
    assert desk.made.undo(late.id, reason="no", partial=True).left == 1
    assert bl.actions.list("A") == []
    if by == 1.0:
        desk.check({})


def test_a_bar_that_is_moved_so_far_that_nobody_can_tell_is_taken_to_count_the_split(
    bl: BarLedger, clock: SetClock
) -> None:
    desk = Desk(bl, clock, {EX: 3.0})
    late = _late(desk, EX)
    after = bl.bars("A", "1d", **OWN, start=800 * DAY, end=801 * DAY).df
    bl.write("A", "1d", after * 100, source="scripted", reason="by hand")
    with pytest.raises(StillCounted):
        desk.made.undo(late.id, reason="no", partial=True)


def test_where_all_bars_were_written_since_nothing_is_said_of_undoing_a_part(bl: BarLedger, clock: SetClock) -> None:
    desk = Desk(bl, clock, {EX: 3.0})
    before = bl.bars("A", "1d", **OWN, end=EX * DAY).df
    late = _late(desk, EX)
    bl.write("A", "1d", before * 1.01, source="scripted", reason="by hand")
    with pytest.raises(ChangedSince) as caught:
        desk.made.undo(late.id, reason="no", partial=True)
    assert "partial" not in caught.value.advice
    assert len(bl.actions.list("A")) == 1
