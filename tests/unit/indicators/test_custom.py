"""Custom indicators: first class everywhere, and told where they are wrong."""

from collections.abc import Iterator
from functools import partial
from typing import Annotated, Any, Literal

import numpy as np
import pandas as pd
import pytest

import barledger
from barledger.errors import IndicatorFailed, IndicatorInvalid, IndicatorTaken, ParameterInvalid
from barledger.indicators.registry import REGISTRY

CLOSES = pd.DataFrame({"close": np.arange(30.0) ** 1.5}, index=pd.date_range("2024-01-01", periods=30, tz="UTC"))


@pytest.fixture(autouse=True)
def _only_here() -> Iterator[None]:
    """Forget what a test defines."""
    REGISTRY.knows("sma")
    names, by_name = dict(REGISTRY._names), dict(REGISTRY._by_name)
    yield
    REGISTRY._names, REGISTRY._by_name = names, by_name
    REGISTRY.generation += 1


def spread_defined() -> Any:
    @barledger.indicator(outputs=("spread", "ratio"), warmup=lambda p: p.slow, aliases=("apart",))
    def spread(
        close: Any,
        *,
        fast: Annotated[int, barledger.Range(1, 500)] = 2,
        slow: int = 5,
        how: Literal["up", "down"] = "up",
    ) -> Any:
        """How far two closes are apart."""
        sign = 1.0 if how == "up" else -1.0
        far, near = np.roll(close, slow), np.roll(close, fast)
        return sign * (near - far), near / np.where(far == 0, np.nan, far)

    return spread


def test_a_function_becomes_an_indicator_and_stays_a_function() -> None:
    spread = spread_defined()
    found = barledger.calculate(["spread", "spread(3, slow=6, how=down).spread", "apart(2, 7).ratio"], CLOSES)
    close = CLOSES["close"].to_numpy()
    wanted = np.roll(close, 2) - np.roll(close, 5)
    np.testing.assert_array_equal(found["spread.spread"].to_numpy()[5:], wanted[5:])
    assert found["spread.spread"].isna().sum() == 5
    assert list(found.columns)[2:] == ["spread(3, slow=6, how=down).spread", "apart(2, 7).ratio"]
    np.testing.assert_array_equal(spread(close)[0], wanted)


def test_it_may_be_nested_both_ways() -> None:
    spread_defined()
    found = barledger.calculate(["sma(spread.spread, 3)", "spread(sma(3)).spread"], CLOSES)
    assert found.iloc[:, 0].isna().sum() == 7
    assert found.iloc[:, 1].isna().sum() == 7


def test_types_ranges_and_choices_are_those_of_the_signature() -> None:
    spread_defined()
    for spec, allowed in [
        ("spread(0)", "from 1 to 500"),
        ("spread(how=side)", "one of up, down"),
        ("spread(2.5)", "whole"),
    ]:
        with pytest.raises(ParameterInvalid) as caught:
            barledger.calculate(spec, CLOSES)
        assert allowed in caught.value.advice


def test_running_a_cell_again_replaces_the_definition_and_its_aliases() -> None:
    def define(value: float, aliases: tuple[str, ...]) -> None:
        @barledger.indicator(warmup=0, aliases=aliases)
        def level(close: Any) -> Any:
            return np.full(len(close), value)

    define(1.0, ("height",))
    define(2.0, ("depth",))
    assert barledger.calculate("level", CLOSES)["level"].iloc[0] == 2.0
    assert REGISTRY.knows("depth")
    assert not REGISTRY.knows("height")


def test_a_name_of_another_is_refused_and_what_is_built_in_always_is() -> None:
    barledger.indicator(warmup=0, name="level")(lambda close: close)

    def other(close: Any) -> Any:
        return close * 2

    with pytest.raises(IndicatorTaken, match="level") as caught:
        barledger.indicator(warmup=0, name="level")(other)
    assert "test_custom" in caught.value.owner
    barledger.indicator(warmup=0, name="level", replace=True)(other)
    assert barledger.calculate("level", CLOSES)["level"].iloc[3] == CLOSES["close"].iloc[3] * 2
    with pytest.raises(IndicatorTaken, match="barledger"):
        barledger.indicator(warmup=0, name="sma", replace=True)(other)


def test_values_before_the_warm_up_and_infinite_ones_are_missing() -> None:
    @barledger.indicator(warmup=4)
    def inverse(close: Any) -> Any:
        with np.errstate(divide="ignore"):
            return 1.0 / np.maximum(close - 20, 0)

    found = barledger.calculate("inverse", CLOSES)["inverse"]
    assert not np.isinf(found).any()
    assert found.iloc[:4].isna().all()
    assert found.iloc[-1] == 1.0 / (CLOSES["close"].iloc[-1] - 20)


def test_what_is_masked_is_missing() -> None:
    barledger.indicator(warmup=0, name="masked")(lambda close: np.ma.masked_where(close > 21.0, close))
    found = barledger.calculate("masked", CLOSES)["masked"]
    assert found.isna().tolist() == (CLOSES["close"] > 21.0).tolist()
    assert 0 < found.isna().sum() < len(found)


