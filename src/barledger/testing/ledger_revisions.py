"""What a ledger promises of revisions: locks, leases, commits and what is left of those that failed."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from barledger.domain.digest import EMPTY_ROOT, root_digest
from barledger.domain.interval import Interval, everything
from barledger.errors import FutureTime, LeaseLost
from barledger.ledger.contract import Aborted, Cover, Forgotten, Ledger, Outcome, SeriesState, Who
from barledger.testing.bars import series
from barledger.testing.commits import (
    GRACE,
    LEASE,
    SECOND,
    WHO,
    HandClock,
    begin,
    block,
    change,
    commit,
    intents,
    stretch,
    year,
)

A, B, C = series("AAPL"), series("MSFT"), series("IBM", "1h")


class LockPromises:
    """The pending revision is the lock on its series; a lease says until when."""

    def test_a_series_that_was_never_written_is_all_zeros(self, ledger: Ledger) -> None:
        assert ledger.revisions.state(A) == SeriesState(series=A)
        assert ledger.revisions.states([A, B]) == [SeriesState(series=A), SeriesState(series=B)]
        assert ledger.revisions.states([]) == []
        assert ledger.revisions.uncommitted(A) == frozenset()
        assert ledger.revisions.records(A) == []
        assert ledger.revisions.conflicting(A, everything(), 0) == 0
        assert ledger.revisions.last() == 0
        assert ledger.catalog.series() == []
        assert ledger.catalog.states("AAPL", "1d") == []
        assert ledger.catalog.blocks(A, everything()) == []

    def test_a_pending_revision_shows_and_is_not_true(self, ledger: Ledger) -> None:
        pending = begin(ledger, A)
        state = ledger.revisions.state(A)
        assert (state.revision, state.allocated, state.pending) == (0, pending.revision, pending.revision)
        assert not state.clean
        assert ledger.revisions.uncommitted(A) == {pending.revision}
        assert ledger.revisions.records(A) == []
        assert ledger.catalog.series() == []
        assert ledger.catalog.states("AAPL", "1d") == []
        record = ledger.revisions.record(pending.revision)
        assert record is not None
        assert (record.state, record.committed_at, record.series) == ("pending", 0, A)

    def test_a_writer_is_given_the_states_before_its_own_lock(self, ledger: Ledger) -> None:
        first = commit(ledger, A)
        pending = begin(ledger, A, B)
        assert [state.series for state in pending.states] == [A, B]
        assert [state.revision for state in pending.states] == [first, 0]
        assert all(state.clean for state in pending.states)

    def test_a_held_series_is_not_given_to_another_writer(
        self, ledger: Ledger, open_ledger: Callable[..., Ledger]
    ) -> None:
        pending = begin(ledger, A)
        for writer in (ledger, open_ledger()):
            assert writer.revisions.begin(intents([A]), WHO, lease=LEASE, owner="other") is None
            assert writer.revisions.begin(intents([B, A]), WHO, lease=LEASE, owner="other") is None
        assert ledger.revisions.state(B).pending == 0
        ledger.revisions.commit(pending, Outcome(changes=[change(A)]), WHO)
        assert open_ledger().revisions.begin(intents([B, A]), WHO, lease=LEASE, owner="other") is not None

    def test_who_holds_a_series_is_told_as_long_as_it_is_held(self, ledger: Ledger) -> None:
        assert ledger.revisions.holder([A, B]) is None
        pending = begin(ledger, A)
        holder = ledger.revisions.holder([B, A])
        assert holder is not None
        assert (holder.series, holder.owner, holder.actor) == (A, pending.owner, WHO.actor)
        assert holder.operation == WHO.operation
        assert holder.until >= pending.lease_until
        assert ledger.revisions.holder([B]) is None
        ledger.revisions.commit(pending, Outcome(changes=[change(A)]), WHO)
        assert ledger.revisions.holder([A, B]) is None

    def test_other_series_go_on(self, ledger: Ledger, open_ledger: Callable[..., Ledger]) -> None:
        begin(ledger, A)
        other = open_ledger()
        assert commit(other, B) == ledger.revisions.state(B).revision
        assert ledger.revisions.state(A).pending

    def test_a_lease_is_prolonged(self, open_ledger: Callable[..., Ledger], clock: HandClock) -> None:
        ledger = open_ledger(clock=clock)
        pending = begin(ledger, A, lease=10)
        assert pending.lease_until == clock.time + 10 * SECOND
        clock.turn(9)
        longer = ledger.revisions.extend(pending, lease=10)
        assert longer == replace(pending, lease_until=clock.time + 10 * SECOND)
        clock.turn(9)
        ledger.revisions.commit(longer, Outcome(changes=[change(A)]), WHO)
        assert ledger.revisions.state(A).revision == pending.revision

    def test_a_writer_whose_lease_is_over_can_only_give_up(
        self, open_ledger: Callable[..., Ledger], clock: HandClock
    ) -> None:
        ledger = open_ledger(clock=clock)
        pending = begin(ledger, A)
        clock.turn(LEASE + 0.001)
        for attempt in (
            lambda: ledger.revisions.extend(pending, lease=LEASE),
            lambda: ledger.revisions.commit(pending, Outcome(changes=[change(A)]), WHO),
            lambda: ledger.revisions.mark_repaired(pending, []),
            lambda: ledger.revisions.forget(pending, _forgotten(5), {}, WHO),
        ):
            with pytest.raises(LeaseLost):
                attempt()
        assert ledger.revisions.state(A).revision == 0
        assert ledger.audit.count() == 0
        ledger.revisions.abort(pending)
        assert ledger.revisions.state(A).unrepaired == (pending.revision,)

    def test_a_dead_writer_is_overtaken_after_a_grace(
        self, open_ledger: Callable[..., Ledger], clock: HandClock
    ) -> None:
        ledger, other = open_ledger(clock=clock), open_ledger(clock=clock)
        dead = begin(ledger, A, B)
        clock.turn(LEASE + GRACE)
        assert other.revisions.begin(intents([A]), WHO, lease=LEASE, owner="other") is None
        assert other.revisions.expired() == []
        clock.turn(0.001)
        assert other.revisions.expired() == intents([A, B])
        living = begin(other, A)
        assert living.revision > dead.revision
        left = Aborted(revision=dead.revision, series=A, interval=stretch(0, 10))
        assert living.unrepaired == (left,)
        assert living.states[0].unrepaired == (dead.revision,)
        # The dead writer's other series is free too, and has to be repaired by whoever takes it.
        assert other.revisions.state(B).pending == 0
        assert begin(ledger, B).unrepaired == (replace(left, series=B),)

    def test_an_overtaken_writer_changes_nothing(self, open_ledger: Callable[..., Ledger], clock: HandClock) -> None:
        ledger, other = open_ledger(clock=clock), open_ledger(clock=clock)
        stopped = begin(ledger, A, B)
        clock.turn(LEASE + GRACE + 1)
        living = begin(other, A)
        before = other.revisions.states([A, B])
        # Even if the clock went back, and its lease seemed to last.
        for turned in (0, -LEASE):
            clock.turn(turned)
            for attempt in (
                lambda: ledger.revisions.extend(stopped, lease=LEASE),
                lambda: ledger.revisions.commit(stopped, Outcome(changes=[change(A), change(B)]), WHO),
                lambda: ledger.revisions.discard(stopped, WHO, outcome=Outcome(changes=[change(A)])),
                lambda: ledger.revisions.abort(stopped),
                lambda: ledger.revisions.mark_repaired(stopped, living.unrepaired),
                lambda: ledger.revisions.forget(stopped, _forgotten(5), {}, WHO),
            ):
                with pytest.raises(LeaseLost):
                    attempt()
            assert other.revisions.states([A, B]) == before
        assert ledger.audit.count() == 0
        other.revisions.commit(living, Outcome(changes=[change(A)]), WHO)
        assert ledger.revisions.state(A).revision == living.revision

    def test_a_commit_cannot_change_a_series_that_it_does_not_hold(self, ledger: Ledger) -> None:
        before = commit(ledger, A, B)
        states, entries = ledger.revisions.states([A, B, C]), ledger.audit.count()
        pending = begin(ledger, A)
        for foreign in (B, C):
            with pytest.raises(LeaseLost):
                ledger.revisions.commit(pending, Outcome(changes=[change(A), change(foreign)]), WHO)
        ledger.revisions.discard(pending, WHO)
        allocated = [replace(states[0], allocated=pending.revision), *states[1:]]
        assert ledger.revisions.states([A, B, C]) == allocated
        assert ledger.revisions.state(A).revision == before
        assert ledger.audit.count() == entries


class CommitPromises:
    """A revision becomes true whole, is given up, or stays to be repaired."""

    def test_a_commit_is_true_everywhere_at_once(self, ledger: Ledger, open_ledger: Callable[..., Ledger]) -> None:
        other = open_ledger()
        pending = begin(ledger, A, B, days=(3, 9))
        changes = [change(A, (4, 6), changed=1, withdrawn=2, max_edition=3), change(B, (3, 9))]
        time = ledger.revisions.commit(pending, Outcome(changes=changes), WHO)
        for reader in (ledger, other):
            state = reader.revisions.state(A)
            assert (state.revision, state.pending, state.max_edition) == (pending.revision, 0, 3)
            assert state.clean
            assert reader.revisions.states([B])[0].revision == pending.revision
            assert reader.catalog.series() == [A, B]
            (record,) = reader.revisions.records(A)
            assert (record.revision, record.state, record.committed_at) == (pending.revision, "committed", time)
            assert (record.actor, record.operation, record.reason, record.trigger) == (
                "tester",
                "write",
                "a test",
                "by hand",
            )
            assert (record.new, record.changed, record.withdrawn, record.jitter) == (2, 1, 2, 0)
            assert record.interval == stretch(4, 6)
            assert record.begun_at <= record.committed_at
            assert reader.revisions.record(pending.revision) == record
            assert reader.revisions.last() == reader.revisions.last_committed() == pending.revision

    def test_the_states_of_an_instrument_are_found_in_one_look(
        self, ledger: Ledger, open_ledger: Callable[..., Ledger]
    ) -> None:
        others = [replace(A, source="other"), replace(A, source="a third"), replace(A, is_adjusted=True)]
        commit(ledger, A, B, *others)
        commit(ledger, replace(A, timeframe=C.timeframe))
        begin(ledger, replace(A, source="not yet"))
        for reader in (ledger, open_ledger()):
            assert reader.catalog.states("AAPL", "1d") == reader.revisions.states(sorted([A, *others]))
            assert reader.catalog.states("MSFT", "1d") == reader.revisions.states([B])
            assert reader.catalog.states("IBM", "1d") == []
        failed = begin(ledger, A)
        ledger.revisions.abort(failed)
        (found,) = [state for state in ledger.catalog.states("AAPL", "1d") if state.series == A]
        assert found == ledger.revisions.state(A)
        assert found.unrepaired == (failed.revision,)

    def test_a_commit_happens_once(self, ledger: Ledger) -> None:
        pending = begin(ledger, A)
        ledger.revisions.commit(pending, Outcome(changes=[change(A)]), WHO)
        state = ledger.revisions.state(A)
        with pytest.raises(LeaseLost):
            ledger.revisions.commit(pending, Outcome(changes=[change(A, max_edition=5)]), WHO)
        with pytest.raises(LeaseLost):
            ledger.revisions.abort(pending)
        with pytest.raises(LeaseLost):
            ledger.revisions.discard(pending, WHO)
        assert ledger.revisions.state(A) == state
        assert ledger.audit.count() == 1

    def test_a_series_in_which_no_bar_changed_keeps_its_revision(self, ledger: Ledger) -> None:
        first = commit(ledger, A, B)
        pending = begin(ledger, A, B, C)
        outcome = Outcome(changes=[change(A, changed=3), change(B, jitter=4)])
        ledger.revisions.commit(pending, outcome, WHO)
        assert [state.revision for state in ledger.revisions.states([A, B, C])] == [pending.revision, first, 0]
        assert not any(state.pending for state in ledger.revisions.states([A, B, C]))
        assert [record.revision for record in ledger.revisions.records(B)] == [first]
        assert ledger.revisions.uncommitted(C) == frozenset()

    def test_a_discarded_revision_leaves_no_trace(self, ledger: Ledger) -> None:
        commit(ledger, A)
        before, entries = ledger.revisions.state(A), ledger.audit.count()
        pending = begin(ledger, A, B)
        ledger.revisions.discard(pending, WHO)
        assert ledger.revisions.state(A) == replace(before, allocated=pending.revision)
        assert ledger.revisions.record(pending.revision) is None
        assert ledger.revisions.uncommitted(A) == frozenset()
        assert len(ledger.revisions.records(A)) == 1
        assert ledger.catalog.series() == [A]
        assert ledger.audit.count() == entries
        assert begin(ledger, A, B).revision > pending.revision

    def test_a_refetch_without_news_is_told_and_covered(self, ledger: Ledger) -> None:
        commit(ledger, A)
        before, entries = ledger.revisions.state(A), ledger.audit.count()
        pending = begin(ledger, A)
        outcome = Outcome(
            changes=[change(A, jitter=2)],
            coverage=[Cover(series=A, interval=stretch(0, 10), outcome="fetched")],
            details={"jitter": ["1.5"]},
        )
        ledger.revisions.discard(pending, WHO, outcome=outcome)
        assert ledger.revisions.state(A) == replace(before, allocated=pending.revision)
        assert [cover.interval for cover in ledger.catalog.coverage(A)] == [stretch(0, 10)]
        assert ledger.audit.count() == entries + 1
        (entry,) = ledger.audit.entries(after=entries, series=A)
        assert entry.data["series"][0]["jitter"] == "2"

    def test_an_aborted_revision_stays_until_it_is_repaired(self, ledger: Ledger) -> None:
        first = commit(ledger, A)
        failed = begin(ledger, A, B, days=(2, 5))
        ledger.revisions.abort(failed)
        state = ledger.revisions.state(A)
        assert (state.revision, state.pending, state.unrepaired, state.aborted) == (first, 0, (failed.revision,), 1)
        assert ledger.revisions.expired() == intents([A, B], (2, 5))
        pending = begin(ledger, A)
        left = Aborted(revision=failed.revision, series=A, interval=stretch(2, 5))
        assert pending.unrepaired == (left,)
        ledger.revisions.mark_repaired(pending, [left])
        ledger.revisions.discard(pending, WHO)
        mended = ledger.revisions.state(A)
        assert mended == replace(state, unrepaired=(), epoch=state.epoch + 1, allocated=pending.revision)
        assert ledger.revisions.uncommitted(A) == {failed.revision}
        assert ledger.revisions.expired() == intents([B], (2, 5))
        record = ledger.revisions.record(failed.revision)
        assert record is not None
        assert (record.state, record.committed_at) == ("aborted", 0)

    def test_several_aborted_revisions_are_repaired_one_by_one(
        self, open_ledger: Callable[..., Ledger], clock: HandClock
    ) -> None:
        ledger = open_ledger(clock=clock)
        failed = []
        for first in (0, 5, 9):
            failed.append(begin(ledger, A, days=(first, first + 2)).revision)
            clock.turn(LEASE + GRACE + 1)
        pending = begin(ledger, A)
        assert [left.revision for left in pending.unrepaired] == failed
        assert ledger.revisions.state(A).unrepaired == tuple(failed)
        ledger.revisions.mark_repaired(pending, pending.unrepaired[:1])
        assert ledger.revisions.state(A).unrepaired == tuple(failed[1:])
        ledger.revisions.mark_repaired(pending, pending.unrepaired[1:])
        state = ledger.revisions.state(A)
        assert (state.unrepaired, state.epoch, state.aborted) == ((), 3, 3)
        assert ledger.revisions.uncommitted(A) == {*failed, pending.revision}

    def test_conflicts_are_found_by_interval(self, ledger: Ledger) -> None:
        first = commit(ledger, A, days=(0, 10))
        second = commit(ledger, A, days=(20, 30), blocks=[block(1970, 2)])
        # A commit whose interval is empty changed no bar.
        commit(ledger, A, days=(25, 25), blocks=[block(1970, 3)])
        begin(ledger, A, days=(0, 30))
        found = ledger.revisions.conflicting
        assert found(A, stretch(0, 30), 0) == second
        assert found(A, stretch(0, 20), 0) == first
        assert found(A, stretch(10, 20), 0) == 0
        assert found(A, stretch(0, 10), first) == 0
        assert found(A, stretch(29, 40), first) == second
        assert found(A, stretch(0, 30), second) == 0
        assert found(B, stretch(0, 30), 0) == 0

    def test_records_are_found_by_interval(self, ledger: Ledger) -> None:
        revisions = [commit(ledger, A, days=(at, at + 5), blocks=[block(1970, at)]) for at in (0, 5, 3)]
        failed = begin(ledger, A)
        ledger.revisions.abort(failed)

        def found(first: int, last: int) -> list[int]:
            return [record.revision for record in ledger.revisions.records(A, interval=stretch(first, last))]

        assert [record.revision for record in ledger.revisions.records(A)] == revisions
        assert found(0, 3) == [revisions[0]]
        assert found(4, 5) == [revisions[0], revisions[2]]
        assert found(8, 20) == [revisions[1]]
        assert found(20, 30) == []


class TimePromises:
    """Revisions and times only ever rise, and a time means one revision for ever."""

    def test_revisions_and_times_rise_though_the_clock_steps_back(
        self, open_ledger: Callable[..., Ledger], clock: HandClock
    ) -> None:
        ledger, other = open_ledger(clock=clock), open_ledger(clock=clock)
        revisions, times = [], []
        for at, turned in enumerate((0, 5, -3600, 0, 1, -1, 7200)):
            clock.turn(turned)
            writer = (ledger, other)[at % 2]
            pending = begin(writer, A)
            revisions.append(pending.revision)
            times.append(writer.revisions.commit(pending, Outcome(changes=[change(A)]), WHO))
        assert revisions == sorted(set(revisions))
        assert times == sorted(set(times))
        assert [other.revisions.at_time(A, time) for time in times] == revisions
        assert [other.revisions.at_time(A, time - 1) for time in times] == [0, *revisions[:-1]]
        assert ledger.now() >= times[-1]

    def test_a_time_means_the_last_revision_committed_by_then(
        self, open_ledger: Callable[..., Ledger], clock: HandClock
    ) -> None:
        ledger = open_ledger(clock=clock)
        start = clock.time
        clock.turn(10)
        first = commit(ledger, A)
        clock.turn(10)
        slow = begin(ledger, A)
        clock.turn(10)
        other = commit(ledger, B)
        ledger.revisions.commit(slow, Outcome(changes=[change(A)]), WHO)
        clock.turn(10)
        at = {seconds: ledger.revisions.at_time(A, start + seconds * SECOND) for seconds in (0, 9, 11, 25, 31, 40)}
        assert at == {0: 0, 9: 0, 11: first, 25: first, 31: slow.revision, 40: slow.revision}
        assert ledger.revisions.at_time(B, start + 40 * SECOND) == other
        assert ledger.revisions.at_time(C, start + 40 * SECOND) == 0

    def test_asking_twice_gives_the_same_answer(self, open_ledger: Callable[..., Ledger], clock: HandClock) -> None:
        ledger, other = open_ledger(clock=clock), open_ledger(clock=clock)
        first = commit(ledger, A)
        clock.turn(1)
        now = clock.time
        assert ledger.revisions.at_time(A, now) == first
        for turned in (0, -5):
            # The clock stands, or steps back: nothing may be committed by the time that was asked for.
            clock.turn(turned)
            commit(other, A)
            assert ledger.revisions.at_time(A, now) == other.revisions.at_time(A, now) == first

    def test_a_time_in_the_future_is_refused(self, open_ledger: Callable[..., Ledger], clock: HandClock) -> None:
        ledger = open_ledger(clock=clock)
        commit(ledger, A)
        clock.turn(1)
        with pytest.raises(FutureTime):
            ledger.revisions.at_time(A, clock.time + 1)
        with pytest.raises(FutureTime):
            ledger.revisions.at_time(B, clock.time + 1)

    def test_the_clock_of_the_ledger_itself_runs(self, ledger: Ledger) -> None:
        before = ledger.now()
        revision = commit(ledger, A)
        assert before < revision <= ledger.now()
        assert ledger.revisions.at_time(A, ledger.now()) == revision
        assert ledger.revisions.at_time(A, before) == 0

    def test_an_adopted_store_raises_the_revisions(self, ledger: Ledger) -> None:
        first = commit(ledger, A)
        far = first + 10**18
        ledger.adopt("f" * 32, far, Who(actor="tester", operation="adopt"))
        assert ledger.revisions.last() == far
        middle = ledger.now()
        second = commit(ledger, A)
        assert second > far
        assert ledger.revisions.at_time(A, middle) == first
        assert ledger.revisions.at_time(A, ledger.now()) == second


class DigestPromises:
    """The ledger keeps the digests of the blocks, their root, and what pins still need."""

    def test_digests_are_replaced_added_and_emptied(self, ledger: Ledger) -> None:
        steps: list[tuple[dict[str, Any], dict[int, int]]] = [
            ({"blocks": [block(1980, 0), block(1981, 0)]}, {1980: 0, 1981: 0}),
            ({"blocks": [block(1981, 1)]}, {1980: 0, 1981: 1}),
            ({"blocks": [block(1981, 2), block(1983, 2)]}, {1980: 0, 1981: 2, 1983: 2}),
            ({"blocks": [block(1982, 3)]}, {1980: 0, 1981: 2, 1982: 3, 1983: 2}),
            ({"blocks": [block(1975, 4)]}, {1975: 4, 1980: 0, 1981: 2, 1982: 3, 1983: 2}),
            ({"blocks": [], "emptied": [block(1983, 0).start]}, {1975: 4, 1980: 0, 1981: 2, 1982: 3}),
            ({"blocks": [block(1983, 6)], "emptied": [block(1975, 0).start]}, {1980: 0, 1981: 2, 1982: 3, 1983: 6}),
            ({"blocks": [block(1984, 7)]}, {1980: 0, 1981: 2, 1982: 3, 1983: 6, 1984: 7}),
            ({"blocks": [], "emptied": [block(number, 0).start for number in range(1980, 1985)]}, {}),
            ({"blocks": [block(1981, 9)]}, {1981: 9}),
        ]
        for told, expected in steps:
            commit(ledger, A, **told)
            blocks = [block(number, seed) for number, seed in expected.items()]
            state = ledger.revisions.state(A)
            assert ledger.catalog.blocks(A, everything()) == blocks
            assert state.digest == root_digest(blocks)
            assert state.rows == sum(one.rows for one in blocks)
            assert state.newest == (blocks[-1] if blocks else None)

    def test_a_series_without_bars_has_the_empty_root(self, ledger: Ledger) -> None:
        commit(ledger, A, blocks=[block(1980, 0)])
        commit(ledger, A, blocks=[], emptied=[block(1980, 0).start], new=0, withdrawn=10)
        state = ledger.revisions.state(A)
        assert (state.digest, state.rows, state.newest) == (EMPTY_ROOT, 0, None)

    def test_blocks_are_found_by_where_they_start(self, ledger: Ledger) -> None:
        blocks = [block(number, 0) for number in range(1970, 1980)]
        commit(ledger, A, blocks=blocks)
        assert ledger.catalog.blocks(A, Interval(year(1971), year(1973))) == blocks[1:3]
        assert ledger.catalog.blocks(A, Interval(year(1971) + 1, year(1973) + 1)) == blocks[2:4]

    def test_several_series_are_true_together(self, ledger: Ledger) -> None:
        many = [series(f"I{at}", "1h") for at in range(120)]
        pending = begin(ledger, *many)
        ledger.revisions.commit(pending, Outcome(changes=[change(one, blocks=[block(1970, one)]) for one in many]), WHO)
        states = ledger.revisions.states(many)
        assert {state.revision for state in states} == {pending.revision}
        assert [state.digest for state in states] == [root_digest([block(1970, one)]) for one in many]
        assert ledger.catalog.series() == sorted(many)
        assert ledger.catalog.series(instrument="I7") == [series("I7", "1h")]
        assert ledger.catalog.series(timeframe="1d") == []
        assert ledger.audit.count() == 1
        (entry,) = ledger.audit.entries(series=many[77])
        assert entry.data["revision"] == str(pending.revision)


def _forgotten(horizon: int) -> Forgotten:
    return Forgotten(series=A, horizon=horizon, intervals=[stretch(0, 4)], edition_floor=1)
