"""Capital gains: whether the dividends of a fund hold them already, and Adj Close takes them again."""

from collections.abc import Sequence
from math import exp
from typing import Final

from barledger.detection.likelihood import probability
from barledger.detection.payout import Payout
from barledger.detection.suspicion import Suspicion, span
from barledger.detection.table import Edit

_SAME: Final = 4.0
_JOINT: Final = 3.0


def gains_taken_twice(payouts: Sequence[Payout]) -> list[Suspicion]:
    """Judge all capital gains together: whether the dividends hold them already and Adj Close takes them again."""
    gains = [one for one in payouts if one.gain > 0 and one.step is not None and one.amount >= one.gain]
    counted = [one for one in gains if one.by_step(one.amount + one.gain) > one.by_step(one.amount) + 2]
    if not counted:
        return []
    odds = -0.5 + sum(_held(one) for one in counted)
    confidence = probability(odds)
    if confidence < 0.05:
        return []
    case = "the price falls by the dividend alone, and Adj Close steps by dividend and capital gain"
    found = []
    for one in counted:
        factor = exp((one.step or 0.0) - one.predicted(one.amount))
        rows = span(0, one.step_row)
        found.append(
            Suspicion(
                kind="dividend_double_counted",
                rows=rows,
                fields=("adj_close",),
                factor=factor,
                confidence=confidence,
                rule=case,
                evidence=one.evidence(one.amount),
                edits=(Edit(column="adj_close", rows=rows, factor=factor),),
            )
        )
    return found


def _held(one: Payout) -> float:
    """Return the log odds that a dividend holds its capital gain already.

    A gain that equals the dividend is that dividend, and what is paid beside it is taken with it in one step.
    """
    falls = one.by_price(one.amount) - one.by_price(one.amount + one.gain)
    same = _SAME if abs(one.gain / one.amount - 1) < 1e-6 else 0.0
    return falls + same + min(one.by_joint_step(), _JOINT)