def test_a_result_that_is_the_input_does_not_change_the_callers_frame() -> None:
    before = CLOSES.copy()
    barledger.indicator(warmup=4, name="same")(lambda close: close)
    assert barledger.calculate("same", CLOSES)["same"].isna().sum() == 4
    pd.testing.assert_frame_equal(CLOSES, before)


def _raises(close: Any) -> Any:
    raise ZeroDivisionError(len(close))


def _writes(close: Any) -> Any:
    close[0] = 7.0
    return close


@pytest.mark.parametrize(
    ("code", "told"),
    [
        (_raises, "ZeroDivisionError: 30"),
        (_writes, "writes into its input"),
        (lambda close: close[1:], r"shape \(29,\) for 30 bars"),
        (lambda close: (close, close), "2 results"),
        (lambda _: 5.0, r"shape \(\)"),
        (lambda close: ["a"] * len(close), "no numbers"),
        (lambda close: close * 1j, "complex128, and no numbers"),
        (lambda _: None, "no numbers|shape"),
    ],
)
def test_code_that_fails_is_named_with_a_next_step(code: Any, told: str) -> None:
    barledger.indicator(warmup=0, name="broken")(code)
    for spec in ("broken", "sma(broken, 3)"):
        with pytest.raises(IndicatorFailed, match=told) as caught:
            barledger.calculate(spec, CLOSES)
        assert caught.value.indicator == "broken"
        assert caught.value.advice


def test_what_another_indicator_gave_cannot_be_changed_either() -> None:
    barledger.indicator(warmup=0, name="broken")(_writes)
    with pytest.raises(IndicatorFailed, match="writes into its input"):
        barledger.calculate("broken(sma(3))", CLOSES)


def two(close: Any, volume: Any) -> Any:
    return close + volume


def without_default(close: Any, *, period: int) -> Any:
    return close * period


def of_a_list(close: Any, *, periods: list[int] = []) -> Any:  # noqa: B006 - that is what is wrong with it
    return close * len(periods)


def beyond(close: Any, *, period: Annotated[int, barledger.Range(5, 10)] = 3) -> Any:
    return close * period


def whatever(close: Any, **options: Any) -> Any:
    return close * len(options)


def fine(close: Any) -> Any:
    return close


@pytest.mark.parametrize(
    ("function", "options", "told"),
    [
        (two, {"warmup": 0}, "has 1 input, and the function takes 2"),
        (without_default, {"warmup": 0}, "has no default"),
        (of_a_list, {"warmup": 0}, "of list"),
        (beyond, {"warmup": 0}, "from 5 to 10"),
        (whatever, {"warmup": 0}, "whatever comes"),
        (fine, {}, "how many bars"),
        (fine, {"warmup": -1}, "warmup gave -1"),
        (fine, {"warmup": lambda p: p.slow}, "warmup raised AttributeError"),
        (fine, {"warmup": 0, "name": "My RSI"}, "'My RSI'"),
        (fine, {"warmup": 0, "name": "close"}, "a column of bars"),
        (fine, {"warmup": 0, "outputs": ()}, "no outputs"),
        (fine, {"warmup": 0, "outputs": ("a", "a")}, "named twice"),
        (fine, {"warmup": 0, "inputs": ()}, "no inputs"),
        (fine, {"warmup": 0, "memory": "long"}, "no memory 'long'"),
        (fine, {"warmup": 0, "nan_policy": "drop"}, "no nan_policy 'drop'"),
    ],
)
def test_a_wrong_declaration_is_refused_when_it_is_made(function: Any, options: dict[str, Any], told: str) -> None:
    with pytest.raises(IndicatorInvalid, match=told) as caught:
        barledger.indicator(**options)(function)
    assert caught.value.advice
    assert caught.value.code == "indicator-invalid"


async def _later(close: Any) -> Any:
    return close


def _yields(close: Any) -> Any:
    yield close


@pytest.mark.parametrize(
    ("function", "told"),
    [
        (5, "it is a int, and no function"),
        (partial(lambda close, *, at=3: close * at, at=2), "it is a partial"),
        (np.add.reduce, "no function that is written in Python"),
        (_later, "to call it gives no arrays yet"),
        (_yields, "to call it gives no arrays yet"),
    ],
)
def test_what_is_no_function_of_arrays_is_refused(function: Any, told: str) -> None:
    with pytest.raises(IndicatorInvalid, match=told) as caught:
        barledger.indicator(warmup=0, name="odd")(function)
    assert caught.value.advice
    assert not REGISTRY.knows("odd")


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ({"kind": "astrology"}, "there is no kind 'astrology'"),
        ({"inputs": 5}, "5 is no input that specs can name"),
        ({"outputs": 5}, "5 is no output that specs can name"),
        ({"aliases": None}, "None is no name that specs can name"),
        ({"aliases": 5}, "5 is no name that specs can name"),
    ],
)
def test_what_is_said_wrongly_of_an_indicator_is_told(said: Any, told: str) -> None:
    with pytest.raises(IndicatorInvalid, match=told):
        barledger.indicator(**{"warmup": 0, "name": "odd", **said})(lambda close: close)
