"""What a source promises.

A source declares what it has, and gives bars chunk after chunk in ascending order of time, so that its memory stays
bounded. It refuses what it does not declare. `barledger.testing.SourceContract` tries these promises.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

from barledger.domain.action import CorporateAction
from barledger.domain.change_policy import ChangePolicy
from barledger.domain.comparison import EXACT, Tolerance
from barledger.domain.declared import Adjustment
from barledger.domain.instrument import Facts
from barledger.domain.interval import Interval
from barledger.domain.rows import Rows
from barledger.domain.timeframe import TIMEFRAMES, Timeframe
from barledger.domain.validation import OnInvalid, Rejected
from barledger.errors import CapabilityMissing


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceDeclaration:
    """What a source has and how it behaves.

    ``adjustment`` tells per column what the source has already adjusted for; ``gives_events`` whether its chunks carry
    corporate actions; ``empty_is_proof`` whether an empty answer proves that nothing exists; ``tolerance`` which
    differences on a refetch mean nothing. ``history`` is how far back (ns before now) a timeframe reaches, where that
    is limited. ``concurrency`` is how many threads may fetch from one instance at once. ``on_change`` is how far the
    source may change the past by itself, unless somebody decides otherwise. ``library`` names what asks, with its
    version. ``incremental`` is False where the options choose what is read, as the path of a file does: then all of a
    request is read each time, while of others only what is not known to have been answered is asked for. ``live`` is
    False where no bar ever comes that has not closed yet.
    """

    name: str
    timeframes: frozenset[str] = frozenset(TIMEFRAMES)
    adjustment: Mapping[str, Adjustment] = field(
        default_factory=lambda: dict.fromkeys(("open", "high", "low", "close", "volume"), "raw")
    )
    gives_events: bool = False
    empty_is_proof: bool = False
    tolerance: Tolerance = EXACT
    history: Mapping[str, int] = field(default_factory=dict)
    concurrency: int = 1
    on_change: ChangePolicy = field(default_factory=ChangePolicy)
    library: str = ""
    incremental: bool = True
    live: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class FetchRequest:
    """Which bars are wanted; ``native`` is the source's own symbol, if the ledger knows one."""

    instrument: str
    timeframe: Timeframe
    interval: Interval
    native: str | None = None
    on_invalid: OnInvalid = "raise"

    @property
    def symbol(self) -> str:
        """Return the name to ask the source for."""
        return self.native or self.instrument


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetched:
    """A chunk: its bars, the stretch for which it is the whole answer, and the bars that broke a rule.

    ``complete`` is False where the source may have left bars out, so that what it lacks says nothing. ``actions`` are
    the corporate actions with an ex-date in the stretch; ``asked`` is the request in the source's own words, for the
    audit log. ``adjustment`` tells per column what these bars are adjusted for, where that shows only in what was read,
    and ``note`` what people should know of how they were read, such as what was assumed.
    """

    rows: Rows
    interval: Interval
    rejected: tuple[Rejected, ...] = ()
    complete: bool = True
    actions: tuple[CorporateAction, ...] = ()
    asked: str = ""
    adjustment: Mapping[str, Adjustment] | None = None
    note: str = ""


class Source(ABC):
    """Somewhere that bars come from; made anew for each task, with the task's options.

    As many threads as its declaration says may call `fetch` at once. ``example`` are options that it can be made with
    to look at its declaration, where some have to be given; nothing is opened for them.
    """

    example: ClassVar[Mapping[str, str]] = {}

    @property
    @abstractmethod
    def declaration(self) -> SourceDeclaration:
        """Return what this source has."""

    @abstractmethod
    def fetch(self, request: FetchRequest) -> Iterator[Fetched]:
        """Give the bars of the interval in disjoint, ascending chunks.

        Raises `CapabilityMissing` for a timeframe that is not declared, `DataNotFound` for an instrument that the
        source does not know, `SourceUnavailable` if it may answer later (`RateLimited` if it says when), other kinds of
        `SourceError` if it will not, and the errors of `domain.intake`. It does not try again by itself.
        """

    def facts(self, request: FetchRequest) -> Facts | None:  # noqa: ARG002 - a source that knows nothing
        """Return what the source knows of the instrument itself, with its own name as the origin, or None."""
        return None

    def close(self) -> None:  # noqa: B027 - most hold nothing
        """Release what it holds; nothing is fetched afterwards."""

    def check(self, request: FetchRequest) -> None:
        """Refuse a timeframe that is not declared."""
        if request.timeframe.name not in self.declaration.timeframes:
            raise CapabilityMissing(who=f"source {self.declaration.name}", capability=f"timeframe {request.timeframe}")


SourceFactory = Any
"""A class or function that makes a `Source` from keyword options."""
