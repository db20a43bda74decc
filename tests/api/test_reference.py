"""The reference of the API: the page that a browser shows, and docs/api.md."""

import base64
import hashlib
import html
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from asgi import AppClient
from barledger import BarLedger
from barledger.api.app import build, routed
from barledger.api.options import Options
from barledger.api.reference.__main__ import main
from barledger.api.reference.outline import Outline, type_of

PAGE = Path(__file__).parents[2] / "docs" / "api.md"


@pytest.fixture(scope="module")
def outline() -> Outline:
    return Outline.of(routed().openapi())


class Read(HTMLParser):
    """What a page asks for, and what it has by id."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[str] = []
        self.tags: set[str] = set()
        self.ids: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.asked += [value or "" for name, value in attrs if name in ("href", "src")]
        self.ids += [value or "" for name, value in attrs if name == "id"]


def test_the_page_has_every_operation_and_asks_nobody_else(bl: BarLedger, outline: Outline) -> None:
    client = AppClient(build(bl, Options(hosts=("localhost",), open_docs=True)))
    answer = client.get("/docs")
    read = Read()
    read.feed(answer.text)
    assert not {"script", "link", "img", "iframe"} & read.tags
    assert not [one for one in read.asked if not one.startswith(("#", "/openapi.json"))]
    assert not [one for one in read.asked if one.startswith("#") and one[1:] not in read.ids]
    assert {one.id for several in outline.operations.values() for one in several} <= set(read.ids)
    assert len(read.ids) == len(set(read.ids))


def test_the_page_shows_what_is_sent_and_answered(bl: BarLedger) -> None:
    page = html.unescape(AppClient(build(bl, Options(hosts=("localhost",), open_docs=True))).get("/docs").text)
    assert """-d '{"reason": "case 7"}' "$SERVER/api/v1/snapshots/{snapshot}/hold\"""" in page
    assert '"instrument": "AAPL",\n    "timeframe": "1d",\n    "version": "latest"' in page


def test_the_page_may_do_nothing_but_be_shown(bl: BarLedger) -> None:
    client = AppClient(build(bl, Options(hosts=("localhost",), open_docs=True)))
    answer = client.get("/docs")
    policy = answer.headers["content-security-policy"]
    assert policy.startswith("default-src 'none'")
    assert "unsafe" not in policy
    (style,) = re.findall(r"<style>(.*?)</style>", answer.text, re.DOTALL)
    assert f"'sha256-{base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()}'" in policy


def test_the_reference_in_the_docs_is_that_of_the_code(outline: Outline) -> None:
    assert main(["--check", str(PAGE)]) == 0
    text = PAGE.read_text(encoding="utf-8")
    anchors = re.findall(r'<a id="([^"]+)">', text)
    assert len(anchors) == len(set(anchors)) == sum(map(len, outline.operations.values())) + len(outline.objects)
    assert set(re.findall(r"\]\(#([^)]+)\)", text)) <= set(anchors)


def test_a_reference_that_is_behind_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    page = tmp_path / "api.md"
    page.write_text("old", encoding="utf-8")
    assert main(["--check", str(page)]) == 1
    assert "make docs" in capsys.readouterr().err
    assert main([str(page)]) == 0
    assert main(["--check", str(page)]) == 0
    assert main([]) == 2


@pytest.mark.parametrize(
    ("schema", "told"),
    [
        ({"type": "string"}, "string"),
        (
            {"anyOf": [{"type": "integer", "minimum": 1, "maximum": 65536}, {"type": "null"}]},
            "integer from 1 to 65,536 or null",
        ),
        ({"type": "array", "items": {"$ref": "#/components/schemas/Pin"}}, "list of Pin"),
        ({"type": "object", "additionalProperties": {"type": "number"}}, "object of number"),
        ({"enum": ["a", "b"]}, "`a`, `b`"),
        ({"const": "ok"}, "`ok`"),
        ({}, "any"),
    ],
)
def test_a_type_is_told_in_a_few_words(schema: dict[str, object], told: str) -> None:
    assert type_of(schema) == told


def test_no_value_of_the_reference_may_be_anything(outline: Outline) -> None:
    for told in outline.objects:
        for one in told.fields:
            assert "any" not in one.type.split(), (told.name, one.name)
            assert one.type != "object", (told.name, one.name)
