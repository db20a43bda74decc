"""The schedule: jobs by the clock and by events, run by one process among many."""

from barledger.services.schedule.kinds import JobKind, JobKinds
from barledger.services.schedule.service import ScheduleService

__all__ = ["JobKind", "JobKinds", "ScheduleService"]
