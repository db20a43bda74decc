"""Jobs that check a library: against its digests, its sources, by the quality metrics, and with a signature."""

from collections.abc import Mapping
from dataclasses import fields, replace
from pathlib import Path
from threading import Event
from typing import Any, Final

from barledger.domain.comparison import Tolerance
from barledger.domain.delay import parse_delay
from barledger.domain.interval import Interval, format_time
from barledger.domain.notice import Notice
from barledger.domain.quality import BETWEEN_SOURCES, check_metrics
from barledger.domain.sampling import Sampling
from barledger.domain.series import Series
from barledger.domain.timeframe import SECOND
from barledger.domain.version import Version
from barledger.errors import InvalidSetting, SeriesNotFound, SourceNotFound
from barledger.services.ingestion import Budget
from barledger.services.integrity.report import LibraryReport
from barledger.services.quality import VerificationBudget
from barledger.services.schedule.budgets import OPTIONS as BUDGET
from barledger.services.schedule.budgets import budget_of
from barledger.services.schedule.failing import TOLD, source_failing
from barledger.services.schedule.kinds import JobKind
from barledger.services.schedule.scope import OPTIONS as SCOPE
from barledger.services.schedule.scope import check_scope, series_in

REASON: Final = "scheduled"
_ONE_SOURCE: Final = {**{name: SCOPE[name] for name in ("pattern", "timeframe")}, "source": "only from this source"}


def _check_one_source(bl: Any, options: Mapping[str, Any]) -> None:
    check_scope(bl, options)
    source = options.get("source", "")
    if set(source) & set("*?["):
        raise InvalidSetting(setting="source", reason=f"{source!r} is a glob; name one source, or none for all")


def _asked(options: Mapping[str, Any]) -> dict[str, Any]:
    return {"timeframe": options.get("timeframe"), "source": options.get("source")}


# --- against digests -----------------------------------------------------------------------------


def _verify(bl: Any, options: Mapping[str, Any], stop: Event) -> Mapping[str, Any]:
    damage: list[str] = []
    rows = count = 0
    subjects: list[Any] = [] if options.get("snapshots") == "only" else series_in(bl, options, adjusted=True)
    if options.get("snapshots"):
        subjects += [one.id for one in bl.cache.snapshots() if one.kind == "snapshot"]
    for subject in subjects:
        if stop.is_set():
            return {"verified": count, "bars": rows, "damaged": damage, "unfinished": True}
        series = isinstance(subject, Series)
        done = bl.cache.verify_series(subject) if series else bl.cache.verify(subject)
        count, rows = count + 1, rows + done.rows
        if not done.ok:
            damage.append(str(subject))
            damaged(bl, subject, done)
    return {"verified": count, "bars": rows, **({"damaged": damage} if damage else {})}


def damaged(bl: Any, subject: Any, done: Any) -> None:
    """Tell that bars are not what their digest says."""
    bl.vault.notify(
        Notice(
            kind="verification_failed",
            severity="critical",
            subject=f"{subject} is not what it was",
            about=str(subject),
            body="\n".join(str(one) for one in done.damage[:TOLD]),
            details={"subject": str(subject), "blocks": sum(one.blocks for one in done.damage)},
        )
    )


def _check_verify(bl: Any, options: Mapping[str, Any]) -> None:
    check_scope(bl, options)
    if options.get("snapshots", False) not in (True, False, "only"):
        raise InvalidSetting(setting="snapshots", reason="it is true, false or only")


def _check_verify_library(bl: Any, options: Mapping[str, Any]) -> None:
    _check_one_source(bl, options)
    VerificationBudget.of(options.get("budget"))


def _verify_library(bl: Any, options: Mapping[str, Any], stop: Event) -> Mapping[str, Any]:
    done = bl.quality_metrics.verify_library(
        options.get("pattern", "*"), budget=options.get("budget"), stop=stop, **_asked(options)
    )
    told = {"series": done.series, "blocks": done.blocks, "bars": done.rows, "left": done.left}
    told |= {"pinned": done.pinned} if done.pinned else {}
    told |= {"damaged": [str(one) for one in done.damage[:TOLD]]} if done.damage else {}
    told |= {"skipped": list(done.skipped[:TOLD])} if done.skipped else {}
    return {**told, **({"unfinished": True} if stop.is_set() and done.left else {})}


# --- against sources -----------------------------------------------------------------------------


