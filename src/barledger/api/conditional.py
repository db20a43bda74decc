"""Conditional requests: entity tags, 304, and how long an answer may be kept.

A tag is made of what the answer depends on (`Scroll.mark`) and of how it is written, so that it is known before
anything is read: equal tags are equal bytes.
"""

import hashlib
from collections.abc import Mapping
from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from barledger import __version__

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
    given = request.headers.get("if-none-match", "")
    tags = {one.strip().removeprefix("W/") for one in given.split(",")}
    return Response(status_code=304, headers=dict(headers)) if tag in tags or "*" in tags else None
