"""Checking a library's own log: its entries against its tree, its checkpoints and its anchors."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from barledger.domain.checkpoint import Checkpoint, entries_of
from barledger.domain.interval import format_time
from barledger.domain.merkle import Frontier, Node, leaf_hash
from barledger.domain.note import Note, PublicKey
from barledger.errors import InvalidNote, StoreDamaged
from barledger.ledger.contract import KEPT_LEVELS, KeptEntry, Ledger
from barledger.services.audit import trust
from barledger.services.audit.anchor import read_anchors
from barledger.services.audit.report import AuditVerification, Wrong, listed

_AT_ONCE: Final = 4_096
_ENOUGH: Final = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Signed:
    """What somebody has signed: a note, where it lies, and what it says."""

    where: str
    note: str
    checkpoint: Checkpoint
    key: str = ""


@dataclass(slots=True, kw_only=True)
class Comparison:
    """A log that is read from its beginning, and compared with what was signed of it."""

    signed: Sequence[Signed]
    tree: Frontier = field(default_factory=Frontier)
    wrong: list[Wrong] = field(default_factory=list)
    named: set[PublicKey] = field(default_factory=set)
    told: list[Mapping[str, Any]] = field(default_factory=list)
    _good: int = 0
    _at: dict[int, list[Signed]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Sort what was signed by size."""
        for one in self.signed:
            self._at.setdefault(one.checkpoint.size, []).append(one)

    def add(self, data: Mapping[str, Any], leaf: bytes) -> list[tuple[Node, bytes]]:
        """Take in the next entry, and compare the tree with what was signed at this size."""
        if data.get("operation") in (trust.NAMED, trust.ROTATED):
            self.told.append(data)
            self.named |= trust.named(data)
        filled = self.tree.add(leaf)
        here = self._at.pop(self.tree.size, ())
        for one in here:
            if self.tree.root != one.checkpoint.root:
                detail = f"not what was signed: {one.where}"
                self.wrong.append(Wrong(what="log", sequence=self._good + 1, last=self.tree.size, detail=detail))
        if any(self.tree.root == one.checkpoint.root for one in here):
            self._good = self.tree.size
        return filled

    def end(self) -> None:
        """Say what was signed and is not there."""
        for size, some in self._at.items():
            detail = f"missing: {some[0].where} signs {entries_of(size)}"
            self.wrong.append(Wrong(what="log", sequence=self.tree.size + 1, last=size, detail=detail))

    def check_signatures(self, trusted: set[PublicKey]) -> None:
        """Say which notes none of these keys has signed."""
        for one in self.signed:
            if Note.of(one.note).signer(trusted) is None:
                signed = ", ".join(each.id.hex() for each in Note.of(one.note).signatures)
                ours = ", ".join(sorted(key.id.hex() for key in trusted)) or "none"
                detail = f"its signature, by key {signed}, is not by a key of this log that is trusted here: {ours}"
                self.wrong.append(Wrong(what=one.where, detail=detail))


def verify(ledger: Ledger, key: PublicKey | None, anchors: Sequence[Path]) -> AuditVerification:
    """Read the whole log and compare it; ``key`` is the one that is trusted, else those count that the log names."""
    signed, wrong = _signed(ledger, anchors)
    compared = Comparison(signed=signed, wrong=wrong)
    try:
        head = ledger.audit.frontier()
    except StoreDamaged as error:
        compared.wrong.append(Wrong(what="tree", detail=str(error)))
        head = Frontier()
    _read(ledger, head.size, compared)
    compared.end()
    if head.size == compared.tree.size and head.packed != compared.tree.packed:
        compared.wrong.append(Wrong(what="tree", detail="its root is not that of the entries"))
    trusted = trust.followed(compared.told, {key}) if key else set()
    # A log that a trusted key has signed also vouches for the keys that it names, which signed before.
    by_trusted = [one for one in signed if trusted and Note.of(one.note).signer(trusted)]
    if by_trusted or key is None:
        trusted |= compared.named
    compared.check_signatures(trusted)
    return AuditVerification(
        subject=ledger.location,
        origin=ledger.id,
        size=compared.tree.size,
        root=compared.tree.root.hex(),
        checkpoints=len(signed),
        anchored=sum(1 for one in signed if not one.key),
        signed=max((one.checkpoint.size for one in signed), default=0),
        keys=tuple(sorted({one.key for one in signed if one.key})),
        wrong=listed(compared.wrong),
    )


