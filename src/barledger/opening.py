"""Opening: from what a caller names to a store and a ledger; the only place that names concrete ones."""

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import quote, unquote, urlsplit

from barledger.errors import InvalidSetting
from barledger.ledger.contract import Ledger
from barledger.services.audit.keys import KeyPlace
from barledger.settings import Settings
from barledger.stores.contract import Store

INFLUX = "influxdb+"
LEDGER: Final = "ledger.sqlite"

# What a file's name may not have on some system, or would mean something else in a URL.
_UNUSUAL: Final = re.compile(r"[^\w .+=@-]")
_LONGEST_NAME: Final = 48
# One server, and so one ledger, however this machine is called.
_THIS_MACHINE: Final = frozenset({"localhost", "127.0.0.1", "::1"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where both halves are."""

    store: str
    ledger: str

    @property
    def mirrors(self) -> bool:
        """Whether the store can show the ledger's records to other tools."""
        return self.store.startswith(INFLUX)


def ledger_in(folder: Path) -> str:
    """Return the URL of the ledger that lies beside an embedded store."""
    return _at(folder / LEDGER)


def place_of(target: str, ledger: str, settings: Settings) -> Place:
    """Return where both halves are; raises `InvalidSetting`."""
    if not target:
        target = str(settings.home)
    if target == "memory:":
        return Place(store=target, ledger=ledger or "sqlite://")
    if target.startswith(INFLUX):
        return Place(store=target, ledger=ledger or _influx_ledger(target, settings))
    if target.startswith(("http://", "https://")):
        step = "Read from it by barledger.connect(url, key=...); or name the store itself, influxdb+http://host:8086/bucket."
        raise InvalidSetting(setting="url", reason="a server of barledger is no store of this machine", advised=step)
    if "://" in target:
        raise InvalidSetting(setting="url", reason="a store is a folder or influxdb+http://host:8086/bucket")
    folder = Path(target).expanduser().absolute()
    return Place(store=str(folder), ledger=ledger or ledger_in(folder))


def _influx_ledger(url: str, settings: Settings) -> str:
    """Return the SQLite file that belongs to one server and bucket."""
    server, bucket = _server_and_bucket(url)
    parts = urlsplit(server)
    prefix = parts.path + "/" if parts.path else ""
    host = "localhost" if parts.hostname in _THIS_MACHINE else parts.hostname
    where = hashlib.sha256(f"{host}:{parts.port}/{prefix}{bucket}".encode()).hexdigest()[:8]
    # The beginning is for people; what tells one bucket from another is the end.
    name = f"{_UNUSUAL.sub('_', bucket)[:_LONGEST_NAME]}-{where}.sqlite"
    return _at(settings.home.expanduser().absolute() / "ledgers" / name)


def key_place(ledger: Ledger, settings: Settings) -> KeyPlace | None:
    """Return where the key lies that signs a ledger's audit log; None for a ledger that lasts as long as the process.

    Beside an SQLite file, since both belong to this machine; else in the data folder, under the ledger's id.
    """
    from barledger.ledger.sql import on_server, sqlite_file  # noqa: PLC0415 - as in `open_ledger`

    if on_server(ledger.location):
        folder = settings.home.expanduser().absolute() / "keys"
        return KeyPlace(folder=folder / ledger.id, public=folder / f"{ledger.id}.pub")
    file = sqlite_file(ledger.location)
    if file is None:
        return None
    if file.name == LEDGER:
        return KeyPlace(folder=file.parent / "keys", public=file.parent / "audit.pub")
    return KeyPlace(folder=file.with_name(f"{file.stem}.keys"), public=file.with_name(f"{file.stem}.pub"))


def _at(file: Path) -> str:
    from barledger.ledger.sql import sqlite_url  # noqa: PLC0415 - as in `open_ledger`

    return sqlite_url(file)


def influx_target(url: str, bucket: str) -> str:
    """Return how a server and a bucket are named in one."""
    return f"{INFLUX}{url.rstrip('/')}/{quote(bucket, safe='')}"


def _server_and_bucket(target: str) -> tuple[str, str]:
    """Take apart what `influx_target` put together; raises `InvalidSetting`."""
    try:
        parts = urlsplit(target.removeprefix(INFLUX))
        _ = parts.port
    except ValueError:
        raise InvalidSetting(setting="url", reason="it cannot be read as a URL") from None
    if parts.username or parts.password:
        reason = "a token does not belong into the URL; use token= or BARLEDGER_TOKEN"
        raise InvalidSetting(setting="url", reason=reason)
    prefix, _, bucket = parts.path.rstrip("/").rpartition("/")
    rest = "".join((f"?{parts.query}" if parts.query else "", f"#{parts.fragment}" if parts.fragment else ""))
    return f"{parts.scheme}://{parts.netloc}{prefix}{rest}", unquote(bucket) or "market_data"


def open_ledger(url: str, *, mirrored: int = 200, read_only: bool = False) -> Ledger:
    """Open the ledger at an SQLAlchemy URL."""
    from barledger.ledger.sql import SqlLedger  # noqa: PLC0415 - SQL is only needed once something is opened

    return SqlLedger.open(url, read_only=read_only, mirrored=mirrored)


def open_store(
    target: str, token: str = "", org: str = "", *, read_only: bool = False, accept_expiry: bool = False
) -> Store:
    """Open the store that a place names."""
    if target == "memory:":
        from barledger.stores.memory import MemoryStore  # noqa: PLC0415 - only what is opened is imported

        return MemoryStore()
    if target.startswith(INFLUX):
        from barledger.stores.influx import InfluxStore  # noqa: PLC0415 - only what is opened is imported

        server, bucket = _server_and_bucket(target)
        return InfluxStore(
            server, bucket=bucket, token=token, org=org, accept_expiry=accept_expiry, create=not read_only
        )
    from barledger.stores.embedded import EmbeddedStore  # noqa: PLC0415 - only what is opened is imported

    return EmbeddedStore(target, read_only=read_only)
