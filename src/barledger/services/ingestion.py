"""DataIngestionService: from sources and callers into the cache."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

from barledger.domain.intake import intake
from barledger.domain.interval import Instant, Interval
from barledger.domain.rows import Rows
from barledger.domain.series import Series, check_name, normalise_instrument
from barledger.domain.timeframe import Timeframe
from barledger.domain.validation import OnInvalid, Rejected, Validated
from barledger.errors import InvalidSetting
from barledger.ledger.contract import Cover, QuarantinedBar
from barledger.services.cache import DataCacheService
from barledger.services.cache.changes import Draft
from barledger.services.cache.commit import Written
from barledger.services.cache.vault import Vault
from barledger.sources.contract import Fetched, FetchRequest, Source

FETCHED = "fetched"


class SourceMaker(Protocol):
    """Makes a source from its name and options."""

    def __call__(self, name: str, options: Mapping[str, Any]) -> Source:
        """Return the source; raises `SourceNotFound`."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One series of a `write_many`: whose bars, and the bars in any form."""

    instrument: str
    timeframe: str
    data: Any
    expected_revision: int | None = None


class DataIngestionService:
    """Brings bars in: validated, compared with what is there, and committed."""

    def __init__(self, vault: Vault, cache: DataCacheService, make_source: SourceMaker) -> None:
        """Work on this store and ledger, with sources from this maker."""
        self._vault = vault
        self._cache = cache
        self._make_source = make_source

    def ingest(
        self,
        instruments: str | Sequence[str],
        timeframe: str,
        *,
        source: str,
        start: Instant | None = None,
        end: Instant | None = None,
        on_invalid: OnInvalid = "raise",
        reason: str = "",
        progress: Callable[[str, int], None] | None = None,
        options: Mapping[str, Any] | None = None,
    ) -> Written:
        """Fetch the bars of [start, end) from a source, and write what is new or changed.

        Each chunk of each instrument is a commit of its own, so what was acknowledged stays if a later one fails.
        ``progress`` is told (instrument, bars) after each chunk.
        """
        self._vault.check_writable()
        maker = self._make_source(source, options or {})
        frame, interval = Timeframe.of(timeframe), Interval.of(start, end)
        total: Written | None = None
        for name in [instruments] if isinstance(instruments, str) else instruments:
            series = Series.of(name, frame, source)
            request = self._request(series, interval, on_invalid)
            for chunk in maker.fetch(request):
                written = self._take(series, chunk, maker, reason)
                total = written if total is None else add(total, written)
                if progress is not None:
                    progress(series.instrument, len(chunk.rows))
        return total or Written(series=(), revision=0, fields={})

    def write(
        self,
        instrument: str,
        timeframe: str,
        data: Any,
        *,
        source: str,
        reason: str = "",
        expected_revision: int | None = None,
        on_invalid: OnInvalid = "raise",
        version: str = "latest",
        columns: Mapping[str, str] | None = None,
    ) -> Written:
        """Write a caller's bars, exactly as given; with another ``version``, as a named and immutable one."""
        series = Series.of(instrument, timeframe, source)
        validated = intake(data, series.timeframe, on_invalid=on_invalid, columns=columns)
        if version != "latest":
            return self._write_named(series, validated, version, reason)
        put_aside = self._put_aside(series, validated.rejected)
        if not len(validated.rows):
            revision = self._vault.ledger.revisions.state(series).revision
            return Written(series=(series,), revision=revision, quarantined=put_aside, fields={})
        draft = Draft(series=series, rows=validated.rows, expected_revision=expected_revision)
        done = self._cache.write([draft], reason=reason)
        return replace(done, quarantined=put_aside)

    def write_many(
        self,
        entries: Iterable[Entry | tuple[str, str, Any]],
        *,
        source: str,
        reason: str = "",
        on_invalid: OnInvalid = "raise",
    ) -> Written:
        """Write the bars of several series as one revision: all of them become visible together, or none.

        An entry is an `Entry`, or its (instrument, timeframe, data). Raises what `write` raises.
        """
        drafts, put_aside = [], 0
        for given in entries:
            entry = _entry(given)
            series = Series.of(entry.instrument, entry.timeframe, source)
            validated = intake(entry.data, series.timeframe, on_invalid=on_invalid)
            put_aside += self._put_aside(series, validated.rejected)
            if len(validated.rows):
                expected = entry.expected_revision
                drafts.append(Draft(series=series, rows=validated.rows, expected_revision=expected))
        if not drafts:
            return Written(series=(), revision=0, quarantined=put_aside, fields={})
        return replace(self._cache.write(drafts, reason=reason), quarantined=put_aside)

    def quarantine(self, *, instrument: str | None = None) -> list[QuarantinedBar]:
        """Return the bars that were put aside, by time."""
        wanted = None if instrument is None else normalise_instrument(instrument)
        return [bar for bar in self._vault.ledger.quarantine.list() if wanted in (None, bar.series.instrument)]

    def _request(self, series: Series, interval: Interval, on_invalid: OnInvalid) -> FetchRequest:
        moment = min(interval.end - 1, self._vault.ledger.now())
        native = self._vault.ledger.symbols.native(series.instrument, series.source, moment)
        return FetchRequest(
            instrument=series.instrument,
            timeframe=series.timeframe,
            interval=interval,
            native=native,
            on_invalid=on_invalid,
        )

    def _take(self, series: Series, chunk: Fetched, source: Source, reason: str) -> Written:
        put_aside = self._put_aside(series, chunk.rejected)
        rows = chunk.rows
        if not len(rows):
            revision = self._vault.ledger.revisions.state(series).revision
            return Written(series=(series,), revision=revision, quarantined=put_aside, fields={})
        cover = Cover(series=series, interval=_asked(chunk, rows, series.timeframe), outcome=FETCHED)
        draft = Draft(series=series, rows=rows, tolerance=source.declaration.tolerance)
        done = self._cache.write([draft], operation="ingest", reason=reason, coverage=[cover])
        return replace(done, quarantined=put_aside)

    def _write_named(self, series: Series, validated: Validated, version: str, reason: str) -> Written:
        put_aside = self._put_aside(series, validated.rejected)
        done = self._cache.write_named(series, validated.rows, version=check_name("version", version), reason=reason)
        return replace(done, quarantined=put_aside)

    def _put_aside(self, series: Series, rejected: Sequence[Rejected]) -> int:
        bars = [
            QuarantinedBar(series=series, time=bar.time, code=bar.code, values=bar.values, actor=self._vault.actor)
            for bar in rejected
        ]
        if bars:
            self._vault.check_writable()
            self._vault.ledger.quarantine.add(bars, self._vault.who("quarantine"))
        return len(bars)


