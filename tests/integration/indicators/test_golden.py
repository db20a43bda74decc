"""An upgrade of an engine that moves a value says so loudly, before anybody's backtest does."""

import pytest

from barledger.domain.bars import Bars
from barledger.indicators.engines import engines
from golden import SPECS, digests, pinned, sample_bars


@pytest.fixture(scope="module")
def bars() -> Bars:
    return sample_bars()


def test_the_sample_has_the_bars_that_were_pinned(bars: Bars) -> None:
    assert bars.digest == pinned()["bars"]


def test_twenty_indicators_have_the_bits_that_were_pinned(bars: Bars) -> None:
    known = pinned()
    assert tuple(known["digests"]) == SPECS
    found = digests(bars)
    moved = [spec for spec in SPECS if found[spec] != known["digests"][spec]]
    then = {name: version for name, version in known["engines"].items() if engines().get(name) != version}
    assert not moved, (
        f"\n\n  THE VALUES OF {len(moved)} INDICATORS HAVE MOVED: {', '.join(moved)}\n"
        f"  pinned with {then or 'the same engines'}, computed by {engines()}\n"
        "  Whoever upgrades gets other numbers than before: find out which, and tell it in CHANGELOG.md.\n"
        "  If only names of outputs or parameters are new, or it is meant so: python tests/golden.py pins them anew.\n"
    )