def _check_reconcile(bl: Any, options: Mapping[str, Any]) -> None:
    _check_one_source(bl, options)
    budget_of(options)
    _sampling(options)
    concurrency = options.get("concurrency", 1)
    if not isinstance(concurrency, int) or isinstance(concurrency, bool) or concurrency < 1:
        raise InvalidSetting(setting="concurrency", reason=f"{concurrency!r} is no number above 0")
    if "source_options" in options:
        if "source" not in options:
            raise InvalidSetting(setting="source_options", reason="they need the source whose they are")
        bl.ingestion.try_source(options["source"], options["source_options"])


def _sampling(options: Mapping[str, Any]) -> Sampling:
    given: dict[str, Any] = {name: options[name] for name in ("blocks", "share") if name in options}
    given |= {name: parse_delay(options[name], setting=name) for name in ("soonest", "latest") if name in options}
    if "latest" in given:
        # Whoever wants all of it within an hour need not say that a day is too long, too.
        given.setdefault("soonest", min(Sampling().soonest, given["latest"]))
    try:
        return Sampling(**given)
    except TypeError:
        raise InvalidSetting(setting="sampling", reason="blocks and share are numbers") from None


def _looked_at(bl: Any, options: Mapping[str, Any], stop: Event, budget: Budget) -> Any:
    """Look at what matches; a job may be there before its series are."""
    try:
        return bl.integrity.reconcile_all(
            options.get("pattern", "*"),
            budget=budget,
            concurrency=options.get("concurrency", 4),
            sampling=_sampling(options),
            reason=REASON,
            stop=stop,
            options=options.get("source_options"),
            **_asked(options),
        )
    except SeriesNotFound:
        return LibraryReport()


def _reconcile(bl: Any, options: Mapping[str, Any], stop: Event) -> Mapping[str, Any]:
    report, left_out = _without_nobodys(_looked_at(bl, options, stop, budget_of(options)), options)
    for source in sorted({one.series.source for one in report.failed}):
        mine = [one for one in report.comparisons if one.series.source == source]
        source_failing(bl, source, [f"{one.series}: {one.error}" for one in mine if one.error], len(mine))
    if report.failed and len(report.failed) == len(report.comparisons):
        raise report.failed[0].error
    following = report
    if report.comparisons and not report.due and not stop.is_set():
        # What was looked at is due later now; when, a look that may ask for nothing tells.
        following = _looked_at(bl, options, stop, Budget(calls=0))
    scope = {"series_in_scope": report.series, "blocks_held": report.held, "next_due": _next_due(following)}
    scope |= {"left_out": left_out} if left_out else {}
    return {**{name: value for name, value in scope.items() if value != ""}, **_found(report, unfinished=stop.is_set())}


def _without_nobodys(report: Any, options: Mapping[str, Any]) -> tuple[Any, list[str]]:
    """Leave out the series under whose name nobody can be asked, unless they were asked for, and say which they are.

    Bars that somebody wrote have no source: that there is nobody to ask is no failure of a job about all there are.
    """
    if "source" in options:
        return report, []
    nobodys = [one for one in report.failed if isinstance(one.error, SourceNotFound)]
    told = [f"{one.series}: no source is called {one.series.source}" for one in nobodys[:TOLD]]
    told += [f"and {len(nobodys) - TOLD} more"] if len(nobodys) > TOLD else []
    return replace(report, comparisons=tuple(one for one in report.comparisons if one not in nobodys)), told


def _next_due(report: LibraryReport) -> str:
    """Say when the next block is due, nothing if there is none."""
    if report.due or report.comparisons:
        return "now"
    return format_time(report.next_at - report.next_at % SECOND) if report.next_at else ""


def _found(report: Any, *, unfinished: bool) -> dict[str, Any]:
    names = ("blocks", "due", "calls", "compared", "identical", "jitter")
    done: dict[str, Any] = {"series": len(report.comparisons), **{name: getattr(report, name) for name in names}}
    done |= {"discrepancies": [one.id for one in report.discrepancies[:TOLD]]} if report.discrepancies else {}
    errors = [f"{one.series}: {one.error}" for one in report.failed]
    done |= {"failed": len(errors), "errors": errors[:TOLD]} if errors else {}
    done |= {"not_done": len(report.not_done)} if report.not_done else {}
    return {**done, **({"unfinished": True} if unfinished else {})}


# --- by the metrics ------------------------------------------------------------------------------


def _check_quality(bl: Any, options: Mapping[str, Any]) -> None:
    _check_one_source(bl, options)
    check_metrics(options.get("metrics"))
    _tolerance(options)
    Version.of(options.get("version", "latest"))
    if "last" in options and {"start", "end"} & set(options):
        raise InvalidSetting(setting="last", reason="a start or an end is given too")
    if "last" in options:
        parse_delay(options["last"], setting="last")
    Interval.of(options.get("start"), options.get("end"))


