"""Dividends: judged by the fall of the price, by the step of Adj Close, and by the other dividends.

For each dividend every way in which its data can be right or wrong is a case; the likelihoods of a case's
predictions, with its prior, give its probability.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from math import exp
from typing import Final

import numpy as np

from barledger.detection.copies import copies_of
from barledger.detection.gains import gains_taken_twice
from barledger.detection.moves import Measures
from barledger.detection.payout import Payout, payouts_of
from barledger.detection.strays import steps_without_events, stray_steps
from barledger.detection.suspicion import Suspicion, span
from barledger.detection.table import Edit, Table
from barledger.domain.finding import FindingKind
from barledger.domain.rows import Ints

_UNITS: Final = {0.01: -5.0, 100.0: -5.0, 0.1: -6.5, 10.0: -6.5, 0.001: -7.5, 1000.0: -7.5}
_FROM_WRONG: Final = -0.7
"""Half of the wrong amounts went into Adj Close, too."""

_EXTRA: Final = 4.5
_KEPT: Final = 0.7
_NOT_KEPT: Final = 2.0
_NOT_ADJUSTED: Final = -4.6
_PHANTOM: Final = -8.5
_OTHER_STEP: Final = -5.0
_OTHER_AMOUNT: Final = -6.5
_PRE_SPLIT: Final = -5.5
_TWICE: Final = -5.5
_UNDECIDED: Final = 0.45
_TOGETHER: Final = 6.0
_SOME: Final = 0.5
_SLIGHT: Final = 0.005
_SLIGHTEST: Final = 0.0033
"""Vendors' own corrections leave a dividend of three thousandths in Adj Close twice."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Case:
    """One way in which a dividend's data came about: ``paid`` is the true amount, ``odds`` the whole evidence."""

    kind: FindingKind | None
    paid: float
    odds: float
    rule: str = ""


def dividend_suspicions(measures: Measures, *, trusted: bool | None) -> list[Suspicion]:
    """Judge all dividends; ``trusted`` says whether prices fall at ex-dates, None that nobody knows."""
    table = measures.table
    payouts = payouts_of(measures, trusted=trusted is not False)
    if trusted is None and table.adj_close is None and not _falls_show(payouts):
        payouts = payouts_of(measures, trusted=False)
    copies = copies_of(payouts)
    strays = stray_steps(table, payouts)
    found = [*gains_taken_twice(payouts)]
    done = {int(one.evidence["row"]) for one in found}
    systematic = _systematic(payouts)
    for one in payouts:
        if one.row in done:
            continue
        stray = strays.near(one) if one.step is not None and one.by_step(0.0) > one.by_step(one.amount) else None
        if stray is not None:
            found.extend(strays.explained(table, one, stray))
            continue
        cases = _cases(one, table, copies.get(one.row), systematic)
        found.extend(_decided(one, cases, copies))
    found.extend(steps_without_events(measures, strays))
    return found


def _falls_show(payouts: Sequence[Payout]) -> bool:
    """Whether falls at ex-dates tell that prices are not adjusted for dividends already."""
    return sum(one.by_price(one.amount) - one.by_price(0.0) for one in payouts) > 0.5


