"""QualityService: the five metrics of series and libraries, their history, and verification step by step."""

import time
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from fnmatch import fnmatchcase
from threading import Event

from barledger.domain.comparison import Tolerance
from barledger.domain.instrument import is_glob
from barledger.domain.interval import BEGINNING, END_OF_TIME, Instant, Interval, format_time, parse_time
from barledger.domain.quality import BETWEEN_SOURCES, MetricName, check_metrics
from barledger.domain.series import Series, normalise_instrument
from barledger.domain.timeframe import Timeframe
from barledger.domain.version import Version
from barledger.errors import AmbiguousSource, BarledgerError, NoBars, SeriesNotFound
from barledger.ledger.contract import BlockCheck, Pin, Snapshot
from barledger.services.availability import Availability, DataAvailabilityService, Undecided
from barledger.services.cache.priority import choose, preferred, unknown
from barledger.services.cache.vault import Vault
from barledger.services.cache.versions import find_snapshot, not_pinned
from barledger.services.instruments import InstrumentService
from barledger.services.quality.budget import VerificationBudget
from barledger.services.quality.measuring import Measuring
from barledger.services.quality.report import LibraryQuality, QualityHistory, QualityReport
from barledger.services.quality.sight import Sight
from barledger.services.quality.verifying import LibraryVerification, Listener, Verifier, notice_of

Answer = Availability | BarledgerError
Progress = Callable[[QualityReport], None]

_AT_ONCE = 64


