"""Logs that were changed behind the library's back."""

# ruff: noqa: S608 - a forger writes statements of his own

from pathlib import Path

import pytest

from audits import MANY, public_file, said, tamper, url_of, write_some
from barledger import BarLedger
from barledger.domain.merkle import leaf_hash
from barledger.errors import LogRewritten, StoreDamaged


def test_a_log_that_nobody_touched_is_well(bl: BarLedger) -> None:
    assert bl.audit.verify().ok
    write_some(bl, MANY)
    found = bl.audit.verify()
    assert (found.ok, found.size, found.signed, found.first_wrong) == (True, MANY, 0, 0)
    bl.audit.checkpoint()
    write_some(bl, 2)
    found = bl.audit.verify()
    assert (found.ok, found.size, found.signed, found.checkpoints) == (True, MANY + 3, MANY + 1, 1)
    assert "signed up to 41" in str(found)


@pytest.mark.parametrize(
    ("statement", "first"),
    [
        ("UPDATE audit SET body = replace(body, 'tester', 'nobody') WHERE sequence = 7", 7),
        ("UPDATE audit SET actor = 'nobody' WHERE sequence = 9", 9),
        ("UPDATE audit SET time = time + 1 WHERE sequence = 9", 9),
        ("UPDATE audit SET body = 'nonsense' WHERE sequence = 30", 30),
        ("DELETE FROM audit_series; DELETE FROM audit WHERE sequence = 12", 12),
        ("DELETE FROM audit_series; DELETE FROM audit WHERE sequence <= 5", 1),
        ("DELETE FROM audit_series; DELETE FROM audit WHERE sequence > 20", 21),
        ("DELETE FROM audit_series; UPDATE audit SET sequence = 99 WHERE sequence = 3", 3),
        (
            "DELETE FROM audit_series; UPDATE audit SET sequence = sequence + 100 WHERE sequence IN (3, 4); "  # noqa: ISC004
            "UPDATE audit SET sequence = 107 - sequence WHERE sequence > 100",
            3,
        ),
        (
            "UPDATE audit_nodes SET hash = (SELECT leaf FROM audit WHERE sequence = 1) WHERE level = 4 AND number = 1",
            17,
        ),
        ("DELETE FROM audit_nodes WHERE number = 0", 1),
        ("UPDATE audit SET leaf = (SELECT leaf FROM audit WHERE sequence = 1) WHERE sequence = 20", 20),
    ],
)
def test_the_first_entry_that_is_wrong_is_named(bl: BarLedger, statement: str, first: int) -> None:
    write_some(bl, MANY)
    bl.audit.checkpoint()
    tamper(url_of(bl), *statement.split("; "))
    found = bl.audit.verify()
    assert found.first_wrong == first, str(found)
    assert f"{first}" in str(found)


def test_whoever_hashes_everything_again_is_found_by_the_signature(bl: BarLedger, anchor: Path) -> None:
    write_some(bl, 3)
    bl.audit.checkpoint(anchor=anchor)
    write_some(bl, MANY)
    kept = bl.audit.checkpoint()
    _rewrite(bl, 20)
    found = said(bl.audit.verify(anchor=anchor))
    # Nobody can tell which one between two checkpoints it is; it is said between which.
    assert [(first, last) for first, last, _ in found] == [(5, kept.size)]
    with pytest.raises(LogRewritten):
        bl.audit.checkpoint()
    with pytest.raises(LogRewritten):
        bl.audit.export(anchor.parent / "export")


def test_checkpoints_that_were_taken_away_are_missed_by_the_anchor_alone(bl: BarLedger, anchor: Path) -> None:
    write_some(bl, 30)
    bl.audit.checkpoint(anchor=anchor)
    _rewrite(bl, 20)
    tamper(url_of(bl), "DELETE FROM checkpoints")
    assert bl.audit.verify().ok
    assert bl.audit.verify(anchor=anchor).first_wrong == 1


