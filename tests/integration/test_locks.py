"""Locks: a strategy's repository names its data, and its CI fails when they are not those."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import barledger
from barledger import BarLedger
from barledger.domain.interval import Interval
from barledger.domain.series import Series
from barledger.errors import (
    IntegrityError,
    InvalidManifest,
    InvalidSetting,
    LockBroken,
    ManifestChanged,
    ManifestNotFound,
    SeriesNotFound,
)
from barledger.services.retrieval.manifest import LOCK, Manifest
from barledger.stores.contract import Batch
from barledger.testing.bars import rows
from libraries import TurnableClock, frame

DESK = {"source": "desk"}


@pytest.fixture
def bl(anywhere: BarLedger) -> BarLedger:
    """Two instruments, one of them from two sources."""
    anywhere.write("AAPL", "1d", frame(range(100)), **DESK)
    anywhere.write("IBM", "1d", frame(range(50)), **DESK)
    anywhere.write("IBM", "1d", frame(range(40, 70), 300.0), source="vendor")
    anywhere.cache.prioritise("*", ["desk", "vendor"], mode="fill")
    return anywhere


@pytest.fixture
def file(bl: BarLedger, tmp_path: Path) -> Path:
    """A lock of both."""
    path = tmp_path / "barledger.lock"
    bl.retrieval.lock(["IBM", "AAPL"], "1d", file=path, strategy="momentum-7")
    return path


def test_a_lock_tells_what_was_read(bl: BarLedger, file: Path) -> None:
    told = json.loads(file.read_text())
    assert (told["format"], told["ledger"], told["strategy"]) == (LOCK, bl.vault.ledger.id, "momentum-7")
    listed = [(one["instrument"], one["source"], one["rows"], one["start"], one["end"]) for one in told["series"]]
    assert listed == [
        ("AAPL", "desk", 100, None, None),
        ("IBM", "desk", 50, None, None),
        ("IBM", "vendor", 30, None, None),
    ]
    alone = bl.bars("AAPL", "1d", source="desk")
    assert (told["series"][0]["digest"], told["series"][0]["revision"]) == (alone.digest, str(alone.revision))


def test_the_same_data_give_the_same_bytes(bl: BarLedger, file: Path, tmp_path: Path) -> None:
    bl.retrieval.lock(["AAPL", "IBM"], "1d", file=tmp_path / "again.lock", strategy="momentum-7")
    assert (tmp_path / "again.lock").read_bytes() == file.read_bytes()
    assert file.read_text().endswith("}\n")


def test_data_that_are_the_same_pass(bl: BarLedger, file: Path) -> None:
    found = bl.retrieval.check(file, latest=True)
    assert (len(found.series), found.rows, found.moved) == (3, 180, ())


def test_newer_states_are_told_and_fail_only_if_asked(bl: BarLedger, file: Path) -> None:
    bl.write("AAPL", "1d", frame(range(100, 110)), **DESK)
    bl.write("IBM", "1d", frame([3], 900.0), **DESK)
    found = bl.retrieval.check(file)
    assert [str(one.sealed.series) for one in found.moved] == ["AAPL 1d from desk", "IBM 1d from desk"]
    assert found.moved[0].detail == "110 bars instead of 100"
    with pytest.raises(LockBroken, match="AAPL 1d from desk has moved on since revision") as caught:
        bl.retrieval.check(file, latest=True)
    assert caught.value.code == "lock-broken"


def test_newer_bars_outside_the_locked_interval_do_not_count(bl: BarLedger, tmp_path: Path) -> None:
    bl.retrieval.lock("AAPL", "1d", file=tmp_path / "x.lock", start="1970-01-03", end="1970-02-01")
    bl.write("AAPL", "1d", frame(range(100, 110)), **DESK)
    assert bl.retrieval.check(tmp_path / "x.lock", latest=True).rows == 29


def test_bars_that_are_others_at_the_same_revision_break_it(in_memory: BarLedger, tmp_path: Path) -> None:
    """Somebody changes what lies in the store, behind the ledger's back."""
    done = in_memory.write("AAPL", "1d", frame(range(20)), **DESK)
    in_memory.retrieval.lock("AAPL", "1d", file=tmp_path / "x.lock")
    forged = rows([5 * 86_400_000_000_000], revision=done.revision)
    batch = Batch(series=Series.of("AAPL", "1d", "desk"), layer="latest", rows=forged)
    in_memory.vault.store.write([batch], revision=done.revision)
    with pytest.raises(LockBroken, match=r"AAPL 1d from desk in .*: digest \w{16}… instead of \w{16}…"):
        in_memory.retrieval.check(tmp_path / "x.lock")


