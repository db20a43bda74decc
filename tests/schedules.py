"""A schedule that is driven by hand: its clock, and a job that does what a test wants."""

from collections.abc import Callable, Mapping
from threading import Event
from typing import Any

from barledger import BarLedger
from barledger.domain.interval import parse_time
from barledger.domain.timeframe import MINUTE
from barledger.timers.contract import Timers
from libraries import frame

START = parse_time("2024-03-04T12:00:30Z")


class HandClock:
    """A clock that only moves when it is turned."""

    def __init__(self) -> None:
        self.time = START

    def __call__(self) -> int:
        return self.time

    def turn(self, minutes: float) -> None:
        self.time += int(minutes * MINUTE)


class Desk:
    """A job that notes what it was called with, and does what a test wants of it."""

    def __init__(self) -> None:
        self.calls: list[Mapping[str, Any]] = []
        self.act: Callable[[Event], Mapping[str, Any]] = lambda _: {"new": 1}

    def __call__(self, _: Any, options: Mapping[str, Any], stop: Event) -> Mapping[str, Any]:
        self.calls.append(options)
        return self.act(stop)


def _no_timers() -> Timers:
    raise AssertionError("tests drive the runner themselves")


def states(bl: BarLedger) -> list[str]:
    return [run.state for run in bl.schedule.history()]


def take_bars(bl: BarLedger, *, instrument: str = "AAPL", days: range = range(19_000, 19_010)) -> None:
    bl.write(instrument, "1d", frame(days), source="desk")
