"""Payouts: one dividend with what is measured of it, and how well an amount explains that."""

from dataclasses import dataclass, replace
from math import exp, log, log1p
from typing import Final

import numpy as np

from barledger.detection.adjustment import implied
from barledger.detection.likelihood import either, fitting
from barledger.detection.moves import Measures
from barledger.detection.noise import Noise
from barledger.detection.table import Table
from barledger.domain.rows import Floats

_USUAL_YIELD: Final = 0.012
_LATE: Final = 0.15
"""Share of ex-dates whose fall in price comes, or shows, with the next bar."""

_PATIENCE: Final = 15
_ALIKE: Final = 0.5
_LEVEL: Final = 1.5
_DAY: Final = 86_400_000_000_000
_COPIED: Final = 17 * _DAY
_YEAR: Final = 365 * _DAY
_SEASON: Final = 20 * _DAY
_UNEVEN: Final = 1.3
"""Interim and final dividends lie unevenly in the year, and each keeps its season."""

_BETWEEN: Final = 0.25
"""Of two others' gap: nearer to one of them than an interim dividend is to a final one."""

_FINEST: Final = 1e-6
_DIGITS: Final = 0.02
_EXACTLY: Final = 1e-3
_EXACT: Final = 0.5
"""Share of vendors whose Adj Close is made of just the amounts and closes that they give."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Payout:
    """A dividend at the ex-date ``row``, after the close ``price``.

    ``step`` is by how much the logarithm of Adj Close over Close steps up over it (None without Adj Close), ``blur``
    how exactly that is known, ``move`` and ``later`` what the price did until the close of that row and of the next.
    ``prices`` are the lowest and the highest price that the vendor may have reckoned with.
    """

    row: int
    time: int
    amount: float
    gain: float
    price: float
    prices: tuple[float, float]
    step: float | None
    step_row: int
    blur: float
    move: float
    later: float
    later_bars: int
    noise: float
    siblings: tuple[float, ...] = ()
    amounts: tuple[float, ...] = ()
    near: tuple[float, ...] = ()
    extra: bool = False
    regular: bool = False
    trusted: bool = True

    def share(self, amount: float) -> float:
        """Return an amount's share of the price."""
        return amount / self.price

    def predicted(self, amount: float) -> float:
        """Return the step that an amount asks for."""
        share = self.share(amount)
        return -log1p(-share) if share < 1 else np.inf

    def by_price(self, amount: float) -> float:
        """Return how likely the price's move is if so much was paid."""
        if not self.trusted:
            return 0.0
        step = self.predicted(amount)
        if not np.isfinite(step):
            return -60.0
        now = fitting(self.move + step, self.noise)
        late = fitting(self.later + step, self.noise * self.later_bars**0.5)
        weight = _LATE if self.later_bars <= 2 else 0.5
        return either((1 - weight, now), (weight, late))

    def by_step(self, amount: float) -> float:
        """Return how likely the step of Adj Close is if it was made with this amount."""
        if self.step is None:
            return 0.0
        step = self.predicted(amount)
        if not np.isfinite(step):
            return -60.0
        return self._by_step(step, amount)

    def by_step_twice(self, amount: float) -> float:
        """Return how likely the step is if it was made of this amount twice: of their sum, or one upon the other."""
        if self.step is None or self.share(amount) >= 1:
            return 0.0 if self.step is None else -60.0
        upon = amount * (2 - self.share(amount))
        return max(self.by_step(2 * amount), self._by_step(2 * self.predicted(amount), upon))

    @property
    def exactly_twice(self) -> bool:
        """Whether the step is that of this amount twice to the precision of Adj Close, which chance does not make."""
        if self.step is None or not 0 < self.share(self.amount) < 0.5:
            return False
        off = min(abs(self.step - step) for step in (2 * self.predicted(self.amount), self.predicted(2 * self.amount)))
        return off < 3 * self.blur + 1e-4 * self.step and self.blur < 0.02 * self.step

    def _by_step(self, step: float, amount: float) -> float:
        """Compare with the step that an amount asks for; vendors that reckon with the bar's close are exact."""
        told = self.step or 0.0
        low, high = (-log1p(-min(amount / price, 0.999)) for price in (self.prices[1], self.prices[0]))
        off = max(low - told, told - high, 0.0) if amount > 0 else abs(told)
        roughly = fitting(off, self.blur + _DIGITS * abs(step))
        exactly = fitting(told - step, self.blur + _EXACTLY * abs(step))
        return either((1 - _EXACT, roughly), (_EXACT, exactly))

    def by_joint_step(self) -> float:
        """Return the log odds, not below 0, that Adj Close took dividend and gain one upon the other, not their sum."""
        told, total = self.step or 0.0, self.predicted(self.amount + self.gain)
        each = self.predicted(self.amount) + self.predicted(self.gain)
        if not np.isfinite(total) or abs(total - each) < 3 * self.blur:
            return 0.0
        scale = self.blur + 1e-5 * each
        return max(fitting(told - each, scale) - fitting(told - total, scale), 0.0)

    def by_any_step(self) -> float:
        """Return how likely a step is that nothing foresees: any size is as likely as any other, in logarithms."""
        if self.step is None:
            return 0.0
        return -log(10 * max(abs(self.step), 10 * self.blur))

    def by_size(self, amount: float) -> float:
        """Return how likely an amount is beside the other dividends, and beside those of all shares."""
        share = self.share(amount)
        if share <= 0 or share >= 1:
            return -4.0 if share <= 0 else -60.0
        everywhere = fitting(log(share) - log(_USUAL_YIELD), 1.2)
        if not self.siblings:
            return everywhere
        others = np.log(np.array(self.siblings))
        middle = float(np.median(others))
        spread = self.spread
        nearest = float(np.min(np.abs(others - log(share))))
        steady = self.steady
        beside = either(
            (0.6, fitting(log(share) - middle, max(0.4 if steady else 0.7, spread))),
            (0.3, fitting(nearest, 0.35) - log1p(len(others)) / 2),
            (0.1, fitting(self._nearest_amount(amount), 0.02)),
        )
        if not self.level:
            return either((0.8, beside), (0.2, everywhere))
        level = fitting(log(share) - float(np.mean(np.log(np.array(self.near)))), 0.4)
        return either((0.8, level), (0.15, beside), (0.05, everywhere))

    def among(self, factor: float) -> "Payout":
        """Return it among others that are off by a factor as well."""
        siblings, amounts, near = (
            tuple(one * factor for one in values) for values in (self.siblings, self.amounts, self.near)
        )
        return replace(self, siblings=siblings, amounts=amounts, near=near)

    def evidence(self, paid: float) -> dict[str, float | int | None]:
        """Return what a person needs to judge it, if so much was paid."""
        return {
            "row": self.row,
            "amount": self.amount,
            "proposed_amount": paid,
            "close_before": self.price,
            "share_of_price": round(self.share(self.amount), 6),
            "move": round(exp(self.move), 6),
            "noise": round(self.noise, 6),
            "adjustment": None if self.step is None else round(exp(-self.step), 9),
            "adjustment_asked_for": round(max(1 - self.share(self.amount), 0.0), 9),
            "capital_gain": self.gain,
        }

    @property
    def steady(self) -> bool:
        """Whether it keeps the rhythm of others that are much alike."""
        return self.regular and len(self.siblings) >= 4 and self.spread < _ALIKE

    @property
    def level(self) -> bool:
        """Whether the dividends next to it, two to four of them, are nearly of one size."""
        return len(self.near) > 1 and max(self.near) < _LEVEL * min(self.near)

    @property
    def spread(self) -> float:
        """Return how far the others' shares of the price lie apart, in logarithms, but for the one farthest off."""
        if not self.siblings:
            return 1.2
        others = np.log(np.array(self.siblings))
        apart = np.sort(np.abs(others - np.median(others)))
        widest = float(apart[-2]) if len(apart) > 3 else float(apart[-1])
        return max(1.5 * float(np.median(apart)), 0.6 * widest)

    def _nearest_amount(self, amount: float) -> float:
        """Return how far the nearest other amount is, in logarithms."""
        return min(abs(log(amount / other)) for other in self.amounts)


