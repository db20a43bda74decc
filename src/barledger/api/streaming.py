"""Streams: tables on their way out, portion by portion, as fast as the client takes them."""

from collections.abc import Mapping, Sequence
from itertools import chain
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from barledger.api.formats import FORMATS, Format, Style, Tabular
from barledger.api.memory import given_back
from barledger.api.problems import HttpProblem
from barledger.api.requests import is_head

TABLES: Final[dict[str, Any]] = {
    "description": "A table, in the form that was asked for.",
    "content": {
        one.media_type: {
            "schema": {"type": "string"}
            if one.media_type.startswith("text") or one.name == "ndjson"
            else {"type": "string", "format": "binary"}
        }
        for one in FORMATS.values()
        if one.name != "json"
    },
}
"""The other forms, as a route documents them beside its JSON."""

_WORTH_A_COPY: Final = 65_536

BARS_TOLD: Final = (
    "Barledger-Version",
    "Barledger-Revision",
    "Barledger-Digest",
    "Barledger-Adjustment",
    "Barledger-Adjusted",
    "Barledger-Sources",
    "Barledger-Rows",
    "Barledger-Warning",
)
"""Headers that tell what an answer on bars resolved to."""


def stream(request: Request, form: Format, table: Tabular, style: Style, headers: Mapping[str, str]) -> Response:
    """Return a table as an answer; raises `HttpProblem` for a style that the form cannot have."""
    if form.typed_times and style.times != "rfc3339":
        step = f"Leave times out: those of {form.name} have a type of their own."
        told = f"times cannot be {style.times} in {form.name}"
        raise HttpProblem(422, "times-are-typed", told, step, parameter="times")
    parts = form.write(table, style)
    if is_head(request.scope):
        answer = Response(headers=dict(headers), media_type=form.media_type)
        # How long it would be is only known once it is made.
        del answer.headers["content-length"]
        return answer
    if table.whole:
        made = list(parts)
        if sum(map(len, made)) > _WORTH_A_COPY:
            return _Whole(made, headers, form.media_type)
        return Response(b"".join(made), headers=dict(headers), media_type=form.media_type)
    # What cannot be read is told by a status as long as nothing is sent.
    first = next(parts, b"")
    return StreamingResponse(given_back(chain([first], parts)), headers=dict(headers), media_type=form.media_type)


class _Whole(Response):
    """An answer whose parts are there and are sent one after the other, since to join them is to copy them."""

    def __init__(self, parts: Sequence[bytes], headers: Mapping[str, str], media_type: str) -> None:
        super().__init__(headers={**headers, "content-length": str(sum(map(len, parts)))}, media_type=media_type)
        self._parts = parts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 - ASGI's signature
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        *parts, last = self._parts
        for part in parts:
            await send({"type": "http.response.body", "body": part, "more_body": True})
        await send({"type": "http.response.body", "body": last, "more_body": False})
