"""Declared: which fields the route of a request takes, and where."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute
from pydantic import BaseModel

UNKNOWN: Final = "request"
"""Where a field is that no route declares, or several parts of a request have."""


def place_of(scope: Mapping[str, Any], field: str) -> str:
    """Return where the route takes a field: path, query, header or body; of a body the first of its names counts."""
    first, route = field.partition(".")[0], scope.get("route")
    if not isinstance(route, APIRoute):
        return UNKNOWN
    found = [place for place, name in _declared(route.dependant) if name.casefold() == first.casefold()]
    return found[0] if len(found) == 1 else UNKNOWN


def takes_no_query(scope: Mapping[str, Any]) -> bool:
    """Whether the route takes no parameter of a query; those that take some look at all of them where they are read."""
    route = scope.get("route")
    return isinstance(route, APIRoute) and not any(place == "query" for place, _ in _declared(route.dependant))


def _declared(dependant: Dependant) -> Iterator[tuple[str, str]]:
    yield from (("path", one.alias) for one in dependant.path_params)
    yield from (("header", one.alias) for one in dependant.header_params)
    yield from (("query", name) for name in _names(dependant.query_params))
    yield from (("body", name) for name in _names(dependant.body_params))
    for inner in dependant.dependencies:
        yield from _declared(inner)


def _names(fields: Iterable[Any]) -> Iterator[str]:
    """Give the names of parameters, and those of the members where a model has them all."""
    for one in fields:
        model = one.field_info.annotation
        if isinstance(model, type) and issubclass(model, BaseModel):
            yield from model.model_fields
        else:
            yield one.alias
