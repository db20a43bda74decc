"""Keys that sign the log: how they are made, kept, lost and replaced."""

import os
import stat
from pathlib import Path
from typing import Any

import pytest

import barledger
from audits import key_file, public_file, signed_library, write_some
from barledger import BarLedger
from barledger.domain.note import Note, PublicKey
from barledger.errors import KeyExposed, KeyMissing


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


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
