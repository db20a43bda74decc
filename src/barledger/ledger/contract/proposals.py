"""Proposals: what a source wants to change and may not change by itself."""

import builtins
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from barledger.domain.change_policy import ChangePolicy
from barledger.domain.interval import Interval
from barledger.domain.readable import Readable
from barledger.domain.series import Series
from barledger.ledger.contract.revisions import Who

ProposalState = Literal["open", "accepted", "rejected"]


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Proposal(Readable):
    """Bars that wait for a decision; their values are the payload, which `Proposals.payload` gives.

    ``kind`` is a word for what it looks like (``restatement``, ``correction``, ``withdrawal``), ``revision`` the
    newest one of the bars that they were compared with, ``evidence`` whatever else is known (numbers as text). Times
    are ns; ``decided_at`` is 0 and ``decided_by`` empty while it is open. ``result`` is the revision that acceptance
    made.
    """

    id: str = ""
    series: Series
    interval: Interval
    kind: str
    bars: int
    revision: int
    reason: str
    evidence: Mapping[str, Any] = field(default_factory=dict)
    state: ProposalState = "open"
    made_at: int = 0
    decided_at: int = 0
    decided_by: str = ""
    decision: str = ""
    result: int = 0

    def __str__(self) -> str:
        """Say it in a line."""
        what = f"{self.kind} of {self.bars:,} bars of {self.series} in {self.interval}"
        return f"{self.id}: {what}, {self.state}: {self.reason}"


class Proposals(ABC):
    """Proposals and their payloads, the policies that make them, and bars that an answer lacked once."""

    @abstractmethod
    def add(self, proposal: Proposal, payload: bytes, who: Who) -> Proposal:
        """Keep a proposal, and return it with its id; an open one of the series with this payload is returned as it is.

        Unless its ``revision`` is older than the new one's: its bars were written since, so it cannot be accepted.

        Open proposals of the same series whose interval lies inside the new one's are superseded: rejected, with that
        as the reason.
        """

    @abstractmethod
    def get(self, proposal_id: str) -> Proposal:
        """Return a proposal; raises `ProposalNotFound`."""

    @abstractmethod
    def payload(self, proposal_id: str) -> bytes:
        """Return the bars as they were given; raises `ProposalNotFound`."""

    @abstractmethod
    def list(self, *, series: Series | None = None, state: ProposalState | None = None) -> builtins.list[Proposal]:
        """Return proposals, the newest first."""

    @abstractmethod
    def decide(self, proposal_id: str, state: ProposalState, who: Who, *, result: int = 0) -> Proposal:
        """Accept or reject an open proposal, for ``who.reason``; raises `ProposalNotFound` and `ProposalDecided`."""

    @abstractmethod
    def set_policy(self, source: str, policy: ChangePolicy | None, who: Who) -> None:
        """Say how far a source may change the past by itself; None goes back to the default."""

    @abstractmethod
    def policies(self) -> dict[str, ChangePolicy]:
        """Return the policies by source."""

    @abstractmethod
    def missed(self, series: Series, answered: Interval, lacking: Sequence[int]) -> builtins.list[int]:
        """Note the times (ns) of bars that a complete answer about ``answered`` lacked.

        Returns those that the complete answer before it lacked too. What it did not lack this time is forgotten.
        """
