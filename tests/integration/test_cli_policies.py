"""The policies of sources as the command shows and sets them."""

import json
from pathlib import Path
from typing import Any

import pytest

from barledger.barledger import open_barledger
from barledger.cli.app import run
from barledger.errors import SourceNotFound
from libraries import frame

REGISTERED = {"exchange", "files", "influx_table", "sample", "yahoo"}


class Cli:
    """Runs commands in this process, on a library of its own."""

    def __init__(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.library = folder / "library"
        self._capsys = capsys
        self.err = ""

    def __call__(self, *arguments: str, code: int = 0) -> str:
        self._capsys.readouterr()
        ended = run([*arguments, "--store", str(self.library)])
        out, self.err = self._capsys.readouterr()
        assert ended == code, f"{ended} instead of {code}: {out}{self.err}"
        return out

    def policies(self, *arguments: str) -> dict[str, Any]:
        return {one["source"]: one for one in json.loads(self("policy", *arguments, "--json"))}


@pytest.fixture
def cli(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Cli:
    monkeypatch.setenv("BARLEDGER_HOME", str(tmp_path / "home"))
    return Cli(tmp_path, capsys)


def test_the_policies_of_all_known_sources_are_shown_with_where_they_come_from(cli: Cli) -> None:
    with open_barledger(cli.library) as bl:
        bl.write("AAPL", "1d", frame([1, 2]), source="a desk")
    found = cli.policies()
    assert set(found) >= REGISTERED | {"a desk"}
    assert (found["yahoo"]["on_change"], found["yahoo"]["origin"]) == ("apply", "declared by the source")
    assert (found["a desk"]["on_change"], found["a desk"]["origin"]) == ("apply", "assumed, since it declares nothing")
    cli("policy", "yahoo", "--on-change", "propose")
    found = cli.policies()
    assert (found["yahoo"]["on_change"], found["yahoo"]["origin"]) == ("propose", "set")
    assert cli.policies("yahoo") == {"yahoo": found["yahoo"]}
    assert "where it comes from" in cli("policy")
    cli("policy", "yahoo", "--reset")
    assert cli.policies()["yahoo"]["origin"] == "declared by the source"


@pytest.mark.parametrize("asked", [("--on-change", "propose"), ("--reset",), ()])
def test_a_source_that_nobody_knows_has_no_policy(cli: Cli, asked: tuple[str, ...]) -> None:
    cli("policy", "yaho", *asked, code=3)
    assert "source-not-found" in cli.err
    assert "yahoo" in cli.err
    with open_barledger(cli.library) as bl:
        bl.write("AAPL", "1d", frame([1, 2]), source="a desk")
        with pytest.raises(SourceNotFound) as caught:
            bl.ingestion.set_policy("a disk", on_change="propose")
        assert {"a desk", "yahoo"} <= set(caught.value.known)
        assert bl.ingestion.policies() == {}


def test_a_name_under_which_there_are_series_may_have_a_policy(cli: Cli) -> None:
    with open_barledger(cli.library) as bl:
        bl.write("AAPL", "1d", frame([1, 2]), source="a desk")
    assert cli.policies("a desk", "--on-change", "propose")["a desk"]["origin"] == "set"
    assert cli.policies("files", "--most-bars", "3")["files"]["most_bars"] == 3
    assert cli.policies("kraken", "--most-bars", "4")["kraken"]["most_bars"] == 4
