"""Signing and checking a library's own log: keys, checkpoints, anchors, and logs that were changed behind its back."""

# ruff: noqa: S608 - a forger writes statements of his own

import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import barledger
from audits import listening, signed_library, tamper, url_of, write_some
from barledger import BarLedger
from barledger.domain.checkpoint import Checkpoint
from barledger.domain.merkle import consistent, includes, leaf_hash
from barledger.domain.note import Note, PublicKey
from barledger.domain.notice import Notice
from barledger.errors import (
    EntryNotFound,
    InvalidName,
    InvalidSetting,
    KeyExposed,
    KeyMissing,
    LogRewritten,
    NotEmpty,
    ReadOnly,
    StoreDamaged,
    StoreUnwritable,
)
from barledger.services.audit.report import AuditVerification
from libraries import frame

LEDGERS = ["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)]
# More than the kept nodes of one level cover, so that they are looked at, too.
MANY = 40


@pytest.fixture(params=LEDGERS)
def bl(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[BarLedger]:
    url = request.getfixturevalue("postgres_url") if request.param == "postgres" else None
    with signed_library(tmp_path / "library", url) as opened:
        yield opened


@pytest.fixture
def anchor(tmp_path: Path) -> Path:
    return tmp_path / "anchor"


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def key_file(bl: BarLedger) -> Path:
    place = bl.audit._signer.keys.place
    assert place is not None
    return place.folder / "audit.key"


def public_file(bl: BarLedger) -> Path:
    place = bl.audit._signer.keys.place
    assert place is not None
    return place.public


def said(found: AuditVerification) -> list[tuple[int, int, str]]:
    assert not found.ok
    assert not found
    return [(one.sequence, one.last, str(one)) for one in found.wrong]


# --- keys ------------------------------------------------------------------------------------------


def test_the_key_is_made_on_first_use_for_its_owner_alone(bl: BarLedger) -> None:
    write_some(bl, 1)
    assert not key_file(bl).exists()
    assert bl.audit.public_key is None
    bl.audit.checkpoint()
    assert (mode(key_file(bl)), mode(key_file(bl).parent)) == (0o600, 0o700)
    assert PublicKey.of(public_file(bl).read_text()) == bl.audit.public_key
    (named,) = bl.audit.entries(operation="audit-key")
    assert named.data["public_key"] == str(bl.audit.public_key)
    made = key_file(bl).read_bytes()
    write_some(bl, 1)
    bl.audit.checkpoint()
    assert key_file(bl).read_bytes() == made
    assert len(bl.audit.entries(operation="audit-key")) == 1


@pytest.mark.skipif(os.name != "posix", reason="modes are POSIX's")
def test_a_key_that_others_may_read_signs_nothing(bl: BarLedger) -> None:
    bl.audit.checkpoint()
    write_some(bl, 1)
    for path, wrong, right in ((key_file(bl).parent, 0o755, 0o700), (key_file(bl), 0o640, 0o600)):
        path.chmod(wrong)
        with pytest.raises(KeyExposed, match=f"{wrong:04o}") as refused:
            bl.audit.checkpoint()
        assert f"chmod go-rwx '{path}'" in refused.value.advice
        path.chmod(right)
    assert bl.audit.checkpoint().size == len(bl.audit)


@pytest.mark.skipif(os.name != "posix", reason="modes are POSIX's")
def test_no_key_is_made_in_a_folder_that_others_may_read(bl: BarLedger) -> None:
    key_file(bl).parent.mkdir(parents=True)
    key_file(bl).parent.chmod(0o755)
    with pytest.raises(KeyExposed):
        bl.audit.checkpoint()
    assert not key_file(bl).exists()
    assert len(bl.audit) == 0


def test_keys_lie_beside_the_ledger(tmp_path: Path, postgres_url: str) -> None:
    home = tmp_path / "home"
    places = {
        tmp_path / "a b%20c": (None, "keys/audit.key", "audit.pub"),
        tmp_path / "named": (f"sqlite:///{tmp_path / 'named' / 'x 1%.sqlite'}", "x 1%.keys/audit.key", "x 1%.pub"),
    }
    for folder, (ledger, private, public) in places.items():
        folder.mkdir()
        with barledger.connect(folder, ledger=ledger) as bl:
            bl.audit.checkpoint()
            assert (key_file(bl), public_file(bl)) == (folder / private, folder / public)
            assert key_file(bl).exists()
            assert public_file(bl).exists()
    with signed_library(home, postgres_url) as bl:
        bl.audit.checkpoint()
        assert (key_file(bl), public_file(bl)) == (
            home / "keys" / bl.vault.ledger.id / "audit.key",
            home / "keys" / f"{bl.vault.ledger.id}.pub",
        )


def test_a_ledger_in_memory_has_a_key_in_memory() -> None:
    with barledger.connect("memory:") as bl:
        write_some(bl, 2)
        assert bl.audit.checkpoint().size == 3
        assert bl.audit.verify().ok
        assert bl.audit.rotate_key().key == str(bl.audit.public_key)
        assert bl.audit.verify().ok


def test_a_key_that_is_gone_is_asked_for_and_never_made_anew_in_silence(bl: BarLedger) -> None:
    first = bl.audit.checkpoint()
    key_file(bl).unlink()
    with pytest.raises(KeyMissing) as refused:
        bl.audit.checkpoint()
    assert (refused.value.key, refused.value.folder) == (first.key, str(key_file(bl).parent))
    assert "--lost" in refused.value.advice
    with pytest.raises(KeyMissing):
        bl.audit.rotate_key()
    assert not key_file(bl).exists()
    after = bl.audit.rotate_key(lost=True, reason="the disk broke")
    assert after.key != first.key
    entry = bl.audit.entries(operation="audit-key")[-1]
    assert (entry.data["replaces"], entry.data["public_key"], entry.data["reason"]) == (
        first.key,
        after.key,
        "the disk broke",
    )
    assert bl.audit.verify().ok


def test_the_key_of_another_log_signs_nothing(bl: BarLedger, tmp_path: Path) -> None:
    bl.audit.checkpoint()
    with signed_library(tmp_path / "other") as other:
        other.audit.checkpoint()
        key_file(bl).write_bytes(key_file(other).read_bytes())
    write_some(bl, 1)
    with pytest.raises(KeyMissing):
        bl.audit.checkpoint()


def test_a_new_key_is_vouched_for_by_the_old_one(bl: BarLedger) -> None:
    write_some(bl, 3)
    before = bl.audit.checkpoint()
    old = PublicKey.of(before.key)
    after = bl.audit.rotate_key(reason="as every year")
    assert after.key == str(bl.audit.public_key) == public_file(bl).read_text().strip() != before.key
    (entry,) = bl.audit.entries(operation="rotate-audit-key")
    note = Note.of(entry.data["note"])
    assert note.signer([old]) == old
    assert note.text.splitlines()[1:] == [before.key, after.key]
    assert Note.of(after.note).signer([old]) is None
    assert [path.name for path in key_file(bl).parent.iterdir()] == ["audit.key"]
    assert bl.audit.verify().ok


@pytest.mark.parametrize("lost", [False, True])
def test_a_rotation_that_was_interrupted_is_gone_on_with(bl: BarLedger, lost: bool) -> None:  # noqa: FBT001 - a case
    before = bl.audit.checkpoint()
    signer = bl.audit._signer
    checkpoint, signer_type = signer.checkpoint, type(signer)

    class Interrupted(signer_type):  # type: ignore[valid-type, misc]
        def checkpoint(self, *, anchor: Path | None = None) -> Any:
            if self.keys.load() is not None and str(self.keys.load().public) != before.key:
                raise KeyboardInterrupt
            return checkpoint(anchor=anchor)

    interrupted = Interrupted(vault=signer.vault, keys=signer.keys)
    with pytest.raises(KeyboardInterrupt):
        interrupted.rotate(lost=lost)
    assert bl.audit.checkpoint().key != before.key
    assert bl.audit.verify().ok


# --- checkpoints -----------------------------------------------------------------------------------


def test_a_checkpoint_signs_the_log_as_it_is(bl: BarLedger) -> None:
    write_some(bl, 3)
    signed = bl.audit.checkpoint()
    note = Note.of(signed.note)
    read = Checkpoint.of(note.text)
    assert note.signer([bl.audit.public_key]) == bl.audit.public_key
    assert (read.origin, read.size, read.root) == (bl.vault.ledger.id, 4, signed.root)
    assert signed.root == bl.vault.ledger.audit.frontier().root
    assert bl.audit.checkpoint() == signed
    write_some(bl, 1)
    assert bl.audit.checkpoint().size == 5
    assert [one.size for one in bl.audit.checkpoints()] == [4, 5]


def test_every_entry_is_proved(bl: BarLedger) -> None:
    write_some(bl, MANY)
    old = bl.audit.checkpoint()
    write_some(bl, 3)
    for sequence in range(1, MANY + 5):
        proof = bl.audit.prove(sequence)
        leaf = leaf_hash(proof.entry.body.encode())
        assert proof.ok
        assert includes(proof.checkpoint.root, proof.checkpoint.size, sequence - 1, leaf, proof.hashes)
        assert (proof.entry.sequence, proof.checkpoint.size >= sequence) == (sequence, True)
    assert bl.audit.prove(1, checkpoint=old).checkpoint == old
    for size in range(MANY + 3):
        grown = bl.audit.prove_continuation(size)
        assert grown.ok
    grown = bl.audit.prove_continuation(old.size, checkpoint=bl.audit.checkpoint())
    assert consistent(old.root, old.size, grown.checkpoint.root, grown.checkpoint.size, grown.hashes)
    for missing in (0, -1, len(bl.audit) + 1):
        with pytest.raises(EntryNotFound):
            bl.audit.prove(missing)


def test_what_was_only_opened_for_reading_shows_what_is_signed_and_signs_nothing(tmp_path: Path) -> None:
    for folder in ("signed", "unsigned"):
        with barledger.connect(tmp_path / folder) as bl:
            write_some(bl, 2)
            if folder == "signed":
                bl.audit.checkpoint()
    with barledger.connect(tmp_path / "signed", read_only=True) as reader:
        assert reader.audit.checkpoint().size == 3
        assert reader.audit.prove(2).ok
        assert reader.audit.verify().ok
        with pytest.raises(ReadOnly):
            reader.audit.rotate_key()
    with barledger.connect(tmp_path / "unsigned", read_only=True) as reader:
        assert reader.audit.verify().ok
        for sign in (reader.audit.checkpoint, lambda: reader.audit.export(tmp_path / "export")):
            with pytest.raises(ReadOnly, match="since its last checkpoint has to be signed first"):
                sign()
    assert not (tmp_path / "unsigned" / "keys").exists()


# --- anchors ---------------------------------------------------------------------------------------


def test_checkpoints_are_anchored_once_each_and_told(bl: BarLedger, anchor: Path) -> None:
    heard: list[Notice] = []
    listening(bl, heard.append)
    write_some(bl, 1)
    first = bl.audit.checkpoint(anchor=anchor)
    assert bl.audit.checkpoint(anchor=anchor) == first
    write_some(bl, 1)
    second = bl.audit.checkpoint()
    bl.audit.checkpoint(anchor=anchor)
    assert anchor.read_text() == f"{first.note}\n{second.note}\n"
    assert [(one.kind, one.details["size"], one.details["anchor"]) for one in heard] == [
        ("checkpoint_anchored", "2", str(anchor)),
        ("checkpoint_anchored", "3", ""),
        ("checkpoint_anchored", "3", str(anchor)),
    ]
    assert heard[0].details["note"] == first.note
    found = bl.audit.verify(anchor=anchor)
    assert (found.ok, found.checkpoints, found.anchored, found.signed) == (True, 4, 2, 3)


def test_the_setting_names_the_anchor_file(tmp_path: Path, anchor: Path) -> None:
    with signed_library(tmp_path / "library", anchor=anchor) as bl:
        write_some(bl, 1)
        bl.audit.checkpoint()
        assert bl.audit.verify().anchored == 1


def test_several_logs_share_an_anchor_file(bl: BarLedger, tmp_path: Path, anchor: Path) -> None:
    bl.audit.checkpoint(anchor=anchor)
    with signed_library(tmp_path / "other") as other:
        other.audit.checkpoint(anchor=anchor)
        assert other.audit.verify(anchor=anchor).anchored == 1
    write_some(bl, 1)
    bl.audit.checkpoint(anchor=anchor)
    assert bl.audit.verify(anchor=anchor).anchored == 2


@pytest.mark.parametrize("end", ["half a checkpoint", "log\n1\n", "\n\n— "])
def test_an_anchor_file_with_a_torn_end_is_told_and_left_alone(bl: BarLedger, anchor: Path, end: str) -> None:
    bl.audit.checkpoint(anchor=anchor)
    anchor.write_text(anchor.read_text() + end)
    write_some(bl, 1)
    before = anchor.read_text()
    with pytest.raises(LogRewritten, match="anchor file"):
        bl.audit.checkpoint(anchor=anchor)
    assert anchor.read_text() == before
    assert "anchor file" in said(bl.audit.verify(anchor=anchor))[0][2]


def test_an_anchor_file_whose_last_blank_line_was_lost_is_gone_on_with(bl: BarLedger, anchor: Path) -> None:
    bl.audit.checkpoint(anchor=anchor)
    anchor.write_text(anchor.read_text().removesuffix("\n"))
    write_some(bl, 1)
    bl.audit.checkpoint(anchor=anchor)
    assert bl.audit.verify(anchor=anchor).anchored == 2


def test_an_anchor_that_cannot_be_written_is_refused(bl: BarLedger, tmp_path: Path) -> None:
    with pytest.raises(StoreUnwritable, match="nowhere"):
        bl.audit.checkpoint(anchor=tmp_path / "nowhere" / "anchor")
    with pytest.raises(InvalidSetting, match="cannot be read"):
        bl.audit.verify(anchor=tmp_path / "nothing")


def test_a_log_that_is_not_what_was_anchored_is_not_signed(bl: BarLedger, tmp_path: Path, anchor: Path) -> None:
    write_some(bl, 3)
    bl.audit.checkpoint(anchor=anchor)
    bl.vault.ledger.copy_to(f"sqlite:///{tmp_path / 'copy.sqlite'}")
    url = f"sqlite:///{tmp_path / 'copy.sqlite'}"
    with signed_library(tmp_path / "fork", url, store=bl.vault.store) as fork:
        for side in (bl, fork):
            for number in range(2):
                side.vault.ledger.audit.append(side.vault.who("look"), {"number": number})
        place = fork.audit._signer.keys.place
        assert place is not None
        place.folder.mkdir(mode=0o700)
        (place.folder / "audit.key").write_bytes(key_file(bl).read_bytes())
        (place.folder / "audit.key").chmod(0o600)
        bl.audit.checkpoint(anchor=anchor)
        with pytest.raises(LogRewritten, match="another root"):
            fork.audit.checkpoint(anchor=anchor)
        # Without the anchor the fork looks well, which is what anchors are for.
        assert fork.audit.verify().ok
        first, last, told = said(fork.audit.verify(anchor=anchor))[0]
        assert (first, last) == (5, 6)
        assert str(anchor) in told


# --- logs that were changed ------------------------------------------------------------------------


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


# --- who -------------------------------------------------------------------------------------------


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


def test_an_export_never_overwrites(bl: BarLedger, tmp_path: Path) -> None:
    target = tmp_path / "log.jsonl"
    bl.audit.export(target)
    with pytest.raises(NotEmpty):
        bl.audit.export(target)
    with pytest.raises(InvalidSetting, match="no folder"):
        bl.audit.export(tmp_path / "nowhere" / "log.jsonl")


# --- what a forger does ----------------------------------------------------------------------------


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
