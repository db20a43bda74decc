"""A desk on every kind of library."""

import pytest

from barledger import BarLedger
from desks import Desk


@pytest.fixture
def desk(anywhere: BarLedger) -> Desk:
    return Desk(anywhere)
