"""The examples of the description: there is one of every answer and of every body, and each is what it describes."""

from typing import Any

import jsonschema_rs
import pytest

from barledger.api.app import routed
from barledger.api.examples.answers import operations, recorded, success_of
from barledger.api.examples.script import record


@pytest.fixture(scope="module")
def raw() -> dict[str, Any]:
    return routed().openapi()


def wrong(raw: dict[str, Any], told: dict[str, Any]) -> list[str]:
    """What is wrong with the example of a content."""
    schema = told["schema"] | {"components": raw["components"]}
    found = jsonschema_rs.Draft202012Validator(schema).iter_errors(told["example"])
    return [f"{one.instance_path}: {one.message[:200]}" for one in found]


def test_every_answer_in_json_has_an_example_that_fits_its_schema(raw: dict[str, Any]) -> None:
    seen = 0
    for operation in operations(raw):
        answer = success_of(operation)
        if answer is not None:
            assert "example" in answer, operation["operationId"]
            assert not wrong(raw, answer), operation["operationId"]
            seen += 1
    assert seen > 70


def test_every_body_has_an_example_that_fits_its_schema(raw: dict[str, Any]) -> None:
    bodies = [one for one in operations(raw) if "requestBody" in one]
    assert len(bodies) > 20
    for operation in bodies:
        body = operation["requestBody"]["content"]["application/json"]
        assert "example" in body, operation["operationId"]
        assert not wrong(raw, body), operation["operationId"]


def test_no_example_is_of_an_operation_that_there_is_not(raw: dict[str, Any]) -> None:
    assert set(recorded()) <= {one["operationId"] for one in operations(raw)}


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::barledger.errors.BarledgerWarning")
def test_the_examples_are_what_the_app_answers() -> None:
    """Ids, digests and signatures are others each time; what is said is the same. Else run make examples."""
    assert shape(record()) == shape(recorded())


def shape(told: Any) -> Any:
    """Return an answer with kinds in place of its values."""
    if isinstance(told, dict):
        return {name: shape(value) for name, value in told.items()}
    if isinstance(told, list):
        return [shape(one) for one in told]
    return type(told).__name__
