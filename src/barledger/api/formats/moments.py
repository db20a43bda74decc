"""Moments: many times at once as RFC 3339, to the second, which is what bars open at.

The days of a portion are few and the seconds of a day are 86,400, so that both are spelled once and then looked up.
"""

from functools import cache

import numpy as np
import numpy.typing as npt
import pyarrow as pa

_DAY = 86_400
_DATE, _CLOCK = 10, 9


def moments(seconds: npt.NDArray[np.int64], *, zone: str) -> pa.Array:
    """Return times, in seconds since 1970, as text; ``zone`` is ``Z``, or nothing for times without one."""
    days, places = np.unique(seconds // _DAY, return_inverse=True)
    width = _DATE + _CLOCK + len(zone)
    spelled = np.empty((len(seconds), width), np.uint8)
    spelled[:, :_DATE] = _dates(days)[places]
    spelled[:, _DATE : _DATE + _CLOCK] = _clocks()[seconds % _DAY]
    spelled[:, _DATE + _CLOCK :] = np.frombuffer(zone.encode(), np.uint8)
    offsets = np.arange(0, (len(seconds) + 1) * width, width, dtype=np.int32)
    return pa.Array.from_buffers(pa.string(), len(seconds), [None, pa.py_buffer(offsets), pa.py_buffer(spelled)])


def _dates(days: npt.NDArray[np.int64]) -> npt.NDArray[np.uint8]:
    return _letters(np.datetime_as_string(days.astype("datetime64[D]")), _DATE)


@cache
def _clocks() -> npt.NDArray[np.uint8]:
    """Return every second of a day as ``Thh:mm:ss``."""
    texts = np.datetime_as_string(np.arange(_DAY).astype("datetime64[s]"))
    return _letters(texts, _DATE + _CLOCK)[:, _DATE:]


def _letters(texts: npt.NDArray[np.str_], width: int) -> npt.NDArray[np.uint8]:
    return texts.astype(f"S{width}").view(np.uint8).reshape(-1, width)
