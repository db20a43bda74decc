"""A volume profile of a library's bars is that of the bars in hand."""

import pytest

from barledger.errors import InvalidSetting
from barledger.stores.memory import MemoryStore
from libraries import library
from walks import daily, day


def test_a_profile_of_a_stretch_is_that_of_its_bars() -> None:
    pytest.importorskip("barledger.indicators.profile")
    with library(MemoryStore()) as bl:
        bl.write("A", "1d", daily(range(100)), source="mine")
        bars = bl.bars("A", "1d", start=day(50))
        there = bl.indicators.volume_profile("A", "1d", start=day(50), bins=12)
        here = bl.indicators.volume_profile(bars, bins=12)
        assert there.to_dict() == here.to_dict()
        with pytest.raises(InvalidSetting, match="in hand"):
            bl.indicators.volume_profile(bars, start=day(60))
