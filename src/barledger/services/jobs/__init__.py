"""Jobs that somebody asked for: a queue in the ledger, worked on by any number of processes."""

from barledger.services.jobs.runner import JobRunner
from barledger.services.jobs.service import JobService
from barledger.services.jobs.views import QueuedJobView

__all__ = ["JobRunner", "JobService", "QueuedJobView"]
