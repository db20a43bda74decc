"""Exports of the log: verified with the file and the public key alone, whatever was done to them."""

import json
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

import barledger
from audits import signed_library, write_some
from barledger.domain.checkpoint import Checkpoint
from barledger.domain.merkle import Tree, leaf_hash
from barledger.domain.note import PrivateKey
from barledger.errors import InvalidNote, InvalidSetting
from barledger.ledger.sql import SqlLedger
from barledger.services.audit.export import FORMAT, encode
from barledger.services.audit.report import AuditVerification
from libraries import frame

ENTRIES = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class Exported:
    """An export with everything that somebody may have to verify it: two keys, older checkpoints, a fork."""

    folder: Path
    data: bytes
    key: Path
    old_key: Path
    older: Path
    anchor: Path
    fork: Path

    @property
    def lines(self) -> list[bytes]:
        """The lines with their ends."""
        return self.data.splitlines(keepends=True)


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Exported:
    folder = tmp_path_factory.mktemp("audit")
    anchor, old_key, fork = folder / "anchor", folder / "old.pub", folder / "fork"
    with signed_library(folder / "library", anchor=anchor) as bl:
        write_some(bl, 4)
        bl.audit.checkpoint()
        bl.audit.export(folder / "older.jsonl")
        old_key.write_text((folder / "library" / "audit.pub").read_text())
        bl.audit.rotate_key()
        bl.write("日本", "1d", frame([3]), source="'; DROP", reason='"\\\n\x7f\u2028😀')
        write_some(bl, ENTRIES - len(bl.audit))
        bl.audit.export(folder / "log.jsonl")
        key = bl.audit._signer.keys.load()
        assert key is not None
    forked = Checkpoint(origin=key.public.name, size=6, root=leaf_hash(b"another"))
    fork.write_text(forked.signed(key) + "\n")
    return Exported(
        folder=folder,
        data=(folder / "log.jsonl").read_bytes(),
        key=folder / "library" / "audit.pub",
        old_key=old_key,
        older=folder / "older.jsonl",
        anchor=anchor,
        fork=fork,
    )


def verified(exported: Exported, data: bytes, **how: Any) -> AuditVerification:
    path = exported.folder / "changed.jsonl"
    path.write_bytes(data)
    return barledger.verify_audit(path, how.pop("key", exported.key), **how)


def told(line: bytes) -> dict[str, Any]:
    return dict(json.loads(line))


def written(members: dict[str, Any]) -> bytes:
    return (encode(members) + "\n").encode()


# --- what is as it was -----------------------------------------------------------------------------


def test_an_export_is_verified_by_the_new_key_and_by_the_one_before(exported: Exported) -> None:
    for key in (exported.key, exported.old_key):
        found = verified(exported, exported.data, key=key)
        assert (found.ok, found.size, found.signed, found.first_wrong) == (True, ENTRIES, ENTRIES, 0)
        assert str(found).startswith("verified: 12 entries")


def test_every_line_says_what_the_log_says(exported: Exported) -> None:
    ledger = SqlLedger.open(f"sqlite:///{exported.folder / 'library' / 'ledger.sqlite'}")
    bodies = [entry.body for entry in ledger.audit.entries()]
    ledger.close()
    assert [told(line)["body"] for line in exported.lines[1:]] == bodies
    assert told(exported.lines[0])["format"] == FORMAT


def test_a_newer_export_continues_older_checkpoints(exported: Exported) -> None:
    found = verified(exported, exported.data, against=[exported.anchor])
    assert (found.ok, found.anchored) == (True, 3)
    note = exported.folder / "older-note"
    note.write_text(told(exported.older.read_bytes().splitlines()[0])["checkpoint"])
    assert verified(exported, exported.data, against=[note, exported.anchor], key=exported.old_key).anchored == 4


def test_a_large_log_is_verified_in_one_pass(tmp_path: Path) -> None:
    with signed_library(tmp_path / "library") as bl:
        for number in range(600):
            bl.vault.ledger.audit.append(bl.vault.who("look"), {"number": number})
        bl.audit.export(tmp_path / "log.jsonl")
    found = barledger.verify_audit(tmp_path / "log.jsonl", tmp_path / "library" / "audit.pub")
    assert (found.ok, found.size) == (True, 601)


