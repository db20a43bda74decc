"""What a ledger promises of retention."""

from dataclasses import replace
from typing import Any

import pytest

from barledger.domain.digest import root_digest
from barledger.domain.interval import Interval, everything
from barledger.errors import RevisionExpired
from barledger.ledger.contract import Forgotten, Gone, Ledger
from barledger.testing.bars import series
from barledger.testing.commits import WHO, begin, block, commit, pin, stretch, year

A = series("AAPL")


class RetentionPromises:
    """Retention says what it forgets before anything is deleted, and heeds every pin."""

    def test_retention_leaves_a_horizon_gaps_and_the_digests_of_what_is_left(self, ledger: Ledger) -> None:
        first = commit(ledger, A, blocks=[block(1970, 0), block(1971, 0), block(1972, 0)])
        pending = begin(ledger, A)
        left = {"blocks": [block(1971, 1, rows=4)], "emptied": [year(1970)]}
        assert ledger.revisions.forget(pending, _forgotten(first, floor=2, **left), {"rule": "a"}, WHO)
        state, blocks = ledger.revisions.state(A), [block(1971, 1, rows=4), block(1972, 0)]
        gone = Gone(interval=stretch(0, 4), revision=pending.revision)
        assert (state.revision, state.horizon, state.gone, state.edition_floor) == (first, first, (gone,), 2)
        assert (state.digest, state.rows, state.newest) == (root_digest(blocks), 14, blocks[-1])
        assert ledger.catalog.blocks(A, everything()) == blocks
        entry = ledger.audit.entries(series=A)[-1].data
        assert (entry["revision"], entry["details"]) == (str(pending.revision), {"rule": "a"})
        assert entry["series"][0]["digest_after"] == state.digest.hex()

    def test_what_is_written_again_is_refilled(self, ledger: Ledger) -> None:
        commit(ledger, A)
        pending = begin(ledger, A)
        ledger.revisions.forget(pending, _forgotten(5), {}, WHO)
        ledger.revisions.discard(pending, WHO)
        assert [gone.refilled for gone in ledger.revisions.state(A).gone] == [False]
        commit(ledger, A, days=(2, 8))
        assert set(ledger.revisions.state(A).gone) == {
            Gone(interval=stretch(2, 4), revision=pending.revision, refilled=True),
            Gone(interval=stretch(0, 2), revision=pending.revision),
        }

    def test_a_horizon_never_goes_back(self, ledger: Ledger) -> None:
        commit(ledger, A)
        pending = begin(ledger, A)
        for horizon, floor in ((7, 3), (5, 1)):
            assert ledger.revisions.forget(pending, _forgotten(horizon, floor=floor), {}, WHO)
        state = ledger.revisions.state(A)
        assert (state.horizon, state.edition_floor) == (7, 3)
        assert [gone.interval for gone in state.gone] == [stretch(0, 4)]

    def test_a_pin_that_was_not_heeded_stops_retention(self, ledger: Ledger) -> None:
        commit(ledger, A)
        pins = pin(ledger, "s", A).pins
        before, entries = ledger.revisions.state(A), ledger.audit.count()
        pending = begin(ledger, A)
        assert not ledger.revisions.forget(pending, _forgotten(5, emptied=[year(1970)]), {}, WHO)
        changed = replace(before, allocated=pending.revision, pending=pending.revision)
        assert ledger.revisions.state(A) == changed
        assert ledger.audit.count() == entries
        assert ledger.revisions.forget(pending, _forgotten(5, pins=pins), {}, WHO)

    def test_what_is_left_can_be_corrected_though_it_is_pinned(self, ledger: Ledger) -> None:
        blocks = [block(1970, 0), block(1971, 0), block(1972, 0)]
        first = commit(ledger, A, blocks=blocks)
        pins = pin(ledger, "s", A, interval=Interval(year(1971), year(1973))).pins
        for seed in (1, 2):
            pending = begin(ledger, A)
            told = _forgotten(first, blocks=[block(1970, seed, rows=3 - seed)], pins=pins)
            assert ledger.revisions.forget(pending, told, {}, WHO)
            ledger.revisions.discard(pending, WHO)
        commit(ledger, A, blocks=[block(1970, 3), block(1971, 3)])
        pinned = Interval(year(1971), year(1973))
        assert ledger.catalog.blocks(A, pinned, revision=first) == blocks[1:]
        assert ledger.catalog.blocks(A, everything()) == [block(1970, 3), block(1971, 3), blocks[2]]

    def test_what_retention_deleted_cannot_be_pinned(self, ledger: Ledger) -> None:
        commit(ledger, A, blocks=[block(1971, 0)])
        pending = begin(ledger, A)
        ledger.revisions.forget(pending, _forgotten(5), {}, WHO)
        ledger.revisions.discard(pending, WHO)
        with pytest.raises(RevisionExpired):
            pin(ledger, "s", A, interval=stretch(2, 3000))
        assert ledger.snapshots.get("s") is None
        assert pin(ledger, "rest", A, interval=stretch(4, 3000)).pins[0].rows == 10


def _forgotten(horizon: int, *, floor: int = 1, **told: Any) -> Forgotten:
    return Forgotten(series=A, horizon=horizon, intervals=[stretch(0, 4)], edition_floor=floor, **told)
