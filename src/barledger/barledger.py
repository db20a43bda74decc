"""BarLedger: a store, a ledger, sources and services, plugged together."""

import getpass
import hashlib
import socket
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlsplit

from barledger.domain.bars import Bars
from barledger.domain.interval import Instant
from barledger.domain.series import Series
from barledger.domain.validation import OnInvalid
from barledger.errors import InvalidSetting
from barledger.ledger.contract import Ledger, Snapshot
from barledger.services.audit import AuditLog
from barledger.services.cache import DataCacheService
from barledger.services.cache.commit import Written
from barledger.services.cache.history import Edition
from barledger.services.cache.vault import Patience, Vault, fits, introduce
from barledger.services.cache.verification import Verification
from barledger.services.ingestion import DataIngestionService, Entry
from barledger.services.retrieval import DataRetrievalService
from barledger.settings import Settings
from barledger.sources.contract import Source
from barledger.sources.registry import make_source
from barledger.stores.contract import Store

_INFLUX = "influxdb+"


class BarLedger:
    """What `connect` gives: the services as attributes, and the verbs of every day as shortcuts to them."""

    def __init__(self, store: Store, ledger: Ledger, *, settings: Settings, read_only: bool = False) -> None:
        """Plug a store and its ledger together; a pair that does not fit can only be read."""
        mismatch = fits(store, ledger) if read_only else introduce(store, ledger)
        self.settings = settings
        self.vault = Vault(
            store=store,
            ledger=ledger,
            actor=settings.actor or f"{getpass.getuser()}@{socket.gethostname()}",
            patience=Patience(lease=settings.lease, wait=settings.wait),
            mismatch=mismatch,
            read_only=read_only,
        )
        self.cache = DataCacheService(self.vault)
        self.ingestion = DataIngestionService(self.vault, self.cache, self._make_source)
        self.retrieval = DataRetrievalService(self.vault)
        self.audit = AuditLog(self.vault)

    # --- writing -------------------------------------------------------------------------------

    def ingest(
        self,
        instruments: str | Sequence[str],
        timeframe: str,
        *,
        source: str,
        start: Instant | None = None,
        end: Instant | None = None,
        on_invalid: OnInvalid = "raise",
        reason: str = "",
        options: Mapping[str, Any] | None = None,
    ) -> Written:
        """Fetch bars of [start, end) from a source and write what is new or changed (`DataIngestionService.ingest`)."""
        return self.ingestion.ingest(
            instruments,
            timeframe,
            source=source,
            start=start,
            end=end,
            on_invalid=on_invalid,
            reason=reason,
            options=options,
        )

    def write(
        self,
        instrument: str,
        timeframe: str,
        data: Any,
        *,
        source: str,
        reason: str = "",
        expected_revision: int | None = None,
        on_invalid: OnInvalid = "raise",
        version: str = "latest",
        columns: Mapping[str, str] | None = None,
    ) -> Written:
        """Write bars of your own (`DataIngestionService.write`)."""
        return self.ingestion.write(
            instrument,
            timeframe,
            data,
            source=source,
            reason=reason,
            expected_revision=expected_revision,
            on_invalid=on_invalid,
            version=version,
            columns=columns,
        )

    def write_many(
        self, entries: Iterable[Entry], *, source: str, reason: str = "", on_invalid: OnInvalid = "raise"
    ) -> Written:
        """Write bars of several series as one revision (`DataIngestionService.write_many`)."""
        return self.ingestion.write_many(entries, source=source, reason=reason, on_invalid=on_invalid)

    def withdraw(
        self,
        instrument: str,
        timeframe: str,
        times: Sequence[Instant],
        *,
        source: str,
        reason: str,
        expected_revision: int | None = None,
    ) -> Written:
        """Withdraw bars; every earlier state keeps them (`DataCacheService.withdraw`)."""
        series = Series.of(instrument, timeframe, source)
        return self.cache.withdraw(series, times, reason=reason, expected_revision=expected_revision)

    # --- reading -------------------------------------------------------------------------------

    def bars(
        self,
        instrument: str,
        timeframe: str,
        *,
        start: Instant | None = None,
        end: Instant | None = None,
        source: str | None = None,
        version: str = "latest",
    ) -> Bars:
        """Return the bars of [start, end) at a version (`DataRetrievalService.bars`)."""
        return self.retrieval.bars(instrument, timeframe, start=start, end=end, source=source, version=version)

    def history(self, instrument: str, timeframe: str, time: Instant, *, source: str) -> list[Edition]:
        """Return every edition of one bar (`DataCacheService.history`)."""
        return self.cache.history(Series.of(instrument, timeframe, source), time)

    # --- snapshots -----------------------------------------------------------------------------

    def snapshot(
        self,
        instruments: str | Sequence[str],
        timeframes: str | Sequence[str],
        *,
        start: Instant | None = None,
        end: Instant | None = None,
        purpose: str = "backtest",
        strategy: str | None = None,
        source: str | None = None,
        id: str | None = None,  # noqa: A002 - the word that users know it by
    ) -> Snapshot:
        """Pin what these series hold now (`DataCacheService.snapshot`)."""
        return self.cache.snapshot(
            instruments,
            timeframes,
            start=start,
            end=end,
            purpose=purpose,
            strategy=strategy,
            source=source,
            id=id,
        )

    def verify(self, version: str) -> Verification:
        """Read a snapshot's bars again and compare them with its digests (`DataCacheService.verify`)."""
        return self.cache.verify(version)

    # --- the session ---------------------------------------------------------------------------

    def close(self) -> None:
        """Release the store and the ledger."""
        self.vault.store.close()
        self.vault.ledger.close()

    def __enter__(self) -> Self:
        """Use it in a with statement."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close at the end of it."""
        self.close()

    def __repr__(self) -> str:
        """Say which store and ledger these are."""
        return f"<BarLedger {self.vault.store.describe().location}, ledger {self.vault.ledger.location}>"

    def _make_source(self, name: str, options: Mapping[str, Any]) -> Source:
        if name == "sample":
            options = {"folder": self.settings.sample_dir, **options}
        return make_source(name, options)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Place:
    """Where both halves are."""

    store: str
    ledger: str


