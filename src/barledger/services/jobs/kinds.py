"""What can be asked for as a job; `JobService.kinds` takes kinds of one's own."""

from barledger.services.jobs import checking, exporting, ingesting
from barledger.services.schedule.kinds import JobKinds


def asked_for() -> JobKinds:
    """Return the kinds that barledger brings."""
    return JobKinds((ingesting.KIND, checking.RECONCILE, checking.VERIFY, exporting.EXPORT, exporting.BATCH))
