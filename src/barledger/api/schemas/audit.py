"""The audit log: its entries, what is signed, and the proofs that nothing of it was changed."""

from typing import Annotated

from pydantic import Field

from barledger.api.keyset import PageWish
from barledger.api.schemas.values import Instant, InstrumentName, Name, Schema, TimeframeName, Wish, stamp
from barledger.ledger.contract import AuditEntry, SignedCheckpoint
from barledger.services.audit.log import AuditKey, Continuation, Proof

Hash = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$", description="SHA-256, in hex.", examples=["9c" * 32])]
_LARGEST = 9_223_372_036_854_775_807


class EntriesWish(PageWish):
    """Which entries."""

    operation: Annotated[Name | None, Field(description="Only of this operation.", examples=["ingest"])] = None
    instrument: Annotated[InstrumentName | None, Field(description="With timeframe and source: of this series.")] = None
    timeframe: TimeframeName | None = None
    source: Annotated[Name | None, Field(examples=["yahoo"])] = None


class EntryAnswer(Schema):
    """An entry of the log; ``body`` is what is hashed, canonical JSON of RFC 8785."""

    sequence: Annotated[int, Field(ge=1)]
    time: Instant
    actor: Annotated[str, Field(examples=["key:desk"])]
    operation: Annotated[str, Field(examples=["ingest"])]
    body: Annotated[str, Field(description="Canonical JSON, in which ns and revisions are decimal strings.")]

    @classmethod
    def of(cls, one: AuditEntry) -> "EntryAnswer":
        """Show an entry."""
        return cls(
            sequence=one.sequence,
            time=stamp(one.time) or "",
            actor=one.actor,
            operation=one.operation,
            body=one.body,
        )


class EntriesAnswer(Schema):
    """Entries in their order."""

    items: list[EntryAnswer]
    next: Annotated[str | None, Field(description="The address of the next page.")]


class CheckpointAnswer(Schema):
    """A signed note over the first entries of the log."""

    size: Annotated[int, Field(ge=0, description="So many entries are signed.")]
    root: Hash
    key: Annotated[str, Field(description="The public key in its written form, name+id+base64.")]
    note: Annotated[str, Field(description="The note itself, in the form of C2SP signed-note and tlog-checkpoint.")]
    signed_at: Instant

    @classmethod
    def of(cls, one: SignedCheckpoint) -> "CheckpointAnswer":
        """Show a checkpoint."""
        return cls(size=one.size, root=one.root.hex(), key=one.key, note=one.note, signed_at=stamp(one.signed_at) or "")


class CheckpointsAnswer(Schema):
    """What was signed, by size."""

    items: list[CheckpointAnswer]
    next: Annotated[str | None, Field(description="The address of the next page.")]


class ProofWish(Wish):
    """By which checkpoint."""

    size: Annotated[
        int | None,
        Field(ge=1, le=_LARGEST, description="The checkpoint over so many entries; without it the newest one."),
    ] = None


class ContinuationWish(ProofWish):
    """Of which beginning."""

    old: Annotated[int, Field(ge=0, le=_LARGEST, description="The first so many entries.", examples=[1])]


class ProofAnswer(Schema):
    """That an entry is among those that a checkpoint signs: RFC 9162, section 2.1.3."""

    entry: EntryAnswer
    index: Annotated[int, Field(ge=0, description="Of the leaf, from 0.")]
    leaf: Hash
    hashes: list[Hash]
    checkpoint: CheckpointAnswer

    @classmethod
    def of(cls, one: Proof) -> "ProofAnswer":
        """Show a proof."""
        return cls(
            entry=EntryAnswer.of(one.entry),
            index=one.entry.sequence - 1,
            leaf=one.leaf.hex(),
            hashes=[one.hex() for one in one.hashes],
            checkpoint=CheckpointAnswer.of(one.checkpoint),
        )


class ContinuationAnswer(Schema):
    """That the log was only added to: RFC 9162, section 2.1.4."""

    old: Annotated[int, Field(ge=0)]
    old_root: Hash
    hashes: list[Hash]
    checkpoint: CheckpointAnswer

    @classmethod
    def of(cls, one: Continuation) -> "ContinuationAnswer":
        """Show a proof."""
        return cls(
            old=one.old,
            old_root=one.old_root.hex(),
            hashes=[one.hex() for one in one.hashes],
            checkpoint=CheckpointAnswer.of(one.checkpoint),
        )


class AuditKeyAnswer(Schema):
    """A public key that the log had."""

    id: Annotated[str, Field(pattern=r"^[0-9a-f]{8}$", description="By which signatures name it.")]
    key: Annotated[str, Field(description="Its written form, name+id+base64.")]
    entry: Annotated[int, Field(ge=1, description="The entry that made it the key.")]
    since: Instant
    vouched: Annotated[bool, Field(description="Whether the key before it signed it.")]
    current: bool

    @classmethod
    def of(cls, one: AuditKey) -> "AuditKeyAnswer":
        """Show a key."""
        return cls(
            id=one.id,
            key=str(one.key),
            entry=one.entry,
            since=stamp(one.time) or "",
            vouched=one.vouched,
            current=one.current,
        )


class AuditKeysAnswer(Schema):
    """Every public key that the log names, in their order."""

    items: list[AuditKeyAnswer]
