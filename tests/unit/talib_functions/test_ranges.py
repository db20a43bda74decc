"""What a parameter may be is what TA-Lib takes: both ends of each range, and nothing beyond them."""

from collections.abc import Iterator

import numpy as np
import pytest
from talib import abstract

from barledger.errors import ParameterInvalid
from barledger.indicators.binding import Binder
from barledger.indicators.definition import Indicator
from barledger.indicators.parameter import Parameter, Value
from barledger.indicators.registry import REGISTRY
from barledger.indicators.talib import indicators
from barledger.indicators.talib.averages import AVERAGES
from barledger.indicators.talib.computing import numbered
from barledger.indicators.talib.library import function

ALL = {one.name: one for one in indicators()}


def _numbers() -> Iterator[tuple[str, str]]:
    for name, indicator in sorted(ALL.items()):
        yield from ((name, one.name) for one in indicator.parameters if one.sort in ("int", "float"))


def _accepts(indicator: Indicator, name: str, value: Value) -> bool:
    """Say whether TA-Lib itself takes a value, on bars that are too few to compute much."""
    values = indicator.defaults | {name: value}
    if name == "minperiod":
        values["maxperiod"] = 100_000
    inputs = [np.arange(1.0, 31.0) for _ in indicator.inputs]
    try:
        function(indicator.name)(*inputs, **numbered(values))
    except Exception as error:  # noqa: BLE001 - TA-Lib raises nothing more special
        assert "TA_BAD_PARAM" in str(error), error  # noqa: PT017 - as above
        return False
    return True


def _beyond(parameter: Parameter) -> tuple[Value, Value]:
    if parameter.sort == "int":
        return int(parameter.low) - 1, int(parameter.high) + 1
    return float(np.nextafter(parameter.low, -np.inf)), float(np.nextafter(parameter.high, np.inf))


@pytest.mark.parametrize(("name", "parameter"), list(_numbers()))
def test_both_ends_of_a_range_are_taken_and_nothing_beyond(name: str, parameter: str) -> None:
    indicator = ALL[name]
    described = indicator.parameter(parameter)
    assert described is not None
    for end in (described.low, described.high):
        value: Value = int(end) if described.sort == "int" else float(end)
        assert described.check(name, value) == value
        assert _accepts(indicator, parameter, value), (name, parameter, value)
    for value in _beyond(described):
        assert not _accepts(indicator, parameter, value), (name, parameter, value)
        with pytest.raises(ParameterInvalid) as caught:
            described.check(name, value)
        assert f"{described.low:g} to {described.high:g}" in caught.value.advice


@pytest.mark.parametrize("name", sorted(ALL))
def test_names_order_and_defaults_are_those_of_the_library(name: str) -> None:
    indicator, told = ALL[name], abstract.Function(name.upper()).info
    assert list(numbered(indicator.defaults).items()) == list(told["parameters"].items())
    wanted: list[str] = []
    for one in told["input_names"].values():
        wanted += [one] if isinstance(one, str) else one
    assert indicator.inputs == tuple(wanted)


@pytest.mark.parametrize("name", sorted(ALL))
def test_an_output_is_found_by_the_name_that_the_library_gives_it(name: str) -> None:
    indicator, told = ALL[name], abstract.Function(name.upper()).info
    places = [indicator.output(one) for one in told["output_names"]]
    assert places == list(range(len(indicator.outputs)))


@pytest.mark.parametrize("kind", AVERAGES)
def test_an_average_is_named_or_numbered(kind: str) -> None:
    named = Binder(REGISTRY).request(f"ma(10, {kind})")
    numbered_ = Binder(REGISTRY).request(f"ma(10, {AVERAGES.index(kind)})")
    assert named.keys == numbered_.keys


@pytest.mark.parametrize("name", ["apo", "ppo", "pvo", "kdj", "stoch", "macdext", "ma", "bbands"])
def test_the_default_average_is_the_one_that_the_function_has_without_it(name: str) -> None:
    indicator = ALL[name]
    random = np.random.default_rng(3)
    inputs = [100 + random.random(200) for _ in indicator.inputs]
    kinds = {one.name: "default" for one in indicator.parameters if one.sort == "choice"}
    usual = indicator.compute(*inputs, **indicator.defaults)
    for one, other in zip(usual, indicator.compute(*inputs, **indicator.defaults | kinds), strict=True):
        np.testing.assert_array_equal(one, other)
    assert indicator.reach(indicator.defaults) == indicator.reach(indicator.defaults | kinds)


def test_an_average_that_there_is_not_is_refused_with_those_that_there_are() -> None:
    for wrong in ("alma", 14, -1, 1.5, True):
        with pytest.raises(ParameterInvalid, match="matype of ma cannot be") as caught:
            ALL["ma"].parameters[1].check("ma", wrong)
        assert "sma, ema, wma" in caught.value.advice


def test_a_smallest_period_above_the_largest_is_refused() -> None:
    values = ALL["mavp"].defaults | {"minperiod": 31}
    with pytest.raises(ParameterInvalid, match="minperiod of mavp cannot be 31") as caught:
        ALL["mavp"].reach(values)
    assert "maxperiod, which is 30" in caught.value.advice


def test_the_period_has_its_common_names() -> None:
    binder = Binder(REGISTRY)
    assert binder.request("rsi(period=9)").keys == binder.request("rsi(timeperiod=9)").keys
    assert binder.request("rsi(length=9)").keys == binder.request("rsi(9)").keys


def test_bands_are_symmetric_unless_the_lower_one_is_given() -> None:
    binder = Binder(REGISTRY)
    assert binder.request("bbands(20, 3)").keys == binder.request("bbands(20, 3, 3)").keys
    assert binder.request("bbands(20, 3, 1)").keys != binder.request("bbands(20, 3)").keys


@pytest.mark.parametrize(
    ("alias", "name"),
    [
        ("heikin_ashi", "ha"),
        ("bollinger", "bbands"),
        ("smma", "rma"),
        ("hl2", "medprice"),
        ("hlc3", "typprice"),
        ("ohlc4", "avgprice"),
        ("williams_r", "willr"),
        ("doji", "cdldoji"),
    ],
)
def test_what_has_another_name_is_found_by_it(alias: str, name: str) -> None:
    assert REGISTRY.find(alias).name == name


def test_no_name_stands_for_two_functions() -> None:
    names = [name for one in ALL.values() for name in (one.name, *one.aliases)]
    assert len(names) == len(set(names))
    for indicator in ALL.values():
        words = [word for one in indicator.parameters for word in (one.name, *one.aliases)]
        outputs = [word for one in indicator.outputs for word in (one.name, *one.aliases)]
        assert len(words) == len(set(words)), indicator.name
        assert len(outputs) == len(set(outputs)), indicator.name


def test_every_function_says_what_it_is() -> None:
    for indicator in ALL.values():
        assert indicator.title, indicator.name
        assert indicator.formula, indicator.name
    titles = [indicator.title for indicator in ALL.values()]
    assert len(titles) == len(set(titles))
