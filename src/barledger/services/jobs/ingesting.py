"""Jobs that ingest: any stretch from a source; what was stored before an interruption is not asked for again."""

from collections.abc import Mapping
from contextlib import suppress
from typing import Any, Final, get_args

from barledger.domain.change_policy import OnChange
from barledger.domain.interval import Interval
from barledger.domain.timeframe import Timeframe
from barledger.domain.validation import OnInvalid
from barledger.errors import InvalidSetting, SourceError
from barledger.services.ingestion.progress import Advanced, Event, Finished, Started
from barledger.services.jobs.assignment import Assignment
from barledger.services.schedule.budgets import OPTIONS as BUDGET
from barledger.services.schedule.budgets import budget_of
from barledger.services.schedule.failing import TOLD
from barledger.services.schedule.kinds import JobKind
from barledger.services.schedule.scope import check_scope, names_in
from barledger.sources.contract import FetchRequest

_COUNTS: Final = ("new", "changed", "withdrawn", "same", "jitter", "quarantined", "proposed", "calls")


class _Counted:
    """Sums the progress of several series up."""

    def __init__(self, assignment: Assignment, series: int) -> None:
        self._assignment, self._series = assignment, series
        self._done: dict[str, tuple[int, int | None]] = {}
        self._finished = 0

    def __call__(self, event: Event) -> None:
        match event:
            case Started(total=total):
                self._done[event.instrument] = (0, total)
            case Advanced(done=done, total=total):
                self._done[event.instrument] = (done, total)
            case Finished():
                self._finished += 1
            case _:
                return
        totals = [total for _, total in self._done.values()]
        known = len(self._done) == self._series and None not in totals
        done = sum(done for done, _ in self._done.values())
        text = f"bars; {self._finished:,} of {self._series:,} series" if self._series > 1 else "bars"
        self._assignment.tell(done, sum(filter(None, totals)) if known else 0, text)


def _check(bl: Any, options: Mapping[str, Any]) -> None:
    for name in ("instruments", "timeframe", "source"):
        if not options.get(name):
            raise InvalidSetting(setting=name, reason="it is needed")
    check_scope(bl, options)
    interval = Interval.of(options.get("start"), options.get("end"))
    budget_of(options)
    _check_word("on_change", options, get_args(OnChange))
    _check_word("on_invalid", options, get_args(OnInvalid))
    refresh = options.get("refresh", 1)
    if not isinstance(refresh, int) or isinstance(refresh, bool) or refresh < 1:
        raise InvalidSetting(setting="refresh", reason=f"{refresh!r} is no number of bars")
    # A source that does not answer now may do so when the job runs.
    frame, names = Timeframe.of(options["timeframe"]), names_in(options)
    with suppress(SourceError):
        bl.ingestion.try_source(
            options["source"],
            options.get("source_options"),
            request=FetchRequest(instrument=names[0], timeframe=frame, interval=interval),
        )


def _check_word(name: str, options: Mapping[str, Any], known: tuple[str, ...]) -> None:
    if name in options and options[name] not in known:
        raise InvalidSetting(setting=name, reason=f"{options[name]!r} is none of {', '.join(known)}")


def _ingest(bl: Any, options: Mapping[str, Any], stop: Any) -> Mapping[str, Any]:
    names = list(dict.fromkeys(names_in(options)))
    report = bl.ingestion.ingest(
        names,
        options["timeframe"],
        source=options["source"],
        start=options.get("start"),
        end=options.get("end"),
        refresh=options.get("refresh"),
        on_change=options.get("on_change"),
        on_invalid=options.get("on_invalid", "quarantine"),
        budget=budget_of(options),
        reason=options.get("reason", ""),
        progress=_Counted(stop, len(names)),
        stop=stop,
        options=options.get("source_options"),
    )
    if len(report.failed) == len(names):
        raise report.failed[0].error
    told: dict[str, Any] = {name: getattr(report, name) for name in _COUNTS}
    told |= {"revision": str(report.revision), "series": len(report.instruments)}
    told |= {"proposals": list(report.proposals[:TOLD])} if report.proposals else {}
    errors = [f"{one.series}: {one.error}" for one in report.failed]
    told |= {"failed": len(errors), "errors": errors[:TOLD]} if errors else {}
    told |= {"not_done": len(report.not_done)} if report.not_done else {}
    return {**told, **({"unfinished": True} if stop.is_set() and report.not_done else {})}


KIND: Final = JobKind(
    name="ingest",
    about="fetch closed bars of a stretch from a source",
    run=_ingest,
    options={
        "instruments": "names, as a list",
        "timeframe": "of the bars",
        "source": "whom to ask",
        "start": "from this time on; without one from where a series ends",
        "end": "up to this time; without one until now",
        "refresh": "ask again for the last so many bars",
        "on_change": "apply or propose",
        "on_invalid": "quarantine if not given, or raise",
        "reason": "why, for the audit log",
        "source_options": "options of the source",
        **BUDGET,
    },
    check=_check,
)
