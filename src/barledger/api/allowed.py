"""Which methods a path has: what the header Allow of a 405 tells."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from fastapi import APIRouter
from fastapi.routing import APIRoute
from starlette.routing import compile_path


@dataclass(frozen=True, slots=True, kw_only=True)
class _Place:
    pattern: re.Pattern[str]
    template: str
    methods: frozenset[str]


class Allowed:
    """The methods of every path, those of several routes with one path together."""

    def __init__(self, routers: Iterable[tuple[str, APIRouter]]) -> None:
        """Look at the routes of routers, each with the prefix under which it is served."""
        self._places = [
            _Place(
                pattern=compile_path(prefix + one.path)[0],
                template=prefix + one.path,
                methods=frozenset(one.methods or ()),
            )
            for prefix, router in routers
            for one in router.routes
            if isinstance(one, APIRoute)
        ]

    def __call__(self, path: str) -> str:
        """Return the methods that a path has, as the header tells them; every GET has its HEAD."""
        first = next((one.template for one in self._places if one.pattern.match(path)), None)
        methods = {method for one in self._places if one.template == first for method in one.methods}
        return ", ".join(sorted(methods | ({"HEAD"} if "GET" in methods else set())))
