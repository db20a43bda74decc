r"""Adjustment: factors that make bars before and after corporate actions comparable.

A price before an ex-date is multiplied by

    (1 - D / C) / r

where C is the last close before it as traded, D what an old share was paid, and r how many new shares there are for an
old one. That is CRSP's convention: its total return over the ex-date is (p f + d) / p' - 1, with p' the last price
before, f the shares that one has become and d the money paid on the *old* share, and the factor is what makes a price
that falls by nothing else return 0. So of several events on one ex-date the payments come first, on the shares of the
evening before, and are added up; the splits and stock dividends, multiplied with each other, come after them. Events
between which there is no bar are one ex-date. Volume is multiplied by r and knows no payments (CRSP, Data Definitions:
Factor to Adjust Price, Factor to Adjust Shares).

| mode | prices | volume |
|---|---|---|
| ``raw`` | as traded | as traded |
| ``splits`` | in the newest shares | in the newest shares |
| ``total`` | that, and less the payments | in the newest shares |

A source may have adjusted its bars before it gave them (`domain.declared`), for the events with an ex-date up to when
they were written. An event that both the source and the mode count leaves a price alone, exactly; one that only the
source counts is undone.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from math import isfinite, prod
from typing import Any, Final, get_args

import numpy as np

from barledger.domain.declared import RAW, Adjusted, Adjustment
from barledger.domain.readable import Readable
from barledger.domain.rows import Floats, Ints, Rows
from barledger.errors import CannotAdjust, InvalidSetting

Mode = Adjustment
ALIASES: Final = {"unadjusted": "raw", "splits_only": "splits", "splits_and_dividends": "total"}
"""OpenBB's words."""

MODES: Final = get_args(Adjustment)
_PRICES: Final = ("open", "high", "low", "close")


def mode_of(word: object) -> Mode:
    """Return the mode that a word or an alias means; raises `InvalidSetting`."""
    meant = ALIASES.get(word, word) if isinstance(word, str) else ""
    if meant not in MODES:
        known = ", ".join((*MODES, *ALIASES))
        raise InvalidSetting(setting="adjust", reason=f"{word!r} is none of {known}")
    return meant  # type: ignore[return-value]


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class ShareChange(Readable):
    """From ``at`` (ns) on there are ``ratio`` shares for one of before."""

    at: int
    ratio: float


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Payment(Readable):
    """From ``at`` (ns) on, bars trade without an ``amount`` for each share of the evening before.

    ``before`` (ns) is the last bar before it, ``close`` that bar's close in the newest shares (`Shares.newest`); of
    bars that their source adjusted for payments, as it gave it. ``name`` tells people which event this is.
    """

    at: int
    amount: float
    before: int = 0
    close: float = float("nan")
    name: str = ""


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Made(Readable):
    """What a source had done to the bars that it gave: per column, for the events up to ``until`` (ns)."""

    adjusted: Adjusted
    until: int

    @property
    def prices(self) -> Mode:
        """Return what the prices are adjusted for."""
        return self.adjusted.get("close", RAW)

    def splits(self, change: ShareChange, *, volume: bool = False) -> bool:
        """Whether a change of shares is in the prices, or in the volume."""
        state = self.adjusted.get("volume", RAW) if volume else self.prices
        return state != RAW and change.at <= self.until

    def pays(self, payment: Payment) -> bool:
        """Whether a payment is in the prices."""
        return self.prices == "total" and payment.at <= self.until


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Wanted(Readable):
    """The mode that is asked for; events from ``end`` (ns) on are left out of it."""

    mode: Mode
    end: int

    def splits(self, change: ShareChange) -> bool:
        """Whether a change of shares counts."""
        return self.mode != RAW and change.at < self.end

    def pays(self, payment: Payment) -> bool:
        """Whether a payment counts."""
        return self.mode == "total" and payment.at < self.end


class Shares:
    """How many of the newest shares one share of a moment has become."""

    def __init__(self, changes: Iterable[ShareChange]) -> None:
        """Take the changes in any order."""
        self.changes = tuple(sorted(changes, key=lambda one: one.at))

    def newest(self, price: float, time: int, made: Made) -> float:
        """Return a stored price of a bar at ``time`` per newest share."""
        return price / prod(one.ratio for one in self.changes if one.at > time and not made.splits(one))

    def of_old(self, amount: float, at: int) -> float:
        """Return an amount per share of the evening before ``at`` as one per newest share."""
        return amount / prod(one.ratio for one in self.changes if one.at >= at)

    def as_paid(self, amount: float, at: int, known_at: int) -> float:
        """Return what was paid at ``at``, told in the shares of when it became known, per share of its own time."""
        return amount * prod(one.ratio for one in self.changes if at < one.at <= known_at)


@dataclass(frozen=True, slots=True, kw_only=True)
class Factors:
    """What to multiply prices and volume by, bar by bar; None where that is 1 throughout."""

    price: Floats | None
    volume: Floats | None


