"""Requests: what a caller wants to read, checked before anything is read."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

import numpy as np

from barledger.domain.adjustment import Mode, mode_of
from barledger.domain.bars import ADJUSTED, EXTRA
from barledger.domain.delay import parse_delay
from barledger.domain.interval import BEGINNING, Instant, Interval
from barledger.domain.rows import VALUES
from barledger.domain.version import Version
from barledger.errors import InvalidSetting, MissingColumns

OBSERVED: Final = "observed"
_WITH_HISTORY: Final = ("latest", "revision", "time")
_MOST: Final = 100_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadRequest:
    """Which bars of any series: the interval, more before it or fewer of it, the version, and the columns.

    ``label`` is the version in the caller's words; ``known_within`` is in ns.
    """

    interval: Interval
    version: Version
    label: str
    source: str | None = None
    is_adjusted: bool = False
    lookback: int = 0
    last: int | None = None
    columns: tuple[str, ...] = ()
    known_within: int | None = None
    adjust: Mode | None = None
    include_adjusted: bool = False

    @staticmethod
    def of(  # noqa: PLR0913 - all that reading can be asked for
        *,
        start: Instant | None = None,
        end: Instant | None = None,
        source: str | None = None,
        version: str | Instant = "latest",
        is_adjusted: bool = False,
        lookback: int = 0,
        last: int | None = None,
        columns: Sequence[str] | None = None,
        known_within: str | timedelta | None = None,
        adjust: str | None = None,
        include_adjusted: bool = False,
    ) -> "ReadRequest":
        """Read what a caller gave; raises `InvalidInterval`, `InvalidVersion`, `InvalidSetting`, `MissingColumns`."""
        delay = None if known_within is None else parse_delay(known_within, setting="known_within")
        made = ReadRequest(
            interval=Interval.of(start, end),
            version=Version.of(version),
            label=_named(version),
            source=source,
            is_adjusted=is_adjusted,
            lookback=_count("lookback", lookback, least=0),
            last=None if last is None else _count("last", last, least=1),
            columns=_columns(columns, marked=delay is not None, adjusted=include_adjusted),
            known_within=delay,
            adjust=None if adjust is None else mode_of(adjust),
            include_adjusted=include_adjusted,
        )
        made._refuse_clashes()
        return made

    @property
    def adjustment(self) -> Mode | None:
        """Return the mode of the bars that are adjusted, be they the answer or beside it; None if none are."""
        return self.adjust or ("total" if self.include_adjusted else None)

    @property
    def windowed(self) -> bool:
        """Whether it depends on the bars that are there where the answer begins."""
        return self.lookback > 0 or self.last is not None

    def _refuse_clashes(self) -> None:
        if self.lookback and self.last is not None:
            raise InvalidSetting(setting="lookback", reason="last counts from the end; give one of both")
        if self.lookback and self.interval.start == BEGINNING:
            raise InvalidSetting(setting="lookback", reason="it counts from the start, and there is none")
        if self.is_adjusted and (self.adjust is not None or self.include_adjusted):
            reason = "bars that are stored adjusted cannot be adjusted again; leave is_adjusted out"
            raise InvalidSetting(setting="adjust", reason=reason)
        if self.known_within is not None and self.version.kind not in _WITH_HISTORY:
            reason = f"version {self.label} keeps one state of each bar, and not how it came to be"
            raise InvalidSetting(setting="known_within", reason=f"{reason}; use latest, a revision or a time")


def _count(setting: str, value: int, *, least: int) -> int:
    given: object = value
    if isinstance(given, bool) or not isinstance(given, int | np.integer) or not least <= given <= _MOST:
        raise InvalidSetting(setting=setting, reason=f"{value!r} is not a number of bars from {least} to {_MOST:,}")
    return int(value)


def _columns(columns: Sequence[str] | None, *, marked: bool, adjusted: bool) -> tuple[str, ...]:
    if columns is None:
        return ()
    listed = (columns,) if isinstance(columns, str) else tuple(columns)
    known = (*VALUES, *EXTRA, *((OBSERVED,) if marked else ()), *(ADJUSTED if adjusted else ()))
    wrong = tuple(str(name) for name in listed if name not in known)
    if wrong:
        raise MissingColumns(count=0, columns=wrong, found=known, reading=True)
    if not listed or len(set(listed)) != len(listed):
        raise InvalidSetting(setting="columns", reason="name at least one, and each once")
    return listed


def _named(version: str | Instant) -> str:
    return f"revision:{version}" if isinstance(version, int | np.integer) else str(version)
