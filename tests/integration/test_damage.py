"""Single flipped bytes in any file of the embedded store: every answer is right or an error, and `verify` names it."""

import os
import shutil
from pathlib import Path

import numpy as np
import pytest

from barledger.barledger import BarLedger
from barledger.domain.series import Series
from barledger.errors import BarledgerError
from libraries import closes, embedded, expected, frame

DESK = {"source": "desk"}
SERIES = [Series.of(name, "1d", "desk") for name in ("AAPL", "IBM")]
FLIPS = 500 if "BARLEDGER_TORTURE" in os.environ else 50


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str, dict[str, dict[int, float]]]:
    """A library with segments, a log, and SQLite's own log left behind by a writer that died."""
    folder = tmp_path_factory.mktemp("original")
    bl = embedded(folder)
    bl.write("AAPL", "1d", frame(range(6_000)), **DESK)
    bl.write("IBM", "1d", frame(range(300)), **DESK)
    # Closing moves what is in SQLite's own log into the catalog.
    bl.close()
    bl = embedded(folder)
    snap = bl.snapshot(["AAPL", "IBM"], "1d")
    bl.write("AAPL", "1d", frame(range(0, 6_000, 3), 200), **DESK)
    bl.write("IBM", "1d", frame(range(20), 200), **DESK)
    states = {
        "AAPL": expected(range(6_000)) | expected(range(0, 6_000, 3), 200),
        "IBM": expected(range(300)) | expected(range(20), 200),
    }
    copy = tmp_path_factory.mktemp("copy")
    shutil.copytree(folder, copy, dirs_exist_ok=True)
    bl.close()
    return copy, snap.id, states


def flips(store: Path) -> list[tuple[str, int]]:
    """Draw places: as many from each file, since the small ones matter as much."""
    random = np.random.default_rng(4711)
    files = sorted(path for path in store.rglob("*") if path.is_file() and path.stat().st_size)
    chosen = [files[at % len(files)] for at in range(FLIPS)]
    return [(str(path.relative_to(store)), int(random.integers(path.stat().st_size))) for path in chosen]


@pytest.mark.slow
def test_a_flipped_byte_is_never_an_answer(
    original: tuple[Path, str, dict[str, dict[int, float]]], tmp_path: Path
) -> None:
    folder, snap, states = original
    refused, harmless = set(), 0
    for number, (name, at) in enumerate(flips(folder / "store")):
        copy = tmp_path / str(number)
        shutil.copytree(folder, copy)
        path = copy / "store" / name
        data = bytearray(path.read_bytes())
        data[at] ^= 1 << number % 8
        path.write_bytes(data)
        errors = _answers(copy, snap, states)
        if errors:
            refused.add(name.split("/")[0])
        else:
            harmless += 1
        shutil.rmtree(copy)
    assert {"segments", "catalog.sqlite", "catalog.sqlite-wal"} <= refused
    assert harmless < FLIPS


def _answers(folder: Path, snap: str, states: dict[str, dict[int, float]]) -> list[str]:
    """Ask for everything; returns the errors after checking what was answered, and that `verify` tells of them."""
    try:
        bl = embedded(folder)
    except BarledgerError as error:
        return [str(error)]
    errors: list[str] = []
    try:
        for name, state in states.items():
            errors += _wrong(bl, name, "latest", state)
            errors += _wrong(bl, name, snap, expected(range(len(state))))
        damage = _damage(bl, snap)
        assert bool(damage) or not errors, f"not named: {errors}"
        return [*errors, *damage]
    finally:
        bl.close()


def _wrong(bl: BarLedger, name: str, version: str, state: dict[int, float]) -> list[str]:
    try:
        assert closes(bl.bars(name, "1d", version=version)) == state
    except BarledgerError as error:
        return [str(error)]
    return []


def _damage(bl: BarLedger, snap: str) -> list[str]:
    try:
        found = [bl.verify(snap), *(bl.cache.verify_series(series) for series in SERIES)]
    except BarledgerError as error:
        return [str(error)]
    return [str(damage) for one in found for damage in one.damage]