def open_barledger(
    path_or_url: str | Path | None = None,
    *,
    token: str | None = None,
    org: str | None = None,
    ledger: str | None = None,
    read_only: bool = False,
    accept_expiry: bool = False,
    settings: Settings | None = None,
) -> BarLedger:
    """Open a store and its ledger; see `barledger.connect`."""
    chosen = settings or Settings()
    place = _place(str(path_or_url) if path_or_url is not None else chosen.url, ledger or chosen.ledger, chosen)
    secret = chosen.token.get_secret_value() if token is None else token
    # The ledger comes first: a store that was made and has no ledger would look like somebody else's.
    made_ledger = _open_ledger(place.ledger, chosen, read_only=read_only)
    try:
        store = _open_store(place.store, secret, chosen.org if org is None else org, read_only, accept_expiry)
    except BaseException:
        made_ledger.close()
        raise
    return BarLedger(store, made_ledger, settings=chosen, read_only=read_only)


def _place(target: str, ledger: str, settings: Settings) -> _Place:
    if not target:
        target = str(settings.home)
    if target == "memory:":
        return _Place(store=target, ledger=ledger or "sqlite://")
    if target.startswith(_INFLUX):
        return _Place(store=target, ledger=ledger or _influx_ledger(target, settings))
    if "://" in target:
        raise InvalidSetting(setting="url", reason="a store is a folder or influxdb+http://host:8086/bucket")
    folder = Path(target).expanduser().absolute()
    return _Place(store=str(folder), ledger=ledger or f"sqlite:///{folder / 'ledger.sqlite'}")


def _influx_ledger(url: str, settings: Settings) -> str:
    """Return the SQLite file that belongs to one server and bucket."""
    parts = urlsplit(url)
    bucket = parts.path.strip("/") or "market_data"
    where = hashlib.sha256(f"{parts.hostname}:{parts.port}/{bucket}".encode()).hexdigest()[:8]
    name = f"{bucket}-{where}.sqlite".replace("/", "_")
    return f"sqlite:///{settings.home.expanduser().absolute() / 'ledgers' / name}"


def _open_ledger(url: str, settings: Settings, *, read_only: bool) -> Ledger:
    from barledger.ledger.sql import SqlLedger  # noqa: PLC0415 - SQL is only needed once something is opened

    return SqlLedger.open(url, read_only=read_only, mirrored=settings.mirrored)


def _open_store(target: str, token: str, org: str, read_only: bool, accept_expiry: bool) -> Store:  # noqa: FBT001 - internal
    if target == "memory:":
        from barledger.stores.memory import MemoryStore  # noqa: PLC0415 - only what is opened is imported

        return MemoryStore()
    if target.startswith(_INFLUX):
        from barledger.stores.influx import InfluxStore  # noqa: PLC0415 - only what is opened is imported

        parts = urlsplit(target.removeprefix(_INFLUX))
        if parts.username or parts.password:
            raise InvalidSetting(
                setting="url", reason="a token does not belong into the URL; use token= or BARLEDGER_TOKEN"
            )
        bucket = parts.path.strip("/") or "market_data"
        server = f"{parts.scheme}://{parts.netloc}"
        return InfluxStore(
            server, bucket=bucket, token=token, org=org, accept_expiry=accept_expiry, create=not read_only
        )
    from barledger.stores.embedded import EmbeddedStore  # noqa: PLC0415 - only what is opened is imported

    return EmbeddedStore(target, read_only=read_only)
