"""Every error that barledger raises, under one root.

The tree (each class also inherits the kin from the standard library that callers already catch)::

    BarledgerError
    ├── InvalidInput (ValueError)
    │   ├── InvalidName, InvalidTimeframe, InvalidInterval, InvalidVersion, InvalidPolicy, InvalidSetting
    │   ├── InvalidBars
    │   │   ├── MissingColumns, DuplicateColumns, WrongType, NaiveTimes, UnsortedTimes, DuplicateTimes, OffGrid
    │   │   └── InfiniteValue, NegativePrice, NegativeVolume, HighBelowLow, NotEnclosing, EmptyBar
    │   └── FutureTime, AmbiguousSource, LedgerRejected
    ├── NotFound (LookupError)
    │   └── SeriesNotFound, VersionNotFound, SourceNotFound, DataNotFound
    ├── Refused (RuntimeError)
    │   ├── RevisionConflict, RevisionExpired, NameTaken, VersionImmutable, Held, ReadOnly
    │   └── CapabilityMissing, BucketExpires, FormatTooNew
    ├── Busy (TimeoutError)
    │   └── LeaseLost
    ├── IntegrityError (RuntimeError)
    │   └── StoreDamaged, BlockDamaged, StoreDiverged, LedgerMismatch
    ├── StoreError (OSError)
    │   ├── StoreUnavailable (ConnectionError), StoreTimeout, TlsFailed
    │   ├── NotAuthenticated, NotPermitted (PermissionError)
    │   ├── BucketNotFound, OrganizationNotFound, NotInfluxDB, ServerUnsupported, ServerTooOld
    │   ├── FieldTypeConflict, StoreRejected
    │   └── LedgerNotAuthenticated, LedgerNotPermitted (PermissionError), LedgerNotFound (LookupError)
    ├── SourceError (OSError)
    └── DriverMissing (ImportError)

An error is a frozen set of typed fields, a stable ``code`` for programs, and a ``next_step`` for people.
"""

from dataclasses import dataclass, fields
from typing import Any, ClassVar


def _rebuild(cls: type["BarledgerError"], values: dict[str, Any]) -> "BarledgerError":
    return cls(**values)


