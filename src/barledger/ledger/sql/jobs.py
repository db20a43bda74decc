"""Jobs that somebody asked for, in SQL."""

# ruff: noqa: S608 - statements are made of names of our own schema; values are parameters

import builtins
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any, Final

from barledger.domain.job import ENDED, Job, JobProgress, JobState
from barledger.domain.timeframe import SECOND
from barledger.errors import QueuedJobNotFound, QueueFull, RunnerLost
from barledger.ledger.contract import MOST_DEATHS, Jobs, Who
from barledger.ledger.sql import schema
from barledger.ledger.sql.audit import append
from barledger.ledger.sql.engine import Database
from barledger.ledger.sql.transaction import Transaction, Writing

_PLAIN: Final = (
    *("id", "kind", "state", "made_at", "made_by", "started_at", "ended_at", "changed_at"),
    *("runner", "alive_until", "deaths", "error", "code"),
)
_ENCODED: Final = ("options", "instruments", "result")
_PROGRESS: Final = ("done", "total", "text")
_COLUMNS: Final = (*_PLAIN, *_ENCODED, *_PROGRESS, "cancel_asked")
_QUERY: Final = "SELECT " + ", ".join(f'"{name}"' for name in _COLUMNS) + ' FROM "queue"'
_OPEN: Final = "\"state\" IN ('queued', 'running', 'interrupted')"
_WAITING: Final = "(\"state\" IN ('queued', 'interrupted') OR (\"state\" = 'running' AND \"alive_until\" <= ?))"
_MINE: Final = '"id" = ? AND "runner" = ? AND "state" = \'running\' AND "alive_until" > ?'
_KILLED: Final = f"{MOST_DEATHS} processes died while they worked on it"


class SqlJobs(Jobs):
    """The queue in a table; who takes a job is decided under the lock of all writers."""

    def __init__(self, database: Database) -> None:
        """Work on this database."""
        self._database = database

    def submit(self, job: Job, who: Who, *, most: int) -> Job:
        """Put a job into the queue."""
        with self._database.write() as writing:
            (waiting,) = writing.one(f'SELECT COUNT(*) FROM "queue" WHERE {_OPEN}')
            if waiting >= most:
                raise QueueFull(waiting=int(waiting))
            at = writing.tick()
            made = replace(job, state="queued", made_at=at, changed_at=at, made_by=who.actor)
            writing.insert(schema.queue, _COLUMNS, [_row(made)])
            append(writing, who, at, {"job": _told(made)})
            return made

    def get(self, job_id: str) -> Job:
        """Return a job."""
        with self._database.read() as transaction:
            return _called(transaction, job_id, _now(transaction))

    def list(
        self, *, states: Sequence[JobState] | None = None, before: int | None = None, limit: int | None = None
    ) -> builtins.list[Job]:
        """Return jobs, the newest first."""
        where, given = ('WHERE "made_at" < ?', [before]) if before is not None else ("", [])
        with self._database.read() as transaction:
            now = _now(transaction)
            rows = transaction.all(f'{_QUERY} {where} ORDER BY "made_at" DESC', given)
        found = (_job(row, now) for row in rows)
        chosen = [one for one in found if states is None or one.state in states]
        return chosen if limit is None else chosen[:limit]

    def changed(self, after: int, *, limit: int) -> builtins.list[Job]:
        """Return what changed since."""
        with self._database.read() as transaction:
            rows = transaction.all(f'{_QUERY} WHERE "changed_at" > ? ORDER BY "changed_at" LIMIT ?', (after, limit))
            return [_job(row, _now(transaction)) for row in rows] if rows else []

    def claim(self, runner: str, *, kinds: Sequence[str], seconds: float) -> Job | None:
        """Take a job."""
        # Most looks find nothing, and need no lock.
        with self._database.read() as transaction:
            if _next(transaction, kinds, _now(transaction)) is None:
                return None
        with self._database.write() as writing:
            while (found := _next(writing, kinds, writing.now)) is not None:
                at = writing.tick()
                deaths = found.deaths + (found.alive_until > 0)
                taken = replace(found, changed_at=at, deaths=deaths)
                if found.cancel_asked:
                    _change(writing, replace(taken, state="cancelled", ended_at=at, alive_until=0))
                    continue
                if deaths >= MOST_DEATHS:
                    failed = replace(taken, state="failed", ended_at=at, alive_until=0, error=_KILLED, code="killed")
                    _change(writing, failed)
                    continue
                until = writing.now + int(seconds * SECOND)
                begun = replace(
                    taken, state="running", runner=runner, started_at=found.started_at or at, alive_until=until
                )
                _change(writing, begun)
                return begun
            return None

    def keep(self, job: Job, progress: JobProgress, *, seconds: float) -> Job:
        """Say that a job goes on."""
        with self._database.write() as writing:
            found = _mine(writing, job)
            told = replace(found, alive_until=writing.now + int(seconds * SECOND), progress=progress)
            if progress != found.progress:
                told = replace(told, changed_at=writing.tick())
            _change(writing, told)
            return told

    def end(self, job: Job, *, state: JobState, result: Mapping[str, Any], error: str = "", code: str = "") -> Job:
        """Note how a job ended."""
        with self._database.write() as writing:
            found = _mine(writing, job)
            if state == "interrupted" and found.cancel_asked:
                state = "cancelled"
            at = writing.tick()
            ended = replace(
                found,
                state=state,
                changed_at=at,
                ended_at=at if state in ENDED else 0,
                alive_until=0,
                progress=job.progress,
                result=dict(result),
                error=error,
                code=code,
            )
            _change(writing, ended)
            return ended

    def cancel(self, job_id: str, who: Who) -> Job:
        """Cancel a job."""
        with self._database.write() as writing:
            found = _called(writing, job_id, writing.now)
            if found.ended or found.cancel_asked:
                return found
            at = writing.tick()
            asked = replace(found, cancel_asked=True, changed_at=at)
            if found.state != "running":
                asked = replace(asked, state="cancelled", ended_at=at, alive_until=0)
            _change(writing, asked)
            append(writing, who, at, {"job": _told(asked)})
            return asked

    def forget(self, *, kept: int) -> builtins.list[str]:
        """Forget old jobs."""
        query = f'SELECT "id" FROM "queue" WHERE NOT {_OPEN} ORDER BY "ended_at" DESC'
        with self._database.read() as transaction:
            if len(transaction.all(query)) <= kept:
                return []
        with self._database.write() as writing:
            old = writing.all(query)[kept:]
            writing.delete(schema.queue, ("id",), old)
            return [name for (name,) in old]


