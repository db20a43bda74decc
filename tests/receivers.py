"""Receivers of notices: real HTTP and SMTP servers on loopback that answer as they are told."""

import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a server does with a request; ``raw`` is sent instead of an answer, ``slow`` is how long it says nothing."""

    status: int = 204
    headers: tuple[tuple[str, str], ...] = ()
    raw: bytes | None = None
    slow: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Received:
    """A request as it came."""

    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def data(self) -> Any:
        return json.loads(self.body)

    @property
    def id(self) -> str:
        return self.headers["webhook-id"]


@dataclass
class Hook:
    """A webhook's server; ``answers`` are given in turn, the last one for ever."""

    url: str
    answers: list[Answer] = field(default_factory=lambda: [Answer()])
    received: list[Received] = field(default_factory=list)
    ended: threading.Event = field(default_factory=threading.Event)

    def next(self) -> Answer:
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


@contextmanager
def hook(*answers: Answer, port: int = 0) -> Iterator[Hook]:
    """Serve a webhook at a path that is a secret."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            headers = {name.lower(): value for name, value in self.headers.items()}
            made.received.append(Received(path=self.path, headers=headers, body=body))
            answer = made.next()
            made.ended.wait(answer.slow)
            if answer.raw is not None:
                self.wfile.write(answer.raw)
                return
            self.send_response(answer.status)
            for name, value in answer.headers:
                self.send_header(name, value)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, *_: Any) -> None:
            """Say nothing of clients that gave up."""

    server = Server(("127.0.0.1", port), Handler)
    made = Hook(url=f"http://127.0.0.1:{server.server_port}/T0KEN/hook")
    if answers:
        made.answers = list(answers)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield made
    finally:
        made.ended.set()
        server.shutdown()
        server.server_close()
        thread.join()


@dataclass
class Mailbox:
    """An SMTP server's mails; ``refuse`` is what it says instead of taking one."""

    port: int = 0
    mails: list[Any] = field(default_factory=list)
    refuse: str = ""

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:  # noqa: N802 - aiosmtpd's name
        if self.refuse:
            return self.refuse
        self.mails.append(envelope)
        return "250 OK"


@contextmanager
def mailbox() -> Iterator[Mailbox]:
    """Serve SMTP."""
    from aiosmtpd.controller import Controller  # noqa: PLC0415 - only for tests of mail

    box = Mailbox(port=free_port())
    controller = Controller(box, hostname="127.0.0.1", port=box.port)
    controller.start()
    try:
        yield box
    finally:
        controller.stop()


@contextmanager
def silence() -> Iterator[int]:
    """Give the port of a server that accepts connections and never says anything."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen(16)
        yield listening.getsockname()[1]


def free_port() -> int:
    """Return a port at which nobody answers."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_for(condition: Any, *, seconds: float = 60.0) -> None:
    """Wait until it holds; fail after so long."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.02)
