"""The reference as Markdown: what docs/api.md consists of."""

import re
from collections.abc import Iterator, Sequence
from typing import Final

from barledger.api.reference.outline import Answer, Field, Object, Operation, Outline

_USUAL: Final = frozenset({"400", "401", "403", "414", "422", "500", "503"})
"""What every operation with a key may answer; told once, unless an operation has an error of its own."""


def markdown(outline: Outline) -> str:
    """Return the reference."""
    lines = [f"# {outline.title} API", "", outline.about, "", *_contents(outline)]
    for tag, operations in outline.operations.items():
        lines += ["", f"## {tag.capitalize()}"]
        for one in operations:
            lines += ["", *_operation(one)]
    lines += ["", "## Objects"]
    for told in outline.objects:
        lines += ["", *_object(told)]
    return "\n".join(lines) + "\n"


def _contents(outline: Outline) -> Iterator[str]:
    for tag, operations in outline.operations.items():
        links = ", ".join(f"[{one.summary.lower()}](#{one.id})" for one in operations)
        yield f"- **{tag}**: {links}"


def _operation(one: Operation) -> Iterator[str]:
    yield f'### <a id="{one.id}"></a>{one.summary}'
    yield ""
    yield f"`{one.method} {one.path}`"
    yield ""
    yield one.about
    if one.fields:
        yield from ("", *_table(one.fields, places=True))
    yield ""
    yield from (_answer(answer) for answer in one.answers if answer.status not in _USUAL or _own(answer))


def _own(answer: Answer) -> bool:
    """Whether an error that is possible everywhere has an example that is this operation's own."""
    return answer.status == "422" and answer.codes != ("invalid-interval",)


def _answer(one: Answer) -> str:
    told = f"[{one.schema}](#{_anchor(one.schema)})" if one.schema and one.schema != "Problem" else ""
    forms = [media for media in one.media if not media.endswith("json")]
    codes = ", ".join(f"`{code}`" for code in one.codes)
    details = "; ".join(part for part in (told, f"also {', '.join(forms)}" if forms else "", codes) if part)
    return f"- **{one.status}** {one.about}{f' ({details})' if details else ''}"


def _object(one: Object) -> Iterator[str]:
    yield f'### <a id="{_anchor(one.name)}"></a>{one.name}'
    yield ""
    yield one.about
    yield ""
    yield from _table(one.fields, places=False)


def _table(fields: Sequence[Field], *, places: bool) -> Iterator[str]:
    head = ["name", *(["in"] if places else []), "type", "what it is"]
    yield f"| {' | '.join(head)} |"
    yield f"|{'|'.join('---' for _ in head)}|"
    for one in fields:
        name = f"`{one.name}`" + ("" if one.required or not places else " (optional)")
        cells = [name, *([one.place] if places else []), _linked(one.type), one.about]
        yield f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"


def _linked(told: str) -> str:
    """Return a type with links to objects, whose names begin with a capital."""
    return re.sub(r"(?<!`)\b([A-Z][A-Za-z]+)\b(?!`)", lambda found: f"[{found[1]}](#{_anchor(found[1])})", told)


def _anchor(name: str) -> str:
    """Return where an object is told of; operations have the anchors of their ids."""
    return f"object-{name.lower()}"
