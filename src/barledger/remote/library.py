"""RemoteBarLedger: what `connect` gives for a server's address."""

from collections.abc import Callable
from typing import Any, Final, NoReturn

from barledger.barledger import BarLedger
from barledger.errors import Closed
from barledger.remote.availability import RemoteAvailability
from barledger.remote.cache import AnswerCache
from barledger.remote.cache_service import RemoteCache
from barledger.remote.connection import Connection
from barledger.remote.indicators import RemoteIndicators
from barledger.remote.instruments import RemoteInstruments
from barledger.remote.reading import BarsReader
from barledger.remote.retrieval import RemoteRetrieval
from barledger.remote.tables import TableReader
from barledger.remote.unserved import Unserved, refuse
from barledger.settings import Settings

_UNSERVED: Final = (
    *("vault", "notifications", "keys", "replies", "schedule", "quality_metrics", "integrity"),
    *("ingestion", "audit", "actions", "jobs", "events"),
)
_SERVED: Final = ("retrieval", "availability", "cache", "indicators", "instruments")


class RemoteBarLedger(BarLedger):
    """A library on another machine: reads, snapshots, verification and indicators, and `NotServed` for the rest.

    Threads may share it.
    """

    def __init__(
        self,
        connection: Connection,
        cache: AnswerCache,
        *,
        settings: Settings,
        owner: str,
        clock: Callable[[], int],
        read_only: bool = False,
    ) -> None:
        """Ask by this connection, and keep answers there; ``owner`` says whose answers may be shared."""
        # None of the parts of a library that is here: so not what the base class makes.
        self.settings = settings
        self._connection = connection
        for name in _UNSERVED:
            setattr(self, name, Unserved(connection.url, f"bl.{name}"))
        tables = TableReader(connection, cache, owner=owner)
        retrieval = RemoteRetrieval(connection.url, BarsReader(tables), clock=clock)
        services: dict[str, Any] = {
            "retrieval": retrieval,
            "availability": RemoteAvailability(connection),
            "cache": RemoteCache(connection, read_only=read_only),
            "indicators": RemoteIndicators(tables, retrieval),
            "instruments": RemoteInstruments(connection),
        }
        for name, service in services.items():
            setattr(self, name, service)

    @property
    def url(self) -> str:
        """Return where the server is."""
        return self._connection.url

    @property
    def actor(self) -> str:
        """Refuse: the key says who acts, and the server writes that into the audit log."""
        self._refuse("actor")

    def acting_as(self, actor: str) -> BarLedger:  # noqa: ARG002 - the signature of the library's own
        """Refuse: the key says who acts."""
        self._refuse("acting_as")

    def back_up(self, *_: Any, **__: Any) -> Any:
        """Refuse: a copy is made where the library is."""
        self._refuse("back_up")

    def reconcile(self, *_: Any, **__: Any) -> Any:
        """Refuse: store and ledger are reconciled where they are."""
        self._refuse("reconcile")

    def import_bucket(self, *_: Any, **__: Any) -> Any:
        """Refuse: a bucket is taken over where the library is."""
        self._refuse("import_bucket")

    def _refuse(self, method: str) -> NoReturn:
        refuse(self.url, f"bl.{method}")

    def close(self) -> None:
        """Release the connections; what is asked afterwards raises `Closed`."""
        self._connection.close()
        gone: Any = _Closed()
        for name in (*_UNSERVED, *_SERVED):
            setattr(self, name, gone)

    def __repr__(self) -> str:
        """Say where it is, and nothing of the key."""
        return f"<RemoteBarLedger {self.url}>"


class _Closed:
    """What is left of the services of a closed library."""

    def __getattr__(self, name: str) -> Any:
        """Refuse whatever is asked."""
        raise Closed
