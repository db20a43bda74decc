"""Symbol maps: the sources' own names of instruments."""

from abc import ABC, abstractmethod
from dataclasses import dataclass

from barledger.domain.interval import Interval
from barledger.ledger.contract.revisions import Who


@dataclass(frozen=True, slots=True, kw_only=True)
class Symbol:
    """A source's own name of an instrument, valid in a half-open interval."""

    instrument: str
    source: str
    native: str
    valid: Interval


class Symbols(ABC):
    """Symbol maps: what each source calls an instrument, and when."""

    @abstractmethod
    def add(self, symbol: Symbol, who: Who) -> None:
        """Add a mapping; raises `NameTaken` if the native symbol means another instrument in that interval."""

    @abstractmethod
    def native(self, instrument: str, source: str, time: int) -> str | None:
        """Return what the source called the instrument at ``time``."""

    @abstractmethod
    def instrument(self, native: str, source: str, time: int) -> str | None:
        """Return the instrument that the source's symbol meant at ``time``."""

    @abstractmethod
    def list(self, *, instrument: str | None = None) -> "list[Symbol]":
        """Return all mappings, sorted."""
