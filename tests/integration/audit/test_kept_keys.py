"""Keys outlive their use: every public key stays, and whoever trusts an older one can go on with it."""

import hashlib
import json
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

import barledger
from audits import signed_library, write_some
from barledger import BarLedger
from barledger.domain.note import PrivateKey, PublicKey
from barledger.services.audit import verify_audit, verify_evidence
from libraries import frame

Change = Callable[[dict[str, bytes]], dict[str, bytes]]


def kept(folder: Path) -> set[str]:
    """Return the names of the public keys' files."""
    return {path.name for path in folder.glob("*.pub")}


def members(path: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(path) as read:
        return {name: read.read(name) for name in read.namelist()}


def zipped(path: Path, files: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w") as writing:
        for name, data in files.items():
            writing.writestr(name, data)
    return path


def resigned(files: dict[str, bytes], key: PrivateKey) -> dict[str, bytes]:
    """Hash everything again, and sign it with another key, as somebody would who changed it."""
    head = files["evidence.txt"].decode().split("\n")[:3]
    rest = {name: data for name, data in files.items() if name != "evidence.txt"}
    listed = [f"{hashlib.sha256(data).hexdigest()} {name}" for name, data in rest.items()]
    return {**rest, "evidence.txt": key.sign("\n".join([*head, *listed]) + "\n").encode()}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "library"


@pytest.fixture
def bl(folder: Path) -> BarLedger:
    folder.mkdir()
    return signed_library(folder)


def test_every_public_key_stays_under_its_own_name(bl: BarLedger, folder: Path) -> None:
    first = bl.audit.checkpoint().key
    second = bl.audit.rotate_key(reason="as every year").key
    third = bl.audit.rotate_key(reason="stolen?").key
    public = folder / "audit.pub"
    assert public.read_text() == f"{third}\n"
    ids = [PublicKey.of(key).id.hex() for key in (first, second, third)]
    assert kept(folder) == {"audit.pub", *(f"audit-{one}.pub" for one in ids)}
    assert (folder / f"audit-{ids[0]}.pub").read_text() == f"{first}\n"
    listed = bl.audit.public_keys()
    assert [(one.id, one.vouched, one.current) for one in listed] == [
        (ids[0], False, False),
        (ids[1], True, False),
        (ids[2], True, True),
    ]
    assert [Path(one.file).read_text().strip() for one in listed] == [first, second, third]
    assert "signs now" in str(listed[-1])


def test_keys_from_before_are_recovered_from_the_log(bl: BarLedger, folder: Path) -> None:
    first = bl.audit.checkpoint().key
    bl.audit.rotate_key()
    for file in folder.glob("audit-*.pub"):
        file.unlink()
    bl.audit.checkpoint()
    assert len(kept(folder)) == 3
    file = folder / f"audit-{PublicKey.of(first).id.hex()}.pub"
    assert file.read_text() == f"{first}\n"
    file.unlink()
    bl.audit.public_keys()
    assert file.exists()


def test_a_lost_key_stays_known(bl: BarLedger, folder: Path) -> None:
    first = bl.audit.checkpoint().key
    (folder / "keys" / "audit.key").unlink()
    bl.audit.rotate_key(lost=True)
    lost = bl.audit.public_keys()[0]
    assert (str(lost.key), lost.vouched) == (first, False)
    assert f"audit-{PublicKey.of(first).id.hex()}.pub" in kept(folder)


def test_an_older_export_says_which_key_it_wants_and_where_that_is(bl: BarLedger, folder: Path, tmp_path: Path) -> None:
    write_some(bl, 3)
    first = bl.audit.checkpoint().key
    bl.audit.export(tmp_path / "old.jsonl")
    bl.audit.rotate_key(reason="as every year")
    wanted = folder / f"audit-{PublicKey.of(first).id.hex()}.pub"
    found = verify_audit(tmp_path / "old.jsonl", folder / "audit.pub")
    assert not found.ok
    assert str(wanted) in str(found)
    assert verify_audit(tmp_path / "old.jsonl", wanted).ok
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "audit.pub").write_text((folder / "audit.pub").read_text())
    told = str(verify_audit(tmp_path / "old.jsonl", tmp_path / "elsewhere" / "audit.pub"))
    assert wanted.name in told
    assert "barledger audit keys" in told


def pinned(bl: BarLedger) -> str:
    bl.write("AAPL", "1d", frame(range(40)), source="desk", reason="first load")
    return bl.snapshot("AAPL", "1d", id="bt-1").id


def test_who_trusts_an_older_key_verifies_a_newer_bundle(bl: BarLedger, folder: Path, tmp_path: Path) -> None:
    snap = pinned(bl)
    first = bl.audit.checkpoint().key
    (tmp_path / "old.pub").write_text(first)
    second = bl.audit.rotate_key(reason="as every year").key
    third = bl.audit.rotate_key(reason="again").key
    made = bl.evidence(snap, tmp_path / "new.zip")
    assert (made.key, Path(made.key_file).read_text().strip()) == (third, third)
    found = barledger.verify_evidence(tmp_path / "new.zip", tmp_path / "old.pub")
    assert (found.ok, found.rows, found.series, found.snapshot, found.wrong) == (True, 40, 1, "bt-1", "")
    assert found.keys == (first, second, third)
    assert "leads to the one that signs" in str(found)
    assert verify_evidence(tmp_path / "new.zip", folder / "audit.pub").keys == (third,)
    operations = [json.loads(json.loads(line)["body"]) for line in members(made.path)["rotations.jsonl"].splitlines()]
    assert [one["operation"] for one in operations] == ["rotate-audit-key", "rotate-audit-key"]


def test_an_older_bundle_says_which_key_it_wants(bl: BarLedger, folder: Path, tmp_path: Path) -> None:
    bl.evidence(pinned(bl), tmp_path / "old.zip")
    assert "rotations.jsonl" not in members(tmp_path / "old.zip")
    first = str(bl.audit.public_key)
    bl.audit.rotate_key(reason="as every year")
    found = verify_evidence(tmp_path / "old.zip", folder / "audit.pub")
    wanted = folder / f"audit-{PublicKey.of(first).id.hex()}.pub"
    assert (found.ok, str(wanted) in found.wrong) == (False, True)
    assert verify_evidence(tmp_path / "old.zip", wanted).ok


def test_a_lost_key_leads_to_none(bl: BarLedger, folder: Path, tmp_path: Path) -> None:
    snap = pinned(bl)
    (tmp_path / "old.pub").write_text(bl.audit.checkpoint().key)
    (folder / "keys" / "audit.key").unlink()
    bl.audit.rotate_key(lost=True)
    bl.evidence(snap, tmp_path / "new.zip")
    assert not verify_evidence(tmp_path / "new.zip", tmp_path / "old.pub").ok
    assert verify_evidence(tmp_path / "new.zip", folder / "audit.pub").ok


def _without_rotations(files: dict[str, bytes]) -> dict[str, bytes]:
    return {name: data for name, data in files.items() if name != "rotations.jsonl"}


@pytest.mark.parametrize(
    "change",
    [
        _without_rotations,
        lambda files: {**files, "rotations.jsonl": b""},
        lambda files: {**files, "rotations.jsonl": files["rotations.jsonl"].replace(b"rotate", b"rotatE")},
        lambda files: {**files, "bars/1.jsonl": files["bars/1.jsonl"].replace(b"100.0", b"100.5")},
        lambda files: {**files, "manifest.json": files["manifest.json"].replace(b'"rows":"40"', b'"rows":"41"')},
        lambda files: {**files, "entries.jsonl": files["entries.jsonl"].replace(b"tester", b"nobody")},
        lambda files: {**files, "entries.jsonl": b""},
    ],
)
def test_no_change_is_evidence_for_who_trusts_an_older_key(bl: BarLedger, tmp_path: Path, change: Change) -> None:
    snap = pinned(bl)
    (tmp_path / "old.pub").write_text(bl.audit.checkpoint().key)
    bl.audit.rotate_key()
    files = members(bl.evidence(snap, tmp_path / "new.zip").path)
    changed = zipped(tmp_path / "changed.zip", change(files))
    found = verify_evidence(changed, tmp_path / "old.pub")
    assert found.wrong
    assert not found.ok
    # Not even the owner of the key can sign other bars, or leave out how the key came to be.
    key = bl.audit._signer.keys.load()
    assert key is not None
    assert not verify_evidence(zipped(changed, resigned(change(files), key)), tmp_path / "old.pub")


def test_a_forger_is_not_followed(bl: BarLedger, tmp_path: Path) -> None:
    snap = pinned(bl)
    first = bl.audit.checkpoint().key
    (tmp_path / "old.pub").write_text(first)
    files = members(bl.evidence(snap, tmp_path / "new.zip").path)
    forger = PrivateKey.generate(first.split("+")[0])
    found = verify_evidence(zipped(tmp_path / "forged.zip", resigned(files, forger)), tmp_path / "old.pub")
    assert forger.public.id.hex() in found.wrong


@pytest.mark.parametrize("data", [b"", b"PK", b"nonsense"])
def test_what_is_no_bundle_is_said(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "x.zip").write_bytes(data)
    (tmp_path / "old.pub").write_text(str(PrivateKey.generate("log").public))
    assert verify_evidence(tmp_path / "x.zip", tmp_path / "old.pub").wrong
    assert verify_evidence(zipped(tmp_path / "y.zip", {"evidence.txt": data}), tmp_path / "old.pub").wrong