def test_the_locked_revision_counts_even_if_the_newest_bars_are_the_same(in_memory: BarLedger, tmp_path: Path) -> None:
    first = in_memory.write("AAPL", "1d", frame(range(20)), **DESK)
    in_memory.retrieval.lock("AAPL", "1d", file=tmp_path / "x.lock")
    in_memory.write("AAPL", "1d", frame([5], 700.0), **DESK)
    second = in_memory.write("AAPL", "1d", frame([5]), **DESK)
    assert in_memory.retrieval.check(tmp_path / "x.lock", latest=True).moved == ()
    series = Series.of("AAPL", "1d", "desk")
    copy = in_memory.vault.store.read(series, "edition_1", [Interval.of(None, None)])
    forged = replace(copy, close=copy.close + 1, high=copy.high + 1)
    in_memory.vault.store.write([Batch(series=series, layer="edition_1", rows=forged)], revision=second.revision)
    assert in_memory.bars("AAPL", "1d").digest != in_memory.bars("AAPL", "1d", version=first.revision).digest
    with pytest.raises(LockBroken):
        in_memory.retrieval.check(tmp_path / "x.lock")


def test_what_retention_deleted_breaks_it(anywhere: BarLedger, clock: TurnableClock, tmp_path: Path) -> None:
    bl, today = anywhere, anywhere.vault.ledger.now() // 86_400_000_000_000
    bl.write("AAPL", "1d", frame(range(today - 30, today)), **DESK)
    start = str(np.datetime64(today - 30, "D"))
    bl.retrieval.lock("AAPL", "1d", file=tmp_path / "bounded.lock", start=start)
    bl.retrieval.lock("AAPL", "1d", file=tmp_path / "whole.lock")
    clock.turn(10)
    bl.cache.retain([{"instrument": "*", "keep_current": "20d"}])
    for name in ("bounded.lock", "whole.lock"):
        with pytest.raises(LockBroken):
            bl.retrieval.check(tmp_path / name)


def test_a_lock_of_a_snapshot_outlives_retention(anywhere: BarLedger, clock: TurnableClock, tmp_path: Path) -> None:
    bl, today = anywhere, anywhere.vault.ledger.now() // 86_400_000_000_000
    bl.write("AAPL", "1d", frame(range(today - 30, today)), **DESK)
    bl.snapshot("AAPL", "1d", id="bt")
    made = bl.retrieval.lock("AAPL", "1d", file=tmp_path / "x.lock", version="bt")
    assert made.snapshot == "bt"
    bl.write("AAPL", "1d", frame(range(today - 30, today), 500.0), **DESK)
    clock.turn(40)
    bl.cache.retain([{"instrument": "*", "keep_editions": "20d"}])
    found = bl.retrieval.check(tmp_path / "x.lock")
    assert [one.read_as for one in found.series] == ["snapshot"]
    with pytest.raises(InvalidSetting, match="as it is pinned"):
        bl.retrieval.lock("AAPL", "1d", file=None, version="bt", start="2020-01-01")


@pytest.mark.parametrize("version", ["revision", "time"])
def test_an_earlier_state_can_be_locked(bl: BarLedger, tmp_path: Path, version: str) -> None:
    then = bl.vault.ledger.now()
    revision = bl.bars("AAPL", "1d", source="desk").revision
    bl.write("AAPL", "1d", frame(range(5), 700.0), **DESK)
    wanted: Any = revision if version == "revision" else np.datetime64(then, "ns")
    made = bl.retrieval.lock("AAPL", "1d", file=tmp_path / "x.lock", version=wanted)
    assert made.series[0].revision == revision
    assert len(bl.retrieval.check(tmp_path / "x.lock").moved) == 1


class TestAnotherLibrary:
    def test_one_with_the_same_bars_passes(self, bl: BarLedger, file: Path, in_memory: BarLedger) -> None:
        del bl
        in_memory.write("AAPL", "1d", frame(range(100)), **DESK)
        in_memory.write("IBM", "1d", frame(range(50)), **DESK)
        with pytest.raises(LockBroken, match=r"IBM 1d from vendor in .*: this library has no bars of it"):
            in_memory.retrieval.check(file)
        in_memory.write("IBM", "1d", frame(range(40, 70), 300.0), source="vendor")
        found = in_memory.retrieval.check(file, latest=True)
        assert [one.read_as for one in found.series] == ["latest"] * 3

    def test_one_with_other_bars_fails(self, bl: BarLedger, tmp_path: Path, in_memory: BarLedger) -> None:
        bl.retrieval.lock("AAPL", "1d", file=tmp_path / "x.lock")
        in_memory.write("AAPL", "1d", frame(range(99)), **DESK)
        with pytest.raises(LockBroken, match="99 bars instead of 100"):
            in_memory.retrieval.check(tmp_path / "x.lock")

    def test_a_copy_that_moved_on_passes(self, bl: BarLedger, tmp_path: Path, file: Path) -> None:
        bl.back_up(tmp_path / "copy")
        with barledger.connect(tmp_path / "copy") as copy:
            copy.write("AAPL", "1d", frame(range(5), 700.0), **DESK)
            found = copy.retrieval.check(file)
            assert [one.read_as for one in found.series] == ["revision"] * 3
            assert len(found.moved) == 1


