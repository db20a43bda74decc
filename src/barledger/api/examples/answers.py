"""Examples of answers and of bodies: what the app answered to one request of every operation, when it was recorded.

``make examples`` records them.
"""

from collections.abc import Iterator, Mapping
from importlib import resources
from typing import Any, Final

import orjson

FILE: Final = "answers.json"
_JSON: Final = "application/json"


def recorded() -> dict[str, dict[str, Any]]:
    """Return the examples by operation id: ``answer``, and for operations that take a body ``request``."""
    found: dict[str, dict[str, Any]] = orjson.loads(resources.files(__package__).joinpath(FILE).read_bytes())
    return found


def exemplify(description: Mapping[str, Any]) -> None:
    """Put the examples into a description of the API."""
    known = recorded()
    for operation in operations(description):
        shown = known.get(operation["operationId"], {})
        if "request" in shown:
            operation["requestBody"]["content"][_JSON]["example"] = shown["request"]
        answer = success_of(operation)
        if "answer" in shown and answer is not None:
            answer["example"] = shown["answer"]


def operations(description: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Return the operations of a description."""
    for methods in description["paths"].values():
        yield from methods.values()


def success_of(operation: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return what an operation says of its JSON where it succeeds; None if that is none."""
    content = (one.get("content", {}) for status, one in operation["responses"].items() if status < "3")
    return next((one[_JSON] for one in content if _JSON in one), None)
