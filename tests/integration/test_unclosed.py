"""A script that ends without closing its library leaves no socket open, and no warning behind."""

import subprocess
import sys

import pytest

SCRIPT = """
import sys, barledger
bl = barledger.connect(sys.argv[1], ledger=sys.argv[2])
bl.write("A", "1d", [dict(time="2024-01-02", open=1, high=1, low=1, close=1, volume=1)], source="desk", reason="r")
print(len(bl.bars("A", "1d")))
"""


@pytest.mark.postgres
@pytest.mark.slow
def test_a_library_on_postgresql_that_nobody_closes_closes_its_sockets(
    postgres_url: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("library")
    command = [sys.executable, "-W", "always::ResourceWarning", "-c", SCRIPT, str(folder), postgres_url]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert (done.returncode, done.stdout) == (0, "1\n")
    assert "ResourceWarning" not in done.stderr
