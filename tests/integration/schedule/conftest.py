"""A library whose schedule is driven by hand."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from barledger import BarLedger
from barledger.services.schedule import JobKind, ScheduleService
from barledger.services.schedule.runner import Runner
from barledger.stores.memory import MemoryStore
from libraries import library
from schedules import Desk, HandClock, _no_timers


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
def bl(tmp_path: Path, clock: HandClock) -> Iterator[BarLedger]:
    with library(MemoryStore(), f"sqlite:///{tmp_path / 'ledger.sqlite'}", clock=clock) as opened:
        opened.schedule = ScheduleService(opened.vault, opened, make_timers=_no_timers, steady=lambda: clock() / 1e9)
        yield opened


@pytest.fixture
def desk(bl: BarLedger) -> Desk:
    made = Desk()
    bl.schedule.kinds.register(JobKind(name="desk", about="a job of a test", run=made, options={"pattern": "any"}))
    return made


@pytest.fixture
def runner(bl: BarLedger) -> Runner:
    return bl.schedule.runner(spawn=lambda call, _: call())
