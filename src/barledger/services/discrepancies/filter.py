"""Filters: which discrepancies a list, or a decision about many, is about."""

from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Final, get_args

from barledger.domain.discrepancy import WAITING, Discrepancy, DiscrepancyState, check_kinds
from barledger.domain.interval import Instant, Interval, everything
from barledger.domain.patterns import is_pattern
from barledger.domain.series import normalise_instrument
from barledger.domain.timeframe import Timeframe
from barledger.errors import InvalidSetting

ALL: Final = "all"
WAITS: Final = "waiting"


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """What a discrepancy has to be like; ``instrument``, ``source`` and ``kind`` are globs, None means any.

    ``states`` are those that count; ``interval`` has to share an instant with the discrepancy's.
    """

    states: frozenset[DiscrepancyState] | None = None
    kind: str | None = None
    instrument: str | None = None
    timeframe: Timeframe | None = None
    source: str | None = None
    confidence: float = 0.0
    interval: Interval | None = None

    @staticmethod
    def of(
        *,
        state: str | Sequence[str] = WAITS,
        kind: str | None = None,
        instrument: str | None = None,
        timeframe: str | None = None,
        source: str | None = None,
        confidence: float = 0.0,
        start: Instant | None = None,
        end: Instant | None = None,
    ) -> "Filter":
        """Read what a caller gives; ``state`` is one state or several, ``waiting`` or ``all``.

        Raises `InvalidSetting`, `InvalidTimeframe` and `InvalidInterval`.
        """
        glob = instrument is not None and is_pattern(instrument)
        interval = Interval.of(start, end)
        return Filter(
            states=_states([state] if isinstance(state, str) else list(state)),
            kind=None if kind is None else check_kinds(kind),
            instrument=instrument if glob or instrument is None else normalise_instrument(instrument),
            timeframe=None if timeframe is None else Timeframe.of(timeframe),
            source=source,
            confidence=confidence,
            interval=None if interval == everything() else interval,
        )

    def matches(self, one: Discrepancy) -> bool:
        """Whether it is about this one."""
        globs = ((one.kind, self.kind), (one.series.instrument, self.instrument), (one.series.source, self.source))
        return (
            (self.states is None or one.state in self.states)
            and all(glob is None or fnmatchcase(name, glob) for name, glob in globs)
            and self.timeframe in (None, one.series.timeframe)
            and one.confidence >= self.confidence
            and (self.interval is None or self.interval.intersects(one.interval))
        )


def _states(given: Sequence[str]) -> frozenset[DiscrepancyState] | None:
    known = get_args(DiscrepancyState)
    found: set[DiscrepancyState] = set()
    for name in given:
        if name == ALL:
            return None
        if name == WAITS:
            found |= {state for state in known if state in WAITING}
        elif name in known:
            found |= {state for state in known if state == name}
        else:
            reason = f"{name!r} is none of {', '.join((*known, WAITS, ALL))}"
            raise InvalidSetting(setting="state", reason=reason)
    return frozenset(found)
