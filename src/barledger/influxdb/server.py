"""Which server this is, told by its own answers."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

from barledger.errors import InvalidSetting, NotInfluxDB, ServerTooOld, ServerUnsupported
from barledger.influxdb.connection import Connection

_VERSION: Final = re.compile(r"v?(\d+)\.(\d+)")
_OLDEST: Final = {1: 6, 2: 4}
_REASONS_AGAINST_3: Final = "InfluxDB 3 deletes no rows and overwrites none reliably, so no version in it is safe"


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """A server that can be used: its generation and its version in its own words."""

    generation: Literal[1, 2]
    version: str


def detect(connection: Connection) -> Server:
    """Ask the server what it is.

    Raises `NotInfluxDB`, `ServerUnsupported` and `ServerTooOld` for what cannot be used, and `StoreUnavailable`,
    `StoreTimeout` or `TlsFailed` if nothing can be asked.
    """
    return _judged(connection.url, connection.ping())


def _judged(url: str, headers: Mapping[str, str]) -> Server:
    version = headers.get("x-influxdb-version", "")
    if "cluster-uuid" in headers or version.lstrip("v").startswith("3"):
        raise ServerUnsupported(url=url, detail=_REASONS_AGAINST_3)
    if not version:
        raise NotInfluxDB(url=url, detail="/ping names no version of InfluxDB")
    found = _VERSION.match(version)
    if found is None:
        raise ServerUnsupported(url=url, detail=f"version {version!r} ({headers.get('x-influxdb-build')}) is unknown")
    major, minor = int(found[1]), int(found[2])
    if major not in _OLDEST:
        kind = ServerTooOld if major < 1 else ServerUnsupported
        raise kind(url=url, detail=f"it is InfluxDB {version}")
    if minor < _OLDEST[major]:
        raise ServerTooOld(url=url, detail=f"it is InfluxDB {version}")
    return Server(generation=1 if major == 1 else 2, version=version.lstrip("v"))


def credentials(generation: int, token: str) -> tuple[str, str]:
    """Return what to send as Basic and as Token; raises `InvalidSetting`."""
    if not token.isprintable():
        raise InvalidSetting(setting="token", reason="it has a control character, perhaps a line end")
    if not token:
        return "", ""
    if generation == 2:
        return f"any:{token}", token
    if ":" not in token:
        raise InvalidSetting(setting="token", reason="on InfluxDB 1.x it is of the form user:password")
    return token, ""
