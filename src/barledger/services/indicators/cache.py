"""The cache of indicators: tables and what was computed of them, in memory, for this session, bounded by bytes."""

from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from threading import RLock
from typing import Any, Final

from barledger.errors import InvalidSetting
from barledger.indicators.calculation import Calculation
from barledger.services.indicators.held import Held

DEFAULT_BYTES: Final = 256 * 1024 * 1024
_MOST_ANSWERS: Final = 4_096


@dataclass(frozen=True, slots=True, kw_only=True)
class CacheInfo:
    """How a cache does: columns that were known and those that were not, and what it takes."""

    hits: int
    misses: int
    entries: int
    bytes: int
    limit: int

    @property
    def hit_rate(self) -> float:
        """Return the share of columns that were known."""
        asked = self.hits + self.misses
        return self.hits / asked if asked else 0.0

    def as_dict(self) -> dict[str, Any]:
        """Return it as values that JSON knows."""
        return {name: getattr(self, name) for name in CacheInfo.__slots__} | {"hit_rate": self.hit_rate}

    def __str__(self) -> str:
        """Say it in a line."""
        rate = f"{self.hit_rate:.0%} of {self.hits + self.misses:,} columns were known"
        return f"{rate}; {self.entries:,} tables, {self.bytes / 1e6:,.1f} of {self.limit / 1e6:,.1f} MB"


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer, and when it is still right: as long as nothing was written to the ledger, and by definitions."""

    calculation: Calculation
    held: Held
    mark: int
    generation: int


class IndicatorCache:
    """Keeps tables by what they are of, the ones used last; threads may share it.

    ``info`` tells how it does, ``clear`` empties it. A limit of 0 bytes keeps nothing.
    """

    def __init__(self, *, limit: int = DEFAULT_BYTES) -> None:
        """Keep at most so many bytes."""
        if limit < 0:
            raise InvalidSetting(setting="indicator_cache", reason=f"{limit} is no number of bytes")
        self._limit = limit
        self._lock = RLock()
        self._kept: OrderedDict[Hashable, list[Held]] = OrderedDict()
        self._answers: OrderedDict[Hashable, Answer] = OrderedDict()
        self._hits = self._misses = 0

    @property
    def info(self) -> CacheInfo:
        """Return how it does."""
        with self._lock:
            tables = [one for kept in self._kept.values() for one in kept]
            return CacheInfo(
                hits=self._hits,
                misses=self._misses,
                entries=len(tables),
                bytes=sum(one.nbytes for one in tables),
                limit=self._limit,
            )

    def clear(self) -> None:
        """Forget everything, the counts too."""
        with self._lock:
            self._kept.clear()
            self._answers.clear()
            self._hits = self._misses = 0

    def count(self, hits: int, misses: int) -> None:
        """Count columns that were known, and those that were not."""
        with self._lock:
            self._hits += hits
            self._misses += misses

    # --- tables --------------------------------------------------------------------------------

    def find(self, place: Hashable, fits: Callable[[Held], bool]) -> Held | None:
        """Return a table of a place that fits."""
        with self._lock:
            kept = list(self._kept.get(place, ()))
            if kept:
                self._kept.move_to_end(place)
        return next((one for one in reversed(kept) if fits(one)), None)

    def keep(self, place: Hashable, held: Held) -> None:
        """Keep a table; raises nothing, and keeps none that is too large."""
        with self._lock:
            kept = self._kept.setdefault(place, [])
            # What a longer one answers as well is not needed any more.
            kept[:] = [one for one in kept if not _within(one, held)]
            kept.append(held)
            self._kept.move_to_end(place)
            self.shrink()

    def drop(self, place: Hashable, held: Held) -> None:
        """Forget a table that is not right any more."""
        with self._lock:
            left = [one for one in self._kept.get(place, ()) if one is not held]
            if left:
                self._kept[place] = left
            else:
                self._kept.pop(place, None)
            self._forget_answers(held)

    def shrink(self) -> None:
        """Forget the tables that were not used for longest, until the others are few enough."""
        with self._lock:
            total = sum(one.nbytes for kept in self._kept.values() for one in kept)
            while total > self._limit and self._kept:
                place = next(iter(self._kept))
                oldest = self._kept[place].pop(0)
                total -= oldest.nbytes
                self._forget_answers(oldest)
                if not self._kept[place]:
                    del self._kept[place]

    # --- answers -------------------------------------------------------------------------------

    def answer(self, asked: Hashable, mark: int, generation: int) -> Calculation | None:
        """Return the answer to the same question, if nothing can have changed since."""
        found = self._answers.get(asked)
        if found is None or found.mark != mark or found.generation != generation or found.held.due is not None:
            return None
        self._hits += len(found.calculation.columns)
        return found.calculation

    def remember(self, asked: Hashable, answer: Answer) -> None:
        """Keep an answer as long as its table is kept."""
        with self._lock:
            if not any(answer.held is one for kept in self._kept.values() for one in kept):
                return
            self._answers[asked] = answer
            self._answers.move_to_end(asked)
            while len(self._answers) > _MOST_ANSWERS:
                self._answers.popitem(last=False)

    def _forget_answers(self, held: Held) -> None:
        for asked in [asked for asked, one in self._answers.items() if one.held is held]:
            del self._answers[asked]

    def __repr__(self) -> str:
        """Say how it does."""
        return f"<IndicatorCache {self.info}>"


def _within(one: Held, other: Held) -> bool:
    inside = other.interval.start <= one.interval.start and one.interval.end <= other.interval.end
    return inside and (other.begins or not one.begins or other.interval.start < one.interval.start)
