"""Receipts: what a strategy was shown, and when."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from barledger.domain.bars import Bars
from barledger.domain.interval import Instant, Interval, format_time, parse_time
from barledger.domain.series import Series, check_name
from barledger.domain.timeframe import DAY, MINUTE, SECOND
from barledger.errors import InvalidSetting, ReadOnly
from barledger.ledger.contract import AuditEntry
from barledger.services.cache.vault import Vault

READ: Final = "read"
# A text means the whole of what it names: a day, a minute or a second.
_SPANS: Final = (
    (re.compile(r"\d{4}-\d{2}-\d{2}"), DAY),
    (re.compile(r"(?:.*[T ])?\d{2}:\d{2}(?:Z|[+-]\d{2}:?\d{2})?"), MINUTE),
    (re.compile(r"(?:.*[T ])?\d{2}:\d{2}:\d{2}(?:Z|[+-]\d{2}:?\d{2})?"), SECOND),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reader:
    """Who is shown something, and what for; both are names."""

    strategy: str
    purpose: str

    @staticmethod
    def of(strategy: str | None, purpose: str | None) -> "Reader | None":
        """Read what a caller gave: None if no receipt is asked for; raises `InvalidSetting` and `InvalidName`."""
        if strategy is None and purpose is None:
            return None
        if strategy is None:
            raise InvalidSetting(setting="purpose", reason="a receipt is for somebody: give strategy= as well")
        return Reader(
            strategy=check_name("strategy", strategy),
            purpose=check_name("purpose", purpose) if purpose is not None else "",
        )


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Shown:
    """The bars of one instrument that somebody was shown; ``digest`` is the canonical one of exactly these bars.

    ``interval`` is what was asked for, ``first`` and ``last`` (ns) are the opening times of its bars, 0 if it has none.
    Of bars that reading adjusted, ``known_at`` (ns) says as of when events counted, else 0; if they were shown beside
    the stored ones, ``adjusted_digest`` is theirs.
    """

    instrument: str
    timeframe: str
    sources: tuple[str, ...]
    interval: Interval
    rows: int
    first: int
    last: int
    version: str
    revision: int
    adjustment: str
    digest: str
    known_at: int = 0
    adjusted_digest: str = ""

    def __repr__(self) -> str:
        """Say it in a line."""
        return f"<{self}>"

    def __str__(self) -> str:
        """Say it as a person would."""
        bars = f"{self.rows:,} bar{'' if self.rows == 1 else 's'}"
        if self.rows:
            bars += f", {format_time(self.first)} to {format_time(self.last)}"
        series = f"{self.instrument} {self.timeframe} from {', '.join(self.sources)}"
        adjusted = f", adjusted ({self.adjustment})" if self.known_at and not self.adjusted_digest else ""
        beside = f", and adjusted ones, digest {self.adjusted_digest[:16]}…" if self.adjusted_digest else ""
        return f"{series}: {bars}{adjusted}, revision {self.revision}, digest {self.digest[:16]}…{beside}"


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Receipt:
    """An entry of the audit log that says what a strategy was shown; ``time`` (ns) is the ledger's."""

    sequence: int
    time: int
    actor: str
    strategy: str
    purpose: str
    shown: tuple[Shown, ...]

    @staticmethod
    def of(entry: AuditEntry) -> "Receipt":
        """Read an entry."""
        data = entry.data
        return Receipt(
            sequence=entry.sequence,
            time=entry.time,
            actor=entry.actor,
            strategy=data["strategy"],
            purpose=data["purpose"],
            shown=tuple(_read(one) for one in data["shown"]),
        )

    @property
    def note(self) -> dict[str, Any]:
        """Return it as what the provenance of bars says of it."""
        return {
            "entry": str(self.sequence),
            "time": format_time(self.time),
            "strategy": self.strategy,
            "purpose": self.purpose,
            "digests": {f"{one.instrument} {one.timeframe}": one.digest for one in self.shown},
        }

    def __repr__(self) -> str:
        """Say it in a line."""
        return f"<Receipt {self}>"

    def __str__(self) -> str:
        """Say who was shown what, and when."""
        what = "; ".join(map(str, self.shown))
        purpose = f" for {self.purpose}" if self.purpose else ""
        return f"{self.sequence}: {self.strategy}{purpose} at {format_time(self.time)}: {what}"


