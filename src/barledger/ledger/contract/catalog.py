"""Which series exist, their digests, and the order of sources."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any

from barledger.domain.digest import Block
from barledger.domain.interval import Interval
from barledger.domain.rows import Ints
from barledger.domain.series import Series
from barledger.ledger.contract.revisions import Cover, SeriesState, Who


class Catalog(ABC):
    """Which series exist, their digests, and the order in which sources are preferred."""

    @abstractmethod
    def series(self, *, instrument: str | None = None, timeframe: str | None = None) -> list[Series]:
        """Return the series that have at least one committed revision, sorted."""

    @abstractmethod
    def states(self, instrument: str, timeframe: str) -> list[SeriesState]:
        """Return the states of the series of an instrument at a timeframe that `series` lists, as of one instant."""

    @abstractmethod
    def asked(self, *, instrument: str | None = None, timeframe: str | None = None) -> list[Series]:
        """Return the series about which sources were asked, whatever came of it, sorted."""

    @abstractmethod
    def blocks(self, series: Series, interval: Interval, *, revision: int | None = None) -> list[Block] | None:
        """Return the digests of the blocks that start in the interval, ascending; None means the newest state.

        With a ``revision`` that some snapshot pins, the digests as of then; None if they are no longer known.
        """

    @abstractmethod
    def blocks_of(self, series: Sequence[Series], interval: Interval) -> Mapping[Series, list[Block]]:
        """Return the newest digests of the blocks that start in the interval, of many series as of one instant."""

    @abstractmethod
    def counts_of(self, series: Sequence[Series], interval: Interval) -> Mapping[Series, tuple[Ints, Ints]]:
        """Return where the blocks start that start in the interval, ascending, and how many bars each has.

        It is of many series as of one instant, and cheaper than their digests. Blocks without bars are absent.
        """

    @abstractmethod
    def set_priority(self, pattern: str, timeframe: str, sources: Sequence[str], mode: str, who: Who) -> None:
        """Prefer sources in this order for instruments that match the glob ``pattern``; an empty list removes it."""

    @abstractmethod
    def priorities(self) -> list[tuple[str, str, tuple[str, ...], str]]:
        """Return (pattern, timeframe or ``*``, sources, mode), the most specific pattern first."""

    @abstractmethod
    def coverage(self, series: Series) -> list[Cover]:
        """Return what sources were asked for, by start."""

    @abstractmethod
    def coverage_of(self, series: Sequence[Series]) -> Mapping[Series, list[Cover]]:
        """Return what sources were asked for, by start, of many series as of one instant."""

    @abstractmethod
    def answers(self, series: Series, *, known_at: int) -> list[Cover]:
        """Return what sources had been asked for by a time (ns), by start, as far as the audit log tells."""

    @abstractmethod
    def forget(self, series: Sequence[Series], who: Who) -> list[Series]:
        """Forget what was asked about series without any revision, with one audit entry; returns which those were."""

    @abstractmethod
    def cover(self, covers: Sequence[Cover], who: Who, *, details: Mapping[str, Any] | None = None) -> None:
        """Note what came of questions that brought no bars to commit, with one audit entry."""
