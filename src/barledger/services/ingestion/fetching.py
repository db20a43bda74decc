"""Fetching: a thread that asks a source, a bounded queue, and a writer that takes from it."""

from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, replace
from threading import Condition, Event, Thread
from typing import Final

from barledger.domain.interval import Interval
from barledger.domain.timeframe import Timeframe
from barledger.errors import BarledgerError, SourceError, SourceUnavailable
from barledger.services.ingestion.answers import Received
from barledger.services.ingestion.budget import BudgetSpent, Spending
from barledger.services.ingestion.retries import Retries, Vain, persist
from barledger.services.ingestion.timing import Timing
from barledger.sources.contract import Fetched, FetchRequest, Source

_AHEAD: Final = 2
_LOOK: Final = 0.05


class Stopped(Exception):
    """Somebody asked for the end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asking:
    """How a source is asked: by whom, how patiently, and out of which budget."""

    source: Source
    retries: Retries
    timing: Timing
    spending: Spending
    stop: Event
    now: Callable[[], int]
    slot: AbstractContextManager[object] = field(default_factory=nullcontext)
    told: Callable[[Vain], None] = lambda _: None
    called: Callable[[int], None] = lambda _: None


def ask(asking: Asking, request: FetchRequest, stretches: Sequence[Interval]) -> Generator[Received]:
    """Give the chunks of the stretches, while a thread fetches ahead of whoever takes them.

    Raises what the source raises once retries are of no use or the budget does not last for them, `BudgetSpent` if
    it ended behind a call that succeeded, and `Stopped`; what came before was given.
    """
    queue = _Queue(asking.stop)
    fetcher = Thread(target=_fetch, args=(asking, request, stretches, queue), name="barledger-fetcher", daemon=True)
    fetcher.start()
    try:
        yield from queue
    finally:
        queue.close()
        fetcher.join()


def _fetch(asking: Asking, request: FetchRequest, stretches: Sequence[Interval], queue: "_Queue") -> None:
    error: BaseException | None = None
    try:
        with asking.slot:
            for stretch in stretches:
                for received in _chunks(asking, replace(request, interval=stretch), queue):
                    if not queue.put(received):
                        return
    except BaseException as failed:  # noqa: BLE001 - the writer raises it
        error = failed
    queue.end(error)


def _chunks(asking: Asking, request: FetchRequest, queue: "_Queue") -> Iterator[Received]:
    """Give chunk after chunk; after a failure that may pass, go on behind the last one."""
    rest = request.interval
    feed: Iterator[Fetched] | None = None
    failure: SourceUnavailable | None = None

    def next_chunk() -> Received | None:
        nonlocal feed, failure
        _spend(asking, failure)
        asked_at = asking.now()
        try:
            feed = asking.source.fetch(replace(request, interval=rest)) if feed is None else feed
            chunk = next(feed, None)
        except SourceUnavailable as error:
            feed, failure = None, error
            raise
        except BaseException:
            feed = None
            raise
        failure = None
        if chunk is None:
            asking.spending.take_back()
            asking.called(-1)
            return None
        return Received(chunk=chunk, stretch=rest, asked_at=asked_at, received_at=asking.now())

    while not rest.empty:
        received = persist(
            next_chunk,
            asking.retries,
            asking.timing,
            queue.closed,
            told=asking.told,
            left=lambda: asking.spending.left,
            spent=lambda: asking.spending.spent,
        )
        if received is None:
            return
        _check_ahead(received, rest)
        yield received
        rest = Interval(min(max(received.chunk.interval.end, rest.start), rest.end), rest.end)
        if _nothing_follows(received, request.timeframe, rest):
            break
    close = getattr(feed, "close", None)
    if close is not None:
        close()


def _spend(asking: Asking, failure: SourceUnavailable | None) -> None:
    """Count a call; where the last one failed and no other may be made, it is that failure that ends it."""
    try:
        asking.spending.call()
    except BudgetSpent:
        if failure is not None:
            raise failure from None
        raise
    asking.called(1)


def _nothing_follows(received: Received, timeframe: Timeframe, rest: Interval) -> bool:
    """Whether the next bar cannot have opened, or is not asked for."""
    times = received.chunk.rows.within(received.chunk.interval).time
    if not len(times):
        return False
    following = int(timeframe.close_of(times[-1:])[0])
    return rest.start <= following and (following >= rest.end or following > received.received_at)


def _check_ahead(received: Received, rest: Interval) -> None:
    """Refuse a chunk that goes back, or that would be asked for again for ever."""
    found = received.chunk.interval
    if found.start < rest.start or (found.end <= rest.start and not rest.empty):
        raise _Backwards


class _Backwards(Exception):
    """A chunk does not follow the one before it."""


def as_error(error: Exception, source: str) -> BarledgerError:
    """Return an error of ours for whatever went wrong inside a source."""
    if isinstance(error, BarledgerError):
        return error
    if isinstance(error, _Backwards):
        return SourceError(source=source, detail="a chunk of its answer does not follow the one before")
    return SourceError(source=source, detail=f"it failed with {type(error).__name__}: {error}")


class _Queue:
    """Chunks on their way, a few at most; closed by the writer, ended by the fetcher."""

    def __init__(self, stop: Event) -> None:
        self.closed = Event()
        self._stop = stop
        self._items: deque[Received] = deque()
        self._changed = Condition()
        self._ended = False
        self._error: BaseException | None = None

    def put(self, item: Received) -> bool:
        """Wait for room, and say whether anybody still wants it."""
        with self._changed:
            self._changed.wait_for(lambda: len(self._items) < _AHEAD or self.closed.is_set())
            if self.closed.is_set():
                return False
            self._items.append(item)
            self._changed.notify_all()
            return True

    def end(self, error: BaseException | None) -> None:
        """Say that nothing more comes, and why."""
        with self._changed:
            self._ended, self._error = True, error
            self._changed.notify_all()

    def close(self) -> None:
        """Say that nothing more is wanted."""
        with self._changed:
            self.closed.set()
            self._changed.notify_all()

    def __iter__(self) -> Iterator[Received]:
        """Give what came, then raise what ended it."""
        while True:
            with self._changed:
                while not self._items and not self._ended:
                    self._check_stop()
                    self._changed.wait(_LOOK)
                self._check_stop()
                if not self._items:
                    break
                item = self._items.popleft()
                self._changed.notify_all()
            yield item
        if self._error is not None:
            raise self._error

    def _check_stop(self) -> None:
        if self._stop.is_set():
            raise Stopped
