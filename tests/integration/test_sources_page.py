"""The how-to in docs/sources.md: its source in 40 lines is run, with the suite that proves it."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from barledger.sources.files.mappers import MAPPERS
from barledger.sources.listing import list_sources

PAGE = Path(__file__).parents[2] / "docs" / "sources.md"
BLOCK = re.compile(r"```python\n# (\w+\.py)\n(.*?)```", re.DOTALL)


def blocks() -> dict[str, str]:
    return dict(BLOCK.findall(PAGE.read_text()))


def prove(folder: Path, **changed: str) -> "subprocess.CompletedProcess[str]":
    for name, text in (blocks() | {f"{name}.py": text for name, text in changed.items()}).items():
        (folder / name).write_text(text)
    options = ["-q", "-p", "no:cacheprovider", "-p", "no:xdist", "-W", "error", "--rootdir", str(folder)]
    command = [sys.executable, "-m", "pytest", *options, "test_desk.py"]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


def test_the_page_has_a_source_in_40_lines_and_its_test() -> None:
    assert set(blocks()) == {"desk.py", "test_desk.py"}
    assert len(blocks()["desk.py"].strip().splitlines()) <= 40


@pytest.mark.slow
def test_the_source_of_the_page_passes_the_suite_of_all_sources(tmp_path: Path) -> None:
    done = prove(tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    passed = re.search(r"(\d+) passed", done.stdout)
    assert passed is not None
    assert int(passed[1]) >= 25


@pytest.mark.slow
@pytest.mark.parametrize(
    ("promise", "broken"),
    [
        ("checked.rows.within(request.interval)", "checked.rows"),
        ("        self.check(request)\n", ""),
        (' ORDER BY day"', '"'),
        ("if bars.empty:", "if False:"),
        ('name="desk"', 'name=""'),
    ],
    ids=["interval", "timeframe", "order", "unknown", "name"],
)
def test_the_suite_fails_a_source_that_breaks_a_promise(tmp_path: Path, promise: str, broken: str) -> None:
    text = blocks()["desk.py"]
    assert promise in text
    changed = text.replace(promise, broken)
    tests = blocks()["test_desk.py"].replace("range(1, 29)", "range(28, 0, -1)")
    done = prove(tmp_path, desk=changed, test_desk=tests)
    assert done.returncode == 1, done.stdout + done.stderr


def test_the_page_names_every_source_and_mapper() -> None:
    page = PAGE.read_text()
    assert all(f"`{one.name}`" in page for one in list_sources())
    assert all(f"`{mapper.name}`" in page for mapper in MAPPERS)
    for one in list_sources():
        if one.name in {"yahoo", "influx_table"}:
            assert all(f"`{option.name}`" in page for option in one.options), one.name
