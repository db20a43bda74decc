"""Exports: the log as lines of JSON, each with the proof that it is in the tree that a checkpoint signs.

The first line is ``{"checkpoint": <signed note>, "format": "barledger/audit/1"}``; then there is a line for each
entry, in order and all of them: ``{"body": <the entry's bytes as text>, "proof": [<hex>, …], "sequence": "1"}``. The
leaf is SHA-256 over a zero byte and the body in UTF-8; the proof is the inclusion proof of RFC 6962 from the leaf
upwards. Every line is canonical JSON, so nothing in the file can be changed without being another file.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from barledger.domain.checkpoint import entries_of
from barledger.domain.merkle import Tree, leaf_hash
from barledger.errors import LogRewritten, NotEmpty, StoreUnwritable
from barledger.ledger.contract import AuditEntry, Ledger, SignedCheckpoint

FORMAT: Final = "barledger/audit/1"
_AT_ONCE: Final = 4_096
encode: Final = json.JSONEncoder(ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class AuditExport:
    """What was written, and where."""

    path: Path
    entries: int
    checkpoint: SignedCheckpoint

    def __repr__(self) -> str:
        """Say it in a line."""
        return f"<AuditExport {self.path}: {entries_of(self.entries)}>"


def proved_line(entry: AuditEntry, proof: list[bytes]) -> str:
    """Return an entry with its proof as a line."""
    return encode({"body": entry.body, "proof": [one.hex() for one in proof], "sequence": str(entry.sequence)}) + "\n"


def export(ledger: Ledger, checkpoint: SignedCheckpoint, path: Path) -> AuditExport:
    """Write everything that a checkpoint signs to a new file, in one piece.

    Raises `NotEmpty` rather than overwrite anything, `LogRewritten` for a log that is not what was signed, and
    `StoreUnwritable`.
    """
    if path.exists():
        raise NotEmpty(where=str(path))
    tree = Tree(leaf_hash(entry.body.encode()) for entry in _entries(ledger, checkpoint.size))
    if len(tree) != checkpoint.size or tree.root() != checkpoint.root:
        detail = "the entries do not have the root that was signed"
        raise LogRewritten(where=f"the checkpoint of {entries_of(checkpoint.size)}", detail=detail)
    beside = path.with_name(f".{path.name}.new")
    try:
        with beside.open("w", encoding="utf-8", newline="\n") as file:
            file.write(encode({"checkpoint": checkpoint.note, "format": FORMAT}) + "\n")
            for entry in _entries(ledger, checkpoint.size):
                file.write(proved_line(entry, tree.inclusion(entry.sequence - 1)))
        beside.replace(path)
    except OSError as error:
        raise StoreUnwritable(url=str(path), detail=error.strerror or str(error)) from error
    finally:
        beside.unlink(missing_ok=True)
    return AuditExport(path=path, entries=checkpoint.size, checkpoint=checkpoint)


def _entries(ledger: Ledger, size: int) -> Iterator[AuditEntry]:
    after = 0
    while after < size:
        page = ledger.audit.entries(after=after, limit=min(_AT_ONCE, size - after))
        if not page:
            return
        yield from page
        after = page[-1].sequence
