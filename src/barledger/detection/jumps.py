"""Splits that nobody told of: jumps by a ratio in which shares are split, which last.

A price that falls by half proves no split (Apple's did on 2000-09-29). So the move must fit a customary ratio better
than the market's own moves explain it, and volume and the range of the day have their say: a split changes the number
of shares traded by its ratio and leaves the day quiet, a crash multiplies both.
"""

from math import exp, expm1, log
from typing import Final

import numpy as np

from barledger.detection.adjustment import implied
from barledger.detection.circumstances import circumstances
from barledger.detection.likelihood import fitting, normal, probability, shocked
from barledger.detection.moves import Measures
from barledger.detection.noise import Noise
from barledger.detection.suspicion import Suspicion, span
from barledger.detection.table import PRICES, Edit, Table
from barledger.domain.rows import Floats

_FORWARD: Final = {
    2.0: 0.42, 1.5: 0.16, 3.0: 0.09, 4.0: 0.07, 5.0: 0.05, 10.0: 0.04, 1.25: 0.03, 4 / 3: 0.03, 7.0: 0.02, 6.0: 0.015,
    8.0: 0.015, 20.0: 0.02, 15.0: 0.01, 2.5: 0.01, 25.0: 0.005, 30.0: 0.003, 50.0: 0.004, 5 / 3: 0.006, 1.2: 0.006,
}  # fmt: skip
_REVERSE: Final = {
    10.0: 0.26, 20.0: 0.13, 5.0: 0.12, 15.0: 0.07, 8.0: 0.07, 4.0: 0.07, 3.0: 0.06, 2.0: 0.06, 25.0: 0.04, 30.0: 0.03,
    50.0: 0.025, 6.0: 0.02, 7.0: 0.02, 12.0: 0.02, 40.0: 0.015, 35.0: 0.01, 100.0: 0.03, 1.5: 0.01,
}  # fmt: skip
"""Customary ratios of splits and reverse splits, with their shares."""

_RATE: Final = log(1e-3)
"""Prior of a split at a given daily bar that its data lack: about one in four years."""

_SMALLEST: Final = log(1.18)
_NEARLY: Final = 0.01
_OVERNIGHT: Final = 0.7
_QUIETEST: Final = 0.004
_SAGGING: Final = 0.02
"""By how much shares tend to fall on the day of a large reverse split."""

_WITHIN: Final = -8.0
"""What it weighs that a bar opens where the one before closed: shares are split overnight."""

_MOST: Final = 300
_MEDIANS: Final = 0.6
"""How far the median volume of thirty bars strays from that of the thirty before, in logarithms."""

_BEYOND_PROOF: Final = 0.985
_WITHOUT_VOLUME: Final = 0.94


def customary(ratio: float) -> bool:
    """Whether shares are split by a ratio, or joined if it is below 1."""
    usual = _FORWARD if ratio > 1 else _REVERSE
    return any(abs(log(max(ratio, 1 / ratio) / one)) < _NEARLY for one in usual)


def unknown_splits(measures: Measures, *, raw: bool) -> list[Suspicion]:
    """Find them, the latest first; ``raw`` says that known splits show in the prices."""
    table, logs = measures.table, measures.logs
    if len(table) < 4:
        return []
    size = np.abs(measures.plain)
    if table.long_bars:
        size = np.maximum(size, np.abs(np.diff(logs[3])))
    rows = np.flatnonzero(size > max(_SMALLEST, 2.5 * measures.noise.everywhere)) + 1
    if not len(rows):
        return []
    known, moves = _known_rows(table), measures.moves(raw=raw)
    if len(rows) > _MOST:
        rows = rows[np.argsort(-size[rows - 1], kind="stable")[:_MOST]]
    found = []
    for row in sorted(rows.tolist(), reverse=True):
        explained = float(np.min(np.abs(moves.ways[1:, row - 1]))) if len(moves.ways) > 1 else np.inf
        if raw and row in known and explained < size[row - 1] / 2:
            continue
        found.extend(_judged(table, logs, moves.noise, row))
    return found


