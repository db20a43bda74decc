"""Proposals as a person meets them: the bars that wait, what they would change, and the decision."""

from dataclasses import dataclass
from typing import Any, Final, get_args

import numpy as np
import pandas as pd

from barledger.domain.comparison import changed_fields
from barledger.domain.interval import Interval
from barledger.domain.rows import VALUES, Rows, found_in
from barledger.domain.series import Series, normalise_instrument
from barledger.domain.timeframe import Timeframe
from barledger.errors import InvalidSetting, ProposalDecided, ProposalStale
from barledger.ledger.contract import Cover, Proposal, ProposalState
from barledger.services.cache import DataCacheService
from barledger.services.cache.changes import Draft
from barledger.services.cache.commit import Written
from barledger.services.cache.reader import Reading
from barledger.services.cache.vault import Vault
from barledger.services.ingestion.held import current
from barledger.services.ingestion.judgement import WITHDRAWAL
from barledger.services.ingestion.payload import decode

_NEW: Final = "new"


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposed:
    """A proposal with its bars: ``rows`` as they would become, ``now`` as they are."""

    proposal: Proposal
    rows: Rows
    now: Rows

    @property
    def bars(self) -> pd.DataFrame:
        """Return the bars as they would become, by time in UTC; what would be withdrawn has no values."""
        return _frame(self.rows)

    @property
    def diff(self) -> pd.DataFrame:
        """Return for each bar what would become of it (``new``, ``changed``, ``same``, ``withdrawn``), old and new.

        The columns are ``change``, and of each field ``old_close`` and ``close``, and so on; by time in UTC.
        """
        new, index = self.bars, _index(self.rows)
        old = _frame(self.now).reindex(index)
        columns: dict[str, Any] = {"change": self._changes()}
        for name in VALUES:
            columns[f"old_{name}"], columns[name] = old[name], new[name]
        return pd.DataFrame(columns, index=index)

    def _changes(self) -> list[str]:
        gone = np.zeros(len(self.rows), np.bool_) if self.rows.withdrawn is None else self.rows.withdrawn
        known = found_in(self.rows.time, self.now.time)
        moved = known.copy()
        theirs = self.now.pick(found_in(self.now.time, self.rows.time))
        moved[known] = np.logical_or.reduce(list(changed_fields(theirs, self.rows.pick(known)).values()))
        words = np.where(known, np.where(moved, "changed", "same"), _NEW)
        return [str(word) for word in np.where(gone, "withdrawn", words)]


class Proposing:
    """Lists proposals, and carries decisions out."""

    def __init__(self, vault: Vault, cache: DataCacheService) -> None:
        """Work on this store and ledger."""
        self._vault = vault
        self._cache = cache

    def list(
        self,
        *,
        state: str | None = "open",
        instrument: str | None = None,
        timeframe: str | None = None,
        source: str | None = None,
    ) -> list[Proposal]:
        """Return proposals in this state (None: any), the newest first."""
        if state is not None and state not in get_args(ProposalState):
            raise InvalidSetting(setting="state", reason=f"{state!r} is none of {', '.join(get_args(ProposalState))}")
        name = None if instrument is None else normalise_instrument(instrument)
        frame = None if timeframe is None else Timeframe.of(timeframe)
        wanted: Any = state
        return [
            one
            for one in self._vault.ledger.proposals.list(state=wanted)
            if name in (None, one.series.instrument)
            and frame in (None, one.series.timeframe)
            and source in (None, one.series.source)
        ]

    def get(self, proposal_id: str) -> Proposed:
        """Return a proposal with its bars; raises `ProposalNotFound`."""
        proposal = self._vault.ledger.proposals.get(proposal_id)
        rows = decode(self._vault.ledger.proposals.payload(proposal_id))
        return Proposed(proposal=proposal, rows=rows, now=self._now(proposal.series, rows).rows.standing())

    def accept(self, proposal_id: str, *, reason: str = "") -> Written:
        """Write a proposal's bars as a new revision, after comparing them again with what is there now.

        Raises `ProposalNotFound`, `ProposalDecided`, and `ProposalStale` if one of its bars changed since it was made:
        the next answer of the source with the same changes makes a new one.
        """
        self._vault.check_writable()
        proposal = self._vault.ledger.proposals.get(proposal_id)
        if proposal.state != "open":
            raise ProposalDecided(proposal=proposal_id, state=proposal.state)
        rows = decode(self._vault.ledger.proposals.payload(proposal_id))
        done = self._write(proposal, rows, reason)
        who = self._vault.who("accept", reason=reason)
        self._vault.ledger.proposals.decide(proposal_id, "accepted", who, result=done.revision)
        return done

    def reject(self, proposal_id: str, *, reason: str = "") -> Proposal:
        """Keep the bars as they are; raises `ProposalNotFound` and `ProposalDecided`."""
        self._vault.check_writable()
        who = self._vault.who("reject", reason=reason)
        return self._vault.ledger.proposals.decide(proposal_id, "rejected", who)

    def _write(self, proposal: Proposal, rows: Rows, reason: str) -> Written:
        now = self._now(proposal.series, rows)
        if _written(now.rows, rows):
            # It was accepted before by a process that died before it could say so.
            return Written(series=(proposal.series,), revision=now.revision, same=len(rows), fields={})
        _check_unchanged(proposal, now.rows, rows)
        withdrawing = proposal.kind == WITHDRAWAL
        draft = Draft(series=proposal.series, rows=rows, expected_revision=now.revision)
        return self._cache.write(
            [draft],
            operation="withdraw" if withdrawing else "accept",
            reason=reason or proposal.reason,
            trigger=proposal.id,
            coverage=_covers(proposal),
            details={proposal.series: {"proposal": proposal.id, "evidence": dict(proposal.evidence)}},
        )

    def _now(self, series: Series, rows: Rows) -> Reading:
        found = current(self._vault, series, Interval(int(rows.time[0]), int(rows.time[-1]) + 1))
        mine = found.rows.pick(found_in(found.rows.time, rows.time))
        return Reading(rows=mine, revision=found.revision, state=found.state)


def _check_unchanged(proposal: Proposal, now: Rows, rows: Rows) -> None:
    """Raise `ProposalStale` if one of the bars was written after the proposal was compared with it."""
    later = now.revision[now.revision > proposal.revision]
    if len(later) and len(rows):
        found = int(later.max())
        raise ProposalStale(proposal=proposal.id, series=str(proposal.series), expected=proposal.revision, found=found)


def _written(now: Rows, rows: Rows) -> bool:
    """Whether the bars are what they would become already."""
    if rows.withdrawn is not None:
        return not len(now.standing())
    standing = now.standing()
    if len(standing) != len(rows):
        return False
    return not any(bool(flags.any()) for flags in changed_fields(standing, rows).values())


def _covers(proposal: Proposal) -> list[Cover]:
    listed: Any = proposal.evidence.get("covered", [])
    return [
        Cover(series=proposal.series, interval=Interval(int(start), int(end)), outcome=outcome)
        for start, end, outcome in listed
    ]


def _index(rows: Rows) -> pd.DatetimeIndex:
    return pd.DatetimeIndex(rows.time.view("datetime64[ns]"), name="time").tz_localize("UTC")


def _frame(rows: Rows) -> pd.DataFrame:
    return pd.DataFrame({name: getattr(rows, name) for name in VALUES}, index=_index(rows))
