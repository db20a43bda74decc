"""The schedule: what is to be run when, who runs it, and what became of it."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from barledger.domain.readable import Readable
from barledger.ledger.contract.revisions import Who

RunState = Literal["running", "done", "failed", "interrupted", "skipped"]


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class JobRecord(Readable):
    """A rule of the schedule: a ``kind`` of job with its options, ``when`` it is due, and in which zone.

    ``due_at`` is when it is due next (ns; 0: no clock tells). ``cursor`` is how far its events were looked at.
    """

    name: str
    kind: str
    when: str
    zone: str = "UTC"
    options: Mapping[str, Any] = field(default_factory=dict)
    enabled: bool = True
    due_at: int = 0
    cursor: Mapping[str, str] = field(default_factory=dict)
    made_at: int = 0
    made_by: str = ""


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Run(Readable):
    """One run of a job: what set it off, for which time (ns), and what came of it.

    ``missed`` counts the due times before that one which it stands for. A run that is ``skipped`` says in ``error``
    why; one that was ``interrupted`` is made up for. ``runner`` names the process, which is alive until
    ``alive_until`` unless it says so again.
    """

    id: str
    job: str
    state: RunState
    trigger: str
    runner: str
    scheduled_for: int
    started_at: int
    ended_at: int = 0
    missed: int = 0
    result: Mapping[str, Any] = field(default_factory=dict)
    error: str = ""
    alive_until: int = 0


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class RunDraft(Readable):
    """A run to begin; ``due_at`` and ``cursor`` are the job's afterwards, None where they stay."""

    job: str
    trigger: str
    runner: str
    scheduled_for: int
    missed: int = 0
    due_at: int | None = None
    cursor: Mapping[str, str] | None = None


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Term(Readable):
    """The right to run the schedule until a time (ns) of the ledger's clock; ``token`` is larger for each new one."""

    owner: str
    token: int
    until: int


class Schedule(ABC):
    """Jobs, the lease of their one runner, and runs."""

    # --- jobs ----------------------------------------------------------------------------------

    @abstractmethod
    def add(self, job: JobRecord, who: Who) -> JobRecord:
        """Keep a job; raises `JobTaken`."""

    @abstractmethod
    def remove(self, name: str, who: Who) -> JobRecord:
        """Forget a job, but not its runs; raises `JobNotFound`."""

    @abstractmethod
    def enable(self, name: str, who: Who, *, enabled: bool, due_at: int, cursor: Mapping[str, str]) -> JobRecord:
        """Switch a job on or off; ``due_at`` and ``cursor`` say where it begins; raises `JobNotFound`."""

    @abstractmethod
    def jobs(self) -> list[JobRecord]:
        """Return the jobs by name."""

    # --- the one runner ------------------------------------------------------------------------

    @abstractmethod
    def lead(self, owner: str, *, seconds: float) -> Term | None:
        """Begin a term, unless somebody else's has not ended; the owner's own term is replaced."""

    @abstractmethod
    def renew(self, term: Term, *, seconds: float) -> Term:
        """Prolong a term, and the life of the runs of its owner; raises `RunnerLost` if it is over or another's."""

    @abstractmethod
    def resign(self, term: Term) -> None:
        """End a term, if it still is one."""

    @abstractmethod
    def leader(self) -> Term | None:
        """Return the term that there is now."""

    # --- runs ----------------------------------------------------------------------------------

    @abstractmethod
    def begin(self, draft: RunDraft, *, term: Term | None, seconds: float) -> Run:
        """Begin a run that is alive for so long; if the job still runs it is skipped, and returned as such.

        So it is with a term if a run of it died and is not buried yet: who leads makes up for that one first. With a
        term, raises `RunnerLost` if that is over. Raises `JobNotFound`.
        """

    @abstractmethod
    def look(self, job: str, cursor: Mapping[str, str], *, term: Term) -> None:
        """Note how far the events of a job were looked at; raises `RunnerLost`."""

    @abstractmethod
    def keep(self, runner: str, *, seconds: float) -> None:
        """Say that the runs of a runner are alive for so long from now on."""

    @abstractmethod
    def end(self, run: Run, *, state: RunState, result: Mapping[str, Any], error: str, again: bool) -> Run:
        """Note how a run ended; ``again`` lets its job be due at once. Raises `RunnerLost` if it was taken for dead."""

    @abstractmethod
    def bury(self, *, term: Term) -> list[Run]:
        """Note runs whose runner died as interrupted, let their jobs be due at once, and return them."""

    @abstractmethod
    def runs(self, *, job: str | None = None, limit: int | None = None, skipped: bool = True) -> list[Run]:
        """Return runs, the newest first, with or without skipped ones. Of each job at least the newest 500 are kept."""
