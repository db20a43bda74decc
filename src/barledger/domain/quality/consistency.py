"""Consistency: how many bars keep the rules that all bars keep, and look like the bars around them."""

from collections.abc import Mapping
from typing import Final

import numpy as np

from barledger.domain.interval import Interval
from barledger.domain.quality.metric import Case, Metric, unmeasured, worst_of
from barledger.domain.quality.robust import FEWEST, unusual
from barledger.domain.rows import Flags, Floats, Ints, Rows
from barledger.domain.timeframe import DAY, Timeframe
from barledger.domain.validation import validate

LIMIT: Final = 10.0
"""From this modified z-score on a bar is unusual; Iglewicz and Hoaglin's 3.5 is for normal values."""

_PRICES: Final = ("open", "high", "low", "close")
_BROKEN: Final = 1_000.0
# Of a spike's way back, which is as long as its way there, so much may be left.
_LEFT: Final = 0.5


def consistency(rows: Rows, timeframe: Timeframe, *, explained: Ints | None = None) -> Metric:
    """Return ``passed / bars``: the share of bars that break no rule and are not unusual.

    Rules are those of `domain.validation` (low <= open, close <= high, nothing negative or infinite, times on the
    grid), and that prices are above zero. Unusual is a bar whose modified z-score (`quality.robust`; Iglewicz and
    Hoaglin 1993) is above `LIMIT`, both among all bars of the interval and among its neighbours, in

    - ``returns``: ``ln(close / close before)``, those within a session and those over a break apart;
    - ``ranges``: ``ln(ln(high / low))``, which is nearly normal (Alizadeh, Brandt and Diebold, Journal of Finance 57,
      2002), too large ones only;
    - ``volume``: ``ln(volume)``, nearly normal too (Ajinkya and Jain, Journal of Accounting and Economics 11, 1989).

    Of a spike, which comes back with the next bar, only the first of both counts. ``explained`` are the times of bars
    whose return and volume a known corporate action explains. A check that has fewer than 20 values is not made, and
    said in the notes. None where there are no bars. The limit is so wide since returns have heavy tails: of 12,154
    daily bars of five shares, 2000 to 2013, it leaves their three splits and the fall of AAPL on 2000-09-29.
    """
    if not len(rows):
        return unmeasured("consistency", "there are no bars in the interval", counts={"bars": 0})
    broken = _broken(rows, timeframe)
    known = np.zeros(len(rows), np.bool_) if explained is None else np.isin(rows.time, explained)
    checks = {
        "returns": np.where(known, 0.0, _returns(rows, timeframe)),
        "ranges": _ranges(rows),
        "volume": np.where(known, 0.0, _volumes(rows)),
    }
    failed = np.logical_or.reduce([*broken.values(), *(scores > 0 for scores in checks.values())])
    count = int(failed.sum())
    told = {name: int(flags.sum()) for name, flags in broken.items() if flags.any()}
    told |= {name: int((scores > 0).sum()) for name, scores in checks.items()}
    return Metric(
        name="consistency",
        score=(len(rows) - count) / len(rows),
        counts={"bars": len(rows), "passed": len(rows) - count, "failed": count, **told},
        figures={"limit": LIMIT, "explained_bars": int(known.sum())},
        worst=worst_of(_cases(rows, timeframe, broken, checks)),
        notes=_notes(rows),
    )


def _broken(rows: Rows, timeframe: Timeframe) -> dict[str, Flags]:
    """Return the bars that break each rule, by its code."""
    found: dict[str, list[int]] = {}
    for one in validate(rows, timeframe, on_invalid="quarantine").rejected:
        found.setdefault(one.code, []).append(one.time)
    flags = {code: np.isin(rows.time, np.array(times, np.int64)) for code, times in found.items()}
    return flags | {"non-positive": np.logical_or.reduce([getattr(rows, name) <= 0 for name in _PRICES])}


def _returns(rows: Rows, timeframe: Timeframe) -> Floats:
    """Return the scores of bars' returns."""
    at = np.flatnonzero(_positive(rows.close))
    scores = np.zeros(len(rows))
    if len(at) < 2:
        return scores
    returns = np.diff(np.log(rows.close[at]))
    after = at[1:]
    if timeframe.duration >= DAY:
        scores[after] = unusual(returns, LIMIT)
    else:
        follows = np.diff(rows.time[at]) == timeframe.duration
        for alike in (follows, ~follows):
            scores[after[alike]] = unusual(returns[alike], LIMIT)
    return _without_ways_back(scores, after, returns)


def _without_ways_back(scores: Floats, after: Ints, returns: Floats) -> Floats:
    """Forgive the bar after a spike: its return is the spike's, undone."""
    marked = np.flatnonzero(scores[after] > 0)
    previous = -2
    for at in marked.tolist():
        if at == previous + 1:
            there, back = float(returns[at - 1]), float(returns[at])
            if there * back < 0 and abs(there + back) < _LEFT * abs(there):
                scores[after[at]] = 0.0
                continue
        previous = at
    return scores


def _ranges(rows: Rows) -> Floats:
    """Return the scores of bars that range too far."""
    scores = np.zeros(len(rows))
    with np.errstate(invalid="ignore"):
        moved = _positive(rows.low) & _positive(rows.high) & (rows.high > rows.low)
    at = np.flatnonzero(moved)
    if len(at):
        values = np.log(np.log(rows.high[at] / rows.low[at]))
        found = unusual(values, LIMIT)
        scores[at] = np.where(values > np.median(values), found, 0.0)
    return scores


def _volumes(rows: Rows) -> Floats:
    scores = np.zeros(len(rows))
    at = np.flatnonzero(_positive(rows.volume))
    if len(at):
        scores[at] = unusual(np.log(rows.volume[at]), LIMIT)
    return scores


def _positive(values: Floats) -> Flags:
    """Tell which values a logarithm can be taken of."""
    with np.errstate(invalid="ignore"):
        return np.asarray((values > 0) & (values < np.inf))


def _cases(rows: Rows, timeframe: Timeframe, broken: Mapping[str, Flags], checks: Mapping[str, Floats]) -> list[Case]:
    """Return the worst bars of each rule and each check."""
    cases = [
        _case(rows, timeframe, at, f"breaks the rule {code}", _BROKEN)
        for code, flags in broken.items()
        for at in np.flatnonzero(flags)[:_FEW].tolist()
    ]
    for name, scores in checks.items():
        found = np.flatnonzero(scores)
        worst = found[np.argsort(-scores[found], kind="stable")[:_FEW]]
        cases += [
            _case(rows, timeframe, at, f"{_WORDS[name]}, modified z-score {scores[at]:.1f}", float(scores[at]))
            for at in worst.tolist()
        ]
    return cases


_FEW: Final = 10
_WORDS: Final = {"returns": "an unusual return", "ranges": "an unusual range", "volume": "an unusual volume"}


def _case(rows: Rows, timeframe: Timeframe, at: int, what: str, value: float) -> Case:
    start = int(rows.time[at])
    end = int(timeframe.close_of(rows.time[at : at + 1])[0])
    return Case(interval=Interval(start, end), what=what, value=value)


def _notes(rows: Rows) -> tuple[str, ...]:
    if len(rows) <= FEWEST:
        return (f"of fewer than {FEWEST + 1} bars nobody can say what is usual; only the rules were checked",)
    if not _positive(rows.volume).any():
        return ("no bar has a volume, so volumes were not checked",)
    return ()
