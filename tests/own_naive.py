"""Our own indicators in plain Python, as a person would write them down: row by row, from their definitions."""

import itertools
import math
import statistics
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

Row = Sequence[float]
NAN = math.nan


def _windows(size: int, lookback: int, value: Callable[[int], Any], outputs: int = 1) -> list[tuple[float, ...]]:
    """Return the values of each row; missing before the lookback."""
    rows = []
    for at in range(size):
        found = value(at) if at >= lookback else (NAN,) * outputs
        rows.append(found if isinstance(found, tuple) else (found,))
    return rows


def _true_range(high: Row, low: Row, close: Row, at: int) -> float:
    return max(high[at] - low[at], abs(high[at] - close[at - 1]), abs(low[at] - close[at - 1]))


def _atr(high: Row, low: Row, close: Row, period: int) -> list[float]:
    found = [NAN] * len(close)
    for at in range(period, len(close)):
        if at == period:
            found[at] = sum(_true_range(high, low, close, one) for one in range(1, period + 1)) / period
        else:
            found[at] = (found[at - 1] * (period - 1) + _true_range(high, low, close, at)) / period
    return found


def _ema(values: Row, period: int) -> list[float]:
    found = [NAN] * len(values)
    for at in range(period - 1, len(values)):
        if at == period - 1:
            found[at] = sum(values[:period]) / period
        else:
            share = 2 / (period + 1)
            found[at] = values[at] * share + found[at - 1] * (1 - share)
    return found


def keltner(high: Row, low: Row, close: Row, *, ema: int, multiplier: float, atr: int) -> Any:
    middle, ranges = _ema(close, ema), _atr(high, low, close, atr)

    def value(at: int) -> tuple[float, ...]:
        return middle[at] + multiplier * ranges[at], middle[at], middle[at] - multiplier * ranges[at]

    return _windows(len(close), max(ema - 1, atr), value, 3)


def ichimoku(high: Row, low: Row, close: Row, *, tenkan: int, kijun: int, senkou: int, offset: int) -> Any:
    def line(at: int, bars: int) -> float:
        if at < bars - 1:
            return NAN
        return (max(high[at - bars + 1 : at + 1]) + min(low[at - bars + 1 : at + 1])) / 2

    def value(at: int) -> tuple[float, ...]:
        before = at - offset
        leading = (line(before, tenkan) + line(before, kijun)) / 2
        lagging = close[at + offset] if at + offset < len(close) else NAN
        return line(at, tenkan), line(at, kijun), leading, line(before, senkou), lagging

    return _windows(len(close), 0, value, 5)


def donchian_prior(high: Row, low: Row, *, period: int) -> Any:
    def value(at: int) -> tuple[float, ...]:
        upper, lower = max(high[at - period : at]), min(low[at - period : at])
        return upper, (upper + lower) / 2, lower

    return _windows(len(high), period, value, 3)


def chandelier_exit(high: Row, low: Row, close: Row, *, period: int, multiplier: float) -> Any:
    ranges = _atr(high, low, close, period)

    def value(at: int) -> tuple[float, ...]:
        begin = at - period + 1
        band = multiplier * ranges[at]
        return max(high[begin : at + 1]) - band, min(low[begin : at + 1]) + band

    return _windows(len(close), period, value, 2)


def ttm_squeeze(high: Row, low: Row, close: Row, *, period: int, bb: float, kc: float) -> Any:
    def on(at: int) -> float:
        if at < period:
            return NAN
        rows = range(at - period + 1, at + 1)
        middle = statistics.fmean(close[one] for one in rows)
        narrow = bb * statistics.pstdev([close[one] for one in rows])
        wide = kc * statistics.fmean(_true_range(high, low, close, one) for one in rows)
        return float(middle + narrow < middle + wide and middle - narrow > middle - wide)

    def delta(at: int) -> float:
        rows = slice(at - period + 1, at + 1)
        donchian = (max(high[rows]) + min(low[rows])) / 2
        return close[at] - (donchian + statistics.fmean(close[rows])) / 2

    def momentum(at: int) -> float:
        if at < 2 * period - 2:
            return NAN
        slope, intercept = statistics.linear_regression(
            range(period), [delta(one) for one in range(at - period + 1, at + 1)]
        )
        return intercept + slope * (period - 1)

    def value(at: int) -> tuple[float, ...]:
        now, before = on(at), on(at - 1)
        fired = NAN if math.isnan(now + before) else float(before == 1 and now == 0)
        return now, momentum(at), fired

    return _windows(len(close), 0, value, 3)


