"""Jobs that somebody asked for: work that takes longer than a caller waits, done by one process among many.

Its states, and the steps between them::

    queued ──> running ──> done | failed | cancelled
      │         │   ^
      │         v   │
      │      interrupted ──> cancelled
      └──> cancelled

A job is interrupted when its process ends or dies, and goes on in another.
"""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal, get_args

from barledger.domain.readable import Readable

JobKindName = Literal["ingest", "reconcile", "verify", "export", "batch_indicators"]
"""What barledger itself can be asked to do; a kind of one's own has a name of one's own."""

JobState = Literal["queued", "running", "interrupted", "done", "failed", "cancelled"]

STATES: Final[tuple[JobState, ...]] = get_args(JobState)
ENDED: Final[frozenset[JobState]] = frozenset({"done", "failed", "cancelled"})
"""The states that nothing follows."""
NEXT_STEP: Final = "next_step"
"""The one thing that the result of a failed job has."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JobProgress:
    """How far a job has come: ``done`` of ``total`` steps (0: nobody knows), and in words what it is at."""

    done: int = 0
    total: int = 0
    text: str = ""

    @property
    def share(self) -> float | None:
        """Return how much of it is done, in 0..1; None where nobody knows."""
        return min(self.done / self.total, 1.0) if self.total else None

    def __str__(self) -> str:
        """Say it in a few words."""
        counted = f"{self.done:,} of {self.total:,}" if self.total else f"{self.done:,}" if self.done else ""
        return ", ".join(one for one in (counted, self.text) if one)


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Job(Readable):
    """Work that was asked for: its ``kind`` with ``options``, and what became of it.

    ``instruments`` are what it is about, none for the whole library; ``made_by`` is in whose name it acts. Times are
    ns, 0 for what has not happened; ``changed_at`` is larger for each change of any job. ``runner`` names the process
    that works on it, which is alive until ``alive_until`` unless it says so again; ``deaths`` counts those that died.
    ``result`` is a summary of plain JSON values, ``error`` says why it failed, with its ``code``; what is to be done
    about it is all that the result of a failed job has.
    """

    id: str
    kind: str
    options: Mapping[str, Any] = field(default_factory=dict)
    instruments: tuple[str, ...] = ()
    state: JobState = "queued"
    made_at: int = 0
    made_by: str = ""
    started_at: int = 0
    ended_at: int = 0
    changed_at: int = 0
    runner: str = ""
    alive_until: int = 0
    deaths: int = 0
    cancel_asked: bool = False
    progress: JobProgress = field(default_factory=JobProgress)
    result: Mapping[str, Any] = field(default_factory=dict)
    error: str = ""
    code: str = ""

    @property
    def ended(self) -> bool:
        """Whether nothing more becomes of it."""
        return self.state in ENDED

    @property
    def next_step(self) -> str:
        """Return what to do about its error; empty where nobody knows."""
        return str(self.result.get(NEXT_STEP, "")) if self.state == "failed" else ""

    def __str__(self) -> str:
        """Say it in a line."""
        told = f"{self.kind} {self.id}: {self.state}"
        said = self.error or str(self.progress)
        return f"{told} ({said})" if said else told


def new_job_id() -> str:
    """Return an id that no other job has, and that nobody guesses."""
    return f"job-{secrets.token_hex(8)}"
