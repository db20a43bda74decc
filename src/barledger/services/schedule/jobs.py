"""Jobs: what barledger itself can be told to do by the clock or after an event."""

import inspect
from collections.abc import Mapping
from contextlib import suppress
from itertools import groupby
from threading import Event
from typing import Any, Final

from barledger.domain.interval import Interval, everything
from barledger.domain.notice import Notice
from barledger.domain.policy import Policy
from barledger.domain.series import Series, check_name
from barledger.domain.timeframe import Timeframe
from barledger.errors import BarledgerError, InvalidSetting, NameTaken, SourceError
from barledger.ledger.contract import Intent
from barledger.services.cache import snapshots
from barledger.services.ingestion import Budget
from barledger.services.schedule.kinds import JobKind, JobKinds, found
from barledger.services.schedule.scope import OPTIONS as SCOPE
from barledger.services.schedule.scope import check_scope, names_in, series_in

REASON: Final = "scheduled"
_TOLD: Final = 10


# --- ingestion -----------------------------------------------------------------------------------


def _check_ingest(bl: Any, options: Mapping[str, Any]) -> None:
    check_scope(bl, options)
    if "instruments" in options and not {"timeframe", "source"} <= set(options):
        raise InvalidSetting(setting="instruments", reason="they need a timeframe and a source beside them")
    source = options.get("source", "*")
    if not set(source) & set("*?["):
        # One that does not answer now may do so when the job runs.
        with suppress(SourceError):
            bl.ingestion.try_source(source, options.get("source_options"))
    _budget(options)
    refresh = options.get("refresh", 0)
    if not isinstance(refresh, int) or isinstance(refresh, bool) or refresh < 0:
        raise InvalidSetting(setting="refresh", reason=f"{refresh!r} is no number of bars")


def _ingest(bl: Any, options: Mapping[str, Any], stop: Event) -> Mapping[str, Any]:
    reports: list[Any] = []
    errors: list[BarledgerError] = []
    for source, timeframe, names in _groups(bl, options):
        if stop.is_set():
            break
        asked = {"refresh": options["refresh"]} if options.get("refresh") else {}
        try:
            report = bl.ingestion.ingest(
                names,
                timeframe,
                source=source,
                start=options.get("start"),
                budget=_budget(options),
                on_change=options.get("on_change"),
                on_invalid="quarantine",
                reason=REASON,
                stop=stop,
                options=options.get("source_options"),
                **asked,
            )
        except BarledgerError as error:
            errors.append(error)
            _source_failing(bl, source, [f"{', '.join(names[:_TOLD])}: {error}"], len(names))
        else:
            reports.append(report)
            failed = [f"{one.series}: {one.error}" for one in report.failed]
            if failed:
                _source_failing(bl, source, failed, len(names))
    if errors and not reports:
        raise errors[0]
    return _summed(reports, errors, unfinished=stop.is_set())


def _groups(bl: Any, options: Mapping[str, Any]) -> list[tuple[str, str, list[str]]]:
    names = names_in(options)
    if names:
        return [(options["source"], Timeframe.of(options["timeframe"]).name, names)]
    listed = sorted(series_in(bl, options), key=_whose)
    return [(*key, [series.instrument for series in group]) for key, group in groupby(listed, key=_whose)]


def _whose(series: Series) -> tuple[str, str]:
    return series.source, series.timeframe.name


def _summed(reports: list[Any], errors: list[BarledgerError], *, unfinished: bool) -> dict[str, Any]:
    counts = ("new", "changed", "withdrawn", "same", "jitter", "quarantined", "proposed", "calls")
    done: dict[str, Any] = {name: sum(getattr(one, name) for one in reports) for name in counts}
    failed = [f"{one.series}: {one.error}" for report in reports for one in report.failed]
    failed += [str(error) for error in errors]
    left = sum(len(report.not_done) for report in reports)
    done |= {"series": sum(len(report.instruments) for report in reports)}
    done |= {"failed": len(failed), "errors": failed[:_TOLD]} if failed else {}
    done |= {"not_done": left} if left else {}
    return {**done, **({"unfinished": True} if unfinished else {})}


