"""Checkpoints that sign the log as it is, and proofs of its entries."""

from pathlib import Path

import pytest

import barledger
from audits import MANY, write_some
from barledger import BarLedger
from barledger.domain.checkpoint import Checkpoint
from barledger.domain.merkle import consistent, includes, leaf_hash
from barledger.domain.note import Note
from barledger.errors import EntryNotFound, InvalidSetting, NotEmpty, ReadOnly


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


def test_an_export_never_overwrites(bl: BarLedger, tmp_path: Path) -> None:
    target = tmp_path / "log.jsonl"
    bl.audit.export(target)
    with pytest.raises(NotEmpty):
        bl.audit.export(target)
    with pytest.raises(InvalidSetting, match="no folder"):
        bl.audit.export(tmp_path / "nowhere" / "log.jsonl")
