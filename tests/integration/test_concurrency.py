"""Several processes at once: writers that meet, a writer that sleeps past its lease, and readers under corrections."""

import mmap
import os
import time
from collections.abc import Iterator
from pathlib import Path
from struct import Struct

import numpy as np
import pytest

from barledger import faults
from barledger.domain.digest import block_digests, root_digest
from barledger.domain.intake import intake
from barledger.domain.series import Series
from barledger.domain.timeframe import Timeframe
from barledger.errors import LeaseLost, RevisionConflict
from barledger.stores.memory import MemoryStore
from libraries import GRACE, LEASE, closes, expected, frame, library, same_bars
from places import EVERYWHERE, ON_SQLITE, Place, place_called
from processes import Process, stop_here

DESK = {"source": "desk"}
SERIES = Series.of("AAPL", "1d", "desk")
LONG_RUN = "BARLEDGER_TORTURE" in os.environ


@pytest.fixture(params=EVERYWHERE)
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    with place_called(request.param, request, tmp_path) as made:
        yield made


@pytest.fixture(params=ON_SQLITE)
def simple_place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    with place_called(request.param, request, tmp_path) as made:
        yield made


def begin(place: Place) -> int:
    with place.opened() as bl:
        return bl.write("AAPL", "1d", frame(range(30)), **DESK).revision


@pytest.mark.slow
def test_two_writers_of_the_same_bars_make_a_history_that_can_be_replayed(simple_place: Place) -> None:
    place, commits = simple_place, 200
    first = begin(place)

    def correct(writer: int) -> list[tuple[int, list[int], float]]:
        random = np.random.default_rng(writer)
        done = []
        with place.opened() as bl:
            for number in range(commits):
                days = np.sort(random.choice(40, 5, replace=False)).tolist()
                value = 1000.0 * (writer + 1) + number
                done.append((bl.write("AAPL", "1d", frame(days, value), **DESK).revision, days, value))
        return done

    writers = [Process(lambda writer=writer: correct(writer)) for writer in range(2)]
    history = sorted(entry for writer in writers for entry in writer.result())
    assert len({revision for revision, *_ in history}) == 2 * commits
    model = library(MemoryStore())
    model.write("AAPL", "1d", frame(range(30)), **DESK)
    with place.opened() as bl:
        assert bl.bars("AAPL", "1d", version=f"revision:{first}").digest == model.bars("AAPL", "1d").digest
        for revision, days, value in history:
            model.write("AAPL", "1d", frame(days, value), **DESK)
            assert bl.bars("AAPL", "1d", version=f"revision:{revision}").digest == model.bars("AAPL", "1d").digest
        listed = [one.revision for one in bl.cache.versions("AAPL", "1d")[0].revisions]
        assert sorted(listed) == [first, *(revision for revision, *_ in history)]
        assert bl.cache.verify_series(SERIES).ok


@pytest.mark.slow
def test_with_expected_revisions_no_update_is_lost(place: Place) -> None:
    begin(place)

    def count_up() -> tuple[int, int]:
        done = conflicts = 0
        with place.opened() as bl:
            while done < 15:
                seen = bl.bars("AAPL", "1d", **DESK)
                value = round(float(seen.rows.close[0]) + 1.0, 6)
                try:
                    bl.write("AAPL", "1d", frame(range(30), value), expected_revision=seen.revision, **DESK)
                    done += 1
                except RevisionConflict:
                    conflicts += 1
        return done, conflicts

    writers = [Process(count_up) for _ in range(2)]
    results = [writer.result() for writer in writers]
    assert [done for done, _ in results] == [15, 15], results
    with place.opened() as bl:
        same_bars(closes(bl.bars("AAPL", "1d")), expected(range(30), 130.0))


