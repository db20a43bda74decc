"""Klines as Binance publishes them."""

from pathlib import Path

import numpy as np
import pytest

from barledger.domain.timeframe import MINUTE
from barledger.errors import MissingColumns, SourceError, WrongType
from layouts import Write, klines, mapper_of, read, stamps


@pytest.mark.parametrize("unit", [1_000_000, 1_000], ids=["ms", "us"])
@pytest.mark.parametrize("header", [True, False], ids=["header", "no header"])
def test_klines_are_told_with_their_unit(write: Write, unit: int, header: bool) -> None:  # noqa: FBT001 - a case
    path = write(klines(unit=unit, header=header))
    found = read(path, "1m")
    assert stamps(found) == ["2025-01-01 00:00", "2025-01-01 00:01", "2025-01-01 00:02"]
    assert found.close.tolist() == [4.0, 4.1, 4.2]
    assert found.volume.tolist() == [10.5] * 3
    assert mapper_of(path, "1m") == "binance"


def test_klines_of_both_units_follow_each_other(write: Write, tmp_path: Path) -> None:
    write(klines(1440), "BTCUSDT-1m-2025-01-01.csv")
    later = klines(1441, unit=1_000).splitlines(keepends=True)[1440:]
    write("".join(later), "BTCUSDT-1m-2025-01-02.csv")
    found = read(tmp_path / "{instrument}-{timeframe}-*.csv", "1m", instrument="BTCUSDT")
    assert len(found) == 1441
    assert (np.diff(found.time) == MINUTE).all()


@pytest.mark.parametrize("unit", [1_000_000_000, 1], ids=["s", "ns"])
def test_a_count_that_is_neither_milli_nor_microseconds_is_refused(write: Write, unit: int) -> None:
    path = write(klines(unit=unit, header=True))
    with pytest.raises(WrongType, match=r"neither milli- nor microseconds; say it with time_unit.*line 2"):
        read(path, "1m")


def test_a_unit_that_is_said_counts(write: Write) -> None:
    path = write(klines(unit=1_000_000_000, header=True).replace(",43.1", ",43"))
    assert len(read(path, "1m", time_unit="s")) == 3


def test_klines_of_another_timeframe_are_refused(write: Write) -> None:
    hours = write(klines(length=60 * MINUTE))
    with pytest.raises(SourceError, match=r"last 3,600 seconds, so they are not of 1m"):
        read(hours, "1m")
    assert len(read(hours, "1h")) == 3


def test_a_kline_that_an_outage_cut_short_is_taken(write: Write) -> None:
    lines = klines(5).splitlines()
    lines[2] = lines[2].replace("1735689779999", "1735689750000")
    assert lines[2] not in klines(5)
    assert len(read(write("\n".join(lines) + "\n"), "1m")) == 5


@pytest.mark.parametrize(
    "line",
    ["1,2,3,4,5,6,7,8,9,10,11,12", klines(1).strip().replace("1735689600000", "1735689600")],
    ids=["small", "seconds"],
)
def test_numbers_that_are_no_klines_are_no_header(write: Write, line: str) -> None:
    with pytest.raises(MissingColumns, match=r"it has .*there are the mappers stooq, binance, yfinance"):
        read(write(line + "\n"), "1m")
