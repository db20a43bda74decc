"""The page docs/retrieval.md is one session: its code is run from top to bottom, and its outputs are compared."""

import ast
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest

import barledger
from commands import Cli

PAGE: Final = Path(__file__).parents[2] / "docs" / "retrieval.md"
_BLOCK: Final = re.compile(r"```(python|text|console)\n(.*?)```", re.DOTALL)
# Whatever is new in each library, and what the page leaves out.
_NEW: Final = re.compile(r"snap-[0-9a-f]{12}|\b[0-9]{19}\b|\b[0-9]{4}-\d\d-\d\d \d\d:\d\d:\d\d\.[0-9+:]+| +")


def blocks() -> list[tuple[str, str]]:
    return _BLOCK.findall(PAGE.read_text())


def alike(told: str, found: object) -> bool:
    """Whether an output is that of the page, where an ellipsis stands for anything."""
    pattern = ".*".join(re.escape(_bare(part)) for part in told.strip().split("…"))
    return re.fullmatch(pattern, _bare(str(found).strip()), re.DOTALL) is not None


def _bare(text: str) -> str:
    lines = (_NEW.sub(lambda new: " " if new[0].isspace() else "#", line).strip() for line in text.splitlines())
    return "\n".join(lines)


def steps(code: str) -> Iterator[tuple[ast.stmt, str]]:
    """Give each statement with the output that the page has in the comment beside it, or below."""
    lines = code.splitlines()
    for statement in ast.parse(code).body:
        assert statement.end_lineno is not None
        _, _, beside = lines[statement.end_lineno - 1].partition("  # ")
        below = lines[statement.end_lineno] if len(lines) > statement.end_lineno else ""
        yield statement, below.removeprefix("# ") if below.startswith("# ") else beside


@pytest.fixture
def session(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    assert not home.exists()
    monkeypatch.chdir(tmp_path)
    return {"barledger": barledger}


def run(code: str, session: dict[str, Any]) -> object:
    """Run a block, compare the outputs that are beside its lines, and return what its last line gives."""
    last: object = None
    for statement, told in steps(code):
        if not isinstance(statement, ast.Expr):
            exec(compile(ast.Module([statement], []), str(PAGE), "exec"), session)  # noqa: S102 - the page is ours
            continue
        printed = re.sub(r"^print\((.*)\)$", r"\1", ast.unparse(statement), flags=re.DOTALL)
        last = eval(printed, session)  # noqa: S307 - as above
        if told.startswith(("<", "{")):
            assert alike(told, repr(last)), f"{told} is in truth {last!r}"
    return last


def shell(cli: Cli, block: str) -> None:
    for command, told in re.findall(r"^\$ (.*)\n((?:[^$].*\n)*)", block, re.MULTILINE):
        words = shlex.split(command)
        if words[0] == "barledger":
            found = cli(*words[1:])
        else:
            assert words[:2] == ["head", "-2"]
            found = "".join(Path(words[2]).read_text().splitlines(keepends=True)[:2])
        assert alike(told, found), f"{command} gives in truth:\n{found}"


def test_the_outputs_of_the_page_are_real(session: dict[str, Any], capsys: pytest.CaptureFixture[str]) -> None:
    last: object = None
    compared = 0
    for language, text in blocks():
        if language == "python":
            last = run(text, session)
        elif language == "text":
            assert alike(text, last), f"in truth:\n{last}"
            compared += 1
        else:
            session["bl"].close()
            shell(Cli(capsys), text)
            compared += 1
    assert compared == 5


@pytest.mark.parametrize("other", ["904 bars, digest d1…, 3", "905 bars, digest d12…", "904  bars, digest"])
def test_the_comparison_tells_outputs_apart(other: str) -> None:
    assert alike("904 bars, digest d1…", "904 bars,  digest d1208")
    assert not alike(other, "904 bars,  digest d1208")


def test_every_digest_of_the_page_is_compared() -> None:
    assert len(re.findall(r"digest [0-9a-f]{16}", PAGE.read_text())) == 2
