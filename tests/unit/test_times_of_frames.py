"""Times of frames: every unit of pandas is read as nanoseconds."""

import numpy as np
import pandas as pd
import pytest

from barledger.domain.frames import nanoseconds
from barledger.errors import WrongType

LAST = np.iinfo(np.int64).max


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
@pytest.mark.parametrize("zone", [None, "UTC", "America/New_York"])
def test_times_are_those_that_pandas_has_in_nanoseconds(unit: str, zone: str | None) -> None:
    index = pd.DatetimeIndex(["1678-01-01", "1969-12-31 23:59:59", "2024-03-10 07:00", "2262-01-01"], tz=zone)
    assert nanoseconds(index.as_unit(unit)).tolist() == index.as_unit("ns").asi8.tolist()


@pytest.mark.parametrize("time", [LAST // 1_000, -(LAST // 1_000)])
def test_the_last_time_that_fits_is_read(time: int) -> None:
    index = pd.DatetimeIndex(np.array([time], "datetime64[us]"))
    assert nanoseconds(index).tolist() == [time * 1_000]


@pytest.mark.parametrize("time", [LAST // 1_000 + 1, -(LAST // 1_000) - 1])
def test_a_time_that_nanoseconds_cannot_count_is_refused(time: int) -> None:
    with pytest.raises(WrongType, match="beyond what nanoseconds can count"):
        nanoseconds(pd.DatetimeIndex(np.array([time], "datetime64[us]")))