# --- what is not -----------------------------------------------------------------------------------


def _edited(lines: list[bytes]) -> list[bytes]:
    entry = told(lines[7])
    return [*lines[:7], written({**entry, "body": entry["body"].replace("tester", "nobody")}), *lines[8:]]


@pytest.mark.parametrize(
    ("change", "first"),
    [
        (_edited, 7),
        (lambda lines: lines[:5] + lines[6:], 5),
        (lambda lines: [lines[0], *lines[2:]], 1),
        (lambda lines: [*lines[:4], lines[5], lines[4], *lines[6:]], 4),
        (lambda lines: [*lines[:4], lines[3], *lines[4:]], 4),
        (lambda lines: lines[:-1], 12),
        (lambda lines: lines[:3], 3),
        (lambda lines: lines[:1], 1),
        (lambda lines: [*lines, lines[-1]], 13),
        (lambda lines: [*lines, b"\n"], 13),
        (lambda lines: [*lines[:-1], lines[-1].removesuffix(b"\n")], 12),
        (lambda lines: [*lines[:-1], lines[-1][: len(lines[-1]) // 2]], 12),
        (lambda lines: [*lines[:6], lines[6].replace(b'"sequence":"6"', b'"sequence":"7"'), *lines[7:]], 6),
        (lambda lines: [*lines[:6], lines[6].replace(b'"proof":["', b'"proof":[ "'), *lines[7:]], 6),
        (lambda lines: [*lines[:9], b"[" * 100_000 + b"\n", *lines[10:]], 9),
        (lambda lines: [*lines[:9], b'{"body":"\xff","proof":[],"sequence":"9"}\n', *lines[10:]], 9),
        (lambda lines: [*lines[:9], lines[9].replace(b"\n", b"\r\n"), *lines[10:]], 9),
    ],
)
def test_the_first_entry_that_is_wrong_is_named(
    exported: Exported, change: Callable[[list[bytes]], list[bytes]], first: int
) -> None:
    found = verified(exported, b"".join(change(exported.lines)))
    assert (found.ok, found.first_wrong) == (False, first)
    assert f"entr{'y' if 'entry' in str(found) else 'ies'} {first}" in str(found)


@pytest.mark.parametrize("data", [b"", b"\n", b"nonsense", b"{}\n", b"[]\n", b'{"checkpoint":"","format":"x"}\n'])
def test_what_is_no_export_is_wrong_from_the_first_line_on(exported: Exported, data: bytes) -> None:
    found = verified(exported, data)
    assert not found.ok
    assert "first line" in str(found)


def test_a_log_that_was_written_anew_lacks_the_signature(exported: Exported) -> None:
    forger = PrivateKey.generate(Checkpoint.in_note(told(exported.lines[0])["checkpoint"]).origin)
    bodies = [told(line)["body"].replace("tester", "nobody") for line in exported.lines[1:]]
    tree = Tree(leaf_hash(body.encode()) for body in bodies)
    checkpoint = Checkpoint(origin=forger.public.name, size=len(tree), root=tree.root())
    lines = [written({"checkpoint": checkpoint.signed(forger), "format": FORMAT})]
    for at, body in enumerate(bodies):
        proof = [one.hex() for one in tree.inclusion(at)]
        lines.append(written({"body": body, "proof": proof, "sequence": str(at + 1)}))
    found = verified(exported, b"".join(lines))
    assert f"signed by key {forger.public.id.hex()}" in str(found)
    assert "somebody else has signed this" in str(found)
    (exported.folder / "forger.pub").write_text(f"{forger.public}\n")
    # Only whoever trusts the forger's key believes it, and older checkpoints tell even them.
    assert verified(exported, b"".join(lines), key=exported.folder / "forger.pub").ok
    against = verified(exported, b"".join(lines), key=exported.folder / "forger.pub", against=[exported.anchor])
    assert against.first_wrong == 1


def test_a_fork_is_caught_by_another_checkpoint(exported: Exported) -> None:
    found = verified(exported, exported.data, against=[exported.fork])
    assert (found.ok, found.first_wrong) == (False, 1)
    both = verified(exported, exported.data, against=[exported.anchor, exported.fork])
    # What an older checkpoint vouches for is not in question.
    assert both.first_wrong == 6


def test_an_export_that_is_older_than_a_checkpoint_lacks_its_end(exported: Exported) -> None:
    older = exported.older.read_bytes()
    assert verified(exported, older, key=exported.old_key).ok
    found = verified(exported, older, key=exported.old_key, against=[exported.anchor])
    assert (found.ok, found.first_wrong) == (False, 6)
    assert "missing" in str(found)


def test_checkpoints_of_nobody_or_of_another_log_vouch_for_nothing(exported: Exported, tmp_path: Path) -> None:
    with signed_library(tmp_path / "other") as other:
        other.audit.checkpoint(anchor=tmp_path / "anchor")
        assert "no checkpoint of log" in str(verified(exported, exported.data, against=[tmp_path / "anchor"]))
        found = verified(exported, exported.data, key=tmp_path / "other" / "audit.pub")
        assert "the key is of" in str(found)
    unsigned = tmp_path / "unsigned"
    unsigned.write_text(exported.anchor.read_text().replace("— ", "— x", 1))
    assert "not by a key of this log" in str(verified(exported, exported.data, against=[unsigned]))


def test_files_that_cannot_be_read_are_refused(exported: Exported, tmp_path: Path) -> None:
    (tmp_path / "no-key").write_text("nonsense\n")
    (tmp_path / "empty").write_text("\n")
    path = exported.folder / "log.jsonl"
    for key, error in (("nothing", InvalidSetting), ("empty", InvalidSetting), ("no-key", InvalidNote)):
        with pytest.raises(error):
            barledger.verify_audit(path, tmp_path / key)
    with pytest.raises(InvalidSetting, match="export"):
        barledger.verify_audit(tmp_path / "nothing", exported.key)
    with pytest.raises(InvalidSetting, match="anchor"):
        barledger.verify_audit(path, exported.key, against=[tmp_path / "nothing"])


# --- what chance does to it ------------------------------------------------------------------------

_BYTES = st.tuples(st.just("bytes"), st.integers(0, 2**20), st.integers(0, 40), st.binary(max_size=6))
_LINES = st.tuples(st.sampled_from(["drop", "double", "swap", "move", "cut"]), st.integers(0, 99), st.integers(0, 99))
_FIELDS = st.tuples(
    st.sampled_from(["member", "proof", "name", "transplant", "renumber", "add"]),
    st.integers(0, 99),
    st.integers(0, 99),
    st.randoms(use_true_random=False),
)
_CHECKPOINTS = st.tuples(st.sampled_from(["text", "root", "size", "sign", "older", "other"]), st.integers(0, 10**6))
_CHANGES = st.lists(st.one_of(_BYTES, _LINES, _FIELDS, _CHECKPOINTS), min_size=1, max_size=3)
_FORGER = PrivateKey.generate("forger")


def changed(exported: Exported, data: bytes, change: Sequence[Any]) -> bytes:
    """Do one thing to an export, or nothing where there is not enough of it."""
    what, *how = change
    if what == "bytes":
        at, length, new = how
        at %= len(data) + 1
        return data[:at] + new + data[at + length :]
    lines = data.splitlines(keepends=True)
    if not lines:
        return data
    first = how[0] % len(lines)
    if what in ("drop", "double", "swap", "move", "cut"):
        return b"".join(_line_changed(lines, what, first, how[1] % len(lines)))
    try:
        if what in ("text", "root", "size", "sign", "older", "other"):
            return b"".join([_checkpoint_changed(exported, lines[0], what, how[0]), *lines[1:]])
        other = told(lines[how[1] % len(lines)])
        lines[first] = written(_field_changed(told(lines[first]), what, other, how[2]))
    except (ValueError, KeyError, TypeError, AttributeError, IndexError, InvalidNote):
        return data
    return b"".join(lines)


def _line_changed(lines: list[bytes], what: str, one: int, other: int) -> list[bytes]:
    if what == "swap":
        lines[one], lines[other] = lines[other], lines[one]
        return lines
    if what == "cut":
        return lines[:one]
    if what == "double":
        return [*lines[:other], lines[one], *lines[other:]]
    line = lines.pop(one)
    return lines if what == "drop" else [*lines[:other], line, *lines[other:]]


def _field_changed(members: dict[str, Any], what: str, other: dict[str, Any], chance: random.Random) -> dict[str, Any]:
    name = chance.choice(sorted(members))
    if what == "transplant":
        members[name] = other[name]
    elif what == "renumber":
        members["sequence"] = str(int(members["sequence"]) + chance.choice([-1, 1, 10]))
    elif what == "add":
        members[chance.choice(["more", "first", "size", ""])] = chance.choice([None, 1, "", []])
    elif what == "name":
        members[name.upper()] = members.pop(name)
    elif what == "proof":
        _proof_changed(members["proof"], chance)
    else:
        text = str(members[name])
        at = chance.randrange(len(text) + 1)
        members[name] = text[:at] + chance.choice(["", "0", " ", "\\", "é"]) + text[at + 1 :]
    return members


def _proof_changed(proof: list[str], chance: random.Random) -> None:
    how = chance.randrange(5)
    at = chance.randrange(len(proof))
    if how == 0:
        proof.pop(at)
    elif how == 1:
        proof.insert(at, chance.choice(proof))
    elif how == 2:
        proof.reverse()
    elif how == 3:
        proof[at] = proof[at].upper()
    else:
        proof[at] = f"{int(proof[at], 16) ^ 1 << chance.randrange(256):064x}"


def _checkpoint_changed(exported: Exported, line: bytes, what: str, number: int) -> bytes:
    members = told(line)
    text, _, signed = members["checkpoint"].rpartition("\n\n")
    origin, size, root = text.split("\n")
    if what == "text":
        at = number % len(members["checkpoint"])
        whole = members["checkpoint"]
        members["checkpoint"] = whole[:at] + "A" + whole[at + 1 :]
    elif what == "older":
        members["checkpoint"] = told(exported.older.read_bytes().splitlines()[0])["checkpoint"]
    elif what == "other":
        members["checkpoint"] = exported.fork.read_text().removesuffix("\n")
    elif what == "sign":
        key = PrivateKey(origin, _FORGER._key)
        members["checkpoint"] = key.sign(f"{text}\n")
        if number % 2:
            # Its own signature stays, and another one stands beside it.
            members["checkpoint"] += f"{signed}"
    else:
        size = str(number % 20) if what == "size" else size
        root = _b64(root, number) if what == "root" else root
        members["checkpoint"] = f"{origin}\n{size}\n{root}\n\n{signed}"
    return written(members)


def _b64(root: str, number: int) -> str:
    signs = "ABCDEFGHabcdefgh0123456789+/"
    at = number % 43
    return root[:at] + signs[number % len(signs)] + root[at + 1 :]


@pytest.mark.slow
@settings(max_examples=1000)
@given(changes=_CHANGES)
@example(changes=[("bytes", 0, 0, b"\xef\xbb\xbf")])
@example(changes=[("bytes", 2**20, 0, b" ")])
@example(changes=[("older", 0)])
@example(changes=[("sign", 1)])
def test_nothing_that_was_changed_passes(exported: Exported, changes: Sequence[Any]) -> None:
    data = exported.data
    for change in changes:
        data = changed(exported, data, change)
    if data == exported.data:
        return
    for key in (exported.key, exported.old_key):
        found = verified(exported, data, key=key)
        assert not found.ok, changes
        assert found.wrong
        assert str(found)


@pytest.mark.slow
def test_every_single_byte_counts(exported: Exported) -> None:
    # Each byte once, by a bit that leaves most of them what JSON and base64 allow.
    for at in range(0, len(exported.data), 3):
        data = bytearray(exported.data)
        data[at] ^= 1
        assert not verified(exported, bytes(data)).ok, at
