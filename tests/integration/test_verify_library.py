"""Verifying a library: the oldest check first, within a budget, through damage, kills and writers."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from barledger import BarLedger
from barledger.domain.interval import Interval, everything
from barledger.domain.notice import Notice
from barledger.domain.rows import Rows
from barledger.domain.series import Series
from barledger.domain.timeframe import DAY, MINUTE
from barledger.domain.version import LATEST
from barledger.errors import InvalidSetting, SeriesNotFound, StoreUnavailable
from barledger.services.quality import QualityService, VerificationBudget
from barledger.stores.contract import Batch
from barledger.stores.memory import MemoryStore
from libraries import embedded, frame, killed_at, library

DESK = {"source": "desk"}
AAPL, IBM = (Series.of(name, "1d", "desk") for name in ("AAPL", "IBM"))


def listening(bl: BarLedger) -> tuple[QualityService, list[Notice]]:
    """Return a service whose notices are kept."""
    heard: list[Notice] = []
    vault = replace(bl.vault, notify=heard.append)
    return QualityService(vault, bl.instruments, bl.availability), heard


def tamper(bl: BarLedger, series: Series, change: Callable[[Rows], Rows], interval: Interval) -> None:
    """Change rows behind the ledger's back."""
    rows = bl.vault.store.read(series, LATEST, [interval])
    revision = bl.vault.ledger.revisions.last()
    bl.vault.store.write([Batch(series=series, layer=LATEST, rows=change(rows))], revision=revision)


def minutely(count: int) -> pd.DataFrame:
    """Return so many minutes, one after the other, with prices that take room."""
    close = np.random.default_rng(1).uniform(50, 150, count)
    columns = {"open": close, "high": close + 1, "low": close - 1, "close": close, "volume": np.full(count, 1_000.0)}
    return pd.DataFrame(columns, index=pd.to_datetime(MINUTE * np.arange(count), utc=True))


def a_cent_more(rows: Rows) -> Rows:
    return replace(rows, close=rows.close + 0.01)


def test_a_library_is_read_again(anywhere: BarLedger) -> None:
    anywhere.write("AAPL", "1d", frame(range(1_000)), **DESK)
    anywhere.write("IBM", "1d", frame(range(300)), **DESK)
    found = anywhere.verify_library()
    assert (found.ok, found.complete, found.series, found.blocks, found.rows) == (True, True, 2, 4, 1_300)
    checks = anywhere.quality_metrics.checks("AAPL", "1d")
    assert [one.rows for one in checks] == [365, 365, 270]
    assert all(one.ok and one.checked_at and not one.changed for one in checks)
    assert found.oldest == min(one.checked_at for one in checks)
    told = anywhere.audit.entries(operation="verify")[-1].data["verified"]
    assert told == {"series": "2", "blocks": "4", "bars": "1300", "left": "0", "damaged": "0"}


def test_the_oldest_check_comes_first_within_a_budget(anywhere: BarLedger) -> None:
    anywhere.write("AAPL", "1d", frame(range(1_000)), **DESK)
    anywhere.write("IBM", "1d", frame(range(1_000)), **DESK)

    def checked() -> list[int]:
        listed = [one for name in ("AAPL", "IBM") for one in anywhere.quality_metrics.checks(name, "1d")]
        return [one.checked_at for one in listed]

    found = anywhere.verify_library(budget="2 blocks")
    assert (found.blocks, found.left, found.oldest, found.complete) == (2, 4, 0, False)
    assert [bool(at) for at in checked()] == [True, True, False, False, False, False]
    assert anywhere.verify_library(budget="3 blocks").left == 3
    assert [bool(at) for at in checked()] == [True, True, True, True, True, False]
    before = checked()
    assert anywhere.verify_library(budget="2 blocks").oldest == before[1]
    after = checked()
    assert after[0] > before[0]
    assert after[5] > 0
    assert after[1:5] == before[1:5]


