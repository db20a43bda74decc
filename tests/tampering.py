"""A server between a client and the real one, which does to answers what networks and proxies do."""

import http.client
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Final
from urllib.parse import urlsplit

_SECONDS: Final = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """An answer; ``cut`` closes the connection after so many bytes of it."""

    status: int
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    cut: int | None = None

    def without(self, *names: str) -> "Said":
        return replace(self, headers={name: value for name, value in self.headers.items() if name not in names})


@dataclass(slots=True)
class Asked:
    """A request as it came."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes


Tamper = Callable[[Asked, Callable[[], Said]], Said]
"""Gives an answer; what it is given asks the real server."""


@dataclass(slots=True)
class Between:
    """The server's address, what was asked of it, and what it does."""

    url: str = ""
    asked: list[Asked] = field(default_factory=list)
    tamper: Tamper = field(default=lambda _, real: real())


@contextmanager
def between(url: str) -> Iterator[Between]:
    """Stand between a client and the server at ``url``."""
    made = Between()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        timeout = _SECONDS

        def do_GET(self) -> None:
            length = int(self.headers.get("content-length", 0))
            asked = Asked(
                self.command, self.path, {k.lower(): v for k, v in self.headers.items()}, self.rfile.read(length)
            )
            if self.path != "/health":
                made.asked.append(asked)
            said = made.tamper(asked, lambda: _real(url, asked))
            self.send_response_only(said.status)
            for name, value in {**said.headers, "content-length": str(len(said.body))}.items():
                self.send_header(name, value)
            self.end_headers()
            if self.command != "HEAD" and said.status != 304:
                self.wfile.write(said.body[: said.cut])
            self.close_connection = said.cut is not None

        do_POST = do_HEAD = do_GET  # noqa: N815 - the names that the standard library calls

        def log_message(self, *_: object) -> None:
            pass

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, *_: object) -> None:
            pass

    with Server(("127.0.0.1", 0), Handler) as server:
        made.url = f"http://127.0.0.1:{server.server_address[1]}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield made
        finally:
            server.shutdown()
            thread.join(_SECONDS)


def _real(url: str, asked: Asked) -> Said:
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=_SECONDS)
    try:
        kept = {name: value for name, value in asked.headers.items() if name not in ("connection", "content-length")}
        connection.request(asked.method, asked.path, body=asked.body or None, headers={**kept, "host": "localhost"})
        answer = connection.getresponse()
        body = answer.read()
        left_out = ("transfer-encoding", "content-length", "connection")
        headers = {name.lower(): value for name, value in answer.getheaders() if name.lower() not in left_out}
        return Said(status=answer.status, headers=headers, body=body)
    finally:
        connection.close()
