"""A slice of the bars gives what the whole history gives, if it has as many bars before as the reach asks for."""

from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from barledger.indicators.definition import Indicator
from barledger.indicators.parameter import Value
from barledger.indicators.registry import REGISTRY
from barledger.indicators.talib import indicators
from walks import Columns, Compared, chosen, compared, real, standing, walk

ALL = {one.name: one for one in indicators()}
NAMES = sorted(ALL)
BOUNDED = [name for name in NAMES if ALL[name].memory in ("window", "contractive")]
ANCHORED = [name for name in NAMES if ALL[name].memory in ("path", "index")]
CYCLES = {name for name in NAMES if name.startswith("ht_")} | {"mama"}


@cache
def _walk(size: int) -> Columns:
    return walk(7, size)


@cache
def _real() -> Columns:
    return real()


def _holds(indicator: Indicator, values: dict[str, Value], columns: Columns, at: int, *, bars: int = 200) -> None:
    reach = indicator.reach(values)
    for one in compared(indicator, values, columns, at=at, settled=reach.settled, bars=bars):
        assert one.equal if reach.exact else one.error <= 1, (indicator.name, values, reach, one.error)


@pytest.mark.parametrize("name", BOUNDED)
def test_a_slice_settles_with_the_usual_parameters(name: str) -> None:
    indicator = ALL[name]
    settled = indicator.reach(indicator.defaults).settled
    columns = _walk(settled + 700)
    for at in np.random.default_rng(1).integers(settled, settled + 500, 6):
        _holds(indicator, indicator.defaults, columns, int(at))


@pytest.mark.parametrize("name", BOUNDED)
def test_a_slice_of_real_bars_settles(name: str) -> None:
    indicator = ALL[name]
    settled, columns = indicator.reach(indicator.defaults).settled, _real()
    size = len(columns["close"])
    if settled >= size:
        pytest.skip(f"{name} reaches back further than there are bars")
    for at in np.random.default_rng(2).integers(settled, size - 1, 6):
        _holds(indicator, indicator.defaults, columns, int(at))


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in BOUNDED if not ALL[name].reach(ALL[name].defaults).exact])
@pytest.mark.parametrize("bars", ["real", "walk"])
def test_a_single_value_agrees_to_a_billionth_of_its_scale_however_near_zero(name: str, bars: str) -> None:
    indicator = ALL[name]
    settled = indicator.reach(indicator.defaults).settled
    columns = _real() if bars == "real" else _walk(settled + 2_000)
    for at in range(settled, len(columns["close"]) - 1, 29):
        _holds(indicator, indicator.defaults, columns, at, bars=1)


@given(name=st.sampled_from(BOUNDED), seed=st.integers(0, 2**32 - 1))
@settings(max_examples=300, deadline=None)
def test_a_slice_settles_whatever_the_parameters_and_the_bars(name: str, seed: int) -> None:
    indicator, random = ALL[name], np.random.default_rng(seed)
    values = chosen(indicator, random)
    if indicator.inputs != ("close",) or name == "stochrsi":
        # A bounded oscillator rests on 0 or 100: what the MESA average of that does is told apart.
        values = {key: "sma" if value == "mama" else value for key, value in values.items()}
    if name in ("beta", "correl", "var"):
        # Of two or three returns that are nearly alike the variance is mostly rounding, which is told apart.
        values["timeperiod"] = max(4, int(values["timeperiod"]))
    reach = indicator.reach(values)
    columns = walk(seed, reach.settled + 400)
    _holds(indicator, values, columns, reach.settled + int(random.integers(0, 200)))


@given(name=st.sampled_from(BOUNDED), seed=st.integers(0, 2**32 - 1))
@settings(max_examples=150, deadline=None)
def test_a_market_that_stands_still_settles_to_a_billionth(name: str, seed: int) -> None:
    indicator = ALL[name]
    if name in CYCLES or ALL[name].kind == "pattern":
        return
    reach = indicator.reach(indicator.defaults)
    columns = standing(seed, reach.settled + 400)
    for one in compared(indicator, indicator.defaults, columns, at=reach.settled + 100, settled=reach.settled):
        assert one.error <= 1, (name, one.error)


