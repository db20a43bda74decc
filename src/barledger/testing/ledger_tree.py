"""What every ledger promises of the Merkle tree over its audit log, and of checkpoints."""

from collections.abc import Callable
from typing import Final

import pytest

from barledger.domain.merkle import EMPTY, Tree, consistent, includes, leaf_hash
from barledger.errors import EntryNotFound, LeaseLost
from barledger.ledger.contract import KEPT_LEVELS, Ledger, Outcome, SignedCheckpoint, Who
from barledger.testing.bars import series
from barledger.testing.commits import WHO, begin, change, commit

A, B = series("AAPL"), series("MSFT")
# More than a row of kept nodes of the second kept level needs.
_MANY: Final = 2 ** (2 * KEPT_LEVELS) + 2**KEPT_LEVELS + 3
_LOOK: Final = Who(actor="someone", operation="look")


def checkpoint(size: int, key: str = "k", *, signed_at: int = 1) -> SignedCheckpoint:
    """Return a checkpoint that nobody has signed."""
    return SignedCheckpoint(size=size, root=leaf_hash(b"%d" % size), key=key, note=f"note {size}", signed_at=signed_at)


def leaves(ledger: Ledger) -> list[bytes]:
    """Return the leaves that the entries' own bytes have."""
    return [leaf_hash(entry.body.encode()) for entry in ledger.audit.entries()]


class TreePromises:
    """The tree grows with the log, in the same transactions, and proves every entry at every size."""

    def test_an_empty_log_has_the_root_of_nothing(self, ledger: Ledger) -> None:
        frontier = ledger.audit.frontier()
        assert (ledger.audit.size(), frontier.size, frontier.root) == (0, 0, EMPTY)
        assert ledger.audit.root(0) == EMPTY
        assert ledger.audit.checkpoints() == []

    def test_the_tree_is_that_of_the_entries(self, ledger: Ledger, open_ledger: Callable[..., Ledger]) -> None:
        for number in range(_MANY):
            ledger.audit.append(_LOOK, {"number": number})
        other = open_ledger()
        tree = Tree(leaves(ledger))
        frontier = other.audit.frontier()
        assert (other.audit.size(), frontier.size, frontier.root) == (_MANY, _MANY, tree.root())
        sizes = sorted({1, 2, 15, 16, 17, 255, 256, 257, _MANY - 1, _MANY})
        for size in sizes:
            assert other.audit.root(size) == tree.root(size)
            for sequence in sorted({1, 2, 16, 17, 200, 256, 257, size}):
                if sequence <= size:
                    proof = other.audit.inclusion(sequence, size)
                    assert proof == tree.inclusion(sequence - 1, size)
                    leaf = tree.hash_of((0, sequence - 1))
                    assert includes(tree.root(size), size, sequence - 1, leaf, proof)
            for old in sizes:
                if old <= size:
                    proof = other.audit.consistency(old, size)
                    assert consistent(tree.root(old), old, tree.root(size), size, proof)
        nodes = [(KEPT_LEVELS, number) for number in range(_MANY >> KEPT_LEVELS)] + [(2 * KEPT_LEVELS, 0)]
        assert other.audit.kept([*nodes, (KEPT_LEVELS, 9999)]) == {node: tree.hash_of(node) for node in nodes}

    def test_every_operation_lets_the_tree_grow(self, ledger: Ledger) -> None:
        commit(ledger, A)
        commit(ledger, A, B)
        ledger.catalog.set_priority("*", "*", ["a"], "fill", WHO)
        assert ledger.audit.frontier().root == Tree(leaves(ledger)).root()
        assert [(kept.entry, kept.leaf) for kept in ledger.audit.raw(after=1, limit=5)] == list(
            zip(ledger.audit.entries(after=1), leaves(ledger)[1:], strict=True)
        )

    def test_what_fails_leaves_the_tree_as_it_was(self, ledger: Ledger) -> None:
        commit(ledger, A)
        before = ledger.audit.frontier().root
        pending = begin(ledger, A)
        with pytest.raises(LeaseLost):
            ledger.revisions.commit(pending, Outcome(changes=[change(A), change(B)]), WHO)
        ledger.check_writable()
        assert ledger.audit.frontier().root == before
        commit(ledger, B)
        assert ledger.audit.frontier().root == Tree(leaves(ledger)).root()

    def test_what_is_not_there_is_not_proved(self, ledger: Ledger) -> None:
        commit(ledger, A)
        for question in (
            lambda: ledger.audit.root(2),
            lambda: ledger.audit.root(-1),
            lambda: ledger.audit.inclusion(0, 1),
            lambda: ledger.audit.inclusion(2, 1),
            lambda: ledger.audit.inclusion(1, 2),
            lambda: ledger.audit.consistency(2, 1),
            lambda: ledger.audit.consistency(0, 2),
        ):
            with pytest.raises(EntryNotFound):
                question()

    def test_entries_are_found_by_strategy_and_time(self, ledger: Ledger) -> None:
        commit(ledger, A)
        made = [
            ledger.audit.append(_LOOK, {"number": number}, series=[A, B], strategy=strategy)
            for number, strategy in enumerate(("one", "two", "one", ""))
        ]
        assert ledger.audit.of_strategy("one") == [made[0], made[2]]
        assert ledger.audit.of_strategy("one", until=made[2].time - 1) == [made[0]]
        assert ledger.audit.of_strategy("one", since=made[0].time + 1) == [made[2]]
        assert ledger.audit.of_strategy("one", since=made[0].time, until=made[0].time) == [made[0]]
        assert ledger.audit.of_strategy("") == ledger.audit.of_strategy("three") == []
        # A series that was never written has no entries, and is not made by being looked at.
        assert [entry.sequence for entry in ledger.audit.entries(series=A)] == [1, 2, 3, 4, 5]
        assert ledger.audit.entries(series=B) == []
        assert ledger.catalog.series() == [A]

    def test_the_newest_entries_come_in_order(self, ledger: Ledger) -> None:
        for _ in range(3):
            commit(ledger, A)
            ledger.audit.append(_LOOK, {})
        assert [entry.sequence for entry in ledger.audit.newest(2)] == [5, 6]
        assert [entry.sequence for entry in ledger.audit.newest(2, operation="look")] == [4, 6]
        assert len(ledger.audit.newest(100)) == 6
        assert ledger.audit.newest(0) == []

    def test_checkpoints_stay_as_they_were_signed(self, ledger: Ledger, open_ledger: Callable[..., Ledger]) -> None:
        first, second = checkpoint(5), checkpoint(9, signed_at=2)
        for one in (second, first, checkpoint(5, signed_at=3)):
            ledger.audit.keep_checkpoint(one)
        by_another = checkpoint(9, "other key", signed_at=4)
        ledger.audit.keep_checkpoint(by_another)
        other = open_ledger()
        assert other.audit.checkpoints() == [first, second, by_another]
        assert other.audit.checkpoints(newest=1) == [by_another]
        assert ledger.audit.count() == 0
