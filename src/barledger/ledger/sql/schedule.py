"""The schedule in SQL: jobs and runs."""

# ruff: noqa: S608 - statements are made of names of our own schema; values are parameters

import json
import secrets
from collections.abc import Mapping
from dataclasses import asdict, replace
from typing import Any, Final

from barledger.domain.interval import format_time
from barledger.domain.timeframe import SECOND
from barledger.errors import JobNotFound, JobTaken, RunnerLost
from barledger.ledger.contract import JobRecord, Run, RunDraft, RunState, Term, Who
from barledger.ledger.sql import schema
from barledger.ledger.sql.audit import append
from barledger.ledger.sql.terms import SqlTerms, check_term
from barledger.ledger.sql.transaction import Transaction, Writing

_JOB: Final = ("name", "kind", "when", "zone", "options", "enabled", "due_at", "cursor", "made_at", "made_by")
_JOBS: Final = "SELECT " + ", ".join(f'"{name}"' for name in _JOB) + ' FROM "jobs"'
_RUN: Final = (
    *("id", "job", "state", "trigger", "runner", "scheduled_for", "started_at", "ended_at", "missed"),
    *("result", "error", "alive_until"),
)
_RUNS: Final = "SELECT " + ", ".join(f'"{name}"' for name in _RUN) + ' FROM "runs"'
_DIED: Final = "its process died, or was stopped for too long"
_KEPT: Final = 500


class SqlSchedule(SqlTerms):
    """Jobs and runs; the lease of the runner is checked in the transaction that begins or ends a run."""

    # --- jobs ------------------------------------------------------------------------------------

    def add(self, job: JobRecord, who: Who) -> JobRecord:
        """Keep a job; raises `JobTaken`."""
        with self._database.write() as writing:
            if writing.one('SELECT 1 FROM "jobs" WHERE "name" = ?', (job.name,)):
                raise JobTaken(name=job.name)
            made = replace(job, made_at=writing.tick(), made_by=who.actor)
            writing.insert(schema.jobs, _JOB, [_job_row(made)])
            append(writing, who, made.made_at, {"job": _told(made)})
            return made

    def remove(self, name: str, who: Who) -> JobRecord:
        """Forget a job, but not its runs."""
        with self._database.write() as writing:
            found = _called(writing, name)
            writing.delete(schema.jobs, ("name",), [(name,)])
            append(writing, who, writing.tick(), {"job": _told(found)})
            return found

    def enable(self, name: str, who: Who, *, enabled: bool, due_at: int, cursor: Mapping[str, str]) -> JobRecord:
        """Switch a job on or off."""
        with self._database.write() as writing:
            changed = replace(_called(writing, name), enabled=enabled, due_at=due_at, cursor=cursor)
            values = (enabled, due_at, _json(cursor), name)
            writing.update(schema.jobs, ("enabled", "due_at", "cursor"), ("name",), [values])
            append(writing, who, writing.tick(), {"job": _told(changed)})
            return changed

    def jobs(self) -> list[JobRecord]:
        """Return the jobs by name."""
        with self._database.read() as transaction:
            return [_job(row) for row in transaction.all(f'{_JOBS} ORDER BY "name"')]

    # --- runs ------------------------------------------------------------------------------------

    def begin(self, draft: RunDraft, *, term: Term | None, seconds: float) -> Run:
        """Begin a run, or note that it is skipped."""
        with self._database.write() as writing:
            if term is not None:
                check_term(writing, term)
            _called(writing, draft.job)
            earlier = _running(writing, draft.job, dead=term is not None)
            run = _made(draft, earlier, at=writing.tick(), until=writing.now + int(seconds * SECOND))
            writing.insert(schema.runs, _RUN, [_run_row(run)])
            if draft.due_at is not None:
                writing.update(schema.jobs, ("due_at",), ("name",), [(draft.due_at, draft.job)])
            if draft.cursor is not None and earlier is None:
                writing.update(schema.jobs, ("cursor",), ("name",), [(_json(draft.cursor), draft.job)])
            _prune(writing, draft.job)
            return run

    def look(self, job: str, cursor: Mapping[str, str], *, term: Term) -> None:
        """Note how far the events of a job were looked at."""
        with self._database.write() as writing:
            check_term(writing, term)
            writing.update(schema.jobs, ("cursor",), ("name",), [(_json(cursor), job)])

    def end(self, run: Run, *, state: RunState, result: Mapping[str, Any], error: str, again: bool) -> Run:
        """Note how a run ended."""
        with self._database.write() as writing:
            ended = replace(run, state=state, ended_at=writing.tick(), result=result, error=error, alive_until=0)
            changed = writing.run(
                'UPDATE "runs" SET "state" = ?, "ended_at" = ?, "result" = ?, "error" = ?, "alive_until" = 0 '
                'WHERE "id" = ? AND "state" = \'running\' AND "alive_until" > ?',
                (state, ended.ended_at, _json(result), error, run.id, writing.now),
            )
            if not changed:
                raise RunnerLost(what=f"a run of {run.job}", waited=max(writing.now - run.alive_until, 0) / SECOND)
            if again:
                writing.update(schema.jobs, ("due_at",), ("name",), [(writing.now, run.job)])
            return ended

    def bury(self, *, term: Term) -> list[Run]:
        """Note runs whose runner died as interrupted."""
        with self._database.write() as writing:
            check_term(writing, term)
            rows = writing.all(f'{_RUNS} WHERE "state" = \'running\' AND "alive_until" <= ?', (writing.now,))
            at = writing.tick()
            dead = [replace(_run(row), state="interrupted", ended_at=at, error=_DIED, alive_until=0) for row in rows]
            values = [(one.state, at, one.error, 0, one.id) for one in dead]
            writing.update(schema.runs, ("state", "ended_at", "error", "alive_until"), ("id",), values)
            due = [(writing.now, name) for name in sorted({one.job for one in dead})]
            writing.update(schema.jobs, ("due_at",), ("name",), due)
            return dead

    def runs(self, *, job: str | None = None, limit: int | None = None, skipped: bool = True) -> list[Run]:
        """Return runs, the newest first."""
        conditions = ["\"state\" <> 'skipped'"] if not skipped else []
        given: list[Any] = []
        if job is not None:
            conditions, given = [*conditions, '"job" = ?'], [job]
        where = f"WHERE {' AND '.join(conditions)}" if conditions else ""
        query = f'{_RUNS} {where} ORDER BY "started_at" DESC'
        if limit is not None:
            query, given = f"{query} LIMIT ?", [*given, limit]
        with self._database.read() as transaction:
            return [_run(row) for row in transaction.all(query, given)]


