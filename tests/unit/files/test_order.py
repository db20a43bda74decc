"""Bars out of order, and bars that are put aside."""

import json
import sys
from pathlib import Path

import pandas as pd
import pytest

from barledger.cli import main
from barledger.domain.comparison import EXACT
from barledger.domain.rows import concat
from barledger.errors import DuplicateTimes, UnsortedTimes
from barledger.sources.files import FilesSource
from barledger.stores.memory import MemoryStore
from files import Write, chunks, days, line, read, stamps, text
from libraries import library

# --- order and quarantine ------------------------------------------------------------------------


def quarantined(path: Path, size: int) -> tuple[list[str], list[str]]:
    found = chunks(path, on_invalid="quarantine", chunk_rows=size)
    put_aside = [str(pd.Timestamp(bar.time))[:10] for chunk in found for bar in chunk.rejected]
    return [time[:10] for time in stamps(concat(chunk.rows for chunk in found))], put_aside


SIZES = (1, 2, 5, 9, 10, 11, 1000)


@pytest.mark.parametrize("size", SIZES)
def test_bars_out_of_order_are_refused_with_their_place(write: Write, size: int) -> None:
    path = write(text([line(day) for day in [*days(10), *days(1, 3), *days(5, 20)]]))
    with pytest.raises((UnsortedTimes, DuplicateTimes), match=r"bars\.csv, line 12"):
        read(path, chunk_rows=size)


@pytest.mark.parametrize("size", SIZES)
def test_a_file_with_its_newest_bars_first_is_refused(write: Write, size: int) -> None:
    path = write(text([line(day) for day in reversed(days(10))]))
    with pytest.raises(UnsortedTimes, match=r"bars\.csv, line"):
        read(path, chunk_rows=size)


@pytest.mark.parametrize("size", SIZES)
def test_a_bar_that_comes_again_is_put_aside_once(write: Write, size: int) -> None:
    given = [*days(10), *days(1, 9), *days(5, 10)]
    assert quarantined(write(text([line(day) for day in given])), size) == (days(15), days(1, 9))


@pytest.mark.parametrize("size", SIZES)
def test_bars_that_contradict_each_other_are_all_put_aside(write: Write, size: int) -> None:
    lines = [
        *[line(day) for day in days(10)],
        *[line(days(1, 9)[0], close) for close in (1.25, 1.75)],
        line(*days(1, 10)),
    ]
    kept, put_aside = quarantined(write(text(lines)), size)
    assert kept == [*days(9), *days(1, 10)]
    assert put_aside == days(1, 9) * 3


@pytest.mark.parametrize("size", SIZES)
def test_bars_that_break_a_rule_are_put_aside_and_no_others(write: Write, size: int) -> None:
    lines = [line(day, 99 if at % 5 == 4 else 1.5) for at, day in enumerate(days(30))]
    kept, put_aside = quarantined(write(text(lines)), size)
    assert kept == [day for at, day in enumerate(days(30)) if at % 5 != 4]
    assert put_aside == [day for at, day in enumerate(days(30)) if at % 5 == 4]


def test_a_bar_that_is_late_by_little_is_sorted_and_by_much_refused(write: Write) -> None:
    path = write(text([line(day) for day in [*days(130), *days(1, 131), *days(1, 130), *days(200, 132)]]))
    assert quarantined(path, 128) == (days(332), [])
    path = write(text([line(day) for day in [*days(300, 1), *days(1)]]))
    with pytest.raises(UnsortedTimes, match="line 302"):
        quarantined(path, 128)


# --- in a library --------------------------------------------------------------------------------


def test_files_are_ingested_with_their_bad_bars_aside(write: Write) -> None:
    path = write(text([line(day, 99 if at == 7 else 1.5) for at, day in enumerate(days(30))]))
    with library(MemoryStore()) as opened:
        done = opened.ingest(
            "AAPL", "1d", source="files", options={"path": path, "chunk_rows": 10}, on_invalid="quarantine"
        )
        assert (done.new, done.quarantined) == (29, 1)
        assert len(opened.bars("AAPL", "1d", source="files")) == 29
        again = opened.ingest("AAPL", "1d", source="files", options={"path": path}, end="2020-01-05")
        assert (again.new, again.changed, again.same) == (0, 0, 4)


def test_values_of_files_count_exactly() -> None:
    assert FilesSource(path="bars.csv").declaration.tolerance == EXACT


def test_the_command_takes_options_as_text(
    write: Write, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BARLEDGER_HOME", str(tmp_path / "home"))
    path = write(text([f"{line(day)},1.25" for day in days(3)], "Day,Open,High,Low,Close,Volume,Adj Close"))
    given = ["--option", f"path={path}", "--option", "columns=close=Adj Close,time=Day", "--store", "memory:", "--json"]
    monkeypatch.setattr(sys, "argv", ["barledger", "ingest", "AAPL", "1d", "--source", "files", *given])
    with pytest.raises(SystemExit) as ended:
        main()
    assert not ended.value.code
    assert json.loads(capsys.readouterr().out)["new"] == 3
