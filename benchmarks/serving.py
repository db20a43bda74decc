"""The HTTP face against what it cannot do without: reading in process, a loopback, orjson, and a bare route."""

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import cached_property
from itertools import count, repeat
from pathlib import Path
from typing import Final

import numpy as np
import orjson
import pyarrow as pa

import barledger
from barledger import BarLedger, Bars
from benchmarks.data import VALUES, Sizes, daily_bars, minute_bars
from benchmarks.http_client import Rate, Wire, joined, listening, load, request_for
from benchmarks.measure import alternate, always, spoken
from benchmarks.row import Aim, Outcome, Row

SOURCE: Final = "bench"
SPAN: Final = 10_000
FIRST: Final = "1989-12-31"
"""A day before the first of these bars."""

SMALL: Final = 50
WORKERS: Final = 2
CONNECTIONS: Final = 8
SECONDS: Final = 4.0
MEGABYTES: Final = "MB"
_DATA: Final = "/api/v1/data/ohlcv"


class Stage:
    """A library with a short, a middling and a long series, and servers over it in processes of their own."""

    def __init__(self, folder: Path, sizes: Sizes, opened: ExitStack) -> None:
        """Make it in this folder; what is started ends with ``opened``."""
        self.sizes, self.folder = sizes, folder
        self._opened = opened

    @cached_property
    def library(self) -> BarLedger:
        """Return the library, from this process."""
        made = self._opened.enter_context(barledger.connect(self.folder / "served"))
        made.write("SMALL", "1d", daily_bars(SMALL), source=SOURCE)
        made.write("SPAN", "1d", daily_bars(SPAN, first="1990-01-01"), source=SOURCE)
        made.write("LONG", "1m", minute_bars(self.sizes.bars), source=SOURCE)
        return made

    @cached_property
    def headers(self) -> dict[str, str]:
        """Return what shows a key."""
        return {"Authorization": f"Bearer {self.library.keys.create('bench', scopes='read').text}"}

    @cached_property
    def streamed(self) -> Path:
        """Return a file with the bytes that the long series is streamed as."""
        file = self.folder / "long.arrow"
        table = self.library.bars("LONG", "1m").to_arrow()
        with pa.OSFile(str(file), "wb") as sink, pa.ipc.new_stream(sink, table.schema) as writer:
            writer.write_table(table, max_chunksize=65_536)
        return file

    @cached_property
    def one(self) -> "Server":
        """Return the face, served by one process."""
        return self._opened.enter_context(server(self, "face", 1, self.streamed))

    @cached_property
    def several(self) -> "Server":
        """Return the face, served by two processes."""
        return self._opened.enter_context(server(self, "face", WORKERS, None))

    @cached_property
    def bare(self) -> "Server":
        """Return a bare route that sends what the face sends of the small series, by two processes."""
        body = self.folder / "small.json"
        answer = Wire(self.several.port).ask(request_for(f"{_DATA}/SMALL/1d", self.headers))
        body.write_bytes(answer.partition(b"\r\n\r\n")[2])
        return self._opened.enter_context(server(self, "bare", WORKERS, body))


class Server:
    """Processes that share a port."""

    def __init__(self, port: int, processes: Sequence[subprocess.Popen[bytes]]) -> None:
        """Know them."""
        self.port, self._processes = port, processes

    def resident(self) -> float:
        """Return how much memory the processes have, in MB."""
        return sum(_status(one.pid, "VmRSS") for one in self._processes)

    def most(self) -> float:
        """Return how much memory they ever had, in MB."""
        return sum(_status(one.pid, "VmHWM") for one in self._processes)