def test_a_bar_that_is_not_what_it_was_is_named(anywhere: BarLedger) -> None:
    anywhere.write("AAPL", "1d", frame(range(1_000)), **DESK)
    anywhere.write("IBM", "1d", frame(range(300)), **DESK)
    tamper(anywhere, AAPL, a_cent_more, Interval(400 * DAY, 401 * DAY))
    service, heard = listening(anywhere)
    found = service.verify_library()
    assert (found.ok, found.complete, found.blocks) == (False, True, 4)
    (damage,) = found.damage
    assert (damage.series, damage.interval) == (AAPL, Interval(365 * DAY, 730 * DAY))
    assert "AAPL 1d from desk, block of 1971-01-01T00:00:00Z" in str(damage)
    assert [one.ok for one in service.checks("AAPL", "1d")] == [True, False, True]
    assert [one.ok for one in service.checks("IBM", "1d")] == [True]
    (notice,) = heard
    assert (notice.kind, notice.severity, notice.about) == ("verification_failed", "critical", "AAPL 1d from desk")
    assert notice.details["damage"][0]["start"] == str(365 * DAY)
    entries = [entry.data for entry in anywhere.audit.entries(operation="verify")]
    assert [one["damage"][0]["series"] for one in entries if "damage" in one] == ["AAPL 1d from desk"]
    assert anywhere.vault.ledger.quality.state().damaged == 1
    measured = service.measure("AAPL", "1d", start=0, end=1_000 * DAY)
    assert measured.integrity.score == 2 / 3
    assert measured.integrity.counts["damaged"] == 1
    assert measured.consistency.counts["bars"] == 635
    assert len(heard) == 2
    tamper(anywhere, AAPL, lambda rows: replace(rows, close=rows.close - 0.01), Interval(400 * DAY, 401 * DAY))
    rows = anywhere.vault.store.read(AAPL, LATEST, [Interval(400 * DAY, 401 * DAY)])
    tamper(anywhere, AAPL, lambda _: replace(rows, close=np.array([104.0])), Interval(400 * DAY, 401 * DAY))
    assert anywhere.verify_library().ok
    assert anywhere.vault.ledger.quality.state().damaged == 0


