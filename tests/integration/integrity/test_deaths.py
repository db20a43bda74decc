"""Decisions whose process died are finished by deciding again."""

from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from barledger.barledger import BarLedger
from barledger.domain.timeframe import DAY
from barledger.errors import IllegalStep
from barledger.stores.embedded import EmbeddedStore
from discrepancies import SERIES, close_of, corrected
from integrity import integrity
from libraries import killed_at
from scripted import NOON, SetClock, clocked


def _opened(folder: Path) -> BarLedger:
    return clocked(EmbeddedStore(folder), SetClock(1_001 * DAY + NOON), f"sqlite:///{folder / 'ledger.sqlite'}")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("point", "state"),
    [
        ("discrepancy.accepted", "accepted"),
        ("commit.begun", "accepted"),
        ("commit.rows-written", "accepted"),
        ("commit.committed", "accepted"),
        ("discrepancy.written", "accepted"),
    ],
)
def test_what_died_while_it_was_accepted_is_finished_by_accepting_again(
    tmp_path: Path, clock: SetClock, point: str, state: str
) -> None:
    with closing(clocked(EmbeddedStore(tmp_path), clock, f"sqlite:///{tmp_path / 'ledger.sqlite'}")) as bl:
        _, _, proposal = corrected(bl, clock)
        before = close_of(bl, 950)

    def accept() -> None:
        with closing(_opened(tmp_path)) as bl:
            integrity(bl, clock).accept(proposal, reason="the exchange said so")

    assert killed_at(point, accept)
    later = SetClock(1_002 * DAY + NOON)
    with closing(clocked(EmbeddedStore(tmp_path), later, f"sqlite:///{tmp_path / 'ledger.sqlite'}")) as bl:
        made = integrity(bl, later)
        assert made.discrepancy(proposal).discrepancy.state == state
        with pytest.raises(IllegalStep):
            made.reject(proposal, reason="too late")
        done = made.accept(proposal, reason="checked")
        assert close_of(bl, 950) == before + 0.5
        decided = made.discrepancy(proposal)
        assert (decided.discrepancy.state, decided.discrepancy.result) == ("applied", done.revision)
        assert [step.reason for step in decided.steps[1:]] == ["the exchange said so"] * 2
        made_by = [one for one in _records(bl) if one.trigger == proposal]
        assert [(one.revision, one.changed) for one in made_by] == [(done.revision, 2)]
        made.undo(proposal, reason="a mistake")
        assert close_of(bl, 950) == before


@pytest.mark.slow
@pytest.mark.parametrize("point", ["commit.rows-written", "commit.committed", "discrepancy.restored"])
def test_what_died_while_it_was_undone_is_finished_by_undoing_again(
    tmp_path: Path, clock: SetClock, point: str
) -> None:
    with closing(clocked(EmbeddedStore(tmp_path), clock, f"sqlite:///{tmp_path / 'ledger.sqlite'}")) as bl:
        before = None
        made, _, proposal = corrected(bl, clock)
        before = close_of(bl, 950)
        made.accept(proposal, reason="checked")

    def undo() -> None:
        with closing(_opened(tmp_path)) as bl:
            integrity(bl, clock).undo(proposal, reason="a mistake")

    assert killed_at(point, undo)
    later = SetClock(1_002 * DAY + NOON)
    with closing(clocked(EmbeddedStore(tmp_path), later, f"sqlite:///{tmp_path / 'ledger.sqlite'}")) as bl:
        made = integrity(bl, later)
        done = made.undo(proposal, reason="a mistake")
        assert close_of(bl, 950) == before
        assert made.discrepancy(proposal).discrepancy.undone_by == done.revision
        assert len([one for one in _records(bl) if one.trigger == proposal]) == 2


def _records(bl: BarLedger) -> list[Any]:
    return bl.vault.ledger.revisions.records(SERIES)
