"""What a ledger promises of snapshots, named versions, strategies, and their way into the mirror."""

import json
from collections.abc import Callable
from dataclasses import replace
from functools import partial

import pytest

from barledger.domain.digest import EMPTY_ROOT, Block, root_digest
from barledger.domain.interval import Interval, everything
from barledger.domain.series import Series
from barledger.errors import ApprovalNotFound, Held, NameTaken, SeriesNotFound, VersionImmutable, VersionNotFound
from barledger.ledger.contract import Ledger, Pin
from barledger.testing.bars import series
from barledger.testing.commits import WHO, block, commit, pin, year

A, B, C = series("AAPL"), series("MSFT"), series("IBM")


class SnapshotPromises:
    """A snapshot is a consistent cut that stays on record, and that a hold protects."""

    def test_a_snapshot_of_whole_series_is_complete_at_once(
        self, ledger: Ledger, open_ledger: Callable[..., Ledger]
    ) -> None:
        revision = commit(ledger, A, B, blocks=[block(1980, 1), block(1981, 1)])
        snapshot = pin(ledger, "s", A, B, strategy="momentum")
        assert (snapshot.kind, snapshot.state, snapshot.purpose) == ("snapshot", "complete", "backtest")
        assert (snapshot.strategy, snapshot.created_by, snapshot.held) == ("momentum", "tester", "")
        digest = root_digest([block(1980, 1), block(1981, 1)])
        assert snapshot.pins == tuple(
            Pin(series=one, interval=everything(), revision=revision, rows=20, digest=digest) for one in (A, B)
        )
        assert len(snapshot.data_hash) == 64
        assert open_ledger().snapshots.get("s") == snapshot
        assert ledger.revisions.at_time(A, snapshot.created_at) == revision

    def test_how_a_dataset_is_adjusted_stays_with_its_snapshot(
        self, ledger: Ledger, open_ledger: Callable[..., Ledger]
    ) -> None:
        commit(ledger, A, blocks=[block(1980, 1)])
        taken = pin(ledger, "s", A)
        assert taken.adjusted == ""
        told = ledger.snapshots.set_adjusted("s", '{"mode":"total"}', WHO)
        assert (told.adjusted, told.data_hash) == ('{"mode":"total"}', taken.data_hash)
        assert open_ledger().snapshots.get("s") == told
        with pytest.raises(VersionNotFound):
            ledger.snapshots.set_adjusted("other", "{}", WHO)

    def test_whole_blocks_need_no_bars_and_parts_of_them_do(self, ledger: Ledger) -> None:
        blocks = [block(number, 1) for number in (1980, 1981, 1982)]
        commit(ledger, A, blocks=blocks)
        whole = pin(ledger, "whole", A, interval=Interval(year(1980), year(1982)))
        assert (whole.state, whole.pins[0].rows, whole.pins[0].digest) == ("complete", 20, root_digest(blocks[:2]))
        nothing = pin(ledger, "nothing", A, interval=Interval(year(1990), year(1991)))
        assert (nothing.state, nothing.pins[0].rows, nothing.pins[0].digest) == ("complete", 0, EMPTY_ROOT)
        for name, interval in {
            "a": Interval(year(1980) + 1, year(1982)),
            "b": Interval(year(1980), year(1982) - 1),
            "c": Interval(year(1981) + 1, year(1981) + 2),
        }.items():
            part = pin(ledger, name, A, interval=interval)
            assert (part.state, part.pins[0].digest, part.data_hash, part.mirrored) == ("pinning", None, "", False)

    def test_digests_are_added_later(self, ledger: Ledger, open_ledger: Callable[..., Ledger]) -> None:
        commit(ledger, A, B, blocks=[block(1980, 1)])
        half = pin(ledger, "s", A, B, interval=Interval(year(1980) + 1, year(1981)))
        entries = ledger.audit.count()
        pins = [replace(one, rows=4, digest=bytes(32)) for one in half.pins]
        with pytest.raises(VersionImmutable):
            ledger.snapshots.complete("s", [replace(pins[0], revision=1), pins[1]], WHO)
        with pytest.raises(VersionImmutable):
            ledger.snapshots.complete("s", half.pins, WHO)
        whole = ledger.snapshots.complete("s", pins, WHO)
        assert (whole.state, whole.pins, whole.created_at) == ("complete", tuple(pins), half.created_at)
        assert open_ledger().snapshots.get("s") == whole
        assert ledger.audit.count() == entries + 1
        assert ledger.snapshots.complete("s", pins, WHO) == whole
        with pytest.raises(VersionNotFound):
            ledger.snapshots.complete("other", pins, WHO)

    def test_a_snapshot_stays_as_it_was(self, ledger: Ledger) -> None:
        commit(ledger, A)
        before = pin(ledger, "s", A)
        commit(ledger, A, blocks=[block(1970, 2)])
        assert ledger.snapshots.get("s") == before
        assert pin(ledger, "later", A).data_hash != before.data_hash

    def test_equal_pins_have_equal_hashes(self, ledger: Ledger) -> None:
        commit(ledger, A, B)
        one = pin(ledger, "one", A, B)
        assert pin(ledger, "two", A, B, purpose="live", strategy="x").data_hash == one.data_hash
        assert pin(ledger, "three", A).data_hash != one.data_hash

    def test_a_series_without_bars_cannot_be_pinned(self, ledger: Ledger) -> None:
        commit(ledger, A)
        entries = ledger.audit.count()
        with pytest.raises(SeriesNotFound):
            pin(ledger, "s", A, B)
        assert ledger.snapshots.get("s") is None
        assert ledger.snapshots.pins_of(A) == []
        assert ledger.audit.count() == entries

    def test_an_id_is_taken_for_ever(self, ledger: Ledger) -> None:
        commit(ledger, A)
        pin(ledger, "s", A)
        ledger.snapshots.add_named("n", _named(A), WHO)
        ledger.snapshots.delete("s", WHO)
        for name in ("s", "n"):
            with pytest.raises(NameTaken):
                pin(ledger, name, A)
        with pytest.raises(NameTaken):
            ledger.snapshots.add_named("s", _named(A), WHO)

    def test_snapshots_are_listed_newest_first(self, ledger: Ledger) -> None:
        commit(ledger, A)
        pin(ledger, "one", A, purpose="backtest", strategy="x")
        pin(ledger, "two", A, purpose="live", strategy="y")
        pin(ledger, "three", A, purpose="a desk's own", strategy="x")
        ledger.snapshots.approve("two", "x", WHO)
        ledger.snapshots.delete("one", WHO)

        def names(**where: object) -> list[str]:
            return [snapshot.id for snapshot in ledger.snapshots.list(**where)]  # type: ignore[arg-type]

        assert names() == ["three", "two"]
        assert names(deleted=True) == ["three", "two", "one"]
        assert names(purpose="live") == ["two"]
        assert names(purpose="a desk's own") == ["three"]
        assert names(strategy="x") == ["three", "two"]
        assert names(strategy="x", deleted=True, purpose="backtest") == ["one"]
        assert names(strategy="z") == []
        assert ledger.snapshots.list() == [ledger.snapshots.get("three"), ledger.snapshots.get("two")]

    def test_a_strategy_means_its_newest_approved_snapshot(self, ledger: Ledger) -> None:
        commit(ledger, A)
        assert ledger.snapshots.of_strategy("x") is None
        for name in ("one", "two", "three"):
            pin(ledger, name, A, strategy="x")
        pin(ledger, "other", A, strategy="y")

        def meant() -> str | None:
            found = ledger.snapshots.of_strategy("x")
            return None if found is None else found.id

        assert meant() == "three"
        ledger.snapshots.delete("three", WHO)
        assert meant() == "two"
        for name in ("two", "one"):
            ledger.snapshots.approve(name, "x", WHO)
            assert meant() == name
        pin(ledger, "four", A, strategy="x")
        assert meant() == "one"
        ledger.snapshots.approve("two", "x", WHO)
        assert meant() == "two"
        for name in ("two", "one"):
            ledger.snapshots.revoke(name, "x", WHO)
            ledger.snapshots.delete(name, WHO)
        # An unapproved snapshot never stands in for approved ones that are gone.
        assert meant() is None

    def test_an_approval_holds_and_changes_nothing_else(self, ledger: Ledger) -> None:
        commit(ledger, A)
        before = pin(ledger, "s", A, strategy="x")
        approved = ledger.snapshots.approve("s", "y", WHO)
        assert approved.approved_at > before.created_at
        assert approved == replace(before, approved_at=approved.approved_at, held=approved.held)
        assert ledger.snapshots.get("s") == ledger.snapshots.of_strategy("y") == approved
        with pytest.raises(Held):
            ledger.snapshots.delete("s", WHO)

    def test_an_approval_that_is_taken_back_ends_its_hold_alone(self, ledger: Ledger) -> None:
        commit(ledger, A)
        before = pin(ledger, "s", A, strategy="x")
        first = ledger.snapshots.approve("s", "x", WHO)
        second = ledger.snapshots.approve("s", "y", WHO)
        assert first.held == second.held
        left = ledger.snapshots.revoke("s", "x", WHO)
        assert left == replace(second, held=left.held) == ledger.snapshots.get("s")
        assert ledger.snapshots.approvals() == [("s", "y")]
        with pytest.raises(Held):
            ledger.snapshots.delete("s", WHO)
        assert ledger.snapshots.revoke("s", "y", WHO) == before == ledger.snapshots.get("s")
        assert ledger.snapshots.approvals() == []
        for name, strategy in (("s", "x"), ("s", "z")):
            with pytest.raises(ApprovalNotFound):
                ledger.snapshots.revoke(name, strategy, WHO)
        ledger.snapshots.approve("s", "x", WHO)
        ledger.snapshots.hold("s", "case 7", WHO)
        assert ledger.snapshots.revoke("s", "x", WHO).held == "case 7"

    def test_releasing_a_hold_leaves_the_one_of_an_approval(self, ledger: Ledger) -> None:
        commit(ledger, A)
        pin(ledger, "s", A)
        approved = ledger.snapshots.approve("s", "x", WHO)
        ledger.snapshots.approve("s", "y", WHO)
        for _ in range(2):
            entries = ledger.audit.count()
            with pytest.raises(Held, match="approved for x"):
                ledger.snapshots.hold("s", "", WHO)
            assert ledger.audit.count() == entries
            ledger.snapshots.hold("s", "case 7", WHO)
            assert ledger.snapshots.hold("s", "", WHO).held == approved.held
        ledger.snapshots.hold("s", "case 8", WHO)
        ledger.snapshots.revoke("s", "x", WHO)
        assert ledger.snapshots.hold("s", "", WHO).held == "approved for y"
        with pytest.raises(Held, match="approved for y"):
            ledger.snapshots.delete("s", WHO)

    def test_nothing_stands_in_for_an_approval_that_is_taken_back(self, ledger: Ledger) -> None:
        commit(ledger, A)
        for name in ("one", "two", "three"):
            pin(ledger, name, A, strategy="x")
        for name in ("one", "two"):
            ledger.snapshots.approve(name, "x", WHO)
        ledger.snapshots.revoke("two", "x", WHO)
        found = ledger.snapshots.of_strategy("x")
        assert found is not None
        assert found.id == "one"
        ledger.snapshots.revoke("one", "x", WHO)
        assert ledger.snapshots.of_strategy("x") is None
        ledger.snapshots.approve("two", "x", WHO)
        again = ledger.snapshots.of_strategy("x")
        assert again is not None
        assert again.id == "two"

    def test_snapshots_are_listed_in_pages(self, ledger: Ledger) -> None:
        commit(ledger, A)
        for name in ("b", "c", "a", "d", "e"):
            pin(ledger, name, A, strategy="x" if name != "c" else "y")
        whole = ledger.snapshots.list(strategy="x")
        found = ledger.snapshots.list(strategy="x", limit=2)
        while len(found) < len(whole):
            before = (found[-1].created_at, found[-1].id)
            page = ledger.snapshots.list(strategy="x", before=before, limit=2)
            assert 0 < len(page) <= 2
            found += page
        assert found == whole
        assert ledger.snapshots.list(strategy="x", before=(whole[-1].created_at, whole[-1].id)) == []

    def test_a_legal_hold_blocks_deletion_until_it_is_released(self, ledger: Ledger) -> None:
        commit(ledger, A)
        before = pin(ledger, "s", A)
        held = ledger.snapshots.hold("s", "case 7", WHO)
        assert held == ledger.snapshots.get("s") == replace(before, held="case 7")
        with pytest.raises(Held, match="case 7"):
            ledger.snapshots.delete("s", WHO)
        assert ledger.snapshots.get("s") == held
        assert ledger.snapshots.hold("s", "", WHO) == before
        deleted = ledger.snapshots.delete("s", WHO)
        assert deleted == replace(before, state="deleted")
        assert ledger.snapshots.get("s") is None
        assert ledger.snapshots.list(deleted=True) == [deleted]

    def test_what_is_deleted_or_unknown_cannot_be_changed(self, ledger: Ledger) -> None:
        commit(ledger, A)
        pin(ledger, "gone", A)
        ledger.snapshots.delete("gone", WHO)
        entries = ledger.audit.count()
        for name in ("gone", "never"):
            attempts: list[Callable[[], object]] = [
                partial(ledger.snapshots.hold, name, "why", WHO),
                partial(ledger.snapshots.approve, name, "x", WHO),
                partial(ledger.snapshots.revoke, name, "x", WHO),
                partial(ledger.snapshots.set_materialised, name, WHO),
                partial(ledger.snapshots.delete, name, WHO),
            ]
            for attempt in attempts:
                with pytest.raises(VersionNotFound):
                    attempt()
        assert ledger.audit.count() == entries
        assert ledger.snapshots.of_strategy("x") is None

    def test_every_step_of_a_snapshot_is_told(self, ledger: Ledger) -> None:
        commit(ledger, A)
        before = ledger.audit.count()
        snapshot = pin(ledger, "s", A)
        ledger.snapshots.set_materialised("s", WHO)
        ledger.snapshots.approve("s", "x", WHO)
        ledger.snapshots.revoke("s", "x", WHO)
        ledger.snapshots.delete("s", WHO)
        entries = ledger.audit.entries(after=before, series=A)
        assert len(entries) == ledger.audit.count() - before == 5
        assert {(entry.data["snapshot"], entry.data["data_hash"]) for entry in entries} == {("s", snapshot.data_hash)}
        assert entries[0].data["pins"][0]["digest"] == (snapshot.pins[0].digest or b"").hex()

    def test_pins_among_a_series_own_rows_are_known(self, ledger: Ledger) -> None:
        commit(ledger, A, B)
        kept, both = pin(ledger, "kept", A), pin(ledger, "both", B, A)
        for name in ("materialised", "deleted"):
            pin(ledger, name, A)
        ledger.snapshots.set_materialised("materialised", WHO)
        ledger.snapshots.delete("deleted", WHO)
        ledger.snapshots.add_named("named", _named(A), WHO)
        part = pin(ledger, "pinning", A, interval=Interval(year(1970) + 1, year(1971)))
        key = lambda one: (one.interval, one.rows)  # noqa: E731 - an order of pins for this test
        found = sorted(ledger.snapshots.pins_of(A), key=key)
        assert found == sorted([kept.pins[0], both.pins[1], part.pins[0]], key=key)
        assert ledger.snapshots.pins_of(B) == [both.pins[0]]
        assert ledger.snapshots.pins_of(C) == []

    def test_digests_of_pinned_states_outlive_corrections(self, ledger: Ledger) -> None:
        numbers = range(1980, 1986)
        state = {number: block(number, 0) for number in numbers}
        commit(ledger, A, blocks=list(state.values()))
        pinned: dict[str, tuple[int, list[Block]]] = {}
        for step, touched in enumerate([(1985,), (1981,), (1981, 1985), (1983,), (1980, 1985), (1981,)], 1):
            snapshot = pin(ledger, f"s{step}", A)
            pinned[snapshot.id] = (snapshot.pins[0].revision, sorted(state.values()))
            state |= {number: block(number, step) for number in touched}
            commit(ledger, A, blocks=[state[number] for number in touched])
            if step == 3:
                gone = state.pop(1982)
                commit(ledger, A, blocks=[], emptied=[gone.start], new=0, withdrawn=10)
            for revision, expected in pinned.values():
                assert ledger.catalog.blocks(A, everything(), revision=revision) == expected
            if step in (2, 5):
                revision, _ = pinned.pop(f"s{step}")
                ledger.snapshots.delete(f"s{step}", WHO)
                assert ledger.catalog.blocks(A, everything(), revision=revision) is None
        assert ledger.catalog.blocks(A, everything()) == sorted(state.values())
        assert ledger.catalog.blocks(A, everything(), revision=12345) is None
        assert ledger.catalog.blocks(B, everything(), revision=12345) is None

    def test_a_large_snapshot_comes_back_in_its_order(self, ledger: Ledger) -> None:
        many = [series(f"I{at}") for at in range(120)]
        commit(ledger, *many)
        snapshot = pin(ledger, "s", *reversed(many))
        assert [one.series for one in snapshot.pins] == many[::-1]
        assert ledger.snapshots.get("s") == snapshot


