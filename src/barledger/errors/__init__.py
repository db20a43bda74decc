"""Every error that barledger raises, under one root.

The tree (each class also inherits the kin from the standard library that callers already catch)::

    BarledgerError
    ├── InvalidInput (ValueError)
    │   ├── InvalidName, InvalidTimeframe, InvalidInterval, InvalidVersion, InvalidPolicy, InvalidSetting
    │   ├── InvalidManifest (InvalidSetting)
    │   ├── InvalidAction (ActionKnown), ActionsRejected, InvalidNote
    │   ├── InvalidBars
    │   │   ├── MissingColumns, DuplicateColumns, WrongType, NaiveTimes, UnsortedTimes, DuplicateTimes
    │   │   ├── OffGrid, BeyondRange
    │   │   └── InfiniteValue, NegativePrice, ZeroPrice, NegativeVolume, HighBelowLow, NotEnclosing, EmptyBar
    │   ├── FutureTime, AmbiguousSource, AmbiguousInstrument, LedgerRejected
    │   ├── IndicatorInvalid, InvalidState
    │   ├── InvalidCursor, IdempotencyReused
    │   └── InvalidSpec, ParameterUnknown, ParameterInvalid, InputMissing, InputUnsuitable, ValuesMissing,
    │       TooManyBars
    ├── NotFound (LookupError)
    │   ├── SeriesNotFound, VersionNotFound, SourceNotFound, DataNotFound, ApprovalNotFound, InstrumentNotFound
    │   ├── CalendarNotFound, DiscrepancyNotFound, RuleNotFound, ManifestNotFound, EntryNotFound, ActionNotFound
    │   ├── ChannelNotFound, RouteNotFound, JobNotFound, IndicatorNotFound, AccessKeyNotFound
    │   └── QueuedJobNotFound, JobFileNotFound, NotPinned (VersionNotFound)
    ├── Refused (RuntimeError)
    │   ├── RevisionConflict, RevisionExpired, NameTaken, NotEmpty, VersionImmutable, Held, ReadOnly, Closed
    │   ├── ActionConflict, CannotAdjust, AdjustmentChanged, CapabilityMissing, BucketExpires, FormatTooNew
    │   ├── SymbolTaken, JobTaken, ChannelTaken, AccessKeyTaken (NameTaken)
    │   ├── AccessKeyRevoked, IdempotencyPending, QueueFull, JobUnfinished
    │   ├── IllegalStep, KeyExposed, KeyMissing, JobRunning, JobKindMissing (CapabilityMissing)
    │   ├── CannotStream, IndicatorTaken, IndicatorFailed
    │   └── OutOfReach, NotServed (CapabilityMissing), ChangedSince, ProposalStale (RevisionConflict)
    │       └── StillCounted (ChangedSince), SoAlready (ProposalStale)
    ├── Busy (TimeoutError)
    │   └── LeaseLost
    │       └── RunnerLost
    ├── IntegrityError (RuntimeError)
    │   └── StoreDamaged, BlockDamaged, StoreDiverged, LedgerMismatch, LockBroken, LogRewritten, ManifestChanged
    │       AnswerDamaged
    ├── StoreError (OSError)
    │   ├── StoreUnavailable (ConnectionError), StoreUnwritable, StoreTimeout, TlsFailed
    │   ├── NotAuthenticated, NotPermitted (PermissionError)
    │   ├── BucketNotFound, OrganizationNotFound, NotInfluxDB, ServerUnsupported, ServerTooOld
    │   ├── FieldTypeConflict, StoreRejected, NotBarledger
    │   └── LedgerNotAuthenticated, LedgerNotPermitted (PermissionError), LedgerNotFound (LookupError)
    ├── SourceError (OSError)
    │   └── SourceUnavailable (ConnectionError)
    │       └── RateLimited
    ├── DeliveryFailed (OSError)
    │   └── DeliveryRefused
    │       └── ChannelGone
    ├── AccessDenied (PermissionError)
    │   └── KeyRefused, ScopeMissing, InstrumentDenied
    ├── ServerProblem (RuntimeError)
    └── DriverMissing (ImportError)

An error is a frozen set of typed fields, a stable ``code`` for programs, and a ``next_step`` for people.
What is said without being an error is a `BarledgerWarning`: `NoBars`, `Incomplete`, `ChangesWait`, `Mismatch`,
`EmptyLibrary`, `ShortShards`, `GapsUnseen`, `NotParallel`, `PluginFailed` or `NotRefreshed`.
"""

