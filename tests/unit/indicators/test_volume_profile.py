"""Volume profiles: nothing traded is lost, and it is where it was traded."""

import json
import math
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given as whatever
from hypothesis import settings
from hypothesis import strategies as some

import own_naive
from barledger.errors import InputMissing, InputUnsuitable, ParameterInvalid
from barledger.indicators.profile import VolumeProfile, volume_profile
from own_bars import made, real


def _bars(*rows: tuple[float, float, float]) -> dict[str, np.ndarray]:
    low, high, volume = (np.array(one, np.float64) for one in zip(*rows, strict=True))
    return {"low": low, "high": high, "volume": volume}


def test_a_bar_is_spread_evenly_over_its_range() -> None:
    found = volume_profile(_bars((10, 14, 100), (11, 12, 50)), bins=4)
    assert found.edges.tolist() == [10, 11, 12, 13, 14]
    assert found.volume.tolist() == [25, 75, 25, 25]
    assert found.poc == 11.5
    assert found.total == 150


def test_a_bar_without_a_range_goes_whole_into_its_bin() -> None:
    found = volume_profile(_bars((10, 14, 0), (11, 11, 7), (14, 14, 5), (10, 10, 3)), bins=4)
    assert found.volume.tolist() == [3, 7, 0, 5]


def test_a_tick_has_a_bin_that_begins_with_it() -> None:
    found = volume_profile(_bars((100.03, 100.03, 1), (100.07, 100.07, 2), (100.05, 100.05, 4)), tick=0.01)
    assert found.volume.tolist() == [1, 0, 4, 0, 2]
    np.testing.assert_array_equal(found.edges, np.arange(10_003, 10_009) * 0.01)


@pytest.mark.parametrize("tick", [0.01, 0.05, 0.1, 0.25, 1 / 3, 5.0])
def test_every_multiple_of_a_tick_is_in_the_bin_that_begins_there(tick: float) -> None:
    prices = np.arange(2_000, 2_600) * tick
    found = volume_profile({"high": prices, "low": prices, "volume": np.arange(600.0)}, tick=tick)
    np.testing.assert_array_equal(found.volume, np.arange(600.0))


def test_prices_that_are_decimals_are_in_the_bin_of_their_tick() -> None:
    prices = np.array([float(f"{cents / 100:.2f}") for cents in range(9_000, 12_000)])
    found = volume_profile({"high": prices, "low": prices, "volume": np.ones(3_000)}, tick=0.01)
    assert set(found.volume.tolist()) == {1.0}


@pytest.mark.parametrize("bars", [made(300), {name: values[:300] for name, values in real().items()}])
@pytest.mark.parametrize("changed", [{}, {"bins": 1}, {"bins": 7}, {"bins": 400, "value_area": 0.9}, {"tick": 0.5}])
def test_a_profile_is_what_plain_python_makes_of_its_definition(bars: dict[str, Any], changed: dict[str, Any]) -> None:
    found = volume_profile(bars, **changed)
    wanted = own_naive.spread(*(bars[name].tolist() for name in ("high", "low", "volume")), found.edges.tolist())
    np.testing.assert_allclose(found.volume, wanted, rtol=1e-9, atol=1e-9 * sum(wanted))
    most, low, high = own_naive.area(wanted, changed.get("value_area", 0.7))
    assert found.poc == pytest.approx((found.edges[most] + found.edges[most + 1]) / 2)
    assert (found.value_area_low, found.value_area_high) == (found.edges[low], found.edges[high + 1])


@settings(max_examples=150, deadline=None)
@whatever(
    some.lists(
        some.tuples(
            some.floats(1e-6, 1e9), some.floats(0, 1e3) | some.floats(0, 1e-9) | some.just(0.0), some.floats(0, 1e12)
        ),
        min_size=1,
        max_size=60,
    ),
    some.integers(1, 500),
)
def test_nothing_traded_is_lost(rows: list[tuple[float, float, float]], bins: int) -> None:
    bars = _bars(*((low, low + span, volume) for low, span, volume in rows))
    found = volume_profile(bars, bins=bins)
    total = math.fsum(bars["volume"].tolist())
    assert math.fsum(found.volume.tolist()) == pytest.approx(total, rel=1e-12, abs=0)
    assert found.total == pytest.approx(total, rel=1e-12, abs=0)
    assert bool((found.volume >= 0).all())
    if total:
        inside = math.fsum(found.df.loc[found.df["in_value_area"], "volume"])
        assert found.edges[0] <= found.value_area_low <= found.poc <= found.value_area_high <= found.edges[-1]
        if len(found) == bins:
            assert inside >= 0.7 * total * (1 - 1e-8)


@pytest.mark.parametrize("bins", [1, 24, 5_000, 100_000])
def test_nothing_of_many_equal_volumes_is_lost(bins: int) -> None:
    size = 500_000
    prices = np.linspace(10.0, 20.0, size)
    prices[1:-1] = 14.2
    found = volume_profile({"high": prices, "low": prices, "volume": np.full(size, 0.1)}, bins=bins)
    assert math.fsum(found.volume.tolist()) == pytest.approx(size * 0.1, rel=1e-12, abs=0)
    assert found.total == pytest.approx(size * 0.1, rel=1e-12, abs=0)