def choppiness(high: Row, low: Row, close: Row, *, period: int) -> Any:
    def value(at: int) -> float:
        rows = range(at - period + 1, at + 1)
        way = sum(_true_range(high, low, close, one) for one in rows)
        top = max(max(high[one], close[one - 1]) for one in rows)
        bottom = min(min(low[one], close[one - 1]) for one in rows)
        return 100 * math.log10(way / (top - bottom)) / math.log10(period)

    return _windows(len(close), period, value)


def alma(close: Row, *, period: int, offset: float, sigma: float) -> Any:
    weights = [
        math.exp(-((place - offset * (period - 1)) ** 2) / (2 * (period / sigma) ** 2)) for place in range(period)
    ]

    def value(at: int) -> float:
        window = close[at - period + 1 : at + 1]
        return sum(one * other for one, other in zip(weights, window, strict=True)) / sum(weights)

    return _windows(len(close), period - 1, value)


def zscore(close: Row, *, period: int, ddof: int) -> Any:
    def value(at: int) -> float:
        window = close[at - period + 1 : at + 1]
        deviation = statistics.stdev(window) if ddof else statistics.pstdev(window)
        if not deviation:
            return NAN
        return (close[at] - statistics.fmean(window)) / deviation

    return _windows(len(close), period - 1, value)


def _pair(close: Row, benchmark: Row, period: int, of: str, measure: Callable[..., float]) -> Any:
    def moves(values: Row, at: int) -> list[float]:
        rows = range(at - period + 1, at + 1)
        return [values[one] if of == "prices" else values[one] / values[one - 1] - 1 for one in rows]

    lookback = period - 1 if of == "prices" else period
    return _windows(len(close), lookback, lambda at: measure(moves(close, at), moves(benchmark, at)))


def rolling_beta(close: Row, benchmark: Row, *, period: int, of: str) -> Any:
    def measure(own: Row, other: Row) -> float:
        return statistics.covariance(own, other) / statistics.variance(other)

    return _pair(close, benchmark, period, of, measure)


def rolling_correlation(close: Row, benchmark: Row, *, period: int, of: str) -> Any:
    return _pair(close, benchmark, period, of, statistics.correlation)


def realised_volatility(close: Row, *, period: int, bars_per_year: float) -> Any:
    def value(at: int) -> float:
        moves = [math.log(close[one] / close[one - 1]) for one in range(at - period + 1, at + 1)]
        return statistics.stdev(moves) * math.sqrt(bars_per_year)

    return _windows(len(close), period, value)


def parkinson(high: Row, low: Row, *, period: int, bars_per_year: float) -> Any:
    def value(at: int) -> float:
        total = sum(math.log(high[one] / low[one]) ** 2 for one in range(at - period + 1, at + 1))
        return math.sqrt(bars_per_year * total / (4 * period * math.log(2)))

    return _windows(len(high), period - 1, value)


def garman_klass(opened: Row, high: Row, low: Row, close: Row, *, period: int, bars_per_year: float) -> Any:
    def value(at: int) -> float:
        total = sum(
            0.5 * math.log(high[one] / low[one]) ** 2 - (2 * math.log(2) - 1) * math.log(close[one] / opened[one]) ** 2
            for one in range(at - period + 1, at + 1)
        )
        return math.sqrt(max(bars_per_year * total / period, 0.0))

    return _windows(len(close), period - 1, value)


def _drifting(opened: Row, high: Row, low: Row, close: Row, at: int) -> float:
    up, down, end = (math.log(one[at] / opened[at]) for one in (high, low, close))
    return up * (up - end) + down * (down - end)


