"""A disk that takes nothing more: the writer gets an error of its own, and nothing that was acknowledged is lost."""

import os
import resource
import signal
import traceback
from collections.abc import Callable
from pathlib import Path

import pytest

from barledger.errors import ReadOnly, StoreUnwritable
from libraries import closes, embedded, expected, frame, same_bars

DESK = {"source": "desk"}
MANY = range(30_000)


def limited(size: int, action: Callable[[], object]) -> str:
    """Run an action in a process whose files may have so many bytes; returns the name of the error that it met."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))
        told = "none"
        try:
            action()
        except BaseException as error:  # noqa: BLE001 - told to the parent
            told = type(error).__name__
            if not isinstance(error, StoreUnwritable):
                traceback.print_exc()
        os.write(writer, told.encode())
        os._exit(0)
    os.close(writer)
    os.waitpid(child, 0)
    with os.fdopen(reader) as pipe:
        return pipe.read()


@pytest.mark.parametrize("size", [5_000, 50_000, 100_000, 200_000, 500_000])
def test_a_write_that_finds_no_room_changes_nothing(tmp_path: Path, size: int) -> None:
    with embedded(tmp_path) as bl:
        bl.write("AAPL", "1d", frame(range(100)), **DESK)
        pinned = bl.snapshot("AAPL", "1d").id

    def write() -> None:
        with embedded(tmp_path) as bl:
            bl.write("AAPL", "1d", frame(MANY, 200.0), **DESK)

    assert limited(size, write) == "StoreUnwritable"
    with embedded(tmp_path) as bl:
        same_bars(closes(bl.bars("AAPL", "1d")), expected(range(100)))
        assert bl.verify(pinned).ok
        assert bl.write("AAPL", "1d", frame(MANY, 200.0), **DESK).changed == 100
        same_bars(closes(bl.bars("AAPL", "1d")), expected(MANY, 200.0))
        same_bars(closes(bl.bars("AAPL", "1d", version=pinned)), expected(range(100)))


def test_a_folder_without_room_is_found_before_anything_is_written(tmp_path: Path) -> None:
    with embedded(tmp_path) as bl:
        bl.write("AAPL", "1d", frame(range(100)), **DESK)

    def check() -> None:
        with embedded(tmp_path) as bl:
            bl.vault.store.check_writable()

    assert limited(1_000, check) == "StoreUnwritable"


def test_a_library_is_not_made_where_there_is_no_room(tmp_path: Path) -> None:
    assert limited(1_000, lambda: embedded(tmp_path / "new")) == "StoreUnwritable"
    with embedded(tmp_path / "new") as bl:
        bl.write("AAPL", "1d", frame(range(100)), **DESK)
        same_bars(closes(bl.bars("AAPL", "1d")), expected(range(100)))


def test_a_reader_says_that_it_cannot_write(tmp_path: Path) -> None:
    with embedded(tmp_path) as bl:
        bl.vault.store.check_writable()
        bl.vault.ledger.check_writable()
        assert len(bl.audit) == 0
    from barledger.ledger.sql import SqlLedger  # noqa: PLC0415 - only here
    from barledger.stores.embedded import EmbeddedStore  # noqa: PLC0415 - only here

    store, ledger = (
        EmbeddedStore(tmp_path, read_only=True),
        SqlLedger.open(f"sqlite:///{tmp_path / 'ledger.sqlite'}", read_only=True),
    )
    with pytest.raises(ReadOnly):
        store.check_writable()
    with pytest.raises(ReadOnly):
        ledger.check_writable()
    store.close()
    ledger.close()