def test_bins_that_nothing_was_traded_in_are_empty() -> None:
    bars = made(5_000)
    shifted = {name: np.concatenate([bars[name], bars[name] + 1e4]) for name in ("high", "low")}
    found = volume_profile(shifted | {"volume": np.concatenate([bars["volume"]] * 2)}, bins=3_000)
    low, high = bars["high"].max(), 1e4 + bars["low"].min()
    between = (found.edges[:-1] > low) & (found.edges[1:] < high)
    assert between.sum() > 2_000
    assert set(found.volume[between].tolist()) == {0.0}


def test_of_equal_bins_the_one_nearest_the_middle_has_most_and_of_two_as_near_the_lower() -> None:
    rows = [(at + 0.5, at + 0.5, volume) for at, volume in enumerate([5, 1, 5, 1, 1, 5, 1, 5])]
    found = volume_profile(_bars((0, 8, 0), *rows), bins=8)
    assert found.poc == 2.5
    assert volume_profile(_bars((0, 4, 8)), bins=4).poc == 1.5


def test_the_value_area_grows_by_two_bins_where_more_was_traded_and_upwards_if_both_are_alike() -> None:
    rows = [(at + 0.5, at + 0.5, volume) for at, volume in enumerate([0, 20, 20, 30, 15, 15, 0])]
    found = volume_profile(_bars((0, 7, 0), *rows), bins=7, value_area=0.5)
    assert (found.poc, found.value_area_low, found.value_area_high) == (3.5, 1, 4)
    rows = [(at + 0.5, at + 0.5, volume) for at, volume in enumerate([0, 20, 20, 30, 20, 20, 0])]
    found = volume_profile(_bars((0, 7, 0), *rows), bins=7, value_area=0.5)
    assert (found.value_area_low, found.value_area_high) == (3, 6)


def test_bars_of_one_price_have_one_bin() -> None:
    found = volume_profile(_bars((0.1, 0.1, 3), (0.1, 0.1, 4)))
    assert found.edges.tolist() == [0.1, 0.1]
    assert (found.poc, found.value_area_low, found.value_area_high, found.total) == (0.1, 0.1, 0.1, 7)


def test_where_nothing_is_traded_there_is_no_point_of_control() -> None:
    found = volume_profile(_bars((10, 12, 0), (11, 13, 0)))
    assert np.isnan([found.poc, found.value_area_low, found.value_area_high]).all()
    assert found.to_dict()["poc"] is None
    assert "poc nan" in repr(found)
    assert found.df["share"].isna().all()


def test_bars_without_values_are_left_out_and_counted() -> None:
    bars = _bars((10, 12, 4), (math.nan, 12, 1), (10, 12, math.nan), (1, math.nan, 9))
    found = volume_profile(bars, bins=2)
    assert (found.bars, found.missing, found.total) == (1, 3, 4)
    assert found.volume.tolist() == [2, 2]
    assert "3 without values left out" in repr(found)


def test_frames_are_taken_whatever_the_case_of_their_columns() -> None:
    bars = made(100)
    frame = pd.DataFrame({name.title(): bars[name] for name in ("open", "high", "low", "close", "volume")})
    np.testing.assert_array_equal(volume_profile(frame).volume, volume_profile(bars).volume)


def test_a_profile_reads_well_and_belongs_to_nobody() -> None:
    found = volume_profile(_bars((10, 14, 100), (11, 12, 50)), bins=4)
    assert isinstance(found, VolumeProfile)
    assert repr(found) == ("<VolumeProfile 150 of 2 bars in 4 bins from 10 to 14: poc 11.5, 70% from 11 to 14>")
    assert list(found.df.columns) == ["low", "high", "volume", "share", "in_value_area"]
    assert json.loads(json.dumps(found.to_dict()))["volume"] == [25, 75, 25, 25]
    with pytest.raises(ValueError, match="read-only"):
        found.volume[0] = 1
    frame = found.df
    frame.loc[0, "low"] = 5.0
    assert found.edges[0] == 10


@pytest.mark.parametrize(
    ("changed", "name"),
    [
        ({"bins": 0}, "bins"),
        ({"bins": 2.5}, "bins"),
        ({"bins": True}, "bins"),
        ({"bins": 10, "tick": 1.0}, "bins"),
        ({"tick": 0}, "tick"),
        ({"tick": math.inf}, "tick"),
        ({"tick": "a"}, "tick"),
        ({"tick": 1e-9}, "tick"),
        ({"value_area": 0}, "value_area"),
        ({"value_area": 1.5}, "value_area"),
    ],
)
def test_a_parameter_that_cannot_be_is_refused(changed: dict[str, Any], name: str) -> None:
    with pytest.raises(ParameterInvalid) as caught:
        volume_profile(_bars((10, 14, 100)), **changed)
    assert caught.value.name == name


@pytest.mark.parametrize(
    "bars",
    [
        _bars((14, 10, 1)),
        _bars((10, 14, -1)),
        _bars((10, math.inf, 1)),
        _bars((10, 14, math.inf)),
        _bars((10, 14, 1.7e308), (10, 14, 1.7e308)),
        _bars((math.nan, 14, 1)),
        {"high": np.ones(2), "low": np.ones(3), "volume": np.ones(2)},
        {"high": np.ones(0), "low": np.ones(0), "volume": np.ones(0)},
        {"high": ["a"], "low": [1.0], "volume": [1.0]},
    ],
)
def test_bars_that_cannot_be_are_refused(bars: dict[str, Any]) -> None:
    with pytest.raises(InputUnsuitable):
        volume_profile(bars)


def test_a_column_that_is_missing_is_named() -> None:
    with pytest.raises(InputMissing, match="volume"):
        volume_profile({"high": [1.0], "low": [1.0]})
