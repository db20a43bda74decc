"""Problems: the one mapping from what goes wrong to a status and an answer of application/problem+json.

To add an error of the library, give it a place in ``_STATUSES`` unless that of its parent is right. What only HTTP
knows is an `HttpProblem`.
"""

import logging
import re
from collections.abc import Callable, Mapping
from typing import Any, Final

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response

from barledger.api.declared import UNKNOWN, place_of
from barledger.api.examples.errors import BESIDE, HTTP, LIBRARY
from barledger.api.options import Options
from barledger.api.response_headers import described
from barledger.api.schemas.problem import FieldProblem, Problem
from barledger.api.schemas.values import NAME, plain
from barledger.api.wording import discreet, field_problem, next_step
from barledger.errors import (
    AccessDenied,
    ActionKnown,
    AmbiguousSource,
    BarledgerError,
    Busy,
    CapabilityMissing,
    Closed,
    DeliveryFailed,
    DriverMissing,
    FutureTime,
    IdempotencyPending,
    IdempotencyReused,
    IndicatorFailed,
    InputMissing,
    InputUnsuitable,
    IntegrityError,
    InvalidAction,
    InvalidCursor,
    InvalidInput,
    InvalidInterval,
    InvalidName,
    InvalidPolicy,
    InvalidSetting,
    InvalidSpec,
    InvalidTimeframe,
    InvalidVersion,
    KeyRefused,
    LedgerMismatch,
    MissingColumns,
    NotFound,
    ParameterInvalid,
    ParameterUnknown,
    QueueFull,
    RateLimited,
    ReadOnly,
    Refused,
    RevisionExpired,
    SourceError,
    StoreDiverged,
    StoreError,
    TooManyBars,
    ValuesMissing,
)

MEDIA_TYPE: Final = "application/problem+json"
LOGGER: Final = logging.getLogger("barledger.api")

# The class that is nearest to an error decides.
_STATUSES: Final[Mapping[type[BarledgerError], int]] = {
    InvalidInput: 422,
    ActionKnown: 409,
    IndicatorFailed: 500,
    NotFound: 404,
    KeyRefused: 401,
    AccessDenied: 403,
    ReadOnly: 403,
    RevisionExpired: 410,
    CapabilityMissing: 422,
    Closed: 503,
    Refused: 409,
    QueueFull: 503,
    Busy: 503,
    IntegrityError: 500,
    StoreDiverged: 503,
    LedgerMismatch: 503,
    StoreError: 503,
    RateLimited: 503,
    SourceError: 502,
    DeliveryFailed: 502,
    DriverMissing: 501,
    BarledgerError: 500,
}
_RETRIED: Final = frozenset({429, 503})
_UNREADABLE: Final = "There was an error parsing the body"


class HttpProblem(HTTPException):
    """What is wrong with a request as HTTP; everything else is an error of the library."""

    def __init__(
        self,
        status: int,
        code: str,
        detail: str,
        next_step: str,
        *,
        headers: Mapping[str, str] | None = None,
        fields: Mapping[str, Any] | None = None,
        parameter: str = "",
    ) -> None:
        """Say it as an error of the library would; ``parameter`` is the one of the query that is wrong."""
        super().__init__(status, detail, headers=dict(headers or {}))
        self.code = code
        self.next_step = next_step
        self.fields = dict(fields or {})
        self.parameter = parameter


CONTROL: Final = re.compile(r"[\x00-\x1f\x7f]")
"""What no name has."""
_IN_PATH: Final = {"type": "string_pattern_mismatch", "loc": ("path",), "ctx": {"pattern": NAME}, "msg": ""}
_HTTP: Final[Mapping[int, tuple[str, str]]] = {
    400: ("bad-request", "Send what the API's documentation describes."),
    404: ("route-not-found", "Look the address up in /openapi.json."),
    405: ("method-not-allowed", "Use one of the methods that the header Allow names."),
}


def install(app: FastAPI, options: Options, allowed: Callable[[str], str]) -> None:
    """Let every error leave the app as a problem; ``allowed`` tells which methods a path has."""

    async def library(request: Request, error: Exception) -> Response:
        assert isinstance(error, BarledgerError)  # noqa: S101 - that is what it is registered for
        key = request.scope.get("barledger.key")
        if key is not None and key.instruments:
            error = discreet(error)
        return answer(of_library(error, request_id(request.scope), request.scope), headers_of(error, options))

    async def http(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)  # noqa: S101 - as above
        if not isinstance(error, HttpProblem) and CONTROL.search(request.scope["path"]):
            # No route takes it, whatever else the path is.
            return answer(of_validation(RequestValidationError([_IN_PATH]), request_id(request.scope)))
        headers = {"allow": allowed(request.url.path)} if error.status_code == 405 else error.headers
        return answer(of_http(error, request_id(request.scope)), headers)

    async def validation(request: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)  # noqa: S101 - as above
        if isinstance(error.body, bytes):
            # What is said to be JSON is parsed when it comes here.
            return answer(of_http(_not_json(request.headers.get("content-type")), request_id(request.scope)))
        return answer(of_validation(error, request_id(request.scope)))

    app.add_exception_handler(BarledgerError, library)
    app.add_exception_handler(HTTPException, http)
    app.add_exception_handler(RequestValidationError, validation)


