"""Conditional requests: entity tags, 304, 412, and how long an answer may be kept.

The tag of bars is made of what the answer depends on (`Scroll.mark`) and of how it is written, so that it is known
before anything is read: equal tags are equal bytes. That of a document is made of what it says (`answered`), and a
change that is sent with it as If-Match is made only if the document still says that (`Precondition`).
"""

import hashlib
from collections.abc import Callable, Mapping
from typing import Annotated, Any, Final

from fastapi import Depends, Header
from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import Response

from barledger import __version__
from barledger.api.compression import coded_like
from barledger.api.problems import HttpProblem
from barledger.api.response_headers import KEPT, described

VARY: Final = "Accept, Accept-Encoding, Authorization"
_FOR_EVER: Final = "private, max-age=31536000, immutable"
_ASK_AGAIN: Final = "private, no-cache"


def tag_of(*parts: object) -> str:
    """Return a strong entity tag of everything that an answer depends on."""
    told = "\n".join([__version__, *map(str, parts)])
    return f'"{hashlib.sha256(told.encode()).hexdigest()[:40]}"'


def kept(tag: str, *, immutable: bool) -> dict[str, str]:
    """Return the headers of an answer that may be kept by who asked for it, for ever or to be asked about again."""
    return {"etag": tag, "vary": VARY, "cache-control": _FOR_EVER if immutable else _ASK_AGAIN}


def unchanged(request: Request, tag: str, headers: Mapping[str, str]) -> Response | None:
    """Return 304 if the client has this answer already."""
    known = matches(request.headers.get("if-none-match", ""), tag)
    return Response(status_code=304, headers=dict(headers)) if known else None


def matches(given: str, tag: str) -> bool:
    """Tell whether the tags that a client has are of this answer."""
    tags = {one.strip().removeprefix("W/") for one in given.split(",")}
    return tag in tags or "*" in tags


# --- documents -------------------------------------------------------------------------------------

UNCHANGED: Final[dict[str, Any]] = {"description": "The client has this answer.", "headers": described(*KEPT)}
"""304, as a route documents it."""


def answered(request: Request, told: BaseModel, *, link: Mapping[str, str] | None = None) -> Response:
    """Return a document with its tag, or 304 if the client has it already."""
    headers = kept(tag_of_document(told), immutable=False)
    known = unchanged(request, headers["etag"], headers)
    if known is not None:
        return known
    return Response(told.model_dump_json(), headers={**headers, **(link or {})}, media_type="application/json")


def tag_of_document(told: BaseModel) -> str:
    """Return the tag of a document as it is now."""
    return tag_of(type(told).__name__, told.model_dump_json())


IfMatch = Annotated[
    str | None,
    Header(
        pattern=r'^(\*|"[!#-~]{0,128}")$',
        description="The ETag of what the change is about, as it was read; it is made only if that is so still.",
    ),
]


class Precondition:
    """What a change expects; a route that takes If-Match has a parameter of the type `Expecting`."""

    def __init__(self, if_match: IfMatch = None) -> None:
        """Know the tag."""
        self._tag = if_match

    def check(self, current: Callable[[], BaseModel]) -> None:
        """Raise `HttpProblem` 412 if the document is another one now; without a tag it is not looked at."""
        if self._tag is None:
            return
        found = coded_like(tag_of_document(current()), self._tag)
        if self._tag not in ("*", found):
            step = "Read it again, decide anew, and send the ETag of that answer."
            told = {"expected": self._tag, "found": found}
            raise HttpProblem(412, "precondition-failed", "it is not what If-Match expects any more", step, fields=told)


Expecting = Annotated[Precondition, Depends()]
