"""A client that costs next to nothing: requests are bytes that were made before, and only the end of an answer is found."""

import selectors
import socket
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

import numpy as np

_PIECE: Final = 1 << 20
_END: Final = b"\r\n\r\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rate:
    """What a load came to: requests a second, and the 50th and 99th percentile of their seconds."""

    a_second: float
    median: float
    worst: float

    def __str__(self) -> str:
        """Say it in words."""
        return f"{self.a_second:,.0f} a second, {self.median * 1e3:.2f} ms, 99 % within {self.worst * 1e3:.2f} ms"


def request_for(path: str, headers: Mapping[str, str]) -> bytes:
    """Return a GET as bytes."""
    lines = [f"GET {path} HTTP/1.1", "Host: localhost", *(f"{name}: {value}" for name, value in headers.items())]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


class Wire:
    """One connection, kept open."""

    def __init__(self, port: int) -> None:
        """Connect."""
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=60)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._room = bytearray(_PIECE)
        self.began = 0.0
        self._held = bytearray()

    def ask(self, request: bytes) -> bytes:
        """Send a request and return the whole answer, its head included."""
        self.send(request)
        while not self.take():
            pass
        return self.answer

    @property
    def answer(self) -> bytes:
        """Return what was taken of the answer."""
        return bytes(self._held)

    def send(self, request: bytes) -> None:
        """Send a request."""
        self._held.clear()
        self.began = time.perf_counter()
        self.socket.sendall(request)

    def take(self) -> bool:
        """Take what is there; tells whether the answer is whole."""
        count = self.socket.recv_into(self._room)
        if not count:
            raise ConnectionError
        self._held += memoryview(self._room)[:count]
        return self._whole()

    def _whole(self) -> bool:
        at = self._held.find(_END)
        if at < 0:
            return False
        head = bytes(self._held[:at]).lower()
        if b" 304 " in head[:20]:
            return True
        if b"content-length:" in head:
            size = int(head.partition(b"content-length:")[2].partition(b"\r\n")[0])
            return len(self._held) >= at + len(_END) + size
        return self._held.endswith(b"0" + _END)


def load(port: int, request: bytes, *, connections: int, seconds: float, wanted: bytes) -> Rate:
    """Ask the same over several connections at once, each as soon as it was answered, for so many seconds."""
    with selectors.DefaultSelector() as ready:
        wires = [Wire(port) for _ in range(connections)]
        taken: list[float] = []
        for wire in wires:
            ready.register(wire.socket, selectors.EVENT_READ, wire)
            wire.send(request)
        began = time.perf_counter()
        while (now := time.perf_counter()) - began < seconds:
            for key, _ in ready.select():
                wire = key.data
                if wire.take():
                    taken.append(time.perf_counter() - wire.began)
                    assert wanted in wire.answer[:16], wire.answer[:200]
                    wire.send(request)
        for wire in wires:
            wire.socket.close()
    return Rate(
        a_second=len(taken) / (now - began), median=float(np.median(taken)), worst=float(np.percentile(taken, 99))
    )


@contextmanager
def listening() -> Iterator[socket.socket]:
    """Give a socket that listens on a free port of loopback, and that children may inherit."""
    with socket.socket() as made:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        made.bind(("127.0.0.1", 0))
        made.listen(256)
        made.set_inheritable(True)
        yield made


def joined(rates: Sequence[Rate]) -> Rate:
    """Return the median of several loads."""
    return Rate(
        a_second=float(np.median([one.a_second for one in rates])),
        median=float(np.median([one.median for one in rates])),
        worst=float(np.median([one.worst for one in rates])),
    )
