"""The API's own description: OpenAPI 3.1, and a page that shows it, for those who have a key."""

from collections.abc import Iterator
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, FastAPI, Request
from fastapi.openapi.utils import get_openapi
from fastapi.security import HTTPBasic, HTTPBasicCredentials
from starlette.responses import HTMLResponse, JSONResponse, Response

from barledger import __version__
from barledger.api.examples.answers import exemplify
from barledger.api.options import Options
from barledger.api.problems import HttpProblem
from barledger.api.reference import page as reference
from barledger.api.reference.outline import Outline
from barledger.api.response_headers import described
from barledger.api.schemas.events import DiscrepancyEvent, NoticeEvent, StreamedEvent
from barledger.api.schemas.problem import Problem
from barledger.errors import KeyRefused

TITLE: Final = "barledger"
_ABOUT: Final = """A versioned, auditable cache of market data. Your backtest's input cannot change under you.

Every request needs a key: `Authorization: Bearer bl_…` (`barledger keys create NAME --scope read`). Revisions and times
in nanoseconds are decimal strings; other times are RFC 3339 in UTC. Every error is `application/problem+json` with a
code and the next step. A body wants the header `Content-Type: application/json`.

A list of things is `items`, with `next` where it comes in pages; a table of bars or of values of indicators is `data`;
an answer about one thing names each list that it has.

Bars as JSON, CSV and NDJSON have six columns: `time`, `open`, `high`, `low`, `close` and `volume`. As Arrow and Parquet
they have nine: `adjustment_factor`, `source_id` and `revision` too. `columns=close,revision` asks for others in every
form, beside `time`, `close_time` among them; `include_adjusted=true` adds the adjusted ones."""
_USUAL: Final = "Successful Response"
router: Final = APIRouter(include_in_schema=False)
_BESIDE: Final = (Problem, StreamedEvent, DiscrepancyEvent, NoticeEvent)
_basic: Final = HTTPBasic(auto_error=False)


def describe(app: FastAPI) -> None:
    """Let the app describe itself, with the schemas of what no route returns as such."""

    def openapi() -> dict[str, Any]:
        if not app.openapi_schema:
            made = get_openapi(title=TITLE, version=__version__, description=_ABOUT, routes=app.routes)
            schemas = made.setdefault("components", {}).setdefault("schemas", {})
            for model in _BESIDE:
                told = model.model_json_schema(ref_template="#/components/schemas/{model}")
                schemas |= told.pop("$defs", {}) | {model.__name__: told}
            for method, status, answer in _answers(made):
                answer["headers"] = described() | answer.get("headers", {})
                if answer["description"] == _USUAL:
                    answer["description"] = _made_of(method, status)
            exemplify(made)
            app.openapi_schema = made
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]  # FastAPI's own way to do it


def _answers(made: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for operations in made["paths"].values():
        for method, operation in operations.items():
            for status, answer in operation["responses"].items():
                yield method, status, answer


def _made_of(method: str, status: str) -> str:
    if status == "201":
        return "It is made."
    return "What was asked for." if method == "get" else "It is done."


def _let_in(request: Request, shown: Annotated[HTTPBasicCredentials | None, Depends(_basic)]) -> None:
    """Let a browser in that shows a key as a password, and programs as anywhere else."""
    options: Options = request.app.state.options
    if options.open_docs:
        return
    scheme, _, text = request.headers.get("authorization", "").partition(" ")
    key = shown.password if shown else text if scheme.casefold() == "bearer" else ""
    try:
        request.app.state.sessions.bl.keys.authenticate(key)
    except KeyRefused as error:
        headers = {"www-authenticate": 'Basic realm="barledger", charset="UTF-8"'}
        step = "Give any name, and an access key as the password."
        raise HttpProblem(401, error.code, str(error), step, headers=headers) from None


@router.get("/openapi.json", dependencies=[Depends(_let_in)])
def description(request: Request) -> Response:
    """Return the description."""
    return JSONResponse(request.app.openapi())


@router.get("/docs", dependencies=[Depends(_let_in)])
def page(request: Request) -> Response:
    """Return a page that shows the description, made on this server alone."""
    shown = reference.page(Outline.of(request.app.openapi()))
    return HTMLResponse(shown, headers={"content-security-policy": reference.POLICY})
