"""Bars that were not written."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from barledger.domain.readable import Readable
from barledger.domain.series import Series
from barledger.ledger.contract.revisions import Who


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class QuarantinedBar(Readable):
    """A bar that broke a rule: its values as given, the error's code, and when it was put aside."""

    series: Series
    time: int
    code: str
    values: Mapping[str, Any]
    actor: str
    at: int = 0


class Quarantine(ABC):
    """Bars that were not written, with the reason."""

    @abstractmethod
    def add(self, bars: Sequence[QuarantinedBar], who: Who) -> int:
        """Put bars aside, with one audit entry; returns how many were not there already."""

    @abstractmethod
    def codes_of(self, series: Sequence[Series]) -> Mapping[Series, Mapping[int, str]]:
        """Return the time (ns) and the rule of the bars put aside, without their values, of each series with some."""

    @abstractmethod
    def list(self, *, series: Series | None = None) -> "list[QuarantinedBar]":
        """Return the bars put aside, by time."""
