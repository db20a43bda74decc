"""The description of the API is true: schemathesis tries it, with every check that it has."""

from collections.abc import Iterator
from typing import Any, Final

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis.strategies import booleans
from schemathesis import GenerationMode
from schemathesis.config import (
    ChecksConfig,
    PositiveDataAcceptanceConfig,
    ProjectConfig,
    ProjectsConfig,
    SchemathesisConfig,
)

from barledger import BarLedger
from barledger.api.app import build
from barledger.api.options import Options
from serving import bearer

# A rule that lies outside of the schema, such as an end before its start, makes a 422 right.
_RIGHT: Final = ["2xx", "3xx", "401", "403", "404", "406", "409", "410", "413", "422"]
_CHECKS: Final = ChecksConfig(positive_data_acceptance=PositiveDataAcceptanceConfig(expected_statuses=_RIGHT))
_EXAMPLES: Final = 12


@pytest.fixture
def described(bl: BarLedger) -> Any:
    """The app as it describes itself, asked with a key for everything."""
    key = bl.keys.create("tried", scopes="admin").text
    app = build(bl, Options(hosts=("testserver", "localhost"), open_docs=True, event_seconds=0.05))
    projects = ProjectsConfig(default=ProjectConfig(checks=_CHECKS, headers=bearer(key)))
    return schemathesis.openapi.from_asgi("/openapi.json", app, config=SchemathesisConfig(projects=projects))


@pytest.mark.slow
@pytest.mark.parametrize("mode", GenerationMode)
def test_the_api_is_as_it_is_described(described: Any, mode: GenerationMode) -> None:
    tried = 0
    for found in described.get_all_operations():
        operation = found.ok()
        if mode is GenerationMode.NEGATIVE and not _takes_anything(operation):
            continue

        @settings(max_examples=_EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck), database=None)
        @given(case=operation.as_strategy(generation_mode=mode), known=booleans())
        def try_out(case: schemathesis.Case, *, known: bool) -> None:
            if known and mode is GenerationMode.POSITIVE and "instrument" in case.path_parameters:
                # Names that nobody has are all alike; bars are where there is more to say.
                case.path_parameters |= {"instrument": "AAPL", "timeframe": "1d"}
                case.query.pop("version", None)
                case.query.pop("source", None)
                case.query.pop("cursor", None)
            # Said to be ours, lest the key be taken for one that was made up and ought to be refused.
            case.call_and_validate(headers=described.config.headers_for(operation=case.operation))

        try_out()
        tried += 1
    assert tried


def _takes_anything(operation: Any) -> bool:
    return any(one.name != "Authorization" for one in operation.iter_parameters()) or bool(operation.body)


def test_every_operation_has_an_id_and_a_summary_and_tells_its_errors(described: Any) -> None:
    for path, method, told in _operations(described.raw_schema):
        assert told["operationId"], path
        assert told["summary"], path
        if path.startswith("/api/"):
            problems = {status for status in told["responses"] if status >= "4"}
            assert {"401", "403", "422", "500", "503"} <= problems, (method, path)
            for status in problems:
                assert [*told["responses"][status]["content"]] == ["application/problem+json"], (method, path, status)


def test_no_object_is_without_types(described: Any) -> None:
    for name, schema in described.raw_schema["components"]["schemas"].items():
        untyped = [one for one in _objects(schema) if not one.get("properties") and "additionalProperties" not in one]
        assert not untyped, name


def _operations(raw: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, operations in raw["paths"].items():
        for method, told in operations.items():
            yield path, method, told


def _objects(schema: Any) -> Iterator[dict[str, Any]]:
    if isinstance(schema, dict):
        if schema.get("type") == "object":
            yield schema
        for one in schema.values():
            yield from _objects(one)
    elif isinstance(schema, list):
        for one in schema:
            yield from _objects(one)
