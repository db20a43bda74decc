"""Gaps: missing stretches that asking a source may close."""

from collections.abc import Iterable, Sequence
from typing import Any, Final, Protocol

from barledger.domain.interval import Interval, everything, union
from barledger.domain.series import Series
from barledger.errors import BarledgerError
from barledger.services.availability import FETCHABLE
from barledger.services.cache.commit import Written
from barledger.services.ingestion.plan import Wanted
from barledger.services.ingestion.report import InstrumentReport


class Gap(Protocol):
    """A series, and what is missing of it: each part has an ``interval`` and a ``reason``."""

    @property
    def series(self) -> Any:
        """Return the series, or several of one instrument of which the first is asked."""

    @property
    def missing(self) -> Sequence[Any]:
        """Return what is missing."""


def by_source(gaps: Iterable[Gap]) -> dict[str, list[tuple[Series, Wanted]]]:
    """Return what to ask of each source, worst series first as they come."""
    wanted: dict[Series, list[Interval]] = {}
    for gap in gaps:
        series = gap.series if isinstance(gap.series, Series) else next(iter(gap.series), None)
        if series is not None and not series.is_adjusted:
            parts = [one.interval for one in gap.missing if one.reason in FETCHABLE]
            wanted.setdefault(series, []).extend(parts)
    orders: dict[str, list[tuple[Series, Wanted]]] = {}
    for series, parts in wanted.items():
        if parts:
            asked = Wanted(interval=everything(), exactly=tuple(union(parts)))
            orders.setdefault(series.source, []).append((series, asked))
    return orders


def could_not(series: Series, wanted: Wanted, error: BarledgerError) -> InstrumentReport:
    """Return the report of a series whose source could not even be asked."""
    nothing = Written(series=(series,), revision=0, fields={})
    return InstrumentReport(
        series=series, state="failed", written=nothing, error=error, left=tuple(wanted.exactly or ())
    )


def skipped(series: Series, wanted: Wanted) -> InstrumentReport:
    """Return the report of a series that callers wrote, so that nobody can be asked for what it lacks."""
    nothing = Written(series=(series,), revision=0, fields={})
    left = tuple(wanted.exactly or ())
    return InstrumentReport(series=series, state="skipped", written=nothing, left=left, notes=(_NOBODY,))


_NOBODY: Final = "callers wrote these bars, and there is nobody to ask for those that are missing"