from barledger.errors.access import (
    BucketNotFound,
    DriverMissing,
    FieldTypeConflict,
    LedgerNotAuthenticated,
    LedgerNotFound,
    LedgerNotPermitted,
    NotAuthenticated,
    NotInfluxDB,
    NotPermitted,
    OrganizationNotFound,
    RateLimited,
    ServerTooOld,
    ServerUnsupported,
    SourceError,
    SourceUnavailable,
    StoreError,
    StoreRejected,
    StoreTimeout,
    StoreUnavailable,
    StoreUnwritable,
    TlsFailed,
)
from barledger.errors.indicators import (
    CannotStream,
    IndicatorFailed,
    IndicatorInvalid,
    IndicatorNotFound,
    IndicatorTaken,
    InputMissing,
    InputUnsuitable,
    InvalidSpec,
    InvalidState,
    ParameterInvalid,
    ParameterUnknown,
    TooManyBars,
    ValuesMissing,
)
from barledger.errors.input import (
    ActionKnown,
    ActionsRejected,
    AmbiguousInstrument,
    AmbiguousSource,
    BeyondRange,
    DuplicateColumns,
    DuplicateTimes,
    EmptyBar,
    FutureTime,
    HighBelowLow,
    InfiniteValue,
    InvalidAction,
    InvalidBars,
    InvalidInput,
    InvalidInterval,
    InvalidManifest,
    InvalidName,
    InvalidNote,
    InvalidPolicy,
    InvalidSetting,
    InvalidTimeframe,
    InvalidVersion,
    LedgerRejected,
    MissingColumns,
    NaiveTimes,
    NegativePrice,
    NegativeVolume,
    NotEnclosing,
    OffGrid,
    UnsortedTimes,
    WrongType,
    ZeroPrice,
)
from barledger.errors.integrity import (
    BlockDamaged,
    IntegrityError,
    LedgerMismatch,
    LockBroken,
    LogRewritten,
    ManifestChanged,
    StoreDamaged,
    StoreDiverged,
)
from barledger.errors.lookup import (
    ActionNotFound,
    ApprovalNotFound,
    CalendarNotFound,
    DataNotFound,
    DiscrepancyNotFound,
    EntryNotFound,
    InstrumentNotFound,
    ManifestNotFound,
    NotFound,
    NotPinned,
    RuleNotFound,
    SeriesNotFound,
    SourceNotFound,
    VersionNotFound,
)
from barledger.errors.refusals import (
    ActionConflict,
    AdjustmentChanged,
    BucketExpires,
    Busy,
    CannotAdjust,
    CapabilityMissing,
    ChangedSince,
    ChannelTaken,
    Closed,
    FormatTooNew,
    Held,
    IllegalStep,
    JobTaken,
    KeyExposed,
    KeyMissing,
    LeaseLost,
    NameTaken,
    NotEmpty,
    OutOfReach,
    ProposalStale,
    ReadOnly,
    Refused,
    RevisionConflict,
    RevisionExpired,
    SoAlready,
    StillCounted,
    SymbolTaken,
    VersionImmutable,
)
from barledger.errors.remote import AnswerDamaged, NotBarledger, NotServed, ServerProblem
from barledger.errors.root import (
    BarledgerError,
    BarledgerWarning,
    ChangesWait,
    EmptyLibrary,
    GapsUnseen,
    Incomplete,
    Mismatch,
    NoBars,
    NotCounted,
    NotParallel,
    NotRefreshed,
    PluginFailed,
    ShortShards,
)
from barledger.errors.running import (
    ChannelGone,
    ChannelNotFound,
    DeliveryFailed,
    DeliveryRefused,
    JobFileNotFound,
    JobKindMissing,
    JobNotFound,
    JobRunning,
    JobUnfinished,
    QueuedJobNotFound,
    QueueFull,
    RouteNotFound,
    RunnerLost,
)
from barledger.errors.serving import (
    AccessDenied,
    AccessKeyNotFound,
    AccessKeyRevoked,
    AccessKeyTaken,
    IdempotencyPending,
    IdempotencyReused,
    InstrumentDenied,
    InvalidCursor,
    KeyRefused,
    ScopeMissing,
)

