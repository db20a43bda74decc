"""Names are looked up, parameters completed, and warm-ups added up."""

from collections.abc import Iterator

import numpy as np
import pytest

from barledger.errors import (
    IndicatorNotFound,
    IndicatorTaken,
    InvalidSpec,
    ParameterInvalid,
    ParameterUnknown,
)
from barledger.indicators.binding import Binder, Column, Pick, bounds
from barledger.indicators.definition import Floats, Indicator, Memory, Output, Reach
from barledger.indicators.parameter import Parameter
from barledger.indicators.registry import Registry


def indicator(
    name: str,
    *parameters: Parameter,
    inputs: tuple[str, ...] = ("close",),
    outputs: tuple[Output, ...] = (),
    aliases: tuple[str, ...] = (),
    memory: Memory = "window",
    owner: str = "barledger",
) -> Indicator:
    def compute(*given: Floats, **_: object) -> tuple[Floats, ...]:
        return tuple(np.zeros(len(given[0])) for _ in outputs or (name,))

    return Indicator(
        name=name,
        title=name,
        kind="trend",
        inputs=inputs,
        parameters=parameters,
        outputs=outputs or (Output(name=name),),
        reach=lambda values: Reach(
            lookback=int(values.get("period", 1)) - 1,
            settled=2 * int(values.get("period", 1)),
            memory=memory,
            exact=memory == "window",
        ),
        compute=compute,
        aliases=aliases,
        owner=owner,
    )


PERIOD = Parameter(name="period", default=14, low=2, high=500, aliases=("length",))
UP = Parameter(name="up", sort="float", default=2.0)
DOWN = Parameter(name="down", sort="float", default=2.0, follows="up")
TYPE = Parameter(name="type", sort="choice", default="sma", choices=("sma", "ema"))
BAND = (Output(name="upper", aliases=("upperband",)), Output(name="lower"))


@pytest.fixture
def registry() -> Registry:
    def family() -> Iterator[Indicator]:
        yield indicator("mean", PERIOD, aliases=("average",))
        yield indicator("strength", PERIOD, memory="contractive")
        yield indicator("bands", PERIOD, UP, DOWN, TYPE, outputs=BAND)
        yield indicator("pivots", TYPE)
        yield indicator("both", PERIOD, inputs=("close", "benchmark"))
        yield indicator("total", inputs=("volume",), memory="path")

    return Registry(family)


@pytest.fixture
def binder(registry: Registry) -> Binder:
    return Binder(registry)


def test_columns_of_an_answer_are_called_as_they_were_asked_for(binder: Binder) -> None:
    request = binder.request(["Mean( 9 )", "bands", "bands(20).upperband", "average"])
    assert list(request.picks) == ["mean(9)", "bands.upper", "bands.lower", "bands(20).upperband", "average"]


def test_two_spellings_of_the_same_are_the_same(binder: Binder) -> None:
    request = binder.request(["mean", "mean(14)", "average(length=14)", "mean(close, period=14)", "MEAN(14.0)"])
    assert set(request.keys) == {"mean(close, period=14)"}


def test_parameters_that_are_not_given_are_filled_in(binder: Binder) -> None:
    (pick, _) = binder.request("bands(up=3)").picks.values()
    assert dict(pick.bound.parameters) == {"period": 14, "up": 3.0, "down": 3.0, "type": "sma"}
    (pick, _) = binder.request("bands(20, 3, 1)").picks.values()
    assert dict(pick.bound.parameters) == {"period": 20, "up": 3.0, "down": 1.0, "type": "sma"}


@pytest.mark.parametrize("spec", ["bands(20, 2, 2, ema)", "bands(type=ema)", "bands(type='EMA')", "bands(type=1)"])
def test_a_choice_is_named_or_numbered(binder: Binder, spec: str) -> None:
    (pick, _) = binder.request(spec).picks.values()
    assert pick.bound.parameters["type"] == "ema"


def test_a_word_in_the_first_place_is_a_choice_where_one_is_wanted(binder: Binder) -> None:
    (pick,) = binder.request("pivots(ema)").picks.values()
    assert pick.bound.parameters["type"] == "ema"
    (pick,) = binder.request("pivots(open, ema)").picks.values()
    assert pick.bound.inputs == (Column(name="open"),)


def test_inputs_are_columns_other_instruments_or_other_indicators(binder: Binder) -> None:
    request = binder.request(["mean(open, 9)", "both(close, @MSFT, 20)", "mean(strength(14), 9)", "mean(bands.lower)"])
    assert request.keys == (
        "mean(open, period=9)",
        "both(close, @MSFT.close, period=20)",
        "mean(strength(close, period=14), period=9)",
        "mean(bands(close, period=14, up=2, down=2, type='sma').lower, period=14)",
    )
    assert [column.key for column in request.columns] == ["open", "close", "@MSFT.close"]


