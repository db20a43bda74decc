"""A library in memory with a clock that can be turned."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from barledger import BarLedger
from barledger.stores.memory import MemoryStore
from libraries import TurnableClock, library


@pytest.fixture
def clock() -> TurnableClock:
    return TurnableClock()


@pytest.fixture
def bl(tmp_path: Path, clock: TurnableClock) -> Iterator[BarLedger]:
    with library(MemoryStore(), f"sqlite:///{tmp_path / 'ledger.sqlite'}", clock=clock) as opened:
        yield opened
