"""Checking a bundle of evidence without the library that it came from, across changes of the key that signs.

It finds what ``docs/verify_evidence.py`` finds. Beyond that, whoever trusts an older key follows the entries in the
bundle by which each key hands over to the next (`services.audit.trust`).
"""

import hashlib
import json
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from barledger.domain.checkpoint import Checkpoint, entries_of
from barledger.domain.digest import digest
from barledger.domain.merkle import includes, leaf_hash
from barledger.domain.note import Note, PublicKey
from barledger.domain.rows import VALUES, Rows, constant
from barledger.domain.timeframe import Timeframe
from barledger.errors import BarledgerError, InvalidNote, InvalidSetting
from barledger.services.audit import trust
from barledger.services.audit.evidence import FORMAT, NOTE, ROTATIONS
from barledger.services.audit.keys import told_signer

_COLUMNS: Final = ("time", *VALUES, "adjustment_factor", "source_id")


class _Unfit(ValueError):
    """Something in the bundle is not what it should be; the text says what."""


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class EvidenceVerification:
    """What checking a bundle found; ``ok`` if it is evidence, else ``wrong`` says why it is not.

    ``key`` has signed it, and ``keys`` are those by which the trusted key leads to it, the trusted one first.
    """

    subject: str
    snapshot: str = ""
    origin: str = ""
    series: int = 0
    rows: int = 0
    entries: int = 0
    signed: int = 0
    key: str = ""
    keys: tuple[str, ...] = ()
    wrong: str = ""

    @property
    def ok(self) -> bool:
        """Whether nothing is wrong."""
        return not self.wrong

    def __bool__(self) -> bool:
        """Whether nothing is wrong."""
        return self.ok

    def __str__(self) -> str:
        """Say it in lines."""
        if not self.ok:
            return f"{self.subject} is no evidence\n  {self.wrong}"
        proved = f"{entries_of(self.entries)} of the {self.signed:,} of log {self.origin}"
        bars = (
            f"{self.rows:,} bars of {self.series} series of snapshot {self.snapshot} are what was pinned, with {proved}"
        )
        if len(self.keys) < 2:
            return f"verified: {bars}"
        way = " to ".join(PublicKey.of(key).id.hex() for key in self.keys)
        return f"verified: {bars}; the key that is trusted leads to the one that signs: {way}"

    def __repr__(self) -> str:
        """Say it in a line."""
        return f"<EvidenceVerification of {self.subject}: {'ok' if self.ok else self.wrong}>"


def is_bundle(path: Path) -> bool:
    """Tell whether a file is a zip, as bundles are."""
    return path.is_file() and zipfile.is_zipfile(path)


def verify_bundle(path: Path, keys: Sequence[PublicKey], *, beside: Path | None = None) -> EvidenceVerification:
    """Check all of a bundle against keys that are trusted; ``beside`` is where other public keys may lie.

    Raises `InvalidSetting` for a file that cannot be read.
    """
    try:
        files = _files(path)
        return _verify(str(path), files, keys, beside)
    except (_Unfit, InvalidNote) as error:
        return EvidenceVerification(subject=str(path), wrong=str(error))
    except (KeyError, IndexError, TypeError, ValueError, RecursionError, BarledgerError) as error:
        detail = f"it is not of the form of a bundle: {type(error).__name__}: {error}"
        return EvidenceVerification(subject=str(path), wrong=detail)


def _files(path: Path) -> dict[str, bytes]:
    try:
        with zipfile.ZipFile(path) as bundle:
            names = bundle.namelist()
            _need(len(set(names)) == len(names), "a file is there twice")
            return {name: bundle.read(name) for name in names}
    except OSError as error:
        raise InvalidSetting(setting="evidence", reason=f"{path} cannot be read: {error.strerror or error}") from error
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError) as error:
        raise _Unfit(f"it is not a whole zip: {error}") from error
    except zlib.error as error:
        raise _Unfit(f"it is not a whole zip: {error}") from error


def _verify(
    subject: str, files: Mapping[str, bytes], keys: Sequence[PublicKey], beside: Path | None
) -> EvidenceVerification:
    text = {name: _text(files, name) for name in (NOTE, "checkpoint.txt", "entries.jsonl", "manifest.json")}
    rotations = _lines(_text(files, ROTATIONS)) if ROTATIONS in files else []
    told = [_told(one) for one in rotations]
    signer = _signer(text[NOTE], trust.followed(told, keys), keys, beside)
    form, origin, snapshot, *listed = Note.of(text[NOTE]).text.removesuffix("\n").split("\n")
    _need(form == FORMAT, f"its format is {form[:40]!r}, not {FORMAT}")
    found = [f"{hashlib.sha256(data).hexdigest()} {name}" for name, data in files.items() if name != NOTE]
    odd = sorted({line.partition(" ")[2] for line in {*found} ^ {*listed}})
    _need(found == listed, f"not signed: {', '.join(odd) or 'the order of the files'}")
    _need(_signer(text["checkpoint.txt"], {signer}, [signer], beside) == signer, "the checkpoint is of another key")
    checkpoint = Checkpoint.of(Note.of(text["checkpoint.txt"]).text)
    _need(checkpoint.origin == origin == signer.name, "checkpoint, key and bundle are of different logs")
    entries = _lines(text["entries.jsonl"])
    for one in (*entries, *rotations):
        _check_entry(one, checkpoint)
    pinned = {"snapshot": json.loads(snapshot), "data_hash": hashlib.sha256(files["manifest.json"]).hexdigest()}
    _need(any(pinned.items() <= _told(one).items() for one in entries), "no entry pins what is in the manifest")
    pins = json.loads(text["manifest.json"])["pins"]
    rows = sum(_check_bars(number, pin, _text(files, f"bars/{number}.jsonl")) for number, pin in enumerate(pins, 1))
    return EvidenceVerification(
        subject=subject,
        snapshot=pinned["snapshot"],
        origin=origin,
        series=len(pins),
        rows=rows,
        entries=len(entries),
        signed=checkpoint.size,
        key=str(signer),
        keys=tuple(map(str, _way(told, keys, signer))),
    )


def _signer(note: str, trusted: "set[PublicKey]", given: Sequence[PublicKey], beside: Path | None) -> PublicKey:
    read = Note.of(note)
    _need(len(read.signatures) == 1, "a note in it does not have one signature")
    signer = read.signer(trusted)
    if signer is None:
        raise _Unfit(told_signer(read, given, beside))
    return signer


def _way(told: Sequence[Mapping[str, Any]], keys: Sequence[PublicKey], signer: PublicKey) -> list[PublicKey]:
    """Return the keys from a trusted one to the signer, each of which the one before hands over to."""
    way = [signer]
    for entry in reversed(told):
        before = [old for old in trust.named(entry) if trust.successor(str(entry.get("note")), [old]) == way[0]]
        if way[0] not in keys and before:
            way.insert(0, before[0])
    return way


def _check_entry(one: Mapping[str, Any], checkpoint: Checkpoint) -> None:
    leaf, proof = leaf_hash(one["body"].encode()), [bytes.fromhex(hashed) for hashed in one["proof"]]
    inside = includes(checkpoint.root, checkpoint.size, int(one["sequence"]) - 1, leaf, proof)
    _need(inside and _told(one)["sequence"] == one["sequence"], f"entry {one['sequence']} is not in the log")


def _check_bars(number: int, pin: Mapping[str, Any], text: str) -> int:
    rows = _rows([json.loads(line) for line in text.split("\n")[:-1]])
    same = digest(rows, Timeframe.of(pin["timeframe"])).hex() == pin["digest"] and str(len(rows)) == pin["rows"]
    _need(same, f"the bars of pin {number}, {pin['instrument']} {pin['timeframe']}, are not what was pinned")
    return len(rows)


def _rows(bars: Sequence[Sequence[Any]]) -> Rows:
    columns: dict[str, Any] = dict(zip(_COLUMNS, zip(*bars, strict=True), strict=True)) if bars else {}
    values: dict[str, Any] = {
        name: np.array([np.nan if one is None else one for one in columns.get(name, ())], np.float64)
        for name in (*VALUES, "adjustment_factor")
    }
    texts = np.empty(len(bars), object)
    texts[:] = columns.get("source_id", ())
    return Rows(
        time=np.array([int(time) for time in columns.get("time", ())], np.int64),
        **values,
        source_id=texts,
        revision=constant(0, len(bars)),
        edition=constant(1, len(bars)),
    )


def _lines(text: str) -> list[Mapping[str, Any]]:
    return [json.loads(line) for line in text.split("\n")[:-1]]


def _told(one: Mapping[str, Any]) -> dict[str, Any]:
    told = json.loads(one["body"])
    _need(isinstance(told, dict), "an entry in it is not an object")
    return dict(told)


def _text(files: Mapping[str, bytes], name: str) -> str:
    if name not in files:
        raise _Unfit(f"it has no {name}")
    return files[name].decode()


def _need(fact: bool, what: str) -> None:  # noqa: FBT001 - it is what has to be so
    if not fact:
        raise _Unfit(what)
