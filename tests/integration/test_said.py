"""What is said where an answer alone would mislead."""

import json
import logging
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from barledger.barledger import BarLedger, open_barledger
from barledger.cli.app import run
from barledger.domain.interval import Interval, format_time, union
from barledger.domain.series import Series
from barledger.errors import Busy, NoBars
from barledger.ledger.contract import Intent, Who
from barledger.services.availability.report import RequiredInterval
from barledger.settings import Settings
from libraries import embedded, frame

Command = Callable[..., tuple[str, str]]


@pytest.fixture
def command(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Command:
    """Run commands, and give what they write to both."""
    monkeypatch.setenv("BARLEDGER_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)

    def running(*arguments: str | Path, code: int = 0) -> tuple[str, str]:
        capsys.readouterr()
        ended = run([*map(str, arguments)])
        out, err = capsys.readouterr()
        assert ended == code, f"{ended} instead of {code}: {out}{err}"
        return out, err

    return running


# --- versions from before the first write ------------------------------------------------------------


@pytest.fixture
def written(tmp_path: Path) -> tuple[BarLedger, int]:
    """A library with bars, and the time (ns) before they were written."""
    bl = embedded(tmp_path / "library")
    bl.write("IBM", "1d", frame(range(5)), source="desk")
    before = bl.vault.ledger.now()
    bl.write("AAPL", "1d", frame(range(5)), source="desk")
    return bl, before


@pytest.mark.parametrize("source", ["desk", None])
def test_a_version_from_before_the_first_write_is_said_to_have_no_bars(
    written: tuple[BarLedger, int], source: str | None
) -> None:
    bl, before = written
    first = bl.cache.versions("AAPL", "1d")[0].revisions[0].committed_at
    told = re.escape(f"the first were written at {format_time(first)}")
    for version in (format_time(before), f"revision:{bl.bars('IBM', '1d').revision}"):
        with pytest.warns(NoBars, match=f"no bars of AAPL 1d from desk at {re.escape(version)}: {told}"):
            assert len(bl.bars("AAPL", "1d", version=version, source=source)) == 0
    with pytest.warns(NoBars, match="AAPL"):
        bl.retrieval.bars_of(["AAPL", "IBM"], "1d", version=format_time(before), source=source)
    assert len(bl.bars("AAPL", "1d", source=source)) == 5
    assert len(bl.bars("AAPL", "1d", source=source, start="2000-01-01")) == 0
    bl.close()


def test_the_command_says_when_the_first_bars_were_written(
    written: tuple[BarLedger, int], command: Command, tmp_path: Path
) -> None:
    bl, before = written
    bl.close()
    asked = ("bars", "AAPL", "1d", "--version", format_time(before), "--store", tmp_path / "library")
    assert "warning: there are no bars of AAPL 1d from desk at" in command(*asked)[1]
    assert f"from desk at {format_time(before)}" in command(*asked, "--source", "desk", code=3)[1].splitlines()[1]


# --- assumed calendars -------------------------------------------------------------------------------


def test_a_lookback_by_an_assumed_calendar_says_so(tmp_path: Path) -> None:
    with open_barledger(tmp_path / "library") as bl:
        required = bl.availability.required_interval("AAPL", "1d", "2024-01-08", "2024-02-01", lookback=5)
        assert (required.assumed, required.calendar, required.calendar_origin) == (True, "24/7", "default")
        shown = "[2024-01-03T00:00:00Z, 2024-02-01T00:00:00Z), by 24/7, which is assumed"
        assert (str(required), repr(required)) == (shown, shown)
        bl.instruments.declare("AAPL", calendar="XNYS")
        required = bl.availability.required_interval("AAPL", "1d", "2024-01-08", "2024-02-01", lookback=5)
        assert (required.assumed, required.calendar, required.calendar_origin) == (False, "XNYS", "declared")
        assert str(required) == "[2023-12-29T00:00:00Z, 2024-02-01T00:00:00Z)"


def test_a_required_interval_is_an_interval_like_any_other() -> None:
    plain = Interval(5, 9)
    required = RequiredInterval(5, 9, "24/7", "default")
    assert required == plain
    assert plain == required
    assert required != Interval(5, 8)
    assert len({required, plain}) == 1
    assert sorted([Interval(7, 8), required, Interval(1, 2)]) == [Interval(1, 2), required, Interval(7, 8)]
    assert plain <= required <= plain
    assert Interval(1, 2) < required < Interval(6, 7)
    assert Interval(6, 7) > required > Interval(1, 2)
    assert plain >= required >= plain
    assert union([required, Interval(9, 12)]) == [Interval(5, 12)]
    assert required.intersection(Interval(6, 20)) == Interval(6, 9)


# --- wrong places ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("check",), 3),
        (("series",), 0),
        (("bars", "AAPL", "1d"), 3),
        (("gaps",), 0),
        (("snapshot", "list"), 0),
        (("audit",), 0),
        (("availability", "AAPL", "1d"), 3),
        (("status",), 0),
    ],
)
def test_a_place_without_a_library_is_said_to_be_one(
    command: Command, tmp_path: Path, arguments: tuple[str, ...], code: int
) -> None:
    place = tmp_path / "nowhere"
    _, err = command(*arguments, "--store", place, code=code)
    assert f"warning: there was no library at {place}, and now there is an empty one; --store" in err
    _, err = command(*arguments, "--store", place, code=code)
    assert f"warning: {place} holds no bars yet; --store" in err


