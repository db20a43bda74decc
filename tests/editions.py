"""Editions: what an instrument's bars were, one after the other, as a model of what every answer has to be.

Each edition corrects some bars and adds others, and is known by its values.
"""

import io
import json
import threading
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl

from barledger.domain.digest import digest
from barledger.domain.intake import intake
from barledger.domain.timeframe import DAY, Timeframe

DAYS = 1_200
"""So many bars the first edition has."""

MORE = 2
"""So many each other one adds."""

EVERY = 29
"""Of so many bars each edition corrects one."""

FORMATS = ("json", "csv", "ndjson", "arrow", "parquet")
_COLUMNS = ("open", "high", "low", "close", "volume")


class Wrong(AssertionError):
    """An answer that must not be."""


class Truth:
    """The editions of an instrument; clients share it."""

    def __init__(self, instrument: str, file: Path) -> None:
        """Write the first edition into the file that the server is told to ingest."""
        self.instrument, self.file = instrument, file
        self._stamps = [np.zeros(DAYS, np.int32)]
        self._lock = threading.Lock()
        self._editions: dict[tuple[str, str], frozenset[int]] = {}
        self.acknowledged = -1
        self._write(0)

    @property
    def path(self) -> str:
        return f"/api/v1/data/ohlcv/{self.instrument}/1d"

    @property
    def newest(self) -> int:
        """The edition that the file has."""
        return len(self._stamps) - 1

    def advance(self) -> int:
        """Put the next edition into the file, and return its number."""
        number = len(self._stamps)
        stamps = np.append(self._stamps[-1], np.full(MORE, number, np.int32))
        stamps[(np.arange(len(stamps)) + number) % EVERY == 0] = number
        self._stamps.append(stamps)
        self._write(number)
        return number

    def frame(self, edition: int) -> pd.DataFrame:
        """Return the bars of an edition."""
        stamps = self._stamps[edition]
        days = np.arange(len(stamps))
        close = 100 + days / 128 + stamps
        return pd.DataFrame(
            {"open": close - 0.25, "high": close + 1, "low": close - 1, "close": close, "volume": 1000.0 + stamps},
            index=pd.DatetimeIndex(pd.to_datetime(days * DAY, utc=True), name="time"),
        )

    def _write(self, edition: int) -> None:
        beside = self.file.with_suffix(".new")
        self.frame(edition).to_csv(beside)
        beside.replace(self.file)

    def editions_of(self, found: pd.DataFrame, *, first: int = 0, whole: bool = True) -> frozenset[int]:
        """Return which editions have just these bars, from a day on; raises `Wrong` if none has."""
        count = len(found)
        listed = [(count - DAYS) // MORE] if whole else range(len(self._stamps))
        same = frozenset(one for one in listed if 0 <= one <= self.newest and self._has(one, found, first))
        if not same or (whole and count != len(self._stamps[min(same)])):
            raise Wrong(f"{self.instrument}: {count} bars from day {first} on are of no edition up to {self.newest}")
        return same

    def _has(self, edition: int, found: pd.DataFrame, first: int) -> bool:
        stamps = self._stamps[edition][first : first + len(found)]
        if not np.array_equal(found["volume"] - 1000, stamps):
            return False
        wanted = self.frame(edition).iloc[first : first + len(found)]
        times = [one.index.as_unit("ns").asi8 for one in (wanted, found)]
        return np.array_equal(*times) and all(np.array_equal(wanted[one], found[one]) for one in _COLUMNS)

    def named(self, kind: str, name: str, editions: frozenset[int]) -> frozenset[int]:
        """Note which edition a revision, a tag or a snapshot may be; raises `Wrong` if it was another one before."""
        with self._lock:
            known = self._editions.get((kind, name), editions)
            self._editions[kind, name] = known & editions
        if not known & editions:
            raise Wrong(f"{self.instrument}: {kind} {name} was edition {set(known)}, and is {set(editions)}")
        return known & editions

    def revisions(self) -> dict[str, frozenset[int]]:
        """Return the editions of all revisions that answers named."""
        with self._lock:
            return {name: editions for (kind, name), editions in self._editions.items() if kind == "revision"}


def parsed(form: str, body: bytes) -> pd.DataFrame:
    """Return the bars of an answer, by time."""
    match form:
        case "json":
            found = pd.DataFrame(json.loads(body)["data"])
        case "csv":
            found = pd.read_csv(io.BytesIO(body))
        case "ndjson":
            found = pd.DataFrame([json.loads(line) for line in body.splitlines()])
        case "arrow":
            found = pl.read_ipc_stream(io.BytesIO(body)).to_pandas()
        case _:
            found = pd.read_parquet(io.BytesIO(body)).reset_index()
    return found.assign(time=pd.to_datetime(found["time"], utc=True)).set_index("time")[list(_COLUMNS)]


def digest_of(found: pd.DataFrame) -> str:
    """Return the digest of bars by the library's rules."""
    frame = Timeframe.of("1d")
    return digest(intake(found, frame).rows, frame).hex()