def test_a_log_that_was_cut_with_its_tree_is_shorter_than_what_was_signed(bl: BarLedger, anchor: Path) -> None:
    write_some(bl, 30)
    bl.audit.checkpoint(anchor=anchor)
    frontier = _grown(bl, 25)
    tamper(
        url_of(bl),
        "DELETE FROM audit_series",
        "DELETE FROM audit WHERE sequence > 25",
        f"UPDATE clock SET sequence = 25, frontier = {_blob(bl, frontier)}",
    )
    first, last, told = said(bl.audit.verify())[0]
    assert (first, last) == (26, 31)
    assert "missing" in told
    with pytest.raises(LogRewritten, match="only 25"):
        bl.audit.checkpoint()
    tamper(url_of(bl), "DELETE FROM checkpoints")
    assert bl.audit.verify(anchor=anchor).first_wrong == 26


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE checkpoints SET root = (SELECT leaf FROM audit WHERE sequence = 1)",
        "UPDATE checkpoints SET size = 2",
        "UPDATE checkpoints SET note = upper(note)",
        "UPDATE checkpoints SET note = 'nonsense'",
    ],
)
def test_a_checkpoint_that_was_changed_is_told(bl: BarLedger, statement: str) -> None:
    write_some(bl, 3)
    bl.audit.checkpoint()
    tamper(url_of(bl), statement)
    assert "checkpoint" in said(bl.audit.verify())[0][2]


def test_a_checkpoint_by_somebody_else_counts_for_nothing(bl: BarLedger, tmp_path: Path) -> None:
    write_some(bl, 3)
    bl.audit.checkpoint()
    mine = public_file(bl).read_text()
    stolen = bl.audit.rotate_key(lost=True)
    (tmp_path / "old.pub").write_text(mine)
    # What the old key signed is well; whoever trusts it alone sees that the log says who came after it.
    assert bl.audit.verify(key=tmp_path / "old.pub").ok
    tamper(url_of(bl), "DELETE FROM checkpoints WHERE size < 5")
    found = bl.audit.verify(key=tmp_path / "old.pub")
    assert [one.what for one in found.wrong] == [f"the checkpoint of {stolen.size} entries of {_when(bl)}"]


def test_a_tree_that_is_broken_lets_nothing_be_written(bl: BarLedger) -> None:
    write_some(bl, 3)
    tamper(url_of(bl), "UPDATE clock SET frontier = NULL")
    with pytest.raises(StoreDamaged, match="complete subtrees"):
        write_some(bl, 1)
    assert "tree" in said(bl.audit.verify())[0][2]


def _grown(bl: BarLedger, size: int) -> bytes:
    from barledger.domain.merkle import Frontier  # noqa: PLC0415 - a forger's own tree

    frontier = Frontier()
    for kept in bl.vault.ledger.audit.raw(after=0, limit=size):
        frontier.add(leaf_hash(kept.entry.body.encode()))
    return frontier.packed


def _blob(bl: BarLedger, data: bytes) -> str:
    return f"x'{data.hex()}'" if "sqlite" in url_of(bl) else f"'\\x{data.hex()}'::bytea"


def _rewrite(bl: BarLedger, sequence: int) -> None:
    """Change an entry, and hash everything above it again."""
    from barledger.domain.merkle import Frontier  # noqa: PLC0415 - a forger's own tree

    frontier, statements = Frontier(), []
    for kept in bl.vault.ledger.audit.raw(after=0, limit=len(bl.audit)):
        body = kept.entry.body
        if kept.entry.sequence == sequence:
            body = body.replace("tester", "nobody")
            leaf = _blob(bl, leaf_hash(body.encode()))
            changed = f"actor = 'nobody', body = replace(body, 'tester', 'nobody'), leaf = {leaf}"
            statements.append(f"UPDATE audit SET {changed} WHERE sequence = {sequence}")
        for (level, number), hashed in frontier.add(leaf_hash(body.encode())):
            if level % 4 == 0:
                where = f"level = {level} AND number = {number}"
                statements.append(f"UPDATE audit_nodes SET hash = {_blob(bl, hashed)} WHERE {where}")
    statements.append(f"UPDATE clock SET frontier = {_blob(bl, frontier.packed)}")
    tamper(url_of(bl), *statements)


def _when(bl: BarLedger) -> str:
    from barledger.domain.interval import format_time  # noqa: PLC0415 - for this alone

    return format_time(bl.audit.checkpoints()[-1].signed_at)