@dataclass(kw_only=True, eq=False)
class BarledgerError(Exception):
    """Root of every error of barledger; never raised itself."""

    code: ClassVar[str] = "barledger"
    message: ClassVar[str] = "barledger failed"
    next_step: ClassVar[str] = "Report this with the steps that led to it."

    def __post_init__(self) -> None:
        """Give ``args`` the rendered message, so that logging and tracebacks show it."""
        Exception.__init__(self, str(self))

    def __str__(self) -> str:
        """Render the message with the typed fields."""
        return self.message.format(**self.details())

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle by fields, because keyword-only fields do not survive the default."""
        return _rebuild, (type(self), self.details())

    def details(self) -> dict[str, Any]:
        """Return the typed fields by name."""
        return {field.name: getattr(self, field.name) for field in fields(self)}

    @property
    def advice(self) -> str:
        """Return the next step with the typed fields filled in."""
        return self.next_step.format(**self.details())


# --- invalid input -----------------------------------------------------------------------------


@dataclass(kw_only=True, eq=False)
class InvalidInput(BarledgerError, ValueError):
    """What the caller gave cannot be used; nothing was changed."""

    code = "invalid-input"


@dataclass(kw_only=True, eq=False)
class InvalidName(InvalidInput):
    """An instrument, source, strategy or label cannot be a name."""

    kind: str
    value: str
    reason: str
    code = "invalid-name"
    message = "{value!r} cannot be the name of the {kind}: {reason}"
    next_step = "Use a name without control characters that does not end in a backslash."


@dataclass(kw_only=True, eq=False)
class InvalidTimeframe(InvalidInput):
    """A timeframe is not one of the fifteen."""

    value: str
    code = "invalid-timeframe"
    message = "{value!r} is not a timeframe"
    next_step = "Use one of 1m 3m 5m 15m 30m 1h 2h 4h 6h 8h 12h 1d 3d 1w 1M (a minute is m, a month M)."


@dataclass(kw_only=True, eq=False)
class InvalidInterval(InvalidInput):
    """A start, an end or a time cannot be read, or the end is before the start."""

    reason: str
    code = "invalid-interval"
    message = "the interval is not valid: {reason}"
    next_step = "Give times as 2005-02-28 or 2005-02-28T09:30:00Z, the start before the end."


@dataclass(kw_only=True, eq=False)
class InvalidVersion(InvalidInput):
    """A version cannot be read, or a new id looks like a built-in kind of version."""

    value: str
    reason: str
    code = "invalid-version"
    message = "{value!r} cannot be used as a version: {reason}"
    next_step = "Use latest, first, revision:<n>, strategy:<id>, an RFC 3339 time, or the id of a snapshot."


@dataclass(kw_only=True, eq=False)
class InvalidPolicy(InvalidInput):
    """A retention or priority rule cannot be applied."""

    rule: str
    reason: str
    code = "invalid-policy"
    message = "rule {rule}: {reason}"
    next_step = "See the rules in docs/retention.md; durations are written as 90d, 18M or 7y."


@dataclass(kw_only=True, eq=False)
class InvalidSetting(InvalidInput):
    """A setting, an option or a URL cannot be used."""

    setting: str
    reason: str
    code = "invalid-setting"
    message = "{setting}: {reason}"
    next_step = "`barledger status` shows each setting and where its value comes from."


@dataclass(kw_only=True, eq=False)
class FutureTime(InvalidInput):
    """A version names a time that has not come, so its answer could still change."""

    value: str
    now: str
    code = "future-time"
    message = "{value} lies in the future (the ledger's clock says {now})"
    next_step = "Ask for a time that has passed, or for latest."


@dataclass(kw_only=True, eq=False)
class AmbiguousSource(InvalidInput):
    """Several sources have the series, and neither the caller nor a priority chooses."""

    instrument: str
    timeframe: str
    sources: tuple[str, ...]
    code = "ambiguous-source"
    message = "{instrument} {timeframe} comes from several sources: {sources}"
    next_step = "Name one with source=, or set an order with bl.cache.prioritise(...)."


@dataclass(kw_only=True, eq=False)
class InvalidBars(InvalidInput):
    """Bars break a rule; ``times`` are the first offenders, in ns since the epoch."""

    count: int
    times: tuple[int, ...] = ()
    examples: str = ""
    code = "invalid-bars"
    message = "{count} bars are not valid{examples}"
    next_step = "Correct the bars, or pass on_invalid='quarantine' to keep them aside and write the rest."


@dataclass(kw_only=True, eq=False)
class MissingColumns(InvalidBars):
    """The data lacks a column that every bar has."""

    columns: tuple[str, ...]
    found: tuple[str, ...]
    code = "missing-columns"
    message = "the data has no column {columns}; it has {found}{examples}"
    next_step = "Name the columns time, open, high, low, close, volume, or give a mapping."


@dataclass(kw_only=True, eq=False)
class DuplicateColumns(InvalidBars):
    """Two columns go by the same name, and nobody can say which is meant."""

    column: str
    name: str
    code = "duplicate-columns"
    message = "several columns are called {name!r}, so {column} could be any of them"
    next_step = "Keep one of them, or give a mapping."


@dataclass(kw_only=True, eq=False)
class WrongType(InvalidBars):
    """A column cannot be read as the type that it must have."""

    column: str
    found: str
    code = "wrong-type"
    message = "column {column} has type {found}{examples}"
    next_step = "Prices and volume are numbers, time is a timestamp with a time zone."


@dataclass(kw_only=True, eq=False)
class NaiveTimes(InvalidBars):
    """Times carry no time zone, so their instants are a guess."""

    code = "naive-times"
    message = "the times of {count} bars have no time zone{examples}"
    next_step = "Say which zone they are in: frame.tz_localize('America/New_York'), or of files the option zone."


@dataclass(kw_only=True, eq=False)
class UnsortedTimes(InvalidBars):
    """Times go back."""

    code = "unsorted-times"
    message = "{count} bars are earlier than the bar before them{examples}"
    next_step = "Sort the data by time."


@dataclass(kw_only=True, eq=False)
class DuplicateTimes(InvalidBars):
    """Two bars have the same time, and nobody can say which is meant."""

    code = "duplicate-times"
    message = "{count} bars have the time of another bar{examples}"
    next_step = "Keep one bar for each time."


@dataclass(kw_only=True, eq=False)
class OffGrid(InvalidBars):
    """A time is not an opening time of the timeframe."""

    code = "off-grid"
    message = "{count} times are not opening times of the timeframe{examples}"
    next_step = "Label each bar with its opening time in UTC (a day opens at 00:00Z, a week on Monday)."


@dataclass(kw_only=True, eq=False)
class InfiniteValue(InvalidBars):
    """A value is infinite."""

    code = "infinite-value"
    message = "{count} bars have an infinite value{examples}"


@dataclass(kw_only=True, eq=False)
class NegativePrice(InvalidBars):
    """A price is below zero."""

    code = "negative-price"
    message = "{count} bars have a price below zero{examples}"


@dataclass(kw_only=True, eq=False)
class NegativeVolume(InvalidBars):
    """A volume is below zero."""

    code = "negative-volume"
    message = "{count} bars have a volume below zero{examples}"


@dataclass(kw_only=True, eq=False)
class HighBelowLow(InvalidBars):
    """A bar's high is below its low."""

    code = "high-below-low"
    message = "{count} bars have a high below their low{examples}"


