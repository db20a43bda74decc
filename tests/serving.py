"""Libraries behind the HTTP face: what the tests of it share."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

from barledger import BarLedger
from barledger.api.address import Address
from barledger.api.options import Options
from barledger.api.server import Serving, server_of

DAYS: Final = 300
"""So many daily bars each instrument has."""

OPTIONS: Final = Options(hosts=("localhost",))
KeyOf = Callable[..., str]
"""Makes a key with some scopes, and returns its text."""


def bearer(key: str) -> dict[str, str]:
    """Return the header that shows a key."""
    return {"Authorization": f"Bearer {key}"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Served:
    """A real server: its address, a key for everything, and the library behind it."""

    url: str
    key: str
    bl: BarLedger


@contextmanager
def server_for(
    bl: BarLedger, *, protocol: type | None = None, app: Any = None, **options: Any
) -> Iterator[tuple[str, Any]]:
    """Run a real server on a free port of loopback; gives its address and uvicorn's server.

    ``options`` are those of `Serving`; ``protocol`` and ``app`` stand for its own.
    """
    with Address(host="127.0.0.1", port=0).bind() as listening:
        encrypted = "tls_certificate" in options
        address = Address(host="127.0.0.1", port=listening.getsockname()[1], encrypted=encrypted)
        server = server_of(bl, Serving(address=address, **options))
        if protocol is not None:
            server.config.http = protocol
        if app is not None:
            server.config.app = app
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        while not server.started and thread.is_alive():
            time.sleep(0.01)
        try:
            yield address.url, server
        finally:
            server.should_exit = True
            thread.join(30)
            assert not thread.is_alive(), "the server did not stop"
