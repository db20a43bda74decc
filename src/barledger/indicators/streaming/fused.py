"""Fused multiplication and addition: ``a * b + c`` rounded once, as TA-Lib has it in some of its recurrences."""

import math
import sys
from collections.abc import Callable
from ctypes.util import find_library
from fractions import Fraction
from functools import cache
from typing import Any, Final

Fused = Callable[[float, float, float], float]


# The largest float below 1, and more than twice the error of a product as a part of it.
_BELOW: Final = 1.0 - 2.0**-53
_ERROR: Final = 2.3e-16
# The mantissa of powers of two, as `math.frexp` has it, and the smallest float that has all its digits.
_HALF: Final = 0.5
_NORMAL: Final = sys.float_info.min


def fused(*, small: bool = False) -> Fused:
    """Return the fastest one that there is: Python's own, the C library's, or an exact one of fractions.

    Where products are ``small`` beside what they are added to, floats alone are mostly enough.
    """
    own: Fused | None = getattr(math, "fma", None)
    if own is not None:
        return own
    found = _library() or exact
    return quick(found) if small else found


def exact_above(factor: float) -> float:
    """Return from which size on a product with this factor is exact, so that to multiply and to add is to fuse them.

    Multiplying by 1, 1/2, 1/4 and so on rounds nothing unless the product is hardly above 0; by anything else it
    rounds at any size.
    """
    return _NORMAL if abs(factor) <= 1.0 and abs(math.frexp(factor)[0]) == _HALF else math.inf


def quick(careful: Fused) -> Fused:
    """Return what multiplies and adds in floats where rounding twice changes nothing, and is ``careful`` elsewhere.

    The sum's error is known exactly (Knuth's TwoSum), and the product's is at most half a unit in its last place: the
    rounded sum is right if both together stay below half the distance to the next float on either side.
    """
    ulp = math.ulp

    def fma(a: float, b: float, c: float) -> float:
        product = a * b
        total = c + product
        part = total - c
        error = (c - (total - part)) + (product - part)
        room = ulp(total * _BELOW) * 0.5 - abs(product) * _ERROR
        # Comparisons with NaN are false: what overflows is not for this one.
        return total if -room < error < room else careful(a, b, c)

    return fma


@cache
def _library() -> Fused | None:
    """Return the C library's, by cffi, whose calls take half the time of those by ctypes."""
    try:
        from cffi import FFI  # noqa: PLC0415 - of most indicators nobody needs it

        declared: Any = FFI()
        declared.cdef("double fma(double, double, double);")
        found: Fused = declared.dlopen(find_library("m")).fma
    except (ImportError, OSError, AttributeError):
        return None
    return found


def exact(a: float, b: float, c: float) -> float:
    """Compute it in fractions; what is not finite, or overflows, as floats do."""
    if not (math.isfinite(a) and math.isfinite(b)):
        return a * b + c
    if not math.isfinite(c):
        return c
    total = Fraction(a) * Fraction(b) + Fraction(c)
    if not total:
        return a * b + c
    try:
        return float(total)
    except OverflowError:
        return math.inf if total > 0 else -math.inf
