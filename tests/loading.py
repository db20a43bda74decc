"""A load: clients that read, ingest, take snapshots and go away; what they are told is compared with the editions.

An answer is right if it is one edition, whole; not older than what was acknowledged before it was asked for; and the
same as every other answer that names this revision, this tag or this snapshot.
"""

import json
import random
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

import httpx
import numpy as np
import pandas as pd

from barledger.domain.timeframe import DAY
from editions import DAYS, FORMATS, MORE, Truth, Wrong, digest_of, parsed

STORE_DOWN = frozenset({"store-unavailable", "store-timeout"})
_SLACK = 5.0
_PAUSE = 0.02


# --- asking ----------------------------------------------------------------------------------------


@dataclass(slots=True)
class Outage:
    """The store does not answer, from one time to another."""

    start: float
    end: float = float("inf")


@dataclass(slots=True)
class Load:
    """Everything that clients share: where they ask, when they stop, what they counted and what went wrong."""

    url: str
    headers: Mapping[str, str]
    truths: list[Truth]
    long: str
    seconds: float
    counts: Counter[str] = field(default_factory=Counter)
    faults: list[BaseException] = field(default_factory=list)
    outages: list[Outage] = field(default_factory=list)
    stop: threading.Event = field(default_factory=threading.Event)
    bodies: dict[tuple[str, str], str] = field(default_factory=dict)
    """SHA-256 of what a tag of an address stands for."""
    snapshots: list[dict[str, Any]] = field(default_factory=list)

    @contextmanager
    def outage(self) -> Iterator[None]:
        """Let it be known that the store is down meanwhile."""
        self.outages.append(Outage(time.monotonic()))
        yield
        self.outages[-1].end = time.monotonic()

    def excused(self, began: float) -> bool:
        """Whether the store was down at any time since, or had only just come back."""
        return any(one.start <= time.monotonic() and began <= one.end + _SLACK for one in self.outages)

    def begin(self, client: Callable[["Asking", random.Random], None], number: int) -> threading.Thread:
        """Let a client go on, step by step, until the end or the first fault of anybody."""

        def run() -> None:
            drawn = random.Random(number)
            with httpx.Client(base_url=self.url, headers=self.headers, timeout=120) as connection:
                asking = Asking(self, connection)
                while not self.stop.is_set():
                    try:
                        client(asking, drawn)
                        self.counts[client.__name__] += 1
                    except BaseException as error:  # noqa: BLE001 - the test tells of it
                        self.faults.append(error)
                        self.stop.set()
                    self.stop.wait(_PAUSE)

        thread = threading.Thread(target=run, name=f"{client.__name__}-{number}")
        thread.start()
        return thread


@dataclass(frozen=True, slots=True)
class Asking:
    """One client's way to the server."""

    load: Load
    connection: httpx.Client

    def __call__(self, method: str, path: str, **given: Any) -> httpx.Response | None:
        """Return the answer, None where the store is down; raises `Wrong` for what no server may answer."""
        began = time.monotonic()
        try:
            answer = self.connection.request(method, path, **given)
        except httpx.RemoteProtocolError as error:
            # The only way to say in the middle of a stream that the rest cannot be had.
            if not self.load.excused(began):
                raise Wrong(f"{method} {path} was cut off: {error}") from error
            self.load.counts["cut"] += 1
            return None
        self.load.counts[str(answer.status_code)] += 1
        if answer.status_code < 400:
            return answer
        told = f"{method} {path}: {answer.status_code} {answer.text[:500]}"
        if answer.status_code != 503 or not self.load.excused(began) or answer.json()["code"] not in STORE_DOWN:
            raise Wrong(told)
        if int(answer.headers.get("retry-after", "0")) < 1:
            raise Wrong(f"no Retry-After: {told}")
        self.load.stop.wait(1)
        return None

    def surely(self, method: str, path: str, **given: Any) -> httpx.Response:
        """Ask again until the store is back."""
        while True:
            answer = self(method, path, **given)
            if answer is not None:
                return answer


# --- clients ---------------------------------------------------------------------------------------


def reading(asking: Asking, drawn: random.Random) -> None:
    """Read a series in some form: all of it, a stretch, the newest bars, or a revision that was seen before."""
    truth, form = drawn.choice(asking.load.truths), drawn.choice(FORMATS)
    least = truth.acknowledged
    query: dict[str, Any] = {"format": form}
    first, whole = 0, True
    match drawn.choice(("all", "all", "stretch", "page", "revision")):
        case "stretch":
            first, whole = drawn.randrange(DAYS - 100), False
            times = pd.to_datetime([first * DAY, (first + drawn.randrange(1, 100)) * DAY])
            query |= {"start_date": f"{times[0]:%Y-%m-%d}", "end_date": f"{times[1]:%Y-%m-%d}"}
        case "page":
            whole, query["limit"] = False, drawn.randrange(1, DAYS)
        case "revision":
            revision, editions = drawn.choice(sorted(truth.revisions().items()))
            least, query["version"] = min(editions), f"revision:{revision}"
    answer = asking("GET", truth.path, params=query)
    if answer is None:
        return
    found = checked(asking.load, truth, form, answer, first=first, whole=whole)
    if "version" in query and not found & editions:
        raise Wrong(f"{answer.url} was edition {set(editions)}, and is {set(found)}")
    if max(found) < least:
        raise Wrong(f"{answer.url} is edition {set(found)}, though {least} was acknowledged before")


