"""What is refused, and what is busy."""

from dataclasses import dataclass

from barledger.errors.root import BarledgerError


@dataclass(kw_only=True, eq=False)
class Refused(BarledgerError, RuntimeError):
    """The request is understood and against a promise that barledger keeps."""

    code = "refused"


@dataclass(kw_only=True, eq=False)
class RevisionConflict(Refused):
    """The interval was changed after the revision that the writer had read."""

    series: str
    expected: int
    found: int
    code = "revision-conflict"
    message = "{series} was changed by revision {found}, after the expected revision {expected}"
    next_step = "Read the bars again, apply the change to them, and write with their revision."


@dataclass(kw_only=True, eq=False)
class ProposalStale(RevisionConflict):
    """A bar of the proposal was written after the proposal was compared with it."""

    proposal: str
    code = "proposal-stale"
    message = "a bar of proposal {proposal} for {series} was written by revision {found}, after the proposal was made"
    next_step = (
        "Look again where it was found (bl.integrity.inspect with keep=True, reconcile, or ingest), then decide on the "
        "new proposal."
    )


@dataclass(kw_only=True, eq=False)
class SoAlready(ProposalStale):
    """The bars are what the proposal would make of them, so that it is superseded."""

    code = "so-already"
    message = "the bars of proposal {proposal} for {series} are so already, last written by revision {found}"
    next_step = "Nothing is left to decide: it is superseded. `barledger history` (bl.history) says who wrote it."


@dataclass(kw_only=True, eq=False)
class ChangedSince(RevisionConflict):
    """Bars that are to be restored were written again after the correction that is to be undone."""

    discrepancy: str
    changed: int
    bars: int
    code = "changed-since"
    message = "{changed} of the {bars} bars of {discrepancy} for {series} were written since, last by revision {found}"
    next_step = "Undo the rest of them with partial=True (--partial), or write the bars that are wanted."

    @property
    def advice(self) -> str:
        """Return the next step; where all bars were written since, there is no rest."""
        none_left = "Undo what wrote them first, if that was a decision, or write the bars that are wanted."
        return none_left if self.changed >= self.bars and type(self) is ChangedSince else super().advice


@dataclass(kw_only=True, eq=False)
class StillCounted(ChangedSince):
    """Bars that were written since count an event that would not be known any more."""

    events: str
    code = "still-counted"
    message = (
        "{changed} of the {bars} bars of {discrepancy} for {series} were written since, last by revision {found}, and "
        "count what would not be known any more: {events}"
    )
    next_step = (
        "Undo what wrote them first (bl.integrity.discrepancies(state='applied'), `barledger discrepancies list`), or "
        "write these bars in the shares of before; then undo this with partial=True (--partial)."
    )


@dataclass(kw_only=True, eq=False)
class ActionConflict(Refused):
    """What is known of a corporate action is not what it was when a discrepancy proposed or recorded it."""

    discrepancy: str
    action: str
    known: str
    code = "action-conflict"
    message = "{discrepancy} is about a {action}, and {known}"
    next_step = "Correct or withdraw the event itself, by bl.actions or `barledger actions`; reject what is not wanted."


@dataclass(kw_only=True, eq=False)
class RevisionExpired(Refused):
    """Retention deleted what this read needs."""

    series: str
    requested: str
    horizon: str
    code = "revision-expired"
    message = "{series} at {requested} lies behind the retention horizon {horizon}"
    next_step = "Begin where the horizon ends, or leave the start out; what is to stay readable, take a snapshot of."


@dataclass(kw_only=True, eq=False)
class NameTaken(Refused):
    """A snapshot or named version has this id already."""

    name: str
    code = "name-taken"
    message = "{name!r} is taken by another snapshot or named version"
    next_step = "Choose another id, or leave it out to have one made."


@dataclass(kw_only=True, eq=False)
class JobTaken(NameTaken):
    """A job of the schedule, or a kind of job, has this name already."""

    what: str = "job"
    code = "job-taken"
    message = "there is a {what} {name!r} already"
    next_step = "Choose another name, or remove that one first (`barledger schedule list`, `remove`)."


@dataclass(kw_only=True, eq=False)
class ChannelTaken(NameTaken):
    """A channel for notices has this name already."""

    code = "channel-taken"
    message = "there is a channel {name!r} already"
    next_step = "Choose another name, or remove that one first (`barledger notify list`, `remove`)."


@dataclass(kw_only=True, eq=False)
class SymbolTaken(NameTaken):
    """A source's symbol means another instrument at that time."""

    source: str
    instrument: str
    code = "symbol-taken"
    message = "{name!r} of {source} means {instrument} at that time"
    next_step = "Give each of both the time in which the symbol is its own: start= and end= (--start, --end)."


@dataclass(kw_only=True, eq=False)
class NotEmpty(Refused):
    """Something is where a copy or a demo would have to go."""

    where: str
    code = "not-empty"
    message = "{where} is not empty, and nothing in it is overwritten"
    next_step = "Name an empty or new place: a folder, or a bucket and a ledger of its own."


