"""Metrics in Prometheus' text form: of requests as they come, and of the library when they are asked for.

Of several workers whichever is asked tells of all: they count in files of one folder, as prometheus-client does it
where the environment names one (`COUNTED_IN`) before it is imported.
"""

import os
import time
from collections.abc import Callable, Iterator
from threading import Lock
from typing import Any, Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest, multiprocess
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from barledger import __version__
from barledger.api.problems import LOGGER
from barledger.barledger import BarLedger
from barledger.domain.discrepancy import WAITING
from barledger.domain.interval import END_OF_TIME
from barledger.domain.job import STATES
from barledger.domain.timeframe import SECOND
from barledger.errors import BarledgerError

COUNTED_IN: Final = "PROMETHEUS_MULTIPROC_DIR"
MEDIA_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
_BUCKETS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
_KEPT: Final = 10.0
_SECONDS_PER_NS: Final = 1e-9


class Metrics:
    """What is counted of requests, and read of the library."""

    def __init__(self, bl: BarLedger) -> None:
        """Begin at nothing."""
        self._registry = CollectorRegistry()
        shared = COUNTED_IN in os.environ
        # With several workers values live in files, which a collector of their own sums up.
        counted = None if shared else self._registry
        if shared:
            multiprocess.MultiProcessCollector(self._registry)  # type: ignore[no-untyped-call]
        self._requests = Counter(
            "barledger_requests", "Requests by route and status.", ("method", "route", "status"), registry=counted
        )
        self._seconds = Histogram(
            "barledger_request_seconds",
            "How long answers took, to their last byte.",
            ("route",),
            buckets=_BUCKETS,
            registry=counted,
        )
        self._bytes = Counter("barledger_sent_bytes", "Bytes of bodies.", ("route",), registry=counted)
        self._open = Gauge(
            "barledger_requests_open",
            "Requests that are being answered.",
            registry=counted,
            multiprocess_mode="livesum",
        )
        self._hits = Counter("barledger_not_modified", "Answers that a client had already.", registry=counted)
        self._registry.register(LibraryCollector(bl))

    def begun(self) -> None:
        """Count a request that has begun."""
        self._open.inc()

    def ended(self, method: str, route: str, status: int, *, seconds: float, sent: int) -> None:
        """Count a request that has ended."""
        self._open.dec()
        self._requests.labels(method, route, str(status)).inc()
        self._seconds.labels(route).observe(seconds)
        self._bytes.labels(route).inc(sent)
        if status == 304:
            self._hits.inc()

    def written(self) -> bytes:
        """Return all of it as text."""
        return generate_latest(self._registry)


class LibraryCollector(Collector):
    """Reads the library at most every few seconds, whoever asks; what cannot be read is left out, and told as down."""

    def __init__(self, bl: BarLedger, *, steady: Callable[[], float] = time.monotonic) -> None:
        """Read this library."""
        self._bl, self._steady = bl, steady
        self._lock = Lock()
        self._read: list[Metric] = []
        self._at = float("-inf")

    def describe(self) -> list[Metric]:
        """Name nothing: what is read is only known then."""
        return []

    def collect(self) -> Iterator[Metric]:
        """Give the values."""
        with self._lock:
            if self._steady() - self._at > _KEPT:
                self._read, self._at = list(self._all()), self._steady()
            yield from self._read

    def _all(self) -> Iterator[Metric]:
        yield _one("barledger_info", "The version.", 1, {"version": __version__})
        for name, look in (("ledger", self._ledger), ("store", self._store)):
            began = self._steady()
            up = True
            try:
                yield from look()
            except (BarledgerError, OSError) as error:
                up = False
                LOGGER.warning("metrics of the %s: %s", name, error)
            yield _one(f"barledger_{name}_up", f"Whether the {name} answers.", int(up))
            yield _one(f"barledger_{name}_seconds", f"How long the {name} took to tell.", self._steady() - began)
        yield from self._cache()

    def _store(self) -> Iterator[Metric]:
        mark = self._bl.vault.store.mark()
        yield _one("barledger_store_revision", "The newest revision that the store has.", mark.revision if mark else 0)

    def _cache(self) -> Iterator[Metric]:
        told = self._bl.indicators.cache.info
        for name in ("hits", "misses", "entries", "bytes"):
            yield _one(f"barledger_indicator_cache_{name}", f"Indicators in memory: {name}.", getattr(told, name))

    def _ledger(self) -> Iterator[Metric]:
        ledger = self._bl.vault.ledger
        now = ledger.now()
        skew = (now - time.time_ns()) * _SECONDS_PER_NS
        yield _one("barledger_clock_skew_seconds", "The ledger's clock, less this machine's.", skew)
        series = ledger.catalog.series()
        yield _one("barledger_series", "Series that have bars.", len(series))
        yield _one("barledger_audit_entries", "Entries of the audit log.", ledger.audit.count())
        yield from self._lags(now)
        waiting: dict[str, int] = {}
        for one in ledger.discrepancies.list(states=WAITING):
            waiting[one.kind] = waiting.get(one.kind, 0) + 1
        yield _many("barledger_discrepancies_waiting", "Discrepancies that nobody decided.", "kind", waiting)
        checks = ledger.quality.state()
        for name in ("blocks", "never", "damaged"):
            told = f"Blocks of bars: {'all' if name == 'blocks' else name} (by their last verification)."
            yield _one(f"barledger_verification_{name}", told, getattr(checks, name))
        if checks.oldest:
            age = (now - checks.oldest) / SECOND
            yield _one("barledger_verification_age_seconds", "Since the oldest last check of a block.", age)
        jobs: dict[str, int] = dict.fromkeys(STATES, 0)
        for job in ledger.jobs.list():
            jobs[job.state] += 1
        yield _many("barledger_jobs", "Jobs that were asked for; ended ones are forgotten in time.", "state", jobs)
        leader = ledger.schedule.leader()
        yield _one("barledger_schedule_led", "Whether a process runs the schedule.", int(leader is not None))

    def _lags(self, now: int) -> Iterator[Metric]:
        """Tell for each source and timeframe how far the series is behind that is farthest behind."""
        catalog = self._bl.vault.ledger.catalog
        found: dict[tuple[str, str], float] = {}
        for series, covers in catalog.coverage_of(catalog.asked()).items():
            ends = [min(one.interval.end, now) for one in covers if one.interval.end < END_OF_TIME]
            if ends:
                key = (series.source, series.timeframe.name)
                found[key] = max(found.get(key, 0.0), (now - max(ends)) / SECOND)
        told = GaugeMetricFamily(
            "barledger_ingestion_lag_seconds",
            "Since the end of what the source has answered for, of the series that is farthest behind.",
            labels=("source", "timeframe"),
        )
        for key, lag in sorted(found.items()):
            told.add_metric(key, lag)
        yield told


def _one(name: str, about: str, value: float, labels: dict[str, str] | None = None) -> GaugeMetricFamily:
    told = GaugeMetricFamily(name, about, labels=tuple(labels or ()))
    told.add_metric(tuple((labels or {}).values()), value)
    return told


def _many(name: str, about: str, label: str, values: dict[str, Any]) -> GaugeMetricFamily:
    told = GaugeMetricFamily(name, about, labels=(label,))
    for key, value in sorted(values.items()):
        told.add_metric((key,), value)
    return told
