"""Entries name who acted."""

from pathlib import Path

import pytest

import barledger
from audits import write_some
from barledger import BarLedger
from barledger.errors import InvalidName
from libraries import frame


def test_the_actor_is_the_callers_the_settings_or_the_user_of_the_system(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BARLEDGER_ACTOR", "from settings")
    with barledger.connect(tmp_path, actor="carol") as bl:
        assert bl.actor == "carol"
        write_some(bl, 1)
    with barledger.connect(tmp_path) as bl:
        assert bl.actor == "from settings"
        write_some(bl, 1)
    monkeypatch.delenv("BARLEDGER_ACTOR")
    monkeypatch.setenv("LOGNAME", "dave")
    with barledger.connect(tmp_path) as bl:
        assert bl.actor.startswith("dave@")
        assert [entry.actor for entry in bl.audit.entries()] == ["carol", "from settings"]
    with pytest.raises(InvalidName):
        barledger.connect(tmp_path, actor="a\nb")


def test_one_session_acts_for_several_people(bl: BarLedger) -> None:
    with bl.acting_as("alice") as alice, bl.acting_as("bob") as bob:
        alice.write("AAPL", "1d", frame(range(3)), source="desk")
        taken = bob.snapshot("AAPL", "1d")
        assert (alice.actor, bob.actor, bl.actor) == ("alice", "bob", "tester")
    bl.cache.hold(taken.id, reason="case 12")
    assert [entry.actor for entry in bl.audit.entries()] == ["alice", "bob", "tester"]
    assert taken.created_by == "bob"
    with pytest.raises(barledger.BarledgerError, match="closed"):
        alice.bars("AAPL", "1d")
    assert len(bl.bars("AAPL", "1d")) == 3
    for wrong in ("", "a\x00b"):
        with pytest.raises(InvalidName):
            bl.acting_as(wrong)