def _source_failing(bl: Any, source: str, failed: list[str], asked: int) -> None:
    bl.vault.notify(
        Notice(
            kind="source_failing",
            severity="warning" if len(failed) < asked else "critical",
            subject=f"source {source} fails",
            about=source,
            body="\n".join(failed[:_TOLD]),
            details={"source": source, "asked": asked, "failed": len(failed), "errors": failed[:_TOLD]},
        )
    )


def _fill_gaps(bl: Any, options: Mapping[str, Any], stop: Event) -> Mapping[str, Any]:
    if stop.is_set():
        return {"unfinished": True}
    gaps = _gaps(bl, options)
    report = bl.ingestion.fill_gaps(gaps, budget=_budget(options), on_invalid="quarantine", reason=REASON)
    for source in sorted({one.series.source for one in report.failed}):
        mine = [one for one in report.instruments if one.series.source == source]
        _source_failing(bl, source, [f"{one.series}: {one.error}" for one in mine if one.error], len(mine))
    return {"gaps": len(gaps), **_summed([report], [], unfinished=False)}


def _gaps(bl: Any, options: Mapping[str, Any]) -> list[Any]:
    frame = options.get("timeframe")
    names, source = set(names_in(options)), options.get("source")
    listed = bl.availability.gaps(instrument=options.get("pattern", "*"), timeframe=frame, source=source)
    return [gap for gap in listed if not names or gap.instrument in names]


def _check_watch(bl: Any, options: Mapping[str, Any]) -> None:
    check_scope(bl, options)
    if not isinstance(options.get("most_behind", 1), int) or not isinstance(options.get("most_missing", 0), int):
        raise InvalidSetting(setting="most_behind", reason="it is a number of bars, and so is most_missing")


def _watch(bl: Any, options: Mapping[str, Any], stop: Event) -> Mapping[str, Any]:
    """Say which series lag or have gaps."""
    late = holes = 0
    for gap in _gaps(bl, options):
        if stop.is_set():
            return {"lag": late, "gap": holes, "unfinished": True}
        behind, about = gap.behind, f"{gap.instrument} {gap.timeframe}"
        missing = gap.expected - gap.found - behind
        if behind > options.get("most_behind", 1):
            late += 1
            subject = f"{about} is {behind:,} bars behind"
            bl.vault.notify(
                Notice(
                    kind="lag",
                    severity="warning",
                    subject=subject,
                    about=about,
                    body=str(gap),
                    details={"bars": behind},
                )
            )
        if missing > options.get("most_missing", 0):
            holes += 1
            reasons = {str(name): count for name, count in gap.reasons.items()}
            bl.vault.notify(
                Notice(
                    kind="gap",
                    severity="info",
                    subject=f"{about} lacks {missing:,} bars",
                    about=about,
                    body=str(gap),
                    details={"bars": missing, "reasons": reasons},
                )
            )
    return {"lag": late, "gap": holes}


# --- keeping it true --------------------------------------------------------------------------------


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
            _damaged(bl, subject, done)
    return {"verified": count, "bars": rows, **({"damaged": damage} if damage else {})}


def _damaged(bl: Any, subject: Any, done: Any) -> None:
    bl.vault.notify(
        Notice(
            kind="verification_failed",
            severity="critical",
            subject=f"{subject} is not what it was",
            about=str(subject),
            body="\n".join(str(one) for one in done.damage[:_TOLD]),
            details={"subject": str(subject), "blocks": sum(one.blocks for one in done.damage)},
        )
    )


def _check_verify(bl: Any, options: Mapping[str, Any]) -> None:
    check_scope(bl, options)
    if options.get("snapshots", False) not in (True, False, "only"):
        raise InvalidSetting(setting="snapshots", reason="it is true, false or only")


def _check_retention(_: Any, options: Mapping[str, Any]) -> None:
    if "policy" not in options:
        raise InvalidSetting(setting="policy", reason="retention needs its rules")
    Policy.of(options["policy"])


