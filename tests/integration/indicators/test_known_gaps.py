"""Gaps of a version that stays are those that were known at its time, whatever is said later."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from barledger.barledger import BarLedger
from barledger.domain.instrument import Facts
from barledger.domain.interval import Interval, parse_time
from barledger.domain.series import Series
from barledger.ledger.contract import Cover, Who
from barledger.stores.embedded import EmbeddedStore
from barledger.stores.memory import MemoryStore
from libraries import library
from own_indicators import own_indicators
from walks import daily

DAYS = pd.date_range("2024-01-02", "2024-06-28", freq="B", tz="UTC")
HOLIDAYS = pd.to_datetime(["2024-01-15", "2024-02-19", "2024-03-29", "2024-05-27", "2024-06-19"], utc=True)
LACKING = pd.to_datetime(["2024-03-12", "2024-03-13"], utc=True)
SESSIONS = DAYS.difference(HOLIDAYS).difference(LACKING)
SPECS = ["moved(3)", "summed"]
STREAMED = ["obv", "ema(5)"]
WHO = Who(actor="tester", operation="test")

Later = Callable[[BarLedger], object]


@pytest.fixture(
    params=["memory", "embedded", pytest.param("postgres", marks=pytest.mark.postgres)],
)
def bl(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[BarLedger]:
    ledger = request.getfixturevalue("postgres_url") if request.param == "postgres" else None
    store = MemoryStore() if request.param == "memory" else EmbeddedStore(tmp_path / "library")
    url = ledger or ("sqlite://" if request.param == "memory" else f"sqlite:///{tmp_path / 'ledger.sqlite'}")
    with own_indicators(), library(store, url) as opened:
        opened.write("A", "1d", daily(range(len(SESSIONS))).set_axis(SESSIONS), source="desk")
        yield opened


def calendar(bl: BarLedger) -> object:
    return bl.instruments.declare("A", calendar="XNYS")


def halt(bl: BarLedger) -> object:
    return bl.instruments.halt("A", "2024-03-12", "2024-03-14", reason="news")


def told_by_a_source(bl: BarLedger) -> object:
    return bl.vault.ledger.instruments.tell([Facts(pattern="A", origin="feed", calendar="XNYS")], WHO)


def another_source(bl: BarLedger) -> object:
    told_by_a_source(bl)
    return bl.write("A", "1d", daily(range(len(SESSIONS)), seed=5).set_axis(SESSIONS), source="feed")


def empty(bl: BarLedger) -> object:
    lacking = Interval(parse_time("2024-03-12"), parse_time("2024-03-14"))
    cover = Cover(series=Series.of("A", "1d", "desk"), interval=lacking, outcome="source_empty")
    return bl.vault.ledger.catalog.cover([cover], WHO)


def versions(bl: BarLedger) -> dict[str, Any]:
    snapshot = bl.snapshot(["A"], "1d", purpose="research")
    bl.write("A", "1d", daily(range(len(SESSIONS))).set_axis(SESSIONS), source="desk", version="named")
    now = bl.vault.ledger.now()
    return {"snapshot": snapshot.id, "time": pd.Timestamp(now, tz="UTC"), "named": "named"}


def restarts(found: Any) -> int:
    return int(found.df["moved(3)"].isna().sum())


@pytest.mark.parametrize(
    ("before", "after"),
    [
        pytest.param([], [calendar], id="a calendar"),
        pytest.param([], [another_source], id="another source with a calendar"),
        pytest.param([calendar], [halt], id="a halt"),
        pytest.param([calendar], [empty], id="an answer of its source"),
        pytest.param([calendar, halt], [lambda bl: bl.instruments.resume("A", "2024-03-12")], id="a halt taken back"),
        pytest.param([calendar], [lambda bl: bl.instruments.forget("A")], id="a calendar taken back"),
        pytest.param([calendar, empty], [another_source, halt], id="several"),
    ],
)
def test_what_is_said_later_moves_nothing_of_a_version_that_stays(
    bl: BarLedger, before: list[Later], after: list[Later]
) -> None:
    for step in before:
        step(bl)
    asked = versions(bl)
    made = bl.retrieval.dataset(
        strategy="s", instruments=["A"], timeframes="1d", fetch_missing=False, indicators=SPECS, start="2024-02-01"
    )
    asked["dataset"] = made.id
    first = {kind: bl.indicators.calculate(SPECS, "A", "1d", version=one) for kind, one in asked.items()}
    streams = {
        kind: bl.indicators.stream(STREAMED, "A", "1d", version=asked[kind]).value for kind in ("snapshot", "time")
    }
    for step in after:
        step(bl)
    source = {"time": "desk"} if another_source in after else {}
    for kind, one in asked.items():
        options = {"version": one, "source": source.get(kind)}
        for cached in (True, False):
            found = bl.indicators.calculate(SPECS, "A", "1d", cache=cached, **options)
            assert found.digest == first[kind].digest
            assert found.provenance["gaps"] == first[kind].provenance["gaps"]
        batch = bl.indicators.batch(["A"], "1d", SPECS, **options)
        assert not batch.failures
        np.testing.assert_array_equal(batch["A"].df.to_numpy(), first[kind].df.to_numpy())
    for kind, values in streams.items():
        options = {"version": asked[kind], "source": source.get(kind)}
        assert bl.indicators.stream(STREAMED, "A", "1d", **options).value == values
    assert bl.retrieval.reproduce(made.id).same


def test_the_newest_state_is_judged_by_what_is_known_now(bl: BarLedger) -> None:
    asked = versions(bl)
    calendar(bl)
    assert restarts(bl.indicators.calculate(SPECS, "A", "1d")) == 6
    assert restarts(bl.indicators.calculate(SPECS, "A", "1d", version=asked["snapshot"])) == 3
    later = pd.Timestamp(bl.vault.ledger.now(), tz="UTC")
    assert restarts(bl.indicators.calculate(SPECS, "A", "1d", version=later)) == 6
    # The same bars at an earlier time, of which a table is kept by now.
    assert restarts(bl.indicators.calculate(SPECS, "A", "1d", version=asked["time"])) == 3
    halt(bl)
    assert restarts(bl.indicators.calculate(SPECS, "A", "1d")) == 3
    assert restarts(bl.indicators.calculate(SPECS, "A", "1d", version=later)) == 6


@pytest.mark.parametrize("excuse", [halt, empty])
def test_bars_that_never_were_are_no_gap_when_newer_ones_come(bl: BarLedger, excuse: Later) -> None:
    calendar(bl)
    assert restarts(bl.indicators.calculate(SPECS, "A", "1d")) == 6
    excuse(bl)
    bl.write("A", "1d", daily(range(1), seed=9).set_axis(pd.to_datetime(["2024-07-01"], utc=True)), source="desk")
    found = bl.indicators.calculate(SPECS, "A", "1d")
    assert restarts(found) == 3
    assert found.digest == bl.indicators.calculate(SPECS, "A", "1d", cache=False).digest


@pytest.mark.parametrize("excuse", [halt, empty])
def test_bars_that_never_were_are_no_gap_of_a_snapshot_either(bl: BarLedger, excuse: Later) -> None:
    calendar(bl)
    gappy = bl.snapshot(["A"], "1d", purpose="research")
    excuse(bl)
    whole = bl.snapshot(["A"], "1d", purpose="research")
    assert restarts(bl.indicators.calculate(SPECS, "A", "1d", version=gappy.id)) == 6
    assert restarts(bl.indicators.calculate(SPECS, "A", "1d", version=whole.id)) == 3
    assert restarts(bl.indicators.calculate(SPECS, "A", "1d")) == 3


def test_a_halt_of_a_part_of_a_session_excuses_only_whole_bars(bl: BarLedger) -> None:
    calendar(bl)
    bl.instruments.halt("A", "2024-03-12T15:00:00Z", "2024-03-14", reason="news")
    found = bl.snapshot(["A"], "1d", purpose="research")
    assert restarts(bl.indicators.calculate(SPECS, "A", "1d", version=found.id)) == 6
    assert restarts(bl.indicators.calculate(SPECS, "A", "1d")) == 6


def test_provenance_says_by_which_calendar_and_as_of_when(bl: BarLedger) -> None:
    calendar(bl)
    snapshot = bl.snapshot(["A"], "1d", purpose="research")
    told = bl.indicators.calculate(SPECS, "A", "1d", version=snapshot.id).provenance
    assert told["gaps"]["calendar"] == "XNYS"
    assert parse_time(told["gaps"]["known_at"]) == snapshot.created_at
    assert told["engines"]["exchange_calendars"]
    assert "known_at" not in bl.indicators.calculate(SPECS, "A", "1d").provenance["gaps"]


def test_a_snapshot_of_one_source_stays_readable_beside_another(bl: BarLedger) -> None:
    calendar(bl)
    asked = versions(bl)
    first = bl.indicators.calculate(SPECS, "A", "1d", version=asked["snapshot"])
    another_source(bl)
    found = bl.indicators.calculate(SPECS, "A", "1d", version=asked["snapshot"])
    assert (found.digest, restarts(found)) == (first.digest, 6)
    assert bl.indicators.stream(STREAMED, "A", "1d", version=asked["snapshot"]).value
    assert not bl.indicators.batch(["A"], "1d", SPECS, version=asked["snapshot"]).failures
