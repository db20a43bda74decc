"""Questions for bars, as they are asked over HTTP."""

from dataclasses import dataclass, replace
from typing import Any, Final
from urllib.parse import quote

import numpy as np

from barledger.domain.interval import BEGINNING, END_OF_TIME, Interval, format_time
from barledger.domain.timeframe import MINUTE, SECOND, Timeframe
from barledger.errors import InvalidSetting
from barledger.remote.connection import target_of
from barledger.services.retrieval.request import ReadRequest

API: Final = "/api/v1"
_MOST_SECONDS: Final = 1_000_000_000
_CHANGING: Final = ("latest", "first", "strategy")


@dataclass(frozen=True, slots=True, kw_only=True)
class BarsQuestion:
    """What is wanted of one instrument at one timeframe; a request that was checked as the library checks it."""

    instrument: str
    timeframe: Timeframe
    request: ReadRequest

    @property
    def stored(self) -> "BarsQuestion":
        """Return the question for the bars alone, without adjusted ones beside them."""
        if not self.request.include_adjusted:
            return self
        return replace(self, request=replace(self.request, include_adjusted=False, adjust=None, columns=()))

    @property
    def adjusted(self) -> "BarsQuestion":
        """Return the question for the adjusted bars that are wanted beside the others."""
        asked = replace(self.request, include_adjusted=False, adjust=self.request.adjustment, columns=())
        return replace(self, request=asked)

    def between(self, interval: Interval, *, last: int | None = None) -> "BarsQuestion":
        """Return the question for the bars of another interval, all of them or the last so many."""
        return replace(self, request=replace(self.request, interval=interval, last=last))

    @property
    def path(self) -> str:
        """Return where it is asked."""
        return f"{API}/data/ohlcv/{segment(self.instrument)}/{self.timeframe.name}"

    @property
    def query(self) -> dict[str, Any]:
        """Return what is asked; columns are no part of it, since a digest is over whole bars."""
        request = self.request
        return {
            "start_date": told_time(request.interval.start),
            "end_date": told_time(request.interval.end),
            "source": request.source,
            "version": spoken(request),
            "is_adjusted": request.is_adjusted or None,
            "lookback": request.lookback or None,
            "last": request.last,
            "known_within": None if request.known_within is None else _delay(request.known_within),
            "adjust": request.adjust,
        }

    @property
    def events(self) -> dict[str, Any]:
        """Return how to ask for the corporate actions of the same state, with as few bars as can be."""
        few = {"lookback": None, "last": None, "known_within": None, "limit": 1, "events": True}
        return {**self.query, **few}

    @property
    def target(self) -> str:
        """Return the path and the query."""
        return target_of(self.path, self.query)

    @property
    def changing(self) -> bool:
        """Whether the answer may be another one a moment later."""
        return self.request.version.kind in _CHANGING

    def __str__(self) -> str:
        """Say it as a person would."""
        return f"{self.instrument} {self.timeframe} at {self.request.label}"


def segment(name: str) -> str:
    """Return a name as one segment of a path; dots alone would mean another place."""
    return name.replace(".", "%2E") if name in (".", "..") else quote(name, safe="")


def told_time(time: int) -> str | None:
    """Return a bound as RFC 3339, None where there is none."""
    return format_time(time) if BEGINNING < time < END_OF_TIME else None


def spoken(request: ReadRequest) -> str:
    """Return the version as a server reads it."""
    version = request.version
    return f"{np.datetime_as_string(np.datetime64(version.number, 'ns'))}Z" if version.kind == "time" else request.label


def _delay(delay: int) -> str:
    """Return a delay (ns) in words; raises `InvalidSetting` for one that a server cannot read."""
    if delay % SECOND:
        raise InvalidSetting(setting="known_within", reason="a server counts delays in whole seconds")
    seconds = delay // SECOND
    if seconds < _MOST_SECONDS:
        return f"{seconds}s"
    if delay % MINUTE:
        raise InvalidSetting(setting="known_within", reason="a server counts delays of decades in whole minutes")
    return f"{delay // MINUTE}m"
