"""What a source paid per old share, told before a split that it missed, is known per new share with the bars."""

from math import prod

import numpy as np
import pytest

from barledger.barledger import BarLedger
from barledger.domain.action import CorporateAction
from barledger.domain.timeframe import DAY
from missed import EX, Desk
from scripted import SetClock

PAID = {760: 1.2, 850: 0.9, 950: 0.3}
EARLIER = 820


def _retell(desk: Desk, untold: list[int], paid: dict[int, float] = PAID) -> None:
    """Let the source tell its payments in the shares in which its bars are."""
    told = {day: ratio for day, ratio in desk.missed.items() if day not in untold}
    payments = [
        CorporateAction(
            instrument="A",
            ex_date=day * DAY,
            kind="cash_dividend",
            source="scripted",
            value=amount / prod(ratio for ex, ratio in told.items() if ex > day),
        )
        for day, amount in paid.items()
    ]
    desk.market.actions = [one for one in desk.market.actions if one.kind == "split"] + payments


def _tell(desk: Desk, day: int, untold: list[int]) -> None:
    desk.tell(day)
    untold.remove(day)
    _retell(desk, untold)


def _desk(bl: BarLedger, clock: SetClock, missed: dict[int, float], paid: dict[int, float] = PAID) -> Desk:
    desk = Desk(bl, clock, missed)
    _retell(desk, [*missed], paid)
    desk.ingest(290)
    return desk


def _check(desk: Desk, paid: dict[int, float] = PAID) -> None:
    """Raw bars are as traded, and total ones less what was paid for a share of then, by whatever splits are known."""
    days, traded = desk.times // DAY, desk.traded.close
    wanted = traded.copy()
    splits = {one.day // DAY: one.ratio for one in desk.bl.actions.list("A") if one.kind == "split"}
    for day, amount in paid.items():
        before = traded[np.searchsorted(days, day) - 1]
        wanted[days < day] *= 1 - amount / before
    for day, ratio in splits.items():
        wanted[days < day] /= ratio
    np.testing.assert_allclose(desk.close("raw"), traded, rtol=1e-9)
    np.testing.assert_allclose(desk.close("total"), wanted, rtol=1e-9)


def _told(desk: Desk) -> dict[int, float]:
    return {one.day // DAY: one.value for one in desk.bl.actions.list("A") if one.kind == "cash_dividend"}


@pytest.mark.parametrize("ratio", [3.0, 20.0, 0.1])
def test_payments_before_the_split_are_known_in_new_shares_with_it_and_taken_back(
    bl: BarLedger, clock: SetClock, ratio: float
) -> None:
    desk = _desk(bl, clock, {EX: ratio})
    _check(desk)
    (one,) = desk.found("split_missed")
    shown = desk.made.discrepancy(one.id)
    assert [payment.day // DAY for payment in shown.payments] == [760, 850]
    assert f"cash_dividend of {1.2 / ratio:g} on 1972-01-31 (told as 1.2 per old share)" in shown.would
    desk.made.accept(one.id, reason="confirmed")
    _check(desk)
    assert _told(desk) == {760: pytest.approx(1.2 / ratio), 850: pytest.approx(0.9 / ratio), 950: 0.3}
    before = desk.bl.actions.list("A")
    assert (desk.reconcile().events, desk.ingest(290).changed) == ((), 0)
    assert desk.bl.actions.list("A") == before
    assert desk.made.discrepancy(one.id).payments == ()
    desk.made.undo(one.id, reason="no")
    _check(desk)
    assert (_told(desk), desk.digest) == (PAID, desk.first)
    assert (desk.reconcile().events, desk.ingest(290).changed) == ((), 0)
    assert _told(desk) == PAID
    assert bl.audit.verify().ok


def test_a_payment_that_is_told_late_in_old_shares_is_known_in_new_ones(bl: BarLedger, clock: SetClock) -> None:
    desk = _desk(bl, clock, {EX: 3.0}, {760: 1.2})
    (one,) = desk.found("split_missed")
    desk.made.accept(one.id, reason="confirmed")
    for how in (lambda: desk.ingest(290), desk.reconcile):
        told = {760: 1.5, 850: 0.6} if how == desk.reconcile else {760: 1.2, 850: 0.9}
        _retell(desk, [EX], told)
        how()
        _check(desk, told)
    desk.made.undo(one.id, reason="no")
    _check(desk, {760: 1.5, 850: 0.6})
    assert _told(desk) == {760: 1.5, 850: pytest.approx(0.6)}


@pytest.mark.parametrize("by", ["reconcile", "ingest"])
def test_what_the_source_tells_in_new_shares_meanwhile_is_of_old_ones_once_the_bars_are(
    bl: BarLedger, clock: SetClock, by: str
) -> None:
    desk = _desk(bl, clock, {EX: 3.0})
    (one,) = desk.found("split_missed")
    desk.made.accept(one.id, reason="confirmed")
    _tell(desk, EX, [EX])
    paid = {**PAID, 800: 0.45}
    _retell(desk, [], paid)
    _ = desk.reconcile() if by == "reconcile" else desk.ingest(290)
    _check(desk, paid)
    desk.made.undo(one.id, reason="no")
    _check(desk, paid)
    assert [each.kind for each in bl.actions.list("A")] == ["cash_dividend"] * 4
    for late in desk.reconcile().discrepancies:
        _check(desk, paid)
        desk.made.accept(late.id, reason="theirs")
    _check(desk, paid)
    assert [each.source for each in bl.actions.list("A") if each.kind == "split"] == ["scripted"]


@pytest.mark.parametrize("first", [EARLIER, EX])
@pytest.mark.parametrize("undone", [EARLIER, EX])
def test_of_two_missed_splits_each_divides_what_was_paid_before_it(
    bl: BarLedger, clock: SetClock, first: int, undone: int
) -> None:
    missed = {EARLIER: 2.0, EX: 0.2}
    desk = _desk(bl, clock, missed)
    found = {one.interval.end // DAY: one for one in desk.found("split_missed")}
    assert set(found) == set(missed)
    for day in (first, *({*missed} - {first})):
        desk.made.accept(found[day].id, reason="ours")
        _check(desk)
        desk.ingest(290)
        _check(desk)
    for day in (undone, *({*missed} - {undone})):
        desk.made.undo(found[day].id, reason="no")
        _check(desk)
        desk.reconcile()
        _check(desk)
    assert _told(desk) == PAID


def test_what_a_person_says_of_a_payment_stays(bl: BarLedger, clock: SetClock) -> None:
    desk = _desk(bl, clock, {EX: 3.0})
    bl.actions.correct("A", "cash_dividend", 760 * DAY, value=1.4, reason="the notice says so")
    (one,) = desk.found("split_missed")
    paid = {**PAID, 760: 1.4}
    for decide in (desk.made.accept, desk.made.undo):
        decide(one.id, reason="so")
        _check(desk, paid)
