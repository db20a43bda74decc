"""The audit log, as callers use it."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from barledger.domain.checkpoint import entries_of
from barledger.domain.interval import Instant
from barledger.domain.merkle import consistent, includes, leaf_hash
from barledger.domain.note import PublicKey
from barledger.domain.series import Series, check_name
from barledger.domain.version import Version
from barledger.errors import InvalidSetting, VersionNotFound
from barledger.ledger.contract import AuditEntry, SignedCheckpoint
from barledger.services.audit.bundle import EvidenceVerification, verify_bundle
from barledger.services.audit.checking import verify
from barledger.services.audit.evidence import Evidence, gather
from barledger.services.audit.export import AuditExport, export
from barledger.services.audit.keys import KeyPlace, KeyRing, read_keys
from barledger.services.audit.offline import verify_file
from barledger.services.audit.receipts import Receipt, receipts
from barledger.services.audit.report import AuditVerification
from barledger.services.audit.signing import Signer
from barledger.services.audit.trust import ROTATED
from barledger.services.cache.vault import Vault
from barledger.services.cache.versions import find_snapshot

_TAIL: Final = 20


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Proof:
    """That an entry is among those that a checkpoint signs: the hashes beside the way from its leaf to the root."""

    entry: AuditEntry
    leaf: bytes
    hashes: tuple[bytes, ...]
    checkpoint: SignedCheckpoint

    @property
    def ok(self) -> bool:
        """Whether it leads from the entry's bytes to the signed root."""
        leaf = leaf_hash(self.entry.body.encode())
        place = self.entry.sequence - 1
        return includes(self.checkpoint.root, self.checkpoint.size, place, leaf, self.hashes)

    def __repr__(self) -> str:
        """Say what is proved."""
        return f"<Proof that entry {self.entry.sequence} is among the first {self.checkpoint.size:,}: {self.ok}>"


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Continuation:
    """That the log was only added to: the hashes that lead from an older root to a checkpoint's."""

    old: int
    old_root: bytes
    hashes: tuple[bytes, ...]
    checkpoint: SignedCheckpoint

    @property
    def ok(self) -> bool:
        """Whether they do."""
        return consistent(self.old_root, self.old, self.checkpoint.root, self.checkpoint.size, self.hashes)

    def __repr__(self) -> str:
        """Say what is proved."""
        return f"<Continuation of {entries_of(self.old)} to {self.checkpoint.size:,}: {self.ok}>"


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class AuditKey:
    """A public key that the log had: the entry that made it the key, where it lies, and whether it is that still.

    ``vouched`` says whether the key before it signed it; the first one, and one that replaces a lost one, has nobody.
    """

    key: PublicKey
    entry: int
    time: int
    file: str
    vouched: bool
    current: bool

    @property
    def id(self) -> str:
        """Return the id by which signatures name it (hex)."""
        return self.key.id.hex()

    def __str__(self) -> str:
        """Say it in a line."""
        state = "signs now" if self.current else "signed before"
        return f"key {self.id}, since entry {self.entry:,}, {state}: {self.file or self.key}"

    def __repr__(self) -> str:
        """Say it in brackets."""
        return f"<AuditKey {self}>"


