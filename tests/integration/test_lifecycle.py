"""A snapshot's bytes stay equal through everything that can happen to the library that holds it."""

import shutil
from pathlib import Path

import pytest

from barledger.barledger import open_barledger, restore_backup
from barledger.errors import FormatTooNew, LedgerMismatch, Mismatch, ReadOnly, RevisionExpired, StoreDiverged
from libraries import closes, embedded, expected, frame, same_bars

DESK = {"source": "desk"}


def test_a_snapshot_survives_all_that_happens_to_a_library(tmp_path: Path) -> None:
    folder = tmp_path / "library"
    bl = embedded(folder)
    bl.write("AAPL", "1d", frame(range(3_000)), **DESK)
    bl.write("AAPL", "1d", frame(range(100), 150), **DESK)
    snap = bl.snapshot("AAPL", "1d", start="1970-02-01")
    wanted = bl.bars("AAPL", "1d", version=snap.id).to_arrow()

    def unchanged() -> None:
        assert bl.bars("AAPL", "1d", version=snap.id).to_arrow().equals(wanted)
        assert bl.verify(snap.id).ok

    current = bl.bars("AAPL", "1d").digest
    unchanged()
    assert bl.bars("AAPL", "1d").digest == current
    bl.write("AAPL", "1d", frame(range(3_000), 200), **DESK)
    unchanged()
    bl.withdraw("AAPL", "1d", ["1970-02-05", "1971-01-01"], reason="never traded", **DESK)
    unchanged()
    bl.write("AAPL", "1d", frame(range(3_000), 300), **DESK)
    unchanged()
    report = bl.cache.retain([{"keep_current": "1d", "keep_editions": "1m"}])
    assert report.held_back > 0
    assert report.deleted > 0
    unchanged()
    bl.write("AAPL", "1d", frame(range(3_000), 400), **DESK)
    assert bl.vault.store.tidy() > 0
    unchanged()
    bl.close()
    bl = embedded(folder)
    unchanged()
    bl.back_up(tmp_path / "backup")
    bl.write("AAPL", "1d", frame(range(3_000), 500), **DESK)
    bl.close()
    bl = open_barledger(tmp_path / "backup")
    unchanged()
    same_bars(closes(bl.bars("AAPL", "1d")), expected(range(3_000), 400))
    bl.close()
    restore_backup(tmp_path / "backup", tmp_path / "restored")
    bl = open_barledger(tmp_path / "restored")
    unchanged()
    bl.close()
    (tmp_path / "restored").rename(tmp_path / "moved")
    bl = open_barledger(tmp_path / "moved")
    unchanged()
    assert not bl.vault.mismatch
    bl.write("AAPL", "1d", frame([1], 600), **DESK)
    unchanged()
    bl.close()


def test_a_snapshot_of_what_retention_deleted_is_refused(tmp_path: Path) -> None:
    with embedded(tmp_path) as bl:
        bl.write("AAPL", "1d", frame(range(100)), **DESK)
        bl.cache.retain([{"keep_current": "1d"}])
        with pytest.raises(RevisionExpired):
            bl.snapshot("AAPL", "1d", start="1970-01-05")
        assert bl.snapshot("AAPL", "1d").pins[0].rows == 0


def test_a_backup_while_it_is_written_is_of_one_instant(tmp_path: Path) -> None:
    with embedded(tmp_path / "library") as bl:
        bl.write("AAPL", "1d", frame(range(50)), **DESK)
        bl.write("MSFT", "1d", frame(range(50)), **DESK)
        written = []

        def correct(*_: object) -> None:
            """Write to a series that was copied already."""
            if not written:
                written.append(bl.write("AAPL", "1d", frame(range(10), 200), **DESK))

        bl.back_up(tmp_path / "backup", progress=correct)
    with open_barledger(tmp_path / "backup") as copy:
        same_bars(closes(copy.bars("AAPL", "1d")), expected(range(50)) | expected(range(10), 200))
        assert all(copy.cache.verify_series(series).ok for series in copy.vault.store.series())


def test_a_folder_that_cannot_be_written_can_be_read(tmp_path: Path) -> None:
    with embedded(tmp_path) as bl:
        bl.write("AAPL", "1d", frame(range(50)), **DESK)
        snap = bl.snapshot("AAPL", "1d")
    with open_barledger(tmp_path, read_only=True) as bl:
        same_bars(closes(bl.bars("AAPL", "1d")), expected(range(50)))
        assert bl.verify(snap.id).ok
        with pytest.raises(ReadOnly):
            bl.write("AAPL", "1d", frame([1]), **DESK)


def test_a_newer_format_is_refused(tmp_path: Path) -> None:
    import sqlite3  # noqa: PLC0415 - only here

    with embedded(tmp_path) as bl:
        bl.write("AAPL", "1d", frame(range(5)), **DESK)
    catalog = sqlite3.connect(tmp_path / "store" / "catalog.sqlite")
    catalog.execute("UPDATE head SET format = 99")
    catalog.commit()
    catalog.close()
    with pytest.raises(FormatTooNew, match="99"):
        embedded(tmp_path)


def test_a_library_without_its_store_is_noticed(tmp_path: Path) -> None:
    with embedded(tmp_path) as bl:
        bl.write("AAPL", "1d", frame(range(5)), **DESK)
        pinned = bl.snapshot("AAPL", "1d").id
        bl.write("AAPL", "1d", frame(range(5), 200.0), **DESK)
        named = bl.write("AAPL", "1d", frame(range(3)), version="mine", **DESK).revision
        assert named
    shutil.rmtree(tmp_path / "store")
    with pytest.warns(Mismatch, match="the store is empty"):
        bl = embedded(tmp_path)
    with bl:
        assert "the store is empty" in bl.vault.mismatch
        for version in ("latest", "first", pinned, "mine"):
            with pytest.raises(StoreDiverged):
                bl.bars("AAPL", "1d", version=version)
            with pytest.raises(StoreDiverged):
                bl.bars("AAPL", "1d", version=version, start="1970-01-02", end="1970-01-03")
        with pytest.raises(LedgerMismatch):
            bl.write("AAPL", "1d", frame([9]), **DESK)
        with pytest.raises(LedgerMismatch):
            bl.bars("MSFT", "1d")
        assert not bl.verify(pinned).ok
        with pytest.raises(LedgerMismatch):
            bl.back_up(tmp_path / "copy")
