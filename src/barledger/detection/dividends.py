"""Dividends: judged by the fall of the price, by the step of Adj Close, and by the other dividends.

For each dividend every way in which its data can be right or wrong is a case; the likelihoods of a case's
predictions, with its prior, give its probability.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import exp, log, log1p
from typing import Final

import numpy as np

from barledger.detection.likelihood import fitting, probability
from barledger.detection.moves import Measures, implied
from barledger.detection.payout import Payout, payouts_of, step_blur
from barledger.detection.suspicion import LIKELY, Suspicion, span
from barledger.detection.table import Edit, Table
from barledger.domain.finding import FindingKind
from barledger.domain.rows import Floats, Ints

_DAY: Final = 86_400_000_000_000
_COPY: Final = 17 * _DAY
_COPY_ALIKE: Final = 0.08
_ORDINARY_GAP: Final = 45 * _DAY

_UNITS: Final = {0.01: -5.0, 100.0: -5.0, 0.001: -7.5, 1000.0: -7.5}
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
_SLIGHT: Final = 0.005
_STRAY: Final = 2e-4
_LARGEST: Final = 0.35


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
    copies = _copies(payouts)
    strays = _stray_steps(table, payouts)
    found = [*_double_counted(table, payouts)]
    done = {int(one.evidence["row"]) for one in found}
    systematic = _systematic(payouts, table)
    for one in payouts:
        if one.row in done:
            continue
        stray = strays.near(one) if one.step is not None and one.by_step(0.0) > one.by_step(one.amount) else None
        if stray is not None:
            found.extend(strays.explained(table, one, stray))
            continue
        cases = _cases(one, table, copies.get(one.row), systematic)
        found.extend(_decided(table, one, cases, copies))
    found.extend(_missing(table, strays))
    return found


def _falls_show(payouts: Sequence[Payout]) -> bool:
    """Whether falls at ex-dates tell that prices are not adjusted for dividends already."""
    return sum(one.by_price(one.amount) - one.by_price(0.0) for one in payouts) > 0.5


def _cases(one: Payout, table: Table, copy: float | None, systematic: dict[float, float]) -> list[_Case]:
    """Return the cases of one dividend."""
    amount = one.amount
    if amount <= 0:
        return [
            _Case(kind="dividend_phantom", paid=0.0, odds=3.0, rule="a dividend is not negative"),
            _Case(kind=None, paid=amount, odds=0.0),
        ] if amount < 0 else []

    def weigh(paid: float, prior: float) -> float:
        return prior + one.by_price(paid) + one.by_size(paid)

    steps = [amount] if not one.gain else [amount, amount + one.gain]
    right = max(one.by_step(step) for step in steps)
    cases = [_Case(kind=None, paid=amount, odds=weigh(amount, 0.0) + right)]
    recorded = one.by_step(amount) + _FROM_WRONG
    nothing = one.by_step(0.0) + _FROM_WRONG - 1.0
    factors = dict(_UNITS) | dict.fromkeys(_later_splits(table, one.row), _PRE_SPLIT)
    for factor, prior in factors.items():
        kind: FindingKind = "dividend_too_big" if factor < 1 else "dividend_too_small"
        paid = amount * factor
        fit = max(one.by_step(paid) + _FROM_WRONG, recorded, nothing)
        rhythm = _KEPT if one.steady else -_NOT_KEPT if one.extra else 0.0
        odds = weigh(paid, prior + systematic.get(factor, 0.0) + rhythm) + fit
        cases.append(_Case(kind=kind, paid=paid, odds=odds, rule="the amount is in another unit than prices"))
    prior = (_PHANTOM + (_EXTRA if one.extra else 0.0)) if copy is None else copy
    size = one.by_size(0.0) if copy is None else one.by_size(amount)
    step = max(one.by_step(amount), one.by_step(0.0))
    rule = "prices show no dividend here" if copy is None else "another dividend of the same amount is near, and this one shows less"
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
        odds=base + _NOT_ADJUSTED + one.by_step(0.0),
        rule="Adj Close does not step at this dividend",
    )
    compounded = amount * max(2 - one.share(amount), 0.0)
    twice = max(one.by_step(2 * amount), one.by_step(compounded))
    yield _Case(
        kind="dividend_double_counted",
        paid=amount,
        odds=base + _TWICE + twice,
        rule="Adj Close steps by this dividend twice",
    )
    in_unit = max(one.by_step(amount * 100), one.by_step(amount / 100)) - 1.0
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


def _systematic(payouts: Sequence[Payout], table: Table) -> dict[float, float]:
    """Return for each unit how much more likely it is because other dividends of the series have it as well."""
    del table
    raised = {}
    for factor in _UNITS:
        gains = []
        for one in payouts:
            if one.amount <= 0:
                continue
            paid = one.amount * factor
            fit = max(one.by_step(paid), one.by_step(one.amount)) - one.by_step(one.amount)
            gains.append(max(min(one.by_price(paid) - one.by_price(one.amount) + min(fit, 4.0), 3.0), -3.0))
        total = sum(gains)
        if len(gains) > 1 and total > 2:
            raised[factor] = min(total - 2, 4.5)
    return raised


def _copies(payouts: Sequence[Payout]) -> dict[int, float]:
    """Return the prior log odds of being a phantom for dividends that have another of their amount close by."""
    priors: dict[int, float] = {}
    for left, right in zip(payouts[:-1], payouts[1:], strict=True):
        if left.amount <= 0 or right.amount <= 0 or right.time - left.time > _COPY:
            continue
        if abs(left.amount / right.amount - 1) > _COPY_ALIKE or not _seldom(payouts, left, right):
            continue
        pair = 1.5 if abs(left.amount / right.amount - 1) < 1e-4 else 0.0
        first = _as_phantom(left, right, payouts)
        priors[left.row] = pair - (4.0 if first < 0 else 0.0) - _split_of(first)
        priors[right.row] = pair - (4.0 if first >= 0 else 0.0) - _split_of(first)
    return priors


def _split_of(lead: float) -> float:
    """Return what not knowing which of two is the phantom costs."""
    return float(np.log1p(exp(-min(abs(lead), 20.0))))


def _seldom(payouts: Sequence[Payout], left: Payout, right: Payout) -> bool:
    """Whether dividends usually lie far apart."""
    times = [one.time for one in payouts if one.row != left.row and one.amount > 0]
    gaps = np.diff(times)
    del right
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
    phase = [abs(abs(one.time - near) - max(1, round(abs(one.time - near) / gap)) * gap) / _DAY for one in (left, right)]
    return max(min((phase[0] - phase[1]) / 6, 2.0), -2.0)


def _decided(
    table: Table, one: Payout, cases: Sequence[_Case], copies: dict[int, float]
) -> list[Suspicion]:
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
    if kind in {"dividend_double_counted", "adjustment_error"} and (_holds_a_phantom(one, copies) or _slight(one)):
        confidence = min(confidence, _UNDECIDED)
    return [_suspicion(table, one, best, confidence)]


def _slight(one: Payout) -> bool:
    """Whether Adj Close is off by so little that vendors leave it."""
    return one.step is not None and abs(one.step - one.predicted(one.amount)) < _SLIGHT


def _holds_a_phantom(one: Payout, copies: dict[int, float]) -> bool:
    """Whether a copy of this dividend is near, so that its step may hold both."""
    return one.row in copies


def _suspicion(table: Table, one: Payout, case: _Case, confidence: float) -> Suspicion:
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
        evidence=_evidence(one, case.paid),
        edits=tuple(edits),
    )


def _adjustment_factor(one: Payout, paid: float) -> float | None:
    """Return what Adj Close before the ex-date is to be multiplied by, None if it is right."""
    wanted = one.predicted(paid)
    step = one.step or 0.0
    if one.by_step(paid) > one.by_any_step() and abs(step - wanted) <= max(3 * one.blur, 0.1 * wanted):
        return None
    return exp(step - wanted) if np.isfinite(wanted) else None


def _evidence(one: Payout, paid: float) -> dict[str, float | int | None]:
    return {
        "row": one.row,
        "amount": one.amount,
        "proposed_amount": paid,
        "close_before": one.price,
        "share_of_price": round(one.share(one.amount), 6),
        "move": round(exp(one.move), 6),
        "noise": round(one.noise, 6),
        "adjustment": None if one.step is None else round(exp(-one.step), 9),
        "adjustment_asked_for": round(max(1 - one.share(one.amount), 0.0), 9),
        "capital_gain": one.gain,
    }


def _double_counted(table: Table, payouts: Sequence[Payout]) -> list[Suspicion]:
    """Judge all capital gains together: whether the dividends hold them already and Adj Close takes them again."""
    gains = [one for one in payouts if one.gain > 0 and one.step is not None and one.amount >= one.gain]
    counted = [one for one in gains if one.by_step(one.amount + one.gain) > one.by_step(one.amount) + 2]
    if not counted:
        return []
    odds = -0.5 + sum(one.by_price(one.amount) - one.by_price(one.amount + one.gain) for one in counted)
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
                evidence=_evidence(one, one.amount),
                edits=(Edit(column="adj_close", rows=rows, factor=factor),),
            )
        )
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class _Strays:
    """Steps of Adj Close at rows without an event."""

    rows: list[int]
    steps: dict[int, float]
    used: set[int]
    times: Ints

    def near(self, one: Payout) -> int | None:
        """Return a step within 45 days that has the size of this dividend's."""
        wanted = one.predicted(one.amount)
        for row in self.rows:
            close = abs(int(self.times[row]) - one.time) <= _ORDINARY_GAP
            if close and row not in self.used and abs(self.steps[row] / wanted - 1) < 0.12:
                return row
        return None

    def explained(self, table: Table, one: Payout, row: int) -> list[Suspicion]:
        """Say that a dividend is written at another row than Adj Close takes it, or Adj Close at another row.

        A vendor makes Adj Close of its events, so a step without one tells of an event that was moved.
        """
        self.used.add(row)
        move = log(float(table.close[row]) / float(table.close[row - 1]))
        here = one.by_price(one.amount) - one.by_price(0.0)
        there = fitting(move + self.steps[row], one.noise) - fitting(move, one.noise)
        sure = 0.6 + 0.38 * probability(abs(there + 1 - here))
        if there + 1 > here:
            amount = float(table.close[row - 1]) * (1 - exp(-self.steps[row]))
            amount = one.amount if abs(amount / one.amount - 1) < 0.05 else amount
            gone = Suspicion(
                kind="dividend_phantom",
                rows=np.array([one.row]),
                fields=("dividends",),
                factor=0.0,
                confidence=sure,
                rule="Adj Close and the price take this dividend at another bar",
                evidence=_evidence(one, 0.0),
                edits=(Edit(column="dividends", rows=np.array([one.row]), value=0.0),),
            )
            return [gone, _found_missing(table, row, amount, sure)]
        first, end = min(row, one.row), max(row, one.row)
        factor = exp(self.steps[row] * (-1 if row < one.row else 1))
        return [
            Suspicion(
                kind="dividend_not_adjusted" if row < one.row else "adjustment_error",
                rows=span(first, end),
                fields=("adj_close",),
                factor=factor,
                confidence=sure,
                rule="Adj Close steps for this dividend at another bar than its ex-date",
                evidence=_evidence(one, one.amount),
                edits=(Edit(column="adj_close", rows=span(first, end), factor=factor),),
            )
        ]


