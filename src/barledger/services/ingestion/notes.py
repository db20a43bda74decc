"""Notes: what a report says in words, lest that nothing came, or not all, goes unnoticed."""

from collections.abc import Iterator
from typing import Final

from barledger.domain.interval import EARLIEST, Interval
from barledger.domain.series import Series
from barledger.errors import OutOfReach
from barledger.services.ingestion.plan import Plan, Wanted
from barledger.services.ingestion.report import InstrumentReport

_SETTLED: Final = "all of it was answered before"
_NOT_CLOSED: Final = "none of its bars has closed yet"


def notes(report: InstrumentReport, plan: Plan, wanted: Wanted) -> Iterator[str]:
    """Say what was left out, and why nothing came."""
    if report.state == "failed":
        return
    yield from report.heard
    if plan.out_of_reach is not None:
        yield f"out of reach: {plan.out_of_reach}: {report.series.source} serves no bars that old"
    elif report.state == "current":
        yield f"nothing to ask for: {_NOT_CLOSED if wanted.interval.start >= plan.horizon else _SETTLED}"
    if report.flagged:
        yield f"looks wrong, and was written: {', '.join(report.flagged)}"
    if report.decided:
        named = ", ".join(report.decisions)
        yield f"{report.decided:,} bars stay as they were corrected ({named}): the source gives what was corrected"
    if report.overruled:
        named = ", ".join(report.overruled)
        yield f"the source gives neither what was corrected nor the correction of some bars of {named}: a change"
    if report.state == "done" and not _came(report):
        asked = " and ".join(_shown(one) for one in plan.stretches)
        yield f"the source gave no bars in {asked}"


def out_of_reach(series: Series, stretch: Interval) -> OutOfReach:
    """Return the error for bars of which the source serves none."""
    return OutOfReach(
        who=f"source {series.source}", capability=f"{series.timeframe} bars of {stretch}, which are too old"
    )


def _came(report: InstrumentReport) -> bool:
    """Whether the source gave any bar, of whatever worth."""
    written = report.written
    stored = written.new + written.changed + written.withdrawn + written.same + written.jitter + written.quarantined
    return stored + report.dropped + report.future + report.proposed + report.held + report.declined > 0


def _shown(stretch: Interval) -> str:
    return str(stretch) if stretch.start > EARLIEST else f"all that it has before {str(stretch).split(', ')[1][:-1]}"