class NamedPromises:
    """Bars written under a name never change."""

    def test_a_named_version_holds_several_series(self, ledger: Ledger, open_ledger: Callable[..., Ledger]) -> None:
        first = ledger.snapshots.add_named("v1", _named(A), WHO)
        both = ledger.snapshots.add_named("v1", _named(B), WHO)
        assert (both.kind, both.state, both.materialised) == ("named", "complete", True)
        assert both.pins == (_named(A), _named(B))
        assert both.data_hash != first.data_hash
        assert open_ledger().snapshots.get("v1") == both
        assert ledger.snapshots.list() == [both]

    def test_the_same_bars_may_be_written_again_and_others_not(self, ledger: Ledger) -> None:
        first = ledger.snapshots.add_named("v1", _named(A), WHO)
        entries = ledger.audit.count()
        assert ledger.snapshots.add_named("v1", _named(A), WHO) == first
        with pytest.raises(VersionImmutable):
            ledger.snapshots.add_named("v1", replace(_named(A), digest=bytes(32)), WHO)
        assert ledger.snapshots.get("v1") == first
        assert ledger.audit.count() == entries

    def test_a_snapshot_s_id_is_no_name(self, ledger: Ledger) -> None:
        commit(ledger, A)
        snapshot = pin(ledger, "s", A)
        with pytest.raises(NameTaken):
            ledger.snapshots.add_named("s", _named(B), WHO)
        assert ledger.snapshots.get("s") == snapshot