class TestBadFiles:
    def spoilt(self, file: Path, **changes: Any) -> Path:
        told = json.loads(file.read_text()) | changes
        file.write_text(json.dumps({name: value for name, value in told.items() if value is not None}))
        return file

    def test_no_file_and_no_json_are_said(self, bl: BarLedger, tmp_path: Path) -> None:
        with pytest.raises(ManifestNotFound, match=r"nothing\.lock"):
            bl.retrieval.check(tmp_path / "nothing.lock")
        (tmp_path / "x.lock").write_text("<<<<<<< HEAD")
        with pytest.raises(InvalidManifest, match="not JSON") as caught:
            bl.retrieval.check(tmp_path / "x.lock")
        assert "`barledger lock`" in caught.value.advice
        (tmp_path / "x.lock").write_bytes(b"\xff\xfe")
        with pytest.raises(InvalidSetting, match="not JSON"):
            bl.retrieval.check(tmp_path / "x.lock")

    @pytest.mark.parametrize("told", ["[]", "7", "{}", '{"format": "barledger/lock/1", "ledger": "x", "series": [{}]}'])
    def test_other_json_is_said(self, bl: BarLedger, tmp_path: Path, told: str) -> None:
        (tmp_path / "x.lock").write_text(told)
        with pytest.raises(InvalidSetting, match="is not a manifest"):
            bl.retrieval.check(tmp_path / "x.lock")

    @pytest.mark.parametrize(
        "changes",
        [
            {"series": "text"},
            {"series": [7]},
            {"series": 7},
            {"series": {"a": 1}},
            {"files": [1]},
            {"files": [{"unknown": 1}]},
            {"adjustment": []},
            {"revision": "many"},
            {"revision": float("inf")},
            {"rows": [1]},
            {"instrument": 7},
            {"timeframe": None},
        ],
    )
    def test_what_is_wrong_in_it_is_said_in_words(self, bl: BarLedger, file: Path, changes: dict[str, Any]) -> None:
        told = json.loads(file.read_text())
        whole = {name: value for name, value in changes.items() if name in ("series", "files", "adjustment")}
        told["series"][0] |= {name: value for name, value in changes.items() if name not in whole}
        file.write_text(json.dumps(told | whole))
        with pytest.raises(InvalidManifest, match="is not a manifest: ") as caught:
            bl.retrieval.check(file)
        for python in ("indices", "object", "argument", "literal", "NoneType", "convert", "attribute", "__init__"):
            assert python not in str(caught.value)

    def test_a_changed_file_is_said(self, bl: BarLedger, file: Path) -> None:
        told = json.loads(file.read_text())
        told["series"][0]["rows"] = 7
        with pytest.raises(ManifestChanged, match="was changed") as caught:
            bl.retrieval.check(self.spoilt(file, series=told["series"]))
        assert isinstance(caught.value, IntegrityError)
        assert "version control" in caught.value.advice

    def test_a_format_of_tomorrow_is_said(self, bl: BarLedger, file: Path) -> None:
        with pytest.raises(InvalidSetting, match="has format 'barledger/lock/2'"):
            bl.retrieval.check(self.spoilt(file, format="barledger/lock/2"))

    def test_a_place_that_cannot_be_written_is_said(self, bl: BarLedger, tmp_path: Path) -> None:
        with pytest.raises(InvalidSetting, match="cannot be written"):
            bl.retrieval.lock("AAPL", "1d", file=tmp_path / "nowhere" / "x.lock")
        assert list(tmp_path.glob(".*")) == []

    def test_what_cannot_be_locked_is_refused(self, bl: BarLedger) -> None:
        with pytest.raises(InvalidSetting, match="first is no one state"):
            bl.retrieval.lock("AAPL", "1d", file=None, version="first")
        with pytest.raises(SeriesNotFound):
            bl.retrieval.lock("MSFT", "1d", file=None)

    def test_a_lock_need_not_be_written(self, bl: BarLedger, file: Path) -> None:
        made = bl.retrieval.lock(["AAPL", "IBM"], "1d", file=None, strategy="momentum-7")
        assert made == Manifest.load(file, LOCK)
