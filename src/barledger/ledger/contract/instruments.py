"""Instruments: what is said of them, and when they were halted."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass

from barledger.domain.instrument import Facts, Halt
from barledger.domain.readable import Readable
from barledger.ledger.contract.revisions import Who


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Telling(Readable):
    """What somebody said at a time (ns), as the audit log has it: facts, or a halt; what is empty takes one back."""

    sequence: int
    time: int
    facts: tuple[Facts, ...] = ()
    halts: tuple[Halt, ...] = ()


class Instruments(ABC):
    """What people declare of instruments, and what sources tell of them."""

    @abstractmethod
    def tell(self, facts: Sequence[Facts], who: Who) -> int:
        """Keep what an origin says of a pattern, in place of what it said before; returns how much was news.

        Facts that say nothing remove what was said. Without news there is no audit entry.
        """

    @abstractmethod
    def facts(self) -> list[Facts]:
        """Return all that is said, sorted by pattern and origin."""

    @abstractmethod
    def facts_mark(self) -> tuple[int, int]:
        """Return what is another one whenever `facts` gives something else: cheaper than the facts themselves."""

    @abstractmethod
    def halt(self, halt: Halt, who: Who) -> None:
        """Declare a halt; one that begins at the same time is replaced, and an empty interval removes it."""

    @abstractmethod
    def halts(self, *, instrument: str | None = None) -> list[Halt]:
        """Return the halts, by instrument and start."""

    @abstractmethod
    def tellings(self, *, after: int = 0) -> list[Telling]:
        """Return all that was ever said of instruments in audit entries above ``after``, in order.

        It tells what was known at a time, which `facts` and `halts` do not: they keep what is known now.
        """
