"""A library in memory with a clock that stands."""

from collections.abc import Iterator

import pytest

from barledger.barledger import BarLedger
from barledger.domain.timeframe import DAY
from barledger.stores.memory import MemoryStore
from scripted import NOON, SetClock, clocked


@pytest.fixture
def clock() -> SetClock:
    return SetClock(1_000 * DAY + NOON)


@pytest.fixture
def bl(clock: SetClock) -> Iterator[BarLedger]:
    opened = clocked(MemoryStore(), clock)
    yield opened
    opened.close()
