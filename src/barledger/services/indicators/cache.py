"""The cache of indicators: tables and what was computed of them, in memory, for this session, bounded by bytes."""

from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from threading import RLock
from typing import Any, Final

from barledger.errors import InvalidSetting
from barledger.indicators.calculation import Calculation
from barledger.services.indicators.held import Held
from barledger.services.indicators.question import Inquiry

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
    """An answer, and when it is still right: as long as nothing was written to the ledger, and by definitions.

    ``inquiry`` is what was asked, which means the same by the same definitions.
    """

    calculation: Calculation
    held: Held
    inquiry: Inquiry
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
        # What each table took when it was last computed on, so that nobody has to ask all of them each time.
        self._sizes: dict[Held, int] = {}
        self._bytes = self._hits = self._misses = 0

    @property
    def info(self) -> CacheInfo:
        """Return how it does."""
        with self._lock:
            return CacheInfo(
                hits=self._hits,
                misses=self._misses,
                entries=len(self._sizes),
                bytes=self._bytes,
                limit=self._limit,
            )

    def clear(self) -> None:
        """Forget everything, the counts too."""
        with self._lock:
            self._kept.clear()
            self._answers.clear()
            self._sizes.clear()
            self._bytes = self._hits = self._misses = 0

    def count(self, held: Held, size: int, hits: int, misses: int) -> None:
        """Count columns of a table that were known, and those that were not, and heed how many bytes it takes now."""
        with self._lock:
            self._hits += hits
            self._misses += misses
            if held in self._sizes:
                self._weigh(held, size)
                self._shrink()

    # --- tables --------------------------------------------------------------------------------

    def find(self, place: Hashable, fits: Callable[[Held], bool]) -> Held | None:
        """Return a table of a place that fits."""
        with self._lock:
            kept = list(self._kept.get(place, ()))
            if kept:
                self._kept.move_to_end(place)
        return next((one for one in reversed(kept) if fits(one)), None)

    def keep(self, place: Hashable, held: Held) -> None:
        """Keep a table that nobody else has yet; raises nothing, and keeps none that is too large."""
        with self._lock:
            kept = self._kept.setdefault(place, [])
            # What a longer one answers as well is not needed any more.
            for one in [one for one in kept if _within(one, held)]:
                self._take_out(kept, one)
            kept.append(held)
            self._weigh(held, held.nbytes)
            self._kept.move_to_end(place)
            self._shrink()

    def drop(self, place: Hashable, held: Held) -> None:
        """Forget a table that is not right any more."""
        with self._lock:
            kept = self._kept.get(place, [])
            if held in kept:
                self._take_out(kept, held)
            if not kept:
                self._kept.pop(place, None)

    def _shrink(self) -> None:
        """Forget the tables that were not used for longest, until the others are few enough."""
        while self._bytes > self._limit and self._kept:
            place = next(iter(self._kept))
            kept = self._kept[place]
            self._take_out(kept, kept[0])
            if not kept:
                del self._kept[place]

    def _weigh(self, held: Held, size: int) -> None:
        self._bytes += size - self._sizes.get(held, 0)
        self._sizes[held] = size

    def _take_out(self, kept: list[Held], held: Held) -> None:
        kept.remove(held)
        self._bytes -= self._sizes.pop(held)
        for asked in [asked for asked, one in self._answers.items() if one.held is held]:
            del self._answers[asked]

    # --- answers -------------------------------------------------------------------------------

    def answer(self, asked: Hashable, mark: int, generation: int) -> Calculation | None:
        """Return the answer to the same question, if nothing can have changed since."""
        found = self._answers.get(asked)
        if found is None or found.mark != mark or found.generation != generation or found.held.due is not None:
            return None
        self._hits += len(found.calculation.columns)
        return found.calculation

    def inquiry(self, asked: Hashable, generation: int) -> Inquiry | None:
        """Return what the same question meant, by the same definitions, whatever was written since."""
        found = self._answers.get(asked)
        return None if found is None or found.generation != generation else found.inquiry

    def remember(self, asked: Hashable, answer: Answer) -> None:
        """Keep an answer as long as its table is kept."""
        with self._lock:
            if answer.held not in self._sizes:
                return
            self._answers[asked] = answer
            self._answers.move_to_end(asked)
            while len(self._answers) > _MOST_ANSWERS:
                self._answers.popitem(last=False)

    def __repr__(self) -> str:
        """Say how it does."""
        return f"<IndicatorCache {self.info}>"


def _within(one: Held, other: Held) -> bool:
    inside = other.interval.start <= one.interval.start and one.interval.end <= other.interval.end
    return inside and (other.begins or not one.begins or other.interval.start < one.interval.start)