__all__ = [
    "AccessDenied",
    "AccessKeyNotFound",
    "AccessKeyRevoked",
    "AccessKeyTaken",
    "ActionConflict",
    "ActionKnown",
    "ActionNotFound",
    "ActionsRejected",
    "AdjustmentChanged",
    "AmbiguousInstrument",
    "AmbiguousSource",
    "AnswerDamaged",
    "ApprovalNotFound",
    "BarledgerError",
    "BarledgerWarning",
    "BeyondRange",
    "BlockDamaged",
    "BucketExpires",
    "BucketNotFound",
    "Busy",
    "CalendarNotFound",
    "CannotAdjust",
    "CannotStream",
    "CapabilityMissing",
    "ChangedSince",
    "ChangesWait",
    "ChannelGone",
    "ChannelNotFound",
    "ChannelTaken",
    "Closed",
    "DataNotFound",
    "DeliveryFailed",
    "DeliveryRefused",
    "DiscrepancyNotFound",
    "DriverMissing",
    "DuplicateColumns",
    "DuplicateTimes",
    "EmptyBar",
    "EmptyLibrary",
    "EntryNotFound",
    "FieldTypeConflict",
    "FormatTooNew",
    "FutureTime",
    "GapsUnseen",
    "Held",
    "HighBelowLow",
    "IdempotencyPending",
    "IdempotencyReused",
    "IllegalStep",
    "Incomplete",
    "IndicatorFailed",
    "IndicatorInvalid",
    "IndicatorNotFound",
    "IndicatorTaken",
    "InfiniteValue",
    "InputMissing",
    "InputUnsuitable",
    "InstrumentDenied",
    "InstrumentNotFound",
    "IntegrityError",
    "InvalidAction",
    "InvalidBars",
    "InvalidCursor",
    "InvalidInput",
    "InvalidInterval",
    "InvalidManifest",
    "InvalidName",
    "InvalidNote",
    "InvalidPolicy",
    "InvalidSetting",
    "InvalidSpec",
    "InvalidState",
    "InvalidTimeframe",
    "InvalidVersion",
    "JobFileNotFound",
    "JobKindMissing",
    "JobNotFound",
    "JobRunning",
    "JobTaken",
    "JobUnfinished",
    "KeyExposed",
    "KeyMissing",
    "KeyRefused",
    "LeaseLost",
    "LedgerMismatch",
    "LedgerNotAuthenticated",
    "LedgerNotFound",
    "LedgerNotPermitted",
    "LedgerRejected",
    "LockBroken",
    "LogRewritten",
    "ManifestChanged",
    "ManifestNotFound",
    "Mismatch",
    "MissingColumns",
    "NaiveTimes",
    "NameTaken",
    "NegativePrice",
    "NegativeVolume",
    "NoBars",
    "NotAuthenticated",
    "NotBarledger",
    "NotCounted",
    "NotEmpty",
    "NotEnclosing",
    "NotFound",
    "NotInfluxDB",
    "NotParallel",
    "NotPermitted",
    "NotPinned",
    "NotRefreshed",
    "NotServed",
    "OffGrid",
    "OrganizationNotFound",
    "OutOfReach",
    "ParameterInvalid",
    "ParameterUnknown",
    "PluginFailed",
    "ProposalStale",
    "QueueFull",
    "QueuedJobNotFound",
    "RateLimited",
    "ReadOnly",
    "Refused",
    "RevisionConflict",
    "RevisionExpired",
    "RouteNotFound",
    "RuleNotFound",
    "RunnerLost",
    "ScopeMissing",
    "SeriesNotFound",
    "ServerProblem",
    "ServerTooOld",
    "ServerUnsupported",
    "ShortShards",
    "SoAlready",
    "SourceError",
    "SourceNotFound",
    "SourceUnavailable",
    "StillCounted",
    "StoreDamaged",
    "StoreDiverged",
    "StoreError",
    "StoreRejected",
    "StoreTimeout",
    "StoreUnavailable",
    "StoreUnwritable",
    "SymbolTaken",
    "TlsFailed",
    "TooManyBars",
    "UnsortedTimes",
    "ValuesMissing",
    "VersionImmutable",
    "VersionNotFound",
    "WrongType",
    "ZeroPrice",
]