def _retention(bl: Any, options: Mapping[str, Any], stop: Event) -> Mapping[str, Any]:
    if stop.is_set():
        return {"unfinished": True}
    done = bl.cache.retain(options["policy"], dry_run=bool(options.get("dry_run", False)))
    told = {"deleted": done.deleted, "held_back": done.held_back, "snapshots": len(done.snapshots)}
    return {**told, "held": len(done.held), **({"dry_run": True} if done.dry_run else {})}


def _repair(bl: Any, _: Mapping[str, Any], stop: Event) -> Mapping[str, Any]:
    return {"unfinished": True} if stop.is_set() else {"repaired": bl.cache.repair()}


def _mirror(bl: Any, _: Mapping[str, Any], stop: Event) -> Mapping[str, Any]:
    """Mirror what waits in the outbox, and what other services mirror."""
    done: dict[str, Any] = {"records": snapshots.deliver(bl.vault)}
    mirror = found(bl, "actions.mirror")
    if mirror is not None and not stop.is_set():
        done["actions"] = _plain(mirror())
    return {**done, "waiting": len(bl.vault.ledger.outbox.waiting()) if bl.vault.store.capabilities.mirror else 0}


# --- snapshots ----------------------------------------------------------------------------------------


def _check_snapshot(bl: Any, options: Mapping[str, Any]) -> None:
    check_scope(bl, options)
    check_name("purpose", options.get("purpose", "event"))
    Interval.of(options.get("start"), options.get("end"))


def _snapshot(bl: Any, options: Mapping[str, Any], _: Event) -> Mapping[str, Any]:
    """Pin what a rule names, or what the events are about where it names nothing."""
    events = options.get("events", [])
    scoped = any(name in options for name in SCOPE)
    series = series_in(bl, options, adjusted=True) if scoped or not events else _concerned(bl, events)
    bounded = "start" in options or "end" in options
    interval = Interval.of(options.get("start"), options.get("end")) if bounded else everything()
    strategies = {event["strategy"] for event in events if event.get("strategy")}
    strategy = options.get("strategy") or (strategies.pop() if len(strategies) == 1 else None)
    name = f"event-{options['key']}"
    request = snapshots.SnapshotRequest(
        ranges=[Intent(series=one, interval=interval) for one in series],
        purpose=options.get("purpose", "event"),
        strategy=strategy,
        id=name,
    )
    told = {"snapshot": name, "series": len(series)}
    try:
        snapshots.take(bl.vault, request)
    except NameTaken:
        # The run that took it was killed before it could say so.
        snapshots.finish(bl.vault, snapshots.get(bl.vault, name))
        return {**told, "again": True}
    return told


def _concerned(bl: Any, events: list[Mapping[str, Any]]) -> list[Series]:
    """Return the series that events are about; a corporate action is about all of its instrument's."""
    known = bl.vault.ledger.catalog.series()
    named = {tuple(one) for event in events for one in event.get("series", [])}
    instruments = {event["instrument"] for event in events if event.get("instrument")}
    chosen = [
        one
        for one in known
        if one.instrument in instruments
        or (one.instrument, one.timeframe.name, one.source) in named
        or (one.instrument, one.timeframe.name, "") in named
    ]
    return sorted(chosen) if chosen else series_in(bl, {}, adjusted=True)


# --- what other services do ----------------------------------------------------------------------------


def _calling(*paths: str) -> Any:
    """Return work that calls whichever of these the library has, with the options that it takes."""

    def work(bl: Any, options: Mapping[str, Any], stop: Event) -> Mapping[str, Any]:
        if stop.is_set():
            return {"unfinished": True}
        call = next(one for one in (found(bl, path) for path in paths) if one is not None)
        taken = inspect.signature(call).parameters
        given = {name: value for name, value in options.items() if name in taken}
        if "budget" in taken and {"budget_seconds", "budget_calls"} & set(options):
            given["budget"] = _budget(options)
        done = _plain(call(**given, **({"stop": stop} if "stop" in taken else {})))
        return {**done, **({"unfinished": True} if stop.is_set() else {})}

    return work


