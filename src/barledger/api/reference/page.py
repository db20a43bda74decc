"""The reference as a page: all of it in one document, without a script and without anything from elsewhere."""

import base64
import hashlib
import re
from collections.abc import Iterator, Sequence
from html import escape
from shlex import quote
from typing import Final

from barledger.api.reference.outline import Answer, Field, Object, Operation, Outline

_STYLE: Final = """
:root { color-scheme: light dark; font: 15px/1.5 system-ui, sans-serif; }
body { margin: 0 auto; max-width: 68rem; padding: 1rem 1.5rem 6rem; }
nav ul { columns: 18rem; padding-left: 1.2rem; }
code, pre { font-family: ui-monospace, monospace; font-size: 0.9em; }
pre { overflow-x: auto; padding: 0.6rem 0.8rem; border: 1px solid #8884; border-radius: 4px; }
table { border-collapse: collapse; width: 100%; margin: 0.5rem 0; }
th, td { text-align: left; vertical-align: top; padding: 0.25rem 0.6rem; border-top: 1px solid #8884; }
details { border: 1px solid #8884; border-radius: 4px; padding: 0.4rem 0.8rem; margin: 0.4rem 0; }
summary { cursor: pointer; }
.method { display: inline-block; min-width: 4.5rem; font-weight: 600; }
.about { opacity: 0.8; }
"""
POLICY: Final = (
    "default-src 'none'; "
    f"style-src 'sha256-{base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()}'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
"""What the page may do: show itself."""


def page(outline: Outline) -> str:
    """Return the page."""
    parts = [
        "<!doctype html>",
        '<html lang="en"><head><meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f"<title>{escape(outline.title)} API</title>",
        f"<style>{_STYLE}</style></head><body>",
        f"<h1>{escape(outline.title)} {escape(outline.version)}</h1>",
        *(f"<p>{_prose(text)}</p>" for text in outline.about.split("\n\n")),
        '<p>The same for programs: <a href="/openapi.json">/openapi.json</a>.</p>',
        "<nav><ul>",
        *(f'<li><a href="#tag-{_anchor(tag)}">{escape(tag)}</a></li>' for tag in outline.operations),
        '<li><a href="#objects">objects</a></li></ul></nav>',
    ]
    for tag, operations in outline.operations.items():
        parts.append(f'<h2 id="tag-{_anchor(tag)}">{escape(tag.capitalize())}</h2>')
        parts += [text for one in operations for text in _operation(one)]
    parts.append('<h2 id="objects">Objects</h2>')
    parts += [text for one in outline.objects for text in _object(one)]
    return "\n".join([*parts, "</body></html>", ""])


def _operation(one: Operation) -> Iterator[str]:
    yield f'<details id="{escape(one.id)}"><summary><span class="method">{one.method}</span> '
    yield f'<code>{escape(one.path)}</code> <span class="about">{escape(one.summary)}</span></summary>'
    yield f"<p>{_prose(one.about)}</p>"
    yield f"<pre>{escape(_command(one))}</pre>"
    if one.fields:
        yield from _table(one.fields, places=True)
    yield "<ul>"
    yield from (f"<li>{_answer(answer)}</li>" for answer in one.answers)
    yield "</ul></details>"


def _command(one: Operation) -> str:
    """Return how it is asked for by curl."""
    method = "" if one.method == "GET" else f"-X {one.method} "
    body = f"-H 'Content-Type: application/json' -d {quote(one.body)} " if one.body else ""
    return f'curl {method}-H "Authorization: Bearer $KEY" {body}"$SERVER{one.path}"'


def _answer(one: Answer) -> str:
    schema = f" {_link(one.schema)}" if one.schema else ""
    codes = ", ".join(f"<code>{escape(code)}</code>" for code in one.codes)
    shown = f"<details><summary>example</summary><pre>{escape(one.example)}</pre></details>" if one.example else ""
    return f"<b>{escape(one.status)}</b> {_prose(one.about)}{schema}{f' {codes}' if codes else ''}{shown}"


def _object(one: Object) -> Iterator[str]:
    yield f'<details id="object-{escape(one.name)}"><summary>{escape(one.name)}</summary><p>{_prose(one.about)}</p>'
    yield from _table(one.fields, places=False)
    yield "</details>"


def _table(fields: Sequence[Field], *, places: bool) -> Iterator[str]:
    where = "<th>in</th>" if places else ""
    yield f"<table><tr><th>name</th>{where}<th>type</th><th>what it is</th></tr>"
    for one in fields:
        optional = "" if one.required or not places else " (optional)"
        cell = f"<td>{escape(one.place)}</td>" if places else ""
        yield f"<tr><td><code>{escape(one.name)}</code>{optional}</td>{cell}<td>{_typed(one.type)}</td>"
        yield f"<td>{_prose(one.about)}</td></tr>"
    yield "</table>"


def _typed(told: str) -> str:
    return re.sub(r"(?<!<code>)\b([A-Z][A-Za-z]+)\b(?!</code>)", lambda found: _link(found[1]), _prose(told))


def _link(name: str) -> str:
    return f'<a href="#object-{escape(name)}">{escape(name)}</a>'


def _prose(text: str) -> str:
    """Return a text with what stands between backticks as code."""
    return re.sub(r"``?([^`]+)``?", r"<code>\1</code>", escape(text, quote=False))


def _anchor(tag: str) -> str:
    return escape(tag.replace(" ", "-"))
