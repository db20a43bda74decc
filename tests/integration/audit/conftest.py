"""A library with a signed log on each kind of ledger, and an anchor file."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from audits import signed_library
from barledger import BarLedger

LEDGERS = ["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)]


@pytest.fixture(params=LEDGERS)
def bl(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[BarLedger]:
    url = request.getfixturevalue("postgres_url") if request.param == "postgres" else None
    with signed_library(tmp_path / "library", url) as opened:
        yield opened


@pytest.fixture
def anchor(tmp_path: Path) -> Path:
    return tmp_path / "anchor"