def test_a_bar_that_is_gone_or_came_by_itself_is_damage(anywhere: BarLedger) -> None:
    anywhere.write("AAPL", "1d", frame([*range(300), *range(1_500, 1_600)]), **DESK)
    revision = anywhere.vault.ledger.revisions.last()
    strange = anywhere.vault.store.read(AAPL, LATEST, [Interval(0, DAY)])
    anywhere.vault.store.delete(AAPL, LATEST, [Interval(5 * DAY, 6 * DAY)], revision=revision)
    stray = replace(strange, time=np.array([800 * DAY]))
    anywhere.vault.store.write([Batch(series=AAPL, layer=LATEST, rows=stray)], revision=revision)
    found = anywhere.verify_library()
    assert {(one.interval.start // DAY, one.detail) for one in found.damage} == {
        (0, "it has 299 bars, not 300"),
        (730, "it has bars that the ledger does not know"),
    }
    assert [one.ok for one in anywhere.quality_metrics.checks("AAPL", "1d")] == [False, True]


def test_a_flipped_byte_leaves_the_other_blocks_verified(tmp_path: Path) -> None:
    with embedded(tmp_path) as bl:
        bl.write("AAPL", "1m", minutely(40_000), **DESK)
        bl.write("IBM", "1d", frame(range(300)), **DESK)
        bl.cache.repair()
        blocks = len(bl.vault.ledger.catalog.blocks(Series.of("AAPL", "1m", "desk"), everything()) or [])
    largest = max((tmp_path / "store").rglob("*"), key=lambda path: path.stat().st_size if path.is_file() else 0)
    data = bytearray(largest.read_bytes())
    data[len(data) // 2] ^= 0x10
    largest.write_bytes(data)
    with embedded(tmp_path) as bl:
        service, heard = listening(bl)
        found = service.verify_library()
        assert not found.ok
        assert found.complete
        assert {one.series.instrument for one in found.damage} == {"AAPL"}
        checks = service.checks("AAPL", "1m")
        assert len(checks) == blocks
        wrong = [one for one in checks if not one.ok]
        assert 0 < sum(one.blocks for one in found.damage) == len(wrong) < blocks
        assert all(one.detail for one in wrong)
        assert [one.ok for one in service.checks("IBM", "1d")] == [True]
        assert len(heard) == 1
        measured = service.measure("AAPL", "1m", start=0, end=40_000 * MINUTE).integrity
        assert measured.score == (blocks - len(wrong)) / blocks


def test_a_damaged_snapshot_has_less_integrity(tmp_path: Path) -> None:
    with embedded(tmp_path) as bl:
        bl.write("AAPL", "1d", frame(range(2_000)), **DESK)
        snap = bl.snapshot("AAPL", "1d")
        assert bl.quality_metrics.measure("AAPL", "1d", version=snap.id).integrity.score == 1.0
        tamper(bl, AAPL, a_cent_more, Interval(400 * DAY, 401 * DAY))
        found = bl.quality_metrics.measure("AAPL", "1d", version=snap.id).integrity
        assert (found.counts["blocks"], found.counts["damaged"]) == (6, 1)
        assert found.score == 5 / 6
        assert found.worst[0].interval.start == 365 * DAY


@pytest.mark.slow
@pytest.mark.parametrize(("point", "done"), [("verify.read:3", 2), ("verify.recorded:1", 2)])
def test_a_run_that_is_killed_goes_on_where_it_ended(tmp_path: Path, point: str, done: int) -> None:
    minutes = minutely(150_000)
    with embedded(tmp_path) as bl:
        for at in range(3):
            bl.write(f"SERIES{at}", "1m", minutes, **DESK)

    def verifying() -> None:
        with embedded(tmp_path) as bl:
            bl.verify_library()

    assert killed_at(point, verifying)
    with embedded(tmp_path) as bl:
        state = bl.vault.ledger.quality.state()
        blocks = state.blocks // 3
        assert (state.damaged, state.never) == (0, (3 - done) * blocks)
        found = bl.verify_library(budget=f"{(3 - done) * blocks} blocks")
        assert (found.ok, found.series, found.blocks) == (True, 3 - done, (3 - done) * blocks)
        assert bl.vault.ledger.quality.state().never == 0


def test_what_writers_change_meanwhile_is_no_damage(in_memory: BarLedger) -> None:
    in_memory.write("AAPL", "1d", frame(range(1_000)), **DESK)
    in_memory.write("IBM", "1d", frame(range(1_000)), **DESK)
    rounds = iter(range(100))

    def writing(_: object) -> None:
        at = next(rounds)
        in_memory.write("IBM", "1d", frame([700, 1_000 + at], 200.0 + at), **DESK)
        in_memory.withdraw("IBM", "1d", [at * DAY], reason="test", **DESK)

    found = in_memory.quality_metrics.verify_library(progress=writing)
    assert found.ok
    assert in_memory.quality_metrics.verify_library().ok


def test_a_changed_block_was_not_verified_as_it_is(in_memory: BarLedger) -> None:
    in_memory.write("AAPL", "1d", frame(range(1_000)), **DESK)
    in_memory.verify_library()
    in_memory.write("AAPL", "1d", frame([400], 200.0), **DESK)
    assert [one.changed for one in in_memory.quality_metrics.checks("AAPL", "1d")] == [False, True, False]
    told = in_memory.quality_metrics.measure("AAPL", "1d", start=0, end=1_000 * DAY).integrity.figures
    assert told["never_verified_before"] == 1
    assert [one.changed for one in in_memory.quality_metrics.checks("AAPL", "1d")] == [False, False, False]


def test_what_retention_deleted_is_not_missed(in_memory: BarLedger) -> None:
    in_memory.write("AAPL", "1d", frame(range(1_000)), **DESK)
    in_memory.verify_library()
    kept = in_memory.vault.ledger.now() // DAY - 500
    in_memory.cache.retain([{"instrument": "*", "keep_current": f"{kept}d"}])
    found = in_memory.verify_library()
    assert found.ok
    assert found.complete
    assert found.rows == len(in_memory.bars("AAPL", "1d").rows) < 1_000
    measured = in_memory.quality_metrics.measure("AAPL", "1d", start=0, end=1_000 * DAY)
    assert measured.integrity.score == 1.0
    assert measured.completeness.figures["reasons"] == {"expired": 1_000 - found.rows}


def test_time_is_a_budget_too(tmp_path: Path) -> None:
    seconds = iter(range(0, 100_000, 10))
    with embedded(tmp_path) as bl:
        for at in range(8):
            bl.write(f"SERIES{at}", "1d", frame(range(300)), **DESK)
        service = QualityService(bl.vault, bl.instruments, bl.availability, steady=lambda: float(next(seconds)))
        found = service.verify_library(budget=timedelta(seconds=45))
        assert 0 < found.blocks < 8
        assert found.left == 8 - found.blocks


def test_part_of_a_library_is_verified(in_memory: BarLedger) -> None:
    in_memory.write("AAPL", "1d", frame(range(300)), **DESK)
    in_memory.write("IBM", "1d", frame(range(300)), **DESK)
    in_memory.write("IBM", "1d", frame(range(300)), source="other")
    verify = in_memory.quality_metrics.verify_library
    assert (verify("A*").series, verify("IBM").series, verify(source="other").series) == (1, 2, 1)
    with pytest.raises(SeriesNotFound):
        verify("X*")
    assert verify(timeframe="1d").complete


def test_an_empty_library_is_verified(in_memory: BarLedger) -> None:
    found = in_memory.verify_library(budget=1.0)
    assert (found.ok, found.complete, found.blocks) == (True, True, 0)


def test_a_store_that_does_not_answer_ends_the_run_and_keeps_what_was_done(tmp_path: Path) -> None:
    class Failing(MemoryStore):
        """A store that is down after some reads."""

        def __init__(self) -> None:
            super().__init__()
            self.reads: int | None = None

        def read(self, series: Series, layer: str, intervals: Sequence[Interval]) -> Rows:
            if self.reads is not None:
                self.reads -= 1
                if self.reads < 0:
                    raise StoreUnavailable(url="memory:", detail="it is down")
            return super().read(series, layer, intervals)

    store = Failing()
    with library(store, f"sqlite:///{tmp_path / 'ledger.sqlite'}") as bl:
        for at in range(4):
            bl.write(f"SERIES{at}", "1d", frame(range(300)), **DESK)
        store.reads = 2
        with pytest.raises(StoreUnavailable):
            bl.verify_library()
        state = bl.vault.ledger.quality.state()
        assert (state.never, state.damaged) == (2, 0)
        store.reads = None
        assert bl.verify_library().ok


@pytest.mark.parametrize("wrong", ["", "soon", "0", 0, -1, "-5s", "0 blocks", float("nan"), True, [], timedelta(0)])
def test_a_budget_without_room_is_refused(in_memory: BarLedger, wrong: object) -> None:
    with pytest.raises(InvalidSetting, match="budget"):
        in_memory.verify_library(budget=wrong)  # type: ignore[arg-type]


def test_a_budget_that_is_none_is_told_both_forms() -> None:
    with pytest.raises(InvalidSetting, match=r'neither a time, such as "60s" .* nor blocks, such as "20 blocks"'):
        VerificationBudget.of("5parsecs")


def test_budgets_are_seconds_or_blocks() -> None:
    of = VerificationBudget.of
    assert [of(one).seconds for one in (60, 1.5, "60s", "5m", "90", timedelta(minutes=1))] == [60, 1.5, 60, 300, 90, 60]
    assert [of(one).blocks for one in ("1 block", "500 blocks", None)] == [1, 500, None]


def test_a_library_that_can_only_be_read_keeps_no_checks(tmp_path: Path) -> None:
    with embedded(tmp_path) as bl:
        bl.write("AAPL", "1d", frame(range(3)), **DESK)
    with embedded(tmp_path) as bl:
        reading = replace(bl.vault, read_only=True)
        service = QualityService(reading, bl.instruments, bl.availability)
        found = service.verify_library()
        assert (found.ok, found.complete, found.blocks, found.rows, found.noted) == (True, True, 1, 3, False)
        assert "no check was noted, since this session is for reading" in str(found)
        assert found.oldest == 0
        assert bl.audit.entries(operation="verify") == []
        tamper(bl, Series.of("AAPL", "1d", "desk"), a_cent_more, Interval(0, DAY))
        assert not service.verify_library().ok
