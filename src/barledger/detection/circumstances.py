"""Circumstances: what comes with a jump of prices, and tells a split from a move of the market."""

from math import log
from typing import Final

import numpy as np

from barledger.detection.likelihood import either, normal
from barledger.detection.noise import Noise
from barledger.detection.table import Table
from barledger.domain.rows import Floats

_SOON: Final = 8
_LEAST_SIDE: Final = 3
_ENOUGH_BEFORE: Final = 15
_AGAINST: Final = -7.0
_BURST: Final = -2.0
"""Trade that speaks so much for news is not outweighed by a narrow day: prices gap overnight, and stay there."""

_DAY: Final = 86_400_000_000_000


def circumstances(table: Table, noise: Noise, row: int, split: float) -> dict[str, float]:
    """Return the log odds for a split, against a move of the market, of what came with the jump."""
    trade, reach = _volume_odds(table, row, split), _range_odds(noise, row)
    return {
        "volume": trade,
        "range": min(reach, 0.0) if trade < _BURST else reach,
        "stays": _staying_odds(table, row, split),
        "session": 0.0 if table.time[row] - table.time[row - 1] >= _DAY / 6 else -4.0,
    }


def _volume_odds(table: Table, row: int, split: float) -> float:
    """Compare the day's volume with the following days', and theirs with that before.

    A split multiplies the shares traded by its ratio for good (or by nothing, if the source adjusts its volume), and
    its day is one like the others; a crash has a burst, which decays.
    """
    if table.volume is None:
        return 0.0
    volume = np.nan_to_num(table.volume)
    before = volume[max(0, row - 20) : row]
    after = volume[row + 1 : row + 21]
    before, after = before[before > 0], after[after > 0]
    if len(before) < _LEAST_SIDE or volume[row] <= 0:
        return 0.0
    usual, day = float(np.median(np.log(before))), float(np.log(volume[row]))
    if len(after) < _LEAST_SIDE:
        odds = _shift_odds(day - usual - 0.15, split, spread=0.55, crash=(1.45, 0.75))
    else:
        odds = _burst_odds(day, np.log(after), usual, split)
    return max(min(odds, 4.0), _AGAINST) * min(1.0, len(before) / _ENOUGH_BEFORE)


def _burst_odds(day: float, after: Floats, usual: float, split: float) -> float:
    """Compare the day's volume, and that of the next two, with what comes later, and that with what was usual."""
    calm = after[2:] if len(after) > _LEAST_SIDE + 2 else after
    later = float(np.median(calm))
    odds = _ordinary(day - later - 0.15, 0.5) - _crash(day - later, 1.0, 0.8)
    if len(calm) < len(after):
        decay = float(np.mean(after[:2])) - later
        odds += _ordinary(decay - 0.05, 0.4) - _crash(decay, 0.6, 0.5)
    return odds + _shift_odds(later - usual, split, spread=0.4 + 0.4 / len(calm) ** 0.5, crash=(0.4, 0.6))


def _ordinary(shift: float, deviation: float) -> float:
    return either((0.97, normal(shift, 0.0, deviation)), (0.03, normal(shift, 0.0, 1.2)))


def _shift_odds(shift: float, split: float, *, spread: float, crash: tuple[float, float]) -> float:
    """Return log odds of a lasting change of volume; a source may have adjusted its volume and not its prices."""
    spread += 0.1 * abs(log(split))
    as_split = either((0.7, normal(shift, log(split), spread)), (0.3, normal(shift, 0.0, spread)))
    return as_split - _crash(shift, *crash)


def _crash(shift: float, mean: float, deviation: float) -> float:
    return either((0.95, normal(shift, mean, deviation)), (0.05, normal(shift, 0.0, 1.5)))


def _range_odds(noise: Noise, row: int) -> float:
    """Compare the range of the day with the usual one: after a split it is ordinary, in a crash wide."""
    first, end = max(0, row - 30), min(len(noise.ranges), row + 31)
    usual = float(np.median(np.delete(noise.ranges[first:end], row - first)))
    if usual <= 0 or noise.ranges[row] <= 0:
        return 0.0
    wide = float(np.log(noise.ranges[row] / usual))
    return max(min(normal(wide, 0.15, 0.5) - normal(wide, 1.0, 0.65), 1.5), -4.0)


def _staying_odds(table: Table, row: int, split: float) -> float:
    """Return a penalty if prices soon come back to where they were, or were there just before."""
    move = -log(split)
    logs = np.log(table.close[max(0, row - _SOON) : row + _SOON])
    here = min(row, _SOON)
    before, after = logs[:here], logs[here:]
    left = float(np.max(np.abs(after - before[-1]) < 0.4 * abs(move)))
    came = float(np.max(np.abs(before - after[0]) < 0.4 * abs(move)))
    if left or came:
        return -25.0
    return 0.0 if len(after) > 1 else -0.5
