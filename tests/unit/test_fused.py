"""Multiplying and adding with one rounding, bit for bit, wherever it is computed."""

import math
import struct
from collections import Counter

import numpy as np
from hypothesis import example, given
from hypothesis import strategies as st

from barledger.indicators.streaming.fused import exact, exact_above, fused, quick

ANY = st.floats() | st.sampled_from([0.0, -0.0, 1.0, -1.0, 5e-324, 2.0**-1022, 1.7e308]) | st.integers(-4096, 4096)
FEW_BITS = st.builds(math.ldexp, st.integers(-(2**27), 2**27), st.integers(-70, 70))


def bits(value: float) -> bytes:
    return b"missing" if math.isnan(value) else struct.pack("<d", value)


@given(a=ANY | FEW_BITS, b=ANY | FEW_BITS, c=ANY | FEW_BITS)
@example(a=0.1, b=10.0, c=-1.0)
@example(a=1.0 + 2.0**-30, b=1.0 + 2.0**-23, c=2.0**53)
@example(a=2.0**-27, b=-(2.0**-27) * (1.0 + 2.0**-26), c=1.0)
def test_it_rounds_once(a: float, b: float, c: float) -> None:
    a, b, c = float(a), float(b), float(c)
    assert (
        bits(fused()(a, b, c))
        == bits(fused(small=True)(a, b, c))
        == bits(quick(exact)(a, b, c))
        == bits(exact(a, b, c))
    )


POWERS = st.builds(math.ldexp, st.sampled_from([-1.0, 1.0]), st.integers(-1074, 0))


@given(factor=POWERS | ANY, b=ANY | FEW_BITS, c=ANY | FEW_BITS)
@example(factor=0.5, b=5e-324, c=5e-324)
@example(factor=0.125, b=2.0**-1022 * 1.75, c=-(2.0**-1022))
@example(factor=-0.5, b=math.inf, c=math.inf)
@example(factor=2.0, b=1.7e308, c=-1.7e308)
@example(factor=0.75, b=1.0 + 2.0**-52, c=2.0**-60)
def test_a_product_that_counts_as_exact_is_so(factor: float, b: float, c: float) -> None:
    a, b, c = float(factor), float(b), float(c)
    product = a * b
    if abs(product) > exact_above(a):
        assert bits(product + c) == bits(exact(a, b, c))


def test_products_of_prices_with_a_power_of_two_count_as_exact() -> None:
    assert all(exact_above(factor) < 1e-300 for factor in (1.0, 0.5, 0.25, -0.125))
    assert all(exact_above(factor) == math.inf for factor in (0.75, 2.0, 0.0, 9.0 / 11.0, math.nan))


@given(bit=st.integers(27, 45), step=st.integers(-3, 3), power=st.integers(51, 56), side=st.sampled_from([-1.0, 1.0]))
@example(bit=30, step=1, power=54, side=-1.0)
def test_it_rounds_once_near_the_middle_of_two_floats(bit: int, step: int, power: int, side: float) -> None:
    # A product that is nearly a power of two, and half the way from a larger one, or its neighbours, to the next float.
    a, b = side * math.ldexp(1.0 + 2.0**-bit, -power), 1.0 - 2.0**-bit + step * 2.0**-53
    for c in (1.0, math.nextafter(1.0, 0.0), math.nextafter(1.0, 2.0), -1.0, 1.5):
        assert bits(quick(exact)(a, b, c)) == bits(exact(a, b, c))


@given(a=st.floats(-200, 200), b=st.floats(-200, 200), steps=st.integers(-5, 5))
def test_it_rounds_once_where_nearly_all_cancels(a: float, b: float, steps: int) -> None:
    c = -(a * b) + steps * math.ulp(a * b)
    assert bits(quick(exact)(a, b, c)) == bits(exact(a, b, c))


def test_it_is_seldom_careful_with_prices() -> None:
    random, asked = np.random.default_rng(3), Counter[bool]()

    def careful(a: float, b: float, c: float) -> float:
        asked[True] += 1
        return exact(a, b, c)

    fma = quick(careful)
    for pace, distance, stop in random.uniform((0.02, -5.0, 50.0), (0.2, 5.0, 150.0), (2_000, 3)).tolist():
        assert fma(pace, distance, stop) == exact(pace, distance, stop)
    assert 0 < asked[True] < 100


def test_what_is_not_finite_is_so_in_the_result() -> None:
    assert exact(1e200, 1e200, -math.inf) == -math.inf
    assert exact(1e308, 10.0, 0.0) == math.inf
    assert exact(0.5, 0.0, -0.0) == 0.0
