"""What is not what it was."""

from dataclasses import dataclass

from barledger.errors.root import BarledgerError


@dataclass(kw_only=True, eq=False)
class IntegrityError(BarledgerError, RuntimeError):
    """Data are not what the ledger says they are."""

    code = "integrity"


@dataclass(kw_only=True, eq=False)
class StoreDamaged(IntegrityError):
    """A checksum inside the store does not fit."""

    where: str
    detail: str
    code = "store-damaged"
    message = "{where} is damaged: {detail}"
    next_step = "Run `barledger snapshot verify` to see what is affected, then restore from a backup."


@dataclass(kw_only=True, eq=False)
class BlockDamaged(IntegrityError):
    """A block's bars do not have the digest that the ledger keeps."""

    series: str
    block: str
    expected: str
    found: str
    code = "block-damaged"
    message = "block {block} of {series} has digest {found}, not {expected}"
    next_step = "Nothing was written. Restore the block from a backup, or ask `barledger doctor`."


@dataclass(kw_only=True, eq=False)
class StoreDiverged(IntegrityError):
    """The store lacks bars that the ledger counts, or has others than were written."""

    series: str
    detail: str
    code = "store-diverged"
    message = "{series} in the store is not what the ledger counts: {detail}"
    next_step = (
        "Restore the store from a backup; or accept what it has by `barledger ledger reconcile`, and ingest the "
        "stretch again."
    )


@dataclass(kw_only=True, eq=False)
class LedgerMismatch(IntegrityError):
    """The store belongs to another ledger, or one of the two is older than the other."""

    reason: str
    code = "ledger-mismatch"
    message = "store and ledger do not belong together: {reason}"
    next_step = "What this ledger knows can be read; else see `barledger ledger adopt|rebuild|reconcile --help`."


@dataclass(kw_only=True, eq=False)
class LockBroken(IntegrityError):
    """The data are not those that a lock file names."""

    file: str
    detail: str
    code = "lock-broken"
    message = "{file}: the data are not those that were locked: {detail}"
    next_step = "`barledger versions` tells what changed; `barledger lock` accepts it on purpose."


@dataclass(kw_only=True, eq=False)
class ManifestChanged(IntegrityError):
    """A lock or another manifest was changed after it was written, so that it proves nothing."""

    file: str
    code = "manifest-changed"
    message = "{file} was changed after it was written: its digest is not that of its series"
    next_step = (
        "Take the file back from version control; or, if the data are those that are wanted, write it again "
        "(`barledger lock`, `save_manifest`, `barledger export`)."
    )


@dataclass(kw_only=True, eq=False)
class LogRewritten(IntegrityError):
    """The audit log is not a continuation of what was signed before, so nothing more is signed."""

    where: str
    detail: str
    code = "log-rewritten"
    message = "the audit log is not the one that was signed: {where}: {detail}"
    next_step = (
        "Run `barledger audit verify`, which names the first entry that is wrong; keep the anchor file and a copy."
    )
