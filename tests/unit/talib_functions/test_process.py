"""The functions in a process that others use too: its settings, its threads, its frames."""

import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import talib
import talib.abstract

from barledger.errors import IndicatorFailed
from barledger.indicators.talib import indicators
from barledger.indicators.talib.computing import _plan, numbered
from walks import walk

ALL = {one.name: one for one in indicators()}


@pytest.fixture
def unstable() -> Iterator[None]:
    """Set an unstable period, as a program beside us could, and undo it."""
    talib.set_unstable_period("EMA", 20)
    yield
    talib.set_unstable_period("EMA", 0)


@pytest.mark.usefixtures("unstable")
def test_a_setting_for_the_whole_process_that_shifts_results_is_refused() -> None:
    close = walk(1, 200)["close"]
    for name in ("ema", "macd"):
        _plan.cache_clear()
        with pytest.raises(IndicatorFailed, match="unstable period of EMA is set to 20") as caught:
            ALL[name].compute(close, **ALL[name].defaults)
        assert "set_unstable_period('ALL', 0)" in caught.value.advice
    _plan.cache_clear()


def test_a_setting_that_comes_later_is_noticed_too() -> None:
    close = walk(1, 200)["close"]
    (before,) = ALL["ema"].compute(close, timeperiod=10)
    talib.set_unstable_period("EMA", 20)
    try:
        with pytest.raises(IndicatorFailed, match="unstable period"):
            ALL["ema"].compute(close, timeperiod=10)
    finally:
        talib.set_unstable_period("EMA", 0)
    np.testing.assert_array_equal(ALL["ema"].compute(close, timeperiod=10)[0], before)


@pytest.mark.parametrize("name", ["HT_TRENDMODE", "HA", "RSI", "KAMA", "RMA"])
def test_each_function_with_such_a_setting_notices_it(name: str) -> None:
    indicator, columns = ALL[name.lower()], walk(1, 300)
    inputs = [columns[one] for one in indicator.inputs]
    indicator.compute(*inputs, **indicator.defaults)
    talib.set_unstable_period(name, 3)
    try:
        with pytest.raises(IndicatorFailed, match=f"unstable period of {name} is set to 3"):
            indicator.compute(*inputs, **indicator.defaults)
    finally:
        talib.set_unstable_period(name, 0)


def test_the_lookback_is_that_of_the_library() -> None:
    for name, indicator in ALL.items():
        abstract = talib.abstract.Function(name.upper())
        assert indicator.reach(indicator.defaults).lookback == abstract.lookback, name


def test_results_are_those_of_the_library_and_flags_are_numbers() -> None:
    columns = walk(3, 400)
    for name, indicator in ALL.items():
        inputs = [columns[one] for one in indicator.inputs]
        told = getattr(talib, name.upper())(*inputs, **numbered(indicator.defaults))
        told = told if isinstance(told, tuple) else (told,)
        back = indicator.reach(indicator.defaults).lookback
        for one, other in zip(indicator.compute(*inputs, **indicator.defaults), told, strict=True):
            finite = np.where(np.isinf(other.astype(np.float64)), np.nan, other)
            np.testing.assert_array_equal(one[back:], finite[back:], err_msg=name)


def test_threads_get_what_one_thread_gets() -> None:
    series = [walk(seed, 2000) for seed in range(4)]
    names = ["rsi", "macd", "bbands", "adx", "stoch", "ht_sine", "cdlengulfing", "maxindex"]
    jobs = [(name, columns, period) for name in names for columns in series for period in range(3)]

    def work(job: tuple[str, dict[str, np.ndarray], int]) -> list[bytes]:
        name, columns, shift = job
        indicator = ALL[name]
        values = {key: value + shift if isinstance(value, int) else value for key, value in indicator.defaults.items()}
        indicator.reach(values)
        results = indicator.compute(*(columns[one] for one in indicator.inputs), **values)
        return [one.tobytes() for one in results]

    alone = [work(job) for job in jobs]
    _plan.cache_clear()
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(work, jobs)) == alone


def test_inputs_are_not_changed_and_results_are_the_caller_s_own() -> None:
    columns = walk(4, 300)
    for name, indicator in ALL.items():
        inputs = [columns[one].copy() for one in indicator.inputs]
        first = indicator.compute(*inputs, **indicator.defaults)
        for one, original in zip(inputs, (columns[one] for one in indicator.inputs), strict=True):
            np.testing.assert_array_equal(one, original, err_msg=name)
        for one in first:
            assert not any(np.shares_memory(one, other) for other in inputs), name


def test_a_pattern_says_what_its_convention_says() -> None:
    signs = {
        "bearish": {0, -100},
        "bullish": {0, 100},
        "neutral": {0, 100},
        "either": {0, 80, 100, 200, -80, -100, -200},
    }
    random = np.random.default_rng(0)
    size = 60_000
    close = 60 + np.cumsum(random.integers(-4, 5, size) * 0.25 * (random.random(size) > 0.2)) % 100
    opened = np.concatenate([close[:1], close[:-1]]) + random.integers(-2, 3, size) * 0.25
    high = np.maximum(opened, close) + random.integers(0, 4, size) * 0.25
    low = np.minimum(opened, close) - random.integers(0, 4, size) * 0.25
    for name, indicator in ALL.items():
        if not name.startswith("cdl"):
            continue
        (flags,) = indicator.compute(opened, high, low, close, **indicator.defaults)
        found = set(flags[~np.isnan(flags)].astype(int).tolist())
        said = next(word for word in signs if _phrase(word) in indicator.convention)
        assert found <= signs[said], name
        assert found & {80, -80, 200, -200} <= {
            int(sign + part) for sign in ("", "-") for part in ("80", "200") if part in indicator.convention
        }, name


def _phrase(sign: str) -> str:
    from barledger.indicators.talib.patterns import _SIGNS  # noqa: PLC0415 - only this test looks

    return _SIGNS[sign]


def test_no_function_is_left_out() -> None:
    assert {name.upper() for name in ALL} == set(talib.get_functions())


def test_without_the_library_the_command_that_installs_it_is_named() -> None:
    code = (
        "import sys; sys.modules['talib'] = None\n"
        "from barledger.errors import DriverMissing\n"
        "from barledger.indicators.registry import REGISTRY\n"
        "try:\n    REGISTRY.find('rsi')\n"
        "except DriverMissing as error:\n    print(error.advice)\n"
    )
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert "barledger[indicators]" in told.stdout
