"""Sources: which there are, and what each takes and declares."""

from typing import Annotated, Final

from fastapi import APIRouter, Path, Request
from starlette.responses import Response

from barledger.api import conditional
from barledger.api.documents import DOCUMENT
from barledger.api.problems import documented
from barledger.api.schemas.sources import SourceAnswer, SourcesAnswer
from barledger.api.schemas.values import NAME
from barledger.api.security.callers import Reader
from barledger.errors import SourceNotFound
from barledger.sources.listing import list_sources

router: Final = APIRouter(prefix="/sources", tags=["sources"])

SourceName = Annotated[
    str,
    Path(
        min_length=1,
        max_length=256,
        pattern=NAME,
        description="A source's name.",
        examples=["yahoo"],
    ),
]


@router.get(
    "",
    operation_id="sources",
    summary="Which sources bars can come from",
    response_model=SourcesAnswer,
    responses={**DOCUMENT, **documented()},
)
def listed(caller: Reader, request: Request) -> Response:  # noqa: ARG001 - that there is a key
    """List the registered sources; one that cannot be loaded is listed with the reason."""
    return conditional.answered(request, SourcesAnswer(items=[SourceAnswer.of(one) for one in list_sources()]))


@router.get(
    "/{source:named}",
    operation_id="source",
    summary="What a source takes and declares",
    response_model=SourceAnswer,
    responses={**DOCUMENT, **documented(SourceNotFound(source="yaho", known=("sample", "yahoo")))},
)
def get(caller: Reader, request: Request, source: SourceName) -> Response:  # noqa: ARG001 - as above
    """Show a source with its options and what it declares."""
    every = list_sources()
    for one in every:
        if one.name == source:
            return conditional.answered(request, SourceAnswer.of(one))
    raise SourceNotFound(source=source, known=tuple(one.name for one in every))
