"""Live indicators on a library: opened on stored history, and going on as bars close."""

import warnings
from collections.abc import Generator, Mapping, Sequence
from threading import Event
from typing import Any

import numpy as np

from barledger.domain.bars import Bars
from barledger.domain.interval import Instant, parse_time
from barledger.domain.rows import VALUES
from barledger.domain.series import Series
from barledger.errors import GapsUnseen
from barledger.indicators.breaks import check_next
from barledger.indicators.definition import Policy
from barledger.indicators.relying import ANCHORED
from barledger.indicators.streaming.history import Gap
from barledger.indicators.streaming.live import Live
from barledger.indicators.table import Table
from barledger.services.cache.vault import Vault
from barledger.services.indicators.absences import Absences
from barledger.services.indicators.following import Followed, Follower
from barledger.services.indicators.wishes import Wish, wished
from barledger.services.ingestion import DataIngestionService
from barledger.services.ingestion.progress import Listener
from barledger.services.retrieval import DataRetrievalService
from barledger.sources.contract import Source


class LiveService:
    """Opens live indicators on what is stored, and follows series with them."""

    def __init__(
        self,
        vault: Vault,
        retrieval: DataRetrievalService,
        ingestion: DataIngestionService,
        absences: Absences,
    ) -> None:
        """Read by the one service, and follow by the other; bars that are missing are judged by absences."""
        self._vault, self._retrieval, self._ingestion = vault, retrieval, ingestion
        self._absences = absences

    def stream(
        self,
        specs: str | Sequence[str],
        instrument: str,
        timeframe: str,
        *,
        source: str | None = None,
        version: str | Instant = "latest",
        adjust: str | None = None,
        start: Instant | None = None,
        nan_policy: Policy | None = None,
    ) -> Live:
        """Return live indicators that stand at the last stored bar, so that the next ``update`` takes the one after.

        As many bars are read as settle the values, before a ``start`` too: its first bar is settled then. What depends
        on the whole path is counted from the first bar of the series, or from ``start`` (`Live.anchor`). ``version``,
        ``source`` and ``adjust`` are those of `DataRetrievalService.bars`; bars that come later have to be adjusted
        likewise. Raises `CannotStream`, `InvalidSpec` and what reading raises.
        """
        wish = wished(specs, instrument, timeframe, nan_policy)
        options: dict[str, Any] = {"source": source, "version": version, "adjust": adjust}
        return self.opened(wish, None if start is None else parse_time(start), None, options)

    def follow(  # noqa: PLR0913 - each option is a question of its own
        self,
        specs: str | Sequence[str],
        instruments: str | Sequence[str],
        timeframe: str,
        *,
        source: str | Source,
        start: Instant | None = None,
        until: Instant | None = None,
        settle: float | None = None,
        nan_policy: Policy | None = None,
        progress: Listener | None = None,
        stop: Event | None = None,
        options: Mapping[str, Any] | None = None,
    ) -> Generator[Followed]:
        """Give each bar as it closes with the values of the indicators, the history before it taken in.

        Bars come as `DataIngestionService.follow` gives them, whose the options are. Where bars that were given, or
        lie before them, are others by now, came late or were withdrawn, the values are computed again from there, and
        the next bar says so in ``corrected``. Raises what `stream` and following raise.
        """
        names = [instruments] if isinstance(instruments, str) else list(instruments)
        wishes = {wish.instrument: wish for wish in (wished(specs, name, timeframe, nan_policy) for name in names)}
        bars = self._ingestion.follow(
            names,
            timeframe,
            source=source,
            start=start,
            until=until,
            settle=settle,
            progress=progress,
            stop=stop,
            options=options,
        )
        return self._followed(bars, wishes)

    def opened(self, wish: Wish, start: int | None, end: int | None, options: Mapping[str, Any]) -> Live:
        """Return live indicators at the last bar before an end (ns), that began at a start or where they settle."""
        bars, whole = self._bars(wish, start, end, options)
        judged = self._absences.judged(bars, options.get("version", "latest"))
        if overlooked := judged.overlooked(wish.request):
            warnings.warn(overlooked, GapsUnseen, stacklevel=3)
        columns = {name: getattr(bars.rows, name) for name in VALUES}
        table = Table.of(bars.time, columns, breaks=judged.breaks)
        return wish.live(self._gap(bars.series, judged.known_at)).warm(table, whole=whole, anchor=start)

    def _followed(self, bars: Any, wishes: Mapping[str, Wish]) -> Generator[Followed]:
        followers: dict[str, Follower] = {}
        try:
            for bar in bars:
                follower = followers.get(bar.instrument)
                if follower is None:
                    wish = wishes[bar.instrument]
                    follower = followers[bar.instrument] = Follower(
                        self._vault, self._retrieval, self.opened, wish, bar
                    )
                yield follower.take(bar)
        finally:
            bars.close()

    def _bars(self, wish: Wish, start: int | None, end: int | None, options: Mapping[str, Any]) -> tuple[Bars, bool]:
        """Return enough bars, and whether the first of them is the first of the series."""
        name, frame, reach = wish.instrument, wish.timeframe.name, wish.request.reach
        if start is None and reach.memory in ANCHORED:
            return self._retrieval.bars(name, frame, end=end, **options), True
        before = reach.settled + 1
        span: dict[str, Any] = {"last": before} if start is None else {"start": start, "lookback": before}
        bars = self._retrieval.bars(name, frame, end=end, **span, **options)
        found = len(bars) if start is None else int(np.searchsorted(bars.time, start))
        if found < before:
            return bars, True
        if wish.request.skips and any(np.isnan(getattr(bars.rows, name)).any() for name in VALUES):
            # Of rows that are skipped none counts, so nobody knows how many are enough.
            return self._retrieval.bars(name, frame, end=end, **options), True
        return bars, False

    def _gap(self, series: Sequence[Series], known_at: int | None) -> Gap:
        timeframe = series[0].timeframe
        step = timeframe.duration

        def gap(before: int, time: int) -> bool:
            if time - before <= step:
                check_next(before, time, timeframe)
                return False
            both = np.array([before, time], np.int64)
            return bool(len(self._absences.breaks(both, series, known_at=known_at).rows))

        return gap
