"""Every error that barledger raises, under one root.

The tree (each class also inherits the kin from the standard library that callers already catch)::

    BarledgerError
    ├── InvalidInput (ValueError)
    │   ├── InvalidName, InvalidTimeframe, InvalidInterval, InvalidVersion, InvalidPolicy, InvalidSetting
    │   ├── InvalidAction
    │   ├── InvalidBars
    │   │   ├── MissingColumns, DuplicateColumns, WrongType, NaiveTimes, UnsortedTimes, DuplicateTimes
    │   │   ├── OffGrid, BeyondRange
    │   │   └── InfiniteValue, NegativePrice, ZeroPrice, NegativeVolume, HighBelowLow, NotEnclosing, EmptyBar
    │   └── FutureTime, AmbiguousSource, AmbiguousInstrument, LedgerRejected
    ├── NotFound (LookupError)
    │   ├── SeriesNotFound, VersionNotFound, SourceNotFound, DataNotFound
    │   └── CalendarNotFound, DiscrepancyNotFound, ManifestNotFound, RuleNotFound
    ├── Refused (RuntimeError)
    │   ├── RevisionConflict, RevisionExpired, NameTaken, NotEmpty, VersionImmutable, Held, ReadOnly, Closed
    │   ├── SymbolTaken (NameTaken), CapabilityMissing, BucketExpires, FormatTooNew, IllegalStep
    │   └── OutOfReach (CapabilityMissing), ChangedSince, ProposalStale (RevisionConflict)
    ├── Busy (TimeoutError)
    │   └── LeaseLost
    ├── IntegrityError (RuntimeError)
    │   └── StoreDamaged, BlockDamaged, StoreDiverged, LedgerMismatch, LockBroken
    ├── StoreError (OSError)
    │   ├── StoreUnavailable (ConnectionError), StoreUnwritable, StoreTimeout, TlsFailed
    │   ├── NotAuthenticated, NotPermitted (PermissionError)
    │   ├── BucketNotFound, OrganizationNotFound, NotInfluxDB, ServerUnsupported, ServerTooOld
    │   ├── FieldTypeConflict, StoreRejected
    │   └── LedgerNotAuthenticated, LedgerNotPermitted (PermissionError), LedgerNotFound (LookupError)
    ├── SourceError (OSError)
    │   └── SourceUnavailable (ConnectionError)
    │       └── RateLimited
    └── DriverMissing (ImportError)

An error is a frozen set of typed fields, a stable ``code`` for programs, and a ``next_step`` for people.
What is said without being an error is a `BarledgerWarning`: `NoBars`, `Incomplete`, `ChangesWait`, `Mismatch` or
`ShortShards`.
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
from barledger.errors.input import (
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
    InvalidName,
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
    StoreDamaged,
    StoreDiverged,
)
from barledger.errors.lookup import (
    CalendarNotFound,
    DataNotFound,
    DiscrepancyNotFound,
    ManifestNotFound,
    NotFound,
    RuleNotFound,
    SeriesNotFound,
    SourceNotFound,
    VersionNotFound,
)
from barledger.errors.refusals import (
    BucketExpires,
    Busy,
    CapabilityMissing,
    ChangedSince,
    Closed,
    FormatTooNew,
    Held,
    IllegalStep,
    LeaseLost,
    NameTaken,
    NotEmpty,
    OutOfReach,
    ProposalStale,
    ReadOnly,
    Refused,
    RevisionConflict,
    RevisionExpired,
    SymbolTaken,
    VersionImmutable,
)
from barledger.errors.root import (
    BarledgerError,
    BarledgerWarning,
    ChangesWait,
    Incomplete,
    Mismatch,
    NoBars,
    ShortShards,
)

__all__ = [
    "AmbiguousInstrument",
    "AmbiguousSource",
    "BarledgerError",
    "BarledgerWarning",
    "BeyondRange",
    "BlockDamaged",
    "BucketExpires",
    "BucketNotFound",
    "Busy",
    "CalendarNotFound",
    "CapabilityMissing",
    "ChangedSince",
    "ChangesWait",
    "Closed",
    "DataNotFound",
    "DiscrepancyNotFound",
    "DriverMissing",
    "DuplicateColumns",
    "DuplicateTimes",
    "EmptyBar",
    "FieldTypeConflict",
    "FormatTooNew",
    "FutureTime",
    "Held",
    "HighBelowLow",
    "IllegalStep",
    "Incomplete",
    "InfiniteValue",
    "IntegrityError",
    "InvalidAction",
    "InvalidBars",
    "InvalidInput",
    "InvalidInterval",
    "InvalidName",
    "InvalidPolicy",
    "InvalidSetting",
    "InvalidTimeframe",
    "InvalidVersion",
    "LeaseLost",
    "LedgerMismatch",
    "LedgerNotAuthenticated",
    "LedgerNotFound",
    "LedgerNotPermitted",
    "LedgerRejected",
    "LockBroken",
    "ManifestNotFound",
    "Mismatch",
    "MissingColumns",
    "NaiveTimes",
    "NameTaken",
    "NegativePrice",
    "NegativeVolume",
    "NoBars",
    "NotAuthenticated",
    "NotEmpty",
    "NotEnclosing",
    "NotFound",
    "NotInfluxDB",
    "NotPermitted",
    "OffGrid",
    "OrganizationNotFound",
    "OutOfReach",
    "ProposalStale",
    "RateLimited",
    "ReadOnly",
    "Refused",
    "RevisionConflict",
    "RevisionExpired",
    "RuleNotFound",
    "SeriesNotFound",
    "ServerTooOld",
    "ServerUnsupported",
    "ShortShards",
    "SourceError",
    "SourceNotFound",
    "SourceUnavailable",
    "StoreDamaged",
    "StoreDiverged",
    "StoreError",
    "StoreRejected",
    "StoreTimeout",
    "StoreUnavailable",
    "StoreUnwritable",
    "SymbolTaken",
    "TlsFailed",
    "UnsortedTimes",
    "VersionImmutable",
    "VersionNotFound",
    "WrongType",
    "ZeroPrice",
]
