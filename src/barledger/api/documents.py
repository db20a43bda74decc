"""Documents: how routes that read and change one thing are documented, and answered."""

from typing import Any, Final

from pydantic import BaseModel
from starlette.responses import Response

from barledger.api.conditional import UNCHANGED
from barledger.api.response_headers import KEPT, described

JSON: Final = "application/json"

DOCUMENT: Final[dict[int | str, dict[str, Any]]] = {200: {"headers": described(*KEPT)}, 304: UNCHANGED}
"""What a route answers that reads one thing."""

LISTED: Final[dict[int | str, dict[str, Any]]] = {200: {"headers": described(*KEPT, "Link")}, 304: UNCHANGED}
"""What a route answers that reads a page of a list."""

CHANGED: Final[dict[int | str, dict[str, Any]]] = {200: {"headers": described("Idempotency-Replayed")}}
"""What a route answers that changes one thing."""


def made(*links: tuple[str, str, str]) -> dict[int | str, dict[str, Any]]:
    """Return what a route answers that makes something.

    ``links`` name operations that the answer gives a parameter to: operation, parameter, and where it stands.
    """
    return {201: {"headers": described("Location", "Idempotency-Replayed"), "links": linked(*links)}}


def linked(*links: tuple[str, str, str]) -> dict[str, Any]:
    """Return links from an answer to operations."""
    return {operation: {"operationId": operation, "parameters": {name: place}} for operation, name, place in links}


def written(told: BaseModel, *, status: int = 200, location: str = "") -> Response:
    """Return what a change led to; with 201, where that is."""
    headers = {"location": location} if location else {}
    return Response(told.model_dump_json(), status, headers=headers, media_type=JSON)
