"""Invalid input."""

from dataclasses import dataclass
from typing import Final

from barledger.errors.root import BarledgerError

ASIDE: Final = "pass on_invalid='quarantine' (--quarantine) to keep them aside"
"""What helps where single bars are wrong, in a sentence on the next step."""

SETTINGS: Final = frozenset(
    {
        "home",
        "url",
        "token",
        "org",
        "accept_expiry",
        "ledger",
        "actor",
        "anchor",
        "lease",
        "wait",
        "sample_dir",
        "notice_window",
        "schedule_lease",
        "indicator_cache",
        "mirrored",
        "key",
        "remote_cache",
        "remote_cache_dir",
        "remote_timeout",
        "queue",
    }
)
"""What the environment and the configuration file may say too."""


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
    """A setting, an option or a URL cannot be used; ``advised`` is a next step that fits better than the usual one."""

    setting: str
    reason: str
    advised: str = ""
    code = "invalid-setting"
    message = "{setting}: {reason}"
    next_step = "Correct it where it is given, as the message says."

    @property
    def advice(self) -> str:
        """Return the next step; what may be a setting is perhaps given by the environment or the file."""
        if self.advised:
            return self.advised
        if self.setting not in SETTINGS:
            return super().advice
        return (
            f"Correct it where it is given: as an argument or option, by BARLEDGER_{self.setting.upper()} in the "
            "environment, or in the configuration file."
        )


@dataclass(kw_only=True, eq=False)
class InvalidManifest(InvalidSetting):
    """A file is no lock or other manifest of the kind that is needed, or cannot be read."""

    setting: str = "manifest"
    code = "invalid-manifest"
    next_step = "Name a file that `barledger lock`, `save_manifest` or `barledger export` wrote, or write it anew."


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
    next_step = (
        "Name one with source= (--source), or set an order with bl.cache.prioritise(...) or `barledger priority set`."
    )


@dataclass(kw_only=True, eq=False)
class InvalidBars(InvalidInput):
    """Bars break a rule; ``times`` are the first offenders, in ns since the epoch."""

    count: int
    times: tuple[int, ...] = ()
    examples: str = ""
    code = "invalid-bars"
    message = "{count} bars are not valid{examples}"
    next_step = f"Correct the bars, or {ASIDE} and to write the rest."


@dataclass(kw_only=True, eq=False)
class AmbiguousInstrument(InvalidInput):
    """A source has several markets that go by the instrument's name."""

    source: str
    instrument: str
    candidates: tuple[str, ...]
    code = "ambiguous-instrument"
    message = "source {source} has several markets that could be {instrument}: {candidates}"
    next_step = "Say which one is meant: the option symbols={instrument}=<one of them>, or a native symbol."


@dataclass(kw_only=True, eq=False)
class MissingColumns(InvalidBars):
    """The data lacks a column that every bar has, or, while ``reading``, one that is asked for."""

    columns: tuple[str, ...]
    found: tuple[str, ...]
    reading: bool = False
    code = "missing-columns"
    message = "the data has no column {columns}; it has {found}{examples}"
    next_step = "Name the columns time, open, high, low, close, volume, or give a mapping."

    @property
    def advice(self) -> str:
        """Return the next step; who reads can have the columns that there are."""
        return f"Ask for columns that there are: {', '.join(self.found)}." if self.reading else super().advice


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
    """A column cannot be read as the type that it must have; ``hint`` is what helps in this case besides."""

    column: str
    found: str
    hint: str = ""
    code = "wrong-type"
    message = "column {column} has type {found}{examples}"
    next_step = "{hint}Prices and volume are numbers, time is a timestamp with a time zone."


@dataclass(kw_only=True, eq=False)
class NaiveTimes(InvalidBars):
    """Times carry no time zone, so their instants are a guess; ``daily`` says that the bars are of days or longer."""

    daily: bool = False
    code = "naive-times"
    message = "the times of {count} bars have no time zone{examples}"
    next_step = "Say which zone they are in: frame.tz_localize('America/New_York'), or of files the option zone."

    @property
    def advice(self) -> str:
        """Return the next step; the label of a day is midnight in UTC, wherever it traded."""
        if not self.daily:
            return super().advice
        return (
            "Say that they are the labels of days, which are midnights in UTC: frame.tz_localize('UTC'); or of files "
            "with other times the option zone."
        )


