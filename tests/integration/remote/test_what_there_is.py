"""What there is to ask a server for: its instruments, its series, and where these lack bars."""

from pathlib import Path

import pytest

from barledger import BarLedger, connect
from barledger.errors import GapsUnseen, InvalidSetting, NoBars, SeriesNotFound
from barledger.remote.library import RemoteBarLedger
from commands import Cli
from libraries import frame
from serving import Served


@pytest.fixture(autouse=True)
def _key(home: Path, served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BARLEDGER_KEY", served.key)
    monkeypatch.setenv("BARLEDGER_REMOTE_CACHE_DIR", str(home / "answers"))


def test_the_command_draws_what_a_server_has_as_it_draws_a_library_here(cli: Cli, served: Served) -> None:
    served.bl.write("FB", "1d", frame([*range(10), *range(20, 30)]), source="desk")
    drawn = cli("availability", "FB", "1d", "--end", "1970-01-31", "--store", served.url)
    assert drawn.splitlines()[1].strip("█#·.▓▒░+=:") == ""
    assert cli.json("availability", "FB", "1d", "--store", served.url)["found"] == 20


def test_availability_is_drawn_alike_here_and_there(bl: BarLedger, remote: RemoteBarLedger) -> None:
    bl.write("FB", "1d", frame([*range(10), *range(20, 30)]), source="desk")
    here, there = (one.availability for one in (bl, remote))
    found = here.check("FB", "1d")
    assert there.strip(there.check("FB", "1d"), cells=7) == here.strip(found, cells=7) != ()


def test_instruments_of_a_server_are_listed(bl: BarLedger, remote: RemoteBarLedger, cli: Cli, served: Served) -> None:
    bl.instruments.declare("IBM", kind="stock", calendar="XNYS", currency="USD", first_trade="1962-01-02")
    assert remote.instruments.list() == bl.instruments.list()
    assert [one.name for one in remote.instruments.list("A*")] == ["AAPL"]
    assert [one["instrument"] for one in cli.json("instruments", "list", "--store", served.url)] == ["AAPL", "IBM"]


def test_series_of_a_server_are_listed(bl: BarLedger, remote: RemoteBarLedger, cli: Cli, served: Served) -> None:
    bl.write("AAPL", "1w", frame(range(4, 60, 7)), source="desk")
    bl.write("BTC/USDT", "1d", frame(range(5)), source="venue")

    def told(one: BarLedger) -> list[tuple[object, ...]]:
        return [(state.series, state.rows, state.revision, state.digest) for state in one.cache.series()]

    assert told(remote) == told(bl)
    assert [str(one.series) for one in remote.cache.series(instrument="AAPL", timeframe="1w")] == ["AAPL 1w from desk"]
    assert remote.cache.series(instrument="ZZZZ") == []
    assert [one["bars"] for one in cli.json("series", "BTC/USDT", "--store", served.url)] == [5]
    assert len(cli.json("series", "--store", served.url)) == 4


def test_versions_of_a_server_are_those_of_the_library(bl: BarLedger, remote: RemoteBarLedger) -> None:
    bl.write("AAPL", "1d", frame(range(3), 500.0), source="desk", reason="a correction")
    bl.snapshot(["AAPL"], "1d", purpose="research")
    (there,), (here,) = remote.cache.versions("AAPL", "1d"), bl.cache.versions("AAPL", "1d")
    assert there.revisions == here.revisions
    assert len(there.revisions) == 2


def test_an_empty_key_is_none_of_this_machines(served: Served) -> None:
    with pytest.raises(InvalidSetting, match="it is empty"):
        connect(served.url, key="")


def test_indicators_of_a_source_that_nobody_has_are_warned_of(remote: RemoteBarLedger) -> None:
    with pytest.warns(NoBars, match="no bars of AAPL 1d from nope"):
        assert not len(remote.indicators.calculate("sma(5)", "AAPL", "1d", source="nope"))


def test_gaps_that_cannot_be_refused_are_warned_of(bl: BarLedger, remote: RemoteBarLedger) -> None:
    for asked in ("AAPL", remote.bars("AAPL", "1d")):
        timeframe = "1d" if isinstance(asked, str) else None
        with pytest.warns(GapsUnseen, match="neighbours"):
            found = remote.indicators.calculate("sma(5)", asked, timeframe, nan_policy="raise")
        assert found.provenance["gaps"]["calendar"] is None
    bl.instruments.declare("AAPL", calendar="24/7")
    told = remote.indicators.calculate("sma(5)", "AAPL", "1d", nan_policy="raise").provenance["gaps"]
    assert told == {"calendar": "24/7", "count": 0, "before": []}


def test_availability_of_a_source_that_nobody_has_names_it(remote: RemoteBarLedger) -> None:
    with pytest.raises(SeriesNotFound, match="of AAPL 1d from nope"):
        remote.availability.check("AAPL", "1d", source="nope")