def answer(problem: Problem, headers: Mapping[str, str] | None = None) -> Response:
    """Return a problem as an answer, which nobody keeps."""
    body = problem.model_dump_json()
    return Response(
        body, problem.status, headers={**(headers or {}), "cache-control": "no-store"}, media_type=MEDIA_TYPE
    )


def refusal(scope: Mapping[str, Any], problem: HttpProblem) -> Response:
    """Return the answer to a request that gets no further than a layer before the routes."""
    return answer(of_http(problem, request_id(scope)))


def request_id(scope: Mapping[str, Any]) -> str:
    """Return the id under which the log tells of a request."""
    return str(scope.get("barledger.request_id", ""))


def status_of(error: BarledgerError) -> int:
    """Return the status of an error of the library."""
    return next(_STATUSES[kind] for kind in type(error).__mro__ if kind in _STATUSES)


# --- from what went wrong --------------------------------------------------------------------------


def of_library(error: BarledgerError, identity: str, scope: Mapping[str, Any] | None = None) -> Problem:
    """Tell an error of the library; ``scope`` is of the request whose fields it is about."""
    status = status_of(error)
    if status >= 500:
        LOGGER.error("%s: %s", error.code, error, extra={"request_id": identity})
    return _told_by(error, identity, scope or {})


def _told_by(error: BarledgerError, identity: str, scope: Mapping[str, Any]) -> Problem:
    return _made(
        status_of(error),
        error.code,
        str(error),
        next_step(error),
        identity,
        title=(type(error).__doc__ or "").partition("\n")[0].replace("``", "`"),
        fields=error.details(),
        errors=[_wrong(name, error, scope) for name in _fields_of(error)],
    )


def of_http(error: HTTPException, identity: str) -> Problem:
    """Tell what is wrong with a request as HTTP."""
    if isinstance(error, HttpProblem):
        wrong = FieldProblem(location="query", field=error.parameter, code=error.code, message=error.detail)
        errors = [wrong] if error.parameter else []
        return _made(
            error.status_code,
            error.code,
            error.detail,
            error.next_step,
            identity,
            fields=error.fields,
            errors=errors,
        )
    if error.detail == _UNREADABLE:
        step = "Send JSON in UTF-8 that is not nested deeper than the documentation describes."
        told = "the body cannot be read: it is nested too deeply, or no UTF-8"
        wrong = FieldProblem(location="body", field="body", code="body-unreadable", message=told)
        return _made(422, "body-unreadable", told, step, identity, errors=[wrong])
    code, step = _HTTP.get(error.status_code, ("http-error", "Look the address up in /openapi.json."))
    return _made(error.status_code, code, str(error.detail), step, identity)


def of_validation(error: RequestValidationError, identity: str) -> Problem:
    """Name every field that is wrong, and never what was sent in it: it may be a secret."""
    errors = [field_problem(one) for one in error.errors()]
    told = "; ".join(f"{one.field}: {one.message}" for one in errors[:3])
    step = "Correct the fields that `errors` names; /openapi.json describes them."
    return _made(422, "invalid-request", told or "the request is not valid", step, identity, errors=errors)


def _not_json(given: str | None) -> HttpProblem:
    """Tell that a body is not said to be JSON; curl says of what it sends by -d that it is a form."""
    told = "the header Content-Type is missing" if given is None else "the header Content-Type says that it is no JSON"
    code, _, step = HTTP[415]
    return HttpProblem(415, code, f"the body is not read, since {told}", step)


def unexpected(identity: str) -> Problem:
    """Tell nothing of what nobody foresaw; the log has it."""
    step = "Report it with the request id, under which the server's log tells more."
    return _made(500, "internal", "something went wrong in the server", step, identity)


def _made(
    status: int,
    code: str,
    detail: str,
    next_step: str,
    identity: str,
    *,
    title: str = "",
    fields: Mapping[str, Any] | None = None,
    errors: list[FieldProblem] | None = None,
) -> Problem:
    return Problem(
        type=f"urn:barledger:problem:{code}",
        title=title or code.replace("-", " ").capitalize(),
        status=status,
        detail=detail,
        code=code,
        next_step=next_step,
        request_id=identity,
        fields={name: plain(value) for name, value in (fields or {}).items()},
        errors=errors or [],
    )


def headers_of(error: BarledgerError, options: Options) -> dict[str, str]:
    """Return what the headers of an answer say of an error of the library."""
    headers: dict[str, str] = {}
    if isinstance(error, KeyRefused):
        headers["www-authenticate"] = 'Bearer realm="barledger"'
    if status_of(error) in _RETRIED or isinstance(error, IdempotencyPending):
        asked = getattr(error, "retry_after", 0) or options.retry_seconds
        headers["retry-after"] = str(max(1, round(asked)))
    return headers


