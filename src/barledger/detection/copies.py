"""Copies: dividends that have another of their amount so close by that one of both is a phantom."""

from collections.abc import Sequence
from itertools import pairwise
from math import exp, log1p
from typing import Final

import numpy as np

from barledger.detection.payout import Payout

_DAY: Final = 86_400_000_000_000
_NEAR: Final = 17 * _DAY
_ALIKE: Final = 0.08
_ORDINARY_GAP: Final = 45 * _DAY
_EXACT: Final = 1.5
_OTHER_ONE: Final = 4.0


def copies_of(payouts: Sequence[Payout]) -> dict[int, float]:
    """Return the prior log odds of being a phantom for dividends that have another of their amount close by."""
    priors: dict[int, float] = {}
    for left, right in pairwise(payouts):
        if left.amount <= 0 or right.amount <= 0 or right.time - left.time > _NEAR:
            continue
        if abs(left.amount / right.amount - 1) > _ALIKE or not _seldom(payouts, left):
            continue
        pair = _EXACT if abs(left.amount / right.amount - 1) < 1e-4 else 0.0
        first = _as_phantom(left, right, payouts)
        priors[left.row] = pair - (_OTHER_ONE if first < 0 else 0.0) - _undecided(first)
        priors[right.row] = pair - (_OTHER_ONE if first >= 0 else 0.0) - _undecided(first)
    return priors


def _undecided(lead: float) -> float:
    """Return what not knowing which of two is the phantom costs."""
    return log1p(exp(-min(abs(lead), 20.0)))


def _seldom(payouts: Sequence[Payout], left: Payout) -> bool:
    """Whether dividends usually lie far apart."""
    times = [one.time for one in payouts if one.row != left.row and one.amount > 0]
    gaps = np.diff(times)
    return not len(gaps) or float(np.median(gaps)) >= _ORDINARY_GAP


def _as_phantom(left: Payout, right: Payout, payouts: Sequence[Payout]) -> float:
    """Return the log odds that the left one of two is the phantom, and not the right one."""
    prices = (left.by_price(0.0) + right.by_price(right.amount)) - (left.by_price(left.amount) + right.by_price(0.0))
    steps = 0.0
    if left.step is not None and right.step is not None:
        flat = left.by_step(0.0) > left.by_step(left.amount), right.by_step(0.0) > right.by_step(right.amount)
        steps = 6.0 * (int(flat[0]) - int(flat[1]))
    return prices + steps + _rhythm(left, right, payouts) - 0.3


def _rhythm(left: Payout, right: Payout, payouts: Sequence[Payout]) -> float:
    """Return how much better the right one keeps the rhythm of the others than the left one."""
    others = [one.time for one in payouts if one.row not in (left.row, right.row) and one.amount > 0]
    if len(others) < 3:
        return 0.0
    gap = float(np.median(np.diff(others)))
    near = min(others, key=lambda time: abs(time - left.time))
    phase = [
        abs(abs(one.time - near) - max(1, round(abs(one.time - near) / gap)) * gap) / _DAY for one in (left, right)
    ]
    return max(min((phase[0] - phase[1]) / 6, 2.0), -2.0)
