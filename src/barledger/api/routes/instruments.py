"""Instruments: what is known of them, and what sources call them."""

from typing import Annotated, Final

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from barledger.api import conditional
from barledger.api.documents import DOCUMENT, LISTED
from barledger.api.keyset import Keyset, Place
from barledger.api.problems import documented
from barledger.api.routes.paths import Instrument
from barledger.api.schemas.actions import ActionAnswer
from barledger.api.schemas.instruments import (
    HaltAnswer,
    InstrumentAnswer,
    InstrumentsAnswer,
    InstrumentSummary,
    InstrumentsWish,
    SeriesAnswer,
    SymbolAnswer,
    SymbolsAnswer,
    SymbolsWish,
)
from barledger.api.security.callers import Reader
from barledger.domain.series import normalise_instrument
from barledger.errors import InstrumentNotFound
from barledger.ledger.contract import Symbol

router: Final = APIRouter(tags=["instruments"])


@router.get(
    "/instruments",
    operation_id="instruments",
    summary="Which instruments there are",
    response_model=InstrumentsAnswer,
    responses={**LISTED, **documented()},
)
def listed(caller: Reader, request: Request, wish: Annotated[InstrumentsWish, Query()]) -> Response:
    """List every instrument that has bars or that somebody spoke of by name; those that the key is for."""
    keyset = Keyset(request, wish)
    found = [one for one in caller.bl.instruments.list(wish.pattern) if caller.key.covers(one.name)]
    page = keyset.cut(found, lambda one: (one.name,))
    answer = InstrumentsAnswer(items=[InstrumentSummary.of(one) for one in page.items], next=page.next)
    return conditional.answered(request, answer, link=page.link)


@router.get(
    "/symbols",
    operation_id="symbols",
    summary="What sources call instruments",
    response_model=SymbolsAnswer,
    responses={**LISTED, **documented()},
)
def symbols(caller: Reader, request: Request, wish: Annotated[SymbolsWish, Query()]) -> Response:
    """List the sources' own names by instrument and source, each with the time in which it is valid."""
    if wish.instrument is not None:
        caller.check(wish.instrument)
    keyset = Keyset(request, wish)
    found = caller.bl.instruments.names(wish.instrument)
    mine = [one for one in found if caller.key.covers(one.instrument) and wish.source in (None, one.source)]
    page = keyset.cut(sorted(mine, key=_place), _place)
    answer = SymbolsAnswer(items=[SymbolAnswer.of(one) for one in page.items], next=page.next)
    return conditional.answered(request, answer, link=page.link)


@router.get(
    "/instruments/{instrument:path}",
    operation_id="instrument",
    summary="All that is known of an instrument",
    response_model=InstrumentAnswer,
    responses={**DOCUMENT, **documented(InstrumentNotFound(instrument="AAPPL"))},
)
def get(caller: Reader, request: Request, instrument: Instrument) -> Response:
    """Show what is known of an instrument and who said it, its series, names, halts and corporate actions."""
    caller.check(instrument)
    service, name = caller.bl.instruments, normalise_instrument(instrument)
    known = service.describe(name)
    series, names, halts = caller.bl.cache.series(instrument=name), service.names(name), service.halts(name)
    actions = service.actions(name)
    if not (series or names or halts or actions or name in service.register().names):
        raise InstrumentNotFound(instrument=name)
    answer = InstrumentAnswer(
        **InstrumentSummary.of(known).model_dump(),
        series=[SeriesAnswer.of(one) for one in series],
        symbols=[SymbolAnswer.of(one) for one in names],
        halts=[HaltAnswer.of(one) for one in halts],
        actions=[ActionAnswer.of(one) for one in actions],
    )
    return conditional.answered(request, answer)


def _place(one: Symbol) -> Place:
    return one.instrument, one.source, one.native, one.valid.start