def test_an_error_in_json_carries_that_the_library_is_empty(command: Command, tmp_path: Path) -> None:
    place = tmp_path / "nowhere"
    _, err = command("bars", "AAPL", "1d", "--json", "--store", place, code=3)
    told = json.loads(err)
    assert told["error"] == "series-not-found"
    assert told["warnings"][0].startswith(f"there was no library at {place}")


def test_a_library_with_something_in_it_is_not_said_to_be_empty(command: Command, tmp_path: Path) -> None:
    with open_barledger(tmp_path / "library") as bl:
        bl.write("AAPL", "1d", frame(range(5)), source="desk")
    assert command("series", "--store", tmp_path / "library")[1] == ""
    command("instruments", "declare", "AAPL", "--kind", "stock", "--store", tmp_path / "declared")
    assert command("series", "--store", tmp_path / "declared")[1] == ""


# --- waiting -----------------------------------------------------------------------------------------


def hold(bl: BarLedger, lease: float) -> None:
    """Hold a series as a writer does that dies at once."""
    intent = Intent(series=Series.of("AAPL", "1d", "files"), interval=Interval(0, 1))
    who = Who(actor="somebody", operation="ingest")
    assert bl.vault.ledger.revisions.begin([intent], who, lease=lease, owner="desk-7/4711/abc") is not None


WAITS = (
    r"waiting for AAPL 1d from files, which desk-7/4711/abc \(somebody: ingest\) is writing; if that writer is dead, "
    r"it is overtaken after \d{4}-\d\d-\d\dT[\d:]+Z, and this one gives up at \d{4}-\d\d-\d\dT[\d:]+Z at the latest"
)


@pytest.mark.slow
def test_who_is_waited_for_is_said_on_stderr_once(command: Command, tmp_path: Path) -> None:
    frame(range(5)).rename_axis("time").to_csv(tmp_path / "AAPL.csv")
    with open_barledger(tmp_path / "library") as bl:
        hold(bl, lease=2.0)
    path = f"path={tmp_path}/AAPL.csv"
    asked = ("ingest", "AAPL", "1d", "--source", "files", "--option", path, "--store", tmp_path / "library")
    out, err = command(*asked)
    assert "5 new" in out
    assert len(re.findall(WAITS, err)) == 1
    assert "waiting" not in command(*asked)[1]


@pytest.mark.slow
def test_who_is_waited_for_is_logged(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with open_barledger(tmp_path / "library", settings=Settings(wait=1.5)) as bl:
        hold(bl, lease=60.0)
        with caplog.at_level(logging.WARNING, "barledger"), pytest.raises(Busy):
            bl.write("AAPL", "1d", frame(range(5)), source="files")
    (record,) = [one for one in caplog.records if one.name == "barledger"]
    assert re.fullmatch(WAITS, record.getMessage())
