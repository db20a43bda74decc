"""The crew: several jobs at once, as many as their source allows and one more that writes meanwhile."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import Event

from barledger.services.ingestion.job import Job
from barledger.services.ingestion.report import InstrumentReport


def work(jobs: Sequence[Job], *, concurrency: int, stop: Event) -> list[InstrumentReport]:
    """Do the jobs, and return their reports in the same order; what none of them reports stops all."""
    if len(jobs) <= 1:
        return [job.run() for job in jobs]
    with ThreadPoolExecutor(min(len(jobs), concurrency + 1), thread_name_prefix="barledger-ingest") as pool:
        running = [pool.submit(job.run) for job in jobs]
        try:
            return [one.result() for one in running]
        except BaseException:
            stop.set()
            for one in running:
                one.cancel()
            raise