def _plain(value: Any) -> dict[str, Any]:
    """Return a summary of whatever a service answers: its numbers, and how many things it lists."""
    if isinstance(value, Mapping):
        return {str(name): one for name, one in value.items() if isinstance(one, str | int | float | bool)}
    if isinstance(value, list | tuple):
        return {"count": len(value)}
    if value is None or isinstance(value, str | int | float | bool):
        return {} if value is None else {"result": value}
    names = list(getattr(type(value), "__dataclass_fields__", {}))
    told: dict[str, Any] = {}
    for name in names:
        one = getattr(value, name)
        if isinstance(one, str | int | float | bool):
            told[name] = one
        elif isinstance(one, list | tuple):
            told[name] = len(one)
    return told or {"result": str(value)}


def _budget(options: Mapping[str, Any]) -> Budget:
    for name in ("budget_calls", "budget_seconds"):
        value = options.get(name, 0)
        if not isinstance(value, int | float) or isinstance(value, bool):
            raise InvalidSetting(setting=name, reason=f"{value!r} is no number")
    return Budget(calls=options.get("budget_calls"), seconds=options.get("budget_seconds"))


_BUDGET: Final = {
    "budget_calls": "at most so many calls of a source",
    "budget_seconds": "begin nothing after so many seconds",
}
_INGEST: Final = {
    **SCOPE,
    **_BUDGET,
    "start": "from this time on, where a series has no bars yet",
    "refresh": "ask again for the last so many bars",
    "on_change": "apply or propose",
    "source_options": "options of the source",
}
_SNAPSHOT: Final = {
    **SCOPE,
    "purpose": "its purpose, event if not given",
    "strategy": "whose it is",
    "start": "pin from this time on",
    "end": "pin up to this time",
}
_RECONCILE: Final = ("integrity.reconcile_all",)
_QUALITY: Final = ("integrity.measure_library", "quality.measure_library")
_VERIFY_LIBRARY: Final = ("integrity.verify_library", "quality.verify_library")


def built_in() -> JobKinds:
    """Return the kinds that barledger brings."""
    return JobKinds(
        (
            JobKind(
                name="ingest",
                about="fetch what is new of the series there are, or of those named",
                run=_ingest,
                options=_INGEST,
                check=_check_ingest,
            ),
            JobKind(
                name="fill_gaps",
                about="ask sources for what is missing",
                run=_fill_gaps,
                options={**SCOPE, **_BUDGET},
                check=_check_watch,
            ),
            JobKind(
                name="watch",
                about="notify of series that lag or have gaps",
                run=_watch,
                options={
                    **SCOPE,
                    "most_behind": "bars that one may lag, 1 if not given",
                    "most_missing": "bars that one may lack, 0 if not given",
                },
                check=_check_watch,
            ),
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
                run=_calling(*_VERIFY_LIBRARY),
                options={**SCOPE, **_BUDGET},
                check=check_scope,
                needs=_VERIFY_LIBRARY,
            ),
            JobKind(
                name="reconcile",
                about="compare with the sources",
                run=_calling(*_RECONCILE),
                options={**SCOPE, **_BUDGET},
                check=check_scope,
                needs=_RECONCILE,
            ),
            JobKind(
                name="quality",
                about="measure the quality metrics",
                run=_calling(*_QUALITY),
                options={**SCOPE, **_BUDGET},
                check=check_scope,
                needs=_QUALITY,
            ),
            JobKind(
                name="checkpoint",
                about="sign a checkpoint of the audit log",
                run=_calling("audit.checkpoint"),
                needs=("audit.checkpoint",),
            ),
            JobKind(
                name="retention",
                about="delete what a policy no longer keeps",
                run=_retention,
                options={"policy": "its rules", "dry_run": "only say what would go"},
                check=_check_retention,
            ),
            JobKind(name="mirror", about="mirror records into the store", run=_mirror),
            JobKind(name="repair", about="finish what dead writers left, and tidy the store", run=_repair),
            JobKind(
                name="snapshot",
                about="pin series, by default those that an event is about",
                run=_snapshot,
                options=_SNAPSHOT,
                check=_check_snapshot,
            ),
        )
    )
