"""A store that is lost under an open library, wholly or in part, is told of by every read, and nothing is written."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from asgi import AppClient
from barledger import BarLedger
from barledger.api.app import build
from barledger.domain.interval import Interval, parse_time
from barledger.domain.timeframe import DAY
from barledger.errors import Incomplete, StoreDamaged, StoreDiverged, StoreUnavailable
from barledger.stores.embedded import EmbeddedStore
from libraries import closes, expected, frame, library, same_bars
from losing import DAYS, NAMES, REFUSALS, WAYS, Lost, lost
from serving import OPTIONS, bearer

Read = Callable[[Lost], object]
READS: dict[str, Read] = {
    "all bars": lambda it: it.bl.bars("AAPL", "1d"),
    "whole blocks": lambda it: it.bl.bars("AAPL", "1d", start="1971-01-01", end="1972-01-01"),
    "a block and parts": lambda it: it.bl.bars("AAPL", "1d", start="1970-06-01", end="1972-06-01"),
    "a part of a block": lambda it: it.bl.bars("AAPL", "1d", start="1971-02-01", end="1971-03-01"),
    "the last bars": lambda it: it.bl.bars("AAPL", "1d", last=5),
    "a lookback": lambda it: it.bl.bars("AAPL", "1d", start="1972-06-01", lookback=20),
    "an old revision": lambda it: it.bl.bars("AAPL", "1d", version=f"revision:{it.first_revision}"),
    "first editions": lambda it: it.bl.bars("AAPL", "1d", version="first"),
    "as known": lambda it: it.bl.bars("AAPL", "1d", known_within="1d"),
    "a snapshot": lambda it: it.bl.bars("AAPL", "1d", version="snap-before"),
    "a snapshot of newest bars": lambda it: it.bl.bars("MSFT", "1d", version="snap-before"),
    "a snapshot of a part": lambda it: it.bl.bars("AAPL", "1d", version="snap-part"),
    "a part of a snapshot": lambda it: it.bl.bars("AAPL", "1d", version="snap-before", start=40 * DAY, end=60 * DAY),
    "several": lambda it: it.bl.retrieval.bars_of(NAMES, "1d"),
    "parts of several": lambda it: it.bl.retrieval.bars_of(NAMES, "1d", start="1970-06-01", end="1972-06-01"),
    "several of a snapshot": lambda it: it.bl.retrieval.bars_of(NAMES, "1d", version="snap-before"),
    "a panel": lambda it: it.bl.retrieval.panel(NAMES, "1d", field="close"),
    "a panel of a snapshot": lambda it: it.bl.retrieval.panel(NAMES, "1d", field="close", version="snap-before"),
    "indicators": lambda it: it.bl.indicators.calculate("sma(5)", "AAPL", "1d"),
    "history": lambda it: it.bl.history("AAPL", "1d", 105 * DAY),
    "a stream": lambda it: list(it.bl.retrieval.scroll("AAPL", "1d", portion=100).portions()),
    "a stream of a snapshot": lambda it: list(
        it.bl.retrieval.scroll("AAPL", "1d", version="snap-before", portion=100).portions()
    ),
    "what a stream comes to": lambda it: it.bl.retrieval.scroll("AAPL", "1d", version="snap-before", portion=9).told(),
    "a page": lambda it: it.bl.retrieval.scroll("AAPL", "1d").page(10),
    "a new snapshot": lambda it: it.bl.snapshot(["AAPL"], "1d"),
    "a new snapshot of whole blocks": lambda it: it.bl.snapshot(["MSFT"], "1d", start="1971-01-01", end="1972-01-01"),
    "a dataset": lambda it: it.bl.retrieval.dataset(
        strategy="s", instruments=["AAPL"], timeframes=["1d"], start=100 * DAY, end=800 * DAY
    ),
}
COPIES: dict[str, Read] = {
    "a copy": lambda it: it.bl.bars("AAPL", "1d", version="snap-copy"),
    "a part of a copy": lambda it: it.bl.bars("AAPL", "1d", version="snap-copy", start=40 * DAY, end=60 * DAY),
    "copies": lambda it: it.bl.retrieval.panel(NAMES, "1d", field="close", version="snap-copy"),
}
LEFT = {"a new snapshot", "a new snapshot of whole blocks", "a dataset", "indicators"}
"""What writes, and what is computed once and remembered."""


@pytest.fixture(params=WAYS)
def it(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Lost]:
    with lost(request.param, request, tmp_path) as made:
        yield made


def test_every_read_refuses_and_nothing_is_written(it: Lost, tmp_path: Path) -> None:
    reads = READS | COPIES
    for name in reads.keys() - LEFT:
        assert reads[name](it) is not None, name
    known = [one.id for one in it.bl.cache.snapshots()]
    it.lose()
    answered = []
    for name, read in reads.items():
        try:
            found = read(it)
        except REFUSALS:
            continue
        answered.append(f"{name}: {found!r}")
    assert not answered
    with pytest.raises(REFUSALS):
        it.bl.retrieval.export(["AAPL"], "1d", folder=tmp_path / "export")
    assert not (tmp_path / "export" / "manifest.json").exists()
    with pytest.warns(Incomplete):
        batch = it.bl.indicators.batch(list(NAMES), "1d", ["ema(7)"])
    assert set(batch.failures) == set(NAMES)
    assert [one.id for one in it.bl.cache.snapshots()] == known


def test_every_answer_of_a_server_is_503_or_500(it: Lost) -> None:
    key = it.bl.keys.create("all", scopes=("admin",)).text
    client = AppClient(build(it.bl, OPTIONS), headers=bearer(key))
    assert client.get("/ready").status_code == 200
    it.lose()
    ohlcv = "/api/v1/data/ohlcv/AAPL/1d"
    asked = [
        client.get(f"{ohlcv}?format={form}{more}")
        for form in ("json", "arrow", "csv")
        for more in ("", "&version=snap-before", "&start_date=1971-02-01&end_date=1971-03-01", "&limit=10")
    ]
    asked.append(client.get("/api/v1/indicators/calculate/sma?instrument=AAPL&timeframe=1d"))
    asked.append(client.post("/api/v1/data/snapshot", json={"instruments": ["AAPL"], "timeframes": ["1d"]}))
    assert {answer.status_code for answer in asked} == {it.status}, [answer.text[:300] for answer in asked]
    assert all(answer.headers.get("retry-after") for answer in asked if answer.status_code == 503)
    if it.restore is not None:
        ready = client.get("/ready")
        assert ready.status_code == 503
        assert [one["ok"] for one in ready.json()["checks"] if one["name"] == "store"] == [False]


@pytest.mark.parametrize("way", ["folder-moved", "folder-replaced", "folder-emptied"])
def test_a_folder_that_comes_back_is_read_and_written_on(
    way: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    with lost(way, request, tmp_path) as it:
        before = closes(it.bl.bars("AAPL", "1d"))
        it.lose()
        for _ in range(2):
            with pytest.raises(StoreUnavailable):
                it.bl.bars("AAPL", "1d")
            with pytest.raises(StoreUnavailable):
                it.bl.write("AAPL", "1d", frame([DAYS]), source="desk")
            with pytest.raises(StoreUnavailable):
                it.bl.vault.store.check_writable()
        assert it.restore is not None
        it.restore()
        same_bars(closes(it.bl.bars("AAPL", "1d")), before)
        it.bl.write("AAPL", "1d", frame([DAYS]), source="desk")
        same_bars(closes(it.bl.bars("AAPL", "1d")), before | expected([DAYS]))
        same_bars(closes(it.bl.bars("AAPL", "1d", version="snap-before")), expected(range(DAYS)))


def test_a_copy_in_the_place_of_the_folder_is_read_and_an_older_one_is_not(
    request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    home = tmp_path / "lib" / "store"
    with lost("folder-moved", request, tmp_path) as it:
        shutil.copytree(home, tmp_path / "older")
        it.bl.write("AAPL", "1d", frame([DAYS]), source="desk")
        shutil.copytree(home, tmp_path / "same")
        it.lose()
        (tmp_path / "older").rename(home)
        with pytest.raises(StoreUnavailable, match="an older state"):
            it.bl.bars("AAPL", "1d")
        shutil.rmtree(home)
        (tmp_path / "same").rename(home)
        same_bars(closes(it.bl.bars("MSFT", "1d")), expected(range(DAYS)))
        it.bl.write("MSFT", "1d", frame([DAYS]), source="desk")
        same_bars(closes(it.bl.bars("MSFT", "1d")), expected(range(DAYS + 1)))
    with library(EmbeddedStore(tmp_path / "lib"), f"sqlite:///{tmp_path / 'ledger.sqlite'}") as again:
        same_bars(closes(again.bars("MSFT", "1d")), expected(range(DAYS + 1)))


def test_a_reader_of_a_folder_learns_that_it_is_gone(tmp_path: Path) -> None:
    with library(EmbeddedStore(tmp_path), f"sqlite:///{tmp_path / 'ledger.sqlite'}") as bl:
        bl.write("AAPL", "1d", frame(range(DAYS)), source="desk")
        series = bl.vault.store.series()[0]
    reader = EmbeddedStore(tmp_path, read_only=True)
    assert reader.layers(series) == ["latest"]
    (tmp_path / "store").rename(tmp_path / "away")
    for look in (reader.series, reader.mark, lambda: reader.layers(series)):
        with pytest.raises(StoreUnavailable):
            look()
    (tmp_path / "away").rename(tmp_path / "store")
    assert reader.layers(series) == ["latest"]
    reader.close()


def test_one_segment_that_is_missing_is_missed_by_who_has_it_open(tmp_path: Path) -> None:
    store = EmbeddedStore(tmp_path)
    with library(store) as bl:
        bl.write("AAPL", "1d", frame(range(DAYS)), source="desk")
        bl.snapshot(["AAPL"], "1d", id="snap-a")
        store.tidy()
        assert len(bl.bars("AAPL", "1d")) == DAYS
        (segment,) = (tmp_path / "store" / "segments").iterdir()
        data = segment.read_bytes()
        for damage in (segment.unlink, lambda: segment.write_bytes(data[:-1])):
            damage()
            for version in ("latest", "snap-a"):
                with pytest.raises(StoreDamaged):
                    bl.bars("AAPL", "1d", version=version)
            with pytest.raises(StoreDamaged):
                bl.snapshot(["AAPL"], "1d")
        segment.write_bytes(data)
        assert len(bl.bars("AAPL", "1d")) == DAYS


@pytest.mark.parametrize("year", [1970, 1971, 1973])
def test_a_store_that_lost_some_bars_is_found_out_by_who_asks_for_them(in_memory: BarLedger, year: int) -> None:
    """A whole year is lost, or what there is of one, as a lost shard of a server is."""
    bl = in_memory
    bl.write("AAPL", "1d", frame(range(DAYS)), source="desk")
    bl.snapshot(["AAPL"], "1d", id="snap-a")
    bl.write("AAPL", "1d", frame([DAYS]), source="desk")
    series = bl.vault.store.series()[0]
    state = bl.vault.ledger.revisions.state(series)
    (block,) = bl.vault.ledger.catalog.blocks(series, _year(year)) or ()
    bl.vault.store.delete(series, "latest", [_year(year)], revision=state.revision)
    for wish in ({}, {"version": "snap-a"}, {"start": f"{year}-01-01", "end": f"{year + 1}-01-01"}):
        with pytest.raises(StoreDiverged, match=f"0 of {block.rows}|of {DAYS} |of {DAYS + 1} "):
            bl.bars("AAPL", "1d", **wish)
    other = 1972
    assert len(bl.bars("AAPL", "1d", start=f"{other}-01-01", end=f"{other + 1}-01-01")) == 366


def test_a_stream_of_a_version_that_lost_bars_is_cut_before_its_end(in_memory: BarLedger) -> None:
    """The ledger has no counts of the blocks of a named version, only of all its bars."""
    bl = in_memory
    bl.write("AAPL", "1d", frame(range(DAYS)), source="desk")
    bl.write("AAPL", "1d", frame(range(DAYS), 200.0), source="desk", version="model-a")
    series = bl.vault.store.series()[0]
    scroll = bl.retrieval.scroll("AAPL", "1d", version="model-a", portion=400)
    assert sum(len(bars) for bars in scroll.portions()) == DAYS
    last = bl.vault.ledger.revisions.last()
    bl.vault.store.delete(series, "model-a", [Interval(500 * DAY, 510 * DAY)], revision=last)
    portions = bl.retrieval.scroll("AAPL", "1d", version="model-a", portion=400).portions()
    assert len(next(portions)) == 365
    with pytest.raises(StoreDiverged, match=f"{DAYS - 10} of {DAYS} bars"):
        list(portions)


def _year(year: int) -> Interval:
    return Interval(parse_time(f"{year}-01-01"), parse_time(f"{year + 1}-01-01"))


def test_who_opens_a_library_whose_store_is_gone_is_told_by_every_answer(tmp_path: Path) -> None:
    ledger = f"sqlite:///{tmp_path / 'ledger.sqlite'}"
    with library(EmbeddedStore(tmp_path / "lib"), ledger) as bl:
        bl.write("AAPL", "1d", frame(range(DAYS)), source="desk")
        key = bl.keys.create("all", scopes=("admin",)).text
    (tmp_path / "lib" / "store").rename(tmp_path / "away")
    with pytest.warns(UserWarning, match="nothing can be written"):
        bl = library(EmbeddedStore(tmp_path / "lib"), ledger)
    with bl:
        client = AppClient(build(bl, OPTIONS), headers=bearer(key))
        ready = client.get("/ready")
        assert ready.status_code == 503
        (store,) = [one for one in ready.json()["checks"] if one["name"] == "store"]
        assert not store["ok"]
        assert "the store is empty" in store["detail"]
        read = client.get("/api/v1/data/ohlcv/AAPL/1d")
        pinned = client.post("/api/v1/data/snapshot", json={"instruments": ["AAPL"], "timeframes": ["1d"]})
        told = [(one.status_code, one.json()["code"], "retry-after" in one.headers) for one in (read, pinned)]
        assert told == [(503, "store-diverged", True), (503, "ledger-mismatch", True)]