def _signed(ledger: Ledger, anchors: Sequence[Path]) -> tuple[list[Signed], list[Wrong]]:
    signed, wrong = [], []
    for one in ledger.audit.checkpoints():
        where = f"the checkpoint of {entries_of(one.size)} of {format_time(one.signed_at)}"
        try:
            read = Checkpoint.in_note(one.note)
        except InvalidNote as error:
            wrong.append(Wrong(what=where, detail=str(error)))
            continue
        if (read.origin, read.size, read.root) != (ledger.id, one.size, one.root):
            wrong.append(Wrong(what=where, detail="its note says something else"))
        signed.append(Signed(where=where, note=one.note, checkpoint=read, key=one.key))
    for file in anchors:
        found = read_anchors(file, ledger.id)
        wrong += [Wrong(what="the anchor file", detail=found.torn)] if found.torn else []
        signed += [Signed(where=one.where, note=one.note, checkpoint=one.checkpoint) for one in found.found]
    return signed, wrong


def _pages(ledger: Ledger, size: int) -> Iterator[list[KeptEntry]]:
    """Give the entries up to a number, as they lie there."""
    after = 0
    while after < size:
        page = [one for one in ledger.audit.raw(after=after, limit=_AT_ONCE) if one.entry.sequence <= size]
        if not page:
            return
        yield page
        after = page[-1].entry.sequence


def _read(ledger: Ledger, size: int, compared: Comparison) -> None:
    for page in _pages(ledger, size):
        filled: list[tuple[Node, bytes]] = []
        for kept in page:
            expected = compared.tree.size + 1
            if kept.entry.sequence != expected:
                last = kept.entry.sequence - 1
                compared.wrong.append(Wrong(what="log", sequence=expected, last=last, detail="missing"))
                return
            data, reason = _judge(kept)
            if reason:
                compared.wrong.append(Wrong(what="log", sequence=expected, detail=reason))
            filled += compared.add(data, kept.leaf)
        compared.wrong += _differing(ledger, filled)
        if len(compared.wrong) > _ENOUGH:
            return
    if compared.tree.size < size:
        sequence = compared.tree.size + 1
        compared.wrong.append(Wrong(what="log", sequence=sequence, last=size, detail="missing at the end of the log"))


def _judge(kept: KeptEntry) -> tuple[Mapping[str, Any], str]:
    """Return what an entry says, and why it is not what was written, if it is not."""
    entry = kept.entry
    if leaf_hash(entry.body.encode()) != kept.leaf:
        return {}, "its text is not what was written: it does not have the hash that is kept of it"
    try:
        data = json.loads(entry.body)
        told = {name: str(data[name]) for name in ("sequence", "time", "actor", "operation")}
    except (ValueError, KeyError, TypeError):
        return {}, "its text is not an entry"
    for name, value in told.items():
        if value != str(getattr(entry, name)):
            return data, f"the column {name} says {getattr(entry, name)!s}, and its text {value}"
    return data, ""


def _differing(ledger: Ledger, filled: Sequence[tuple[Node, bytes]]) -> list[Wrong]:
    """Compare subtrees with what is kept of them; of nodes that lie above each other only the lowest is named."""
    wanted = {node: hashed for node, hashed in filled if node[0] % KEPT_LEVELS == 0}
    kept = ledger.audit.kept(list(wanted))
    bad = [node for node, hashed in wanted.items() if kept.get(node) != hashed]
    lowest = [node for node in bad if node[0] == min(level for level, _ in bad)]
    return [
        Wrong(
            what="log",
            sequence=(number << level) + 1,
            last=(number + 1) << level,
            detail="one of these, or the hash that is kept over them, is not what was written",
        )
        for level, number in lowest
    ]