@dataclass(kw_only=True, eq=False)
class NotEnclosing(InvalidBars):
    """Open or close lies outside low..high."""

    code = "not-enclosing"
    message = "{count} bars open or close outside their low..high{examples}"


@dataclass(kw_only=True, eq=False)
class EmptyBar(InvalidBars):
    """A bar has no value at all."""

    code = "empty-bar"
    message = "{count} bars have no value at all{examples}"
    next_step = "Leave them out: a missing bar is missing. To take a bar back, use bl.withdraw(...)."


@dataclass(kw_only=True, eq=False)
class LedgerRejected(InvalidInput):
    """The ledger's database cannot keep a text."""

    url: str
    detail: str
    code = "ledger-rejected"
    message = "{url} cannot keep this: {detail}"
    next_step = "Use shorter texts of valid Unicode, without control characters."


# --- not found ---------------------------------------------------------------------------------


@dataclass(kw_only=True, eq=False)
class NotFound(BarledgerError, LookupError):
    """What was asked for does not exist."""

    code = "not-found"


@dataclass(kw_only=True, eq=False)
class SeriesNotFound(NotFound):
    """No bars of this series were ever written."""

    series: str
    code = "series-not-found"
    message = "there are no bars of {series}"
    next_step = "Ingest them first; `barledger versions` lists what there is."


@dataclass(kw_only=True, eq=False)
class VersionNotFound(NotFound):
    """No snapshot, named version, strategy or revision has this name."""

    version: str
    code = "version-not-found"
    message = "no version is called {version!r}"
    next_step = "`barledger snapshot list` and `barledger versions` show the names."


@dataclass(kw_only=True, eq=False)
class SourceNotFound(NotFound):
    """No source is registered under this name."""

    source: str
    known: tuple[str, ...]
    code = "source-not-found"
    message = "no source is called {source!r}; there are {known}"
    next_step = "Install the package that brings it, or pass the bars themselves to bl.write(...)."


@dataclass(kw_only=True, eq=False)
class DataNotFound(NotFound):
    """The source has nothing for what was asked."""

    what: str
    code = "data-not-found"
    message = "nothing found: {what}"
    next_step = "Check the instrument, the timeframe and the interval."


# --- refused -----------------------------------------------------------------------------------


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
class RevisionExpired(Refused):
    """Retention deleted what this read needs."""

    series: str
    requested: str
    horizon: str
    code = "revision-expired"
    message = "{series} at {requested} lies behind the retention horizon {horizon}"
    next_step = "Read a later version; to keep a state in future, take a snapshot of it."


@dataclass(kw_only=True, eq=False)
class NameTaken(Refused):
    """A snapshot or named version has this id already."""

    name: str
    code = "name-taken"
    message = "{name!r} is taken by another snapshot or named version"
    next_step = "Choose another id, or leave it out to have one made."


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
    next_step = "Release the hold first, with a reason that the audit log will keep."


@dataclass(kw_only=True, eq=False)
class ReadOnly(Refused):
    """This session cannot write."""

    reason: str
    code = "read-only"
    message = "this session is read-only: {reason}"
    next_step = "Mend the cause; `barledger doctor` says how."


@dataclass(kw_only=True, eq=False)
class CapabilityMissing(Refused):
    """The store or source cannot do what was asked."""

    who: str
    capability: str
    code = "capability-missing"
    message = "{who} cannot do this: {capability}"
    next_step = "Use a store or source that declares the capability."


@dataclass(kw_only=True, eq=False)
class BucketExpires(Refused):
    """The bucket deletes data by itself, so no version in it would be safe."""

    bucket: str
    after: str
    code = "bucket-expires"
    message = "bucket {bucket!r} deletes its data after {after}"
    next_step = "Use a bucket without expiry, or accept it with accept_expiry=True."


@dataclass(kw_only=True, eq=False)
class FormatTooNew(Refused):
    """The data were written by a newer barledger."""

    where: str
    found: int
    known: int
    code = "format-too-new"
    message = "{where} has format {found}; this barledger knows formats up to {known}"
    next_step = "Upgrade barledger."


# --- busy --------------------------------------------------------------------------------------


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


# --- integrity ---------------------------------------------------------------------------------


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
    next_step = "Reading works; to write, see `barledger ledger adopt|rebuild|reconcile --help`."


# --- stores ------------------------------------------------------------------------------------


@dataclass(kw_only=True, eq=False)
class StoreError(BarledgerError, OSError):
    """The store could not do its work."""

    url: str
    detail: str = ""
    code = "store-error"
    message = "{url}: {detail}"


@dataclass(kw_only=True, eq=False)
class StoreUnavailable(StoreError, ConnectionError):
    """The server does not answer, or says that it cannot now."""

    code = "store-unavailable"
    message = "{url} does not answer: {detail}"
    next_step = "Check that the server runs and that the address is right; nothing acknowledged is lost."


