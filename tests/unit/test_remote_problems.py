"""Problems: every error of the library leaves a server and arrives as what it was."""

import json
from dataclasses import fields
from typing import Any

import pytest

from barledger.api.problems import of_library, status_of
from barledger.errors import BarledgerError, NotBarledger, NotServed, RevisionConflict, ServerProblem
from barledger.remote.problems import error_of
from erring import KINDS, SAMPLES

KIND = "application/problem+json"
URL = "http://desk:8321"


def sample(kind: type[BarledgerError]) -> BarledgerError:
    values: dict[str, Any] = {}
    for field in fields(kind):
        name = str(getattr(field.type, "__name__", field.type))
        values[field.name] = (1, 2) if field.type == tuple[int, ...] else SAMPLES[name]
    return kind(**values)


def arrived(error: BarledgerError) -> BarledgerError:
    told = of_library(error, "r1")
    return error_of(URL, "GET /x", status_of(error), KIND, told.model_dump_json().encode())


@pytest.mark.parametrize("kind", KINDS)
def test_an_error_arrives_as_what_it_was(kind: type[BarledgerError]) -> None:
    error = sample(kind)
    found = arrived(error)
    assert type(found) is kind
    assert found.details() == error.details()
    assert (str(found), found.advice) == (str(error), error.advice)


def test_numbers_beyond_what_json_has_arrive_whole() -> None:
    error = RevisionConflict(series="AAPL 1d", expected=1795658068935660612, found=1795658068935660613)
    assert arrived(error).details() == error.details()


@pytest.mark.parametrize(
    ("told", "kind"),
    [
        ({"code": "of-a-newer-server", "detail": "x", "next_step": "Do y.", "fields": {}}, ServerProblem),
        ({"code": "revision-conflict", "detail": "x", "fields": {"other": 1}}, ServerProblem),
        (
            {"code": "revision-conflict", "detail": "x", "fields": {"series": "s", "expected": "a", "found": 1}},
            ServerProblem,
        ),
        ({"code": "route-not-found", "detail": "x", "fields": {}}, NotServed),
        ({"code": 7}, NotBarledger),
        ([], NotBarledger),
    ],
)
def test_what_is_not_known_is_told_as_it_came(told: Any, kind: type[BarledgerError]) -> None:
    found = error_of(URL, "GET /x", 409, KIND, json.dumps(told).encode())
    assert type(found) is kind
    assert URL in str(found)


@pytest.mark.parametrize("body", [b"", b"<html>", b"\xff", b"[[[["])
def test_what_is_no_problem_is_of_something_else(body: bytes) -> None:
    assert type(error_of(URL, "GET /x", 502, KIND, body)) is NotBarledger
    assert type(error_of(URL, "GET /x", 502, "text/html", b"{}")) is NotBarledger
