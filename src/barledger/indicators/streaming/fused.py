"""Fused multiplication and addition: ``a * b + c`` rounded once, as TA-Lib has it in some of its recurrences."""

import ctypes
import math
from collections.abc import Callable
from ctypes import util
from fractions import Fraction

Fused = Callable[[float, float, float], float]


def fused() -> Fused:
    """Return the fastest one that there is: Python's own, the C library's, or an exact one of fractions."""
    own: Fused | None = getattr(math, "fma", None)
    return own or _library() or exact


def _library() -> Fused | None:
    name = util.find_library("m")
    try:
        # A call that keeps the interpreter's lock is the faster one.
        found = ctypes.PyDLL(name).fma
    except (OSError, AttributeError):
        return None
    found.argtypes = (ctypes.c_double,) * 3
    found.restype = ctypes.c_double
    return found


def exact(a: float, b: float, c: float) -> float:
    """Compute it in fractions; what is not finite, or overflows, as floats do."""
    if not (math.isfinite(a) and math.isfinite(b) and math.isfinite(c)):
        return a * b + c
    total = Fraction(a) * Fraction(b) + Fraction(c)
    if not total:
        return a * b + c
    try:
        return float(total)
    except OverflowError:
        return math.inf if total > 0 else -math.inf