def _cases(one: Payout, table: Table, copy: float | None, systematic: dict[float, float]) -> list[_Case]:
    """Return the cases of one dividend."""
    amount = one.amount
    if amount <= 0:
        return (
            [
                _Case(kind="dividend_phantom", paid=0.0, odds=3.0, rule="a dividend is not negative"),
                _Case(kind=None, paid=amount, odds=0.0),
            ]
            if amount < 0
            else []
        )

    def weigh(paid: float, prior: float) -> float:
        return prior + one.by_price(paid) + one.by_size(paid)

    steps = [amount] if not one.gain else [amount, amount + one.gain]
    right = max(one.by_step(step) for step in steps)
    cases = [_Case(kind=None, paid=amount, odds=weigh(amount, 0.0) + right)]
    recorded = one.by_step(amount) + _FROM_WRONG
    nothing = one.by_step(0.0) + _FROM_WRONG - 2.5
    factors = dict(_UNITS) | dict.fromkeys(_later_splits(table, one.row), _PRE_SPLIT)
    for factor, prior in factors.items():
        kind: FindingKind = "dividend_too_big" if factor < 1 else "dividend_too_small"
        paid = amount * factor
        fit = max(one.by_step(paid) + _FROM_WRONG, recorded, nothing)
        rhythm = _KEPT if one.steady else -_NOT_KEPT if one.extra else 0.0
        odds = weigh(paid, prior + rhythm) + fit
        if factor in systematic:
            among = one.among(factor).by_size(paid) - one.by_size(paid)
            odds += systematic[factor] + max(among, 0.0)
        cases.append(_Case(kind=kind, paid=paid, odds=odds, rule="the amount is in another unit than prices"))
    prior = (_PHANTOM + (_EXTRA if one.extra else 0.0)) if copy is None else copy
    size = one.by_size(0.0)
    if copy is not None or one.extra:
        size = max(one.by_size(amount), size) if copy is None else one.by_size(amount)
    step = max(one.by_step(amount), one.by_step(0.0))
    rule = (
        "prices show no dividend here"
        if copy is None
        else "another dividend of the same amount is near, and this one shows less"
    )
    cases.append(_Case(kind="dividend_phantom", paid=0.0, odds=prior + one.by_price(0.0) + size + step, rule=rule))
    if one.step is not None:
        cases.extend(_cases_of_adjustment(one, weigh(amount, 0.0)))
    return cases


def _cases_of_adjustment(one: Payout, base: float) -> Iterable[_Case]:
    """Return the cases in which the amount is right and Adj Close wrong, or the other way round by any factor."""
    amount, step = one.amount, one.step or 0.0
    yield _Case(
        kind="dividend_not_adjusted",
        paid=amount,
        odds=base + _NOT_ADJUSTED - (_NOT_KEPT if one.extra else 0.0) + one.by_step(0.0),
        rule="Adj Close does not step at this dividend",
    )
    twice = one.by_step_twice(amount)
    yield _Case(
        kind="dividend_double_counted",
        paid=amount,
        odds=base + _TWICE + twice,
        rule="Adj Close steps by this dividend twice",
    )
    in_unit = max(one.by_step(amount * 100), one.by_step(amount / 100)) - 2.5
    yield _Case(
        kind="adjustment_error",
        paid=amount,
        odds=base + _OTHER_STEP + max(one.by_any_step(), in_unit),
        rule="Adj Close steps at this dividend by another amount",
    )
    told = one.price * (1 - exp(-step))
    if told > 0:
        yield _Case(
            kind="dividend_too_big" if told < amount else "dividend_too_small",
            paid=told,
            odds=_OTHER_AMOUNT + one.by_any_step() + one.by_price(told) + one.by_size(told),
            rule="Adj Close and the price tell of another amount",
        )


def _later_splits(table: Table, row: int) -> list[float]:
    """Return by what an amount before a split would have to be multiplied if it were told in old shares."""
    if table.stock_splits is None:
        return []
    ratios = [float(table.stock_splits[at]) for at in table.events("stock_splits") if at >= row]
    product, factors = 1.0, []
    for ratio in ratios:
        product *= ratio
        if ratio > 0 and not 0.8 < product < 1.25:
            factors.append(1 / product)
    return factors[:4]


def _systematic(payouts: Sequence[Payout]) -> dict[float, float]:
    """Return the unit that dividends of the series have together, with how much more likely that makes it for each."""
    every = [one for one in payouts if one.amount > 0]
    if len(every) < 2:
        return {}
    totals = {}
    for factor in _UNITS:
        gains = [_gain(one, factor) for one in every]
        if sum(gain > _SOME for gain in gains) > 1:
            totals[factor] = sum(gains) + _sized(every, factor)
    best = max(totals, key=lambda factor: totals[factor], default=1.0)
    return {best: min(totals[best] - 2, _TOGETHER)} if totals.get(best, 0.0) > 2 else {}