def _tolerance(options: Mapping[str, Any]) -> Tolerance:
    given = options.get("tolerance", {})
    known = {one.name for one in fields(Tolerance)}
    if not isinstance(given, Mapping) or set(given) - known:
        raise InvalidSetting(setting="tolerance", reason=f"{given!r} is no object of {', '.join(sorted(known))}")
    named = given.get("fields", {})
    if not isinstance(named, Mapping):
        raise InvalidSetting(setting="tolerance fields", reason=f"{named!r} is no object")
    for name, value in {**given, "fields": 0, **named}.items():
        if not isinstance(value, int | float) or isinstance(value, bool) or not 0 <= value < 1:
            raise InvalidSetting(setting=f"tolerance {name}", reason=f"{value!r} is not in 0..1")
    return Tolerance(**{"price": BETWEEN_SOURCES.price, "volume": BETWEEN_SOURCES.volume, **given})


def _quality(bl: Any, options: Mapping[str, Any], stop: Event) -> Mapping[str, Any]:
    span = {name: options[name] for name in ("start", "end") if name in options}
    if "last" in options:
        span["start"] = bl.vault.ledger.now() - parse_delay(options["last"], setting="last")
    done = bl.quality_metrics.measure_library(
        options.get("pattern", "*"),
        version=options.get("version", "latest"),
        metrics=options.get("metrics"),
        tolerance=_tolerance(options),
        stop=stop,
        **span,
        **_asked(options),
    )
    scores = {name: round(one.mean, 6) for name, one in done.summary.items() if one.mean is not None}
    told: dict[str, Any] = {"series": len(done), **scores}
    told |= {"undecided": [one.reason for one in done.undecided[:TOLD]]} if done.undecided else {}
    return {**told, **({"unfinished": True} if stop.is_set() else {})}


# --- with a signature ----------------------------------------------------------------------------


def _check_checkpoint(_: Any, options: Mapping[str, Any]) -> None:
    anchor = options.get("anchor", "anchor")
    if not isinstance(anchor, str) or not anchor:
        raise InvalidSetting(setting="anchor", reason=f"{anchor!r} is no path of a file")
    if "anchor" in options and not Path(anchor).expanduser().is_absolute():
        raise InvalidSetting(setting="anchor", reason=f"{anchor!r} is not absolute, and any process may run the job")


def _checkpoint(bl: Any, options: Mapping[str, Any], stop: Event) -> Mapping[str, Any]:
    if stop.is_set():
        return {"unfinished": True}
    signed = bl.audit.checkpoint(anchor=options.get("anchor"))
    return {"entries": signed.size, "root": signed.root.hex()}


KINDS: Final = (
    JobKind(
        name="verify",
        about="read bars again and compare them with their digests",
        run=_verify,
        options={**SCOPE, "snapshots": "true: snapshots too; only: nothing else"},
        check=_check_verify,
    ),
    JobKind(
        name="verify_library",
        about="verify the oldest checks first, within a budget",
        run=_verify_library,
        options={**_ONE_SOURCE, "budget": "60s, 5m, or 500 blocks"},
        check=_check_verify_library,
    ),
    JobKind(
        name="reconcile",
        about="compare with the sources, recent bars often and old ones seldom",
        run=_reconcile,
        options={
            **_ONE_SOURCE,
            **BUDGET,
            "concurrency": "so many series at once, 4 if not given",
            "blocks": "at most so many blocks of a series at first",
            "share": "look again after this share of a block's age",
            "soonest": "but not before so long, such as 1h; 20h if not given",
            "latest": "and after so long at the latest, such as 7d; 365d if not given, 0s: look at all each time",
            "source_options": "options of the source",
        },
        check=_check_reconcile,
    ),
    JobKind(
        name="quality",
        about="measure the quality metrics, and keep them",
        run=_quality,
        options={
            **_ONE_SOURCE,
            "metrics": "only these, as a list",
            "last": "of the last so long, such as 90d",
            "start": "from this time on",
            "end": "up to this time",
            "version": "a snapshot or a time, latest if not given",
            "tolerance": "by which sources may differ: price, volume, fields",
        },
        check=_check_quality,
    ),
    JobKind(
        name="checkpoint",
        about="sign a checkpoint of the audit log",
        run=_checkpoint,
        options={"anchor": "add it to this file, too"},
        check=_check_checkpoint,
    ),
)
