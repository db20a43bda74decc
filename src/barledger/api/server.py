"""The server: uvicorn on a socket, until it is told to stop; requests that have begun are finished."""

import signal
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from barledger.api.address import Address
from barledger.barledger import BarLedger
from barledger.errors import DriverMissing

GRACE: Final = 30
"""Seconds that requests have to end once the server is told to stop."""

_HEADER_BYTES: Final = 65_536
_IDLE: Final = 15


@dataclass(frozen=True, slots=True, kw_only=True)
class Serving:
    """How the server runs: its address, its certificate, and the proxy whose headers it believes."""

    address: Address
    tls_certificate: Path | None = None
    tls_key: Path | None = None
    proxy: str = ""
    hosts: tuple[str, ...] = ()
    origins: tuple[str, ...] = ()
    open_docs: bool = False


def serve(bl: BarLedger, serving: Serving, listening: socket.socket) -> None:
    """Serve a library until SIGINT or SIGTERM; raises `DriverMissing` without the packages."""
    server_of(bl, serving).run(sockets=[listening])


def server_of(bl: BarLedger, serving: Serving) -> Any:
    """Return uvicorn's server, ready to run; setting ``should_exit`` stops it."""
    try:
        import uvicorn  # noqa: PLC0415 - an extra

        from barledger.api.app import build  # noqa: PLC0415 - as above
        from barledger.api.options import LOOPBACK, Options  # noqa: PLC0415 - as above
    except ImportError as error:
        raise DriverMissing(package="fastapi and uvicorn", extra="server") from error
    address = serving.address
    options = Options(
        hosts=(*LOOPBACK, address.host, *serving.hosts),
        origins=serving.origins,
        open_docs=serving.open_docs,
        tls=address.encrypted,
    )
    config = uvicorn.Config(
        build(bl, options),
        http="h11",  # it bounds the size of headers
        h11_max_incomplete_event_size=_HEADER_BYTES,
        proxy_headers=bool(serving.proxy),
        forwarded_allow_ips=serving.proxy or None,
        ssl_certfile=serving.tls_certificate,
        ssl_keyfile=serving.tls_key,
        server_header=False,
        access_log=False,
        log_level="warning",
        timeout_keep_alive=_IDLE,
        timeout_graceful_shutdown=GRACE,
        lifespan="off",
        ws="none",
    )
    return _stoppable(uvicorn.Server)(config)


def _stoppable(kind: type[Any]) -> type[Any]:
    """Return a server that ends when it is told to, and lets whoever runs it release the library.

    uvicorn raises the signal once more at its end, which would kill the process before that.
    """

    class Stoppable(kind):  # type: ignore[misc]  # a class that is only known once it is imported
        @contextmanager
        def capture_signals(self) -> Iterator[None]:
            if threading.current_thread() is not threading.main_thread():
                yield
                return
            before = {one: signal.signal(one, self.handle_exit) for one in (signal.SIGINT, signal.SIGTERM)}
            try:
                yield
            finally:
                for one, handler in before.items():
                    signal.signal(one, handler)

    return Stoppable
