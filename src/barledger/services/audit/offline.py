"""Checking an export without the library that it came from: with nothing but the file and a public key."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Final

from barledger.domain.checkpoint import Checkpoint, entries_of
from barledger.domain.merkle import SIZE, includes, leaf_hash
from barledger.domain.note import Note, PublicKey
from barledger.errors import InvalidNote, InvalidSetting
from barledger.services.audit import trust
from barledger.services.audit.anchor import read_anchors
from barledger.services.audit.checking import Comparison, Signed
from barledger.services.audit.export import FORMAT, encode
from barledger.services.audit.keys import told_signer
from barledger.services.audit.report import AuditVerification, Wrong, listed

# A line holds one entry; what is longer than this was not written by us.
_LONGEST: Final = 64 * 1024 * 1024
_SHOWN: Final = 60


class _Unfit(ValueError):
    """A line is not what it should be; the text says why."""


@dataclass(frozen=True, slots=True)
class _Head:
    note: Note
    raw: str
    checkpoint: Checkpoint


def verify_file(
    path: Path, keys: Sequence[PublicKey], against: Sequence[Path] = (), *, beside: Path | None = None
) -> AuditVerification:
    """Check every byte of an export against the checkpoint in it, which a trusted key must have signed.

    ``against`` are files with older or other checkpoints of the log, such as an anchor file: the log must be a
    continuation of each. ``beside`` is the file of the keys; others may lie there. Raises `InvalidSetting` for files
    that are not there.
    """
    with _opened(path) as file:
        try:
            head = _head(_lines(file))
        except _Unfit as error:
            return _report(path, wrong=[Wrong(what="the first line", detail=str(error))])
        signer, wrong = _signer(path, head, keys, beside)
        if signer is None:
            return _report(path, head=head, wrong=wrong)
        signed, torn = _against(against, head.checkpoint.origin)
        compared = Comparison(signed=signed, wrong=torn)
        file.seek(0)
        lines = _lines(file)
        next(lines)
        whole = _compare(lines, head.checkpoint, compared)
    if whole:
        # Only now are the entries known to be the log's, and so the keys that they name.
        compared.check_signatures({*keys, signer, *compared.named})
        compared.end()
    return _report(path, head=head, wrong=compared.wrong, size=compared.tree.size, signed=signed, key=str(signer))


def _opened(path: Path) -> BinaryIO:
    try:
        return path.open("rb")
    except OSError as error:
        reason = f"{path} cannot be read: {error.strerror or error}"
        raise InvalidSetting(setting="export", reason=reason) from error


def _lines(file: BinaryIO) -> Iterator[bytes]:
    while line := file.readline(_LONGEST):
        yield line


# --- the first line --------------------------------------------------------------------------------


def _head(lines: Iterator[bytes]) -> _Head:
    told = _told(next(lines, b""), {"checkpoint": str, "format": str})
    if told["format"] != FORMAT:
        raise _Unfit(f"its format is {told['format'][:_SHOWN]!r}, not {FORMAT}")
    try:
        note = Note.of(told["checkpoint"])
        head = _Head(note, told["checkpoint"], Checkpoint.of(note.text))
    except InvalidNote as error:
        raise _Unfit(str(error)) from error
    if len(note.signatures) != 1:
        raise _Unfit("its checkpoint has more than one signature")
    return head


def _signer(
    path: Path, head: _Head, keys: Sequence[PublicKey], beside: Path | None
) -> tuple[PublicKey | None, list[Wrong]]:
    """Return which trusted key has signed the checkpoint, or one that comes after it."""
    origin = head.checkpoint.origin
    ours = [key for key in keys if key.name == origin]
    if not ours:
        names = ", ".join(key.name for key in keys)
        detail = f"the export is of log {origin[:_SHOWN]}, and the key is of {names}"
        return None, [Wrong(what="the key", detail=detail)]
    signer = head.note.signer(ours) or head.note.signer(trust.followed(_rotations(path), ours))
    if signer is None:
        return None, [Wrong(what="the checkpoint", detail=told_signer(head.note, ours, beside))]
    return signer, []


def _rotations(path: Path) -> Iterator[Mapping[str, Any]]:
    """Give the entries that change the key; each is worth what the signature in it is."""
    with _opened(path) as file:
        for line in _lines(file):
            if trust.ROTATED.encode() not in line:
                continue
            try:
                data = json.loads(json.loads(line)["body"])
            except (ValueError, KeyError, TypeError, RecursionError):
                continue
            if isinstance(data, dict):
                yield data


# --- the entries -----------------------------------------------------------------------------------


def _compare(lines: Iterator[bytes], checkpoint: Checkpoint, compared: Comparison) -> bool:
    """Check the entries one after the other, up to the first that is wrong; tells whether none is."""
    for sequence in range(1, checkpoint.size + 1):
        line = next(lines, None)
        if line is None:
            detail = f"missing: the file ends before the {entries_of(checkpoint.size)} that the checkpoint signs"
            compared.wrong.append(Wrong(what="log", sequence=sequence, last=checkpoint.size, detail=detail))
            return False
        try:
            data, leaf = _entry(line, sequence, checkpoint)
        except _Unfit as error:
            compared.wrong.append(Wrong(what="log", sequence=sequence, detail=str(error)))
            return False
        compared.add(data, leaf)
    if next(lines, None) is not None:
        detail = f"there are more lines than the {entries_of(checkpoint.size)} that the checkpoint signs"
        compared.wrong.append(Wrong(what="log", sequence=checkpoint.size + 1, detail=detail))
        return False
    return True


def _entry(line: bytes, sequence: int, checkpoint: Checkpoint) -> tuple[Mapping[str, Any], bytes]:
    told = _told(line, {"body": str, "proof": list, "sequence": str})
    if told["sequence"] != str(sequence):
        raise _Unfit(f"here lies entry {told['sequence'][:_SHOWN]!r}: entries were removed, moved, or are here twice")
    leaf = leaf_hash(told["body"].encode())
    if not includes(checkpoint.root, checkpoint.size, sequence - 1, leaf, _proof(told["proof"])):
        raise _Unfit("its text and its proof do not lead to the root that was signed")
    try:
        data = json.loads(told["body"])
    except (ValueError, RecursionError) as error:  # what barledger signs is JSON, but anybody may sign
        raise _Unfit("its text is not JSON") from error
    if not isinstance(data, dict) or data.get("sequence") != str(sequence):
        raise _Unfit("its text is that of another entry")
    return data, leaf


def _proof(told: Sequence[Any]) -> list[bytes]:
    try:
        proof = [bytes.fromhex(one) for one in told]
    except (TypeError, ValueError):
        raise _Unfit("its proof is not a list of hashes in hex") from None
    if any(len(one) != SIZE or one.hex() != text for one, text in zip(proof, told, strict=True)):
        raise _Unfit("its proof is not a list of SHA-256 in lower-case hex")
    return proof


def _told(line: bytes, members: Mapping[str, type]) -> dict[str, Any]:
    """Return what a line says, if it is the one way to say it."""
    try:
        told = json.loads(line)
        fits = isinstance(told, dict) and {name: type(value) for name, value in told.items()} == dict(members)
        same = fits and (encode(told) + "\n").encode() == line
    except (ValueError, RecursionError):
        raise _Unfit("the line is not JSON in UTF-8") from None
    if not fits:
        raise _Unfit(f"the line does not have exactly {', '.join(members)}")
    if not same:
        raise _Unfit("the line is not in canonical form")
    return dict(told)


# --- other checkpoints -----------------------------------------------------------------------------


def _against(files: Sequence[Path], origin: str) -> tuple[list[Signed], list[Wrong]]:
    signed: list[Signed] = []
    wrong: list[Wrong] = []
    for file in files:
        found = read_anchors(file, origin)
        wrong += [Wrong(what="the anchor file", detail=found.torn)] if found.torn else []
        if not found.found and not found.torn:
            wrong.append(Wrong(what=str(file), detail=f"it has no checkpoint of log {origin[:_SHOWN]}"))
        signed += [Signed(where=one.where, note=one.note, checkpoint=one.checkpoint) for one in found.found]
    return signed, wrong


def _report(
    path: Path,
    *,
    wrong: Sequence[Wrong],
    head: _Head | None = None,
    size: int = 0,
    signed: Sequence[Signed] = (),
    key: str = "",
) -> AuditVerification:
    return AuditVerification(
        subject=str(path),
        origin=head.checkpoint.origin if head else "",
        size=size,
        root=head.checkpoint.root.hex() if head else "",
        checkpoints=len(signed) + bool(key),
        anchored=len(signed),
        signed=head.checkpoint.size if head else 0,
        keys=(key,) if key else (),
        wrong=listed(wrong),
    )