@given(name=st.sampled_from(ANCHORED), seed=st.integers(0, 2**32 - 1), size=st.integers(1, 300))
@settings(max_examples=60, deadline=None)
def test_what_counts_from_an_anchor_is_the_same_from_the_same_anchor(name: str, seed: int, size: int) -> None:
    indicator, columns = ALL[name], walk(seed, 300)
    values = chosen(indicator, np.random.default_rng(seed))
    inputs = [columns[one] for one in indicator.inputs]
    whole = indicator.compute(*inputs, **values)
    part = indicator.compute(*(one[:size].copy() for one in inputs), **values)
    for one, other in zip(whole, part, strict=True):
        np.testing.assert_array_equal(one[:size], other)


@pytest.mark.parametrize("name", ["obv", "ad", "cumsum", "nvi", "pvi", "pvt", "wad", "vwap", "maxindex", "minindex"])
def test_what_counts_from_an_anchor_differs_from_another_one(name: str) -> None:
    indicator, columns = ALL[name], _walk(2000)
    assert not all(one.equal for one in compared(indicator, indicator.defaults, columns, at=1500, settled=500))


def _halved(name: str, *, by: int = 2) -> list[Compared]:
    indicator = ALL[name]
    settled = indicator.reach(indicator.defaults).settled
    columns = _walk(settled + 700)
    found: list[Compared] = []
    for at in range(settled, settled + 400, 50):
        found += compared(indicator, indicator.defaults, columns, at=at, settled=settled // by)
    return found


# Of two or more recursions in a row the reaches are added, which is more than short ones need.
SINGLE = [name for name in BOUNDED if ALL[name].memory == "contractive" and name not in ("kdj", "t3")]


@pytest.mark.parametrize("name", SINGLE)
def test_half_of_the_bars_do_not_settle_what_is_said_to_be_exact(name: str) -> None:
    if ALL[name].reach(ALL[name].defaults).exact:
        assert not all(one.equal for one in _halved(name)), name


@pytest.mark.parametrize("name", ["ht_dcperiod", "ht_dcphase", "ht_phasor", "ht_sine"])
def test_half_of_the_bars_do_not_settle_to_a_billionth(name: str) -> None:
    assert max(one.error for one in _halved(name)) > 1


@pytest.mark.parametrize("name", ["beta", "correl", "var"])
@pytest.mark.parametrize("period", [2, 3])
def test_two_or_three_bars_that_are_nearly_alike_agree_to_a_ten_millionth(name: str, period: int) -> None:
    indicator = ALL[name]
    values = indicator.defaults | {"timeperiod": period}
    assert "agreement is to 1e-7" in indicator.convention
    settled = indicator.reach(values).settled
    for seed in range(40):
        for one in compared(indicator, values, walk(seed, 600), at=settled + 100, settled=settled, bars=400):
            assert one.error <= 100


def test_a_long_history_of_a_level_that_cancels_is_forgotten_too() -> None:
    # The level of accumulation grows with the history: of this one it is some tens of the largest volume.
    assert max(one.error for one in _halved("adosc")) < 1
    assert max(one.error for one in _halved("adosc", by=4)) > 1


@pytest.mark.parametrize("name", [name for name in BOUNDED if ALL[name].memory == "window"])
def test_a_window_that_is_one_bar_shorter_has_no_value_at_its_first_bar(name: str) -> None:
    indicator = ALL[name]
    settled = indicator.reach(indicator.defaults).settled
    if settled:
        inputs = [_walk(500)[one][:settled].copy() for one in indicator.inputs]
        assert all(np.isnan(one).all() for one in indicator.compute(*inputs, **indicator.defaults))


def test_every_function_of_the_library_is_tried() -> None:
    assert len(BOUNDED) + len(ANCHORED) == 201
    assert {REGISTRY.find(name).name for name in NAMES} == set(NAMES)
