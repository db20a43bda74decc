"""Shape: bars that cannot be, that repeat, or that stand alone."""

from collections.abc import Iterable, Sequence
from math import log
from typing import Final

import numpy as np

from barledger.detection.likelihood import fitting, moving, probability
from barledger.detection.moves import Measures
from barledger.detection.noise import Noise
from barledger.detection.suspicion import LIKELY, Suspicion, span
from barledger.detection.table import PRICES, Edit, Table
from barledger.domain.rows import Flags, Floats, Ints

_IMPOSSIBLE: Final = 0.99
_HABITUAL: Final = 0.3
_HABIT: Final = 0.2
_ROUNDING: Final = 2e-6
_MOST: Final = 200
_EXAMPLES: Final = 5
"""So many small crossings are told; of many the largest, with their number."""

_STALE: Final = 8.0
_UNTRADED: Final = 0.4
_SPIKE: Final = 11.0
_WICK: Final = 11.0
_LEAST_WICK: Final = 0.2
_ANY_ERROR: Final = 2.0
_LONGEST: Final = 7


def groups(mask: Flags) -> Iterable[Ints]:
    """Give each unbroken run of rows that are marked."""
    rows = np.flatnonzero(mask)
    return np.split(rows, np.flatnonzero(np.diff(rows) > 1) + 1) if len(rows) else []


def non_positive(table: Table) -> list[Suspicion]:
    """Find prices of zero or less, and volumes of less; where they are a habit, they are less of a fault."""
    found: list[Suspicion] = []
    for name in (*PRICES, "volume"):
        if not table.has(name):
            continue
        values = table.column(name)
        if not len(values) or np.nanmin(values, initial=np.inf) > (-1.0 if name == "volume" else 0.0):
            continue
        wrong = values < 0 if name == "volume" else values <= 0
        share = float(wrong.mean()) if len(wrong) else 0.0
        sure = _HABITUAL if share > _HABIT else _IMPOSSIBLE
        found.extend(_nothing(name, rows, sure) for rows in groups(wrong))
    return [*_by_rows(found), *_adjusted_to_nothing(table)]


def _nothing(name: str, rows: Ints, confidence: float) -> Suspicion:
    return Suspicion(
        kind="non_positive",
        rows=rows,
        fields=(name,),
        confidence=confidence,
        rule="a price is above zero, and a volume is not below",
        evidence={"rows": len(rows)},
        edits=(Edit(column=name, rows=rows),),
    )


def _by_rows(found: Sequence[Suspicion]) -> list[Suspicion]:
    """Join what is told of several columns of the same rows."""
    joined: dict[tuple[int, int], Suspicion] = {}
    for one in found:
        key = (int(one.rows[0]), int(one.rows[-1]))
        before = joined.get(key)
        joined[key] = one if before is None else _both(before, one)
    return list(joined.values())


def _both(one: Suspicion, other: Suspicion) -> Suspicion:
    return Suspicion(
        kind=one.kind,
        rows=one.rows,
        fields=(*one.fields, *other.fields),
        confidence=max(one.confidence, other.confidence),
        rule=one.rule,
        evidence=one.evidence,
        edits=(*one.edits, *other.edits),
    )


def _adjusted_to_nothing(table: Table) -> list[Suspicion]:
    if table.adj_close is None:
        return []
    wrong = (table.adj_close <= 0) & (table.close > 0)
    return [
        Suspicion(
            kind="adjustment_error",
            rows=rows,
            fields=("adj_close",),
            confidence=0.95,
            rule="Adj Close is zero or less though the close is not",
            evidence={"rows": len(rows)},
            edits=(Edit(column="adj_close", rows=rows, value=np.nan),),
        )
        for rows in groups(wrong)
    ]


