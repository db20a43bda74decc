"""What was not found."""

from dataclasses import dataclass

from barledger.errors.root import BarledgerError


@dataclass(kw_only=True, eq=False)
class NotFound(BarledgerError, LookupError):
    """What was asked for does not exist."""

    code = "not-found"


@dataclass(kw_only=True, eq=False)
class SeriesNotFound(NotFound):
    """No bars of this series were ever written."""

    series: str
    hint: str = ""
    code = "series-not-found"
    message = "there are no bars of {series}{hint}"
    next_step = "Ingest them first; `barledger series` lists what there is."


@dataclass(kw_only=True, eq=False)
class InstrumentNotFound(NotFound):
    """Nobody knows an instrument of this name."""

    instrument: str
    hint: str = ""
    code = "instrument-not-found"
    message = "nobody knows {instrument}: there are no bars of it, and nothing else is said of it{hint}"
    next_step = "`barledger instruments list` shows those that are known; check the spelling."


@dataclass(kw_only=True, eq=False)
class VersionNotFound(NotFound):
    """No snapshot, named version, strategy or revision has this name."""

    version: str
    code = "version-not-found"
    message = "no version is called {version!r}"
    next_step = "`barledger snapshot list`, and `barledger versions` with instrument and timeframe, show the names."


@dataclass(kw_only=True, eq=False)
class NotPinned(VersionNotFound):
    """A snapshot or named version does not pin the series; ``pinned`` are some of those that it does."""

    series: str
    pinned: str = ""
    code = "not-pinned"
    message = "snapshot {version!r} does not pin {series}"
    next_step = "Ask for what it pins{pinned} (`barledger snapshot show`), or take a snapshot of this series."


@dataclass(kw_only=True, eq=False)
class ApprovalNotFound(NotFound):
    """The strategy has not approved the snapshot, or took that back."""

    snapshot: str
    strategy: str
    code = "approval-not-found"
    message = "snapshot {snapshot!r} is not approved for {strategy}"
    next_step = "`barledger snapshot show` tells which strategies it is approved for."


@dataclass(kw_only=True, eq=False)
class SourceNotFound(NotFound):
    """No source is registered under this name."""

    source: str
    known: tuple[str, ...]
    hint: str = ""
    code = "source-not-found"
    message = "no source is called {source!r}; there are {known}{hint}"
    next_step = "Install the package that brings it, or pass the bars themselves to bl.write(...)."


@dataclass(kw_only=True, eq=False)
class DataNotFound(NotFound):
    """The source has nothing for what was asked."""

    what: str
    code = "data-not-found"
    message = "nothing found: {what}"
    next_step = "Check the instrument, the timeframe and the interval."


@dataclass(kw_only=True, eq=False)
class ActionNotFound(NotFound):
    """Nobody tells of such a corporate action."""

    instrument: str
    action: str
    hint: str = ""
    code = "action-not-found"
    message = "nobody tells of a {action} of {instrument}{hint}"
    next_step = "See `barledger actions list INSTRUMENT --history`."


@dataclass(kw_only=True, eq=False)
class CalendarNotFound(NotFound):
    """No trading calendar has this name, or it does not reach as far as was asked."""

    calendar: str
    detail: str = ""
    code = "calendar-not-found"
    message = "there is no calendar {calendar!r}{detail}"
    next_step = "Use 24/7 or a name of exchange_calendars, such as XNYS or XLON."


@dataclass(kw_only=True, eq=False)
class DiscrepancyNotFound(NotFound):
    """No discrepancy, and so no proposal, has this id."""

    discrepancy: str
    code = "discrepancy-not-found"
    message = "no discrepancy is called {discrepancy!r}"
    next_step = "`barledger discrepancies list` shows those that wait, with --state all every one."


@dataclass(kw_only=True, eq=False)
class RuleNotFound(NotFound):
    """No decision rule has this name."""

    rule: str
    code = "rule-not-found"
    message = "no decision rule is called {rule!r}"
    next_step = "`bl.integrity.rules()` lists those that there are."


@dataclass(kw_only=True, eq=False)
class ManifestNotFound(NotFound):
    """There is no lock or manifest at this path."""

    file: str
    code = "manifest-not-found"
    message = "there is no file {file}"
    next_step = "Write one: `barledger lock` makes a lock, `barledger export` files with a manifest."


@dataclass(kw_only=True, eq=False)
class EntryNotFound(NotFound):
    """The audit log has no entry of this number."""

    sequence: int
    size: int
    code = "entry-not-found"
    message = "there is no entry {sequence}: the log has {size}"
    next_step = "`barledger audit tail` shows the newest entries with their numbers, which begin with 1."