def _gain(one: Payout, factor: float) -> float:
    """Return, within bounds, how much better a dividend's fall and step fit if it is off by a factor."""
    paid = one.amount * factor
    told = max(one.by_step(one.amount), one.by_step(0.0))
    fit = max(one.by_step(paid) - told, 0.0)
    return max(min(one.by_price(paid) - one.by_price(one.amount) + min(fit, 4.0), 3.0), -3.0)


def _sized(every: Sequence[Payout], factor: float) -> float:
    """Return how much more usual the dividends are, as shares of the price, if all are off by a factor."""
    middle = float(np.median([one.share(one.amount) for one in every]))
    alone = replace(every[0], siblings=())
    return alone.by_size(middle * factor * alone.price) - alone.by_size(middle * alone.price)


def _decided(one: Payout, cases: Sequence[_Case], copies: dict[int, float]) -> list[Suspicion]:
    """Weigh the cases; give the most likely one that is not that all is right."""
    if not cases:
        return []
    top = max(case.odds for case in cases)
    weights = [exp(max(case.odds - top, -50.0)) for case in cases]
    total = sum(weights)
    by_kind: dict[str, float] = {}
    for case, weight in zip(cases, weights, strict=True):
        if case.kind is not None:
            by_kind[case.kind] = by_kind.get(case.kind, 0.0) + weight / total
    if not by_kind:
        return []
    kind = max(by_kind, key=lambda name: by_kind[name])
    confidence = min(by_kind[kind], 0.999)
    if confidence < 0.05:
        return []
    best = max((case for case in cases if case.kind == kind), key=lambda case: case.odds)
    twice = kind == "dividend_double_counted" and one.exactly_twice
    slight = _slight(one, least=_SLIGHTEST if twice else _SLIGHT)
    if kind in {"dividend_double_counted", "adjustment_error"} and (_holds_a_phantom(one, copies) or slight):
        confidence = min(confidence, _UNDECIDED)
    return [_suspicion(one, best, confidence)]


def _slight(one: Payout, *, least: float) -> bool:
    """Whether Adj Close is off by so little that vendors leave it."""
    return one.step is not None and abs(one.step - one.predicted(one.amount)) < least


def _holds_a_phantom(one: Payout, copies: dict[int, float]) -> bool:
    """Whether a copy of this dividend is near, so that its step may hold both."""
    return one.row in copies


def _suspicion(one: Payout, case: _Case, confidence: float) -> Suspicion:
    """Make the suspicion of a case, with the amounts and the Adj Close that it asks for."""
    kind = case.kind or "adjustment_error"
    edits: list[Edit] = []
    rows: Ints = np.array([one.row])
    fields: list[str] = []
    factor: float | None = None
    if kind.startswith("dividend_too") or kind == "dividend_phantom":
        fields.append("dividends")
        factor = case.paid / one.amount
        edits.append(Edit(column="dividends", rows=rows, value=case.paid))
    if one.step is not None:
        ratio = _adjustment_factor(one, case.paid)
        if ratio is not None:
            before = span(0, one.step_row)
            fields.append("adj_close")
            factor = ratio if factor is None else factor
            edits.append(Edit(column="adj_close", rows=before, factor=ratio))
            rows = np.append(before, one.row) if "dividends" in fields else before
    return Suspicion(
        kind=kind,
        rows=rows,
        fields=tuple(fields) or ("dividends",),
        factor=factor,
        confidence=confidence,
        rule=case.rule,
        evidence=one.evidence(case.paid),
        edits=tuple(edits),
    )


def _adjustment_factor(one: Payout, paid: float) -> float | None:
    """Return what Adj Close before the ex-date is to be multiplied by, None if it is right."""
    wanted = one.predicted(paid)
    step = one.step or 0.0
    if one.by_step(paid) > one.by_any_step() and abs(step - wanted) <= max(3 * one.blur, 0.1 * wanted):
        return None
    return exp(step - wanted) if np.isfinite(wanted) else None