def crossed(measures: Measures) -> list[Suspicion]:
    """Find highs below lows, and opens or closes beyond them.

    Auctions and rounding put many a close a little beyond its day's trades, so only a large distance is sure.
    """
    table = measures.table
    inverted = table.low > table.high * (1 + _ROUNDING)
    top, bottom = np.maximum(table.high, table.low), np.minimum(table.high, table.low)
    body_high, body_low = np.maximum(table.open, table.close), np.minimum(table.open, table.close)
    beyond = np.maximum(body_high / top, bottom / body_low) - 1
    rows = np.flatnonzero(inverted | (beyond > _ROUNDING))
    if not len(rows):
        return []
    noise = measures.noise
    count = len(rows)
    exchanged = [_exchanged(table, group) for group in groups(inverted)]
    rows = rows[~inverted[rows]]
    rows = rows[np.argsort(-beyond[rows], kind="stable")[:_MOST]]
    found = [_crossing(table, int(row), float(beyond[row]), noise, count) for row in rows]
    return [*exchanged, *(one for place, one in enumerate(found) if place < _EXAMPLES or one.confidence >= LIKELY)]


def _exchanged(table: Table, rows: Ints) -> Suspicion:
    """Say that highs are below lows."""
    every = np.vstack([table.column(name)[rows] for name in PRICES])
    return Suspicion(
        kind="crossed",
        rows=rows,
        fields=("high", "low"),
        confidence=_IMPOSSIBLE,
        rule="the high is below the low",
        evidence={"rows": len(rows)},
        edits=(
            Edit(column="high", rows=rows, value=every.max(axis=0)),
            Edit(column="low", rows=rows, value=every.min(axis=0)),
        ),
    )


def _crossing(table: Table, row: int, beyond: float, noise: Noise, count: int) -> Suspicion:
    scale = noise.near(row)
    far = beyond / scale
    confidence = min(0.2 + 0.04 * far, 0.45) if far < 8 and beyond < 0.25 else 0.9
    values = [float(table.column(name)[row]) for name in PRICES]
    at = np.array([row])
    return Suspicion(
        kind="crossed",
        rows=at,
        fields=("high", "low"),
        confidence=confidence,
        rule="the open or the close lies beyond the high or the low",
        evidence={"beyond": round(beyond, 6), "noise": round(scale, 6), "rows_like_it": count},
        edits=(Edit(column="high", rows=at, value=max(values)), Edit(column="low", rows=at, value=min(values))),
    )


def stale(table: Table) -> list[Suspicion]:
    """Find bars that repeat the one before, more often than repeats are here."""
    if len(table) < 4:
        return []
    same = table.close[1:] == table.close[:-1]
    for name in PRICES[:3]:
        values = table.column(name)
        same &= values[1:] == values[:-1]
    traded = np.ones(len(table), np.bool_)
    alike = same
    if table.volume is not None:
        volume = np.nan_to_num(table.volume)
        traded = volume > 0
        alike = same & (volume[1:] == volume[:-1])
    if not alike.any():
        return []
    flat = table.high == table.low
    found = []
    runs = sorted(groups(alike), key=len, reverse=True)[:_MOST]
    for run in runs:
        rows = span(int(run[0]), int(run[-1]) + 2)
        repeats = len(run)
        usual = (int(same.sum()) - repeats + 1) / (len(table) + 10)
        confidence = probability(repeats * -log(min(usual, 0.999)) - _STALE)
        quiet = not traded[rows].any() or (table.volume is None and bool(flat[rows].all()))
        confidence = min(confidence, _UNTRADED) if quiet else confidence
        if confidence >= 0.1 and (not quiet or repeats >= 4):
            found.append(_repeated(rows[1:], confidence, usual))
    return found


def _repeated(rows: Ints, confidence: float, usual: float) -> Suspicion:
    return Suspicion(
        kind="stale",
        rows=rows,
        fields=PRICES,
        confidence=confidence,
        rule="these bars repeat the one before them in every value",
        evidence={"repeats": len(rows), "usual_share_of_repeats": round(usual, 6)},
    )


