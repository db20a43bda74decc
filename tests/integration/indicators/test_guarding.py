"""Scripts that ask for other processes: those that would start themselves again are told so, once and clearly."""

import subprocess
import sys
from pathlib import Path

import pytest

HEAD = """
import numpy as np, pandas as pd
import barledger

def compute():
    close = 100 + np.sin(np.arange(300))
    times = pd.date_range("2020-01-01", periods=300, tz="UTC")
    frame = pd.DataFrame({"open": close, "high": close, "low": close, "close": close, "volume": 1.0}, index=times)
    with barledger.connect("memory:") as bl:
        bl.write("A", "1d", frame, source="x")
        print("rows", bl.indicators.batch(["A"], "1d", "rsi(14)", processes=2).rows)
"""
CALLS = {
    "bare": "compute()\n",
    "in a block": "for _ in range(1):\n    compute()\n",
    "in a helper's frame": "import functools\nfunctools.partial(compute)()\n",
}


def run(*arguments: str | Path, folder: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, *map(str, arguments)]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=120, check=False)


@pytest.mark.slow
@pytest.mark.parametrize("call", CALLS)
def test_a_script_without_a_guard_is_told_once_what_to_do(tmp_path: Path, call: str) -> None:
    script = tmp_path / "desk.py"
    script.write_text(HEAD + CALLS[call])
    done = run(script, folder=tmp_path)
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr.count("Traceback") == 1
    assert "processes: each would import desk.py, and ask for processes again at its line" in done.stderr
    assert "Put what the script does under `if __name__ == '__main__':`" in done.stderr
    assert "freeze_support" not in done.stderr


@pytest.mark.slow
@pytest.mark.parametrize(
    "tail", ["if __name__ == '__main__':\n    compute()\n", "if '__main__' == __name__: compute()\n"]
)
def test_a_script_with_a_guard_runs(tmp_path: Path, tail: str) -> None:
    script = tmp_path / "desk.py"
    script.write_text(HEAD + tail)
    done = run(script, folder=tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (0, "rows 300\n", "")


@pytest.mark.slow
def test_what_has_no_file_needs_no_guard(tmp_path: Path) -> None:
    done = run("-c", HEAD + "compute()", folder=tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (0, "rows 300\n", "")


@pytest.mark.slow
def test_a_package_that_is_run_needs_no_guard(tmp_path: Path) -> None:
    (tmp_path / "desk").mkdir()
    (tmp_path / "desk" / "__init__.py").touch()
    (tmp_path / "desk" / "__main__.py").write_text(HEAD + "compute()\n")
    done = run("-m", "desk", folder=tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (0, "rows 300\n", "")


@pytest.mark.slow
def test_a_module_that_is_run_by_its_name_is_told_too(tmp_path: Path) -> None:
    (tmp_path / "desk.py").write_text(HEAD + "compute()\n")
    done = run("-m", "desk", folder=tmp_path)
    assert done.returncode == 1
    assert done.stderr.count("Traceback") == 1
    assert "each would import desk.py" in done.stderr
