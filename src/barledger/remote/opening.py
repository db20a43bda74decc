"""Opening: from a server's address and a key to a library."""

import hashlib
import time
from collections.abc import Mapping
from typing import Any

from barledger import __version__
from barledger.errors import InvalidSetting
from barledger.remote.address import ServerAddress, checked_key
from barledger.remote.cache import AnswerCache
from barledger.remote.connection import Connection
from barledger.remote.library import RemoteBarLedger
from barledger.services.access.owner import kept_key
from barledger.settings import Settings


def open_remote(
    url: str,
    *,
    settings: Settings,
    key: str | None = None,
    read_only: bool = False,
    unfit: Mapping[str, Any] | None = None,
) -> RemoteBarLedger:
    """Open the library behind a server; see `barledger.connect`.

    ``unfit`` are options that only a library on this machine has. Raises `InvalidSetting` for these, for an address
    that cannot be read and where there is no key; `StoreUnavailable`, `StoreTimeout`, `TlsFailed` and `NotBarledger`.
    """
    for name in (name for name, value in (unfit or {}).items() if value):
        reason = "it is for a library on this machine; the server has its own"
        raise InvalidSetting(setting=name, reason=reason, advised="Leave it out, or connect to the store itself.")
    address = ServerAddress.of(url)
    shown = checked_key(_key(address, settings, key))
    patience = settings.remote_timeout
    agent = f"barledger/{__version__}"
    connection = Connection(address, shown, timeout=settings.remote_timeout, patience=patience, agent=agent)
    connection.healthy()
    return RemoteBarLedger(
        connection,
        AnswerCache(settings.remote_cache_dir, limit=settings.remote_cache),
        settings=settings,
        owner=hashlib.sha256(shown.encode()).hexdigest(),
        clock=time.time_ns,
        read_only=read_only,
    )


def _key(address: ServerAddress, settings: Settings, given: str | None) -> str:
    """Return the key that was given, that of the environment, or that of this machine's own server."""
    found = settings.key.get_secret_value() if given is None else given
    if given is None and not found and address.is_loopback:
        found = kept_key(settings.home, address.port)
    if found:
        return found
    if given == "":
        raise InvalidSetting(setting="key", reason="it is empty", advised="Leave key out for that of this machine.")
    step = "Give key=, or set BARLEDGER_KEY; `barledger keys create NAME --scope read` makes one where the library is."
    raise InvalidSetting(setting="key", reason=f"the server at {address} wants a key, and there is none", advised=step)