@dataclass(kw_only=True, eq=False)
class VersionImmutable(Refused):
    """A named version cannot be given other bars."""

    name: str
    series: str
    code = "version-immutable"
    message = "version {name!r} of {series} already holds other bars"
    next_step = "Write the bars under another name; named versions never change."


@dataclass(kw_only=True, eq=False)
class Held(Refused):
    """A legal hold or an approval protects this snapshot."""

    name: str
    reason: str
    code = "held"
    message = "snapshot {name!r} is held: {reason}"
    next_step = "Release the hold, or revoke the approval, first, with a reason that the audit log will keep."


@dataclass(kw_only=True, eq=False)
class ReadOnly(Refused):
    """This session cannot write."""

    reason: str
    code = "read-only"
    message = "this session is read-only: {reason}"
    next_step = "Open it for writing, as somebody who may; `barledger doctor` says what is in the way."


@dataclass(kw_only=True, eq=False)
class Closed(Refused):
    """The library was closed."""

    code = "closed"
    message = "this library is closed"
    next_step = "Open it again with barledger.connect(...)."


@dataclass(kw_only=True, eq=False)
class AdjustmentChanged(Refused):
    """Bars of one series are adjusted for one thing, so that what is read at a version stays what it is."""

    series: str
    before: str
    now: str
    code = "adjustment-changed"
    message = "the bars of {series} are kept as {before}, and now come as {now}"
    next_step = (
        "If they are the same all the same, say so to the source (adjustment= of files and influx_table); "
        "else take them in under the name of another source."
    )


@dataclass(kw_only=True, eq=False)
class CannotAdjust(Refused):
    """A corporate action cannot be applied to the bars, and leaving it out would give wrong ones."""

    what: str
    reason: str
    code = "cannot-adjust"
    message = "cannot adjust for {what}: {reason}"
    next_step = (
        "Correct or withdraw the event (`barledger actions list`), load the bars before it, or adjust for splits only."
    )


@dataclass(kw_only=True, eq=False)
class CapabilityMissing(Refused):
    """The store or source cannot do what was asked."""

    who: str
    capability: str
    code = "capability-missing"
    message = "{who} cannot do this: {capability}"
    next_step = "Use a store or source that declares the capability."

    @property
    def advice(self) -> str:
        """Return the next step; of a source it speaks of sources only."""
        whole = super().advice
        return whole.replace("store or source", "source") if self.who.startswith("source ") else whole


@dataclass(kw_only=True, eq=False)
class OutOfReach(CapabilityMissing):
    """The source serves newer bars only than all that were asked for."""

    code = "out-of-reach"
    next_step = "Ask for newer bars, or take the older ones from a source that has them, or from files."


@dataclass(kw_only=True, eq=False)
class BucketExpires(Refused):
    """The bucket deletes data by itself, so no version in it would be safe."""

    bucket: str
    after: str
    code = "bucket-expires"
    message = "bucket {bucket!r} deletes its data after {after}"
    next_step = "Use a bucket without expiry, or accept it with accept_expiry=True (BARLEDGER_ACCEPT_EXPIRY=1)."


@dataclass(kw_only=True, eq=False)
class FormatTooNew(Refused):
    """The data were written by a newer barledger."""

    where: str
    found: int
    known: int
    code = "format-too-new"
    message = "{where} has format {found}; this barledger knows formats up to {known}"
    next_step = "Upgrade barledger."


@dataclass(kw_only=True, eq=False)
class Busy(BarledgerError, TimeoutError):
    """Another writer holds the series for longer than this one may wait."""

    what: str
    waited: float
    code = "busy"
    message = "{what} was still being written after {waited:.1f} s"
    next_step = "Try again; a writer that died is overtaken when its lease ends."


@dataclass(kw_only=True, eq=False)
class LeaseLost(Busy):
    """This writer was stopped for so long that another one may have taken over; nothing was committed."""

    code = "lease-lost"
    message = "the lease on {what} ended {waited:.1f} s ago; revision not committed"
    next_step = "Write again; the unfinished revision is invisible and will be repaired."


@dataclass(kw_only=True, eq=False)
class IllegalStep(Refused):
    """The state of the discrepancy does not allow this step."""

    discrepancy: str
    state: str
    step: str
    code = "illegal-step"
    message = "discrepancy {discrepancy} is {state}, and cannot become {step}"
    next_step = "Decisions stay: undo what was applied, or write or withdraw the bars yourself."


@dataclass(kw_only=True, eq=False)
class KeyExposed(Refused):
    """Others may read the private key that signs the audit log, or the folder in which it lies."""

    path: str
    mode: str
    code = "key-exposed"
    message = "{path} has mode {mode}, so that others may read it"
    next_step = "chmod go-rwx '{path}'; if somebody may have read the key, make another: `barledger audit rotate-key`."


@dataclass(kw_only=True, eq=False)
class KeyMissing(Refused):
    """Earlier checkpoints of the audit log are signed by a key that is not here."""

    key: str
    folder: str
    code = "key-missing"
    message = "the audit log is signed by {key}, and {folder} does not have this key"
    next_step = "Put the key there; if it is lost for good, `barledger audit rotate-key --lost` goes on with a new one."
