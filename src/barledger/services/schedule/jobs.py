"""Jobs: what barledger itself can be told to do by the clock or after an event."""

from barledger.services.schedule import checking, ingesting, keeping, snapshotting
from barledger.services.schedule.kinds import JobKinds


def built_in() -> JobKinds:
    """Return the kinds that barledger brings."""
    return JobKinds((*ingesting.KINDS, *checking.KINDS, *keeping.KINDS, *snapshotting.KINDS))
