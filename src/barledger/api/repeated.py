"""Repeated: a parameter, or a member of a body, that is given twice is refused, as nobody knows which was meant.

So is a parameter of a route that takes none, since whoever sends it expects something of it.
"""

import json
from contextlib import suppress
from typing import Any, Final

from fastapi import Request
from fastapi.exceptions import RequestValidationError

from barledger.api.declared import takes_no_query

_ROOT: Final = "/api/"
LISTS: Final = frozenset({"indicators"})
"""Parameters that are given once for each of several values."""


async def refuse_repeated(request: Request) -> None:
    """Raise `RequestValidationError` that names what is given twice."""
    given = request.query_params
    if len(given.multi_items()) != len(given):
        names = [name for name, _ in given.multi_items() if name not in LISTS]
        twice = {name: None for name in names if names.count(name) > 1}
        if twice:
            raise RequestValidationError([_wrong("query", name) for name in twice])
    if given and request.scope["path"].startswith(_ROOT) and takes_no_query(request.scope):
        raise RequestValidationError([{"type": "extra_forbidden", "loc": ("query", name), "msg": ""} for name in given])
    if "json" in request.headers.get("content-type", ""):
        with suppress(RecursionError, json.JSONDecodeError, UnicodeDecodeError):
            if json.loads(await request.body(), object_pairs_hook=_members) is None:
                # Where nothing has to be said, it would be taken for no body.
                raise RequestValidationError([{"type": "none", "loc": ("body",), "msg": ""}])


def _members(pairs: list[tuple[str, Any]]) -> list[tuple[str, Any]]:
    seen: set[str] = set()
    for name, _ in pairs:
        if name in seen:
            raise RequestValidationError([_wrong("body", name)])
        seen.add(name)
    return pairs


def _wrong(location: str, name: str) -> dict[str, Any]:
    return {"type": "repeated", "loc": (location, name), "msg": "this is given twice; give it once"}
