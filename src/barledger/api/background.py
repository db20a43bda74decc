"""Background: what a server does beside answering: jobs that were asked for, and the schedule if it is wanted."""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Event, Thread
from typing import Any, Final

from barledger.barledger import BarLedger
from barledger.errors import BarledgerError

_log: Final = logging.getLogger("barledger.server")
_AGAIN: Final = 5.0


@contextmanager
def working(bl: BarLedger, *, jobs: int, schedule: bool, grace: float) -> Iterator[None]:
    """Work on so many jobs at once, and run the schedule, until the end; then hand over what is not done.

    With several workers each of them does so: a job is done by one of them, and one of them runs the schedule.
    """
    stop = Event()
    works: list[tuple[str, Callable[[], Any]]] = []
    if jobs and not bl.vault.read_only and not bl.vault.mismatch:
        works.append(("jobs", lambda: bl.jobs.run(stop, workers=jobs, grace=grace)))
        if schedule:
            works.append(("schedule", lambda: bl.schedule.run(stop, grace=grace)))
    threads = [
        Thread(target=_until_stopped, args=(name, work, stop), name=f"barledger-{name}", daemon=True)
        for name, work in works
    ]
    for one in threads:
        one.start()
    try:
        yield
    finally:
        stop.set()
        for one in threads:
            one.join(grace + 5)


def _until_stopped(name: str, work: Callable[[], Any], stop: Event) -> None:
    """Do the work again and again: a ledger that does not answer now may do so later."""
    while not stop.is_set():
        try:
            work()
        except BarledgerError as error:
            _log.warning("%s: %s", name, error)
        except Exception:  # noqa: BLE001 - the server goes on serving, whatever became of this
            _log.exception("%s", name)
        stop.wait(_AGAIN)
