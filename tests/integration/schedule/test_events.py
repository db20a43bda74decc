"""Events set off jobs."""

from collections.abc import Callable
from typing import Any

import pytest

from barledger import BarLedger
from barledger.domain.action import CorporateAction
from barledger.domain.notice import Notice
from barledger.domain.timeframe import DAY
from barledger.services.schedule.runner import Runner
from libraries import frame
from schedules import Desk, HandClock, states, take_bars


def test_an_approval_takes_a_snapshot_of_what_was_approved(bl: BarLedger, runner: Runner, clock: HandClock) -> None:
    take_bars(bl)
    take_bars(bl, instrument="MSFT")
    before = bl.snapshot("MSFT", "1d")
    bl.cache.approve(before.id, strategy="m-7")
    bl.schedule.add("pin", "snapshot", when="on approval")
    runner.step()
    assert bl.cache.snapshots(purpose="event") == []
    approved = bl.snapshot("AAPL", "1d", strategy="m-7")
    bl.cache.approve(approved.id, strategy="m-7")
    clock.turn(1)
    runner.step()
    runner.step()
    (taken,) = bl.cache.snapshots(purpose="event")
    assert ([str(pin.series) for pin in taken.pins], taken.strategy) == (["AAPL 1d from desk"], "m-7")
    (run,) = bl.schedule.history()
    assert run.result == {"snapshot": taken.id, "series": 1}


def test_a_corporate_action_takes_a_snapshot_of_its_instrument(bl: BarLedger, runner: Runner) -> None:
    for instrument in ("AAPL", "MSFT"):
        take_bars(bl, instrument=instrument)
    bl.schedule.add("pin", "snapshot", when="on action")
    split = CorporateAction(instrument="AAPL", ex_date=19_000 * DAY, kind="split", source="desk", value=4.0)
    bl.vault.ledger.actions.record([split], bl.vault.who("record"))
    runner.step()
    (taken,) = bl.cache.snapshots(purpose="event")
    assert [pin.series.instrument for pin in taken.pins] == ["AAPL"]


def test_an_index_that_moves_far_takes_a_snapshot_of_what_the_rule_names(bl: BarLedger, runner: Runner) -> None:
    take_bars(bl, instrument="SPX")
    take_bars(bl)
    bl.schedule.add("pin", "snapshot", when='on move("SPX", "1d", "5%")', options={"pattern": "AAPL"})
    bl.write("SPX", "1d", frame([19_010]), source="desk")
    runner.step()
    assert bl.cache.snapshots(purpose="event") == []
    bl.write("SPX", "1d", frame([19_011], value=60.0), source="desk")
    runner.step()
    runner.step()
    (taken,) = bl.cache.snapshots(purpose="event")
    assert [pin.series.instrument for pin in taken.pins] == ["AAPL"]
    bl.write("SPX", "1d", frame([19_011], value=300.0), source="desk")
    bl.write("SPX", "1d", frame([19_012], value=301.0), source="desk")
    runner.step()
    assert len(bl.cache.snapshots(purpose="event")) == 1


def test_a_history_that_comes_at_once_is_no_move(bl: BarLedger, runner: Runner) -> None:
    bl.schedule.add("pin", "snapshot", when='on move("SPX", "1d", "0.001%", "desk")')
    runner.step()
    take_bars(bl, instrument="SPX")
    runner.step()
    assert bl.schedule.history() == []
    bl.write("SPX", "1d", frame([19_010], value=130.0), source="desk")
    runner.step()
    assert [run.state for run in bl.schedule.history()] == ["done"]


def test_a_notice_can_set_off_a_job(bl: BarLedger, desk: Desk, runner: Runner, clock: HandClock) -> None:
    bl.vault.notify(Notice(kind="gap", severity="info", subject="before", about="x"))
    bl.schedule.add("look", "desk", when='on notice("correction_*")')
    for kind in ("correction_applied", "lag", "correction_undone"):
        clock.turn(1)
        bl.vault.notify(Notice(kind=kind, severity="info", subject=kind, about="AAPL"))  # type: ignore[arg-type]
    runner.step()
    runner.step()
    (call,) = desk.calls
    assert [event["notice"] for event in call["events"]] == ["correction_applied", "correction_undone"]
    assert bl.schedule.history()[0].trigger == 'on notice("correction_*"): 2 events'


def test_a_snapshot_of_an_event_is_taken_once_though_its_run_dies(bl: BarLedger, clock: HandClock) -> None:
    take_bars(bl)
    bl.schedule.add("pin", "snapshot", when="on action")
    split = CorporateAction(instrument="AAPL", ex_date=19_000 * DAY, kind="split", source="desk", value=4.0)
    bl.vault.ledger.actions.record([split], bl.vault.who("record"))

    def die(call: Callable[[], None], _: str) -> None:
        end, bl.vault.ledger.schedule.end = bl.vault.ledger.schedule.end, _dead  # type: ignore[method-assign]
        with pytest.raises(_Died):
            call()
        bl.vault.ledger.schedule.end = end  # type: ignore[method-assign]

    bl.schedule.runner(spawn=die).step()
    assert states(bl) == ["running"]
    clock.turn(1)
    bl.schedule.runner(spawn=lambda call, _: call()).step()
    assert len(bl.cache.snapshots(purpose="event")) == 1
    assert states(bl) == ["done", "interrupted"]
    assert bl.schedule.history()[0].result["again"] is True


class _Died(BaseException):
    """The process ended here."""


def _dead(*_: Any, **_named: Any) -> Any:
    raise _Died


def test_a_backtest_takes_the_snapshots_that_a_rule_wants_before_it(bl: BarLedger) -> None:
    take_bars(bl)
    take_bars(bl, instrument="SPX")
    bl.schedule.add("context", "snapshot", when="on backtest", options={"pattern": "SPX"})
    bl.schedule.add("own", "snapshot", when="on backtest")
    data = bl.retrieval.dataset(
        strategy="m-7", instruments="AAPL", timeframes="1d", start="2022-01-08", end="2022-01-17", fetch_missing=False
    )
    taken = bl.cache.snapshots(purpose="event")
    assert [[pin.series.instrument for pin in one.pins] for one in reversed(taken)] == [["SPX"], ["AAPL"]]
    assert {one.strategy for one in taken} == {"m-7"}
    assert all(one.created_at < data.snapshot.created_at for one in taken)
    assert [run.trigger for run in bl.schedule.history()] == ["on backtest"] * 2
