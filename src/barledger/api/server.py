"""The server: uvicorn on a socket, until it is told to stop; requests that have begun are finished."""

import signal
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

from barledger.api.address import Address
from barledger.api.options import INDICATOR_BARS, LOOPBACK, Options
from barledger.barledger import BarLedger
from barledger.errors import DriverMissing

GRACE: Final = 30
"""Seconds that requests, and jobs, have to end once the server is told to stop."""

_HEADER_BYTES: Final = 65_536
_IDLE: Final = 15
_BURST_SECONDS: Final = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Serving:
    """How the server runs: its address, its certificate, and the proxy whose headers it believes.

    ``workers`` processes share the socket; each works on ``jobs`` jobs at once, and with ``schedule`` one of them runs
    the schedule. Each key may make ``rate`` requests a second, of all workers together (0: as many as it likes), and
    have the indicators of ``indicator_bars`` bars of an instrument in one (0: of any number).
    """

    address: Address
    tls_certificate: Path | None = None
    tls_key: Path | None = None
    proxy: str = ""
    hosts: tuple[str, ...] = ()
    origins: tuple[str, ...] = ()
    open_docs: bool = False
    open_metrics: bool = False
    workers: int = 1
    jobs: int = 2
    schedule: bool = False
    rate: float = 0.0
    compress: bool = True
    indicator_bars: int = INDICATOR_BARS
    logs: Literal["json", "text"] = "json"
    grace: int = GRACE


def serve(bl: BarLedger, serving: Serving, listening: socket.socket) -> None:
    """Serve a library until SIGINT or SIGTERM; raises `DriverMissing` without the packages.

    At the end requests that have begun are finished, streams of events end, and jobs are handed over.
    """
    server = server_of(bl, serving)
    from barledger.api import logs  # noqa: PLC0415 - once it is known that the packages are there
    from barledger.api.background import working  # noqa: PLC0415 - as above
    from barledger.api.memory import give_back  # noqa: PLC0415 - as above

    give_back()
    logs.configure(serving.logs, (bl.settings.token.get_secret_value(),))
    with logs.warnings_logged(), working(bl, jobs=serving.jobs, schedule=serving.schedule, grace=serving.grace):
        server.run(sockets=[listening])


def server_of(bl: BarLedger, serving: Serving) -> Any:
    """Return uvicorn's server, ready to run; setting ``should_exit`` stops it."""
    try:
        import uvicorn  # noqa: PLC0415 - an extra

        from barledger.api.app import build  # noqa: PLC0415 - as above
        from barledger.api.protocol import TimedProtocol  # noqa: PLC0415 - as above
    except ImportError as error:
        raise DriverMissing(package="fastapi, prometheus-client and uvicorn", extra="server") from error
    address = serving.address
    rate = serving.rate / serving.workers
    options = Options(
        hosts=(*LOOPBACK, address.host, *serving.hosts),
        origins=serving.origins,
        open_docs=serving.open_docs,
        open_metrics=serving.open_metrics,
        tls=address.encrypted,
        proxied=bool(serving.proxy),
        rate=rate,
        burst=max(1, round(rate * _BURST_SECONDS)),
        indicator_bars=serving.indicator_bars,
        **({} if serving.compress else {"compress_bytes": 0}),
    )
    app = build(bl, options)
    config = uvicorn.Config(
        app,
        http=TimedProtocol,  # by h11, which bounds the size of headers
        h11_max_incomplete_event_size=_HEADER_BYTES,
        proxy_headers=bool(serving.proxy),
        forwarded_allow_ips=serving.proxy or None,
        ssl_certfile=serving.tls_certificate,
        ssl_keyfile=serving.tls_key,
        server_header=False,
        access_log=False,
        log_config=None,
        timeout_keep_alive=_IDLE,
        timeout_graceful_shutdown=serving.grace,
        lifespan="off",
        ws="none",
    )
    return _stoppable(uvicorn.Server, app.state.feed)(config)


def _stoppable(kind: type[Any], feed: Any) -> type[Any]:
    """Return a server that ends when it is told to, and lets whoever runs it release the library.

    uvicorn raises the signal once more at its end, which would kill the process before that; and it would wait for
    streams of events, which have no end of their own.
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

        async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
            feed.close()
            await super().shutdown(sockets=sockets)

    return Stoppable
