"""Findings that nothing can be accepted of say why, and what a person can do."""

import pytest

from barledger.domain.action import CorporateAction
from barledger.domain.discrepancy import Discrepancy
from barledger.domain.finding import Finding, FindingKind
from barledger.domain.interval import Interval, format_time
from barledger.domain.rows import Rows
from barledger.domain.timeframe import DAY
from barledger.services.integrity import DataIntegrityService
from barledger.stores.memory import MemoryStore
from integrity import integrity
from libraries import frame
from scripted import NOON, SetClock, clocked

EX = 850


def kept(kind: FindingKind, **evidence: object) -> Discrepancy:
    """Return what is kept of a finding of a kind."""
    clock = SetClock(1_000 * DAY + NOON)

    def findings(rows: Rows, **_: object) -> list[Finding]:  # noqa: ARG001 - whatever they are
        return [
            Finding(
                kind=kind,
                interval=Interval(EX * DAY, (EX + 1) * DAY),
                fields=("dividends",),
                confidence=0.99,
                factor=0.01,
                rule="the amount is in another unit than prices",
                evidence=evidence,
            )
        ]

    with clocked(MemoryStore(), clock) as bl:
        bl.write("A", "1d", frame(range(800, 900)), source="desk")
        told = CorporateAction(instrument="A", ex_date=EX * DAY, kind="cash_dividend", source="desk", value=50.0)
        bl.vault.ledger.actions.record([told], bl.vault.who("record"))
        made: DataIntegrityService = integrity(bl, clock, findings=findings)
        (found,) = made.inspect("A", "1d", keep=True).discrepancies
    return found


@pytest.mark.parametrize(
    ("kind", "says"),
    [
        ("dividend_too_big", "correct it (bl.actions.correct, `barledger actions correct`) to 0.5, ex-date 1972-04-30"),
        ("dividend_too_small", "correct it"),
        ("dividend_phantom", "withdraw it (bl.actions.withdraw, `barledger actions withdraw`), ex-date 1972-04-30"),
        ("dividend_missing", "add it (bl.actions.add, `barledger actions add`): 0.5 on 1972-04-30"),
    ],
)
def test_a_dividend_is_corrected_by_whoever_knows_it(kind: FindingKind, says: str) -> None:
    found = kept(kind, proposed_amount=0.5, ex_date=format_time(EX * DAY))
    assert (found.state, found.proposal) == ("open", None)
    assert says in found.evidence["why_no_proposal"]


def test_what_was_traded_is_not_known() -> None:
    assert "ask the source again" in kept("stale").evidence["why_no_proposal"]
    assert "no factor puts these bars right" in kept("crossed").evidence["why_no_proposal"]
