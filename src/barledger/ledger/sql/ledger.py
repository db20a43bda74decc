"""SqlLedger: the ledger's parts over one database."""

from collections.abc import Callable
from contextlib import suppress

from barledger.errors import BarledgerError
from barledger.ledger.contract import Ledger, Who
from barledger.ledger.sql.access import SqlAccessKeys, SqlReplies
from barledger.ledger.sql.actions import SqlActions
from barledger.ledger.sql.audit import SqlAudit, append
from barledger.ledger.sql.catalog import SqlCatalog
from barledger.ledger.sql.copying import copy
from barledger.ledger.sql.discrepancies import SqlDiscrepancies
from barledger.ledger.sql.engine import Database
from barledger.ledger.sql.instruments import SqlInstruments
from barledger.ledger.sql.jobs import SqlJobs
from barledger.ledger.sql.notices import SqlNotices
from barledger.ledger.sql.outbox import SqlOutbox
from barledger.ledger.sql.policies import SqlPolicies
from barledger.ledger.sql.quality import SqlQuality
from barledger.ledger.sql.quarantine import SqlQuarantine
from barledger.ledger.sql.revisions import SqlRevisions
from barledger.ledger.sql.schedule import SqlSchedule
from barledger.ledger.sql.series_table import SeriesTable
from barledger.ledger.sql.sightings import SqlSightings
from barledger.ledger.sql.snapshots import SqlSnapshots
from barledger.ledger.sql.symbols import SqlSymbols


class _TakenBack(BarledgerError):
    """Ends a transaction that was only tried."""


class SqlLedger(Ledger):
    """A ledger in SQLite or PostgreSQL."""

    def __init__(self, database: Database, *, grace: float, mirrored: int) -> None:
        """Work on an open database; see `open`."""
        self._database = database
        names = SeriesTable(database)
        self.location = database.location
        self.id = self._read_id()
        self.revisions = SqlRevisions(database, names, grace=grace)
        self.catalog = SqlCatalog(database, names)
        self.symbols = SqlSymbols(database)
        self.instruments = SqlInstruments(database)
        self.actions = SqlActions(database)
        self.discrepancies = SqlDiscrepancies(database, names)
        self.policies = SqlPolicies(database)
        self.sightings = SqlSightings(database, names)
        self.snapshots = SqlSnapshots(database, names, mirrored=mirrored)
        self.quarantine = SqlQuarantine(database, names)
        self.quality = SqlQuality(database, names)
        self.audit = SqlAudit(database, names)
        self.outbox = SqlOutbox(database)
        self.notices = SqlNotices(database)
        self.schedule = SqlSchedule(database)
        self.access_keys = SqlAccessKeys(database)
        self.replies = SqlReplies(database)
        self.jobs = SqlJobs(database)

    @staticmethod
    def open(
        url: str,
        *,
        read_only: bool = False,
        clock: Callable[[], int] | None = None,
        grace: float = 2.0,
        mirrored: int = 200,
    ) -> "SqlLedger":
        """Open the ledger at an SQLAlchemy URL, making it if there is none.

        ``clock`` replaces the clock (ns), ``grace`` is how long a lease outlives its end before another writer takes
        over, in seconds. Raises `FormatTooNew`, `StoreUnavailable`, `InvalidSetting`, `DriverMissing`.
        """
        return SqlLedger(Database(url, read_only=read_only, clock=clock), grace=grace, mirrored=mirrored)

    def now(self) -> int:
        """Return the ledger's clock."""
        with self._database.read() as transaction:
            now, reached, _ = transaction.clock()
            return max(now, reached)

    def check_writable(self) -> None:
        """Add an entry to the log, and take it back."""
        with suppress(_TakenBack), self._database.write() as writing:
            append(writing, Who(actor="", operation="check"), writing.tick(), {})
            raise _TakenBack

    def adopt(self, ledger_id: str, last_revision: int, who: Who) -> None:
        """Go on in a store that this or another ledger marked: with revisions above its last."""
        with self._database.write() as writing:
            writing.skip(last_revision)
            append(writing, who, writing.tick(), {"from_ledger": ledger_id, "revision": last_revision})

    def copy_to(self, url: str) -> None:
        """Copy the whole ledger, as of one instant, into a new one at ``url``; raises `NameTaken` if one is there."""
        copy(self._database, url)

    def close(self) -> None:
        """Release connections."""
        self._database.close()

    def _read_id(self) -> str:
        return str(self._database.look('SELECT "value" FROM "identity" WHERE "name" = ?', ("ledger_id",))[0])
