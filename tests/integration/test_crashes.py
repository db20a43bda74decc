"""Killed at every step: nothing acknowledged is lost, nothing half is seen, and the next writer goes on by itself."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from barledger.domain.series import Series
from barledger.stores.embedded import EmbeddedStore
from libraries import GRACE, LEASE, LONG, closes, expected, frame, killed_at, same_bars
from places import EVERYWHERE, Place, place_called

pytestmark = pytest.mark.slow

DESK = {"source": "desk"}
SERIES = Series.of("AAPL", "1d", "desk")

COMMIT = ("commit.begun", "commit.copies-written", "commit.rows-written", "commit.committed")
EMBEDDED = ("embedded.write.ready", "embedded.write.committed", "embedded.write.settled")
SNAPSHOT = ("snapshot.pinned", "snapshot.digested", "snapshot.materialised")
RETENTION = ("retention.horizon-committed", "retention.rows-deleted", "retention.copies-deleted")
REPAIR = ("repair.rows-written", "repair.rows-restored")

BEFORE = expected(range(5), 200) | expected(range(5, 10))
AFTER = expected(range(3), 200) | expected(range(3, 14), 300)


@pytest.fixture(params=EVERYWHERE)
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    with place_called(request.param, request, tmp_path) as made:
        yield made


@pytest.fixture
def snapshot(place: Place) -> str:
    """A library with a corrected series, and a snapshot of its first state."""
    with place.opened() as bl:
        bl.write("AAPL", "1d", frame(range(10)), **DESK)
        made = bl.snapshot("AAPL", "1d", strategy="m7")
        bl.write("AAPL", "1d", frame(range(5), 200), **DESK)
    return made.id


def correct(place: Place, *, lease: float = LONG) -> None:
    """Correct two bars that were corrected before, five that were not, and add four."""
    with place.opened(lease=lease) as bl:
        bl.write("AAPL", "1d", frame(range(3, 14), 300), **DESK)


def outlive_the_lease() -> None:
    time.sleep(LEASE + GRACE + 0.1)


def check_everything(place: Place, snapshot: str, wanted: dict[int, float]) -> None:
    with place.opened() as bl:
        same_bars(closes(bl.bars("AAPL", "1d")), wanted)
        same_bars(closes(bl.bars("AAPL", "1d", version=snapshot)), expected(range(10)))
        assert bl.verify(snapshot).ok
        assert bl.cache.verify_series(SERIES).ok
        for day in (0, 4, 7):
            editions = [one.edition for one in bl.history("AAPL", "1d", f"1970-01-{day + 1:02}", **DESK)]
            assert editions == list(range(1, len(editions) + 1))


@pytest.mark.parametrize("point", COMMIT)
def test_a_writer_killed_in_a_commit(place: Place, snapshot: str, point: str) -> None:
    assert killed_at(point, lambda: correct(place, lease=LEASE))
    committed = point == "commit.committed"
    check_everything(place, snapshot, AFTER if committed else BEFORE)
    outlive_the_lease()
    check_everything(place, snapshot, AFTER if committed else BEFORE)
    with place.opened() as bl:
        done = bl.write("AAPL", "1d", frame(range(3, 14), 300), **DESK)
        assert (done.changed + done.new == 0) == committed
        assert not bl.vault.ledger.revisions.expired()
    check_everything(place, snapshot, AFTER)


@pytest.mark.parametrize("point", EMBEDDED)
@pytest.mark.parametrize("nth", [1, 2])
def test_a_writer_killed_inside_the_embedded_store(tmp_path: Path, point: str, nth: int) -> None:
    place = Place(
        open_store=lambda: EmbeddedStore(tmp_path), ledger=f"sqlite:///{tmp_path / 'ledger.sqlite'}", folder=tmp_path
    )
    with place.opened() as bl:
        bl.write("AAPL", "1d", frame(range(10)), **DESK)
        made = bl.snapshot("AAPL", "1d")
        bl.write("AAPL", "1d", frame(range(5), 200), **DESK)
    if not killed_at(f"{point}:{nth}", lambda: correct(place, lease=LEASE)):
        pytest.fail(f"the write did not reach {point} {nth} times")
    outlive_the_lease()
    check_everything(place, made.id, BEFORE)
    correct(place)
    check_everything(place, made.id, AFTER)


@pytest.mark.parametrize("point", REPAIR)
def test_a_repairer_killed_while_it_repairs(place: Place, snapshot: str, point: str) -> None:
    assert killed_at("commit.rows-written", lambda: correct(place, lease=LEASE))
    outlive_the_lease()
    assert killed_at(point, lambda: correct(place, lease=LEASE))
    check_everything(place, snapshot, BEFORE)
    outlive_the_lease()
    with place.opened() as bl:
        assert bl.cache.repair() == 1
    check_everything(place, snapshot, BEFORE)
    correct(place)
    check_everything(place, snapshot, AFTER)


@pytest.mark.parametrize("point", SNAPSHOT)
def test_a_snapshot_killed_on_its_way(place: Place, snapshot: str, point: str) -> None:
    def take() -> None:
        with place.opened(lease=LEASE) as bl:
            bl.snapshot("AAPL", "1d", start="1970-01-03", end="1970-01-09", purpose="live", id="mine")

    assert killed_at(point, take)
    outlive_the_lease()
    correct(place)
    with place.opened() as bl:
        bl.cache.repair()
        found = bl.cache.find("mine")
        assert (found.state, found.materialised) == ("complete", True)
        assert bl.verify("mine").ok
        same_bars(closes(bl.bars("AAPL", "1d", version="mine")), expected(range(2, 5), 200) | expected(range(5, 8)))
    check_everything(place, snapshot, AFTER)


@pytest.mark.parametrize("point", RETENTION)
def test_retention_killed_on_its_way(place: Place, snapshot: str, point: str) -> None:
    with place.opened() as bl:
        bl.write("IBM", "1d", frame(range(1, 400)), **DESK)
        bl.write("IBM", "1d", frame(range(1, 400), 200), **DESK)
    rules = [{"instrument": "IBM", "keep_current": "1d"}]

    def forget() -> None:
        with place.opened(lease=LEASE) as bl:
            bl.cache.retain(rules)

    assert killed_at(point, forget)
    outlive_the_lease()
    with place.opened() as bl:
        with pytest.raises(Exception, match="retention horizon"):
            bl.bars("IBM", "1d", start="1970-01-02")
        bl.cache.retain(rules)
        bl.write("IBM", "1d", frame(range(100, 110), 500), **DESK)
        same_bars(closes(bl.bars("IBM", "1d", start="1970-04-11", end="1970-04-21")), expected(range(100, 110), 500))
        assert [one.edition for one in bl.history("IBM", "1d", "1970-04-11", **DESK)] == [3]
        assert bl.cache.verify_series(Series.of("IBM", "1d", "desk")).ok
    check_everything(place, snapshot, BEFORE)
