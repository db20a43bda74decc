"""Realised volatility, from closes and from the whole bar."""

from collections.abc import Callable
from functools import partial
from math import log
from typing import Final

import numpy as np

from barledger.indicators.definition import Floats, Indicator, Output, Reach, Values, period
from barledger.indicators.own.handles import windowed
from barledger.indicators.own.reaches import window
from barledger.indicators.own.rolling import means, moments, rooted
from barledger.indicators.parameter import Parameter

_YEAR: Final = Parameter(
    name="bars_per_year",
    sort="float",
    default=252.0,
    low=1,
    high=1e9,
    aliases=("annualisation", "annualization"),
    note="252 for daily bars of shares, 365 for daily bars around the clock, 1 for the deviation of one bar",
)
_YEARLY: Final = "A fraction, not per cent, of a year of bars_per_year bars."
_POPULATION: Final = " The mean is over all bars of the window, around zero: no drift is taken out."


def _logs(above: Floats, below: Floats) -> Floats:
    return np.log(above / below)


def _realised(close: Floats, period: int) -> Floats:
    found = np.full(len(close), np.nan)
    found[1:] = moments(_logs(close[1:], close[:-1]), period)[1] / (period - 1)
    return found


def _parkinson(high: Floats, low: Floats, period: int) -> Floats:
    return means(_logs(high, low) ** 2, period) / (4 * log(2))


def _garman_klass(opened: Floats, high: Floats, low: Floats, close: Floats, period: int) -> Floats:
    terms = 0.5 * _logs(high, low) ** 2 - (2 * log(2) - 1) * _logs(close, opened) ** 2
    return means(terms, period)


def _rogers_satchell(opened: Floats, high: Floats, low: Floats, close: Floats, period: int) -> Floats:
    terms = _logs(high, close) * _logs(high, opened) + _logs(low, close) * _logs(low, opened)
    return means(terms, period)


def _yang_zhang(opened: Floats, high: Floats, low: Floats, close: Floats, period: int) -> Floats:
    share = 0.34 / (1.34 + (period + 1) / (period - 1))
    found = np.full(len(close), np.nan)
    overnight = moments(_logs(opened[1:], close[:-1]), period)[1] / (period - 1)
    within = moments(_logs(close[1:], opened[1:]), period)[1] / (period - 1)
    drifting = _rogers_satchell(opened[1:], high[1:], low[1:], close[1:], period)
    found[1:] = overnight + share * within + (1 - share) * drifting
    return found


def _compute(variance: Callable[..., Floats], *inputs: Floats, period: int, bars_per_year: float) -> tuple[Floats]:
    with np.errstate(all="ignore"):
        return (rooted(variance(*inputs, period), bars_per_year),)


def _reach(more: int, values: Values) -> Reach:
    return window(int(values["period"]) - 1 + more)


def _estimator(
    name: str,
    title: str,
    variance: Callable[..., Floats],
    *,
    inputs: tuple[str, ...],
    more: int,
    formula: str,
    convention: str,
    reference: str,
    aliases: tuple[str, ...] = (),
) -> Indicator:
    return windowed(
        Indicator(
            name=name,
            title=title,
            kind="volatility",
            inputs=inputs,
            parameters=(period("period", 20, aliases=("timeperiod", "window")), _YEAR),
            outputs=(Output(name=name),),
            reach=partial(_reach, more),
            compute=partial(_compute, variance),
            aliases=aliases,
            formula=formula,
            convention=f"{_YEARLY} {convention}",
            reference=reference,
            partial=True,
        )
    )


_BAR: Final = ("open", "high", "low", "close")

REALISED: Final = _estimator(
    "realised_volatility",
    "Realised volatility of closes",
    _realised,
    inputs=("close",),
    more=1,
    formula="stddev(ln(close / close[-1]), period) * sqrt(bars_per_year)",
    convention="Sample deviation (period - 1) of period log returns around their mean.",
    reference="https://en.wikipedia.org/wiki/Volatility_(finance)",
    aliases=("realized_volatility", "historical_volatility"),
)
PARKINSON: Final = _estimator(
    "parkinson",
    "Parkinson's volatility",
    _parkinson,
    inputs=("high", "low"),
    more=0,
    formula="sqrt(mean(ln(high / low)^2, period) / (4 ln 2) * bars_per_year)",
    convention="From ranges alone; gaps between bars are not seen." + _POPULATION,
    reference="M. Parkinson, The Extreme Value Method for Estimating the Variance of the Rate of Return, 1980",
)
GARMAN_KLASS: Final = _estimator(
    "garman_klass",
    "Garman and Klass's volatility",
    _garman_klass,
    inputs=_BAR,
    more=0,
    formula="sqrt(mean(0.5 ln(high / low)^2 - (2 ln 2 - 1) ln(close / open)^2, period) * bars_per_year)",
    convention="Their practical estimator without the overnight term; gaps are not seen." + _POPULATION,
    reference="M. Garman and M. Klass, On the Estimation of Security Price Volatilities from Historical Data, 1980",
)
ROGERS_SATCHELL: Final = _estimator(
    "rogers_satchell",
    "Rogers and Satchell's volatility",
    _rogers_satchell,
    inputs=_BAR,
    more=0,
    formula=("sqrt(mean(ln(high / close) ln(high / open) + ln(low / close) ln(low / open), period) * bars_per_year)"),
    convention="True whatever the drift within bars; gaps are not seen. The mean is over all bars of the window.",
    reference="L. C. G. Rogers and S. E. Satchell, Estimating Variance from High, Low and Closing Prices, 1991",
)
YANG_ZHANG: Final = _estimator(
    "yang_zhang",
    "Yang and Zhang's volatility",
    _yang_zhang,
    inputs=_BAR,
    more=1,
    formula=(
        "sqrt((var(ln(open / close[-1])) + k var(ln(close / open)) + (1 - k) rogers_satchell) * bars_per_year), "
        "k = 0.34 / (1.34 + (period + 1) / (period - 1))"
    ),
    convention="Sample variances (period - 1), and the mean of Rogers and Satchell's term over period bars.",
    reference="D. Yang and Q. Zhang, Drift-Independent Volatility Estimation, 2000",
)
FAMILY: Final = (REALISED, PARKINSON, GARMAN_KLASS, ROGERS_SATCHELL, YANG_ZHANG)