def payouts_of(measures: Measures, *, trusted: bool) -> list[Payout]:
    """Measure every dividend that has a bar before it; ``trusted`` says that prices are not adjusted for dividends."""
    table = measures.table
    rows = np.union1d(table.events("dividends"), table.events("capital_gains")).astype(np.int64)
    if not len(rows):
        return []
    noise = measures.noise
    ratio = implied(table) if table.adj_close is not None else None
    blur = step_blur(table, ratio) if ratio is not None else _FINEST
    found = [_payout(table, int(row), noise, ratio, blur, trusted=trusted) for row in rows if row > 0]
    return [_beside(one, found) for one in found]


def _beside(one: Payout, every: list[Payout]) -> Payout:
    """Return a dividend with what the others say of it: their shares of the price, their amounts and their rhythm."""
    others = [other for other in every if other.row != one.row and other.amount > 0]
    shares = tuple(other.share(other.amount) for other in others)
    amounts = tuple(other.amount for other in others)
    near = _nearest(one, others)
    regular, extra = _rhythm(one, [other.time for other in others])
    return replace(one, siblings=shares, amounts=amounts, near=near, regular=regular, extra=extra)


def _nearest(one: Payout, others: list[Payout]) -> tuple[float, ...]:
    """Return the shares of the four nearest others, half of them before; of two within days, one may be a copy."""
    apart = [other for place, other in enumerate(others) if not place or other.time - others[place - 1].time > _COPIED]
    place = sum(other.time < one.time for other in apart)
    first = max(0, min(place - 2, len(apart) - 4))
    return tuple(other.share(other.amount) for other in apart[first : first + 4])


