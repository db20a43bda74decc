"""What is skipped is no warm-up, and what is computed from a value that is missing says that it restarted there."""

from collections.abc import Iterator

import numpy as np
import pandas as pd
import pytest

from barledger.barledger import BarLedger
from barledger.domain.timeframe import DAY
from barledger.indicators.calculation import Calculation
from barledger.stores.memory import MemoryStore
from libraries import library
from walks import daily, day

SKIPPED = range(900, 910)
LAPSE = 940


@pytest.fixture(scope="module")
def bl() -> Iterator[BarLedger]:
    """A has ten days without a close, B a day on which everything is zero, and so has no logarithm."""
    with library(MemoryStore()) as opened:
        holed = daily(range(1_000))
        holed.iloc[list(SKIPPED), holed.columns.get_loc("close")] = np.nan
        opened.write("A", "1d", holed, source="mine")
        lapsed = daily(range(1_000))
        lapsed.iloc[LAPSE, :4] = 0.0
        opened.write("B", "1d", lapsed, source="mine")
        yield opened


def asked(bl: BarLedger, spec: str, name: str, start: int, policy: str | None) -> Iterator[Calculation]:
    """Ask in each way that bars are read and computed on."""
    options = {"start": day(start), "nan_policy": policy}
    bl.indicators.cache.clear()
    yield bl.indicators.calculate(spec, name, "1d", **options)  # type: ignore[arg-type]
    yield bl.indicators.batch([name], "1d", spec, **options)[name]  # type: ignore[arg-type]
    yield dict(bl.indicators.batches([name], "1d", spec, **options))[name]  # type: ignore[arg-type]
    bl.indicators.calculate("obv", name, "1d")
    yield bl.indicators.calculate(spec, name, "1d", **options)  # type: ignore[arg-type]


def like_the_whole(bl: BarLedger, found: Calculation, spec: str, name: str, policy: str | None) -> None:
    whole = bl.indicators.calculate(spec, name, "1d", nan_policy=policy, cache=False)  # type: ignore[arg-type]
    wanted = whole.values(spec)[np.searchsorted(whole.time, found.time[0]) :]
    np.testing.assert_array_equal(np.isnan(found.values(spec)), np.isnan(wanted))
    if found.exact:
        np.testing.assert_array_equal(found.values(spec), wanted)
    else:
        np.testing.assert_allclose(found.values(spec), wanted, rtol=1e-9)


@pytest.mark.parametrize("spec", ["ema(10)", "rsi(14)", "sma(10)", "atr(5)", "sma(rsi(3), 4)", "stoch.k"])
@pytest.mark.parametrize("start", [905, 911, 915, 950])
def test_as_much_more_is_read_as_is_skipped(bl: BarLedger, spec: str, start: int) -> None:
    for found in asked(bl, spec, "A", start, "skip"):
        standing = found.standings[spec]
        assert standing.complete, standing
        assert standing.had == standing.needed
        like_the_whole(bl, found, spec, "A", "skip")


@pytest.mark.parametrize(
    "spec", ["sma(ln(close), 20)", "ema(ln(close), 9)", "sma(sma(ln(close), 3), 4)", "sma(div(close, open), 7)"]
)
@pytest.mark.parametrize("start", [942, 950, 975])
def test_what_is_computed_from_a_lapse_says_where_it_restarted(bl: BarLedger, spec: str, start: int) -> None:
    for found in asked(bl, spec, "B", start, None):
        standing = found.standings[spec]
        reached = start - standing.needed <= LAPSE
        assert standing.restarted == ((LAPSE + 1) * DAY if reached else None)
        assert standing.complete is (not reached or start - LAPSE - 1 >= standing.needed)
        gaps = found.provenance["gaps"]
        assert gaps["count"] == int(reached)
        assert gaps["before"] == ([f"{pd.Timestamp((LAPSE + 1) * DAY):%Y-%m-%d}T00:00:00Z"] if reached else [])
        like_the_whole(bl, found, spec, "B", None)


def test_a_path_over_a_lapse_counts_from_behind_it(bl: BarLedger) -> None:
    spec = "cumsum(ln(close))"
    for found in asked(bl, spec, "B", 960, None):
        standing = found.standings[spec]
        assert standing.anchor == standing.restarted == (LAPSE + 1) * DAY
        assert found.provenance["anchors"][spec] == f"{pd.Timestamp((LAPSE + 1) * DAY):%Y-%m-%d}T00:00:00Z"
        like_the_whole(bl, found, spec, "B", None)


@pytest.mark.parametrize("spec", ["sma(ln(close), 20)", "ema(ln(close), 9)", "sma(sma(ln(close), 3), 4)"])
@pytest.mark.parametrize("start", [941, 950, 975])
def test_a_lapse_that_is_skipped_is_no_warm_up(bl: BarLedger, spec: str, start: int) -> None:
    for found in asked(bl, spec, "B", start, "skip"):
        standing = found.standings[spec]
        assert standing.complete, standing
        assert standing.restarted is None
        like_the_whole(bl, found, spec, "B", "skip")


def test_what_goes_on_beneath_is_as_settled_as_it_was(bl: BarLedger) -> None:
    """The mean goes on over the lapse of the logarithm of another input; only what is computed from both restarts."""
    spec = "correl(sma(close, 30), ln(open), 5)"
    for found in asked(bl, spec, "B", 960, None):
        assert found.standings[spec].restarted == (LAPSE + 1) * DAY
        like_the_whole(bl, found, spec, "B", None)