def _made(draft: RunDraft, earlier: Run | None, *, at: int, until: int) -> Run:
    given = {name: value for name, value in asdict(draft).items() if name not in ("due_at", "cursor")}
    run = Run(**given, id=f"run-{secrets.token_hex(6)}", state="running", started_at=at, alive_until=until)
    if earlier is None:
        return run
    reason = f"the run of {format_time(earlier.started_at)} has not ended"
    return replace(run, state="skipped", ended_at=at, error=reason, alive_until=0)


def _called(transaction: Transaction, name: str) -> JobRecord:
    row = transaction.one(f'{_JOBS} WHERE "name" = ?', (name,))
    if row is None:
        raise JobNotFound(job=name)
    return _job(row)


def _running(writing: Writing, job: str, *, dead: bool) -> Run | None:
    """Return a run that has not ended, a ``dead`` one too: whoever leads buries it, and makes up for it, before others.

    A runner may die, or be taken for dead, between the leader's last look for such runs and this.
    """
    query = f'{_RUNS} WHERE "job" = ? AND "state" = \'running\' AND "alive_until" > ? LIMIT 1'
    row = writing.one(query, (job, 0 if dead else writing.now))
    return None if row is None else _run(row)


def _prune(writing: Writing, job: str) -> None:
    """Forget the oldest runs of a job once there are twice as many as are kept."""
    (count,) = writing.one('SELECT COUNT(*) FROM "runs" WHERE "job" = ?', (job,))
    if count > 2 * _KEPT:
        query = 'SELECT "id" FROM "runs" WHERE "job" = ? AND "state" <> \'running\' ORDER BY "started_at" DESC'
        old = writing.all(query, (job,))[_KEPT:]
        writing.delete(schema.runs, ("id",), old)


def _job(row: Any) -> JobRecord:
    values = dict(zip(_JOB, row, strict=True))
    read = {name: json.loads(values[name]) for name in ("options", "cursor")}
    return JobRecord(**{**values, **read, "enabled": bool(values["enabled"])})


def _job_row(job: JobRecord) -> tuple[Any, ...]:
    values = {**asdict(job), "options": _json(job.options), "cursor": _json(job.cursor)}
    return tuple(values[name] for name in _JOB)


def _run(row: Any) -> Run:
    values = dict(zip(_RUN, row, strict=True))
    return Run(**{**values, "result": json.loads(values["result"])})


def _run_row(run: Run) -> tuple[Any, ...]:
    values = {**asdict(run), "result": _json(run.result)}
    return tuple(values[name] for name in _RUN)


def _told(job: JobRecord) -> dict[str, Any]:
    said = {name: getattr(job, name) for name in ("name", "kind", "when", "zone", "enabled")}
    return {**said, "options": _json(job.options)}


def _json(value: Mapping[str, Any]) -> str:
    return json.dumps(dict(value), sort_keys=True, default=str)
