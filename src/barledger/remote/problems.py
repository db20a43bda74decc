"""Problems: from a server's application/problem+json back to the error that the library itself would raise."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import fields
from functools import cache
from typing import Any, Final, get_args, get_origin

from barledger.errors import BarledgerError, NotBarledger, NotServed, ServerProblem

_MEDIA: Final = "application/problem+json"
_LONGEST: Final = 300


def error_of(url: str, asked: str, status: int, kind: str, body: bytes) -> BarledgerError:
    """Return what an answer of this status, media type and body says to what was asked, a method and a path."""
    told = _read(body) if kind.partition(";")[0].strip() == _MEDIA else None
    if told is None:
        return NotBarledger(url=url, detail=f"status {status} without a problem that could be read")
    made = _made(told)
    if made is not None:
        return made
    if told["code"] == "route-not-found":
        return NotServed(who=f"the server at {url}", capability=asked[:_LONGEST])
    return _unknown(url, status, told)


def _read(body: bytes) -> dict[str, Any] | None:
    try:
        told = json.loads(body)
    except ValueError:
        return None
    return told if isinstance(told, dict) and isinstance(told.get("code"), str) else None


def _made(told: Mapping[str, Any]) -> BarledgerError | None:
    """Return the library's own error; None for a code that it does not know, or fields that are not its."""
    kind, given = _kinds().get(told["code"]), told.get("fields")
    if kind is None or not isinstance(given, dict):
        return None
    try:
        return kind(**{one.name: _value(one.type, given[one.name]) for one in fields(kind) if one.name in given})
    except (TypeError, ValueError, KeyError):
        return None


def _value(kind: Any, value: Any) -> Any:
    """Return a field as its error has it: large integers come as text, and tuples as lists."""
    if get_origin(kind) is tuple:
        inner = get_args(kind)[0]
        return tuple(_value(inner, one) for one in value)
    return kind(value) if kind in (int, float, str) and value is not None else value


def _unknown(url: str, status: int, told: Mapping[str, Any]) -> ServerProblem:
    return ServerProblem(
        url=url,
        status=status,
        problem=str(told["code"])[:_LONGEST],
        detail=str(told.get("detail", ""))[:_LONGEST],
        request_id=str(told.get("request_id", ""))[:_LONGEST],
        advised=str(told.get("next_step", ""))[:_LONGEST],
    )


@cache
def _kinds() -> dict[str, type[BarledgerError]]:
    """Return every error of the library by its code."""
    return {kind.code: kind for kind in _below(BarledgerError)}


def _below(kind: type[BarledgerError]) -> Iterator[type[BarledgerError]]:
    for one in kind.__subclasses__():
        yield one
        yield from _below(one)
