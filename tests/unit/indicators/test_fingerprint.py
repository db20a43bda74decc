"""Functions that do the same have one fingerprint, and others have others, whatever they are called."""

import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from barledger.services.indicators.fingerprint import fingerprint


class Holder:
    """A value of a class of our own, which can be pickled."""

    def __init__(self, size: int) -> None:
        self.size = size


def scaled(by: object, plus: int = 0) -> Callable[..., Any]:
    def inner(values: Any, *, back: int = plus) -> Any:
        return values * by + back

    return inner


def nested(by: int) -> Callable[..., Any]:
    return lambda values: [scaled(by)(one) for one in values if one in {"a", "b"}]


def endless() -> Callable[..., Any]:
    def inner(depth: int) -> int:
        return inner(depth - 1) if depth else 0

    return inner


class Compiled:
    """What a compiler makes of a function keeps it, and is another one in each process."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self.py_func, self.own = function, object()


@pytest.mark.parametrize(
    "make",
    [
        lambda: scaled(2),
        lambda: scaled(Holder(3)),
        lambda: scaled(Holder),
        lambda: scaled(threading.Lock()),
        lambda: scaled(threading),
        lambda: scaled(nested(4)),
        lambda: scaled(Compiled(scaled(5))),
        lambda: scaled(np.arange(5.0)),
        lambda: nested(2),
        endless,
    ],
)
def test_what_is_defined_again_alike_is_the_same(make: Callable[[], Callable[..., Any]]) -> None:
    assert fingerprint(make()) == fingerprint(make())


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (scaled(2), scaled(3)),
        (scaled(2, plus=1), scaled(2)),
        (scaled(2), scaled(2.0)),
        (scaled(Holder(3)), scaled(Holder(4))),
        (scaled(scaled(2)), scaled(scaled(3))),
        (scaled(Compiled(scaled(5))), scaled(Compiled(scaled(6)))),
        (scaled(np.arange(5.0)), scaled(np.arange(6.0))),
        (nested(2), nested(3)),
        (lambda values: values * 2, lambda values: values * 3),
        (lambda values: [one * 2 for one in values], lambda values: [one * 3 for one in values]),
        (lambda values: values.sum(), lambda values: values.max()),
    ],
)
def test_what_does_something_else_is_another(one: Callable[..., Any], other: Callable[..., Any]) -> None:
    assert fingerprint(one) != fingerprint(other)
