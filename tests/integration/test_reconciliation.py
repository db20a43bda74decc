"""A ledger without its store, a store without its ledger, and a second ledger: each is noticed, and can be mended."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from barledger.domain.interval import format_time
from barledger.domain.series import Series
from barledger.errors import LedgerMismatch, VersionNotFound
from libraries import closes, expected, frame, same_bars
from places import ON_SQLITE, Place, place_called

# Each of these is opened again and again while its halves do not fit.
pytestmark = pytest.mark.filterwarnings("ignore::barledger.errors.Mismatch")

DESK = {"source": "desk"}
SERIES = Series.of("AAPL", "1d", "desk")


@pytest.fixture(params=ON_SQLITE)
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    with place_called(request.param, request, tmp_path) as made:
        yield made


def another_ledger(place: Place) -> str:
    return f"sqlite:///{place.folder / 'another.sqlite'}"


def write_history(place: Place) -> list[int]:
    """Write, correct, withdraw; return the revisions."""
    with place.opened() as bl:
        first = bl.write("AAPL", "1d", frame(range(400)), **DESK).revision
        second = bl.write("AAPL", "1d", frame(range(5), 200), **DESK).revision
        third = bl.withdraw("AAPL", "1d", ["1970-01-02"], reason="never traded", **DESK).revision
        bl.write("AAPL", "1d", frame(range(3), 300), version="mine", **DESK)
        bl.write("MSFT", "1d", frame(range(3)), **DESK)
    return [first, second, third]


STATES = [
    expected(range(400)),
    expected(range(400)) | expected(range(5), 200),
    {day: close for day, close in (expected(range(400)) | expected(range(5), 200)).items() if day != 1},
]


def check_history(place: Place, ledger: str, revisions: list[int]) -> None:
    with place.opened(ledger=ledger) as bl:
        assert not bl.vault.mismatch
        for revision, wanted in zip(revisions, STATES, strict=True):
            same_bars(closes(bl.bars("AAPL", "1d", version=f"revision:{revision}")), wanted)
            record = bl.vault.ledger.revisions.record(revision)
            assert record is not None
            same_bars(closes(bl.bars("AAPL", "1d", version=format_time(record.committed_at))), wanted)
        same_bars(closes(bl.bars("AAPL", "1d", version="mine", **DESK)), expected(range(3), 300))
        same_bars(closes(bl.bars("MSFT", "1d")), expected(range(3)))
        for series in (SERIES, Series.of("MSFT", "1d", "desk")):
            assert bl.cache.verify_series(series).ok
        snap = bl.snapshot("AAPL", "1d")
        done = bl.write("AAPL", "1d", frame([1], 500), **DESK)
        assert (done.changed, done.new) == (1, 0)
        same_bars(closes(bl.bars("AAPL", "1d", version=snap.id)), STATES[-1])
        assert [one.edition for one in bl.history("AAPL", "1d", "1970-01-02", **DESK)] == [1, 2, 3, 4]


def test_a_store_whose_ledger_was_lost_can_be_read_and_rebuilt(place: Place) -> None:
    revisions = write_history(place)
    with place.opened(ledger=another_ledger(place)) as bl:
        assert "belongs to ledger" in bl.vault.mismatch
        with pytest.raises(LedgerMismatch):
            bl.write("AAPL", "1d", frame([1]), **DESK)
        done = bl.reconcile("rebuild")
        assert [(one.rows, one.recalled) for one in done] == [(399, 3), (3, 1)]
    check_history(place, another_ledger(place), revisions)


def test_the_old_ledger_of_a_store_that_was_taken_over_can_only_read(place: Place) -> None:
    write_history(place)
    with place.opened(ledger=another_ledger(place)) as bl:
        bl.reconcile("adopt")
    with place.opened() as old:
        same_bars(closes(old.bars("AAPL", "1d")), STATES[-1])
        with pytest.raises(LedgerMismatch):
            old.write("AAPL", "1d", frame([1]), **DESK)


def test_a_ledger_that_was_set_back_learns_what_the_store_knows(place: Place) -> None:
    with place.opened() as bl:
        first = bl.write("AAPL", "1d", frame(range(400)), **DESK).revision
        bl.vault.ledger.copy_to(another_ledger(place))
        second = bl.write("AAPL", "1d", frame(range(5), 200), **DESK).revision
        third = bl.withdraw("AAPL", "1d", ["1970-01-02"], reason="never traded", **DESK).revision
        bl.write("AAPL", "1d", frame(range(3), 300), version="mine", **DESK)
        bl.write("MSFT", "1d", frame(range(3)), **DESK)
    with place.opened(ledger=another_ledger(place)) as bl:
        assert "the ledger ends at" in bl.vault.mismatch
        with pytest.raises(LedgerMismatch):
            bl.snapshot("AAPL", "1d")
        done = bl.reconcile("reconcile")
        assert [one.recalled for one in done] == [2, 1]
        assert done[0].versions == ("mine",)
    check_history(place, another_ledger(place), [first, second, third])


def test_a_store_that_was_set_back_is_noticed_and_what_is_left_of_it_is_told(tmp_path: Path) -> None:
    from barledger.stores.embedded import EmbeddedStore  # noqa: PLC0415 - only here

    ledger = f"sqlite:///{tmp_path / 'ledger.sqlite'}"
    place = Place(open_store=lambda: EmbeddedStore(tmp_path), ledger=ledger, folder=tmp_path)
    with place.opened() as bl:
        bl.write("AAPL", "1d", frame(range(10)), **DESK)
    shutil.copytree(tmp_path / "store", tmp_path / "earlier")
    with place.opened() as bl:
        bl.write("AAPL", "1d", frame(range(5), 200), **DESK)
        bl.write("MSFT", "1d", frame(range(3)), **DESK)
        snap = bl.snapshot(["AAPL", "MSFT"], "1d")
    shutil.rmtree(tmp_path / "store")
    (tmp_path / "earlier").rename(tmp_path / "store")
    with place.opened() as bl:
        assert "the store ends at" in bl.vault.mismatch
        assert not bl.verify(snap.id).ok
        done = bl.reconcile("reconcile")
        assert [(one.series.instrument, one.rows, len(one.blocks)) for one in done] == [("AAPL", 10, 1), ("MSFT", 0, 1)]
    with place.opened() as bl:
        assert not bl.vault.mismatch
        same_bars(closes(bl.bars("AAPL", "1d")), expected(range(10)))
        assert bl.cache.verify_series(SERIES).ok
        found = bl.verify(snap.id)
        assert {one.series.instrument for one in found.damage} == {"AAPL", "MSFT"}
        assert bl.write("AAPL", "1d", frame(range(5), 200), **DESK).changed == 5


def test_each_command_refuses_what_another_is_for(place: Place) -> None:
    write_history(place)
    with place.opened() as bl:
        for how in ("adopt", "rebuild"):
            with pytest.raises(LedgerMismatch):
                bl.reconcile(how)
        assert [one.recalled for one in bl.reconcile("reconcile")] == [0, 0]
    with place.opened(ledger=another_ledger(place)) as bl, pytest.raises(LedgerMismatch):
        bl.reconcile("reconcile")


def test_a_lost_ledger_loses_snapshots_but_not_the_materialised_ones(place: Place) -> None:
    write_history(place)
    with place.opened() as bl:
        plain = bl.snapshot("AAPL", "1d")
        live = bl.snapshot("AAPL", "1d", purpose="live")
        bl.write("AAPL", "1d", frame(range(400), 900), **DESK)
    with place.opened(ledger=another_ledger(place)) as bl:
        bl.reconcile("rebuild")
    with place.opened(ledger=another_ledger(place)) as bl:
        same_bars(closes(bl.bars("AAPL", "1d", version=live.id)), STATES[-1])
        assert bl.bars("AAPL", "1d", version=live.id).digest == live.pins[0].digest.hex()
        with pytest.raises(VersionNotFound):
            bl.bars("AAPL", "1d", version=plain.id)
