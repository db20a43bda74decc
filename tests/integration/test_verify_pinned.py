"""Verifying a library covers what snapshots hold, and not only what its series are now."""

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from barledger import BarLedger
from barledger.domain.interval import Interval
from barledger.domain.rows import Rows
from barledger.domain.series import Series
from barledger.domain.timeframe import DAY
from barledger.errors import BarledgerError
from barledger.services.quality import LibraryVerification
from barledger.stores.contract import Batch
from barledger.stores.memory import MemoryStore
from libraries import TurnableClock, embedded, frame, library

DESK = {"source": "desk"}
AAPL = Series.of("AAPL", "1d", "desk")


def a_cent_more(rows: Rows) -> Rows:
    return replace(rows, close=rows.close + 0.01)


def tamper(bl: BarLedger, layer: str, interval: Interval, series: Series = AAPL) -> None:
    """Change the rows of a layer behind the ledger's back."""
    rows = bl.vault.store.read(series, layer, [interval])
    assert len(rows)
    batch = Batch(series=series, layer=layer, rows=a_cent_more(rows))
    bl.vault.store.write([batch], revision=bl.vault.ledger.revisions.last())


def corrected(bl: BarLedger) -> str:
    """Write three blocks, pin them, and correct a bar in the second; returns the snapshot's id."""
    bl.write("AAPL", "1d", frame(range(1_000)), **DESK)
    pinned = bl.snapshot("AAPL", "1d").id
    bl.write("AAPL", "1d", frame([400], 200), **DESK)
    return pinned


def test_what_only_a_snapshot_holds_is_read_again(anywhere: BarLedger) -> None:
    corrected(anywhere)
    found = anywhere.verify_library()
    assert (found.ok, found.complete, found.blocks, found.pinned, found.rows) == (True, True, 4, 1, 1_365)
    assert "4 blocks (1 of them as only snapshots hold them)" in str(found)
    assert found.oldest > 0
    told = anywhere.audit.entries(operation="verify")[-1].data["verified"]
    assert told == {"series": "1", "blocks": "4", "bars": "1365", "left": "0", "pinned": "1", "damaged": "0"}
    (check,) = anywhere.vault.ledger.quality.pinned()
    assert (check.ok, check.checked_at > 0, check.interval) == (True, True, Interval(365 * DAY, 730 * DAY))


def test_an_edition_that_a_snapshot_holds_and_that_was_changed_is_named(anywhere: BarLedger) -> None:
    pinned = corrected(anywhere)
    tamper(anywhere, "edition_1", Interval(400 * DAY, 401 * DAY))
    found = anywhere.verify_library()
    (damage,) = found.damage
    assert (damage.series, damage.interval) == (AAPL, Interval(365 * DAY, 730 * DAY))
    assert f"as snapshot {pinned} holds it" in damage.detail
    assert not anywhere.verify(pinned).ok
    measured = anywhere.integrity.quality("AAPL", "1d", start=0, end=1_000 * DAY, metrics="integrity")
    assert measured.integrity.score == 3 / 4
    assert measured.integrity.counts == {"blocks": 4, "matching": 3, "damaged": 1, "bars": 1_000, "pinned": 1}
    assert anywhere.bars("AAPL", "1d").df["close"].iloc[0] == 100.0


def test_a_copy_of_an_approved_snapshot_is_read_again(anywhere: BarLedger) -> None:
    anywhere.write("AAPL", "1d", frame(range(300)), **DESK)
    pinned = anywhere.snapshot("AAPL", "1d").id
    anywhere.cache.approve(pinned, strategy="momentum-7")
    assert (anywhere.verify_library().ok, anywhere.verify_library().pinned) == (True, 1)
    tamper(anywhere, pinned, Interval(5 * DAY, 6 * DAY))
    # What was read once is not read again each time somebody asks: verifying is for that.
    asked = anywhere.integrity.quality("AAPL", "1d", start=0, end=300 * DAY, metrics="integrity")
    assert (asked.integrity.score, asked.integrity.counts["pinned"]) == (1.0, 1)
    found = anywhere.verify_library()
    assert [one.series for one in found.damage] == [AAPL]
    assert not found.ok
    measured = anywhere.integrity.quality("AAPL", "1d", start=0, end=300 * DAY, metrics="integrity")
    assert measured.integrity.score == 1 / 2


def test_bars_written_under_a_name_are_read_again(anywhere: BarLedger) -> None:
    anywhere.write("AAPL", "1d", frame(range(30)), **DESK)
    anywhere.write("AAPL", "1d", frame(range(10)), version="bt-7", **DESK)
    assert anywhere.verify_library().pinned == 1
    tamper(anywhere, "bt-7", Interval(5 * DAY, 6 * DAY))
    assert not anywhere.verify_library().ok