def _next(transaction: Transaction, kinds: Sequence[str], now: int) -> Job | None:
    """Return the job whose turn it is; what died is shown with the time until which it was alive."""
    if not kinds:
        return None
    marks = ", ".join("?" * len(kinds))
    query = f'{_QUERY} WHERE {_WAITING} AND "kind" IN ({marks}) ORDER BY "made_at" LIMIT 1'
    row = transaction.one(query, (now, *kinds))
    return None if row is None else _job(row, now)


def _called(transaction: Transaction, job_id: str, now: int) -> Job:
    row = transaction.one(f'{_QUERY} WHERE "id" = ?', (job_id,))
    if row is None:
        raise QueuedJobNotFound(job=job_id)
    return _job(row, now)


def _mine(writing: Writing, job: Job) -> Job:
    row = writing.one(f"{_QUERY} WHERE {_MINE}", (job.id, job.runner, writing.now))
    if row is None:
        raise RunnerLost(what=f"job {job.id}", waited=max(writing.now - job.alive_until, 0) / SECOND)
    return _job(row, writing.now)


def _change(writing: Writing, job: Job) -> None:
    columns = tuple(name for name in _COLUMNS if name != "id")
    told = dict(zip(_COLUMNS, _row(job), strict=True))
    writing.update(schema.queue, columns, ("id",), [(*(told[name] for name in columns), job.id)])


def _now(transaction: Transaction) -> int:
    now, reached, _ = transaction.clock()
    return max(now, reached)


def _job(row: Any, now: int) -> Job:
    told = dict(zip(_COLUMNS, row, strict=True))
    values = {name: told[name] for name in _PLAIN}
    if told["state"] == "running" and told["alive_until"] <= now:
        values["state"] = "interrupted"
    return Job(
        **values,
        options=json.loads(told["options"]),
        instruments=tuple(json.loads(told["instruments"])),
        result=json.loads(told["result"]),
        progress=JobProgress(**{name: told[name] for name in _PROGRESS}),
        cancel_asked=bool(told["cancel_asked"]),
    )


def _row(job: Job) -> tuple[Any, ...]:
    encoded = {name: _json(getattr(job, name)) for name in _ENCODED}
    plain = {name: getattr(job, name) for name in _PLAIN}
    return tuple((plain | encoded | asdict(job.progress) | {"cancel_asked": int(job.cancel_asked)}).values())


def _told(job: Job) -> dict[str, Any]:
    """Return what the audit log tells: the options may name what is secret, and stay in the queue."""
    return {"id": job.id, "kind": job.kind, "instruments": list(job.instruments), "cancelled": job.cancel_asked}


def _json(value: Any) -> str:
    plain = dict(value) if isinstance(value, Mapping) else list(value)
    return json.dumps(plain, sort_keys=True, default=str)
