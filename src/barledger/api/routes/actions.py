"""Corporate actions: what is known of them, and what somebody says."""

from typing import Annotated, Final

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from barledger.api import conditional
from barledger.api.documents import CHANGED, DOCUMENT, LISTED, linked, written
from barledger.api.idempotency import OnceOnly
from barledger.api.keyset import Keyset, Place
from barledger.api.problems import documented
from barledger.api.response_headers import described
from barledger.api.schemas.actions import (
    ActionAnswer,
    ActionsAnswer,
    ActionsHistoryAnswer,
    ActionsHistoryWish,
    ActionsWish,
    ActionWish,
    WithdrawalWish,
)
from barledger.api.security.callers import Caller, Decider, Reader
from barledger.domain.action import CorporateAction
from barledger.domain.series import normalise_instrument
from barledger.errors import ActionKnown, ActionNotFound, InvalidAction

router: Final = APIRouter(prefix="/actions", tags=["corporate actions"])

_MISSING: Final = ActionNotFound(instrument="AAPL", action="split on 2020-08-31")
_KNOWN: Final = ActionKnown(reason="yahoo tells of a split of 7:1 on that day")
_WRONG: Final = InvalidAction(
    reason="the value of the split is missing: new shares per old one, such as 2, 7:1 or 1:10"
)


@router.get(
    "",
    operation_id="actions",
    summary="What is known of corporate actions",
    response_model=ActionsAnswer,
    responses={**LISTED, **documented()},
)
def listed(caller: Reader, request: Request, wish: Annotated[ActionsWish, Query()]) -> Response:
    """List corporate actions by instrument and ex-date, and who tells of them; those that the key is for."""
    if wish.instrument is not None:
        caller.check(wish.instrument)
    keyset = Keyset(request, wish)
    found = caller.bl.actions.list(wish.instrument, kind=wish.kind, source=wish.source, known_at=wish.known_at)
    mine = [one for one in found if caller.key.covers(one.instrument)]
    page = keyset.cut(sorted(mine, key=_place), _place)
    answer = ActionsAnswer(items=[ActionAnswer.of(one) for one in page.items], next=page.next)
    return conditional.answered(request, answer, link=page.link)


@router.get(
    "/history",
    operation_id="actions_history",
    summary="All that was ever known of an instrument's",
    response_model=ActionsHistoryAnswer,
    responses={**DOCUMENT, **documented()},
)
def history(caller: Reader, request: Request, wish: Annotated[ActionsHistoryWish, Query()]) -> Response:
    """List what was known of corporate actions, superseded and withdrawn ones too, by when it was known."""
    caller.check(wish.instrument)
    found = caller.bl.actions.history(wish.instrument, kind=wish.kind)
    items = [ActionAnswer.of(one) for one in found]
    return conditional.answered(
        request, ActionsHistoryAnswer(instrument=normalise_instrument(wish.instrument), items=items)
    )


@router.post(
    "",
    operation_id="add_action",
    summary="Say that something happened",
    status_code=201,
    response_model=ActionAnswer,
    responses={
        201: {
            "headers": described("Idempotency-Replayed"),
            "links": linked(("actions_history", "instrument", "$response.body#/instrument")),
        },
        **documented(_KNOWN, _WRONG, 413),
    },
)
def add(caller: Decider, wish: ActionWish, once: OnceOnly) -> Response:
    """Tell of a split, a dividend or another event; adjusted reads heed it from now on."""
    caller.check(wish.instrument)

    def work() -> Response:
        made = caller.bl.actions.add(
            wish.instrument,
            wish.kind,
            wish.ex_date,
            value=wish.value,
            currency=wish.currency,
            source=wish.source,
            symbol=wish.symbol,
            symbol_at=wish.symbol_at,
            reason=wish.reason,
        )
        return written(ActionAnswer.of(made), status=201)

    return once(caller, wish, work)


@router.post(
    "/withdraw",
    operation_id="withdraw_action",
    summary="Say that there was no such action",
    response_model=ActionAnswer,
    responses={**CHANGED, **documented(_MISSING, 409, 413)},
)
def withdraw(caller: Decider, wish: WithdrawalWish, once: OnceOnly) -> Response:
    """Withdraw an action, whoever tells of it; or only one source's word. What was known stays in the history."""
    caller.check(wish.instrument)

    def work() -> Response:
        gone = caller.bl.actions.withdraw(
            wish.instrument, wish.kind, wish.ex_date, source=wish.source, reason=wish.reason
        )
        return written(ActionAnswer.of(_as_it_is(caller, gone)))

    return once(caller, wish, work)


def _as_it_is(caller: Caller, gone: CorporateAction) -> CorporateAction:
    """Return what is known of an action that was just withdrawn: the denial of it, or that its source took it back."""
    known = caller.bl.actions.history(gone.instrument, kind=gone.kind)
    said = (one for one in reversed(known) if one.withdrawn and one.ex_date == gone.ex_date)
    return next(said, gone)


def _place(one: CorporateAction) -> Place:
    return one.instrument, one.ex_date, one.kind, one.source