def _entry(given: Any) -> Entry:
    if isinstance(given, Entry):
        return given
    if not isinstance(given, tuple) or len(given) not in (3, 4):
        reason = f"a {type(given).__name__} is neither an Entry nor (instrument, timeframe, data)"
        raise InvalidSetting(setting="entries", reason=reason)
    return Entry(*given)


def add(left: Written, right: Written) -> Written:
    """Return what two writes did together; the revision is the later one."""
    fields = {name: left.fields.get(name, 0) + right.fields.get(name, 0) for name in {**left.fields, **right.fields}}
    return Written(
        series=tuple(dict.fromkeys((*left.series, *right.series))),
        revision=max(left.revision, right.revision),
        new=left.new + right.new,
        changed=left.changed + right.changed,
        withdrawn=left.withdrawn + right.withdrawn,
        same=left.same + right.same,
        jitter=left.jitter + right.jitter,
        quarantined=left.quarantined + right.quarantined,
        fields=fields,
    )


def _asked(chunk: Fetched, rows: Rows, timeframe: Timeframe) -> Interval:
    """Return the stretch that the chunk answers for; without bounds, only as far as its bars reach."""
    whole = Interval.of(None, None)
    start = int(rows.time[0]) if chunk.interval.start == whole.start else chunk.interval.start
    end = int(timeframe.close_of(rows.time[-1:])[0]) if chunk.interval.end == whole.end else chunk.interval.end
    return Interval(start, end)