def test_a_pin_that_begins_within_a_superseded_block_is_verified_by_its_own_digest(anywhere: BarLedger) -> None:
    anywhere.write("AAPL", "1d", frame(range(600)), **DESK)
    anywhere.snapshot("AAPL", "1d", start=10 * DAY, end=20 * DAY)
    anywhere.write("AAPL", "1d", frame([12], 200), **DESK)
    found = anywhere.verify_library()
    assert (found.ok, found.pinned, found.rows) == (True, 1, 610)
    tamper(anywhere, "edition_1", Interval(12 * DAY, 13 * DAY))
    assert not anywhere.verify_library().ok


def test_what_snapshots_share_with_the_current_bars_is_read_once(in_memory: BarLedger) -> None:
    in_memory.write("AAPL", "1d", frame(range(1_000)), **DESK)
    for _ in range(3):
        in_memory.snapshot("AAPL", "1d")
    assert (in_memory.verify_library().pinned, in_memory.verify_library().blocks) == (0, 3)
    in_memory.write("AAPL", "1d", frame([400], 200), **DESK)
    assert in_memory.verify_library().pinned == 1


def test_what_nobody_holds_any_more_is_not_looked_for(in_memory: BarLedger) -> None:
    pinned = corrected(in_memory)
    assert in_memory.verify_library().pinned == 1
    in_memory.cache.delete(pinned)
    assert in_memory.verify_library().pinned == 0
    assert in_memory.vault.ledger.quality.pinned() == []


def test_pinned_blocks_take_their_turn_within_a_budget(in_memory: BarLedger) -> None:
    corrected(in_memory)

    def step() -> LibraryVerification:
        return in_memory.verify_library(budget="2 blocks")

    first, second, third = step(), step(), step()
    assert (first.blocks, first.pinned, first.left, first.oldest) == (2, 0, 2, 0)
    assert (second.blocks, second.pinned, second.left) == (2, 1, 2)
    assert (third.blocks, third.pinned, third.left) == (2, 0, 2)
    assert second.oldest > 0


def test_only_the_series_that_are_asked_for_are_covered(in_memory: BarLedger) -> None:
    corrected(in_memory)
    in_memory.write("IBM", "1d", frame(range(10)), **DESK)
    assert in_memory.verify_library("IBM").pinned == 0
    assert in_memory.verify_library("AAPL").pinned == 1


def test_a_session_for_reading_covers_snapshots_too(tmp_path: Path) -> None:
    store = MemoryStore()
    with library(store, f"sqlite:///{tmp_path / 'ledger.sqlite'}") as bl:
        corrected(bl)
        vault = replace(bl.vault, read_only=True)
        service = type(bl.quality_metrics)(vault, bl.instruments, bl.availability)
        found = service.verify_library()
        assert (found.blocks, found.pinned, found.left, found.noted) == (4, 1, 0, False)


@pytest.mark.slow
def test_no_flipped_byte_leaves_a_snapshot_unreadable_and_the_library_as_it_was(tmp_path: Path) -> None:
    bl = embedded(tmp_path / "original")
    bl.write("AAPL", "1d", frame(range(3_000)), **DESK)
    pinned = bl.snapshot("AAPL", "1d").id
    bl.write("AAPL", "1d", frame(range(0, 3_000, 3), 200), **DESK)
    bl.close()
    files = [path for path in (tmp_path / "original" / "store").rglob("*") if path.is_file() and path.stat().st_size]
    random = np.random.default_rng(7)
    noticed = 0
    for number in range(60):
        copy = tmp_path / str(number)
        shutil.copytree(tmp_path / "original", copy)
        path = copy / files[number % len(files)].relative_to(tmp_path / "original")
        data = bytearray(path.read_bytes())
        data[int(random.integers(len(data)))] ^= 1
        path.write_bytes(data)
        noticed += _noticed(copy, pinned)
        shutil.rmtree(copy)
    assert noticed


def _noticed(folder: Path, pinned: str) -> bool:
    """Tell whether the snapshot cannot be read; then verifying the library has to say so."""
    try:
        bl = embedded(folder)
    except BarledgerError:
        return False
    with bl:
        try:
            sound = bl.verify(pinned).ok
        except BarledgerError:
            return False
        assert sound or not bl.verify_library().ok
        return not sound


def test_what_retention_deleted_around_a_pin_is_no_damage(in_memory: BarLedger, clock: TurnableClock) -> None:
    in_memory.write("AAPL", "1d", frame(range(1_000)), **DESK)
    in_memory.snapshot("AAPL", "1d", start=10 * DAY, end=400 * DAY)
    in_memory.write("AAPL", "1d", frame(range(0, 1_000, 50), 200), **DESK)
    in_memory.snapshot("AAPL", "1d")
    in_memory.write("AAPL", "1d", frame(range(0, 1_000, 70), 300), **DESK)
    assert (in_memory.verify_library().ok, in_memory.verify_library().pinned > 1) == (True, True)
    clock.turn(60)
    in_memory.cache.retain([{"keep_editions": "30d", "keep_current": "1d"}])
    found = in_memory.verify_library()
    assert (found.ok, found.skipped, found.left) == (True, (), 0)
    assert all(in_memory.verify(one.id).ok for one in in_memory.cache.snapshots())
