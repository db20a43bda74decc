"""Proposals as those who load bars meet them: a view of the register of discrepancies.

Of the states of a discrepancy it knows three: what waits is ``open``, what was written (and perhaps undone) is
``accepted``, and what was declined or overtaken is ``rejected``.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal, get_args

import pandas as pd

from barledger.domain.discrepancy import Discrepancy, DiscrepancyState
from barledger.domain.interval import Interval
from barledger.domain.readable import Readable
from barledger.domain.rows import Rows
from barledger.domain.series import Series, normalise_instrument
from barledger.domain.timeframe import Timeframe
from barledger.errors import InvalidSetting
from barledger.services.cache.commit import Written
from barledger.services.discrepancies import Workflow
from barledger.services.discrepancies.filter import Filter
from barledger.services.discrepancies.preview import Preview

ProposalState = Literal["open", "accepted", "rejected"]
_STATES: Final[Mapping[ProposalState, tuple[DiscrepancyState, ...]]] = {
    "open": ("proposed",),
    "accepted": ("accepted", "applied", "undone"),
    "rejected": ("rejected", "superseded"),
}


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Proposal(Readable):
    """Bars that a source wants to change and may not change by itself, or what a finding proposes.

    ``kind`` is a word for what it looks like, ``revision`` the newest one of the bars that they were compared with,
    ``evidence`` whatever else is known (numbers as text). Times are ns; ``decided_at`` is 0 and ``decided_by`` empty
    while it is open. ``result`` is the revision that acceptance made.
    """

    id: str
    series: Series
    interval: Interval
    kind: str
    bars: int
    revision: int
    reason: str
    evidence: Mapping[str, Any]
    state: ProposalState
    made_at: int
    decided_at: int
    decided_by: str
    decision: str
    result: int

    @staticmethod
    def of(one: Discrepancy) -> "Proposal":
        """Return a discrepancy that proposes bars as a proposal."""
        state = next(state for state, theirs in _STATES.items() if one.state in theirs)
        names = [name for name in Proposal.__dataclass_fields__ if name != "state"]
        return Proposal(**{name: getattr(one, name) for name in names}, state=state)


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposed:
    """A proposal with its bars: ``rows`` as they would become, ``now`` as they are; of an event ``preview.action``."""

    proposal: Proposal
    preview: Preview

    @property
    def rows(self) -> Rows:
        """Return the bars as they would become."""
        return self.preview.rows

    @property
    def now(self) -> Rows:
        """Return the bars as they are."""
        return self.preview.now

    @property
    def bars(self) -> pd.DataFrame:
        """Return the bars as they would become, as a frame (`Preview.bars`)."""
        return self.preview.bars

    @property
    def diff(self) -> pd.DataFrame:
        """Return for each bar what would become of it, old and new (`Preview.diff`)."""
        return self.preview.diff


class Proposing:
    """Lists proposals, and hands decisions on."""

    def __init__(self, workflow: Workflow) -> None:
        """Look at this register."""
        self._workflow = workflow

    def list(
        self,
        *,
        state: str | None = "open",
        instrument: str | None = None,
        timeframe: str | None = None,
        source: str | None = None,
    ) -> list[Proposal]:
        """Return proposals in this state (None: any), the newest first."""
        wanted: Any = state
        if state is not None and state not in get_args(ProposalState):
            raise InvalidSetting(setting="state", reason=f"{state!r} is none of {', '.join(get_args(ProposalState))}")
        states = _STATES[wanted] if state is not None else tuple(one for some in _STATES.values() for one in some)
        found = self._workflow.list(
            Filter(
                states=frozenset(states),
                instrument=None if instrument is None else normalise_instrument(instrument),
                timeframe=None if timeframe is None else Timeframe.of(timeframe),
                source=source,
            )
        )
        return [Proposal.of(one) for one in found]

    def get(self, proposal_id: str) -> Proposed:
        """Return a proposal with its bars; raises `DiscrepancyNotFound`."""
        preview = self._workflow.show(proposal_id)
        if preview.discrepancy.state == "open":
            raise InvalidSetting(setting="proposal", reason=f"{proposal_id} proposes no bars: see `discrepancies show`")
        return Proposed(proposal=Proposal.of(preview.discrepancy), preview=preview)

    def accept(self, proposal_id: str, *, reason: str) -> Written:
        """Write a proposal's bars as a new revision, or record its event (`Workflow.accept`)."""
        return self._workflow.accept(proposal_id, reason=reason)

    def reject(self, proposal_id: str, *, reason: str) -> Proposal:
        """Keep the bars as they are; raises `DiscrepancyNotFound` and `IllegalStep`."""
        return Proposal.of(self._workflow.reject(proposal_id, reason=reason))
