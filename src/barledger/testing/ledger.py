"""The suite that every ledger passes."""

from collections.abc import Callable, Iterator

import pytest

from barledger.ledger.contract import Ledger
from barledger.testing.commits import GRACE, HandClock
from barledger.testing.ledger_access import AccessPromises
from barledger.testing.ledger_discrepancies import DiscrepancyPromises
from barledger.testing.ledger_jobs import JobPromises
from barledger.testing.ledger_markets import ActionPromises, BulkPromises, InstrumentPromises
from barledger.testing.ledger_notices import NoticePromises
from barledger.testing.ledger_processes import ProcessPromises
from barledger.testing.ledger_quality import QualityPromises
from barledger.testing.ledger_registers import AuditPromises, RegisterPromises
from barledger.testing.ledger_retention import RetentionPromises
from barledger.testing.ledger_revisions import CommitPromises, DigestPromises, LockPromises, TimePromises
from barledger.testing.ledger_schedule import SchedulePromises
from barledger.testing.ledger_snapshots import NamedPromises, OutboxPromises, SnapshotPromises
from barledger.testing.ledger_tree import TreePromises


class LedgerContract(
    LockPromises,
    CommitPromises,
    TimePromises,
    DigestPromises,
    RetentionPromises,
    SnapshotPromises,
    NamedPromises,
    OutboxPromises,
    RegisterPromises,
    AuditPromises,
    TreePromises,
    InstrumentPromises,
    ActionPromises,
    DiscrepancyPromises,
    BulkPromises,
    QualityPromises,
    NoticePromises,
    SchedulePromises,
    AccessPromises,
    JobPromises,
    ProcessPromises,
):
    """Inherit it and give a fixture ``place``: a function that opens one and the same ledger, at first a new one.

    It takes the keywords ``clock`` (a function that returns ns, in place of the ledger's own clock) and ``grace``
    (seconds that a lease outlives its end), and can be pickled, since other processes open the ledger too.
    """

    @pytest.fixture
    def place(self) -> Callable[..., Ledger]:
        """Give the function that opens the ledger under test."""
        raise NotImplementedError

    @pytest.fixture
    def open_ledger(self, place: Callable[..., Ledger]) -> Iterator[Callable[..., Ledger]]:
        """Give a function that opens the ledger once more; all are closed after the test."""
        opened = []

        def opening(*, clock: Callable[[], int] | None = None) -> Ledger:
            opened.append(place(clock=clock, grace=GRACE))
            return opened[-1]

        yield opening
        for ledger in opened:
            ledger.close()

    @pytest.fixture
    def ledger(self, open_ledger: Callable[..., Ledger]) -> Ledger:
        """Give the ledger under test."""
        return open_ledger()

    @pytest.fixture
    def clock(self) -> HandClock:
        """Give a clock that is turned by hand."""
        return HandClock()
