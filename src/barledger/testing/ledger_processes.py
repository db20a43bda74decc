"""What a ledger promises when several threads and processes use it, and when one of them is killed."""

import multiprocessing
import os
import random
import signal
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import contextmanager
from itertools import pairwise
from typing import Any, Final

import pytest

from barledger.domain.digest import root_digest
from barledger.domain.interval import everything
from barledger.ledger.contract import Intent, Ledger, Outcome, SnapshotDraft
from barledger.testing.bars import series
from barledger.testing.commits import GRACE, LEASE, SECOND, WHO, begin, block, change, commit, intents

A, B, C = series("AAPL"), series("MSFT"), series("IBM")
Place = Callable[..., Ledger]

PROCESSES: Final = multiprocessing.get_context("forkserver")
PROCESSES.set_forkserver_preload(["barledger.ledger.sql", __name__])
_PATIENCE: Final = 60
_COMMITS: Final = 12


class ProcessPromises:
    """Any number of threads and processes see one ledger, whatever becomes of some of them."""

    def test_processes_that_make_the_same_ledger_at_once_all_succeed(self, place: Place) -> None:
        with ProcessPoolExecutor(3, mp_context=PROCESSES) as pool:
            at = time.time() + 0.2
            ids = [pool.submit(make_at, place, at) for _ in range(3)]
            assert len({one.result(_PATIENCE) for one in ids}) == 1

    def test_writers_in_two_processes_queue(self, place: Place) -> None:
        with ProcessPoolExecutor(2, mp_context=PROCESSES) as pool:
            done = [pool.submit(_write, place, own) for own in (B, C)]
            written = [writer.result(_PATIENCE) for writer in done]
        with _opened(place) as ledger:
            records = ledger.revisions.records(A)
            assert [record.revision for record in records] == sorted(written[0] + written[1])
            assert all(earlier.committed_at < later.begun_at for earlier, later in pairwise(records))
            entries = ledger.audit.entries()
            assert [entry.sequence for entry in entries] == list(range(1, 4 * _COMMITS + 1))
            assert all(earlier.time < later.time for earlier, later in pairwise(entries))
            told = [entry.data["revision"] for entry in entries if entry.operation == "write"]
            assert told == [str(record.revision) for record in records]

    def test_a_writer_killed_in_its_transaction_leaves_nothing_of_it(self, place: Place) -> None:
        with _opened(place) as ledger:
            first = commit(ledger, A, B)
            before = ledger.revisions.states([A, B])
            _run(_commit_and_die, place, ended=-signal.SIGKILL)
            states = ledger.revisions.states([A, B])
            (pending,) = {state.pending for state in states}
            assert pending
            assert [state.revision for state in states] == [first, first]
            assert [state.digest for state in states] == [state.digest for state in before]
            assert ledger.catalog.coverage(A) == []
            assert ledger.audit.count() == 1
            assert ledger.revisions.begin(intents([A]), WHO, lease=LEASE, owner="next") is None
        with _opened(place, clock=_later) as ledger:
            taken = begin(ledger, A, B)
            assert {left.revision for left in taken.unrepaired} == {pending}
            ledger.revisions.commit(taken, Outcome(changes=[change(A), change(B)]), WHO)
            assert [entry.sequence for entry in ledger.audit.entries()] == [1, 2]

    def test_writers_killed_at_any_moment_leave_nothing_half(self, place: Place) -> None:
        dice = random.Random(7)  # noqa: S311 - chooses moments, guards nothing
        for round_ in range(4):
            writer = PROCESSES.Process(target=_write_for_ever, args=(place, round_))
            writer.start()
            _wait_for(place, entries=6 * round_)
            time.sleep(dice.uniform(0, 0.1))
            writer.kill()
            writer.join(_PATIENCE)
            with _opened(place, clock=_later) as ledger:
                _check_whole(ledger)
                held = begin(ledger, A, B, C)
                ledger.revisions.mark_repaired(held, held.unrepaired)
                ledger.revisions.discard(held, WHO)

    def test_threads_share_a_ledger(self, place: Place) -> None:
        interval = sys.getswitchinterval()
        sys.setswitchinterval(1e-5)
        try:
            with _opened(place) as ledger, ThreadPoolExecutor(4) as pool:
                done = list(pool.map(lambda at: _work(ledger, at), range(4)))
                assert [ledger.revisions.state(series(f"T{at}")).revision for at in range(4)] == done
                assert [entry.sequence for entry in ledger.audit.entries()] == list(range(1, 21))
        finally:
            sys.setswitchinterval(interval)

    def test_a_snapshot_never_falls_between_the_series_of_a_commit(self, place: Place) -> None:
        with _opened(place) as ledger:
            commit(ledger, A, B)
            with ProcessPoolExecutor(1, mp_context=PROCESSES) as pool:
                pool.submit(os.getpid).result(_PATIENCE)  # the other process has started
                writing = pool.submit(_write_both, place)
                taken = 0
                while not writing.done() or not taken:
                    ranges = [Intent(series=one, interval=everything()) for one in (A, B)]
                    draft = SnapshotDraft(id=f"s{taken}", purpose="backtest", strategy=None, ranges=ranges)
                    one, other = ledger.snapshots.pin(draft, WHO).pins
                    assert (one.revision, one.digest) == (other.revision, other.digest)
                    states = ledger.revisions.states([A, B])
                    assert states[0].revision == states[1].revision
                    assert states[0].digest == states[1].digest
                    taken += 1
                writing.result(_PATIENCE)