class AuditLog:
    """Every operation that touched data: who, when, what, and the digests before and after; signed, and provable."""

    def __init__(self, vault: Vault, *, keys: KeyPlace | None = None, anchor: Path | None = None) -> None:
        """Work on this ledger's log; its key lies at ``keys`` (else in memory), checkpoints go to the file ``anchor``.

        The public key may be given to anybody; without the private one nothing can be signed.
        """
        self._vault = vault
        self._signer = Signer(vault=vault, keys=KeyRing(vault.ledger.id, keys), anchor=anchor)

    # --- entries -------------------------------------------------------------------------------

    def entries(
        self,
        *,
        after: int = 0,
        limit: int | None = None,
        operation: str | None = None,
        series: Series | None = None,
    ) -> Sequence[AuditEntry]:
        """Return entries with a sequence above ``after``, in order."""
        return self._vault.ledger.audit.entries(after=after, limit=limit, operation=operation, series=series)

    def tail(self, count: int = _TAIL, *, operation: str | None = None) -> Sequence[AuditEntry]:
        """Return the newest entries, in order."""
        return self._vault.ledger.audit.newest(count, operation=operation)

    def __len__(self) -> int:
        """Return how many entries there are."""
        return self._vault.ledger.audit.count()

    # --- signing -------------------------------------------------------------------------------

    @property
    def public_key(self) -> PublicKey | None:
        """Return the key that verifies what is signed here, if there is one yet."""
        return self._signer.keys.public()

    def checkpoint(self, *, anchor: str | Path | None = None) -> SignedCheckpoint:
        """Sign what the log is now: the number of its entries, and the root of the tree over them.

        The note is kept in the ledger, and added to the file ``anchor`` (or the setting's). A log that has not grown
        since the last one is not signed again. Makes the key on first use. Raises `LogRewritten` for a log that does
        not continue what was signed before, `KeyExposed`, `KeyMissing`, `ReadOnly` and `StoreUnwritable`.
        """
        return self._signer.checkpoint(anchor=_file(anchor))

    def checkpoints(self) -> Sequence[SignedCheckpoint]:
        """Return all checkpoints, by size."""
        return self._vault.ledger.audit.checkpoints()

    def rotate_key(self, *, reason: str = "", lost: bool = False) -> SignedCheckpoint:
        """Let a new key sign from now on, and note in the log that the old one says so; returns its first checkpoint.

        If the old key is ``lost``, nobody vouches for the new one: give its public key to all who verify. Raises as
        `checkpoint` does.
        """
        return self._signer.rotate(reason=reason, lost=lost)

    def public_keys(self) -> Sequence[AuditKey]:
        """Return every public key that the log names, in their order; each has a file of its own beside ``audit.pub``.

        A file that is missing is written, unless the session is for reading: the log has all of them. Raises
        `StoreUnwritable`.
        """
        signer = self._signer
        if not self._vault.read_only:
            signer.retain_keys()
        now = self.public_key
        return [
            AuditKey(
                key=key,
                entry=entry.sequence,
                time=entry.time,
                file=str(signer.keys.file_of(key) or ""),
                vouched=entry.operation == ROTATED,
                current=key == now,
            )
            for key, entry in signer.named()
        ]

    # --- proving -------------------------------------------------------------------------------

    def prove(self, sequence: int, *, checkpoint: SignedCheckpoint | None = None) -> Proof:
        """Return the proof that an entry is among those that a checkpoint signs, the newest one without another.

        If none signs it yet, one is made. Raises `EntryNotFound`, and what `checkpoint` raises.
        """
        audit = self._vault.ledger.audit
        signed = checkpoint or self._covering(sequence)
        hashes = audit.inclusion(sequence, signed.size)
        (kept,) = audit.raw(after=sequence - 1, limit=1)
        return Proof(entry=kept.entry, leaf=kept.leaf, hashes=tuple(hashes), checkpoint=signed)

    def prove_continuation(self, size: int, *, checkpoint: SignedCheckpoint | None = None) -> Continuation:
        """Return the proof that the first ``size`` entries are the beginning of what a checkpoint signs.

        Raises as `prove` does.
        """
        audit = self._vault.ledger.audit
        signed = checkpoint or self._covering(size)
        hashes = audit.consistency(size, signed.size)
        return Continuation(old=size, old_root=audit.root(size), hashes=tuple(hashes), checkpoint=signed)

    def export(self, path: str | Path) -> AuditExport:
        """Write the whole log as lines of JSON, with the proof of each entry, to a new file (`services.audit.export`).

        Signs a checkpoint before. Raises `NotEmpty`, `LogRewritten`, and what `checkpoint` raises.
        """
        target = _target(path)
        return export(self._vault.ledger, self.checkpoint(), target)

    def verify(self, *, key: str | Path | None = None, anchor: str | Path | None = None) -> AuditVerification:
        """Read the whole log, and compare it with its tree, its checkpoints and the anchor file.

        Trusts the public key beside the library, or those in the file ``key``. The first entry that is wrong is in
        ``first_wrong``. Somebody who has the private key and every anchor can write a new log that verifies: this log
        is tamper-evident, never tamper-proof. Raises `InvalidSetting` for files that cannot be read.
        """
        trusted = read_keys(Path(key).expanduser())[0] if key is not None else self.public_key
        file = _file(anchor) or self._signer.anchor
        there = [file] if file is not None and (anchor is not None or file.exists()) else []
        return verify(self._vault.ledger, trusted, there)

    # --- what was shown ------------------------------------------------------------------------

    def receipts(
        self,
        *,
        strategy: str,
        at: Instant | None = None,
        start: Instant | None = None,
        end: Instant | None = None,
    ) -> Sequence[Receipt]:
        """Return what a strategy was shown in [start, end), oldest first.

        With ``at``: of each instrument and timeframe the last time that it was shown by then. A text means all of what
        it names: ``2026-11-25T14:31Z`` the whole minute. Reads leave a receipt if they are given ``strategy=``.
        """
        return receipts(self._vault, check_name("strategy", strategy), at=at, start=start, end=end)

    def evidence(self, version: str, path: str | Path) -> Evidence:
        """Write everything about a snapshot into one zip that can be verified without barledger.

        ``version`` is a snapshot's id, or ``strategy:<id>``. See `services.audit.evidence` for what is in it. Raises
        `VersionNotFound`, `NotEmpty`, `StoreDamaged`, and what `checkpoint` raises.
        """
        snapshot = find_snapshot(self._vault, Version.of(version))
        if snapshot is None:
            raise VersionNotFound(version=version)
        return gather(self._vault, self._signer, snapshot, _target(path))

    def __repr__(self) -> str:
        """Say whose log it is, and how long."""
        return f"<AuditLog of {self._vault.ledger.id}: {entries_of(len(self))}>"

    def _covering(self, sequence: int) -> SignedCheckpoint:
        """Return the newest checkpoint if it signs this entry, else a new one."""
        newest = self._vault.ledger.audit.checkpoints(newest=1)
        return newest[0] if newest and sequence <= newest[0].size else self.checkpoint()


