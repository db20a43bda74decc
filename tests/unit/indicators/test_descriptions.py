"""Descriptions: of an indicator by its name, or with what a spec gives it."""

import pytest

from barledger.errors import IndicatorNotFound, InvalidSpec, ParameterInvalid
from barledger.indicators.description import Description
from barledger.indicators.registry import REGISTRY


def test_a_spec_is_described_with_what_it_gives() -> None:
    told = Description.of_spec("sma(rsi(14), 9)")
    lines = str(told).splitlines()
    assert "  spec        sma(rsi(close, timeperiod=14), timeperiod=9)" in lines
    assert "  inputs      rsi(close, timeperiod=14)" in lines
    assert (
        "  parameters  timeperiod = 9: a whole number from 1 to 100000, 30 unless given, also period, length" in lines
    )
    assert told.reach == REGISTRY.find("sma").reach({"timeperiod": 9}).after(
        REGISTRY.find("rsi").reach({"timeperiod": 14})
    )
    said = told.as_dict()
    assert said["spec"] == told.call
    assert (said["parameters"][0]["value"], said["parameters"][0]["default"]) == (9, 30)
    assert said["warmup"]["settled"] == 686 + 8
    assert repr(told) == "<Description sma(rsi(close, timeperiod=14), timeperiod=9)>"


def test_a_parameter_that_follows_another_is_what_that_is_given() -> None:
    told = Description.of_spec("bbands(20, nbdevup=3).upper").as_dict()["parameters"]
    assert {one["name"]: one["value"] for one in told} == {
        "timeperiod": 20,
        "nbdevup": 3.0,
        "nbdevdn": 3.0,
        "matype": "sma",
    }


def test_a_name_alone_is_described_as_it_usually_is() -> None:
    told = Description.of_spec("RSI")
    assert told.call == "rsi(timeperiod=14)"
    assert told == Description.of(REGISTRY.find("rsi"))
    assert "parameters  timeperiod = 14: a whole number from 2 to 100000, also" in str(told)


def test_what_is_wrong_with_a_spec_is_told() -> None:
    for spec, error in [("rsi(1)", ParameterInvalid), ("rsj(14)", IndicatorNotFound), ("rsi(14", InvalidSpec)]:
        with pytest.raises(error):
            Description.of_spec(spec)


@pytest.mark.parametrize("name", [one.name for one in REGISTRY])
def test_every_indicator_says_to_what_a_slice_of_it_agrees(name: str) -> None:
    told = Description.of_spec(name)
    warm = told.as_dict()["warmup"]
    assert (warm["agreement"] == "to the bit") == told.reach.exact
    if not told.reach.exact:
        assert warm["agreement"] in str(told)
        assert warm["agreement"].startswith(("within 1e-9 of ", "the same, unless"))


def test_what_is_computed_from_something_near_says_how_near_that_is() -> None:
    told = Description.of_spec("rsi(fosc(5), 3)").agreement
    assert told == "exact given fosc, which is within 1e-9 of 100"
    told = Description.of_spec("sma(vwma(5), 3)").agreement
    assert told == "within 1e-9 of its largest input, given vwma, which is within 1e-9 of its largest close"