def _known_rows(table: Table) -> set[int]:
    return {int(row) for row in table.events("stock_splits")}


def _judged(table: Table, logs: Floats, noise: Noise, row: int) -> list[Suspicion]:
    """Judge one jump: the most likely ratio, if any is likely at all."""
    gap = float(logs[0, row] - logs[3, row - 1])
    mixed = _mixed(table, logs, row)
    centre = float(logs[3, row] - logs[3, row - 1] if mixed else np.median(logs[:, row] - logs[:, row - 1]))
    scale = noise.near(row, without=(row + 1,) if mixed else ())
    opened = logs[0, row] != logs[3, row]
    ratios = _FORWARD if centre < 0 else _REVERSE
    confirmed = _told_by_adjustment(table, row)
    judged = []
    for ratio, share in ratios.items():
        split = ratio if centre < 0 else 1 / ratio
        move = -log(split) - (_SAGGING if ratio >= 5 and split < 1 else 0.0)
        odds = _price_odds(gap, centre, move, scale, night=_OVERNIGHT if opened else 1.0, mixed=mixed) + log(share)
        if abs(centre + log(split)) < 6 * scale + 0.15:
            judged.append((odds, split))
    if not judged:
        return []
    best, split = max(judged)
    about = circumstances(table, noise, row, split)
    if mixed:
        about["range"] = 0.0
    told = 0.0
    if _paid(table, row):
        told = -8.0
    elif confirmed:
        told = 9.0 if abs(confirmed - log(split)) < 0.01 else -3.0
    odds = _RATE + best + about["volume"] + about["range"] + about["stays"] + about["session"] + told
    most = 0.999 if told > 0 else _BEYOND_PROOF if table.volume is not None else _WITHOUT_VOLUME
    confidence = min(probability(odds), most)
    if confidence < 0.05:
        return []
    return [
        _suspicion(
            table,
            row,
            split,
            confidence,
            mixed=mixed,
            evidence={**about, "prices": best, "told": told, "noise": scale, "gap": gap},
        )
    ]


def _mixed(table: Table, logs: Floats, row: int) -> bool:
    """Whether a week or longer opens where the one before closed, and closes elsewhere: a split may lie within it."""
    moved = float(logs[3, row] - logs[3, row - 1])
    return table.long_bars and abs(moved) > _SMALLEST and abs(float(logs[0, row] - logs[3, row - 1])) < 0.3 * abs(moved)


def _price_odds(gap: float, centre: float, move: float, scale: float, *, night: float, mixed: bool) -> float:
    """Return how much better the gap overnight fits the ratio than it fits the market, or the whole day does.

    ``night`` is the share of a day's noise that a gap has; a ``mixed`` bar's own gap is another one's.
    """
    overnight = max(night * scale, _QUIETEST)
    by_gap = fitting(gap - move, overnight) - shocked(gap, scale)
    by_day = fitting(centre - move, max(scale, _QUIETEST)) - shocked(centre, scale)
    by_day += -1.5 if mixed or abs(gap) > abs(move) / 2 else _WITHIN
    return max(by_gap, by_day)


def _told_by_adjustment(table: Table, row: int) -> float:
    """Return the logarithm of the ratio by which Adj Close steps over the jump, 0 where it does not."""
    if table.adj_close is None:
        return 0.0
    ratio = implied(table)
    step = float(ratio[row] - ratio[row - 1])
    return step if abs(step) > _SMALLEST else 0.0


def _paid(table: Table, row: int) -> bool:
    """Whether a dividend of this day explains half of the fall."""
    if table.dividends is None or not table.dividends[row]:
        return False
    share = float(table.dividends[row] / table.close[row - 1])
    return share > 0.5 * (1 - float(table.close[row] / table.close[row - 1]))