@pytest.mark.slow
@pytest.mark.parametrize("point", ["commit.begun", "commit.copies-written", "commit.rows-written"])
def test_a_writer_that_sleeps_past_its_lease_does_no_harm_and_is_told(place: Place, point: str) -> None:
    begin(place)

    def sleep_in_the_middle() -> None:
        faults.install(lambda reached: stop_here() if reached == point else None)
        with place.opened(lease=LEASE) as bl:
            bl.write("AAPL", "1d", frame(range(20), 200), **DESK)

    sleeper = Process(sleep_in_the_middle)
    sleeper.wait_until_stopped()
    time.sleep(LEASE + GRACE + 0.1)
    with place.opened() as bl:
        bl.write("AAPL", "1d", frame(range(10, 25), 300), **DESK)
    wanted = expected(range(30)) | expected(range(10, 25), 300)
    sleeper.wake()
    assert isinstance(sleeper.result(), LeaseLost)
    with place.opened() as bl:
        same_bars(closes(bl.bars("AAPL", "1d")), wanted)
        assert bl.cache.verify_series(SERIES).ok
        bl.write("AAPL", "1d", frame([0], 400), **DESK)
        same_bars(closes(bl.bars("AAPL", "1d")), wanted | expected([0], 400))
        assert bl.cache.verify_series(SERIES).ok


@pytest.mark.slow
def test_readers_under_corrections_see_whole_commits_and_none_older_than_the_last_acknowledged(
    simple_place: Place,
) -> None:
    place, days = simple_place, range(3_000)
    corrections, enough = (1_000, 20) if LONG_RUN else (30, 8)
    acknowledged, number = mmap.mmap(-1, 16), Struct("<q")
    with place.opened() as bl:
        bl.write("AAPL", "1d", frame(days, 1000.0), **DESK)

    def correct() -> int:
        with place.opened() as bl:
            at = 0
            while not number.unpack_from(acknowledged, 8)[0] or at < corrections:
                at += 1
                bl.write("AAPL", "1d", frame(days, 1000.0 + at), **DESK)
                number.pack_into(acknowledged, 0, at)
        return at

    def digest_of(at: int) -> str:
        rows = intake(frame(days, 1000.0 + at), Timeframe.of("1d")).rows
        return root_digest(block_digests(rows, Timeframe.of("1d"))).hex()

    writer = Process(correct)
    reads, seen = 0, set()
    with place.opened() as bl:
        while reads < enough or number.unpack_from(acknowledged)[0] < corrections:
            (before,) = number.unpack_from(acknowledged)
            found = bl.bars("AAPL", "1d")
            at = round(float(found.rows.close[0]) - 1000.0)
            assert before <= at
            again = root_digest(block_digests(found.rows, Timeframe.of("1d"))).hex()
            assert again == found.digest == digest_of(at)
            seen.add(at)
            reads += 1
    number.pack_into(acknowledged, 8, 1)
    assert writer.result() >= corrections
    assert len(seen) >= 3


def test_readers_and_a_writer_may_begin_in_any_order(tmp_path: Path) -> None:
    """A reader that finds no store yet, one that opens while a commit is under way, and one that stays open."""
    from barledger.stores.embedded import EmbeddedStore  # noqa: PLC0415 - only here

    early = EmbeddedStore(tmp_path, read_only=True)
    assert early.series() == []
    place = Place(
        open_store=lambda: EmbeddedStore(tmp_path), ledger=f"sqlite:///{tmp_path / 'ledger.sqlite'}", folder=tmp_path
    )
    begin(place)

    def write_in_the_middle() -> None:
        faults.install(lambda reached: stop_here() if reached == "embedded.write.ready" else None)
        with place.opened() as bl:
            bl.write("AAPL", "1d", frame(range(20), 200), **DESK)

    writer = Process(write_in_the_middle)
    writer.wait_until_stopped()
    assert early.series() == [SERIES]
    with place.opened() as reader:
        same_bars(closes(reader.bars("AAPL", "1d")), expected(range(30)))
        for point in ("copies", "rows", "end"):
            writer.wake()
            if point == "end" or _ended(writer):
                break
            writer.wait_until_stopped()
            same_bars(closes(reader.bars("AAPL", "1d")), expected(range(30)))
        assert writer.result() is None
        same_bars(closes(reader.bars("AAPL", "1d")), expected(range(30)) | expected(range(20), 200))
    early.close()


def _ended(process: Process) -> bool:
    return os.waitid(os.P_PID, process.pid, os.WEXITED | os.WSTOPPED | os.WNOWAIT).si_code != os.CLD_STOPPED
