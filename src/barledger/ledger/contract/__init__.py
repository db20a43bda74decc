"""What a ledger promises.

The ledger decides what is true; a store only keeps rows. Every method here is one transaction: it happens whole or
not at all, and has happened for good when it returns. Revisions and times are ns since the epoch. The ledger's clock
is strictly increasing and read under the same lock that orders transactions.

`barledger.testing.LedgerContract` tries these promises.
"""

from abc import ABC, abstractmethod

from barledger.ledger.contract.access import AccessKeys, Replies, Reply
from barledger.ledger.contract.actions import Actions, Materialised
from barledger.ledger.contract.audit import KEPT_LEVELS, Audit, AuditEntry, KeptEntry, SignedCheckpoint
from barledger.ledger.contract.catalog import Catalog
from barledger.ledger.contract.discrepancies import Discrepancies
from barledger.ledger.contract.instruments import Instruments, Telling
from barledger.ledger.contract.jobs import MOST_DEATHS, Jobs
from barledger.ledger.contract.notices import ChannelRecord, Delivery, DeliveryState, Noticed, Notices
from barledger.ledger.contract.outbox import Outbox, Parcel
from barledger.ledger.contract.policies import Policies
from barledger.ledger.contract.quality import BlockCheck, CheckState, Due, Measurement, PinnedCheck, Quality
from barledger.ledger.contract.quarantine import Quarantine, QuarantinedBar
from barledger.ledger.contract.revisions import (
    Aborted,
    Cover,
    Forgotten,
    Gone,
    Holder,
    Intent,
    Outcome,
    Pending,
    Pin,
    Recalled,
    RevisionRecord,
    Revisions,
    SeriesChange,
    SeriesState,
    Who,
)
from barledger.ledger.contract.schedule import JobRecord, Run, RunDraft, RunState, Schedule, Term
from barledger.ledger.contract.sightings import Look, Sightings
from barledger.ledger.contract.snapshots import Snapshot, SnapshotDraft, Snapshots
from barledger.ledger.contract.symbols import Symbol, Symbols

__all__ = [
    "KEPT_LEVELS",
    "MOST_DEATHS",
    "Aborted",
    "AccessKeys",
    "Actions",
    "Audit",
    "AuditEntry",
    "BlockCheck",
    "Catalog",
    "ChannelRecord",
    "CheckState",
    "Cover",
    "Delivery",
    "DeliveryState",
    "Discrepancies",
    "Due",
    "Forgotten",
    "Gone",
    "Holder",
    "Instruments",
    "Intent",
    "JobRecord",
    "Jobs",
    "KeptEntry",
    "Ledger",
    "Look",
    "Materialised",
    "Measurement",
    "Noticed",
    "Notices",
    "Outbox",
    "Outcome",
    "Parcel",
    "Pending",
    "Pin",
    "PinnedCheck",
    "Policies",
    "Quality",
    "Quarantine",
    "QuarantinedBar",
    "Recalled",
    "Replies",
    "Reply",
    "RevisionRecord",
    "Revisions",
    "Run",
    "RunDraft",
    "RunState",
    "Schedule",
    "SeriesChange",
    "SeriesState",
    "Sightings",
    "SignedCheckpoint",
    "Snapshot",
    "SnapshotDraft",
    "Snapshots",
    "Symbol",
    "Symbols",
    "Telling",
    "Term",
    "Who",
]


class Ledger(ABC):
    """All of it. Instances may be shared by threads."""

    id: str
    location: str
    revisions: Revisions
    catalog: Catalog
    symbols: Symbols
    instruments: Instruments
    actions: Actions
    discrepancies: Discrepancies
    policies: Policies
    sightings: Sightings
    snapshots: Snapshots
    quarantine: Quarantine
    quality: Quality
    audit: Audit
    outbox: Outbox
    notices: Notices
    schedule: Schedule
    access_keys: AccessKeys
    replies: Replies
    jobs: Jobs

    @abstractmethod
    def now(self) -> int:
        """Return the ledger's clock."""

    @abstractmethod
    def check_writable(self) -> None:
        """Raise the error that a commit would meet, be it a missing permission or a full disk; changes nothing."""

    @abstractmethod
    def adopt(self, ledger_id: str, last_revision: int, who: Who) -> None:
        """Go on in a store that this or another ledger marked: with revisions above its last."""

    @abstractmethod
    def copy_to(self, url: str) -> None:
        """Copy the whole ledger, as of one instant, into a new one at ``url``."""

    @abstractmethod
    def close(self) -> None:
        """Release connections."""