def reader_of(vault: Vault, strategy: str | None, purpose: str | None) -> Reader | None:
    """Return who wants a receipt, if somebody does, before anything is read.

    Raises `ReadOnly` or `LedgerMismatch` if no receipt can be kept, and as `Reader.of` does.
    """
    reader = Reader.of(strategy, purpose)
    if reader is not None:
        if vault.read_only:
            reason = "a receipt is an entry in the audit log, and this library was opened for reading"
            raise ReadOnly(reason=reason)
        vault.check_writable()
    return reader


def receive(vault: Vault, reader: Reader, bars: Sequence[Bars]) -> Receipt:
    """Note in the audit log what somebody is about to be shown."""
    series: list[Series] = [one for some in bars for one in some.series]
    who = vault.who(READ, purpose=reader.purpose)
    details = {"strategy": reader.strategy, "shown": [_told(one) for one in bars]}
    return Receipt.of(vault.ledger.audit.append(who, details, series=series, strategy=reader.strategy))


def shown(vault: Vault, reader: Reader | None, bars: Sequence[Bars]) -> Sequence[Bars]:
    """Note what somebody is about to be shown, if somebody wants a receipt, and say so in the bars' provenance."""
    if reader is not None:
        receipt = receive(vault, reader, bars)
        for one in bars:
            one.notes["receipt"] = receipt.note
    return bars


def receipts(
    vault: Vault, strategy: str, *, at: Instant | None, start: Instant | None, end: Instant | None
) -> list[Receipt]:
    """Return what a strategy was shown, oldest first; see `AuditLog.receipts`."""
    if at is not None and (start is not None or end is not None):
        raise InvalidSetting(setting="at", reason="give a moment, or a start and an end")
    interval = Interval.of(start, end)
    until = last_instant(at) if at is not None else interval.end - 1
    found = vault.ledger.audit.of_strategy(strategy, since=interval.start, until=until)
    read = [Receipt.of(entry) for entry in found if entry.operation == READ]
    return read if at is None else _newest(read)


def last_instant(at: Instant) -> int:
    """Return the last ns of what an instant names: of the text ``2026-11-25T14:31Z`` that of the minute.

    >>> last_instant("1970-01-01T00:00Z")
    59999999999
    """
    time = parse_time(at)
    if isinstance(at, str):
        return next((time + span - 1 for shape, span in _SPANS if shape.fullmatch(at.strip())), time)
    return time


def _newest(read: Sequence[Receipt]) -> list[Receipt]:
    """Return the receipts that tell, of each instrument and timeframe, what was shown last."""
    last = {(one.instrument, one.timeframe): receipt for receipt in read for one in receipt.shown}
    kept = {receipt.sequence for receipt in last.values()}
    return [receipt for receipt in read if receipt.sequence in kept]


def _told(bars: Bars) -> dict[str, Any]:
    adjusted = {"adjusted": dict(bars.notes["adjusted"])} if "adjusted" in bars.notes else {}
    if bars.adjusted is not None:
        adjusted["adjusted"] |= {"digest": bars.adjusted.digest}
    return {
        "instrument": bars.instrument,
        "timeframe": bars.timeframe.name,
        "interval": {"start": str(bars.interval.start), "end": str(bars.interval.end)},
        "rows": str(len(bars)),
        "first": str(int(bars.time[0]) if len(bars) else 0),
        "last": str(int(bars.time[-1]) if len(bars) else 0),
        "version": bars.version,
        "revision": str(bars.revision),
        "adjustment": bars.adjustment,
        "columns": list(bars.columns),
        "digest": bars.digest,
        "series": [
            {"source": one.source, "is_adjusted": one.is_adjusted, "revision": str(bars.revisions[one])}
            for one in bars.series
        ],
        **adjusted,
    }


def _read(told: Mapping[str, Any]) -> Shown:
    adjusted = told.get("adjusted", {})
    return Shown(
        instrument=told["instrument"],
        timeframe=told["timeframe"],
        sources=tuple(one["source"] for one in told["series"]),
        interval=Interval(int(told["interval"]["start"]), int(told["interval"]["end"])),
        rows=int(told["rows"]),
        first=int(told["first"]),
        last=int(told["last"]),
        version=told["version"],
        revision=int(told["revision"]),
        adjustment=told["adjustment"],
        digest=told["digest"],
        known_at=parse_time(adjusted["known_at"]) if adjusted else 0,
        adjusted_digest=adjusted.get("digest", ""),
    )