def outliers(measures: Measures) -> list[Suspicion]:
    """Find single bars that leave their neighbours and come back at once, and wicks that nothing stands beside."""
    table, moves, noise = measures.table, measures.plain, measures.noise
    if len(table) < 8:
        return []
    least = max(log(1.1), 6 * noise.everywhere)
    found = [_spike(table, first, end, moves, noise) for first, end in _excursions(moves, least)]
    return [one for one in [*found, *_wicks(table, noise)] if one.confidence >= 0.1]


def _excursions(moves: Floats, least: float) -> list[tuple[int, int]]:
    """Return the rows, first and end, that are left and come back to by moves of like size."""
    jumps = (np.flatnonzero(np.abs(moves) > least) + 1)[:_MOST].tolist()
    found, until = [], 0
    for place, row in enumerate(jumps):
        if row < until:
            continue
        for other in jumps[place + 1 : place + 4]:
            away, back = float(moves[row - 1]), float(moves[other - 1])
            if other - row <= _LONGEST and away * back < 0 and abs(away + back) < 0.4 * abs(away):
                found.append((row, other))
                until = other + 1
                break
    return found


def _spike(table: Table, first: int, end: int, moves: Floats, noise: Noise) -> Suspicion:
    away, back = float(moves[first - 1]), float(moves[end - 1])
    scale = noise.near(first, without=tuple(range(first + 1, end + 1)))
    spread = scale * (1.0 + 0.5 * (end - first)) ** 0.5
    odds = fitting(away + back, spread) - moving(away, scale) - moving(back, scale) - _ANY_ERROR - _SPIKE
    odds += _quiet(table, first, end) - 0.7 * (end - first - 1)
    rows = span(first, end)
    fields = (*PRICES, *(("adj_close",) if table.adj_close is not None else ()))
    return Suspicion(
        kind="outlier",
        rows=rows,
        fields=fields,
        confidence=min(probability(odds), 0.94),
        rule="these bars alone leave their neighbours, which agree with each other",
        evidence={"away": round(away, 5), "back": round(back, 5), "noise": round(scale, 6)},
        edits=tuple(Edit(column=name, rows=rows) for name in fields),
    )


def _quiet(table: Table, first: int, end: int) -> float:
    """Return log odds by volume: a move of the market brings trade."""
    if table.volume is None:
        return -1.0
    volume = np.nan_to_num(table.volume)
    near = np.concatenate([volume[max(0, first - 20) : first], volume[end : end + 20]])
    near = near[near > 0]
    here = float(volume[first:end].max())
    if len(near) < 3 or here <= 0:
        return -0.5
    more = log(here) - float(np.median(np.log(near)))
    return 1.0 if more < 0.4 else max(-4.0 * (more - 0.4), -5.0)


def _wicks(table: Table, noise: Noise) -> list[Suspicion]:
    """Find a high or a low that is far from its bar."""
    if float(noise.ranges.max()) <= _LEAST_WICK:
        return []
    usual = max(float(np.median(noise.ranges)), 0.003)
    found = []
    for row in np.flatnonzero(noise.ranges > max(12 * usual, _LEAST_WICK))[:_MOST].tolist():
        top, bottom = max(table.open[row], table.close[row]), min(table.open[row], table.close[row])
        up, down = log(float(table.high[row] / top)), log(float(bottom / table.low[row]))
        name, reach, value = ("high", up, top) if up > down else ("low", down, bottom)
        scale = max(usual, 1.6 * noise.near(row))
        odds = 3 * log(max(reach, 1e-9) / scale) - _WICK
        rows = np.array([row])
        found.append(
            Suspicion(
                kind="outlier",
                rows=rows,
                fields=(name,),
                confidence=min(probability(odds), 0.94),
                rule=f"the {name} is far from everything else",
                evidence={"reach": round(reach, 5), "usual_range": round(scale, 6)},
                edits=(Edit(column=name, rows=rows, value=float(value)),),
            )
        )
    return found
