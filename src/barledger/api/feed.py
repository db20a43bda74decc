"""The feed: one look at the ledger for all who follow events in this process, and a bounded queue for each of them."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from threading import Event as Flag
from threading import Lock, Thread
from typing import Final

from barledger.api.problems import LOGGER, HttpProblem
from barledger.barledger import BarLedger
from barledger.errors import BarledgerError
from barledger.services.events import Event

_LOOK: Final = 0.25


class Follower:
    """Somebody who follows: events after ``since`` (ns) come by `next`; None is the end, be it that they lag."""

    def __init__(self, since: int, most: int) -> None:
        """Hold at most so many that were not taken yet."""
        self.since = since
        self.lagging = False
        self._loop = asyncio.get_running_loop()
        self._queue: asyncio.Queue[Event | None] = asyncio.Queue(most)

    def offer(self, events: list[Event] | None) -> None:
        """Hand events over, from whatever thread; None ends it."""
        # A loop that is closed has nobody left who follows.
        with suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._put, events)

    def _put(self, events: list[Event] | None) -> None:
        if self.lagging:
            return
        try:
            for one in [None] if events is None else events:
                self._queue.put_nowait(one)
        except asyncio.QueueFull:
            # What it missed is in the ledger; it is told to come again, and goes on where it ended.
            self.lagging = True
            self._queue.get_nowait()
            self._queue.put_nowait(None)

    async def next(self, patience: float) -> Event | None:
        """Return the next event; raises `TimeoutError` if there is none for so many seconds."""
        return await asyncio.wait_for(self._queue.get(), patience)


class Feed:
    """Looks for what is new while somebody follows."""

    def __init__(self, bl: BarLedger, *, followers: int, most: int, look: float = _LOOK) -> None:
        """Let so many follow, with so many events waiting for each."""
        self._bl, self._followers_most, self._most, self._look = bl, followers, most, look
        self._lock = Lock()
        self._followers: set[Follower] = set()
        self._reached = 0
        self._ended = Flag()
        self._thread: Thread | None = None

    @property
    def closed(self) -> bool:
        """Whether the server is about to stop."""
        return self._ended.is_set()

    def following(self, now: int) -> Follower:
        """Return a new follower, which gets at least what happens after ``now`` (ns); call it in the loop.

        `leave` at the end. Raises `HttpProblem` if too many follow.
        """
        with self._lock:
            if len(self._followers) >= self._followers_most:
                step = "Follow with fewer connections, or raise the limit of the server."
                told = f"{self._followers_most} connections follow already"
                raise HttpProblem(503, "too-many-followers", told, step, headers={"retry-after": "5"})
            if self._thread is None:
                self._reached = now
                self._thread = Thread(target=self._run, name="barledger-events", daemon=True)
                self._thread.start()
            made = Follower(self._reached, self._most)
            self._followers.add(made)
            return made

    def leave(self, follower: Follower) -> None:
        """Forget a follower."""
        with self._lock:
            self._followers.discard(follower)

    def close(self) -> None:
        """End all streams."""
        self._ended.set()
        with self._lock:
            for one in self._followers:
                one.offer(None)

    def _run(self) -> None:
        while not self._ended.wait(self._look):
            with self._lock:
                if not self._followers:
                    self._thread = None
                    return
            try:
                self._pass_on()
            except BarledgerError as error:
                LOGGER.warning("events wait: %s", error)

    def _pass_on(self) -> None:
        found = self._bl.events.since(self._reached)
        if not found:
            return
        with self._lock:
            self._reached = found[-1].at
            for one in self._followers:
                one.offer(found)


@contextmanager
def followed(feed: Feed, follower: Follower) -> Iterator[Follower]:
    """Forget a follower at the end."""
    try:
        yield follower
    finally:
        feed.leave(follower)