def _stray_steps(table: Table, payouts: Sequence[Payout]) -> _Strays:
    """Find steps of Adj Close where no event is, if the table has a column of dividends at all."""
    nothing = _Strays(rows=[], steps={}, used=set(), times=table.time)
    if table.adj_close is None or table.dividends is None or len(table) < 3:
        return nothing
    ratio = implied(table)
    steps = np.diff(ratio)
    blur = step_blur(table, ratio)
    known = {one.row for one in payouts} | {one.step_row for one in payouts}
    known |= {int(row) for row in table.events("stock_splits")}
    rows = [int(row) + 1 for row in np.flatnonzero(np.abs(steps) > max(_STRAY, 6 * blur)) if int(row) + 1 not in known]
    if len(rows) > max(3, len(table) // 8):
        return nothing
    return _Strays(rows=rows, steps={row: float(steps[row - 1]) for row in rows}, used=set(), times=table.time)


def _missing(table: Table, strays: _Strays) -> list[Suspicion]:
    """Judge the steps that no dividend explains: a dividend that is not told, or a fault of Adj Close."""
    found: list[Suspicion] = []
    left = [row for row in strays.rows if row not in strays.used]
    spikes = _spikes(table, left, strays.steps)
    found.extend(one for _, one in spikes)
    taken = {row for rows, _ in spikes for row in rows}
    for row in left:
        if row in taken:
            continue
        step = strays.steps[row]
        amount = float(table.close[row - 1]) * (1 - exp(-step))
        if 0 < step < -log1p(-_LARGEST):
            found.append(_found_missing(table, row, amount, 0.9))
        else:
            found.append(_wrong_step(table, row, step))
    return found


def _found_missing(table: Table, row: int, amount: float, confidence: float) -> Suspicion:
    price = float(table.close[row - 1])
    return Suspicion(
        kind="dividend_missing",
        rows=np.array([row]),
        fields=("dividends",),
        factor=None,
        confidence=confidence,
        rule="Adj Close steps as for a dividend, and none is told",
        evidence={
            "row": row,
            "proposed_amount": amount,
            "close_before": price,
            "move": round(float(table.close[row]) / price, 6),
        },
        edits=(Edit(column="dividends", rows=np.array([row]), value=amount),),
    )


def _wrong_step(table: Table, row: int, step: float) -> Suspicion:
    rows = span(0, row)
    return Suspicion(
        kind="adjustment_error",
        rows=rows,
        fields=("adj_close",),
        factor=exp(step),
        confidence=0.7,
        rule="Adj Close steps where no event is, as no dividend would make it",
        evidence={"row": row, "step": round(exp(-step), 9)},
        edits=(Edit(column="adj_close", rows=rows, factor=exp(step)),),
    )


def _spikes(table: Table, rows: Sequence[int], steps: dict[int, float]) -> list[tuple[tuple[int, int], Suspicion]]:
    """Find rows whose adjustment leaves that of the others and comes back."""
    found = []
    taken: set[int] = set()
    for first, end in zip(rows[:-1], rows[1:], strict=True):
        if first in taken or abs(steps[first] + steps[end]) > 0.05 * abs(steps[first]):
            continue
        taken |= {first, end}
        factor = exp(-steps[first])
        one = Suspicion(
            kind="adjustment_error",
            rows=span(first, end),
            fields=("adj_close",),
            factor=factor,
            confidence=0.9,
            rule="Adj Close of these bars is off by one factor from that of the bars before and after",
            evidence={"row": first, "factor": factor},
            edits=(Edit(column="adj_close", rows=span(first, end), factor=factor),),
        )
        found.append(((first, end), one))
    return found


def applied_adjustments(found: Iterable[Suspicion]) -> Iterable[Edit]:
    """Give the edits of those that are likely."""
    return (edit for one in found if one.confidence >= LIKELY for edit in one.edits)


