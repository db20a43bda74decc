"""A bucket that something else filled, in the same layout, is taken over."""

import json
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest

from barledger.cli.app import run
from barledger.domain.series import Series
from barledger.domain.timeframe import DAY
from barledger.errors import LedgerMismatch
from barledger.stores.contract import unguarded
from conftest import INFLUX_SERVERS, influx_server_called
from libraries import LEASE, closes, expected, frame, killed_at, library, same_bars
from places import Place
from servers import InfluxServer

pytestmark = [pytest.mark.influx, pytest.mark.filterwarnings("ignore::barledger.errors.Mismatch")]


OWN = {"instrument": "AAPL", "timeframe": "1d", "source": "script", "version": "latest", "is_adjusted": "false"}


def point(
    day: int, close: float, *, high: float | None = None, fields: str = "", without: str = "", **tags: str
) -> str:
    """One bar as `frame` makes it, in line protocol, written by hand; ``tags`` differ from barledger's own."""
    chosen = {name: value for name, value in (OWN | tags).items() if name not in without.split()}
    key = ",".join(["market_data", *(f"{name}={value}" for name, value in chosen.items())])
    top = close + 1 if high is None else high
    return f"{key} open={close},high={top},low={close - 1},close={close},volume=1000{fields} {day * DAY}\n"


def points(days: Iterable[int], value: float = 100.0, **how: Any) -> str:
    """Bars as `frame` makes them."""
    return "".join(point(day, value + day / 100, **how) for day in days)


@pytest.fixture(params=INFLUX_SERVERS)
def server(request: pytest.FixtureRequest) -> InfluxServer:
    return influx_server_called(request.param, request)


Fill = Callable[[str], Place]


@pytest.fixture
def filled(server: InfluxServer, tmp_path: Path) -> Iterator[Fill]:
    """Give a function that puts lines into a new bucket, or into the same one again."""
    with server.bucket() as bucket:
        server.store(bucket).close()

        def fill(lines: str) -> Place:
            server.connection().post_lines(bucket, lines.encode(), unguarded)
            url = f"sqlite:///{tmp_path / 'ledger.sqlite'}"
            return Place(open_store=lambda: server.store(bucket), ledger=url, folder=tmp_path)

        yield fill


@pytest.fixture
def place(filled: Fill) -> Place:
    return filled(
        points(range(50))
        + points(range(5), 200, version="v1")
        + point(60, 90.0, high=50.0)
        + point(3, 100.03, instrument="BTC/USDT")
        + f"weather,place=here temperature=21 {DAY}\n"
    )