def _status(process: int, name: str) -> float:
    lines = Path(f"/proc/{process}/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith(name)).split()[1]) / 1024


@contextmanager
def server(on: Stage, kind: str, workers: int, file: Path | None) -> Iterator[Server]:
    """Run a server in so many processes."""
    _ = on.library, on.headers
    with listening() as shared:
        command = [sys.executable, "-m", "benchmarks.served", kind, str(on.folder / "served"), str(shared.fileno())]
        command += [] if file is None else [str(file)]
        handles = [shared.fileno()]
        processes = [subprocess.Popen(command, pass_fds=handles, env=os.environ.copy()) for _ in range(workers)]
        port = shared.getsockname()[1]
        try:
            _wait(port, processes)
            yield Server(port, processes)
        finally:
            for one in processes:
                one.send_signal(signal.SIGTERM)
            for one in processes:
                one.wait(30)


def _wait(port: int, processes: Sequence[subprocess.Popen[bytes]]) -> None:
    """Wait until a server answers; the socket takes connections before that."""
    with socket.create_connection(("127.0.0.1", port), timeout=120) as asked:
        asked.sendall(b"GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        assert asked.recv(12), processes
    # The other processes begin at the same time, and a little later each of them is there.
    time.sleep(3.0)


@contextmanager
def stage(folder: Path, sizes: Sizes) -> Iterator[Stage]:
    """Give what the rows of this module run on."""
    with ExitStack() as opened:
        yield Stage(folder, sizes, opened)


# --- rows ------------------------------------------------------------------------------------------


def arrow(on: Stage) -> Outcome:
    """Read 10,000 bars as Arrow, against the same read in process and a transfer of as many bytes."""
    return _answered(on, "format=arrow", as_arrow, repeat(FIRST))


def arrow_anew(on: Stage) -> Outcome:
    """Do the same by questions of which none was asked before, so that no answer is remembered."""
    return _answered(on, "format=arrow", as_arrow, _starts())


def json(on: Stage) -> Outcome:
    """Read 10,000 bars as JSON, against the same read in process and its rows written by orjson."""
    return _answered(on, "format=json", as_json, repeat(FIRST))


def json_anew(on: Stage) -> Outcome:
    """Do the same by questions of which none was asked before."""
    return _answered(on, "format=json", as_json, _starts())


def as_arrow(bars: Bars) -> object:
    """Return bars as a program in this process has them."""
    return bars.to_arrow()


def as_json(bars: Bars) -> object:
    """Return rows as orjson writes them."""
    times = np.datetime_as_string(bars.time.view("datetime64[ns]"), unit="s")
    columns = [np.char.add(times, "Z").tolist(), *(getattr(bars.rows, name).tolist() for name in VALUES)]
    names = ("time", *VALUES)
    return orjson.dumps([dict(zip(names, row, strict=True)) for row in zip(*columns, strict=True)])


def _starts() -> Iterator[str]:
    """Give days before the first bar, each once."""
    return (str(np.datetime64(FIRST) - at) for at in count())


def _answered(on: Stage, query: str, made: Callable[[Bars], object], starts: Iterator[str]) -> Outcome:
    """Ask the face, against the same read in process, what is made of it, and a transfer of as many bytes."""
    wire = Wire(on.one.port)

    def ask() -> bytes:
        return wire.ask(request_for(f"{_DATA}/SPAN/1d?{query}&start_date={next(starts)}", on.headers))

    with _sender(ask()) as port:
        plain = Wire(port)

        def alone() -> object:
            bars = on.library.bars("SPAN", "1d", start=next(starts))
            return bars.digest, made(bars), plain.ask(b"x")

        return _compared(on, {"face": ask, "alone": alone})


def _compared(on: Stage, works: dict[str, object]) -> Outcome:
    times = alternate(
        {name: always(work) for name, work in works.items()},  # type: ignore[arg-type]
        rounds=on.sizes.rounds * 20,
        warm_up=5,
    )
    value = times["face"].median / times["alone"].median
    return Outcome(value=value, ours=str(times["face"]), theirs=str(times["alone"]))


@contextmanager
def _sender(body: bytes) -> Iterator[int]:
    """Send these bytes to whoever sends one byte."""
    with listening() as shared:

        def serve() -> None:
            taken, _ = shared.accept()
            with taken:
                while taken.recv(16):
                    taken.sendall(body)

        threading.Thread(target=serve, daemon=True).start()
        yield shared.getsockname()[1]


def streamed(on: Stage) -> Outcome:
    """Stream 5M bars as Arrow, against a file of as many bytes through the same server."""
    size = on.streamed.stat().st_size
    face, static = f"{_DATA}/LONG/1m?format=arrow", "/static"
    works = {"face": lambda: _curl(on, face), "static": lambda: _curl(on, static)}
    times = alternate({name: always(work) for name, work in works.items()}, rounds=on.sizes.rounds)
    rates = {name: size / one.median / 1e6 for name, one in times.items()}
    return Outcome(
        value=rates["face"] / rates["static"],
        ours=f"{rates['face']:,.0f} MB/s, {spoken(times['face'].median, unit=True)}",
        theirs=f"{rates['static']:,.0f} MB/s, {spoken(times['static'].median, unit=True)}",
    )


def memory(on: Stage) -> Outcome:
    """Stream 5M bars as Arrow, and look how much more memory the server ever had than before the first time."""
    with server(on, "face", 1, None) as fresh:
        Wire(fresh.port).ask(request_for(f"{_DATA}/SPAN/1d?format=arrow", on.headers))
        before = fresh.resident()
        for _ in range(3):
            _curl(on, f"{_DATA}/LONG/1m?format=arrow", port=fresh.port)
        after = fresh.most()
    return Outcome(value=after - before, ours=f"{before:.0f} MB before, at most {after:.0f} MB", theirs="")


def _curl(on: Stage, path: str, *, port: int | None = None) -> None:
    url = f"http://localhost:{port or on.one.port}{path}"
    shown = f"Authorization: {on.headers['Authorization']}"
    subprocess.run(["curl", "-sf", "-o", "/dev/null", "-H", shown, url], check=True)


def unchanged(on: Stage) -> Outcome:
    """Ask whether an answer is still so, against a bare route that says 304."""
    path = f"{_DATA}/SMALL/1d"
    first = Wire(on.several.port).ask(request_for(path, on.headers))
    tag = first.partition(b"\r\netag: ")[2].partition(b"\r\n")[0].decode()
    asked = request_for(path, {**on.headers, "If-None-Match": tag})
    return _rates(on, asked, request_for("/bare", {**on.headers, "If-None-Match": '"bare"'}), wanted=b" 304 ")


def cached(on: Stage) -> Outcome:
    """Read a small answer again and again, against a bare route that sends the same bytes."""
    asked = request_for(f"{_DATA}/SMALL/1d", on.headers)
    return _rates(on, asked, request_for("/bare", on.headers), wanted=b" 200 ")


def _rates(on: Stage, asked: bytes, bare: bytes, *, wanted: bytes) -> Outcome:
    found: dict[str, list[Rate]] = {"face": [], "bare": []}
    places = {"face": (on.several, asked), "bare": (on.bare, bare)}
    for number in range(on.sizes.rounds + 1):
        for name in ("face", "bare") if number % 2 else ("bare", "face"):
            place, request = places[name]
            rate = load(place.port, request, connections=CONNECTIONS, seconds=SECONDS, wanted=wanted)
            # The first one warms up.
            found[name] += [rate] if number else []
    face, theirs = joined(found["face"]), joined(found["bare"])
    return Outcome(value=face.a_second / theirs.a_second, ours=str(face), theirs=str(theirs))


ROWS: Final[Sequence[Row]] = (
    Row(
        name="serving.arrow",
        work="10,000 bars as Arrow over HTTP, read again and again",
        against="the same read in process (bars, digest, Arrow) and a loopback transfer of the bytes",
        aim=Aim(value=1.3, at_most=True),
        run=arrow,
    ),
    Row(
        name="serving.arrow-anew",
        work="10,000 bars as Arrow by another question each time, so that nothing is remembered",
        against="as above",
        aim=Aim(value=1.3, at_most=True),
        run=arrow_anew,
        bound="the web framework: a bare route with a key check that sends these bytes takes 1.2 ms by itself, and each "
        "change of threads a quarter",
    ),
    Row(
        name="serving.json",
        work="10,000 bars as JSON over HTTP, read again and again",
        against="the same read in process, its rows written by orjson, and a loopback transfer",
        aim=Aim(value=2.0, at_most=True),
        run=json,
    ),
    Row(
        name="serving.json-anew",
        work="10,000 bars as JSON by another question each time, so that nothing is remembered",
        against="as above",
        aim=Aim(value=2.0, at_most=True),
        run=json_anew,
    ),
    Row(
        name="serving.stream",
        work="5M bars streamed as Arrow to curl",
        against="curl of a file of that size through the same server",
        aim=Aim(value=0.5),
        run=streamed,
    ),
    Row(
        name="serving.memory",
        work="memory that the server grows by while it streams 5M bars",
        against="a fixed bound",
        aim=Aim(value=100.0, unit=MEGABYTES, at_most=True),
        run=memory,
    ),
    Row(
        name="serving.unchanged",
        work="304 for an answer that is still so, two workers, eight connections",
        against="a bare FastAPI route with the same key check",
        aim=Aim(value=0.7),
        run=unchanged,
    ),
    Row(
        name="serving.cached",
        work="50 bars as JSON, read again and again, two workers, eight connections",
        against="a bare FastAPI route with the same key check and the same bytes",
        aim=Aim(value=0.5),
        run=cached,
    ),
)
