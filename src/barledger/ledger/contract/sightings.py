"""Sightings: what was last seen of a series at its source."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from barledger.domain.interval import Interval
from barledger.domain.readable import Readable
from barledger.domain.series import Series


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Look(Readable):
    """When (ns) a digest block of a series was last compared with its source, and what came of it.

    ``outcome`` is ``identical``, ``jitter`` or ``differs``; ``given`` is the digest of what the source gave, and
    ``held`` that of the block as it was then.
    """

    start: int
    compared_at: int
    outcome: str
    given: bytes = b""
    held: bytes = b""


class Sightings(ABC):
    """Bars that an answer lacked once, and when each block was last compared."""

    @abstractmethod
    def missed(self, series: Series, answered: Interval, lacking: Sequence[int]) -> list[int]:
        """Note the times (ns) of bars that a complete answer about ``answered`` lacked.

        Returns those that the complete answer before it lacked too. What it did not lack this time is forgotten.
        """

    @abstractmethod
    def look(self, series: Series, looks: Sequence[Look]) -> None:
        """Note that blocks were compared, each in the place of what was noted of it before."""

    @abstractmethod
    def looks_of(self, series: Sequence[Series]) -> Mapping[Series, list[Look]]:
        """Return what is noted of the blocks of many series, by start."""
