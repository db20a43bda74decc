"""barledger: a versioned, auditable cache of market data. Your backtest's input cannot change under you."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

    from barledger.barledger import BarLedger
    from barledger.client import InfluxDBClient
    from barledger.detection import Inspection, inspect
    from barledger.domain.bars import Bars
    from barledger.domain.interval import Interval
    from barledger.domain.series import Series
    from barledger.errors import BarledgerError
    from barledger.indicators.calculation import Calculation
    from barledger.indicators.custom import indicator
    from barledger.indicators.definition import Handle
    from barledger.indicators.frame import calculate
    from barledger.indicators.live import gap_by, live
    from barledger.indicators.profile import volume_profile
    from barledger.indicators.signature import Range
    from barledger.indicators.streaming.live import Live
    from barledger.ledger.contract import Snapshot
    from barledger.services.audit import verify_audit, verify_evidence
    from barledger.services.ingestion import Entry
    from barledger.services.retrieval.dataset import Dataset

__version__ = "0.1.0"

_HOMES = {
    "BarLedger": "barledger.barledger",
    "BarledgerError": "barledger.errors",
    "Bars": "barledger.domain.bars",
    "Calculation": "barledger.indicators.calculation",
    "calculate": "barledger.indicators.frame",
    "Dataset": "barledger.services.retrieval.dataset",
    "Entry": "barledger.services.ingestion",
    "gap_by": "barledger.indicators.live",
    "Handle": "barledger.indicators.definition",
    "InfluxDBClient": "barledger.client",
    "Inspection": "barledger.detection",
    "inspect": "barledger.detection",
    "Interval": "barledger.domain.interval",
    "Live": "barledger.indicators.streaming.live",
    "live": "barledger.indicators.live",
    "Range": "barledger.indicators.signature",
    "indicator": "barledger.indicators.custom",
    "Series": "barledger.domain.series",
    "Snapshot": "barledger.ledger.contract",
    "verify_audit": "barledger.services.audit",
    "verify_evidence": "barledger.services.audit",
    "volume_profile": "barledger.indicators.profile",
}

__all__ = [
    "BarLedger",
    "BarledgerError",
    "Bars",
    "Calculation",
    "Dataset",
    "Entry",
    "Handle",
    "InfluxDBClient",
    "Inspection",
    "Interval",
    "Live",
    "Range",
    "Series",
    "Snapshot",
    "__version__",
    "calculate",
    "connect",
    "gap_by",
    "indicator",
    "inspect",
    "live",
    "verify_audit",
    "verify_evidence",
    "volume_profile",
]


def connect(
    path_or_url: "str | Path | None" = None,
    *,
    token: str | None = None,
    org: str | None = None,
    ledger: str | None = None,
    actor: str | None = None,
    read_only: bool = False,
    accept_expiry: bool = False,
    key: str | None = None,
) -> "BarLedger":
    """Open a library of bars.

    A folder is the embedded store; ``influxdb+http://host:8086/bucket`` (or ``+https``) is InfluxDB 1.x or 2.x;
    ``memory:`` lasts as long as the process; ``http://host:8321`` (or ``https``) is another machine's server, to which
    ``key`` is shown, else ``BARLEDGER_KEY``, else the one that a server on this machine made; `NotServed` is raised for
    what a server does not offer. Without a place, ``BARLEDGER_URL`` is opened, or the user's data folder.
    ``token`` and ``org`` default to ``BARLEDGER_TOKEN`` and ``BARLEDGER_ORG``. ``ledger`` is an SQLAlchemy URL.
    ``actor`` is who acts, for the audit log; else ``BARLEDGER_ACTOR``, or the user and the machine.

    >>> bl = connect("memory:")
    >>> bl.close()
    """
    from barledger.barledger import open_barledger  # noqa: PLC0415 - importing barledger stays cheap
    from barledger.remote.address import is_server  # noqa: PLC0415 - as above
    from barledger.settings import Settings  # noqa: PLC0415 - as above

    settings = Settings()
    target = settings.url if path_or_url is None else str(path_or_url)
    if is_server(target):
        from barledger.remote.opening import open_remote  # noqa: PLC0415 - only who reads from a server needs it

        unfit = {"token": token, "org": org, "ledger": ledger, "actor": actor, "accept_expiry": accept_expiry}
        return open_remote(target, settings=settings, key=key, read_only=read_only, unfit=unfit)
    if key is not None:
        from barledger.errors import InvalidSetting  # noqa: PLC0415 - as above

        raise InvalidSetting(setting="key", reason="it is for a server, http://host:8321; a store has a token")
    return open_barledger(
        path_or_url,
        token=token,
        org=org,
        ledger=ledger,
        actor=actor,
        read_only=read_only,
        accept_expiry=accept_expiry,
        settings=settings,
    )


def __getattr__(name: str) -> Any:
    """Import the public names when they are first used."""
    if name not in _HOMES:
        message = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(message)
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    """List the public names, imported or not."""
    return sorted(__all__)
