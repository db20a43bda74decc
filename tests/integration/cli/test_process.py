"""Commands in processes of their own, and the demo."""

import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from commands import Cli
from libraries import frame
from vendors import take, written

# --- the process -----------------------------------------------------------------------------------


def spawned(*arguments: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    """Run the command in a process of its own."""
    code = "import sys; sys.argv[0] = 'barledger'; from barledger.cli import main; main()"
    return subprocess.run(
        [sys.executable, "-c", code, *arguments],
        env=os.environ | environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.usefixtures("home")
def test_the_version_is_told_without_the_libraries() -> None:
    code = (
        "import sys; sys.argv = ['barledger', '--version']; from barledger.cli import main; main();"
        "heavy = {'numpy', 'pandas', 'pyarrow', 'sqlalchemy', 'typer', 'rich', 'pydantic'} & set(sys.modules);"
        "sys.exit(str(heavy) if heavy else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert re.fullmatch(r"barledger \d+\.\d+\.\d+\n", done.stdout)


@pytest.mark.slow
def test_a_pipe_that_closes_is_no_error(cli: Cli, tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    take(cli, written(tmp_path / "a.csv", frame(range(20_000), 100 + rng.random())))
    code = (
        "import sys; from barledger.cli import main; sys.argv = ['barledger', 'bars', 'AAPL', '1d', '--json']; main()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as reader:
        assert reader.stdout is not None
        assert reader.stderr is not None
        assert reader.stdout.readline() == "{\n"
        reader.stdout.close()
        assert reader.stderr.read() == ""
        assert reader.wait(60) == 0


@pytest.mark.slow
def test_piped_tables_are_neither_folded_nor_coloured(cli: Cli, tmp_path: Path) -> None:
    take(cli, written(tmp_path / "a.csv", frame(range(3))))
    listed = spawned("series").stdout
    assert "\x1b" not in listed
    assert len({line for line in listed.splitlines() if "AAPL" in line}) == 1
    assert cli.json("series")[0]["revision"] in listed


@pytest.mark.parametrize(("no_color", "colours"), [("", True), ("1", False)])
def test_no_color_is_respected(
    cli: Cli,
    home: Path,
    monkeypatch: pytest.MonkeyPatch,
    no_color: str,
    colours: bool,  # noqa: FBT001 - a parameter
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm-256color")
    if no_color:
        monkeypatch.setenv("NO_COLOR", no_color)
    assert not home.exists()
    assert bool(re.search(r"\x1b\[[\d;]*3[0-7]m", cli("doctor"))) is colours


@pytest.mark.slow
@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_shells_complete_commands(shell: str, home: Path) -> None:
    assert not home.exists()
    done = spawned(
        _BARLEDGER_COMPLETE=f"complete_{shell}",
        COMP_WORDS="barledger snap",
        COMP_CWORD="1",
        _TYPER_COMPLETE_ARGS="barledger snap",
        _TYPER_COMPLETE_FISH_ACTION="get-args",
    )
    assert "snapshot" in done.stdout, done.stderr


# --- the demo --------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.usefixtures("place")
def test_the_demo_tells_its_story(cli: Cli) -> None:
    url = os.environ.get("BARLEDGER_URL")
    told = cli.json("demo", *(["--store", url] if url else []))
    assert told["tinkered"] == {"withdrawn": 20, "made_up": 5}
    assert told["restated"]["changed"] == 5_739
    assert told["verified"] is True
    assert told["flipped"]["ok"] is False
    assert len(told["flipped"]["damage"]) == 1
    states = {(one["instrument"], one["state"]): one for one in told["states"]}
    for ticker in ("AAPL", "FB", "GOOG", "IBM", "MSFT"):
        assert states[ticker, "snapshot"]["digest"] != states[ticker, "latest"]["digest"]
    assert states["FB", "just before"]["digest"] != states["FB", "snapshot"]["digest"]
    assert states["AAPL", "just before"]["digest"] == states["AAPL", "snapshot"]["digest"]
