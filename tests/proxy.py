"""A small HTTP proxy that does to requests what networks and servers under stress do."""

import http.client
import socket
import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

_PASSED_ON = ("authorization", "content-type", "accept")


class FaultyProxy(ThreadingHTTPServer):
    """Passes requests on to a port of this machine, but meets each request to ``path`` with the next fault first.

    The faults: ``drop`` the connection before the server sees the request, ``drop-after`` it has been done, ``cut``
    the request in the middle, ``cut-answer`` the answer in the middle, ``hang`` for ``hang_seconds`` before passing
    it on, a status such as ``500`` without passing it on, ``500-after`` it has been done.
    """

    daemon_threads = True

    def __init__(self, port: int) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.upstream = port
        self.faults: deque[str] = deque()
        self.path = "/write"
        self.hang_seconds = 1.0
        self.retry_after = "1"
        self.met: list[str] = []
        self.requests: list[tuple[str, dict[str, str], bytes]] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing: broken connections are what this is for."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # A body that follows its headers waits for nobody to say that these arrived, which takes 40 ms.
    disable_nagle_algorithm = True
    server: FaultyProxy

    def do_GET(self) -> None:
        self._handle()

    do_POST = do_DELETE = do_GET  # noqa: N815 - the names that the standard library calls

    def log_message(self, *_: Any) -> None:
        """Stay silent."""

    def _handle(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.server.requests.append((self.path, dict(self.headers), body))
        fault = ""
        if self.path.startswith(self.server.path):
            with suppress(IndexError):
                fault = self.server.faults.popleft()
        if fault:
            self.server.met.append(fault)
        self._meet(fault, body)

    def _meet(self, fault: str, body: bytes) -> None:
        if fault == "hang":
            time.sleep(self.server.hang_seconds)
        elif fault == "drop":
            self._drop()
            return
        elif fault == "cut":
            self._send_half(body)
            self._drop()
            return
        elif fault.isdigit():
            self._answer(int(fault), {"Retry-After": self.server.retry_after}, b'{"error":"not now"}')
            return
        status, headers, answer = self._pass_on(body)
        if fault == "drop-after":
            self._drop()
        elif fault.endswith("-after"):
            self._answer(int(fault.removesuffix("-after")), {}, b'{"error":"not now"}')
        else:
            self._answer(status, headers, answer, cut=fault == "cut-answer")

    def _pass_on(self, body: bytes) -> tuple[int, dict[str, str], bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", self.server.upstream, timeout=30)
        headers = {name: value for name, value in self.headers.items() if name.lower() in _PASSED_ON}
        try:
            connection.request(self.command, self.path, body=body, headers=headers)
            answer = connection.getresponse()
            data = answer.read()
        finally:
            connection.close()
        kept = {
            name: value for name, value in answer.getheaders() if name.lower().startswith(("x-influx", "content-type"))
        }
        return answer.status, kept, data

    def _send_half(self, body: bytes) -> None:
        with socket.create_connection(("127.0.0.1", self.server.upstream), timeout=5) as upstream:
            head = f"{self.command} {self.path} HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n\r\n".encode()
            upstream.sendall(head + body[: len(body) // 2])

    def _answer(self, status: int, headers: dict[str, str], body: bytes, *, cut: bool = False) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        if status != 204:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body[: len(body) // 2] if cut else body)
        if cut:
            self._drop()

    def _drop(self) -> None:
        self.close_connection = True
        with suppress(OSError):
            self.connection.shutdown(socket.SHUT_RDWR)


@contextmanager
def faulty_proxy(port: int) -> Iterator[FaultyProxy]:
    """Give a proxy before the server at ``port``."""
    proxy = FaultyProxy(port)
    thread = threading.Thread(target=proxy.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield proxy
    finally:
        proxy.shutdown()
        thread.join()
        proxy.server_close()