def _suspicion(
    table: Table, row: int, split: float, confidence: float, *, evidence: dict[str, float], mixed: bool
) -> Suspicion:
    rows, factor = span(0, row), 1 / split
    fields = [*PRICES]
    edits = [Edit(column=name, rows=rows, factor=factor) for name in PRICES]
    if mixed:
        edits += _within(table, row, split)
    if table.adj_close is not None and not _told_by_adjustment(table, row):
        fields.append("adj_close")
        edits.append(Edit(column="adj_close", rows=rows, factor=factor))
    if table.volume is not None and _volume_lacks_it(table, row, split):
        fields.append("volume")
        edits.append(Edit(column="volume", rows=rows, factor=split))
    if table.stock_splits is not None and not table.stock_splits[row]:
        fields.append("stock_splits")
        edits.append(Edit(column="stock_splits", rows=np.array([row]), value=split))
    if table.dividends is not None and _dividends_lack_it(table, row, split):
        edits.append(Edit(column="dividends", rows=rows, factor=factor))
    return Suspicion(
        kind="split_missed",
        rows=rows,
        fields=tuple(fields),
        factor=factor,
        confidence=confidence,
        rule="prices jump by a customary ratio of shares and stay there, and none of the given events says why",
        evidence={
            "row": row,
            "ratio": round(split, 9),
            "within": mixed,
            "move": round(exp(evidence.pop("gap")), 6),
            **{name: round(value, 3) for name, value in evidence.items()},
        },
        edits=tuple(edits),
    )


def _within(table: Table, row: int, split: float) -> list[Edit]:
    """Return the changes of a bar within which shares were split: what it had before is in old shares."""
    opened, closed = float(table.open[row]) / split, float(table.close[row])
    name = "high" if split > 1 else "low"
    reached = float(table.column(name)[row])
    value = max(reached / split, opened, closed) if split > 1 else min(reached / split, opened, closed)
    at = np.array([row])
    return [Edit(column="open", rows=at, factor=1 / split), Edit(column=name, rows=at, factor=value / reached)]


def _dividends_lack_it(table: Table, row: int, split: float) -> bool:
    """Whether dividends before the split stand in old shares, as prices do, and not in new ones.

    Adj Close is made of a dividend's share of the price, so its steps say in which shares each is told. Without it,
    shares of the price before are compared with those after.
    """
    paid = [at for at in table.events("dividends").tolist() if at]
    shares = {at: log(max(float(table.column("dividends")[at] / table.close[at - 1]), 1e-12)) for at in paid}
    before = [at for at in paid if at < row]
    votes = [_told_in_new(table, at, shares[at], log(split)) for at in before]
    after = [shares[at] for at in paid if at >= row]
    if not any(votes) and before and after:
        shift = float(np.median(after)) - float(np.median([shares[at] for at in before]))
        return abs(shift) <= abs(shift - log(split))
    return sum(votes) <= 0


def _told_in_new(table: Table, row: int, share: float, split: float) -> int:
    """Return 1 if a step of Adj Close tells that a dividend is in new shares, -1 for old ones, 0 where none tells."""
    if table.adj_close is None:
        return 0
    ratio = implied(table)
    step = float(ratio[row] - ratio[row - 1])
    if step <= 0:
        return 0
    off = log(-expm1(-step)) - share
    return 0 if min(abs(off), abs(off - split)) > 0.5 * abs(split) else 1 if abs(off - split) < abs(off) else -1


def _volume_lacks_it(table: Table, row: int, split: float) -> bool:
    """Whether volume before the split stands in old shares, which it does unless it plainly does not."""
    volume = np.nan_to_num(table.column("volume"))
    before, after = volume[max(0, row - 30) : row], volume[row : row + 30]
    before, after = before[before > 0], after[after > 0]
    if len(before) < 5 or len(after) < 5:
        return True
    shift = float(np.median(np.log(after)) - np.median(np.log(before)))
    return normal(shift, log(split), _MEDIANS) - normal(shift, 0.0, _MEDIANS) > -2