def rogers_satchell(opened: Row, high: Row, low: Row, close: Row, *, period: int, bars_per_year: float) -> Any:
    def value(at: int) -> float:
        rows = range(at - period + 1, at + 1)
        total = sum(_drifting(opened, high, low, close, one) for one in rows)
        return math.sqrt(max(bars_per_year * total / period, 0.0))

    return _windows(len(close), period - 1, value)


def yang_zhang(opened: Row, high: Row, low: Row, close: Row, *, period: int, bars_per_year: float) -> Any:
    def value(at: int) -> float:
        rows = range(at - period + 1, at + 1)
        overnight = statistics.variance([math.log(opened[one] / close[one - 1]) for one in rows])
        within = statistics.variance([math.log(close[one] / opened[one]) for one in rows])
        drifting = sum(_drifting(opened, high, low, close, one) for one in rows) / period
        share = 0.34 / (1.34 + (period + 1) / (period - 1))
        return math.sqrt((overnight + share * within + (1 - share) * drifting) * bars_per_year)

    return _windows(len(close), period, value)


def _calendar(time: int, unit: str, begins: float, zone: str) -> tuple[int, ...]:
    local = datetime.fromtimestamp(time // 10**9, ZoneInfo(zone)).replace(tzinfo=None) - timedelta(hours=begins)
    if unit == "week":
        return local.isocalendar()[:2]
    places = {"year": 1, "month": 2, "day": 3, "hour": 4}[unit]
    return local.timetuple()[:places]


def _levels(kind: str, bar: tuple[float, ...], opening: float) -> tuple[float, ...]:
    opened, high, low, close = bar
    span, pivot = high - low, (high + low + close) / 3
    if kind == "camarilla":
        steps = [1.1 * span / part for part in (12, 6, 4, 2)]
        return close, *(close + one for one in steps), *(close - one for one in steps)
    if kind == "fibonacci":
        steps = [0.382 * span, 0.618 * span, span, NAN]
        return pivot, *(pivot + one for one in steps), *(pivot - one for one in steps)
    if kind == "demark":
        x = high + 2 * low + close if close < opened else 2 * high + low + close
        x = high + low + 2 * close if close == opened else x
        return x / 4, x / 2 - low, NAN, NAN, NAN, x / 2 - high, NAN, NAN, NAN
    if kind == "woodie":
        pivot = (high + low + 2 * opening) / 4
    above = (2 * pivot - low, pivot + span, high + 2 * (pivot - low), NAN)
    below = (2 * pivot - high, pivot - span, low - 2 * (high - pivot), NAN)
    return pivot, *above, *below


def pivots(
    time: Row, opened: Row, high: Row, low: Row, close: Row, *, window: str, kind: str, begins: float, zone: str
) -> Any:
    groups: dict[tuple[int, ...], list[int]] = {}
    for at, one in enumerate(time):
        groups.setdefault(_calendar(int(one), window, begins, zone), []).append(at)
    rows = []
    before: list[int] = []
    for group in groups.values():
        levels = (NAN,) * 9
        if before:
            ends = (max(high[one] for one in before), min(low[one] for one in before))
            levels = _levels(kind, (opened[before[0]], *ends, close[before[-1]]), opened[group[0]])
        rows += [levels] * len(group)
        before = group
    return rows


def rolling_pivots(opened: Row, high: Row, low: Row, close: Row, *, period: int, lag: int, kind: str) -> Any:
    def value(at: int) -> tuple[float, ...]:
        end = at - lag
        begin = end - period
        bar = (opened[begin], max(high[begin:end]), min(low[begin:end]), close[end - 1])
        return _levels(kind, bar, opened[at])

    return _windows(len(close), period + lag, value, 9)


def _mean_price(
    rows: Sequence[int], high: Row, low: Row, close: Row, volume: Row, multiplier: float
) -> tuple[float, ...]:
    prices = [(high[one] + low[one] + close[one]) / 3 for one in rows]
    weights = [volume[one] for one in rows]
    total = math.fsum(weights)
    if not total:
        return (NAN,) * 4
    mean = math.fsum(price * weight for price, weight in zip(prices, weights, strict=True)) / total
    squares = math.fsum(weight * (price - mean) ** 2 for price, weight in zip(prices, weights, strict=True))
    deviation = math.sqrt(squares / total)
    distance = (close[rows[-1]] - mean) / deviation if sum(weight > 0 for weight in weights) > 1 else NAN
    return mean, mean + multiplier * deviation, mean - multiplier * deviation, distance


def session_vwap(
    time: Row, high: Row, low: Row, close: Row, volume: Row, *, anchor: str, multiplier: float, begins: float, zone: str
) -> Any:
    def number(at: int) -> tuple[int, ...]:
        return _calendar(int(time[at]), anchor, begins, zone)

    rows = []
    session: list[int] = []
    for at in range(len(time)):
        if session and number(session[-1]) != number(at):
            session = []
        session.append(at)
        rows.append(_mean_price(session, high, low, close, volume, multiplier))
    return rows


def anchored_vwap(time: Row, high: Row, low: Row, close: Row, volume: Row, *, anchor: str, multiplier: float) -> Any:
    begin = datetime.fromisoformat(anchor)
    begin = begin if begin.tzinfo else begin.replace(tzinfo=UTC)
    rows = []
    since: list[int] = []
    for at, one in enumerate(time):
        if datetime.fromtimestamp(one // 10**9, UTC) >= begin:
            since.append(at)
        rows.append(_mean_price(since, high, low, close, volume, multiplier) if since else (NAN,) * 4)
    return rows


def rolling_vwap(high: Row, low: Row, close: Row, volume: Row, *, period: int) -> Any:
    def value(at: int) -> float:
        return _mean_price(range(at - period + 1, at + 1), high, low, close, volume, 1.0)[0]

    return _windows(len(close), period - 1, value)


def spread(high: Row, low: Row, volume: Row, edges: Row) -> list[float]:
    """Return the volume of each bin: of each bar, the share of its range that is in the bin."""
    found = [0.0] * (len(edges) - 1)
    for top, bottom, traded in zip(high, low, volume, strict=True):
        for at, (begin, end) in enumerate(itertools.pairwise(edges)):
            if top > bottom:
                found[at] += traded * max(min(top, end) - max(bottom, begin), 0.0) / (top - bottom)
            elif begin <= top < end or (at == len(found) - 1 and top >= end):
                found[at] += traded
                break
    return found


def area(volumes: Row, share: float) -> tuple[int, int, int]:
    """Return the bin with most, and the ends of the value area."""
    alike, middle = 1 - 1e-9, (len(volumes) - 1) / 2
    alikes = [at for at in range(len(volumes)) if volumes[at] >= max(volumes) * alike]
    most = min(alikes, key=lambda at: (abs(at - middle), at))
    low = high = most
    while sum(volumes[low : high + 1]) < share * sum(volumes) * alike:
        above, below = volumes[high + 1 : high + 3], volumes[max(low - 2, 0) : low]
        if not above and not below:
            break
        if above and (not below or sum(above) >= sum(below) * alike):
            high += len(above)
        else:
            low -= len(below)
    return most, low, high


def value_area(high: Row, low: Row, volume: Row, *, period: int, bins: int, share: float) -> Any:
    def value(at: int) -> tuple[float, ...]:
        rows = slice(at - period + 1, at + 1)
        begin, end = min(low[rows]), max(high[rows])
        if not sum(volume[rows]):
            return (NAN,) * 3
        edges = [begin + (end - begin) * one / bins for one in range(bins + 1)]
        most, lowest, highest = area(spread(high[rows], low[rows], volume[rows], edges), share)
        return (edges[most] + edges[most + 1]) / 2, edges[lowest], edges[highest + 1]

    return _windows(len(high), period - 1, value, 3)


def poc(high: Row, low: Row, volume: Row, *, period: int, bins: int) -> Any:
    return [row[:1] for row in value_area(high, low, volume, period=period, bins=bins, share=0.7)]
