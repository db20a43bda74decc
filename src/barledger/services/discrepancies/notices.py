"""What is told of discrepancies to those who want to hear of them."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from barledger.domain.action import CorporateAction
from barledger.domain.discrepancy import Discrepancy
from barledger.domain.interval import format_time
from barledger.domain.notice import Notice
from barledger.domain.series import Series
from barledger.services.cache.afterwards import Superseded
from barledger.services.cache.commit import Written
from barledger.services.discrepancies.events import events_of
from barledger.services.discrepancies.outcomes import Recorded, Undone, uncounted
from barledger.services.discrepancies.touching import Touched, strategies_of


def found(one: Discrepancy, *, after: str = "") -> Notice:
    """Return the notice that something was found; ``after`` is what was applied to the same bars before."""
    return Notice(
        kind="discrepancy",
        severity="warning",
        subject=f"{one.series}: {one.kind} in {one.bars} bars of {one.interval}",
        about=f"{_about(one)}, after {after}" if after else _about(one),
        body=f"{one}\n{one.reason}" + (f"\n{after} was applied to some of these bars before" if after else ""),
        details={**_told(one), **({"after": after} if after else {})},
    )


def applied(
    one: Discrepancy, done: Written, seen: Sequence[Touched], *, lacking: Sequence[Series] = ()
) -> Iterator[Notice]:
    """Give the notices that a correction was applied, and of whose approved snapshot holds other bars now.

    ``lacking`` are other series that do not count the event that is known with it.
    """
    others = {"uncounted_by": [str(each) for each in lacking]} if lacking else {}
    yield Notice(
        kind="correction_applied",
        severity="info",
        subject=f"{one.series}: {one.kind} applied as {_outcome(done)}{_with(one)}",
        about=_about(one),
        body=f"{one}\n{one.decision}" + (f"\n{uncounted(lacking)}" if lacking else ""),
        details={**_told(one), **_results(done, one), **others, "changed": done.changed, "new": done.new},
    )
    yield from _touching(one, done, seen)


def undone(one: Discrepancy, done: Written, seen: Sequence[Touched]) -> Iterator[Notice]:
    """Give the notices that a correction was undone."""
    others = [str(each) for each in done.counted_by] if isinstance(done, Undone) else []
    yield Notice(
        kind="correction_undone",
        severity="warning",
        subject=f"{one.series}: {one.kind} of revision {one.result} undone by {_outcome(done)}{_with(one, gone=True)}",
        about=_about(one),
        body=f"{one}\n{one.decision}" + (f"\n{uncounted([one.series])}" if others else ""),
        details={**_told(one), **_results(done, one), **({"counted_by": others} if others else {})},
    )
    yield from _touching(one, done, seen)


def _touching(one: Discrepancy, done: Written, seen: Sequence[Touched]) -> Iterator[Notice]:
    action = _action(done)
    if action is None:
        subject = f"bars of {one.series} that were corrected{_with(one, gone=bool(one.undone_by))}"
        body = _stays(done.revision)
    else:
        subject = f"bars of {action.instrument} that adjusted reads give otherwise since {_outcome(done)}"
        body = "The snapshot stays as it is, adjusted or not; what is read of the latest version with adjust is other."
    return _approved(seen, subject=subject, body=f"{one}\n{body}", details={**_told(one), **_results(done, one)})


def rewritten(one: Superseded, seen: Sequence[Touched]) -> Iterator[Notice]:
    """Name each strategy whose approved snapshot holds bars that were written otherwise since, by nobody's decision."""
    why = f" ({one.trigger})" if one.trigger else ""
    return _approved(
        seen,
        subject=f"bars of {one.series} that are others now{why}",
        body=_stays(one.revision),
        details={**_names(one.series), "trigger": one.trigger, "revision": str(one.revision)},
    )


def _approved(seen: Sequence[Touched], *, subject: str, body: str, details: Mapping[str, Any]) -> Iterator[Notice]:
    """Name each strategy whose approved snapshot holds bars that are others now; the snapshot does not move."""
    for strategy in strategies_of(seen, approved=True):
        mine = [each for each in seen if each.approved and strategy in each.strategies]
        snapshots = [each.snapshot for each in mine]
        yield Notice(
            kind="approved_snapshot_touched",
            severity="critical",
            subject=f"strategy {strategy}: {', '.join(snapshots)} holds {subject}",
            about=f"strategy {strategy}",
            body=body,
            details={
                **details,
                "strategy": strategy,
                "snapshots": snapshots,
                "bars": max(each.bars for each in mine),
            },
        )


def _action(done: Written) -> CorporateAction | None:
    """Return the corporate action that was recorded or withdrawn, if it was one and no bars."""
    return done.action if isinstance(done, Recorded | Undone) else None


def _outcome(done: Written) -> str:
    action = _action(done)
    if action is None:
        return f"revision {done.revision}"
    return f"the {action.summary}{', withdrawn' if action.withdrawn else ''}"


def _with(one: Discrepancy, *, gone: bool = False) -> str:
    """Name the events that became known with bars, or are not known any more."""
    events = events_of(one.evidence)
    here = ", ".join(each.summary for each in events if each.withdrawn is gone)
    away = ", ".join(each.summary for each in events if each.withdrawn is not gone)
    return (f", with the {here}" if here else "") + (f", without the {away}" if away else "")


def _results(done: Written, one: Discrepancy) -> dict[str, Any]:
    action = _action(done)
    events = events_of(one.evidence)
    action = events[0] if action is None and len(events) == 1 else action
    told = (
        {} if action is None else {"action": action.kind, "ex_date": format_time(action.ex_date), "value": action.value}
    )
    return {"revision": str(done.revision), **told}


def _stays(revision: int) -> str:
    return f"The snapshot stays as it is; revision {revision} has the other bars."


def _names(series: Series) -> dict[str, str]:
    return {"instrument": series.instrument, "timeframe": series.timeframe.name, "source": series.source}


def _about(one: Discrepancy) -> str:
    """Name the discrepancy by what it is known by again, so that only notices of the same one are repeats."""
    return f"{one.series}: {one.key}" if one.key.startswith(one.kind) else f"{one.series}: {one.kind} {one.key}"


def _told(one: Discrepancy) -> dict[str, Any]:
    return {
        "discrepancy": one.id,
        **_names(one.series),
        "against": one.against,
        "kind": one.kind,
        "state": one.state,
        "bars": one.bars,
        "fields": list(one.fields),
        "factor": one.factor,
        "confidence": one.confidence,
        "start": str(one.interval.start),
        "end": str(one.interval.end),
    }
