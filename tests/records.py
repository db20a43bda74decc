"""Records with holes: bars, covers, and questions about them by a clock that stands."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from barledger.barledger import BarLedger
from barledger.domain.exchange_calendar import calendar_called
from barledger.domain.interval import Instant, Interval, format_time, parse_time
from barledger.domain.series import Series
from barledger.domain.timeframe import TIMEFRAMES
from barledger.ledger.contract import Cover, Who
from barledger.services.availability import Availability
from barledger.stores.contract import Store
from conftest import INFLUX_SERVERS
from libraries import library

WHO = Who(actor="tester", operation="ingest")
NOW = "2024-07-01T12:00:00Z"
INFLUX = [pytest.param(name, marks=pytest.mark.influx) for name in INFLUX_SERVERS]


class Clock:
    """A clock that stands until it is set; a ledger never goes back behind what it was given once."""

    def __init__(self, now: str = "2000-01-01") -> None:
        self.time = parse_time(now)

    def __call__(self) -> int:
        return self.time

    def set(self, now: str) -> None:
        self.time = parse_time(now)


def standing(store: Store, folder: Path, clock: Clock) -> BarLedger:
    bl = library(store, f"sqlite:///{folder / 'ledger.sqlite'}", clock=clock)
    bl.instruments.declare("X", calendar="XNYS")
    clock.set(NOW)
    return bl


def bars(times: Sequence[int]) -> pd.DataFrame:
    """Return bars at these times."""
    index = pd.DatetimeIndex(np.array(times, "datetime64[ns]"), tz="UTC")
    return pd.DataFrame(dict.fromkeys(("open", "high", "low", "close", "volume"), 1.0), index=index)


def labels(start: Instant, end: Instant, *, calendar: str = "XNYS", timeframe: str = "1d") -> list[int]:
    interval = Interval(parse_time(start), parse_time(end))
    return calendar_called(calendar).expected(TIMEFRAMES[timeframe], interval).tolist()


def write(bl: BarLedger, times: Sequence[int], *, timeframe: str = "1d", source: str = "desk", name: str = "X") -> None:
    bl.write(name, timeframe, bars(times), source=source)


def cover(
    bl: BarLedger, start: str, end: str, outcome: str, detail: str = "", source: str = "desk", timeframe: str = "1d"
) -> None:
    """Note what came of a question, as ingestion does."""
    interval = Interval(parse_time(start), parse_time(end))
    series = Series.of("X", timeframe, source)
    bl.vault.ledger.catalog.cover([Cover(series=series, interval=interval, outcome=outcome, detail=detail)], WHO)


def told(answer: Availability) -> list[tuple[str, str, str, int]]:
    """Return the missing stretches as (first date, end, reason, bars)."""
    return [
        (format_time(one.interval.start)[:10], format_time(one.interval.end)[:10], one.reason, one.bars)
        for one in answer.missing
    ]


def check(bl: BarLedger, start: str | None = "2024-01-01", end: str | None = "2024-02-01", **more: Any) -> Availability:
    return bl.availability.check("X", more.pop("timeframe", "1d"), start=start, end=end, **more)