_FIELDS: Final[Mapping[type[BarledgerError], tuple[str, ...]]] = {
    InvalidInterval: ("start_date", "end_date"),
    InvalidVersion: ("version",),
    FutureTime: ("version",),
    InvalidTimeframe: ("timeframe",),
    TooManyBars: ("start_date", "end_date"),
    InvalidCursor: ("cursor",),
    AmbiguousSource: ("source",),
    InvalidSpec: ("indicators",),
    InputMissing: ("indicators",),
    InputUnsuitable: ("indicators",),
    ValuesMissing: ("indicators",),
    InvalidAction: ("value",),
    IdempotencyReused: ("idempotency-key",),
}


_ELSE: Final[Mapping[str, str]] = {"indicators": "indicator_type"}
"""What a field is called where a route has none of its name."""


def _fields_of(error: BarledgerError) -> tuple[str, ...]:
    """Return which fields of a request an error of the library is about, as far as it tells."""
    match error:
        case InvalidSetting(setting=name) | InvalidName(kind=name):
            return (name,)
        case ParameterUnknown(name=name) | ParameterInvalid(name=name):
            return (name,)
        case InvalidPolicy(rule=number):
            return (f"rules.{number}",)
        case MissingColumns(reading=True):
            return ("columns",)
    return next((_FIELDS[kind] for kind in type(error).__mro__ if kind in _FIELDS), ())


def _wrong(name: str, error: BarledgerError, scope: Mapping[str, Any]) -> FieldProblem:
    if isinstance(error, ParameterUnknown | ParameterInvalid) and place_of(scope, "parameters") != UNKNOWN:
        name = f"parameters.{name}"
    place = place_of(scope, name)
    if place == UNKNOWN and name in _ELSE and place_of(scope, _ELSE[name]) != UNKNOWN:
        name, place = _ELSE[name], place_of(scope, _ELSE[name])
    return FieldProblem(location=place, field=name, code=error.code, message=str(error))


# --- documentation ---------------------------------------------------------------------------------

_TOLD: Final[Mapping[int, str]] = {
    400: "The host is not one of this server.",
    401: "No key, or one that is wrong, expired or revoked.",
    403: "The key lacks a scope, or is for other instruments.",
    404: "What was asked for does not exist.",
    405: "Another method is needed.",
    406: "None of the formats that are accepted can be had.",
    408: "The body did not come in time.",
    409: "Something else is there, or was changed since.",
    410: "Retention deleted what this needs.",
    412: "It is not what the header If-Match expects any more.",
    413: "More was sent than the server takes.",
    414: "The address is longer than the server takes.",
    415: "The body is not said to be JSON.",
    422: "A field is wrong, or a rule is broken; `errors` names the fields.",
    429: "Too many requests with this key.",
    431: "The headers are larger than the server takes.",
    500: "The data are damaged, or something unforeseen happened.",
    501: "The server lacks a package that this needs.",
    502: "A source, or a channel, does not answer.",
    503: "The store or the ledger does not answer, or the store is not what the ledger counts; or somebody writes the "
    "series for long. Nothing is lost.",
}
EVERYWHERE: Final = (400, 401, 403, 414, 422, 429, 431, 500, 503)
"""What every route that needs a key may answer."""

BEFORE: Final = (400, 414, 431)
"""What the layers before the routes may answer, whatever the route."""

_SENT_WITH: Final = {401: ("WWW-Authenticate",), 409: ("Retry-After",), 429: ("Retry-After",), 503: ("Retry-After",)}
_ID: Final = "8c1f0a5e"


def documented(*cases: int | BarledgerError) -> dict[int | str, dict[str, Any]]:
    """Return these errors, and those that are possible everywhere, as a route documents them.

    A status has an example of its own; an error of the library is one, and stands for its status.
    """
    own: dict[int, list[Problem]] = {}
    for case in cases:
        if isinstance(case, BarledgerError):
            own.setdefault(status_of(case), []).append(_told_by(case, _ID, {}))
    statuses = {one for one in cases if isinstance(one, int)} | {*own, *EVERYWHERE}
    statuses |= {408, 415} if 413 in statuses else set()
    return {status: _documented(status, own.get(status) or _examples(status)) for status in sorted(statuses)}


def documented_before() -> dict[int | str, dict[str, Any]]:
    """Return the errors that are possible before any route is reached, as one that needs no key documents them."""
    return {status: _documented(status, _examples(status)) for status in BEFORE}


def _documented(status: int, examples: list[Problem]) -> dict[str, Any]:
    shown = {one.code: {"summary": one.title, "value": one.model_dump(mode="json")} for one in examples}
    schema = {"$ref": "#/components/schemas/Problem"}
    return {
        "description": _TOLD[status],
        "content": {MEDIA_TYPE: {"schema": schema, "examples": shown}},
        "headers": described(*_SENT_WITH.get(status, ())),
    }


def _examples(status: int) -> list[Problem]:
    if status in LIBRARY:
        return [_told_by(one, _ID, {}) for one in (LIBRARY[status], *BESIDE.get(status, ()))]
    code, detail, step = HTTP[status]
    return [_made(status, code, detail, step, _ID)]