def _rhythm(one: Payout, times: list[int]) -> tuple[bool, bool]:
    """Tell whether a dividend keeps the others' rhythm, and whether it is one too many, if they have one."""
    if len(times) < 2:
        return False, False
    gaps = np.diff(times)
    usual = float(np.median(gaps))
    if usual <= 0:
        return False, False
    distance = float(min(abs(time - one.time) for time in times))
    turns = distance / usual
    known = len(times) > 2
    extra = turns < (0.6 if known else _BETWEEN)
    uneven = not known or float(gaps.max()) > _UNEVEN * float(gaps.min())
    in_season = uneven and min(abs(abs(time - one.time) - _YEAR) for time in times) < _SEASON
    return known and abs(turns - 1) < 0.15, extra and not in_season


def _next_traded(table: Table, row: int) -> int:
    """Return the first row from the next on in which the price can have followed: with volume, if there is any."""
    last = min(row + _PATIENCE, len(table) - 1)
    if table.volume is None:
        return min(row + 1, last)
    for after in range(row + 1, last + 1):
        if table.volume[after] > 0:
            return after
    return last


def step_blur(table: Table, ratio: Floats) -> float:
    """Return how exactly steps of Adj Close are known: by how much it trembles where nothing happens."""
    quiet = np.abs(np.diff(ratio))
    events = np.concatenate([table.events(name) for name in ("dividends", "capital_gains", "stock_splits")])
    hidden = np.unique(np.clip(np.concatenate([events - 1, events]), 0, max(len(quiet) - 1, 0))).astype(np.int64)
    calm = np.delete(quiet, hidden) if len(quiet) > len(hidden) else quiet
    return max(_FINEST, 2 * float(np.quantile(calm, 0.8)) if len(calm) else 0.0)


def _payout(table: Table, row: int, noise: Noise, ratio: Floats | None, blur: float, *, trusted: bool) -> Payout:
    amount = float(table.column("dividends")[row]) if table.dividends is not None else 0.0
    gain = float(table.column("capital_gains")[row]) if table.capital_gains is not None else 0.0
    price = float(table.close[row - 1])
    step_row = _step_row(table, row, ratio, blur)
    low, high = price * 0.998, price * 1.002
    if table.long_bars:
        low, high = (
            min(low, float(table.low[row - 1 : row + 1].min())),
            max(high, float(table.high[row - 1 : row + 1].max())),
        )
    after = _next_traded(table, row)
    return Payout(
        row=row,
        time=int(table.time[row]),
        amount=amount,
        gain=gain,
        price=price,
        prices=(low, high),
        step=None if ratio is None or step_row < 0 else float(ratio[step_row] - ratio[step_row - 1]),
        step_row=max(step_row, row),
        blur=blur,
        move=log(float(table.close[row]) / price),
        later=log(float(table.close[after]) / price),
        later_bars=after - row + 1,
        noise=noise.near(row),
        trusted=trusted,
    )


def _step_row(table: Table, row: int, ratio: Floats | None, blur: float) -> int:
    """Return the row over which Adj Close would step: the ex-date's, but of a long bar it may be the next one."""
    if ratio is None or not table.long_bars:
        return row
    if row + 1 >= len(table):
        return row if abs(float(ratio[row] - ratio[row - 1])) > 3 * blur else -1
    here, there = (abs(float(ratio[at] - ratio[at - 1])) for at in (row, row + 1))
    return row + 1 if there > 3 * blur and here <= 3 * blur else row
