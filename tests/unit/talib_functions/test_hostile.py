"""Whatever the bars are, a result is as long as they are, and each value is a number or missing."""

from collections.abc import Mapping
from itertools import product

import numpy as np
import pytest

from barledger.indicators.talib import indicators
from walks import Floats, chosen, walk

ALL = {one.name: one for one in indicators()}
SIZE = 300
PRICES = ("open", "high", "low", "close")


def _all(price: Floats, *, volume: float = 1000.0) -> dict[str, Floats]:
    columns = dict.fromkeys(PRICES, price)
    return {**columns, "volume": np.full(len(price), volume), "periods": np.full(len(price), 5.0)}


def _scaled(factor: float, *, names: tuple[str, ...] = (*PRICES, "volume")) -> dict[str, Floats]:
    return {name: values * factor if name in names else values for name, values in walk(1, SIZE).items()}


def _spiked() -> dict[str, Floats]:
    columns = walk(2, SIZE)
    for name in (*PRICES, "volume"):
        columns[name][150:153] = 1e300
    return columns


def _holed() -> dict[str, Floats]:
    columns = walk(4, SIZE)
    for name in (*PRICES, "volume"):
        columns[name][::3] = 0.0
    return columns


BARS: dict[str, Mapping[str, Floats]] = {
    "constant": _all(np.full(SIZE, 100.0)),
    "nothing": _all(np.zeros(SIZE), volume=0.0),
    "rising": _all(np.arange(1.0, SIZE + 1)),
    "falling": _all(np.arange(float(SIZE), 0, -1)),
    "negative": {name: values - 100 if name in PRICES else values for name, values in walk(5, SIZE).items()},
    "tiny": _scaled(1e-300),
    "denormal": _scaled(5e-324),
    "huge": _scaled(1e300, names=PRICES),
    "huge, with volume": _scaled(1e250),
    "almost infinite": _scaled(1e305, names=PRICES),
    "without volume": walk(6, SIZE) | {"volume": np.zeros(SIZE)},
    "spiked": _spiked(),
    "holed": _holed(),
    "absurd periods": walk(7, SIZE) | {"periods": np.where(np.arange(SIZE) % 2, 1e300, -1e300)},
    **{f"{size} bars": {name: values[:size] for name, values in walk(8, SIZE).items()} for size in (1, 2, 3, 40)},
}


@pytest.mark.parametrize("name", sorted(ALL))
def test_a_value_is_a_number_or_missing(name: str) -> None:
    indicator = ALL[name]
    for (bars, columns), seed in product(BARS.items(), range(3)):
        values = chosen(indicator, np.random.default_rng(seed)) if seed else indicator.defaults
        back = indicator.reach(values).lookback
        inputs = [columns[one].copy() for one in indicator.inputs]
        for one in inputs:
            one.flags.writeable = False
        results = indicator.compute(*inputs, **values)
        assert len(results) == len(indicator.outputs)
        for one in results:
            assert one.dtype == np.float64
            assert one.shape == inputs[0].shape
            assert one.flags.writeable
            assert not np.isinf(one).any(), (bars, values)
            assert np.isnan(one[:back]).all(), (bars, values)


@pytest.mark.parametrize("name", sorted(name for name, one in ALL.items() if not one.partial))
def test_what_is_not_partial_has_all_values_of_ordinary_bars(name: str) -> None:
    indicator = ALL[name]
    for bars in ("constant", "nothing", "rising", "falling", "negative", "tiny", "without volume", "holed"):
        inputs = [BARS[bars][one] for one in indicator.inputs]
        back = indicator.reach(indicator.defaults).lookback
        for one in indicator.compute(*inputs, **indicator.defaults):
            assert np.isfinite(one[back:]).all(), bars


@pytest.mark.parametrize("name", sorted(name for name, one in ALL.items() if one.partial))
def test_what_is_partial_can_miss_a_value(name: str) -> None:
    indicator = ALL[name]
    back = indicator.reach(indicator.defaults).lookback
    missing = False
    for bars in ("nothing", "negative", "without volume", "holed"):
        found = indicator.compute(*(10 * BARS[bars][one] for one in indicator.inputs), **indicator.defaults)
        missing |= any(np.isnan(one[back:]).any() for one in found)
    large = indicator.compute(*(np.full(60, 800.0) for _ in indicator.inputs), **indicator.defaults)
    missing |= any(np.isnan(one[back:]).any() for one in large)
    assert missing


def test_the_shortest_input_with_a_value_has_one_bar_more_than_the_lookback() -> None:
    for name, indicator in ALL.items():
        if indicator.partial:
            continue
        back = indicator.reach(indicator.defaults).lookback
        columns = walk(9, back + 1)
        results = indicator.compute(*(columns[one] for one in indicator.inputs), **indicator.defaults)
        assert all(np.isfinite(one[-1]) for one in results), name
