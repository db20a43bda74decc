"""Discrepancies: what sources say otherwise, and what is decided about it."""

from collections.abc import Callable
from typing import Annotated, Final

from fastapi import APIRouter, Path, Query, Request
from starlette.responses import Response

from barledger.api import conditional
from barledger.api.conditional import Expecting, Precondition
from barledger.api.documents import CHANGED, DOCUMENT, LISTED, written
from barledger.api.idempotency import Once, OnceOnly
from barledger.api.keyset import Keyset, Place
from barledger.api.problems import documented
from barledger.api.schemas.discrepancies import (
    DecisionAnswer,
    DiscrepanciesAnswer,
    DiscrepanciesWish,
    DiscrepancyAnswer,
    PreviewAnswer,
    PreviewWish,
    UndoWish,
)
from barledger.api.schemas.reasons import ReasonWish
from barledger.api.schemas.values import Name
from barledger.api.security.callers import Caller, Decider, Reader
from barledger.domain.discrepancy import Discrepancy
from barledger.errors import ChangedSince, DiscrepancyNotFound, IllegalStep, ProposalStale
from barledger.services.cache.commit import Written

router: Final = APIRouter(prefix="/discrepancies", tags=["discrepancies"])

_ID: Final = "disc-0a1b2c3d4e5f"
_MISSING: Final = DiscrepancyNotFound(discrepancy=_ID)
_REVISIONS: Final = {"expected": 1795658068935660612, "found": 1795658070001234567}
_STALE: Final = ProposalStale(series="AAPL 1d from yahoo", proposal=_ID, **_REVISIONS)
_STEP: Final = IllegalStep(discrepancy=_ID, state="rejected", step="accepted")
_CHANGED: Final = ChangedSince(series="AAPL 1d from yahoo", discrepancy=_ID, changed=1, bars=3, **_REVISIONS)
DiscrepancyId = Annotated[Name, Path(description="A discrepancy's id.", examples=[_ID])]


@router.get(
    "",
    operation_id="discrepancies",
    summary="What sources say otherwise",
    response_model=DiscrepanciesAnswer,
    responses={**LISTED, **documented()},
)
def listed(caller: Reader, request: Request, wish: Annotated[DiscrepanciesWish, Query()]) -> Response:
    """List discrepancies, the newest first; those of instruments that the key is for."""
    keyset = Keyset(request, wish)
    found = caller.bl.integrity.discrepancies(
        state=wish.state,
        kind=wish.kind,
        instrument=wish.instrument,
        timeframe=wish.timeframe,
        source=wish.source,
        confidence=wish.confidence,
        start=wish.start_date,
        end=wish.end_date,
    )
    mine = [one for one in found if caller.key.covers(one.series.instrument)]
    page = keyset.cut(sorted(mine, key=_place, reverse=True), _place, newest_first=True)
    answer = DiscrepanciesAnswer(items=[DiscrepancyAnswer.of(one) for one in page.items], next=page.next)
    return conditional.answered(request, answer, link=page.link)


@router.get(
    "/{discrepancy}",
    operation_id="discrepancy",
    summary="What accepting it would do",
    response_model=PreviewAnswer,
    responses={**DOCUMENT, **documented(_MISSING, 410)},
)
def show(
    caller: Reader, request: Request, discrepancy: DiscrepancyId, wish: Annotated[PreviewWish, Query()]
) -> Response:
    """Show a discrepancy with the bars or the event that it would write, and whom that concerns.

    The ETag that it has without parameters can be sent as If-Match with the decision, which is made only if all of
    this is so still.
    """
    return conditional.answered(request, _shown(caller, discrepancy, wish.bars))


@router.post(
    "/{discrepancy}/accept",
    operation_id="accept_discrepancy",
    summary="Write what is proposed",
    response_model=DecisionAnswer,
    responses={**CHANGED, **documented(_MISSING, _STALE, _STEP, 410, 412, 413)},
)
def accept(
    caller: Decider, discrepancy: DiscrepancyId, wish: ReasonWish, once: OnceOnly, expecting: Expecting
) -> Response:
    """Write what is proposed as a new revision, or record the event, unless the bars were changed since."""
    integrity = caller.bl.integrity
    return _decide(
        caller, discrepancy, wish, once, expecting, lambda: integrity.accept(discrepancy, reason=wish.reason)
    )


@router.post(
    "/{discrepancy}/reject",
    operation_id="reject_discrepancy",
    summary="Keep the bars as they are",
    response_model=DecisionAnswer,
    responses={**CHANGED, **documented(_MISSING, _STEP, 412, 413)},
)
def reject(
    caller: Decider, discrepancy: DiscrepancyId, wish: ReasonWish, once: OnceOnly, expecting: Expecting
) -> Response:
    """Keep the bars as they are; the same difference is not proposed again."""

    def work() -> None:
        caller.bl.integrity.reject(discrepancy, reason=wish.reason)

    return _decide(caller, discrepancy, wish, once, expecting, work)


@router.post(
    "/{discrepancy}/undo",
    operation_id="undo_discrepancy",
    summary="Take an accepted correction back",
    response_model=DecisionAnswer,
    responses={**CHANGED, **documented(_MISSING, _CHANGED, _STEP, 410, 412, 413)},
)
def undo(caller: Decider, discrepancy: DiscrepancyId, wish: UndoWish, once: OnceOnly, expecting: Expecting) -> Response:
    """Restore by another revision what stood before; what was corrected stays readable as it was."""
    integrity = caller.bl.integrity
    return _decide(
        caller,
        discrepancy,
        wish,
        once,
        expecting,
        lambda: integrity.undo(discrepancy, reason=wish.reason, partial=wish.partial),
    )


def _decide(
    caller: Caller,
    discrepancy: str,
    wish: ReasonWish,
    once: Once,
    expecting: Precondition,
    decide: Callable[[], Written | None],
) -> Response:
    def work() -> Response:
        before = caller.bl.integrity.discrepancy(discrepancy)
        caller.check(before.discrepancy.series.instrument)
        expecting.check(lambda: PreviewAnswer.of(before, PreviewWish().bars))
        done = decide()
        decided = caller.bl.integrity.discrepancy(discrepancy).discrepancy
        return written(DecisionAnswer.of(decided, done))

    return once(caller, wish, work)


def _shown(caller: Caller, discrepancy: str, bars: int) -> PreviewAnswer:
    """Return what the key may see of a discrepancy."""
    found = caller.bl.integrity.discrepancy(discrepancy)
    caller.check(found.discrepancy.series.instrument)
    return PreviewAnswer.of(found, bars)


def _place(one: Discrepancy) -> Place:
    return one.made_at, one.id
