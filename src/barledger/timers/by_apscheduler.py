"""Timers by APScheduler 3."""

import logging
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from barledger.errors import DriverMissing
from barledger.timers.contract import Timers


class ApschedulerTimers(Timers):
    """A background scheduler whose jobs are never persisted: what is due when is the ledger's business."""

    def __init__(self, *, threads: int = 4) -> None:
        """Make the scheduler; raises `DriverMissing`."""
        try:
            from apscheduler.executors.pool import ThreadPoolExecutor  # noqa: PLC0415 - optional
            from apscheduler.schedulers.background import BackgroundScheduler  # noqa: PLC0415 - as above
        except ImportError:
            raise DriverMissing(package="apscheduler", extra="schedule") from None
        executors = {"default": ThreadPoolExecutor(threads)}
        defaults = {"coalesce": True, "max_instances": 1, "misfire_grace_time": None}
        # That a call lasts longer than its interval is no news, as another one is made when it has ended.
        for name in ("apscheduler.scheduler", "apscheduler.executors.default"):
            logging.getLogger(name).setLevel(logging.ERROR)
        self._scheduler: Any = BackgroundScheduler(executors=executors, job_defaults=defaults, timezone=UTC)

    def every(self, seconds: float, call: Callable[[], None], *, name: str) -> None:
        """Add a job by its interval."""
        self._scheduler.add_job(call, "interval", seconds=seconds, id=name, next_run_time=datetime.now(UTC))

    def start(self) -> None:
        """Start its thread."""
        self._scheduler.start()

    def stop(self) -> None:
        """Shut it down."""
        self._scheduler.shutdown(wait=True)