def checked(
    load: Load, truth: Truth, form: str, answer: httpx.Response, *, first: int = 0, whole: bool = True
) -> frozenset[int]:
    """Return of which editions an answer may be."""
    found = parsed(form, answer.content)
    editions = truth.editions_of(found, first=first, whole=whole)
    truth.named("revision", answer.headers["barledger-revision"], editions)
    if digest_of(found) != answer.headers["barledger-digest"]:
        raise Wrong(f"{answer.url}: another digest than that of its bars")
    same_bytes(load, answer)
    return editions


def same_bytes(load: Load, answer: httpx.Response) -> None:
    """Raise `Wrong` if the same tag stood for other bytes before."""
    name = str(answer.url), answer.headers["etag"]
    told = sha256(answer.content).hexdigest()
    if load.bodies.setdefault(name, told) != told:
        raise Wrong(f"{name}: other bytes than before")


def asking_again(asking: Asking, drawn: random.Random) -> None:
    """Read a series, and ask a few times whether that is so still."""
    truth, form = drawn.choice(asking.load.truths), drawn.choice(FORMATS)
    answer = asking("GET", truth.path, params={"format": form})
    if answer is None:
        return
    (edition,) = checked(asking.load, truth, form, answer)
    for _ in range(5):
        least = truth.acknowledged
        headers = {"If-None-Match": answer.headers["etag"]}
        again = asking("GET", truth.path, params={"format": form}, headers=headers)
        if again is None:
            return
        if again.status_code == 304:
            if edition < least:
                raise Wrong(f"{answer.url} is unchanged since edition {edition}, though {least} was acknowledged")
            continue
        (newer,) = checked(asking.load, truth, form, again)
        if newer <= edition:
            raise Wrong(f"{answer.url} is edition {newer} after {edition}, and not 304")
        answer, edition = again, newer


def paging(asking: Asking, drawn: random.Random) -> None:
    """Go through a series page by page: all pages are of one edition."""
    truth = drawn.choice(asking.load.truths)
    url: str | None = f"{truth.path}?format=json&limit={drawn.randrange(200, 600)}"
    parts = []
    while url:
        answer = asking("GET", url)
        if answer is None:
            return
        parts.append(parsed("json", answer.content))
        url = answer.json()["next"]
    truth.editions_of(pd.concat(parts))


def ingesting(asking: Asking, drawn: random.Random) -> None:
    """Bring an instrument to its next edition, by a job that is asked for until it is done."""
    mine = [one for at, one in enumerate(asking.load.truths) if at % 2 == int(threading.current_thread().name[-1]) % 2]
    truth = drawn.choice(mine)
    ingested(asking, truth, truth.advance())


def ingested(asking: Asking, truth: Truth, edition: int) -> None:
    """Have the file of an instrument ingested, and its edition acknowledged."""
    body = {
        "start_date": "1970-01-01",
        "end_date": f"{pd.Timestamp(0) + pd.Timedelta(days=DAYS + MORE * edition):%Y-%m-%d}",
        "refresh": 1_000_000,
        "on_change": "apply",
        "options": {"path": str(truth.file)},
    }
    while True:
        began = time.monotonic()
        key = {"Idempotency-Key": f"{truth.instrument}-{edition}-{began}"}
        job = asking.surely("POST", f"/api/v1/data/ingest/files/{truth.instrument}/1d", json=body, headers=key).json()
        while job["state"] in {"queued", "running", "interrupted"}:
            time.sleep(0.05)
            job = asking.surely("GET", job["url"]).json()
        if job["state"] == "done":
            break
        if job["error"]["code"] not in STORE_DOWN or not asking.load.excused(began):
            raise Wrong(f"a job failed: {job}")
        asking.load.counts["job again"] += 1
    truth.named("revision", job["result"]["summary"]["revision"], frozenset({edition}))
    truth.acknowledged = edition


