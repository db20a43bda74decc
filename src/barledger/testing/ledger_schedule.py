"""What a ledger promises about jobs, the one runner of them, and their runs."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from barledger.errors import JobNotFound, JobTaken, RunnerLost
from barledger.ledger.contract import JobRecord, Ledger, RunDraft, Term
from barledger.testing.bars import HOSTILE_NAMES
from barledger.testing.commits import SECOND, WHO, HandClock


class SchedulePromises:
    """One runner is active, a run is begun once, and what a dead runner left is found."""

    @pytest.fixture
    def planned(self, open_ledger: Callable[..., Ledger], clock: HandClock) -> Ledger:
        """Give a ledger with a turnable clock and one job."""
        ledger = open_ledger(clock=clock)
        ledger.schedule.add(_job(), WHO)
        return ledger

    # --- jobs ----------------------------------------------------------------------------------

    def test_jobs_are_kept_switched_and_removed(self, ledger: Ledger, open_ledger: Callable[..., Ledger]) -> None:
        made = ledger.schedule.add(_job(options={"pattern": "A*", "n": 3, "deep": [1, {"a": None}]}), WHO)
        assert made.made_by == WHO.actor
        other = open_ledger()
        assert other.schedule.jobs() == [made]
        with pytest.raises(JobTaken, match="there is a job"):
            other.schedule.add(_job(), WHO)
        off = other.schedule.enable("nightly", WHO, enabled=False, due_at=7, cursor={"audit": "9"})
        assert (off.enabled, off.due_at, off.cursor) == (False, 7, {"audit": "9"})
        assert ledger.schedule.jobs() == [off]
        assert ledger.schedule.remove("nightly", WHO) == off
        assert ledger.schedule.jobs() == []
        assert ledger.audit.count() == 3
        for action in (
            lambda: ledger.schedule.remove("nightly", WHO),
            lambda: ledger.schedule.enable("nightly", WHO, enabled=True, due_at=0, cursor={}),
            lambda: ledger.schedule.begin(_draft(), term=None, seconds=30),
        ):
            with pytest.raises(JobNotFound):
                action()

    def test_jobs_have_names_of_any_kind(self, ledger: Ledger) -> None:
        for name in HOSTILE_NAMES:
            ledger.schedule.add(_job(name=name, options={name: name}), WHO)
        assert {one.name for one in ledger.schedule.jobs()} == set(HOSTILE_NAMES)
        assert all(one.options == {one.name: one.name} for one in ledger.schedule.jobs())

    # --- the one runner ------------------------------------------------------------------------

    def test_one_leads_until_its_term_is_over(
        self, planned: Ledger, open_ledger: Callable[..., Ledger], clock: HandClock
    ) -> None:
        other = open_ledger(clock=clock)
        first = _lead(planned, "one")
        assert other.schedule.lead("two", seconds=30) is None
        assert other.schedule.leader() == first
        clock.turn(20)
        renewed = planned.schedule.renew(first, seconds=30)
        assert renewed.until == clock() + 30 * SECOND
        clock.turn(29)
        assert other.schedule.lead("two", seconds=30) is None
        clock.turn(2)
        second = _lead(other, "two")
        assert second.token > first.token
        for action in (
            lambda: planned.schedule.renew(first, seconds=30),
            lambda: planned.schedule.begin(_draft("one"), term=first, seconds=30),
            lambda: planned.schedule.look("nightly", {}, term=first),
            lambda: planned.schedule.bury(term=first),
        ):
            with pytest.raises(RunnerLost):
                action()
        assert planned.schedule.runs() == []

    def test_a_term_that_is_over_is_lost_though_nobody_took_it(self, planned: Ledger, clock: HandClock) -> None:
        term = _lead(planned, "one")
        clock.turn(31)
        with pytest.raises(RunnerLost):
            planned.schedule.renew(term, seconds=30)
        assert planned.schedule.leader() is None

    def test_who_resigns_makes_room_at_once(self, planned: Ledger) -> None:
        first = _lead(planned, "one")
        planned.schedule.resign(first)
        second = _lead(planned, "two")
        planned.schedule.resign(first)
        assert planned.schedule.leader() == second
        again = planned.schedule.lead("two", seconds=30)
        assert again is not None
        assert again.token > second.token

    def test_of_many_that_ask_at_once_one_leads(self, open_ledger: Callable[..., Ledger]) -> None:
        ledgers = [open_ledger() for _ in range(4)]
        with ThreadPoolExecutor(4) as pool:
            terms = list(pool.map(lambda pair: pair[1].schedule.lead(str(pair[0]), seconds=30), enumerate(ledgers)))
        assert len([term for term in terms if term is not None]) == 1

    # --- runs ----------------------------------------------------------------------------------

    def test_a_run_is_begun_and_ended_with_its_result(
        self, planned: Ledger, open_ledger: Callable[..., Ledger], clock: HandClock
    ) -> None:
        term = _lead(planned, "one")
        draft = replace(_draft("one"), missed=3, due_at=clock() + 60 * SECOND, cursor={"audit": "5"})
        run = planned.schedule.begin(draft, term=term, seconds=30)
        assert (run.state, run.missed, run.runner) == ("running", 3, "one")
        (job,) = planned.schedule.jobs()
        assert (job.due_at, job.cursor) == (clock() + 60 * SECOND, {"audit": "5"})
        clock.turn(5)
        ended = planned.schedule.end(run, state="done", result={"new": 4, "of": ["A"]}, error="", again=False)
        assert ended.ended_at - ended.started_at >= 4 * SECOND
        assert open_ledger().schedule.runs(job="nightly") == [ended]
        assert planned.schedule.jobs()[0].due_at == job.due_at
        with pytest.raises(RunnerLost):
            planned.schedule.end(run, state="failed", result={}, error="twice", again=False)

    def test_a_run_that_overlaps_is_skipped_and_said_so(self, planned: Ledger, clock: HandClock) -> None:
        term = _lead(planned, "one")
        first = planned.schedule.begin(_draft("one"), term=term, seconds=30)
        clock.turn(10)
        draft = replace(_draft("by hand"), due_at=77, cursor={"audit": "6"})
        second = planned.schedule.begin(draft, term=None, seconds=30)
        assert second.state == "skipped"
        assert "has not ended" in second.error
        assert [one.state for one in planned.schedule.runs()] == ["skipped", "running"]
        for name in (None, "nightly"):
            assert planned.schedule.runs(job=name, limit=1, skipped=False) == [first]
        assert planned.schedule.runs(job="other", skipped=False) == []
        (job,) = planned.schedule.jobs()
        assert (job.due_at, job.cursor) == (77, {})
        planned.schedule.end(first, state="done", result={}, error="", again=False)
        assert planned.schedule.begin(_draft("by hand"), term=None, seconds=30).state == "running"

    def test_renewing_keeps_the_runs_of_the_runner_alive(self, planned: Ledger, clock: HandClock) -> None:
        term = _lead(planned, "one")
        run = planned.schedule.begin(_draft("one"), term=term, seconds=30)
        for _ in range(4):
            clock.turn(20)
            term = planned.schedule.renew(term, seconds=30)
        assert planned.schedule.bury(term=term) == []
        assert planned.schedule.end(run, state="done", result={}, error="", again=False).state == "done"

    def test_the_runs_of_a_dead_runner_are_buried_and_made_up_for(self, planned: Ledger, clock: HandClock) -> None:
        term = _lead(planned, "one")
        run = planned.schedule.begin(replace(_draft("one"), due_at=clock() + 10**15), term=term, seconds=30)
        clock.turn(31)
        successor = _lead(planned, "two")
        (buried,) = planned.schedule.bury(term=successor)
        assert (buried.id, buried.state) == (run.id, "interrupted")
        assert buried.error
        assert planned.schedule.jobs()[0].due_at == clock()
        assert planned.schedule.bury(term=successor) == []
        with pytest.raises(RunnerLost):
            planned.schedule.end(run, state="done", result={}, error="", again=False)
        assert planned.schedule.runs()[0] == buried

    def test_whoever_leads_begins_nothing_before_a_dead_run_is_buried(self, planned: Ledger, clock: HandClock) -> None:
        planned.schedule.begin(_draft("one"), term=_lead(planned, "one"), seconds=30)
        clock.turn(31)
        successor = _lead(planned, "two")
        draft = replace(_draft("two"), due_at=clock() + 10**15, cursor={"audit": "7"})
        assert planned.schedule.begin(draft, term=successor, seconds=30).state == "skipped"
        assert len(planned.schedule.bury(term=successor)) == 1
        (job,) = planned.schedule.jobs()
        assert (job.due_at, job.cursor) == (clock(), {})
        assert planned.schedule.begin(draft, term=successor, seconds=30).state == "running"

    def test_a_run_taken_for_dead_cannot_be_kept_alive_any_more(self, planned: Ledger, clock: HandClock) -> None:
        run = planned.schedule.begin(_draft("by hand"), term=None, seconds=30)
        clock.turn(20)
        planned.schedule.keep("by hand", seconds=30)
        clock.turn(31)
        planned.schedule.keep("by hand", seconds=30)
        with pytest.raises(RunnerLost):
            planned.schedule.end(run, state="done", result={}, error="", again=False)
        assert planned.schedule.begin(_draft("by hand"), term=None, seconds=30).state == "running"

    def test_an_interrupted_run_lets_its_job_be_due_again(self, planned: Ledger, clock: HandClock) -> None:
        run = planned.schedule.begin(replace(_draft("x"), due_at=clock() + 10**15), term=None, seconds=30)
        planned.schedule.end(run, state="interrupted", result={"left": 2}, error="stopped", again=True)
        assert planned.schedule.jobs()[0].due_at == clock()

    def test_the_runs_of_a_removed_job_stay(self, planned: Ledger) -> None:
        run = planned.schedule.begin(_draft("x"), term=None, seconds=30)
        ended = planned.schedule.end(run, state="failed", result={}, error="no", again=False)
        planned.schedule.remove("nightly", WHO)
        assert planned.schedule.runs() == [ended]
        assert planned.schedule.runs(job="other") == []
        assert planned.schedule.runs(limit=0) == []


def _job(name: str = "nightly", **given: object) -> JobRecord:
    return JobRecord(**{"name": name, "kind": "ingest", "when": "every 15m", **given})  # type: ignore[arg-type]


def _draft(runner: str = "one") -> RunDraft:
    return RunDraft(job="nightly", trigger="schedule", runner=runner, scheduled_for=5)


def _lead(ledger: Ledger, owner: str) -> Term:
    term = ledger.schedule.lead(owner, seconds=30)
    assert term is not None
    return term
