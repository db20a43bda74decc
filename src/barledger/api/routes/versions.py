"""The states of a series that can be named, and the history of a bar."""

from typing import Annotated, Final

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from barledger.api import conditional
from barledger.api.keyset import Keyset, Place
from barledger.api.problems import documented
from barledger.api.response_headers import KEPT, described
from barledger.api.routes.paths import SERIES, Instrument, Timeframe
from barledger.api.schemas.values import Span, told_time
from barledger.api.schemas.versions import HistoryAnswer, HistoryWish, VersionAnswer, VersionsAnswer, VersionsWish
from barledger.api.security.callers import Reader
from barledger.domain.interval import Interval, parse_time
from barledger.domain.series import Series, normalise_instrument
from barledger.domain.timeframe import Timeframe as Frame
from barledger.errors import SeriesNotFound
from barledger.ledger.contract import RevisionRecord, Snapshot
from barledger.services.cache.history import Versions

router: Final = APIRouter(prefix="/data", tags=["data"])


@router.get(
    f"/versions{SERIES}",
    operation_id="versions",
    summary="The states of a series that can be named",
    response_model=VersionsAnswer,
    responses={
        200: {"headers": described(*KEPT, "Link")},
        304: conditional.UNCHANGED,
        **documented(SeriesNotFound(series="AAPL 1d")),
    },
)
def versions(
    caller: Reader,
    request: Request,
    instrument: Instrument,
    timeframe: Timeframe,
    wish: Annotated[VersionsWish, Query()],
) -> Response:
    """List the revisions that changed bars of [start_date, end_date), and the snapshots that pin some, oldest first."""
    caller.check(instrument)
    keyset = Keyset(request, wish)
    name, frame = normalise_instrument(instrument), Frame.of(timeframe).name
    found = caller.bl.cache.versions(name, frame, start=wish.start_date, end=wish.end_date)
    chosen = [one for one in found if wish.source in (None, one.series.source)]
    if not chosen:
        raise SeriesNotFound(series=f"{name} {frame}", hint=f" from {wish.source}" if wish.source else "")
    listed = [one for part in chosen for one in _listed(part, snapshots=wish.include_snapshots)]
    page = keyset.cut(sorted(listed, key=_place), _place)
    interval = Span.of(Interval.of(wish.start_date, wish.end_date))
    shown = [_shown(*one) for one in page.items]
    answer = VersionsAnswer(instrument=name, timeframe=frame, interval=interval, items=shown, next=page.next)
    return conditional.answered(request, answer, link=page.link)


@router.get(
    f"/history{SERIES}",
    operation_id="history",
    summary="Every value that a bar ever had",
    response_model=HistoryAnswer,
    responses={
        200: {"headers": described(*KEPT)},
        304: conditional.UNCHANGED,
        **documented(SeriesNotFound(series="AAPL 1d")),
    },
)
def history(
    caller: Reader,
    request: Request,
    instrument: Instrument,
    timeframe: Timeframe,
    wish: Annotated[HistoryWish, Query()],
) -> Response:
    """List every edition of the bar that opens at a time, the first one first: from when to when, by whom and why."""
    caller.check(instrument)
    name, frame = normalise_instrument(instrument), Frame.of(timeframe).name
    found = caller.bl.history(name, frame, wish.time, source=wish.source)
    time = told_time(parse_time(wish.time)) or wish.time
    return conditional.answered(request, HistoryAnswer.of(name, frame, time, found))


def _listed(found: Versions, *, snapshots: bool) -> list[tuple[Series, RevisionRecord | Snapshot]]:
    states: list[RevisionRecord | Snapshot] = [*found.revisions, *(found.snapshots if snapshots else ())]
    return [(found.series, one) for one in states]


def _place(one: tuple[Series, RevisionRecord | Snapshot]) -> Place:
    series, state = one
    made = (state.committed_at, "") if isinstance(state, RevisionRecord) else (state.created_at, state.id)
    return series.source, int(series.is_adjusted), *made


def _shown(series: Series, state: RevisionRecord | Snapshot) -> VersionAnswer:
    if isinstance(state, RevisionRecord):
        return VersionAnswer.of_revision(state)
    return VersionAnswer.of_snapshot(state, series)
