"""Work: one run of a job, from its beginning in the ledger to its end there."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from barledger import faults
from barledger.domain.notice import Notice
from barledger.domain.timeframe import SECOND
from barledger.errors import BarledgerError, RunnerLost
from barledger.ledger.contract import JobRecord, Run, RunState
from barledger.services.cache.vault import Vault
from barledger.services.schedule.guard import Guard
from barledger.services.schedule.kinds import JobKinds

STOPPED: Final = "it was stopped before its end, and is run again"
_log = logging.getLogger("barledger.schedule")


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """A run that was begun, with what it needs; ``more`` are the options that the runner adds."""

    job: JobRecord
    run: Run
    guard: Guard
    more: Mapping[str, Any]


def do(vault: Vault, library: Any, kinds: JobKinds, work: Work) -> Run:
    """Do the work and note its end; a failure makes a notice.

    Raises `RunnerLost` if the run was taken for dead meanwhile: then another one has been begun, and nothing is noted.
    """
    result, error = _attempt(library, kinds, work)
    faults.reach("job.ended")
    unfinished = bool(result.get("unfinished")) and work.guard.is_set()
    state: RunState = "failed" if error else "interrupted" if unfinished else "done"
    told = {name: value for name, value in result.items() if name != "unfinished"}
    ended = vault.ledger.schedule.end(
        work.run, state=state, result=told, error=error or (STOPPED if unfinished else ""), again=unfinished
    )
    if error:
        vault.notify(failure(work.job.name, work.job.kind, ended))
    return ended


def tell(run: Run) -> None:
    """Say in the log how a run ended."""
    seconds = max(run.ended_at - run.started_at, 0) / SECOND
    if run.state == "done":
        _log.info("job %s is done after %.3f s", run.job, seconds)
    else:
        _log.warning("job %s ended as %s after %.3f s: %s", run.job, run.state, seconds, run.error)


def failure(name: str, kind: str, run: Run) -> Notice:
    """Return what is told of a run that failed, or whose runner died."""
    verb = "failed" if run.state == "failed" else "was interrupted"
    return Notice(
        kind="job_failed",
        severity="warning",
        subject=f"job {name} {verb}",
        about=name,
        body=run.error,
        details={"job": name, "kind": kind, "run": run.id, "state": run.state, "error": run.error},
    )


def _attempt(library: Any, kinds: JobKinds, work: Work) -> tuple[Mapping[str, Any], str]:
    try:
        if work.guard.is_set():
            return {"unfinished": True}, ""
        kind = kinds.get(work.job.kind)
        return kind.run(library, {**work.job.options, **work.more}, work.guard) or {}, ""
    except RunnerLost:
        return {"unfinished": True}, ""
    except BarledgerError as error:
        return {}, f"[{error.code}] {error}"
    except Exception as error:  # noqa: BLE001 - a job may raise anything, and the schedule goes on
        _log.debug("job %s", work.job.name, exc_info=True)
        return {}, f"{type(error).__name__}: {error}"
