"""Answers that are kept on disk: used if the server says so, bounded, private, and dropped where they are damaged."""

import multiprocessing
import os
import stat
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from barledger import BarLedger
from barledger.errors import KeyRefused, VersionNotFound
from barledger.remote.cache import AnswerCache
from barledger.remote.library import RemoteBarLedger
from libraries import frame
from reading_processes import read_again_and_again
from serving import Served
from tampering import Asked, Between, Said

Opened = Callable[..., RemoteBarLedger]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where answers are kept."""
    return tmp_path / "answers"


@pytest.fixture
def statuses(way: Between) -> list[int]:
    """The statuses of what was answered."""
    told: list[int] = []

    def tamper(asked: Asked, real: Callable[[], Said]) -> Said:
        said = real()
        if asked.path != "/health":
            told.append(said.status)
        return said

    way.tamper = tamper
    return told


def entries(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.answer"))


def test_what_is_kept_comes_from_disk_as_it_came_from_the_server(
    opened: Opened, bl: BarLedger, statuses: list[int]
) -> None:
    found = [opened().bars("AAPL", "1d", columns="close") for _ in range(3)]
    assert statuses == [200, 304, 304]
    assert {one.digest for one in found} == {bl.bars("AAPL", "1d").digest}
    assert {repr(one) for one in found} == {repr(bl.bars("AAPL", "1d"))}
    bl.write("AAPL", "1d", frame([1], 777.0), source="desk")
    assert opened().bars("AAPL", "1d").digest == bl.bars("AAPL", "1d").digest
    assert statuses[3:] == [200]


def test_what_is_kept_is_private(remote: RemoteBarLedger, folder: Path) -> None:
    remote.bars("AAPL", "1d")
    (file,) = entries(folder)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert "AAPL" not in file.name
    assert [one for one in folder.iterdir() if one != file] == []


def test_a_key_that_is_revoked_reads_nothing_that_is_kept(remote: RemoteBarLedger, bl: BarLedger) -> None:
    remote.snapshot("AAPL", "1d", id="fixed")
    assert len(remote.bars("AAPL", "1d", version="fixed")) == 300
    bl.cache.delete("fixed")
    with pytest.raises(VersionNotFound):
        remote.bars("AAPL", "1d", version="fixed")
    assert len(remote.bars("AAPL", "1d")) == 300
    bl.keys.revoke("served")
    with pytest.raises(KeyRefused):
        remote.bars("AAPL", "1d")


def test_another_key_has_answers_of_its_own(opened: Opened, bl: BarLedger, statuses: list[int]) -> None:
    opened().bars("AAPL", "1d")
    opened(key=bl.keys.create("other", scopes="read").text).bars("AAPL", "1d")
    assert statuses == [200, 200]


@pytest.mark.parametrize("where", [0.0, 0.01, 0.5, 0.99])
def test_what_is_damaged_on_disk_is_asked_for_anew(
    opened: Opened, bl: BarLedger, folder: Path, statuses: list[int], where: float
) -> None:
    opened().bars("AAPL", "1d")
    (file,) = entries(folder)
    damaged = bytearray(file.read_bytes())
    damaged[int(where * len(damaged))] ^= 0x40
    file.write_bytes(bytes(damaged))
    assert opened().bars("AAPL", "1d").digest == bl.bars("AAPL", "1d").digest
    assert statuses[-1] == 200
    assert opened().bars("AAPL", "1d").digest == bl.bars("AAPL", "1d").digest
    assert statuses[-1] == 304


@pytest.mark.parametrize("size", [0, 1, 8_192, 9_000])
def test_what_is_cut_off_on_disk_is_asked_for_anew(
    opened: Opened, folder: Path, statuses: list[int], size: int
) -> None:
    opened().bars("AAPL", "1d")
    os.truncate(entries(folder)[0], size)
    assert len(opened().bars("AAPL", "1d")) == 300
    assert statuses[-1] == 200


def test_what_is_kept_is_bounded_and_the_newest_stays(opened: Opened, folder: Path) -> None:
    limit = 200_000
    remote = opened(remote_cache=limit)
    for end in range(10, 200, 10):
        remote.bars("AAPL", "1d", end=f"1970-{1 + end // 31:02d}-{1 + end % 28:02d}")
        assert sum(one.stat().st_size for one in entries(folder)) <= limit
    assert len(entries(folder)) > 3


def test_nothing_is_kept_where_nothing_may_be(opened: Opened, folder: Path, statuses: list[int]) -> None:
    remote = opened(remote_cache=0)
    for _ in range(2):
        assert len(remote.bars("AAPL", "1d")) == 300
    assert statuses == [200, 200]
    assert not folder.exists()


def test_a_folder_that_cannot_be_written_costs_no_answer(opened: Opened, tmp_path: Path) -> None:
    taken = tmp_path / "file"
    taken.write_text("not a folder")
    assert len(opened(remote_cache_dir=taken / "answers").bars("AAPL", "1d")) == 300


def test_what_others_left_behind_is_cleared_away(remote: RemoteBarLedger, folder: Path) -> None:
    folder.mkdir(mode=0o700)
    old, new = folder / "a.part", folder / "b.part"
    old.write_bytes(b"x")
    new.write_bytes(b"x")
    os.utime(old, (time.time() - 10_000, time.time() - 10_000))
    remote.bars("AAPL", "1d")
    assert (old.exists(), new.exists()) == (False, True)


def test_bars_outlive_the_file_that_they_came_from(opened: Opened, folder: Path, bl: BarLedger) -> None:
    opened().bars("AAPL", "1d")
    found = opened().bars("AAPL", "1d")
    for one in entries(folder):
        one.unlink()
    assert found.df["close"].tolist() == bl.bars("AAPL", "1d").df["close"].tolist()


@pytest.mark.slow
def test_several_processes_share_what_is_kept(served: Served, folder: Path) -> None:
    context = multiprocessing.get_context("spawn")
    failed: multiprocessing.Queue[str] = context.Queue()
    wanted = served.bl.bars("AAPL", "1d").digest
    given = served.url, served.key, folder, wanted, failed
    readers = [context.Process(target=read_again_and_again, args=given) for _ in range(3)]
    for one in readers:
        one.start()
    for one in readers:
        one.join(120)
    assert failed.empty(), failed.get()
    assert all(one.exitcode == 0 for one in readers)


def test_a_cache_shows_where_it_is(folder: Path) -> None:
    assert repr(AnswerCache(folder, limit=1_000)) == f"<AnswerCache {folder}, at most 1,000 bytes>"
