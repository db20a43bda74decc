"""DataRetrievalService: bars for a caller, with what they resolved to."""

import warnings
from collections.abc import Sequence

import numpy as np

from barledger.domain.bars import Bars, SourceSpan
from barledger.domain.interval import Instant, Interval
from barledger.domain.rows import Rows
from barledger.domain.series import Series, normalise_instrument
from barledger.domain.timeframe import Timeframe
from barledger.domain.version import Version
from barledger.errors import AmbiguousSource, NoBars, VersionNotFound
from barledger.ledger.contract import Pin, Snapshot
from barledger.services.cache.priority import choose, fill, hint
from barledger.services.cache.vault import Vault
from barledger.services.cache.versions import Seen, find_snapshot, read_pin, read_version


class DataRetrievalService:
    """Reads any state of any series, from one source or by priority."""

    def __init__(self, vault: Vault) -> None:
        """Work on this store and ledger."""
        self._vault = vault

    def bars(
        self,
        instrument: str,
        timeframe: str,
        *,
        start: Instant | None = None,
        end: Instant | None = None,
        source: str | None = None,
        version: str | Instant = "latest",
        is_adjusted: bool = False,
    ) -> Bars:
        """Return the bars of [start, end) at a version.

        ``is_adjusted`` asks for bars that the source itself had adjusted. A named source that has no bars of the series
        gives none, and the warning `NoBars`. Raises `SeriesNotFound`, `AmbiguousSource`, `VersionNotFound`,
        `RevisionExpired`, `FutureTime`, and `StoreDamaged` or `StoreDiverged` rather than wrong bars.
        """
        name, frame, asked = normalise_instrument(instrument), Timeframe.of(timeframe), Version.of(version)
        interval = Interval.of(start, end)
        snapshot = find_snapshot(self._vault, asked)
        if snapshot is not None:
            seen = self._pinned(snapshot, name, frame, interval, source)
        else:
            chosen = choose(self._vault, name, frame, source, is_adjusted=is_adjusted)
            seen = [read_version(self._vault, series, interval, asked) for series in chosen.series]
        if not any(part.revision for part in seen) and source is not None and snapshot is None:
            told = f"there are no bars of {seen[0].series}{hint(self._vault, name, frame)}"
            warnings.warn(told, NoBars, stacklevel=3)
        return _bars(seen, frame, snapshot.id if snapshot else _named(version))

    def _pinned(
        self, snapshot: Snapshot, instrument: str, timeframe: Timeframe, interval: Interval, source: str | None
    ) -> list[Seen]:
        pins = [
            pin
            for pin in snapshot.pins
            if (pin.series.instrument, pin.series.timeframe) == (instrument, timeframe)
            and source in (None, pin.series.source)
        ]
        if not pins:
            raise VersionNotFound(version=f"{snapshot.id} of {instrument} {timeframe}")
        _check_one_filling(snapshot, pins)
        return [read_pin(self._vault, snapshot, pin, interval) for pin in pins]


def _check_one_filling(snapshot: Snapshot, pins: Sequence[Pin]) -> None:
    """Only a snapshot that was taken under a ``fill`` priority pins several sources, in the order of preference."""
    if snapshot.kind == "named" and len(pins) > 1:
        series = pins[0].series
        sources = tuple(sorted(pin.series.source for pin in pins))
        raise AmbiguousSource(instrument=series.instrument, timeframe=series.timeframe.name, sources=sources)


def _bars(seen: Sequence[Seen], timeframe: Timeframe, version: str) -> Bars:
    used: Sequence[Rows] = [part.rows for part in seen]
    rows = used[0]
    if len(seen) > 1:
        rows, used = fill(used, timeframe)
    pairs = [(part, mine) for part, mine in zip(seen, used, strict=True) if len(mine) or part is seen[0]]
    return Bars(
        rows=rows,
        series=tuple(part.series for part, _ in pairs),
        interval=seen[0].interval,
        version=version,
        revisions={part.series: part.revision for part, _ in pairs},
        sources=tuple(_span(part.series, mine) for part, mine in pairs if len(mine)),
        adjustment="by the source" if seen[0].series.is_adjusted else "raw",
    )


def _named(version: str | Instant) -> str:
    return f"revision:{version}" if isinstance(version, int | np.integer) else str(version)


def _span(series: Series, rows: Rows) -> SourceSpan:
    interval = Interval(int(rows.time[0]), int(series.timeframe.close_of(rows.time[-1:])[0]))
    return SourceSpan(source=series.source, interval=interval, rows=len(rows))