def verify_audit(path: str | Path, key: str | Path, *, against: Sequence[str | Path] = ()) -> AuditVerification:
    """Check an exported audit log with nothing but the file and the public key, a ``.pub`` file.

    Every byte counts: an entry that was changed, removed, moved, added or repeated is found, and so is the end if it
    is missing; the first one that is wrong is in ``first_wrong``. ``against`` are files with other checkpoints of this
    log, such as its anchor file: an export that is older than one of them, or does not continue it, is wrong. Raises
    `InvalidSetting` and `InvalidNote` for files that cannot be read.
    """
    others = [Path(one).expanduser() for one in against]
    trusted = Path(key).expanduser()
    return verify_file(Path(path).expanduser(), read_keys(trusted), others, beside=trusted)


def verify_evidence(path: str | Path, key: str | Path) -> EvidenceVerification:
    """Check a bundle of evidence with nothing but the file and a public key that is trusted, a ``.pub`` file.

    It may be an older key than the one that has signed the bundle: the bundle has the entries by which each key hands
    over to the next. Raises `InvalidSetting` and `InvalidNote` for files that cannot be read.
    """
    trusted = Path(key).expanduser()
    return verify_bundle(Path(path).expanduser(), read_keys(trusted), beside=trusted)


def _file(path: str | Path | None) -> Path | None:
    return None if path is None else Path(path).expanduser().absolute()


def _target(path: str | Path) -> Path:
    target = Path(path).expanduser().absolute()
    if not target.parent.is_dir():
        raise InvalidSetting(setting="path", reason=f"there is no folder {target.parent}")
    return target
