"""Versions and snapshots of a server's library."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any, TypeVar

from barledger.domain.interval import Instant, Interval, parse_time
from barledger.domain.series import Series, check_name, normalise_instrument
from barledger.domain.timeframe import Timeframe
from barledger.domain.version import Version
from barledger.errors import BarledgerError, InstrumentNotFound, NotBarledger, ReadOnly, VersionNotFound
from barledger.ledger.contract import SeriesState, Snapshot
from barledger.remote.connection import Connection
from barledger.remote.histories import edition_of, versions_of
from barledger.remote.instruments import series_of
from barledger.remote.question import API, segment, told_time
from barledger.remote.snapshots import snapshot_of, verification_of
from barledger.remote.unserved import Unserved
from barledger.services.cache.history import Edition, Versions
from barledger.services.cache.verification import Verification

Answer = TypeVar("Answer")


class RemoteCache(Unserved):
    """Takes, lists and verifies snapshots over HTTP; wishes and errors are those of `DataCacheService`."""

    def __init__(self, connection: Connection, *, read_only: bool) -> None:
        """Ask there; with ``read_only`` nothing is taken."""
        super().__init__(connection.url, "bl.cache")
        self._connection, self._read_only = connection, read_only

    def snapshot(
        self,
        instruments: str | Sequence[str],
        timeframes: str | Sequence[str],
        *,
        start: Instant | None = None,
        end: Instant | None = None,
        purpose: str = "backtest",
        strategy: str | None = None,
        source: str | None = None,
        id: str | None = None,  # noqa: A002 - the word that users know it by
    ) -> Snapshot:
        """Pin what these series hold now, under one id; done once, however often it has to be sent."""
        given = {"instruments": instruments, "timeframes": timeframes, "start": start, "end": end, "source": source}
        return self.snapshot_of([given], purpose=purpose, strategy=strategy, id=id)

    def snapshot_of(
        self,
        ranges: Sequence[Mapping[str, Any]],
        *,
        purpose: str = "backtest",
        strategy: str | None = None,
        id: str | None = None,  # noqa: A002 - as above
    ) -> Snapshot:
        """Pin several ranges under one id, all of one cut."""
        if self._read_only:
            raise ReadOnly(reason="it was opened with read_only=True")
        wish = {"ranges": [_range(**one) for one in ranges], "purpose": purpose, "strategy": strategy, "id": id}
        body = {name: value for name, value in wish.items() if value is not None}
        return self._read(snapshot_of, self._connection.post(f"{API}/data/snapshot", body))

    def snapshots(self, *, strategy: str | None = None, purpose: str | None = None) -> list[Snapshot]:
        """Return snapshots and named versions, newest first."""
        listed = self._connection.pages(f"{API}/snapshots", {"strategy": strategy, "purpose": purpose})
        found = []
        for one in listed:
            # One that was deleted since it was listed is none any more.
            with suppress(VersionNotFound):
                found.append(self.find(one["id"]))
        return found

    def find(self, version: str) -> Snapshot:
        """Return the snapshot or named version that an id or ``strategy:<id>`` means; raises `VersionNotFound`."""
        if not Version.of(version).pinned:
            raise VersionNotFound(version=version)
        return self._read(snapshot_of, self._connection.get(f"{API}/snapshots/{segment(version)}"))

    def verify(self, version: str) -> Verification:
        """Let the server read a snapshot's bars again and compare them with its digests."""
        if not Version.of(version).pinned:
            raise VersionNotFound(version=version)
        told = self._connection.post(f"{API}/snapshots/{segment(version)}/verify", None)
        return self._read(verification_of, told)

    def history(self, instrument: str, timeframe: str, time: Instant, *, source: str | None = None) -> list[Edition]:
        """Return every edition of the bar that opens at ``time``, the first one first."""
        name, frame = normalise_instrument(instrument), Timeframe.of(timeframe)
        query = {"time": told_time(parse_time(time)), "source": source}
        told = self._connection.get(f"{API}/data/history/{segment(name)}/{frame.name}", query)

        def made(told: dict[str, Any]) -> list[Edition]:
            if not told["items"]:
                return []
            series = Series.of(told["instrument"], frame, told["source"])
            return [edition_of(series, parse_time(told["time"]), one) for one in told["items"]]

        return self._read(made, told)

    def versions(
        self, instrument: str, timeframe: str, *, start: Instant | None = None, end: Instant | None = None
    ) -> list[Versions]:
        """Return, for each source, the revisions that changed bars in [start, end) and the snapshots that pin some."""
        name, frame, asked = normalise_instrument(instrument), Timeframe.of(timeframe), Interval.of(start, end)
        query = {"start_date": told_time(asked.start), "end_date": told_time(asked.end)}
        path = f"{API}/data/versions/{segment(name)}/{frame.name}"
        found = self._connection.pages(path, query)
        return self._read(lambda listed: versions_of(name, frame, listed, self.find), found)

    def series(self, *, instrument: str | None = None, timeframe: str | None = None) -> list[SeriesState]:
        """Return every series, or those of an instrument or timeframe, sorted, as far as a server tells of its state.

        Those of all instruments are asked for instrument by instrument.
        """
        frame = None if timeframe is None else Timeframe.of(timeframe)
        if instrument is None:
            names = [one["name"] for one in self._connection.pages(f"{API}/instruments")]
        else:
            names = [normalise_instrument(instrument)]
        found: list[SeriesState] = []
        for name in names:
            # One that nobody knows has no series, as in a library here.
            with suppress(InstrumentNotFound):
                found += self._read(_states, self._connection.get(f"{API}/instruments/{segment(name)}"))
        return sorted((one for one in found if frame in (None, one.series.timeframe)), key=lambda one: one.series)

    # --- parts ---------------------------------------------------------------------------------

    def _read(self, make: Callable[[Any], Answer], told: Any) -> Answer:
        try:
            return make(told)
        except (KeyError, ValueError, TypeError, AttributeError) as error:
            if isinstance(error, BarledgerError):
                raise
            raise NotBarledger(url=self._url, detail=f"an answer cannot be read: {error!r}") from None


def _states(told: dict[str, Any]) -> list[SeriesState]:
    return [series_of(told["name"], one) for one in told["series"]]


def _range(
    instruments: str | Sequence[str],
    timeframes: str | Sequence[str],
    *,
    start: Instant | None = None,
    end: Instant | None = None,
    source: str | None = None,
) -> dict[str, Any]:
    asked = Interval.of(start, end)
    told = {
        "instruments": [normalise_instrument(one) for one in _listed(instruments)],
        "timeframes": [Timeframe.of(one).name for one in _listed(timeframes)],
        "start_date": told_time(asked.start),
        "end_date": told_time(asked.end),
        "source": None if source is None else check_name("source", source),
    }
    return {name: value for name, value in told.items() if value is not None}


def _listed(values: str | Sequence[str]) -> Sequence[str]:
    return [values] if isinstance(values, str) else values
