"""What a ledger promises about the queue of jobs: each is taken by one process, and none is lost with it."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from barledger.domain.job import Job, JobProgress
from barledger.errors import QueuedJobNotFound, QueueFull, RunnerLost
from barledger.ledger.contract import MOST_DEATHS, Ledger
from barledger.testing.bars import HOSTILE_NAMES
from barledger.testing.commits import WHO, HandClock

_KINDS = ("ingest", "export")


class JobPromises:
    """A job is taken once, goes on after its process died, and has one end."""

    @pytest.fixture
    def queued(self, open_ledger: Callable[..., Ledger], clock: HandClock) -> Ledger:
        """Give a ledger with a turnable clock and one job."""
        ledger = open_ledger(clock=clock)
        _submit(ledger, "first")
        return ledger

    # --- asking --------------------------------------------------------------------------------

    def test_a_job_is_kept_whole_and_its_options_are_not_in_the_audit_log(
        self, ledger: Ledger, open_ledger: Callable[..., Ledger]
    ) -> None:
        options = {"instruments": ["A"], "n": 3, "source_options": {"token": "s3cret"}, "none": None}
        made = ledger.jobs.submit(Job(id="j", kind="ingest", options=options, instruments=("A",)), WHO, most=5)
        assert (made.state, made.made_by, made.options) == ("queued", WHO.actor, options)
        assert made.made_at == made.changed_at > 0
        other = open_ledger()
        assert other.jobs.get("j") == made
        assert other.jobs.list() == [made]
        (entry,) = other.audit.entries()
        assert "j" in entry.body
        assert "s3cret" not in entry.body

    def test_what_is_no_job_is_not_found(self, ledger: Ledger) -> None:
        with pytest.raises(QueuedJobNotFound):
            ledger.jobs.get("no")
        with pytest.raises(QueuedJobNotFound):
            ledger.jobs.cancel("no", WHO)

    def test_a_full_queue_refuses_until_a_job_has_ended(self, queued: Ledger) -> None:
        _submit(queued, "second", most=2)
        with pytest.raises(QueueFull):
            _submit(queued, "third", most=2)
        queued.jobs.cancel("first", WHO)
        _submit(queued, "third", most=2)
        assert [one.id for one in queued.jobs.list()] == ["third", "second", "first"]

    def test_jobs_are_listed_by_state_and_age(self, queued: Ledger) -> None:
        second = _submit(queued, "second")
        _submit(queued, "third")
        queued.jobs.cancel("second", WHO)
        assert [one.id for one in queued.jobs.list(states=["queued"])] == ["third", "first"]
        assert [one.id for one in queued.jobs.list(before=second.made_at)] == ["first"]
        assert [one.id for one in queued.jobs.list(limit=1)] == ["third"]
        assert queued.jobs.list(states=[]) == []

    def test_jobs_are_about_instruments_of_any_name(self, ledger: Ledger) -> None:
        for number, name in enumerate(HOSTILE_NAMES):
            job = Job(id=str(number), kind="ingest", options={name: name}, instruments=(name,))
            assert ledger.jobs.submit(job, WHO, most=100) == ledger.jobs.get(str(number))

    # --- taking --------------------------------------------------------------------------------

    def test_the_oldest_job_of_a_kind_that_is_known_is_taken_first(self, queued: Ledger) -> None:
        _submit(queued, "second", kind="mystery")
        _submit(queued, "third", kind="export")
        assert queued.jobs.claim("one", kinds=(), seconds=30) is None
        taken = [_claim(queued, "one").id, _claim(queued, "two").id]
        assert taken == ["first", "third"]
        assert queued.jobs.claim("one", kinds=_KINDS, seconds=30) is None

    def test_of_many_that_ask_at_once_each_gets_another_job(self, open_ledger: Callable[..., Ledger]) -> None:
        ledgers = [open_ledger() for _ in range(4)]
        for number in range(6):
            _submit(ledgers[0], f"job {number}")
        with ThreadPoolExecutor(4) as pool:
            asked = [(ledger, str(at)) for at, ledger in enumerate(ledgers)] * 2
            taken = list(pool.map(lambda pair: pair[0].jobs.claim(pair[1], kinds=_KINDS, seconds=30), asked))
        found = [one.id for one in taken if one is not None]
        assert len(found) == len(set(found)) == 6

    def test_a_job_whose_process_died_is_taken_by_another_and_the_first_is_told(
        self, queued: Ledger, clock: HandClock
    ) -> None:
        first = _claim(queued, "one")
        clock.turn(20)
        kept = queued.jobs.keep(first, first.progress, seconds=30)
        clock.turn(29)
        assert queued.jobs.claim("two", kinds=_KINDS, seconds=30) is None
        clock.turn(2)
        assert queued.jobs.get("first").state == "interrupted"
        second = _claim(queued, "two")
        assert (second.runner, second.deaths, second.started_at) == ("two", 1, first.started_at)
        with pytest.raises(RunnerLost):
            queued.jobs.keep(kept, kept.progress, seconds=30)
        with pytest.raises(RunnerLost):
            queued.jobs.end(kept, state="done", result={})
        assert queued.jobs.end(second, state="done", result={"new": 1}).result == {"new": 1}

    def test_a_job_whose_lease_is_over_is_lost_though_nobody_took_it(self, queued: Ledger, clock: HandClock) -> None:
        taken = _claim(queued, "one")
        clock.turn(31)
        with pytest.raises(RunnerLost):
            queued.jobs.end(taken, state="done", result={})

    def test_a_job_that_takes_its_processes_with_it_fails_at_last(self, queued: Ledger, clock: HandClock) -> None:
        for _ in range(MOST_DEATHS):
            _claim(queued, "one")
            clock.turn(31)
        _submit(queued, "second")
        assert _claim(queued, "two").id == "second"
        failed = queued.jobs.get("first")
        assert (failed.state, failed.code) == ("failed", "killed")
        assert failed.ended_at

    # --- going on ------------------------------------------------------------------------------

    def test_progress_is_kept_and_is_a_change(self, queued: Ledger, open_ledger: Callable[..., Ledger]) -> None:
        taken = _claim(queued, "one")
        progress = JobProgress(done=3, total=10, text="bars")
        told = queued.jobs.keep(taken, progress, seconds=30)
        assert open_ledger().jobs.get("first").progress == progress
        assert told.changed_at > taken.changed_at
        assert queued.jobs.keep(told, progress, seconds=30).changed_at == told.changed_at

    def test_a_job_ends_once(self, queued: Ledger, clock: HandClock) -> None:
        taken = _claim(queued, "one")
        clock.turn(5)
        progress = JobProgress(done=5, total=5)
        ended = queued.jobs.end(replace(taken, progress=progress), state="failed", result={}, error="why", code="c")
        assert queued.jobs.get("first") == ended
        assert (ended.error, ended.code, ended.progress) == ("why", "c", progress)
        assert ended.ended_at > ended.started_at
        with pytest.raises(RunnerLost):
            queued.jobs.end(taken, state="done", result={})

    def test_what_is_handed_over_is_taken_at_once_and_nobody_died(self, queued: Ledger) -> None:
        taken = _claim(queued, "one")
        left = queued.jobs.end(taken, state="interrupted", result={})
        assert (left.state, left.ended_at) == ("interrupted", 0)
        assert _claim(queued, "two").deaths == 0

    # --- cancelling ----------------------------------------------------------------------------

    def test_what_waits_is_cancelled_at_once(self, queued: Ledger) -> None:
        gone = queued.jobs.cancel("first", WHO)
        assert (gone.state, gone.ended_at > 0) == ("cancelled", True)
        entries = queued.audit.count()
        assert queued.jobs.cancel("first", WHO) == gone
        assert queued.audit.count() == entries
        assert queued.jobs.claim("one", kinds=_KINDS, seconds=30) is None

    def test_what_runs_is_asked_to_stop(self, queued: Ledger) -> None:
        taken = _claim(queued, "one")
        assert queued.jobs.cancel("first", WHO).state == "running"
        assert queued.jobs.keep(taken, taken.progress, seconds=30).cancel_asked
        assert queued.jobs.end(taken, state="interrupted", result={"new": 1}).state == "cancelled"

    def test_what_died_while_it_was_to_be_cancelled_is_cancelled(self, queued: Ledger, clock: HandClock) -> None:
        _claim(queued, "one")
        queued.jobs.cancel("first", WHO)
        clock.turn(31)
        _submit(queued, "second")
        assert _claim(queued, "two").id == "second"
        assert queued.jobs.get("first").state == "cancelled"

    def test_what_was_done_before_it_could_stop_is_done(self, queued: Ledger) -> None:
        taken = _claim(queued, "one")
        queued.jobs.cancel("first", WHO)
        assert queued.jobs.end(taken, state="done", result={}).state == "done"

    # --- looking back --------------------------------------------------------------------------

    def test_changes_are_told_in_their_order_from_any_moment_on(self, queued: Ledger) -> None:
        first, second = queued.jobs.get("first"), _submit(queued, "second")
        assert [one.id for one in queued.jobs.changed(0, limit=10)] == ["first", "second"]
        assert queued.jobs.changed(0, limit=1) == [first]
        assert queued.jobs.changed(first.changed_at, limit=10) == [second]
        _claim(queued, "one")
        assert [one.id for one in queued.jobs.changed(first.changed_at, limit=10)] == ["second", "first"]

    def test_only_the_newest_that_ended_are_remembered(self, queued: Ledger) -> None:
        for number in range(3):
            _submit(queued, f"old {number}")
            queued.jobs.cancel(f"old {number}", WHO)
        assert queued.jobs.forget(kept=3) == []
        assert sorted(queued.jobs.forget(kept=1)) == ["old 0", "old 1"]
        assert [one.id for one in queued.jobs.list()] == ["old 2", "first"]


def _submit(ledger: Ledger, job_id: str, *, kind: str = "ingest", most: int = 100) -> Job:
    return ledger.jobs.submit(Job(id=job_id, kind=kind), WHO, most=most)


def _claim(ledger: Ledger, runner: str) -> Job:
    taken = ledger.jobs.claim(runner, kinds=_KINDS, seconds=30)
    assert taken is not None
    return taken
