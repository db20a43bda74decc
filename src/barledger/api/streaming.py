"""Streams: tables on their way out, portion by portion, as fast as the client takes them."""

from collections.abc import Mapping
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from barledger.api.formats import FORMATS, Format, Style, Tabular
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

BARS_TOLD: Final = (
    "Barledger-Version",
    "Barledger-Revision",
    "Barledger-Digest",
    "Barledger-Adjustment",
    "Barledger-Sources",
    "Barledger-Rows",
    "Barledger-Warning",
)
"""Headers that tell what an answer on bars resolved to."""


def stream(request: Request, form: Format, table: Tabular, style: Style, headers: Mapping[str, str]) -> Response:
    """Return a table as an answer; raises `HttpProblem` for a style that the form cannot have."""
    if form.typed_times and style.times != "rfc3339":
        step = f"Leave times out: those of {form.name} have a type of their own."
        raise HttpProblem(422, "times-are-typed", f"times cannot be {style.times} in {form.name}", step)
    parts = form.write(table, style)
    if is_head(request.scope):
        answer = Response(headers=dict(headers), media_type=form.media_type)
        # How long it would be is only known once it is made.
        del answer.headers["content-length"]
        return answer
    if table.whole:
        return Response(b"".join(parts), headers=dict(headers), media_type=form.media_type)
    return StreamingResponse(parts, headers=dict(headers), media_type=form.media_type)