# --- what other processes do -----------------------------------------------------------------------


class _Deadly:
    """A value that kills the process that writes it down."""

    def __str__(self) -> str:
        os.kill(os.getpid(), signal.SIGKILL)
        return ""


def make_at(place: Place, at: float) -> str:
    """Open the ledger at a time (s), write to it, and return its id."""
    time.sleep(max(0.0, at - time.time()))
    with _opened(place) as ledger:
        ledger.audit.append(WHO, {})
        return ledger.id


def _write(place: Place, own: Any) -> list[int]:
    """Commit to a series that others write too, and to one of our own."""
    revisions = []
    with _opened(place) as ledger:
        for at in range(_COMMITS):
            pending = None
            while pending is None:
                pending = ledger.revisions.begin(intents([A, own]), WHO, lease=LEASE, owner=str(os.getpid()))
            ledger.revisions.commit(pending, Outcome(changes=[change(A, blocks=[block(1970, (own, at))])]), WHO)
            ledger.audit.append(type(WHO)(actor="tester", operation="look"), {"at": at})
            revisions.append(pending.revision)
    return revisions


def _write_both(place: Place) -> None:
    with _opened(place) as ledger:
        for at in range(_COMMITS):
            commit(ledger, A, B, blocks=[block(1970, at)])


def _commit_and_die(place: Place) -> None:
    with _opened(place) as ledger:
        pending = begin(ledger, A, B)
        changes = [change(one, blocks=[block(1970, "died")]) for one in (A, B)]
        ledger.revisions.commit(pending, Outcome(changes=changes, details={"deadly": _Deadly()}), WHO)


def _write_for_ever(place: Place, round_: int) -> None:
    with _opened(place) as ledger:
        for at in range(100_000):
            commit(ledger, A, B, C, blocks=[block(1970 + at % 3, (round_, at))])
            ranges = [Intent(series=one, interval=everything()) for one in (A, B, C)]
            name = f"{round_} {at}"
            ledger.snapshots.pin(SnapshotDraft(id=name, purpose="backtest", strategy=None, ranges=ranges), WHO)


def _work(ledger: Ledger, at: int) -> int:
    revision = 0
    for _ in range(5):
        revision = commit(ledger, series(f"T{at}"))
        for _ in range(20):
            assert ledger.revisions.state(series(f"T{at}")).revision == revision
    return revision


# --- here --------------------------------------------------------------------------------------------


def _later() -> int:
    """Tell a time at which every lease of now is over."""
    return time.time_ns() + int((LEASE + GRACE + 10) * SECOND)


@contextmanager
def _opened(place: Place, *, clock: Callable[[], int] | None = None) -> Iterator[Ledger]:
    ledger = place(clock=clock, grace=GRACE)
    try:
        yield ledger
    finally:
        ledger.close()


def _run(target: Callable[..., None], *arguments: Any, ended: int) -> None:
    process = PROCESSES.Process(target=target, args=arguments)
    process.start()
    process.join(_PATIENCE)
    assert process.exitcode == ended


def _wait_for(place: Place, *, entries: int) -> None:
    deadline = time.monotonic() + _PATIENCE
    with _opened(place) as ledger:
        while ledger.audit.count() <= entries:
            if time.monotonic() > deadline:
                pytest.fail("the other process did nothing")
            time.sleep(0.01)


def _check_whole(ledger: Ledger) -> None:
    """Everything that commits and snapshots leave behind fits together."""
    entries = ledger.audit.entries()
    assert [entry.sequence for entry in entries] == list(range(1, len(entries) + 1))
    told = [entry.data["revision"] for entry in entries if "revision" in entry.data]
    pinned = [entry.data["snapshot"] for entry in entries if "snapshot" in entry.data]
    snapshots = ledger.snapshots.list()
    assert sorted(pinned) == sorted(snapshot.id for snapshot in snapshots)
    assert all(len({pin.revision for pin in snapshot.pins}) == 1 for snapshot in snapshots)
    assert {parcel.snapshot_id for parcel in ledger.outbox.waiting()} == {
        snapshot.id for snapshot in snapshots if snapshot.mirrored
    }
    for state in ledger.revisions.states([A, B, C]):
        records = ledger.revisions.records(state.series)
        assert [str(record.revision) for record in records] == told
        assert state.revision == records[-1].revision
        blocks = ledger.catalog.blocks(state.series, everything())
        assert blocks is not None
        assert state.digest == root_digest(blocks)