class OutboxPromises:
    """What the store has to mirror waits until it is acknowledged."""

    def test_a_complete_snapshot_is_on_its_way_to_the_mirror(
        self, ledger: Ledger, open_ledger: Callable[..., Ledger]
    ) -> None:
        other = series("AAPL", source="other")
        first = commit(ledger, A, B)
        second = commit(ledger, other)
        snapshot = pin(ledger, "s", A, other, B, strategy=None)
        assert snapshot.mirrored
        parcels = open_ledger().outbox.waiting()
        assert [(parcel.snapshot_id, parcel.measurement, parcel.tries) for parcel in parcels] == [
            ("s", "data_audit", 0)
        ] * 2
        assert {parcel.time for parcel in parcels} == {snapshot.created_at}
        assert [dict(parcel.tags) for parcel in parcels] == [
            {"instrument": name, "timeframe": "1d", "snapshot_id": "s", "strategy_id": "none"}
            for name in ("AAPL", "MSFT")
        ]
        fields = dict(parcels[0].fields)
        versions = json.loads(str(fields.pop("source_versions")))
        assert versions == {"test": str(first), "other": str(second)}
        assert fields == {"created_by": "tester", "purpose": "backtest", "data_hash": snapshot.data_hash}

    def test_a_parcel_waits_until_it_is_delivered(self, ledger: Ledger, open_ledger: Callable[..., Ledger]) -> None:
        commit(ledger, A)
        for name in ("one", "two", "three"):
            pin(ledger, name, A, strategy="x")
        one, two, three = ledger.outbox.waiting()
        assert [parcel.snapshot_id for parcel in (one, two, three)] == ["one", "two", "three"]
        ledger.outbox.failed([one, two], "no answer")
        ledger.outbox.failed(ledger.outbox.waiting()[:1], "no answer")
        ledger.outbox.delivered([two])
        assert open_ledger().outbox.waiting() == [replace(one, tries=2), three]
        ledger.outbox.delivered(ledger.outbox.waiting())
        assert ledger.outbox.waiting() == []

    def test_an_unfinished_snapshot_is_not_mirrored(self, ledger: Ledger) -> None:
        commit(ledger, A, blocks=[block(1980, 1)])
        half = pin(ledger, "s", A, interval=Interval(year(1980) + 1, year(1981)))
        assert ledger.outbox.waiting() == []
        ledger.snapshots.complete("s", [replace(half.pins[0], rows=1, digest=bytes(32))], WHO)
        assert [parcel.snapshot_id for parcel in ledger.outbox.waiting()] == ["s"]


def _named(one: Series) -> Pin:
    return Pin(series=one, interval=everything(), revision=0, rows=3, digest=bytes(range(32)))