@dataclass(frozen=True, slots=True)
class Ladder:
    """Moments (ns, ascending), and the products of the factors from each of them on; after the last it is 1."""

    at: Ints
    products: Floats

    @staticmethod
    def of(steps: Iterable[tuple[int, float]]) -> "Ladder":
        """Multiply what prices before each moment are multiplied by."""
        moving = sorted((at, step) for at, step in steps if step != 1.0)
        products = np.cumprod(np.array([step for _, step in moving], np.float64)[::-1])[::-1]
        return Ladder(np.array([at for at, _ in moving], np.int64), np.append(products, 1.0))

    def along(self, times: Ints) -> Floats | None:
        """Return the product for each of the ascending times, or None where that is 1 throughout."""
        if not len(times) or not len(self.at) or self.at[-1] <= times[0]:
            return None
        places = np.searchsorted(times, self.at)
        return np.repeat(self.products, np.diff(np.concatenate([[0], places, [len(times)]])))


@dataclass(frozen=True, slots=True, kw_only=True)
class Steps:
    """What events do to bars that a source gave, whatever part of them is asked for."""

    price: Ladder
    volume: Ladder

    def factors(self, times: Ints) -> Factors:
        """Return the factors of bars at ascending times."""
        return Factors(price=self.price.along(times), volume=self.volume.along(times))


def steps_of(shares: Shares, payments: Sequence[Payment], made: Made, wanted: Wanted) -> Steps:
    """Return what leads from stored bars to the wanted mode.

    Raises `CannotAdjust` for a payment whose factor would not be above 0, and for one without a close before it.
    """
    prices, volume = [], []
    for one in shares.changes:
        counts = wanted.splits(one)
        prices.append((one.at, _step(one.ratio, counts, made.splits(one))))
        volume.append((one.at, _step(1 / one.ratio, counts, made.splits(one, volume=True))))
    if any(wanted.pays(one) != made.pays(one) for one in payments):
        prices += _payment_steps(shares, payments, made, wanted)
    return Steps(price=Ladder.of(prices), volume=Ladder.of(volume))


def factors(times: Ints, shares: Shares, payments: Sequence[Payment], made: Made, wanted: Wanted) -> Factors:
    """Return the factors from stored bars at ascending ``times`` to the wanted mode; raises as `steps_of` does."""
    return steps_of(shares, payments, made, wanted).factors(times)


def applied(rows: Rows, found: Factors) -> Rows:
    """Return adjusted rows, which say in ``adjustment_factor`` by what their prices were multiplied.

    Raises `CannotAdjust` if a number becomes too large.
    """
    ones = np.ones(len(rows))
    made = replace(rows, adjustment_factor=ones if found.price is None else found.price)
    if found.price is not None:
        prices: dict[str, Any] = {name: _times(getattr(rows, name), found.price) for name in _PRICES}
        made = replace(made, **prices)
    return made if found.volume is None else replace(made, volume=_times(rows.volume, found.volume))


def _times(values: Floats, factor: Floats) -> Floats:
    with np.errstate(over="ignore"):
        product = values * factor
    if bool(np.isinf(product).any()):
        raise CannotAdjust(what="the bars", reason="a number becomes too large to be kept")
    return product


def _step(ratio: float, is_wanted: bool, is_made: bool) -> float:  # noqa: FBT001 - two truths of one event
    """Return what an event multiplies prices before it by."""
    if is_wanted == is_made:
        return 1.0
    return 1 / ratio if is_wanted else ratio


def _payment_steps(shares: Shares, payments: Sequence[Payment], made: Made, wanted: Wanted) -> list[tuple[int, float]]:
    """Return the steps of payments, the newest first; what the source took off is put back on the way."""
    steps: list[tuple[int, float]] = []
    taken = 1.0
    ordered = sorted(payments, key=lambda one: (one.before, one.at), reverse=True)
    for (_, is_made), several in groupby(ordered, key=lambda one: (one.before, made.pays(one))):
        group = list(several)
        paid = _paid(shares, group)
        close = group[0].close / taken + (paid if is_made else 0.0)
        left = _left(group, paid, close)
        step = _left(group, _paid(shares, [one for one in group if wanted.pays(one)]), close)
        if is_made:
            taken *= left
            step /= left
        steps.append((min(one.at for one in group), step))
    return steps


def _paid(shares: Shares, payments: Iterable[Payment]) -> float:
    return sum(shares.of_old(one.amount, one.at) for one in payments)


def _left(payments: Sequence[Payment], paid: float, close: float) -> float:
    """Return which part of a price is left after so much was paid; raises `CannotAdjust`."""
    left = 1 - paid / close if close else float("nan")
    if not isfinite(left) or left <= 0:
        raise CannotAdjust(what=" and ".join(one.name for one in payments), reason=_why(payments[0], paid, close))
    return left


def _why(payment: Payment, paid: float, close: float) -> str:
    if not isfinite(payment.close):
        return "the bar before it has no close"
    return f"{paid:g} were paid for a share that closed at {close:g} before (both in the newest shares)"