@dataclass(kw_only=True, eq=False)
class StoreTimeout(StoreError, TimeoutError):
    """The server took longer than this request may take."""

    code = "store-timeout"
    message = "{url} took too long: {detail}"
    next_step = "Try again; if it persists, raise the time-out or ask for less at once."


@dataclass(kw_only=True, eq=False)
class TlsFailed(StoreError):
    """The TLS connection could not be made or trusted."""

    code = "tls-failed"
    message = "{url}: TLS failed: {detail}"
    next_step = "Check http against https, and that the certificate is trusted (SSL_CERT_FILE)."


@dataclass(kw_only=True, eq=False)
class NotAuthenticated(StoreError, PermissionError):
    """The token or password is wrong."""

    code = "not-authenticated"
    message = "{url} does not accept the token: {detail}"
    next_step = "Set BARLEDGER_TOKEN (on 1.x user:password, on 2.x an API token)."


@dataclass(kw_only=True, eq=False)
class NotPermitted(StoreError, PermissionError):
    """The token is known and lacks a permission."""

    code = "not-permitted"
    message = "{url}: the token may not do this: {detail}"
    next_step = "Use a token that may read and write the bucket."


@dataclass(kw_only=True, eq=False)
class BucketNotFound(StoreError, LookupError):
    """The bucket or database does not exist and may not be made."""

    code = "bucket-not-found"
    message = "{url} has no such bucket: {detail}"
    next_step = "Create the bucket, or use a token that may create it."


@dataclass(kw_only=True, eq=False)
class OrganizationNotFound(StoreError, LookupError):
    """The organization does not exist for this token."""

    code = "organization-not-found"
    message = "{url} has no such organization: {detail}"
    next_step = "Set BARLEDGER_ORG to the organization that owns the bucket."


@dataclass(kw_only=True, eq=False)
class NotInfluxDB(StoreError):
    """Something answers, and it is not InfluxDB."""

    code = "not-influxdb"
    message = "{url} is not InfluxDB: {detail}"
    next_step = "Give the address of the server's HTTP API, usually port 8086."


@dataclass(kw_only=True, eq=False)
class ServerUnsupported(StoreError):
    """The server's generation cannot keep the promises."""

    code = "server-unsupported"
    message = "{url}: {detail}"
    next_step = "Use InfluxDB 1.x or 2.x (2.4 or newer): 3.x has no row delete and no reliable overwrite."


@dataclass(kw_only=True, eq=False)
class ServerTooOld(StoreError):
    """The server lacks what barledger needs."""

    code = "server-too-old"
    message = "{url}: {detail}"
    next_step = "Use InfluxDB 1.6 or newer, or 2.4 or newer."


@dataclass(kw_only=True, eq=False)
class FieldTypeConflict(StoreError):
    """A field has another type in this bucket, for ever."""

    code = "field-type-conflict"
    message = "{url}: a field already has another type: {detail}"
    next_step = "Use a bucket of its own; a field's type cannot be changed."


@dataclass(kw_only=True, eq=False)
class StoreRejected(StoreError):
    """The server refused a request for a reason that none of the others names."""

    code = "store-rejected"
    message = "{url} refused: {detail}"
    next_step = "Read the server's own words above."


@dataclass(kw_only=True, eq=False)
class LedgerNotAuthenticated(NotAuthenticated):
    """The database of the ledger does not know the user, or the password is wrong."""

    code = "ledger-not-authenticated"
    message = "{url} does not accept the user and password: {detail}"
    next_step = "Check the user and the password in the ledger's URL, and the server's pg_hba.conf."


@dataclass(kw_only=True, eq=False)
class LedgerNotPermitted(NotPermitted):
    """The user of the ledger's database lacks a permission."""

    code = "ledger-not-permitted"
    message = "{url}: the user may not do this: {detail}"
    next_step = "Use a user who may create tables in the database, and who owns the ledger's."


@dataclass(kw_only=True, eq=False)
class LedgerNotFound(StoreError, LookupError):
    """The server has no database of this name."""

    code = "ledger-not-found"
    message = "{url}: {detail}"
    next_step = "Create the database (createdb), or correct the ledger's URL."


# --- the rest ----------------------------------------------------------------------------------


@dataclass(kw_only=True, eq=False)
class SourceError(BarledgerError, OSError):
    """A source could not give its bars."""

    source: str
    detail: str
    code = "source-error"
    message = "source {source}: {detail}"
    next_step = "Check what the source needs; only what was committed before it failed is written."


@dataclass(kw_only=True, eq=False)
class DriverMissing(BarledgerError, ImportError):
    """An optional package is not installed."""

    package: str
    extra: str
    code = "driver-missing"
    message = "the package {package} is not installed"
    next_step = "pip install 'barledger[{extra}]'"