def shown(place: Place, server: InfluxServer) -> dict[tuple[str, ...], list[int]]:
    """Return the days of all points with a close, by their tags as any tool would see them; absent ones are empty."""
    with place.opened() as bl:
        bucket = bl.vault.store.describe().facts["bucket"]
    query = "SELECT close FROM market_data GROUP BY *"
    found = server.connection().execute(query, database=bucket)[0].get("series", [])
    return {
        tuple(one.get("tags", {}).get(name, "") for name in OWN): [values[0] // DAY for values in one["values"]]
        for one in found
    }


def lying(**tags: str) -> tuple[str, ...]:
    """Return what `shown` has as a key."""
    return tuple((OWN | tags).values())


def test_bars_of_something_else_are_not_ours_until_they_are_taken_over(place: Place) -> None:
    with place.opened() as bl:
        assert "import-bucket" in bl.vault.mismatch
        with pytest.raises(LedgerMismatch):
            bl.write("AAPL", "1d", frame([1]), source="desk")


def test_taken_over_bars_have_revision_edition_and_digest(place: Place) -> None:
    with place.opened() as bl:
        done = {(one.series.instrument, one.layer): one for one in bl.import_bucket() if one.series}
        assert (done["AAPL", "latest"].rows, done["AAPL", "latest"].quarantined) == (50, 1)
        assert done["AAPL", "v1"].rows == 5
        assert (done["BTCUSDT", "latest"].rows, done["BTCUSDT", "latest"].removed) == (1, 1)
        assert done["BTCUSDT", "latest"].tags["instrument"] == "BTC/USDT"
    with place.opened() as bl:
        assert not bl.vault.mismatch
        same_bars(closes(bl.bars("AAPL", "1d")), expected(range(50)))
        same_bars(closes(bl.bars("AAPL", "1d", version="v1", source="script")), expected(range(5), 200))
        same_bars(closes(bl.bars("BTC/USDT", "1d")), expected([3]))
        assert [bar.code for bar in bl.ingestion.quarantine()] == ["high-below-low"]
        snap = bl.snapshot("AAPL", "1d")
        assert bl.write("AAPL", "1d", frame(range(3), 300), source="script").changed == 3
        same_bars(closes(bl.bars("AAPL", "1d", version=snap.id)), expected(range(50)))
        assert bl.verify(snap.id).ok


def test_taking_over_again_takes_only_what_was_added(place: Place) -> None:
    with place.opened() as bl:
        bl.import_bucket()
        again = bl.import_bucket()
        assert all(one.rows == 0 or one.left for one in again)
        before = bl.vault.ledger.revisions.last()
        bl.import_bucket()
        assert bl.bars("AAPL", "1d").revision < before


def test_points_of_other_measurements_stay(place: Place, server: InfluxServer) -> None:
    with place.opened() as bl:
        bl.import_bucket()
        bucket = bl.vault.store.describe().facts["bucket"]
    found = server.connection().execute("SELECT temperature FROM weather WHERE time < 2d", database=bucket)
    assert (
        found[0]["series"][0]["values"] == [["1970-01-02T00:00:00Z", 21]] or found[0]["series"][0]["values"][0][1] == 21
    )


def test_a_bucket_of_another_ledger_is_not_taken(place: Place) -> None:
    with place.opened() as bl:
        bl.import_bucket()
    other = library(place.open_store(), f"sqlite:///{place.folder / 'another.sqlite'}")
    with pytest.raises(LedgerMismatch):
        other.import_bucket()
    other.close()


# --- tags that are spelled otherwise ---------------------------------------------------------------

SPELLINGS: dict[str, tuple[dict[str, Any], bool]] = {
    "False": ({"is_adjusted": "False"}, False),
    "FALSE": ({"is_adjusted": "FALSE"}, False),
    "True": ({"is_adjusted": "True"}, True),
    "TRUE": ({"is_adjusted": "TRUE"}, True),
    "no-is_adjusted": ({"without": "is_adjusted"}, False),
    "no-version": ({"without": "version"}, False),
    "neither": ({"without": "version is_adjusted"}, False),
    "pair": ({"instrument": "AA/PLX"}, False),
}


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_bars_with_tags_spelled_otherwise_are_moved(filled: Fill, server: InfluxServer, spelling: str) -> None:
    how, adjusted = SPELLINGS[spelling]
    place = filled(points(range(50), **how))
    instrument = how.get("instrument", "AAPL").replace("/", "")
    with place.opened() as bl:
        (done,) = bl.import_bucket()
        assert (done.rows, done.removed, done.quarantined, done.left) == (50, 50, 0, "")
        assert str(done.series) == f"{instrument} 1d from script{' (adjusted)' if adjusted else ''}"
        same_bars(closes(bl.bars(instrument, "1d", is_adjusted=adjusted)), expected(range(50)))
        assert bl.import_bucket() == []
    own = lying(instrument=instrument, is_adjusted=str(adjusted).lower())
    assert shown(place, server) == {own: list(range(50))}


def test_only_the_points_of_the_old_tags_go(filled: Fill, server: InfluxServer) -> None:
    place = filled(
        points(range(10))
        + points(range(5, 15), without="is_adjusted")
        + points(range(10, 20), is_adjusted="False")
        + points(range(20), exchange="N")
        + points(range(20), without="source")
        + points(range(3), 200, version="v1", is_adjusted="False")
    )
    with place.opened() as bl:
        done = bl.import_bucket()
        assert sum(one.rows for one in done) == 20 + 3
    with place.opened() as bl:
        same_bars(closes(bl.bars("AAPL", "1d")), expected(range(20)))
        same_bars(closes(bl.bars("AAPL", "1d", version="v1", source="script")), expected(range(3), 200))
        assert bl.verify(bl.snapshot("AAPL", "1d").id).ok
    with place.opened() as bl:
        bucket = bl.vault.store.describe().facts["bucket"]
    counted = server.connection().execute("SELECT count(close) FROM market_data GROUP BY *", database=bucket)
    lie = {tuple(sorted(filter(None, one["tags"].values()))): one["values"][0][1] for one in counted[0]["series"]}
    own = ["1d", "AAPL", "false", "latest", "script"]
    assert lie == {
        tuple(own): 20,
        tuple(sorted([*own, "N"])): 20,
        ("1d", "AAPL", "false", "latest"): 20,
        ("1d", "AAPL", "false", "script", "v1"): 3,
    }


def test_a_bar_that_is_held_is_never_changed(filled: Fill, server: InfluxServer) -> None:
    place = filled(points(range(10)))
    with place.opened() as bl:
        bl.import_bucket()
    with place.opened() as bl:
        bl.write("AAPL", "1d", frame([3], 300), source="script")
        bl.cache.withdraw(Series.of("AAPL", "1d", "script"), ["1970-01-05"], reason="no such session")
        filled(points(range(12), is_adjusted="False"))
        (done,) = bl.import_bucket()
        assert (done.rows, done.removed, done.left) == (2, 10, "2 points differ from the bars that are held")
        kept = expected(range(12)) | expected([3], 300)
        del kept[4]
        same_bars(closes(bl.bars("AAPL", "1d")), kept)
        (again,) = bl.import_bucket()
        assert (again.rows, again.removed, again.left) == (0, 0, done.left)
    assert shown(place, server)[lying(is_adjusted="False")] == [3, 4]


# --- what stays ------------------------------------------------------------------------------------

LEFT: dict[str, tuple[str, str]] = {
    "no-instrument": (points([1], without="instrument"), "no tag instrument"),
    "no-source": (points([1], without="source"), "no tag source"),
    "no-timeframe": (points([1], without="timeframe"), "no tag timeframe"),
    "nothing": (points([1], without=" ".join(OWN)), "no tag instrument and no tag timeframe and no tag source"),
    "timeframe": (points([1], timeframe="7h"), "'7h'"),
    "is_adjusted": (points([1], is_adjusted="maybe"), "'maybe', neither true nor false"),
    "further-tag": (points([1], exchange="N"), "exchange"),
    "version": (points([1], version="edition_7"), "'edition_7'"),
    "version-of-moved": (points([1], version="first", is_adjusted="False"), "'first'"),
    "further-field": (points([1], is_adjusted="False", fields=",vwap=1"), "vwap"),
    "field-called-as-a-tag": (points([1], without="is_adjusted", fields=",is_adjusted=true"), "is_adjusted is also"),
    "no-values": (f"{points([1]).partition(' ')[0]} vwap=1 {DAY}\n", "1 point has no value of a bar"),
    "integers": (points([1]).replace("volume=1000", "volume=1000i"), "volume is of type integer"),
}


@pytest.mark.parametrize("what", LEFT)
def test_what_cannot_be_taken_over_stays_and_is_listed(
    filled: Fill, server: InfluxServer, what: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    lines, why = LEFT[what]
    place = filled(lines)
    before = shown(place, server)
    with place.opened() as bl:
        (done,) = bl.import_bucket()
        assert (done.rows, done.removed, done.quarantined) == (0, 0, 0)
        assert why in done.left
        bucket = bl.vault.store.describe().facts["bucket"]
    monkeypatch.setenv("BARLEDGER_TOKEN", server.token)
    monkeypatch.setenv("BARLEDGER_ORG", server.org)
    where = ["--store", f"influxdb+{server.url}/{bucket}", "--ledger", place.ledger]
    capsys.readouterr()
    assert run(["import-bucket", *where]) == 0
    assert why in capsys.readouterr().out
    assert run(["import-bucket", *where, "--json"]) == 0
    (told,) = json.loads(capsys.readouterr().out)
    assert (told["left"], told["rows"]) == (done.left, 0)
    assert told["tags"] == done.tags
    assert told["tags"] or told["series"] or what == "nothing"
    assert shown(place, server) == before


def test_further_fields_stay_at_bars_that_lie_right(filled: Fill, server: InfluxServer) -> None:
    place = filled(points(range(3), fields=",vwap=1"))
    with place.opened() as bl:
        (done,) = bl.import_bucket()
        assert (done.rows, done.left) == (3, "")
        bucket = bl.vault.store.describe().facts["bucket"]
    found = server.connection().execute("SELECT close, vwap FROM market_data", database=bucket)
    assert [values[1:] for values in found[0]["series"][0]["values"]] == [[100.0, 1], [100.01, 1], [100.02, 1]]


@pytest.mark.parametrize("tags", [{}, {"is_adjusted": "False"}], ids=["own", "moved"])
def test_quarantined_bars_are_new_once(filled: Fill, server: InfluxServer, tags: dict[str, Any]) -> None:
    place = filled(points(range(5), **tags) + point(60, 90.0, high=50.0, **tags))
    with place.opened() as bl:
        (done,) = bl.import_bucket()
        assert (done.rows, done.quarantined) == (5, 1)
        assert "1 point breaks a rule" in done.left
        before = len(list(bl.audit.entries()))
        (again,) = bl.import_bucket()
        assert (again.rows, again.quarantined, again.left) == (0, 0, done.left)
        assert len(list(bl.audit.entries())) == before
        assert len(bl.ingestion.quarantine()) == 1
        filled(point(61, 90.0, high=50.0, **tags))
        (third,) = bl.import_bucket()
        assert (third.rows, third.quarantined) == (0, 1)
        assert "2 points break a rule" in third.left
    assert 60 in shown(place, server)[lying(**tags)]


def test_a_version_that_has_other_bars_stays_as_it_is(filled: Fill) -> None:
    place = filled(points(range(5), version="v1"))
    with place.opened() as bl:
        bl.import_bucket()
        filled(points(range(4, 6), version="v1") + points([7], version="v1", is_adjusted="False") + points(range(3)))
        done = bl.import_bucket()
        assert sorted((one.layer, one.rows) for one in done) == [("latest", 3), ("v1", 0), ("v1", 0)]
        assert all("already holds other bars" in one.left for one in done if one.layer == "v1")
        same_bars(closes(bl.bars("AAPL", "1d", version="v1", source="script")), expected(range(5)))


# --- kill -9 ---------------------------------------------------------------------------------------

KILLS = ["takeover.safe", "commit.begun", "commit.rows-written", "commit.committed", "takeover.committed"]
WAYS: dict[str, tuple[str, dict[str, Any]]] = {
    "own": ("latest", {}),
    "moved": ("latest", {"is_adjusted": "False"}),
    "own-version": ("v1", {"version": "v1"}),
    "moved-version": ("v1", {"version": "v1", "is_adjusted": "False"}),
}


@pytest.mark.parametrize(
    ("way", "kill"),
    [
        *((way, kill) for way in ("own", "moved") for kill in KILLS),
        *(
            (way, kill)
            for way in ("own-version", "moved-version")
            for kill in ("takeover.safe", "named.rows-written", "takeover.committed")
        ),
    ],
)
def test_a_killed_takeover_loses_nothing_and_the_next_one_goes_on(
    filled: Fill, server: InfluxServer, way: str, kill: str
) -> None:
    layer, tags = WAYS[way]
    place = filled(points(range(30), **tags))

    def take() -> None:
        with place.opened(lease=LEASE) as bl:
            bl.import_bucket()

    assert killed_at(kill, take)
    with place.opened() as bl:
        bl.cache.repair()
        assert all(not one.left for one in bl.import_bucket())
        same_bars(closes(bl.bars("AAPL", "1d", version=layer, source="script")), expected(range(30)))
        assert bl.import_bucket() == []
    assert shown(place, server) == {lying(version=layer): list(range(30))}


def test_an_empty_answer_says_so(
    filled: Fill, server: InfluxServer, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    place = filled(points(range(3)))
    with place.opened() as bl:
        bl.import_bucket()
        bucket = bl.vault.store.describe().facts["bucket"]
    monkeypatch.setenv("BARLEDGER_TOKEN", server.token)
    monkeypatch.setenv("BARLEDGER_ORG", server.org)
    where = ["--store", f"influxdb+{server.url}/{bucket}", "--ledger", place.ledger]
    capsys.readouterr()
    assert run(["import-bucket", *where]) == 0
    assert capsys.readouterr().out.startswith("nothing to take over: ")
    assert run(["import-bucket", *where, "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == []
