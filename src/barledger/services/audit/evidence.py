"""Evidence: one bundle about one snapshot, for somebody who has neither the library nor barledger.

A zip of these members; ``docs/verify_evidence.py`` checks all of it with Python's standard library and `cryptography`:

- ``bars/<n>.jsonl``: the bars of the n-th pin (from 1): a JSON array for each, of time (ns, as text), open, high, low,
  close, volume, adjustment factor and the source's own reference; null where there is no value. Their digest is that
  of `domain.digest`.
- ``manifest.json``: what is pinned, with digests; its SHA-256 is the snapshot's ``data_hash``.
- ``entries.jsonl``: the entries of the audit log that concern it, each with its inclusion proof, as in an export.
- ``checkpoint.txt``: the signed checkpoint to which the proofs lead; ``audit.pub``: the public key.
- ``rotations.jsonl``, if the key was ever changed: the entries by which each key hands over to the next, in the same
  form, so that whoever trusts an older key can follow (`services.audit.bundle`).
- ``evidence.txt``: a signed note of the SHA-256 of each of these, so that nothing can be taken out.
"""

import hashlib
import json
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Self

import numpy as np

from barledger.domain.checkpoint import entries_of
from barledger.domain.digest import digest
from barledger.domain.note import PrivateKey
from barledger.domain.rows import VALUES, Rows
from barledger.errors import KeyMissing, LogRewritten, NotEmpty, StoreDamaged, StoreUnwritable
from barledger.ledger.contract import AuditEntry, Pin, SignedCheckpoint, Snapshot
from barledger.services.audit.export import encode, proved_line
from barledger.services.audit.receipts import READ
from barledger.services.audit.signing import Signer
from barledger.services.audit.trust import ROTATED
from barledger.services.cache.snapshots import finish
from barledger.services.cache.vault import Vault
from barledger.services.cache.versions import pinned_rows

FORMAT: Final = "barledger/evidence/1"
_MANIFEST: Final = "barledger/manifest/1"
NOTE: Final = "evidence.txt"
ROTATIONS: Final = "rotations.jsonl"
# The same evidence gives the same bytes; zip knows no earlier time.
_LONG_AGO: Final = (1980, 1, 1, 0, 0, 0)
_AT_ONCE: Final = 50_000


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Evidence:
    """What was written, and where; ``key`` is the public key with which it is verified, in the file ``key_file``."""

    path: Path
    key: str
    key_file: str
    snapshot: str
    series: int
    rows: int
    entries: int
    checkpoint: SignedCheckpoint

    def __repr__(self) -> str:
        """Say it in a line."""
        return f"<Evidence {self.path}: {self}>"

    def __str__(self) -> str:
        """Say what is in it."""
        bars = f"{self.rows:,} bars of {self.series} series of snapshot {self.snapshot}"
        return f"{bars}, {entries_of(self.entries)} with proof"


def gather(vault: Vault, signer: Signer, snapshot: Snapshot, path: Path) -> Evidence:
    """Write the bundle of a snapshot, in one piece; raises `NotEmpty` rather than overwrite anything.

    Raises `StoreDamaged` for bars that are not what was pinned, and what `Signer.checkpoint` raises.
    """
    if path.exists():
        raise NotEmpty(where=str(path))
    complete = finish(vault, snapshot)
    manifest = _manifest(complete)
    checkpoint = signer.checkpoint()
    key = signer.keys.load()
    if key is None:
        raise KeyMissing(key=checkpoint.key, folder=signer.keys.where)
    entries = list(_entries(vault, complete, checkpoint.size))
    beside = path.with_name(f".{path.name}.new")
    try:
        with _Bundle(beside) as bundle:
            for number, pin in enumerate(complete.pins, 1):
                bundle.add(f"bars/{number}.jsonl", _bars(vault, complete, pin))
            bundle.add("manifest.json", [manifest])
            bundle.add("entries.jsonl", _proved(vault, entries, checkpoint.size))
            bundle.add("checkpoint.txt", [checkpoint.note.encode()])
            bundle.add("audit.pub", [f"{key.public}\n".encode()])
            rotations = [
                one for one in vault.ledger.audit.entries(operation=ROTATED) if one.sequence <= checkpoint.size
            ]
            if rotations:
                bundle.add(ROTATIONS, _proved(vault, rotations, checkpoint.size))
            bundle.seal(key, complete.id)
        beside.replace(path)
    except OSError as error:
        raise StoreUnwritable(url=str(path), detail=error.strerror or str(error)) from error
    finally:
        beside.unlink(missing_ok=True)
    return Evidence(
        path=path,
        key=str(key.public),
        key_file=str(signer.keys.file_of(key.public) or ""),
        snapshot=complete.id,
        series=len(complete.pins),
        rows=sum(pin.rows for pin in complete.pins),
        entries=len(entries),
        checkpoint=checkpoint,
    )


def _proved(vault: Vault, entries: Sequence[AuditEntry], size: int) -> Iterator[bytes]:
    proofs = (vault.ledger.audit.inclusion(entry.sequence, size) for entry in entries)
    return (proved_line(entry, proof).encode() for entry, proof in zip(entries, proofs, strict=True))


class _Bundle:
    """A zip whose members are hashed as they are written."""

    def __init__(self, path: Path) -> None:
        self._zip = zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED)
        self._hashes: list[str] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._zip.close()

    def add(self, name: str, parts: "Iterator[bytes] | Sequence[bytes]") -> None:
        """Write a member."""
        hasher = hashlib.sha256()
        with self._zip.open(_member(name), "w", force_zip64=True) as file:
            for part in parts:
                hasher.update(part)
                file.write(part)
        self._hashes.append(f"{hasher.hexdigest()} {name}")

    def seal(self, key: PrivateKey, snapshot: str) -> None:
        """Write the signed list of all members."""
        lines = [FORMAT, key.public.name, encode(snapshot), *self._hashes]
        with self._zip.open(_member(NOTE), "w") as file:
            file.write(key.sign("\n".join(lines) + "\n").encode())


def _member(name: str) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name, _LONG_AGO)
    info.compress_type = zipfile.ZIP_DEFLATED
    return info


def _manifest(snapshot: Snapshot) -> bytes:
    """Return the bytes whose SHA-256 is the snapshot's hash."""
    text = encode({"format": _MANIFEST, "pins": [_told(pin) for pin in snapshot.pins]}).encode()
    if hashlib.sha256(text).hexdigest() != snapshot.data_hash:
        raise LogRewritten(where=f"snapshot {snapshot.id}", detail="what it pins does not have its data hash")
    return text


def _told(pin: Pin) -> dict[str, Any]:
    return {
        "digest": (pin.digest or b"").hex(),
        "end": str(pin.interval.end),
        "instrument": pin.series.instrument,
        "is_adjusted": pin.series.is_adjusted,
        "revision": str(pin.revision),
        "rows": str(pin.rows),
        "source": pin.series.source,
        "start": str(pin.interval.start),
        "timeframe": pin.series.timeframe.name,
    }


def _bars(vault: Vault, snapshot: Snapshot, pin: Pin) -> Iterator[bytes]:
    rows = pinned_rows(vault, snapshot, pin, [pin.interval], compared=False)
    if digest(rows, pin.series.timeframe) != pin.digest:
        detail = f"the bars of {pin.series} do not have the digest that was pinned"
        raise StoreDamaged(where=f"snapshot {snapshot.id}", detail=detail)
    for start in range(0, len(rows), _AT_ONCE):
        yield "".join(_lines(rows, slice(start, start + _AT_ONCE))).encode()


def _lines(rows: Rows, part: slice) -> Iterator[str]:
    times = [str(time) for time in rows.time[part].tolist()]
    numbers = [_numbers(getattr(rows, name), part, len(times)) for name in (*VALUES, "adjustment_factor")]
    texts = [None] * len(times) if rows.source_id is None else list(rows.source_id[part])
    for row in zip(times, *numbers, texts, strict=True):
        yield json.dumps(row, ensure_ascii=False, separators=(",", ":")) + "\n"


def _numbers(column: Any, part: slice, count: int) -> list[float | None]:
    if column is None:
        return [None] * count
    return [None if np.isnan(value) else value for value in column[part].tolist()]


def _entries(vault: Vault, snapshot: Snapshot, size: int) -> Iterator[AuditEntry]:
    """Give the entries that made what is pinned, and those that name the snapshot."""
    found: dict[int, AuditEntry] = {}
    for pin in snapshot.pins:
        found |= {entry.sequence: entry for entry in vault.ledger.audit.entries(series=pin.series)}
    for sequence in sorted(found):
        if sequence <= size and _concerns(found[sequence], snapshot):
            yield found[sequence]


def _concerns(entry: AuditEntry, snapshot: Snapshot) -> bool:
    data = entry.data
    if "snapshot" in data:
        return bool(data["snapshot"] == snapshot.id)
    if entry.operation == READ:
        return any(one.get("version") == snapshot.id for one in data.get("shown", ()))
    return entry.time <= snapshot.created_at
