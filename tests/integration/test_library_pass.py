"""A pass over the whole library asks for little, goes deep where something differs, and resumes."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from threading import Event

import pytest

from barledger.barledger import BarLedger
from barledger.domain.interval import everything
from barledger.domain.sampling import Sampling
from barledger.domain.timeframe import DAY, Timeframe
from barledger.errors import InvalidSetting, SeriesNotFound, SourceUnavailable
from barledger.services.ingestion import Budget
from barledger.stores.embedded import EmbeddedStore
from barledger.stores.memory import MemoryStore
from integrity import Rewritten, integrity
from libraries import killed_at
from places import ON_SQLITE, place_called
from scripted import NOON, ScriptedSource, SetClock, clocked, service, tolerant

YEARS = 10


@pytest.fixture
def clock() -> SetClock:
    return SetClock(YEARS * 365 * DAY + NOON)


@pytest.fixture
def bl(clock: SetClock) -> Iterator[BarLedger]:
    opened = clocked(MemoryStore(), clock)
    yield opened
    opened.close()


def loaded(bl: BarLedger, clock: SetClock, *names: str, **declared: object) -> ScriptedSource:
    """Ingest ten years of daily bars: ten blocks of each series, and forget what was asked for it."""
    markets = {name: Rewritten() for name in names or ("A",)}
    source = ScriptedSource(markets, clock, page=400, **declared)  # type: ignore[arg-type]
    service(bl, clock, source).ingest(list(markets), "1d", source="scripted")
    source.requests.clear()
    return source


def years(source: ScriptedSource, name: str = "A") -> list[int]:
    """Return the years in which requests about an instrument begin."""
    return [1970 + start // (365 * DAY) for asked, start, _ in source.requests if asked == name]


def test_what_was_fetched_just_now_is_not_asked_for(bl: BarLedger, clock: SetClock) -> None:
    source = loaded(bl, clock)
    report = integrity(bl, clock, source).reconcile_all()
    assert (report.calls, report.blocks, report.due, report.comparisons, source.requests) == (0, 0, 0, (), [])


def test_recent_blocks_are_looked_at_often_and_old_ones_seldom(bl: BarLedger, clock: SetClock) -> None:
    source = loaded(bl, clock)
    made = integrity(bl, clock, source)
    asked: list[int] = []
    for _ in range(365):
        clock.now += DAY
        source.requests.clear()
        assert made.reconcile_all().ok
        asked.append(len(source.requests))
    looks = {1970 + look.start // (365 * DAY): look for look in bl.vault.ledger.sightings.looks_of(
        bl.vault.ledger.catalog.series())[bl.vault.ledger.catalog.series()[0]]}  # fmt: skip
    assert set(looks) == set(range(1970, 1980))
    assert {look.outcome for look in looks.values()} == {"identical"}
    # Ten years every day would be 3,650 requests; the newest block is looked at daily at first, the first one once.
    assert sum(asked) < 200
    assert asked[0] == 1


def test_a_look_at_bars_that_are_the_same_reads_none_of_them(bl: BarLedger, clock: SetClock) -> None:
    source = loaded(bl, clock)
    clock.now += 400 * DAY
    read: list[object] = []
    original = bl.vault.store.read

    def reading(*args: object, **more: object) -> object:
        read.append(args)
        return original(*args, **more)  # type: ignore[arg-type]

    bl.vault.store.read = reading  # type: ignore[method-assign, assignment]
    report = integrity(bl, clock, source).reconcile_all(sampling=Sampling(blocks=10))
    assert (report.blocks, report.compared, report.identical) == (10, 3_650, 3_650)
    # The first and the last bar are looked up, to know what is held.
    assert len(read) <= 3


def test_at_most_so_many_blocks_of_a_series_are_asked_for(bl: BarLedger, clock: SetClock) -> None:
    source = loaded(bl, clock)
    clock.now += 400 * DAY
    report = integrity(bl, clock, source).reconcile_all()
    assert (report.blocks, report.due) == (3, 7)
    assert max(years(source)) == 1979
    assert len(source.requests) <= 3
    again = integrity(bl, clock, source).reconcile_all()
    assert (again.blocks, again.due) == (3, 4)


def test_a_difference_makes_it_ask_for_the_neighbours_until_all_is_well(bl: BarLedger, clock: SetClock) -> None:
    source = loaded(bl, clock)
    clock.now += DAY
    last = YEARS * 365 - 1
    source.markets["A"].corrected = {day * DAY: 5 for day in range(last - 800, last)}
    report = integrity(bl, clock, source).reconcile_all()
    (one,) = report.discrepancies
    assert (one.kind, one.bars) == ("correction", 800)
    assert report.compared < 3_650
    (entry,) = bl.audit.entries(operation="reconcile")[-1:]
    assert entry.data["discrepancies"] == [one.id]
    source.requests.clear()
    clock.now += DAY
    assert integrity(bl, clock, source).reconcile_all().discrepancies == (one,)
    assert len(source.requests) <= 4


def test_one_wrong_bar_costs_its_block_and_one_beside_it(bl: BarLedger, clock: SetClock) -> None:
    source = loaded(bl, clock)
    clock.now += DAY
    source.markets["A"].corrected = {(YEARS * 365 - 3) * DAY: 5}
    report = integrity(bl, clock, source).reconcile_all()
    assert [one.bars for one in report.discrepancies] == [1]
    assert set(years(source)) <= {1978, 1979}
    assert len(source.requests) <= 4


def test_a_split_in_the_newest_block_makes_it_ask_for_all(bl: BarLedger, clock: SetClock) -> None:
    source = loaded(bl, clock)
    clock.now += DAY
    source.markets["A"].splits.append(((YEARS * 365 - 20) * DAY, 4.0))
    report = integrity(bl, clock, source).reconcile_all()
    (one,) = report.discrepancies
    assert (one.kind, one.factor, one.bars) == ("restatement", 0.25, YEARS * 365 - 20)


def test_a_source_that_trembles_is_not_compared_bar_by_bar_twice(bl: BarLedger, clock: SetClock) -> None:
    source = loaded(bl, clock, tolerance=tolerant())
    source.markets["A"].jitter = 1e-6
    clock.now += DAY
    made = integrity(bl, clock, source)
    first = made.reconcile_all()
    assert (first.ok, first.jitter > 300, first.identical < 60) == (True, True, True)
    entries = len(bl.audit)
    clock.now += DAY
    second = made.reconcile_all()
    assert (second.jitter, second.calls) == (363, 1)
    # The first time all bars that tremble are told; the second time only that it was looked.
    assert len(bl.audit) == entries + 1


def test_a_budget_ends_a_pass_and_the_next_goes_on_with_other_series(bl: BarLedger, clock: SetClock) -> None:
    names = [f"S{number}" for number in range(6)]
    source = loaded(bl, clock, *names)
    clock.now += 400 * DAY
    made = integrity(bl, clock, source)
    only = Sampling(blocks=1)
    first = made.reconcile_all(budget=Budget(calls=4), concurrency=1, sampling=only)
    assert (first.calls, first.blocks) == (4, 4)
    assert len(first.not_done) == 2
    asked = {name for name, _, _ in source.requests}
    source.requests.clear()
    made.reconcile_all(budget=Budget(calls=2), concurrency=1, sampling=only)
    assert {name for name, _, _ in source.requests} == set(names) - asked


def test_a_series_that_fails_stops_no_other(bl: BarLedger, clock: SetClock) -> None:
    source = loaded(bl, clock, "A", "B", "C")
    bl.write("D", "1d", bl.bars("A", "1d").df, source="desk")
    clock.now += DAY
    del source.markets["B"]
    report = integrity(bl, clock, source).reconcile_all()
    states = {one.series.instrument: (one.state, getattr(one.error, "code", "")) for one in report.comparisons}
    assert states == {
        "A": ("done", ""), "B": ("failed", "data-not-found"), "C": ("done", ""), "D": ("failed", "source-not-found")
    }  # fmt: skip
    assert not report.ok
    assert "data-not-found" in str(report)


def test_patterns_timeframes_and_sources_choose(bl: BarLedger, clock: SetClock) -> None:
    source = loaded(bl, clock, "AB", "AC", "B")
    clock.now += DAY
    made = integrity(bl, clock, source)
    with pytest.raises(SeriesNotFound):
        made.reconcile_all("A*", source="other")
    with pytest.raises(SeriesNotFound):
        made.reconcile_all("A*", "1h")
    assert {one.series.instrument for one in made.reconcile_all("A*", "1d").comparisons} == {"AB", "AC"}
    with pytest.raises(InvalidSetting):
        made.reconcile_all(concurrency=0)


def test_no_more_series_are_asked_at_once_than_the_source_allows(bl: BarLedger, clock: SetClock) -> None:
    source = loaded(bl, clock, *(f"S{number}" for number in range(8)), concurrency=2)
    clock.now += DAY
    report = integrity(bl, clock, source).reconcile_all(concurrency=6)
    assert (len(report.comparisons), report.ok) == (8, True)
    assert source.busiest <= 2


def test_a_pass_that_is_stopped_keeps_what_it_has_done(bl: BarLedger, clock: SetClock) -> None:
    source = loaded(bl, clock, "A", "B", "C")
    clock.now += DAY
    stop = Event()
    source.script = [None, lambda *_: stop.set()]
    report = integrity(bl, clock, source).reconcile_all(concurrency=1, stop=stop)
    assert len(report.not_done) == 2
    source.requests.clear()
    assert len(integrity(bl, clock, source).reconcile_all().comparisons) == 2


def test_a_source_that_is_down_is_tried_again(bl: BarLedger, clock: SetClock) -> None:
    source = loaded(bl, clock)
    clock.now += DAY
    source.script = [SourceUnavailable(source="scripted", detail="down")]
    report = integrity(bl, clock, source).reconcile_all()
    assert (report.ok, report.calls) == (True, 2)


def test_minutes_are_looked_at_by_the_day(bl: BarLedger, clock: SetClock) -> None:
    clock.now = 100 * DAY + NOON
    minutes = Rewritten(timeframe=Timeframe.of("15m"), listed=60 * DAY)
    source = ScriptedSource({"A": minutes}, clock, page=96)
    service(bl, clock, source).ingest("A", "15m", source="scripted")
    source.requests.clear()
    clock.now += 3 * DAY
    minutes.corrected = {95 * DAY: 5}
    made = integrity(bl, clock, source)
    report = made.reconcile_all(sampling=Sampling(blocks=40))
    assert [one.bars for one in report.discrepancies] == [1]
    assert report.due == 0


@pytest.mark.slow
@pytest.mark.parametrize("point", ["reconcile.looked:2", "reconcile.kept"])
def test_a_pass_that_was_killed_is_gone_on_with(tmp_path: Path, clock: SetClock, point: str) -> None:
    log = tmp_path / "asked"
    names = ("A", "B", "C")
    url = f"sqlite:///{tmp_path / 'ledger.sqlite'}"
    with closing(clocked(EmbeddedStore(tmp_path / "store"), clock, url)) as bl:
        loaded(bl, clock, *names)
    later = SetClock(clock.now + DAY)
    markets = {name: Rewritten() for name in names}
    markets["B"].corrected = {(YEARS * 365 - 3) * DAY: 5}

    def a_pass() -> tuple[int, int]:
        with closing(clocked(EmbeddedStore(tmp_path / "store"), later, url)) as bl:
            source = ScriptedSource(markets, later, page=400, log=log)
            report = integrity(bl, later, source).reconcile_all(concurrency=1)
            return len(report.comparisons), len(integrity(bl, later, source).discrepancies())

    assert killed_at(point, a_pass)
    before = {line.split()[0] for line in log.read_text().splitlines()}
    log.write_text("")
    looked, waiting = a_pass()
    asked = {line.split()[0] for line in log.read_text().splitlines()}
    # What was looked at, and noted, is not asked for again; what was under way is.
    assert looked == 3 - (2 if point.startswith("reconcile.looked") else len(before) - 1)
    assert asked | before == set(names)
    assert waiting == 1
    log.write_text("")
    assert a_pass() == (0, 1)
    assert log.read_text() == ""


# --- everywhere ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("param", [pytest.param(None, id="memory"), *ON_SQLITE])
def test_a_pass_and_an_inspection_are_the_same_on_every_store(
    param: tuple[str, str] | None, clock: SetClock, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    if param is None:
        with closing(clocked(MemoryStore(), clock)) as bl:
            _look_at_everything(bl, clock)
        return
    with (
        place_called(param, request, tmp_path) as place,
        closing(clocked(place.open_store(), clock, place.ledger)) as bl,
    ):
        _look_at_everything(bl, clock)


def _look_at_everything(bl: BarLedger, clock: SetClock) -> None:
    source = loaded(bl, clock, "A", "B")
    clock.now += DAY
    source.markets["B"].gone = {(YEARS * 365 - 5) * DAY}
    source.markets["B"].corrected = {(YEARS * 365 - 3) * DAY: 5}
    made = integrity(bl, clock, source)
    report = made.reconcile_all()
    assert {one.series.instrument: (one.ok, len(one.discrepancies)) for one in report.comparisons} == {
        "A": (True, 0),
        "B": (False, 2),
    }
    assert {one.kind: one.state for one in report.discrepancies} == {"correction": "proposed", "withdrawn": "open"}
    (correction,) = made.discrepancies(kind="correction")
    assert made.accept(correction.id, reason="checked").changed == 1
    clock.now += DAY
    second = {one.kind: one.state for one in made.reconcile_all().discrepancies}
    assert second == {"withdrawn": "proposed"}
    assert made.accept(made.discrepancies()[0].id, reason="checked").withdrawn == 1
    clock.now += DAY
    assert made.reconcile_all().ok
    assert made.inspect("B", "1d").rows == YEARS * 365 - 1


def test_what_matches_nothing_is_said_and_when_something_is_due(bl: BarLedger, clock: SetClock) -> None:
    source = loaded(bl, clock, "A", "B")
    made = integrity(bl, clock, source)
    for wrong in ({"pattern": "Z*"}, {"timeframe": "1h"}, {"source": "other"}):
        with pytest.raises(SeriesNotFound):
            made.reconcile_all(**wrong)
    quiet = made.reconcile_all()
    assert (quiet.series, quiet.held, quiet.blocks) == (2, 2 * len(source_blocks(bl)), 0)
    assert str(quiet).startswith(f"nothing is due: {quiet.held} blocks of 2 series, the next at ")
    clock.now = quiet.next_at - 1
    assert made.reconcile_all().nothing_due
    clock.now = quiet.next_at + 1
    assert made.reconcile_all().blocks > 0


def source_blocks(bl: BarLedger) -> list[int]:
    """Return the blocks of A that are held."""
    (series,) = bl.vault.ledger.catalog.series(instrument="A")
    starts: list[int] = bl.vault.ledger.catalog.counts_of([series], everything())[series][0].tolist()
    return starts
