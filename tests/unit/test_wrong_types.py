"""What a person is told of columns that cannot be read."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from barledger.domain.intake import intake
from barledger.domain.interval import everything
from barledger.domain.timeframe import Timeframe
from barledger.errors import (
    BeyondRange,
    DuplicateTimes,
    EmptyBar,
    HighBelowLow,
    InvalidBars,
    OffGrid,
    SourceError,
    UnsortedTimes,
    WrongType,
)
from barledger.sources.contract import FetchRequest
from barledger.sources.exchange.candles import MILLISECOND
from barledger.sources.files import FilesSource
from libraries import frame

DAY = Timeframe.of("1d")


def refused(data: Any, **options: Any) -> WrongType:
    with pytest.raises(WrongType) as caught:
        intake(data, DAY, **options)
    return caught.value


def test_a_column_with_text_is_named_with_the_first_value_that_is_no_number() -> None:
    bars = frame(range(5)).astype({"close": object})
    bars.iloc[2, 3] = "n/a"
    error = refused(bars)
    assert (error.column, error.count) == ("close", 1)
    assert str(error) == "column close has type text or truth values: 'n/a' in row 3 of 5"


@pytest.mark.parametrize(
    ("values", "said"),
    [
        (["1", "2", "3"], "column close has type str: '1' in row 1 of 3"),
        ([1.0, True, 3.0], "column close has type text or truth values: 'True' in row 2 of 3"),
        ([1 + 2j, 2 + 0j, 3 + 0j], "column close has type complex128: '(1+2j)' in row 1 of 3"),
    ],
)
def test_a_column_of_another_type_is_named_with_its_first_value(values: list[Any], said: str) -> None:
    bars = frame(range(3))
    kind = object if len(set(map(type, values))) > 1 else None
    bars["close"] = pd.Series(values, index=bars.index, dtype=kind)
    assert str(refused(bars)) == said


def test_the_column_goes_by_the_callers_name_too() -> None:
    bars = frame(range(3)).rename(columns={"close": "Last"})
    bars["Last"] = "-"
    error = refused(bars, columns={"close": "Last"})
    assert str(error).startswith("column close has type ")
    assert str(error).endswith(" ('Last' of the data): '-' in row 1 of 3")
    assert "pd.to_numeric" in error.advice
    assert "quarantine' is for bars that break a rule" in error.advice


def test_a_value_that_is_no_number_is_named_by_its_column_and_line(tmp_path: Path) -> None:
    path = tmp_path / "bars.csv"
    lines = ["junk,Date,Open,High,Low,Last,Volume", "q,2024-01-02,1,2,0.5,1.5,10", "q,2024-01-03,1,2,0.5,later,10"]
    path.write_text("\n".join([*lines, ""]))
    request = FetchRequest(instrument="A", timeframe=DAY, interval=everything())
    with pytest.raises(SourceError) as caught:
        list(FilesSource(path=path, columns="close=Last").fetch(request))
    assert caught.value.detail.startswith(f"{path}, line 3: column 'Last': ")
    assert caught.value.detail.endswith("invalid value 'later'")


def test_an_exchange_that_lacks_prices_is_told_which_and_what_helps() -> None:
    from barledger.sources.exchange import candles  # noqa: PLC0415 - its parts are tested, not its face

    candle = (86_400_000 * MILLISECOND, 1.0, 2.0, None, None, 5.0)
    error = candles._error(WrongType, [candle])
    assert isinstance(error, WrongType)
    assert error.column == "low, close"
    assert "on_invalid='quarantine' (--quarantine)" in error.advice


@pytest.mark.parametrize(
    "kind", [InvalidBars, OffGrid, BeyondRange, DuplicateTimes, UnsortedTimes, EmptyBar, HighBelowLow]
)
def test_quarantine_is_offered_where_single_bars_are_wrong(kind: type[InvalidBars]) -> None:
    assert "on_invalid='quarantine' (--quarantine)" in kind(count=1).advice


@pytest.mark.parametrize("kind", [OffGrid, DuplicateTimes, UnsortedTimes, EmptyBar])
def test_what_is_offered_helps(kind: type[InvalidBars]) -> None:
    bars = frame(range(6))
    times = bars.index.to_list()
    if kind is OffGrid:
        times[2] += pd.Timedelta("1h")
    elif kind is DuplicateTimes:
        times[3] = times[2]
    elif kind is UnsortedTimes:
        times[2], times[3] = times[3], times[2]
    else:
        bars.iloc[2] = np.nan
    bars.index = pd.DatetimeIndex(times)
    with pytest.raises(kind):
        intake(bars, DAY)
    assert 4 <= len(intake(bars, DAY, on_invalid="quarantine").rows) <= 6
