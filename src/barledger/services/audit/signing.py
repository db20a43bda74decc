"""Signing: checkpoints of the log, and the change of the key that signs them."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from barledger.domain.checkpoint import Checkpoint, entries_of
from barledger.domain.merkle import Frontier
from barledger.domain.note import Note, PrivateKey, PublicKey
from barledger.domain.notice import Notice
from barledger.errors import EntryNotFound, KeyMissing, LogRewritten, ReadOnly
from barledger.ledger.contract import AuditEntry, SignedCheckpoint
from barledger.services.audit import trust
from barledger.services.audit.anchor import add_anchor, read_anchors
from barledger.services.audit.keys import KeyRing
from barledger.services.cache.vault import Vault


@dataclass(frozen=True, slots=True, kw_only=True)
class Signer:
    """Signs the log of one library; a log that is not a continuation of what was signed before is not signed."""

    vault: Vault
    keys: KeyRing
    anchor: Path | None = None

    def checkpoint(self, *, anchor: Path | None = None) -> SignedCheckpoint:
        """Return a signed checkpoint of everything that is in the log now, made and anchored unless it is already.

        Raises `KeyExposed`, `KeyMissing`, `LogRewritten`, `ReadOnly` and `StoreUnwritable`.
        """
        file = anchor or self.anchor
        newest = self.vault.ledger.audit.checkpoints(newest=1)
        key = self._key(newest)
        head = self._head(newest, file)
        if newest and (newest[0].size, newest[0].key) == (head.size, str(key.public)):
            signed, news = newest[0], False
        else:
            signed, news = self._sign(key, head), True
        anchored = file is not None and add_anchor(file, signed.note, self.keys.origin)
        if news or anchored:
            self._tell(signed, file if anchored else None)
        return signed

    def rotate(self, *, reason: str = "", lost: bool = False) -> SignedCheckpoint:
        """Let another key sign from now on, which the old one vouches for; without the old one only if it is ``lost``.

        Raises as `checkpoint` does.
        """
        self.vault.check_writable()
        newest = self.vault.ledger.audit.checkpoints(newest=1)
        if newest and not lost:
            # What the old key has not signed yet shall not be for the new one alone to vouch for.
            self.checkpoint()
        key = None if lost else self._key(newest)
        new = self.keys.prepare()
        audit, vault = self.vault.ledger.audit, self.vault
        if key is None:
            replaces = newest[0].key if newest else ""
            told = {"public_key": str(new.public), "replaces": replaces}
            audit.append(vault.who(trust.NAMED, reason=reason), told)
        else:
            told = {"note": trust.hand_over(key, new.public)}
            audit.append(vault.who(trust.ROTATED, reason=reason), told)
        self.keys.turn()
        return self.checkpoint()

    def _check_signing(self) -> None:
        if self.vault.read_only and not self.vault.mismatch:
            why = "what is in the log since its last checkpoint has to be signed first, which is written down"
            raise ReadOnly(reason=f"it was opened for reading, and {why}")
        self.vault.check_writable()

    # --- parts ---------------------------------------------------------------------------------

    def _key(self, newest: Sequence[SignedCheckpoint]) -> PrivateKey:
        """Return the key that has to sign; the first one is made here, and named in the log."""
        key = self.keys.load()
        if newest:
            if key is None or (str(key.public) != newest[0].key and not self._followed(newest[0].key, key)):
                raise KeyMissing(key=newest[0].key, folder=self.keys.where)
        else:
            self._check_signing()
            key = key or self.keys.make()
            if not self.vault.ledger.audit.entries(operation=trust.NAMED):
                self.vault.ledger.audit.append(self.vault.who(trust.NAMED), {"public_key": str(key.public)})
        if not self.vault.read_only:
            if not self.keys.retains(key.public):
                self.retain_keys()
            self.keys.publish(key.public)
        return key

    def retain_keys(self) -> None:
        """Write every public key that the log names to a file of its own, those before a change of the key too."""
        for key, _ in self.named():
            self.keys.retain(key)

    def named(self) -> list[tuple[PublicKey, AuditEntry]]:
        """Return the keys that the log names, in their order, each with the entry by which it became the key."""
        audit = self.vault.ledger.audit
        told = [one for name in (trust.NAMED, trust.ROTATED) for one in audit.entries(operation=name)]
        found = [(key, one) for one in told if (key := trust.introduced(one.data)) is not None]
        return sorted(found, key=lambda one: one[1].sequence)

    def _followed(self, before: str, key: PrivateKey) -> bool:
        """Tell whether the log says that this key comes after another one."""
        audit = self.vault.ledger.audit
        told = [entry.data for name in (trust.NAMED, trust.ROTATED) for entry in audit.entries(operation=name)]
        return any(
            (one.get("replaces") == before and one.get("public_key") == str(key.public))
            or (one["operation"] == trust.ROTATED and _hands_over(str(one.get("note")), before, str(key.public)))
            for one in told
        )

    def _head(self, newest: Sequence[SignedCheckpoint], file: Path | None) -> Frontier:
        """Return what the tree is now; raises `LogRewritten` unless it continues all that was signed."""
        audit, origin = self.vault.ledger.audit, self.keys.origin
        signed = [(f"the checkpoint of {entries_of(one.size)}", one.size, one.root) for one in newest]
        if file is not None and file.exists():
            anchors = read_anchors(file, origin).found
            signed += [(one.where, one.checkpoint.size, one.checkpoint.root) for one in anchors[-1:]]
        head = audit.frontier()
        if audit.root(head.size) != head.root:
            raise LogRewritten(where="its tree", detail="the root is not that of the nodes that are kept")
        for where, size, root in signed:
            try:
                same = audit.root(size) == root
            except EntryNotFound:
                raise LogRewritten(where=where, detail=f"the log has only {entries_of(head.size)}") from None
            if not same:
                raise LogRewritten(where=where, detail=f"the first {entries_of(size)} have another root")
        return head

    def _sign(self, key: PrivateKey, head: Frontier) -> SignedCheckpoint:
        self._check_signing()
        made = Checkpoint(origin=self.keys.origin, size=head.size, root=head.root)
        signed = SignedCheckpoint(
            size=made.size,
            root=made.root,
            key=str(key.public),
            note=made.signed(key),
            signed_at=self.vault.ledger.now(),
        )
        self.vault.ledger.audit.keep_checkpoint(signed)
        return signed

    def _tell(self, signed: SignedCheckpoint, file: Path | None) -> None:
        where = f" and anchored in {file}" if file else ""
        verb = "is" if signed.size == 1 else "are"
        self.vault.notify(
            Notice(
                kind="checkpoint_anchored",
                severity="info",
                subject=f"The audit log's first {entries_of(signed.size)} {verb} signed{where}",
                about=f"audit log {self.keys.origin}",
                body=signed.note,
                details={
                    "origin": self.keys.origin,
                    "size": str(signed.size),
                    "root": signed.root.hex(),
                    "signed_at": str(signed.signed_at),
                    "note": signed.note,
                    "anchor": str(file or ""),
                },
            )
        )


def _hands_over(note: str, before: str, after: str) -> bool:
    lines = Note.of(note).text.split("\n")
    return before in lines[1:2] and after in lines[2:3]