def pinning(asking: Asking, drawn: random.Random) -> None:
    """Take a snapshot of some instruments, twice with the same key, and read it."""
    chosen = drawn.sample(asking.load.truths, 2)
    least = [one.acknowledged for one in chosen]
    body = {"instruments": [one.instrument for one in chosen], "timeframes": ["1d"], "purpose": "backtest"}
    key = {"Idempotency-Key": f"pin-{drawn.random()}"}
    first = asking.surely("POST", "/api/v1/data/snapshot", json=body, headers=key)
    again = asking.surely("POST", "/api/v1/data/snapshot", json=body, headers=key)
    if first.content != again.content:
        raise Wrong(f"a snapshot that was asked for twice is two: {first.text} {again.text}")
    made = {"id": first.json()["id"], "of": chosen, "least": least}
    asking.load.snapshots.append(made)
    _read_pinned(asking, drawn, made)
    for _ in range(3):
        _read_pinned(asking, drawn, drawn.choice(asking.load.snapshots))
    asking.load.stop.wait(0.5)


def _read_pinned(asking: Asking, drawn: random.Random, made: Mapping[str, Any]) -> None:
    at, form = drawn.randrange(2), drawn.choice(FORMATS)
    truth: Truth = made["of"][at]
    answer = asking("GET", truth.path, params={"format": form, "version": made["id"]})
    if answer is None:
        return
    (edition,) = truth.named("snapshot", made["id"], checked(asking.load, truth, form, answer))
    if edition < made["least"][at] or "immutable" not in answer.headers["cache-control"]:
        raise Wrong(f"snapshot {made['id']} has edition {edition}, and at least {made['least'][at]} was there")


def verifying(asking: Asking, drawn: random.Random) -> None:
    """Have the bars of a snapshot read again by the server."""
    asking.load.stop.wait(1)
    if asking.load.snapshots:
        made = drawn.choice(asking.load.snapshots)
        answer = asking("POST", f"/api/v1/snapshots/{made['id']}/verify")
        if answer is not None and not answer.json()["ok"]:
            raise Wrong(f"snapshot {made['id']} is damaged: {answer.text}")


def computing(asking: Asking, drawn: random.Random) -> None:
    """Compute indicators of all instruments, each of one edition."""
    asking.load.stop.wait(0.3)
    body = {
        "instruments": [one.instrument for one in asking.load.truths],
        "timeframe": "1d",
        "indicators": ["sma(5)", "midpoint(2)"],
    }
    answer = asking("POST", f"/api/v1/indicators/batch?format={drawn.choice(('json', 'ndjson'))}", json=body)
    if answer is None:
        return
    lines = answer.text.splitlines() if "ndjson" in answer.headers["content-type"] else None
    rows = answer.json()["data"] if lines is None else [json.loads(line) for line in lines]
    for truth in asking.load.truths:
        found = [row for row in rows if row["instrument"].replace("/", "") == truth.instrument.replace("/", "")]
        if any(row["error"] for row in found):
            if asking.load.outages and any("store" in (row["error"] or "") for row in found):
                continue
            raise Wrong(f"{truth.instrument}: {found[0]}")
        _check_values(truth, found)


def _check_values(truth: Truth, found: list[dict[str, Any]]) -> None:
    (middle,) = {name for name in found[0] if name.startswith("midpoint")}
    values = np.array([row[middle] for row in found[1:]], float)
    for edition in range(truth.newest, -1, -1):
        closes = truth.frame(edition)["close"].to_numpy()
        if len(closes) == len(found) and np.array_equal(values, (closes[1:] + closes[:-1]) / 2):
            return
    raise Wrong(f"{truth.instrument}: indicators are of no edition")


def leaving(asking: Asking, drawn: random.Random) -> None:
    """Begin to read a long stream, and go away in the middle of it, without a word or with a reset."""
    asking.load.stop.wait(drawn.random() / 2)
    form = drawn.choice(FORMATS)
    port = int(asking.load.url.rpartition(":")[2])
    head = f"GET /api/v1/data/ohlcv/{asking.load.long}/1m?format={form} HTTP/1.1\r\nHost: localhost\r\n"
    told = "".join(f"{name}: {value}\r\n" for name, value in asking.load.headers.items())
    with socket.create_connection(("127.0.0.1", port), timeout=120) as going:
        began = time.monotonic()
        going.sendall(f"{head}{told}\r\n".encode())
        if drawn.random() < 0.2:
            return
        answered = going.recv(1_000)
        for _ in range(drawn.randrange(8)):
            going.recv(1 << drawn.randrange(10, 18))
    if not answered.startswith(b"HTTP/1.1 200") and not (
        answered.startswith(b"HTTP/1.1 503") and asking.load.excused(began)
    ):
        raise Wrong(f"a stream begins with {answered[:200]!r}")


def streaming(asking: Asking, drawn: random.Random) -> None:
    """Read a long stream to its end."""
    asking.load.stop.wait(2 * drawn.random())
    answer = asking("GET", f"/api/v1/data/ohlcv/{asking.load.long}/1m", params={"format": drawn.choice(FORMATS)})
    if answer is not None:
        same_bytes(asking.load, answer)


CLIENTS = (
    reading,
    reading,
    asking_again,
    paging,
    ingesting,
    ingesting,
    pinning,
    verifying,
    computing,
    leaving,
    streaming,
)
