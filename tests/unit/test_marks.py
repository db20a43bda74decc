"""Whether a store and a ledger fit by the store's mark, which is of whoever wrote last."""

from dataclasses import replace
from typing import Any

import pytest

from barledger import connect
from barledger.ledger.contract import RevisionRecord
from barledger.services.cache.vault import fits
from barledger.stores.contract import Mark
from libraries import frame


@pytest.mark.parametrize(
    ("changed", "fit"),
    [
        ({}, False),
        ({"committed_at": 1}, True),
        ({"committed_at": 0, "state": "pending"}, True),
        ({"committed_at": 0, "state": "aborted"}, False),
    ],
    ids=["ended before", "ended later", "is under way", "aborted"],
)
def test_a_mark_may_be_of_a_commit_that_was_under_way_when_the_newest_began(
    monkeypatch: pytest.MonkeyPatch,
    changed: dict[str, Any],
    fit: bool,  # noqa: FBT001
) -> None:
    with connect("memory:") as bl:
        earlier = bl.write("AAPL", "1d", frame(range(3)), source="desk").revision
        later = bl.write("MSFT", "1d", frame(range(3)), source="desk").revision
        store, revisions = bl.vault.store, bl.vault.ledger.revisions
        record = revisions.record
        newest = record(later)
        assert newest is not None

        def told(revision: int) -> RevisionRecord | None:
            found = record(revision)
            if found is None or revision != earlier:
                return found
            given = {"committed_at": newest.begun_at + 1} if changed == {"committed_at": 1} else changed
            return replace(found, **given)

        monkeypatch.setattr(revisions, "record", told)
        assert fits(store, bl.vault.ledger) == ""
        monkeypatch.setattr(store, "mark", lambda: Mark(ledger_id=bl.vault.ledger.id, revision=earlier))
        assert ("the store ends at" not in fits(store, bl.vault.ledger)) == fit


@pytest.mark.parametrize("place", ["store's mark", "ledger's last revision", "ledger's last commit"])
@pytest.mark.parametrize("before", [0, 1])
def test_a_pair_that_somebody_writes_while_it_is_looked_at_fits(
    monkeypatch: pytest.MonkeyPatch, place: str, before: int
) -> None:
    with connect("memory:") as bl:
        store, revisions = bl.vault.store, bl.vault.ledger.revisions
        if not before:
            monkeypatch.setattr(store, "_mark", None)
        for day in range(before):
            bl.write("AAPL", "1d", frame([day]), source="desk")
        looked, name = (store, "mark") if place == "store's mark" else (revisions, "last")
        if place == "ledger's last commit":
            name = "last_committed"
        look = getattr(looked, name)

        def overtaken() -> Any:
            found = look()
            monkeypatch.undo()
            # Whoever opens the library claims the store before writing.
            if not before:
                store.claim(Mark(ledger_id=bl.vault.ledger.id, revision=0))
            for day in range(5, 8):
                bl.write("AAPL", "1d", frame([day]), source="desk")
            return found

        monkeypatch.setattr(looked, name, overtaken)
        assert fits(store, bl.vault.ledger) == ""
