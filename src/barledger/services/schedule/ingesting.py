"""Jobs that ingest: what is new, what is missing, and what somebody should know of both."""

from collections.abc import Mapping
from contextlib import suppress
from itertools import groupby
from threading import Event
from typing import Any, Final, get_args

from barledger.domain.interval import Interval
from barledger.domain.notice import Notice
from barledger.domain.series import Series
from barledger.domain.timeframe import Timeframe
from barledger.domain.validation import OnInvalid
from barledger.errors import BarledgerError, InvalidSetting, SourceError
from barledger.services.schedule.budgets import OPTIONS as BUDGET
from barledger.services.schedule.budgets import budget_of
from barledger.services.schedule.failing import TOLD, source_failing
from barledger.services.schedule.kinds import JobKind
from barledger.services.schedule.scope import OPTIONS as SCOPE
from barledger.services.schedule.scope import check_scope, names_in, series_in

REASON: Final = "scheduled"


def _check_ingest(bl: Any, options: Mapping[str, Any]) -> None:
    check_scope(bl, options)
    if "instruments" in options and not {"timeframe", "source"} <= set(options):
        raise InvalidSetting(setting="instruments", reason="they need a timeframe and a source beside them")
    source = options.get("source", "*")
    if not set(source) & set("*?["):
        # One that does not answer now may do so when the job runs.
        with suppress(SourceError):
            bl.ingestion.try_source(source, options.get("source_options"))
    budget_of(options)
    Interval.of(options.get("start"), options.get("end"))
    if options.get("on_invalid", "quarantine") not in get_args(OnInvalid):
        raise InvalidSetting(setting="on_invalid", reason=f"it is one of {', '.join(get_args(OnInvalid))}")
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
                end=options.get("end"),
                budget=budget_of(options),
                on_change=options.get("on_change"),
                on_invalid=options.get("on_invalid", "quarantine"),
                reason=REASON,
                stop=stop,
                options=options.get("source_options"),
                **asked,
            )
        except BarledgerError as error:
            errors.append(error)
            source_failing(bl, source, [f"{', '.join(names[:TOLD])}: {error}"], len(names))
        else:
            reports.append(report)
            failed = [f"{one.series}: {one.error}" for one in report.failed]
            if failed:
                source_failing(bl, source, failed, len(names))
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
    done |= {"failed": len(failed), "errors": failed[:TOLD]} if failed else {}
    done |= {"not_done": left} if left else {}
    return {**done, **({"unfinished": True} if unfinished else {})}


def _check_fill(bl: Any, options: Mapping[str, Any]) -> None:
    check_scope(bl, options)
    budget_of(options)


def _fill_gaps(bl: Any, options: Mapping[str, Any], stop: Event) -> Mapping[str, Any]:
    if stop.is_set():
        return {"unfinished": True}
    gaps = _gaps(bl, options)
    report = bl.ingestion.fill_gaps(gaps, budget=budget_of(options), on_invalid="quarantine", reason=REASON, stop=stop)
    for source in sorted({one.series.source for one in report.failed}):
        mine = [one for one in report.instruments if one.series.source == source]
        source_failing(bl, source, [f"{one.series}: {one.error}" for one in mine if one.error], len(mine))
    return {"gaps": len(gaps), **_summed([report], [], unfinished=stop.is_set())}


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


KINDS: Final = (
    JobKind(
        name="ingest",
        about="fetch what is new of the series there are, or of those named",
        run=_ingest,
        options={
            **SCOPE,
            **BUDGET,
            "start": "from this time on, where a series has no bars yet",
            "end": "up to this time, now if not given",
            "refresh": "ask again for the last so many bars",
            "on_change": "apply or propose",
            "on_invalid": "quarantine or raise, quarantine if not given",
            "source_options": "options of the source",
        },
        check=_check_ingest,
    ),
    JobKind(
        name="fill_gaps",
        about="ask sources for what is missing",
        run=_fill_gaps,
        options={**SCOPE, **BUDGET},
        check=_check_fill,
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
)
