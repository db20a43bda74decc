"""Paging: cursors that go on where a page ended, in the state that the first page resolved to, and the header Link."""

import base64
import binascii
import hashlib
from collections.abc import Mapping
from typing import Any, Final

import orjson
from starlette.requests import Request

from barledger.domain.interval import BEGINNING, END_OF_TIME
from barledger.errors import InvalidCursor
from barledger.services.retrieval.scroll import Bookmark

# What a page may have otherwise than the one before it.
_FREE: Final = frozenset({"cursor", "limit", "format", "orient", "times"})
_LONGEST: Final = 4_096


def cursor_of(bookmark: Bookmark, question: str) -> str:
    """Return a bookmark as text that belongs to one question."""
    at = [[source, str(revision)] for source, revision in bookmark.at]
    told = {"q": question, "s": str(bookmark.start), "a": at, "v": bookmark.snapshot, "k": str(bookmark.known_at)}
    return base64.urlsafe_b64encode(orjson.dumps(told)).decode().rstrip("=")


def bookmark_of(cursor: str, question: str) -> Bookmark:
    """Return the bookmark that a cursor is; raises `InvalidCursor`."""
    try:
        told: dict[str, Any] = orjson.loads(base64.b64decode(cursor + "=" * (-len(cursor) % 4), b"-_", validate=True))
        found = Bookmark(
            start=number_of(told["s"]),
            at=tuple((str(source), number_of(revision)) for source, revision in told["a"]),
            snapshot=str(told["v"]),
            known_at=number_of(told["k"]),
        )
        asked = told["q"]
    except (binascii.Error, ValueError, KeyError, TypeError):
        raise InvalidCursor(reason="it is not one of this server") from None
    if asked != question:
        raise InvalidCursor(reason="it belongs to another question")
    return found


def number_of(told: str) -> int:
    """Return a number of a cursor; raises `ValueError` for one that no time and no revision is."""
    found = int(told)
    if not BEGINNING <= found <= END_OF_TIME:
        raise ValueError(told)
    return found


def question_of(path: Mapping[str, Any], query: Mapping[str, Any]) -> str:
    """Return a digest of what is asked, whatever the page and its form."""
    told = {"path": dict(path), "query": {name: value for name, value in query.items() if name not in _FREE}}
    return hashlib.sha256(orjson.dumps(told, option=orjson.OPT_SORT_KEYS)).hexdigest()[:24]


def next_url(request: Request, cursor: str) -> str:
    """Return the address of the next page: this one's, with another cursor."""
    url = request.url.include_query_params(cursor=cursor)
    return f"{url.path}?{url.query}"


def link(url: str | None) -> dict[str, str]:
    """Return the header that names the next page, if there is one."""
    return {"link": f'<{url}>; rel="next"'} if url else {}