class QualityService:
    """Measures how good bars are, keeps what it measured, and reads bars again before anybody relies on them."""

    def __init__(
        self,
        vault: Vault,
        instruments: InstrumentService,
        availability: DataAvailabilityService,
        *,
        steady: Callable[[], float] = time.monotonic,
    ) -> None:
        """Work on this store and ledger; ``steady`` counts the seconds of budgets."""
        self._vault = vault
        self._instruments = instruments
        self._availability = availability
        self._steady = steady

    # --- measuring -----------------------------------------------------------------------------

    def measure(
        self,
        instrument: str,
        timeframe: str,
        *,
        start: Instant | None = None,
        end: Instant | None = None,
        version: str | Instant = "latest",
        source: str | None = None,
        is_adjusted: bool = False,
        metrics: Sequence[str] | str | None = None,
        tolerance: Tolerance | None = None,
        record: bool | None = None,
    ) -> QualityReport:
        """Measure a series over [start, end) at a version; the formulas are in `barledger.domain.quality`.

        Without a start from where the record begins, without an end until now, or until what a version knew. Of several
        sources in an order of priority the first one answers. ``metrics`` names those to measure, all of them if not
        given: completeness and timeliness of the newest state look at the ledger for the most part, the others read
        every bar. ``tolerance`` is what two sources may differ by. What cannot be measured has no score, and a reason;
        at a version from before the first bars were written that is everything, and the warning `NoBars` says so.

        The report is kept in the ledger, with the checks of the blocks that were read, in one transaction: by default
        wherever it can be written. ``record`` False keeps nothing, and True raises `ReadOnly` or `LedgerMismatch` where
        that is not possible. Damage gives a notice.

        Raises `SeriesNotFound`, `AmbiguousSource`, `VersionNotFound`, `FutureTime`, `InvalidInterval`,
        `InvalidTimeframe`, `InvalidVersion` and `InvalidSetting`.
        """
        names = check_metrics(metrics)
        recording = self._recording(record)
        frame, asked, wanted = Timeframe.of(timeframe), Interval.of(start, end), Version.of(version)
        snapshot = find_snapshot(self._vault, wanted)
        if snapshot is None:
            series, pin = self._series(normalise_instrument(instrument), frame, source, is_adjusted=is_adjusted), None
        else:
            pin = self._pin(snapshot, normalise_instrument(instrument), frame, source, is_adjusted=is_adjusted)
            series = pin.series
        sight = self._sight(series, asked, wanted, snapshot=snapshot, pin=pin)
        if sight.unborn:
            warnings.warn(sight.unborn, NoBars, stacklevel=3)
        answer = self._answers([sight])[sight.series]
        measuring = self._measuring(sight, answer, tolerance)
        report = measuring.report(names)
        return self._keep([(measuring, report)], "measure")[0] if recording else report

    def measure_library(  # noqa: PLR0913 - each option is a question of its own
        self,
        pattern: str = "*",
        *,
        timeframe: str | None = None,
        source: str | None = None,
        start: Instant | None = None,
        end: Instant | None = None,
        version: str | Instant = "latest",
        metrics: Sequence[str] | str | None = None,
        tolerance: Tolerance | None = None,
        record: bool | None = None,
        progress: Progress | None = None,
        stop: Event | None = None,
    ) -> LibraryQuality:
        """Measure every series of instruments that match a glob, and sum it up; see `measure`.

        Each source's series is measured for itself, whatever the priorities are. At a snapshot these are the series
        that it pins. Series that cannot be measured are in `LibraryQuality.undecided`, with the reason, and stop no
        other. What was measured is recorded in transactions of 64 series. ``stop`` ends it after the series that is
        being measured; those that follow are in no list.
        """
        names = check_metrics(metrics)
        recording = self._recording(record)
        asked, wanted = Interval.of(start, end), Version.of(version)
        snapshot = find_snapshot(self._vault, wanted)
        listed = self._listed(pattern, timeframe, source, snapshot)
        reports: list[QualityReport] = []
        undecided: list[Undecided] = []
        for at in range(0, len(listed), _AT_ONCE):
            if stop is not None and stop.is_set():
                break
            sights = self._sights(listed[at : at + _AT_ONCE], asked, wanted, snapshot, undecided)
            answers = self._answers(sights)
            done = []
            for sight in sights:
                if stop is not None and stop.is_set():
                    break
                measuring = self._measuring(sight, answers[sight.series], tolerance)
                try:
                    done.append((measuring, measuring.report(names)))
                except BarledgerError as error:
                    undecided.append(_undecided(sight.series, error))
                    continue
                finally:
                    # Bars of many series do not fit into memory together.
                    measuring.forget_rows()
                if progress is not None:
                    progress(done[-1][1])
            reports += self._keep(done, "measure") if recording else [report for _, report in done]
        return LibraryQuality(reports=tuple(reports), undecided=tuple(undecided))

    def history(
        self,
        instrument: str,
        timeframe: str,
        *,
        metric: MetricName | str | None = None,
        since: Instant | None = None,
        source: str | None = None,
        version: str | None = "latest",
        is_adjusted: bool = False,
    ) -> QualityHistory:
        """Return what was measured of a series, the oldest first, so that it can be plotted.

        Only measurements at ``version`` as it was asked for, all of them for None. The ledger keeps the newest 1,000
        of each series. Raises `SeriesNotFound`, `AmbiguousSource` and `InvalidSetting`.
        """
        names = check_metrics(metric)
        frame = Timeframe.of(timeframe)
        series = self._series(normalise_instrument(instrument), frame, source, is_adjusted=is_adjusted)
        after = 0 if since is None else max(parse_time(since), 0)
        points = self._vault.ledger.quality.measurements([series], since=after, version=version)
        if metric is not None:
            points = [one for one in points if names[0] in one.scores]
        return QualityHistory(series=(series,), points=tuple(points), metric=None if metric is None else names[0])

    # --- verifying -----------------------------------------------------------------------------

    def verify_library(
        self,
        pattern: str = "*",
        *,
        budget: "float | str | timedelta | VerificationBudget | None" = None,
        timeframe: str | None = None,
        source: str | None = None,
        progress: Listener | None = None,
        stop: Event | None = None,
    ) -> LibraryVerification:
        """Read blocks again and compare them with the ledger's digests, the one whose check is the oldest first.

        Beside the current blocks these are those that were superseded and that a snapshot still holds, and the copies
        that snapshots and named versions have of their own; what lies unchanged among the current bars is read once.
        ``budget`` is in seconds (``60``, ``60s``, ``5m``) or blocks (``500 blocks``); without one, every block is read
        once. What was checked is in the ledger after each step, so the next run goes on where this one ends, however
        it ends. A damaged block is named, is told in a notice and in the audit log, and keeps no other from being
        verified. ``stop`` ends it after the step that is under way. A session for reading verifies too, and notes
        nothing of it (``noted``). Raises `InvalidSetting`, `LedgerMismatch`, and the store's errors.
        """
        room = VerificationBudget.of(budget)
        if self._vault.mismatch or not self._vault.read_only:
            self._vault.check_writable()
        everything_asked = pattern == "*" and timeframe is None and source is None
        series = None if everything_asked else self._listed(pattern, timeframe, source, None)
        return Verifier(
            self._vault, budget=room, series=series, steady=self._steady, progress=progress, stop=stop
        ).run()

    def checks(
        self,
        instrument: str,
        timeframe: str,
        *,
        start: Instant | None = None,
        end: Instant | None = None,
        source: str | None = None,
        is_adjusted: bool = False,
    ) -> list[BlockCheck]:
        """Return when each block that begins in [start, end) was last verified, and what came of it."""
        series = self._series(
            normalise_instrument(instrument), Timeframe.of(timeframe), source, is_adjusted=is_adjusted
        )
        return self._vault.ledger.quality.checks(series, Interval.of(start, end))

    # --- whose bars ----------------------------------------------------------------------------

    def _series(self, instrument: str, frame: Timeframe, source: str | None, *, is_adjusted: bool) -> Series:
        """Return the series that is meant, of one that was only asked about as well."""
        try:
            series = choose(self._vault, instrument, frame, source, is_adjusted=is_adjusted).series[0]
        except SeriesNotFound:
            asked = self._asked(instrument, frame, is_adjusted=is_adjusted)
            if not asked:
                raise
            choice = preferred(self._vault.ledger.catalog.priorities(), instrument, frame, asked)
            if choice is None:
                sources = tuple(sorted(one.source for one in asked))
                raise AmbiguousSource(instrument=instrument, timeframe=frame.name, sources=sources) from None
            return choice.series[0]
        known = self._vault.ledger.revisions.state(series).revision
        if not known and series not in self._asked(instrument, frame, is_adjusted=is_adjusted):
            raise unknown(self._vault, str(series))
        return series

    def _asked(self, instrument: str, frame: Timeframe, *, is_adjusted: bool) -> list[Series]:
        listed = self._vault.ledger.catalog.asked(instrument=instrument, timeframe=frame.name)
        return [one for one in listed if one.is_adjusted is is_adjusted]

    def _pin(
        self, snapshot: Snapshot, instrument: str, frame: Timeframe, source: str | None, *, is_adjusted: bool
    ) -> Pin:
        for pin in snapshot.pins:
            series = pin.series
            named = (series.instrument, series.timeframe, series.is_adjusted) == (instrument, frame, is_adjusted)
            if named and source in (None, series.source):
                return pin
        raise not_pinned(snapshot, instrument, frame, source)

    def _listed(
        self, pattern: str, timeframe: str | None, source: str | None, snapshot: Snapshot | None
    ) -> list[Series]:
        frame = None if timeframe is None else Timeframe.of(timeframe)
        catalog = self._vault.ledger.catalog
        if snapshot is not None:
            known: Iterable[Series] = {pin.series for pin in snapshot.pins}
        else:
            known = catalog.series(timeframe=None if frame is None else frame.name)
        found = [
            series
            for series in sorted(known)
            if _matches(series.instrument, pattern)
            and source in (None, series.source)
            and frame in (None, series.timeframe)
        ]
        if not found and not (pattern == "*" and timeframe is None and source is None):
            told = " ".join(str(word) for word in (pattern, timeframe, source and f"from {source}") if word)
            raise unknown(self._vault, told)
        return found

    # --- sights --------------------------------------------------------------------------------

    def _sights(
        self,
        listed: Sequence[Series],
        asked: Interval,
        version: Version,
        snapshot: Snapshot | None,
        undecided: list[Undecided],
    ) -> list[Sight]:
        pins = {} if snapshot is None else {pin.series: pin for pin in snapshot.pins}
        sights = []
        for series in listed:
            try:
                sights.append(self._sight(series, asked, version, snapshot=snapshot, pin=pins.get(series)))
            except BarledgerError as error:
                undecided.append(_undecided(series, error))
        return sights

    def _sight(
        self, series: Series, asked: Interval, version: Version, *, snapshot: Snapshot | None, pin: Pin | None
    ) -> Sight:
        now = self._vault.ledger.now()
        interval = asked
        if pin is not None:
            start = pin.interval.start if asked.start == BEGINNING else asked.start
            end = pin.interval.end if asked.end == END_OF_TIME else asked.end
            interval = Interval(start, end)
        return Sight(
            vault=self._vault,
            series=series,
            version=version,
            label=_label(version),
            interval=interval,
            clock=now,
            snapshot=snapshot,
            pin=pin,
        ).at_its_clock(now)

    def _measuring(self, sight: Sight, answer: Answer, tolerance: Tolerance | None) -> Measuring:
        return Measuring(
            sight=sight,
            instruments=self._instruments,
            answer=answer,
            now=self._vault.ledger.now(),
            tolerance=tolerance or BETWEEN_SOURCES,
        )

    def _answers(self, sights: Sequence[Sight]) -> dict[Series, Answer]:
        """Ask what is there now, with one question for all series of one source and interval, if that can be."""
        groups: dict[tuple[Timeframe, str, bool, Interval], list[Series]] = {}
        for sight in sights:
            one = sight.series
            groups.setdefault((one.timeframe, one.source, one.is_adjusted, sight.interval), []).append(one)
        found: dict[Series, Answer] = {}
        for (_, _, _, interval), alike in groups.items():
            found |= self._answer(alike, interval)
        return found

    def _answer(self, alike: Sequence[Series], interval: Interval) -> Mapping[Series, Answer]:
        first = alike[0]
        try:
            answers = self._availability.check_many(
                [one.instrument for one in alike],
                first.timeframe.name,
                start=None if interval.start == BEGINNING else interval.start,
                end=None if interval.end == END_OF_TIME else interval.end,
                source=first.source,
                is_adjusted=first.is_adjusted,
            )
        except BarledgerError as error:
            if len(alike) == 1:
                return {first: error}
            return {series: answer for one in alike for series, answer in self._answer([one], interval).items()}
        return dict(zip(alike, answers, strict=True))

    # --- keeping -------------------------------------------------------------------------------

    def _recording(self, record: bool | None) -> bool:  # noqa: FBT001 - handed on from where it was named
        if record:
            self._vault.check_writable()
        return bool(record) or (record is None and not self._vault.read_only and not self._vault.mismatch)

    def _keep(self, done: Sequence[tuple[Measuring, QualityReport]], operation: str) -> list[QualityReport]:
        if not done:
            return []
        checks = [check for measuring, _ in done for check in measuring.checks()]
        measurements = [report.measurement() for _, report in done]
        pinned = [check for measuring, _ in done for check in measuring.pinned_checks()]
        at = self._vault.ledger.quality.record(measurements, checks, self._vault.who(operation), pinned=pinned)
        for measuring, report in done:
            if measuring.damage:
                self._vault.notify(notice_of(report.series, measuring.damage))
        return [replace(report, recorded=True, measured_at=at) for _, report in done]


def _matches(instrument: str, pattern: str) -> bool:
    return fnmatchcase(instrument, pattern) if is_glob(pattern) else instrument == normalise_instrument(pattern)


def _label(version: Version) -> str:
    match version.kind:
        case "revision":
            return f"revision:{version.number}"
        case "time":
            return format_time(version.number)
        case "strategy":
            return f"strategy:{version.name}"
        case "named":
            return version.name
        case kind:
            return kind


def _undecided(series: Series, error: BarledgerError) -> Undecided:
    return Undecided(instrument=series.instrument, timeframe=series.timeframe, reason=f"{series}: {error}")
