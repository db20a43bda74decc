"""The page docs/indicators.md: its session is run from top to bottom, and its list is that of the registry."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest

import barledger
from barledger.indicators.catalogue import BEGIN, END, built_in, main, markdown, written
from commands import Cli
from own_indicators import defined

PAGE: Final = Path(__file__).parents[3] / "docs" / "indicators.md"
_BLOCK: Final = re.compile(r"```(python|text|console)\n(.*?)```", re.DOTALL)


def alike(told: str, found: str) -> bool:
    """Whether an output is that of the page, where an ellipsis stands for anything, and spaces do not count."""
    pattern = ".*".join(re.escape(_bare(part)) for part in told.split("…"))
    return re.fullmatch(pattern, _bare(found), re.DOTALL) is not None


def _bare(text: str) -> str:
    return "\n".join(" ".join(line.split()) for line in text.strip().splitlines())


def statements(code: str) -> Iterator[tuple[ast.stmt, str]]:
    """Give each statement with the output that stands beside it."""
    lines = code.splitlines()
    for statement in ast.parse(code).body:
        assert statement.end_lineno is not None
        yield statement, lines[statement.end_lineno - 1].partition("  # ")[2]


def run(code: str, session: dict[str, Any]) -> object:
    last: object = None
    for statement, told in statements(code):
        if not isinstance(statement, ast.Expr):
            exec(compile(ast.Module([statement], []), str(PAGE), "exec"), session)  # noqa: S102 - the page is ours
            continue
        last = eval(ast.unparse(statement), session)  # noqa: S307 - as above
        if told:
            assert alike(told.strip(), repr(last)), f"{told} is in truth {last!r}"
    return last


@pytest.fixture
def definitions() -> Iterator[None]:
    with defined():
        yield


@pytest.mark.usefixtures("definitions")
def test_the_outputs_of_the_page_are_real(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert not home.exists()
    session: dict[str, Any] = {"barledger": barledger}
    last: object = None
    for language, text in _BLOCK.findall(PAGE.read_text().partition(BEGIN)[0]):
        if language == "python":
            last = run(text, session)
        elif language == "text":
            assert alike(text, str(last)), f"in truth:\n{last}"
        else:
            session["bl"].close()
            cli = Cli(capsys)
            for command, told in re.findall(r"^\$ barledger (.*)\n((?:[^$].*\n)*)", text, re.MULTILINE):
                words = re.findall(r'"([^"]*)"|(\S+)', command)
                found = cli(*("".join(word) for word in words))
                assert alike(told, found), f"{command} gives in truth:\n{found}"


def test_the_page_lists_every_indicator() -> None:
    page = PAGE.read_text()
    assert written(page, markdown(built_in())) == page, "run make docs"
    part = page.partition(BEGIN)[2].partition(END)[0]
    for one in built_in():
        assert f"\n#### {one.name}\n" in part


def test_a_stale_page_is_told_and_mended(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    page = tmp_path / "page.md"
    page.write_text(f"# Before\n\n{BEGIN}\nold\n{END}\n\nAfter\n")
    assert main(["--check", str(page)]) == 1
    assert "run make docs" in capsys.readouterr().err
    assert "old" in page.read_text()
    assert main([str(page)]) == 0
    assert main(["--check", str(page)]) == 0
    text = page.read_text()
    assert text.startswith("# Before\n\n")
    assert text.endswith("\n\nAfter\n")
    assert "#### rsi\n" in text
    with pytest.raises(ValueError, match="no lines"):
        written("# Nothing\n", "part")
