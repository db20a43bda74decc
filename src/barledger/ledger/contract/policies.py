"""Policies: what may happen without a person, and which differences mean nothing."""

from abc import ABC, abstractmethod

from barledger.domain.change_policy import ChangePolicy
from barledger.domain.comparison import Tolerance
from barledger.domain.decision_rule import DecisionRule
from barledger.ledger.contract.revisions import Who


class Policies(ABC):
    """How far sources may change the past, what is decided by a rule, and how far apart two sources may be."""

    @abstractmethod
    def set_policy(self, source: str, policy: ChangePolicy | None, who: Who) -> None:
        """Say how far a source may change the past by itself; None goes back to the default."""

    @abstractmethod
    def policies(self) -> dict[str, ChangePolicy]:
        """Return the policies by source."""

    @abstractmethod
    def set_rule(self, name: str, rule: DecisionRule | None, who: Who) -> None:
        """Set a decision rule; None removes it."""

    @abstractmethod
    def rules(self) -> list[DecisionRule]:
        """Return the decision rules, the most specific first."""

    @abstractmethod
    def set_tolerance(self, source: str, against: str, tolerance: Tolerance | None, who: Who) -> None:
        """Say which differences between two sources mean nothing; None goes back to the default.

        The order of the two does not matter. A source and itself are a pair too.
        """

    @abstractmethod
    def tolerances(self) -> dict[tuple[str, str], Tolerance]:
        """Return the tolerances by pair of sources, each in alphabetical order."""