@dataclass(kw_only=True, eq=False)
class UnsortedTimes(InvalidBars):
    """Times go back."""

    code = "unsorted-times"
    message = "{count} bars are earlier than the bar before them{examples}"
    next_step = f"Sort the data by time, or {ASIDE}, which sorts them."


@dataclass(kw_only=True, eq=False)
class DuplicateTimes(InvalidBars):
    """Two bars have the same time, and nobody can say which is meant."""

    code = "duplicate-times"
    message = "{count} bars have the time of another bar{examples}"
    next_step = f"Keep one bar for each time, or {ASIDE} where they differ."


@dataclass(kw_only=True, eq=False)
class OffGrid(InvalidBars):
    """A time is not an opening time of the timeframe."""

    code = "off-grid"
    message = "{count} times are not opening times of the timeframe{examples}"
    next_step = (
        "Label each bar with its opening time in UTC (a day opens at 00:00Z, a week on Monday), "
        f"or {ASIDE} and to write the rest."
    )


@dataclass(kw_only=True, eq=False)
class BeyondRange(InvalidBars):
    """A bar lies where nanoseconds in 64 bits end within its year."""

    code = "beyond-range"
    message = "{count} bars lie before 1678 or after 2261{examples}"
    next_step = (
        "Check the unit of the times (see pd.to_datetime); nobody has bars of those years. "
        f"Or {ASIDE} and to write the rest."
    )


@dataclass(kw_only=True, eq=False)
class InfiniteValue(InvalidBars):
    """A value is infinite."""

    code = "infinite-value"
    message = "{count} bars have an infinite value{examples}"
    next_step = (
        "Correct the value, or leave it out: missing is NaN. bl.write and bl.ingest can also keep such bars aside and "
        "write the rest (on_invalid='quarantine', --quarantine)."
    )


@dataclass(kw_only=True, eq=False)
class NegativePrice(InvalidBars):
    """A price is below zero."""

    code = "negative-price"
    message = "{count} bars have a price below zero{examples}"


@dataclass(kw_only=True, eq=False)
class ZeroPrice(InvalidBars):
    """A price is zero where nothing is ever traded for nothing."""

    code = "zero-price"
    message = "{count} bars have a price of zero{examples}"


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
    next_step = (
        "Leave them out: a missing bar is missing. To take a bar back, use bl.withdraw(...). "
        f"Or {ASIDE} and to write the rest."
    )


@dataclass(kw_only=True, eq=False)
class InvalidAction(InvalidInput):
    """A corporate action cannot be what is said of it."""

    reason: str
    code = "invalid-action"
    message = "not a corporate action: {reason}"
    next_step = "Ratios and amounts are numbers above zero; see `barledger.domain.action.CorporateAction`."


@dataclass(kw_only=True, eq=False)
class ActionKnown(InvalidAction):
    """Something else is known already of what happened then."""

    code = "action-known"
    next_step = (
        "Correct what is known (`barledger actions correct`), or withdraw it (`barledger actions withdraw`) and say "
        "again what happened."
    )


@dataclass(kw_only=True, eq=False)
class ActionsRejected(InvalidInput):
    """A file of corporate actions has lines that are none; nothing of it was taken."""

    file: str
    lines: tuple[str, ...]
    code = "actions-rejected"
    message = "{file} was not imported: {lines}"
    next_step = "Mend these lines and import the file again; docs/actions.md lists the columns."


@dataclass(kw_only=True, eq=False)
class LedgerRejected(InvalidInput):
    """The ledger's database cannot keep a text."""

    url: str
    detail: str
    code = "ledger-rejected"
    message = "{url} cannot keep this: {detail}"
    next_step = "Use shorter texts of valid Unicode, without control characters."


@dataclass(kw_only=True, eq=False)
class InvalidNote(InvalidInput):
    """A signed note, a checkpoint or a key is not in the form that its specification demands."""

    what: str
    reason: str
    code = "invalid-note"
    message = "{what} cannot be used: {reason}"
    next_step = "Take the file as barledger wrote it: the public key is the .pub file in the data folder."