def test_inputs_can_be_given_by_name(binder: Binder) -> None:
    (pick,) = binder.request("both(benchmark=@SPY, period=5)").picks.values()
    assert [one.key for one in pick.bound.inputs] == ["close", "@SPY.close"]


def test_columns_of_a_frame_are_inputs(registry: Registry) -> None:
    binder = Binder(registry, columns=("close", "sentiment", "mean"))
    assert binder.request(["mean(sentiment)", "strength(mean)"]).keys == (
        "mean(sentiment, period=14)",
        "strength(mean, period=14)",
    )


def test_warm_ups_add_up(binder: Binder) -> None:
    request = binder.request("mean(strength(14), 9)")
    (pick,) = request.picks.values()
    assert pick.reach == Reach(lookback=13 + 8, settled=28 + 18, memory="contractive", exact=False)
    assert binder.request(["mean(3)", "total"]).reach.memory == "path"
    assert binder.request(["mean(3)", "strength(50)"]).reach.settled == 100


def test_what_is_computed_first_comes_first(binder: Binder) -> None:
    (pick,) = binder.request("both(mean(3), strength(mean(3)))").picks.values()
    assert [bound.indicator.name for bound in bounds(pick)] == ["mean", "mean", "strength", "both"]


def test_a_policy_is_part_of_what_is_asked_for(binder: Binder) -> None:
    (pick,) = binder.request("mean(strength)", nan_policy="skip").picks.values()
    assert isinstance(pick.bound.inputs[0], Pick)
    assert pick.bound.inputs[0].bound.policy == "skip"
    assert pick.key != next(iter(binder.request("mean(strength)").picks.values())).key


def test_an_unknown_name_brings_the_nearest(binder: Binder) -> None:
    with pytest.raises(IndicatorNotFound, match="did you mean strength") as caught:
        binder.request("mean(strenght(3))")
    assert (caught.value.spec, caught.value.place) == ("mean(strenght(3))", 5)


@pytest.mark.parametrize("value", ["1", "501", "2.5", "x", "'9'"])
def test_a_value_out_of_range_brings_the_range(binder: Binder, value: str) -> None:
    with pytest.raises(ParameterInvalid) as caught:
        binder.request(f"mean(period={value})")
    assert caught.value.place == 5
    assert "a whole number from 2 to 500" in caught.value.advice


def test_an_unknown_parameter_brings_the_known(binder: Binder) -> None:
    with pytest.raises(ParameterUnknown) as caught:
        binder.request("mean(perod=3)")
    assert "period (a whole number from 2 to 500; 14 unless given)" in caught.value.advice


def test_an_unknown_output_brings_the_known(binder: Binder) -> None:
    with pytest.raises(ParameterUnknown, match="bands has no output 'middle'") as caught:
        binder.request("bands(20).middle")
    assert caught.value.known == ("upper", "lower")
    assert caught.value.place == 10


@pytest.mark.parametrize(
    ("spec", "reason", "at"),
    [
        ("mean(14, 3)", "mean takes 1 parameter", 9),
        ("mean(14, period=14)", "given twice", 9),
        ("mean(close, open)", "mean takes 1 input", 12),
        ("mean(bands)", "say which output of bands is the input: upper, lower", 5),
        ("mean(close=14)", "an input is a column or another spec, and no number", 11),
        ("mean(bogus)", "neither a column nor an indicator 'bogus'", 5),
    ],
)
def test_what_does_not_fit_is_pointed_at(binder: Binder, spec: str, reason: str, at: int) -> None:
    with pytest.raises(InvalidSpec, match=reason) as caught:
        binder.request(spec)
    assert caught.value.place == at


def test_no_spec_is_refused(binder: Binder) -> None:
    with pytest.raises(InvalidSpec, match="no indicator is named"):
        binder.request([])


def test_what_is_built_in_is_loaded_once_and_when_it_is_wanted() -> None:
    calls: list[str] = []

    def family() -> Iterator[Indicator]:
        calls.append("loaded")
        yield indicator("mean")

    registry = Registry(family)
    assert not calls
    assert registry.knows("mean")
    assert registry.find("MEAN").name == "mean"
    assert [one.name for one in registry] == ["mean"]
    assert calls == ["loaded"]


def test_a_name_that_is_taken_is_refused(registry: Registry) -> None:
    with pytest.raises(IndicatorTaken, match="'average'"):
        registry.add(indicator("other", aliases=("average",), owner="desk"))
    with pytest.raises(IndicatorTaken):
        registry.add(indicator("mean", owner="desk"), replace=True)
    assert not registry.knows("other")


def test_ones_own_indicator_can_be_replaced(registry: Registry) -> None:
    registry.add(indicator("spread", owner="desk"))
    before = registry.generation
    newer = indicator("spread", owner="desk")
    registry.add(newer, replace=True)
    assert registry.find("spread") is newer
    assert registry.generation > before
