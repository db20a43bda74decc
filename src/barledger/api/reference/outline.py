"""The outline: what OpenAPI says of operations and schemas, as people read it."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

_SCHEMA: Final = "#/components/schemas/"
_SHOWN: Final = 12
Json = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """A parameter, or a member of an object; ``place`` is path, query, header or body."""

    name: str
    place: str
    type: str
    required: bool
    about: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What an operation may answer: ``schema`` is a name among the schemas, ``codes`` those of its errors.

    ``example`` is an answer in JSON, empty where there is none.
    """

    status: str
    about: str
    schema: str
    media: tuple[str, ...]
    codes: tuple[str, ...]
    example: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One operation; ``body`` is an example in JSON, empty where it takes none."""

    id: str
    tag: str
    method: str
    path: str
    summary: str
    about: str
    fields: tuple[Field, ...]
    body: str
    answers: tuple[Answer, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Object:
    """A schema with members, or with named values."""

    name: str
    about: str
    fields: tuple[Field, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Outline:
    """All of it: operations by tag, in the order in which they are served, and the objects that they give and take."""

    title: str
    version: str
    about: str
    operations: Mapping[str, tuple[Operation, ...]]
    objects: tuple[Object, ...]

    @staticmethod
    def of(description: Json) -> "Outline":
        """Read a description."""
        schemas: Json = description["components"]["schemas"]
        found: dict[str, tuple[Operation, ...]] = {}
        for operation in _operations(description, schemas):
            found[operation.tag] = (*found.get(operation.tag, ()), operation)
        objects = (Object(name=name, about=_about(one), fields=_members(one, "")) for name, one in schemas.items())
        info = description["info"]
        return Outline(
            title=info["title"],
            version=info["version"],
            about=info["description"],
            operations=found,
            objects=tuple(sorted((one for one in objects if one.fields), key=lambda one: one.name)),
        )


def _operations(description: Json, schemas: Json) -> Iterator[Operation]:
    for path, methods in description["paths"].items():
        for method, told in methods.items():
            yield Operation(
                id=told["operationId"],
                tag=told["tags"][0],
                method=method.upper(),
                path=path,
                summary=told["summary"],
                about=f"{_joined(told.get('description', ''))} {_needed(told)}".strip(),
                fields=(*_parameters(told), *_body(told, schemas)),
                body=_example(told.get("requestBody", {}), indent=None),
                answers=tuple(_answer(status, one) for status, one in told["responses"].items()),
            )


def _needed(told: Json) -> str:
    """Say which scope a key needs."""
    scopes = [scope for one in told.get("security", ()) for mine in one.values() for scope in mine]
    return f"Needs the scope `{scopes[0]}`." if scopes else ""


def _parameters(told: Json) -> Iterator[Field]:
    for one in told.get("parameters", ()):
        yield Field(
            name=one["name"],
            place=one["in"],
            type=type_of(one["schema"]),
            required=one.get("required", False),
            about=one.get("description") or _about(one["schema"]),
        )


def _body(told: Json, schemas: Json) -> tuple[Field, ...]:
    body = told.get("requestBody")
    if body is None:
        return ()
    return _members(schemas[_named(body["content"]["application/json"]["schema"])], "body")


def _members(schema: Json, place: str) -> tuple[Field, ...]:
    needed = schema.get("required", ())
    return tuple(
        Field(name=name, place=place, type=type_of(one), required=name in needed, about=_about(one))
        for name, one in schema.get("properties", {}).items()
    )


def _answer(status: str, told: Json) -> Answer:
    content: Json = told.get("content", {})
    schemas = [_named(one.get("schema", {})) for one in content.values()]
    codes = [code for one in content.values() for code in one.get("examples", ())]
    return Answer(
        status=status,
        about=told.get("description", ""),
        schema=next((name for name in schemas if name), ""),
        media=tuple(content),
        codes=tuple(codes) if status >= "4" else (),
        example=_example(told, indent=2),
    )


def _example(told: Json, *, indent: int | None) -> str:
    shown = told.get("content", {}).get("application/json", {}).get("example")
    return "" if shown is None else json.dumps(shown, indent=indent, ensure_ascii=False)


def type_of(schema: Json) -> str:
    """Return what a value may be, in a few words."""
    if "$ref" in schema:
        return _named(schema)
    if "const" in schema:
        return f"`{schema['const']}`"
    if "enum" in schema:
        shown = [f"`{one}`" for one in schema["enum"]]
        return ", ".join(shown if len(shown) <= _SHOWN else [*shown[:_SHOWN], "…"])
    for several in ("anyOf", "oneOf"):
        if several in schema:
            return " or ".join(dict.fromkeys(type_of(one) for one in schema[several]))
    return _plain(schema)


def _plain(schema: Json) -> str:
    kind = str(schema.get("type", "any"))
    if kind == "array":
        return f"list of {type_of(schema.get('items', {}))}"
    if kind == "object":
        inner = schema.get("additionalProperties")
        return f"object of {type_of(inner)}" if isinstance(inner, Mapping) else kind
    if kind in ("integer", "number"):
        low, high = schema.get("minimum", schema.get("exclusiveMinimum")), schema.get("maximum")
        bounds = f" from {low:,}" if low is not None else ""
        return kind + bounds + (f" to {high:,}" if high is not None else "")
    return kind


def _named(schema: Json) -> str:
    return str(schema.get("$ref", "")).removeprefix(_SCHEMA)


def _about(schema: Json) -> str:
    return _joined(schema.get("description", ""))


def _joined(text: str) -> str:
    """Return a text on one line."""
    return " ".join(text.split())
