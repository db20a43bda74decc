"""What goes wrong on the way: each ends in a clear error or a declared state, and all that was good is kept."""

import resource
import signal
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from threading import Thread

import numpy as np
import pytest

from barledger.barledger import BarLedger
from barledger.domain.interval import Interval
from barledger.domain.rows import concat
from barledger.domain.timeframe import DAY, HOUR, SECOND
from barledger.errors import BarledgerError, SourceError, SourceUnavailable, StoreUnwritable
from barledger.sources.contract import Fetched, FetchRequest
from barledger.stores.embedded import EmbeddedStore
from barledger.stores.memory import MemoryStore
from libraries import killed_at
from places import ON_SQLITE, place_called
from processes import Process
from scripted import NOON, Market, ScriptedSource, SetClock, clocked, service

NOW = 1_000 * DAY + NOON


@pytest.fixture
def clock() -> SetClock:
    return SetClock(NOW)


@pytest.fixture
def bl(clock: SetClock) -> Iterator[BarLedger]:
    opened = clocked(MemoryStore(), clock)
    yield opened
    opened.close()


def days_of(bl: BarLedger) -> list[int]:
    return [int(time) // DAY for time in bl.bars("A", "1d", source="scripted").time]


def in_a_folder(folder: Path, *, now: int = NOW) -> BarLedger:
    return clocked(EmbeddedStore(folder), SetClock(now), f"sqlite:///{folder / 'ledger.sqlite'}")


# --- killed ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("param", ON_SQLITE)
@pytest.mark.parametrize("start", [900 * DAY, None])
@pytest.mark.parametrize("point", ["commit.begun", "commit.rows-written", "commit.committed"])
def test_a_killed_task_goes_on_where_it_was_and_repeats_nothing(
    param: tuple[str, str], start: int | None, point: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    log = tmp_path / "requests"
    with place_called(param, request, tmp_path / "place") as place:
        (tmp_path / "place").mkdir(exist_ok=True)
        clocked(place.open_store(), SetClock(NOW), place.ledger).close()

        def ingest(now: int = NOW) -> BarLedger:
            clock = SetClock(now)
            bl = clocked(place.open_store(), clock, place.ledger)
            source = ScriptedSource({"A": Market(listed=900 * DAY)}, clock, log=log)
            service(bl, clock, source).ingest("A", "1d", source="scripted", start=start, end=1_000 * DAY)
            return bl

        assert killed_at(f"{point}:5", ingest)
        before = log.read_text().splitlines()
        bl = ingest(NOW + HOUR)  # when the lease of the dead writer is over
        seen = log.read_text().splitlines()[len(before) :]
        assert days_of(bl) == list(range(900, 1_000))
        done = 5 if point == "commit.committed" else 4
        assert len(seen) == 10 - done
        assert seen[0].split()[1] in {str((900 + 10 * done) * DAY), str((899 + 10 * done) * DAY + 1)}
        (versions,) = bl.cache.versions("A", "1d")
        assert sum(one.new for one in versions.revisions) == 100
        assert ingest_again(bl) == (0, 0)
        bl.close()


def ingest_again(bl: BarLedger) -> tuple[int, int]:
    source = ScriptedSource({"A": Market(listed=900 * DAY)}, SetClock(NOW))
    ingestion = service(bl, SetClock(NOW), source)
    done = ingestion.ingest("A", "1d", source="scripted", start=900 * DAY, end=1_000 * DAY)
    return done.new, len(source.requests)


# --- the disk --------------------------------------------------------------------------------------


def limited(size: int, action: Callable[[], str]) -> str:
    """Run an action in a process whose files may have so many bytes."""

    def run() -> str:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))
        return action()

    return str(Process(run).result())


def test_a_disk_that_is_full_in_the_middle_keeps_what_was_stored(tmp_path: Path) -> None:
    in_a_folder(tmp_path).close()

    def ingest() -> str:
        with in_a_folder(tmp_path) as bl:
            clock = SetClock(NOW)
            source = ScriptedSource({name: Market() for name in "AB"}, clock, page=40)
            single = service(bl, clock, source)
            try:
                single.ingest("A", "1d", source="scripted")
            except StoreUnwritable:
                asked = len(source.requests)
                done = single.ingest(["A", "B"], "1d", source="scripted")
                states = {one.state for one in done.instruments}
                seen = states <= {"failed", "not_done"}, bool(done.failed), asked < 1_000 / 40, len(source.requests)
                return " ".join(map(str, seen))
            return "it fitted"

    size = (tmp_path / "ledger.sqlite").stat().st_size + 30_000
    told = limited(size, ingest)
    assert told.startswith("True True True"), told
    # A writer whose disk was too full even to give up holds its series until its lease ends.
    with in_a_folder(tmp_path, now=NOW + 60 * SECOND) as bl:
        held = days_of(bl) if bl.cache.series() else []
        assert held == list(range(len(held)))
        clock = SetClock(NOW)
        source = ScriptedSource({"A": Market()}, clock, page=100)
        service(bl, clock, source).ingest("A", "1d", source="scripted")
        assert days_of(bl) == list(range(1_000))


def test_a_store_that_fails_ends_the_whole_task(bl: BarLedger, clock: SetClock) -> None:
    def full(*_: object, **__: object) -> None:
        raise StoreUnwritable(url="memory", detail="no space left")

    markets = {f"I{number}": Market(listed=900 * DAY) for number in range(20)}
    source = ScriptedSource(markets, clock)
    bl.vault.store.write = full  # type: ignore[method-assign]
    done = service(bl, clock, source).ingest(list(markets), "1d", source="scripted")
    assert done.failed
    assert {type(one.error) for one in done.failed} == {StoreUnwritable}
    assert len(done.failed) + len(done.not_done) == 20
    assert len(source.requests) < 20


# --- the network -----------------------------------------------------------------------------------


def test_a_network_that_is_gone_in_the_middle_keeps_what_came(bl: BarLedger, clock: SetClock) -> None:
    gone = [SourceUnavailable(source="scripted", detail="no route to host") for _ in range(50)]
    source = ScriptedSource({"A": Market(listed=900 * DAY)}, clock, script=[None, None, *gone])
    ingestion = service(bl, clock, source)
    with pytest.raises(SourceUnavailable, match="no route"):
        ingestion.ingest("A", "1d", source="scripted")
    assert days_of(bl) == list(range(900, 920))
    source.script, source.requests = [], []
    assert ingestion.ingest("A", "1d", source="scripted").new == 80
    assert len(source.requests) == 9


def test_a_network_that_comes_back_is_not_even_noticed(bl: BarLedger, clock: SetClock) -> None:
    gone = [SourceUnavailable(source="scripted", detail="no route to host") for _ in range(4)]
    source = ScriptedSource({"A": Market(listed=900 * DAY)}, clock, script=[None, *gone, None, *gone])
    assert service(bl, clock, source).ingest("A", "1d", source="scripted").new == 100


# --- two at once -----------------------------------------------------------------------------------


def test_two_tasks_on_one_series_end_as_one(tmp_path: Path) -> None:
    in_a_folder(tmp_path).close()

    def ingest() -> tuple[int, int]:
        with in_a_folder(tmp_path) as bl:
            clock = SetClock(NOW)
            source = ScriptedSource({"A": Market(listed=500 * DAY)}, clock, page=25)
            done = service(bl, clock, source).ingest("A", "1d", source="scripted")
            return done.new, done.changed

    both = [Process(ingest), Process(ingest)]
    told = [one.result() for one in both]
    assert [changed for _, changed in told] == [0, 0]
    with in_a_folder(tmp_path) as bl:
        assert days_of(bl) == list(range(500, 1_000))
        assert sum(new for new, _ in told) == 500
        (state,) = bl.cache.series()
        assert state.max_edition == 1


def test_two_threads_on_one_series_end_as_one(bl: BarLedger, clock: SetClock) -> None:
    failed: list[BaseException] = []

    def ingest() -> None:
        source = ScriptedSource({"A": Market(listed=800 * DAY)}, clock, page=20)
        try:
            service(bl, clock, source).ingest("A", "1d", source="scripted", on_change="propose")
        except BaseException as error:  # noqa: BLE001 - the test tells it
            failed.append(error)

    threads = [Thread(target=ingest) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failed
    assert days_of(bl) == list(range(800, 1_000))
    assert bl.ingestion.proposals() == []


# --- answers that are none ---------------------------------------------------------------------------


class BrokenSource(ScriptedSource):
    """Spoils its second chunk."""

    def __init__(self, clock: SetClock, spoil: Callable[[Fetched], Fetched]) -> None:
        super().__init__({"A": Market(listed=900 * DAY)}, clock)
        self._spoil = spoil

    def fetch(self, request: FetchRequest) -> Iterator[Fetched]:
        for number, chunk in enumerate(super().fetch(request)):
            yield self._spoil(chunk) if number == 1 else chunk


def _unsorted(chunk: Fetched) -> Fetched:
    return replace(chunk, rows=chunk.rows.pick(np.arange(len(chunk.rows))[::-1]))


def _duplicated(chunk: Fetched) -> Fetched:
    return replace(chunk, rows=concat([chunk.rows, chunk.rows.pick(slice(-1, None))]))


def _backwards(chunk: Fetched) -> Fetched:
    return replace(chunk, interval=Interval(chunk.interval.start - 5 * DAY, chunk.interval.end))


def _standing(chunk: Fetched) -> Fetched:
    return replace(chunk, interval=Interval(chunk.interval.start, chunk.interval.start))


@pytest.mark.parametrize("spoil", [_unsorted, _duplicated, _backwards, _standing])
def test_a_source_that_breaks_its_promises_is_told_and_keeps_what_was_good(
    bl: BarLedger, clock: SetClock, spoil: Callable[[Fetched], Fetched]
) -> None:
    with pytest.raises(SourceError):
        service(bl, clock, BrokenSource(clock, spoil)).ingest("A", "1d", source="scripted", start=900 * DAY)
    assert days_of(bl) == list(range(900, 910))


def test_bars_beyond_the_stretch_that_was_asked_are_not_taken(bl: BarLedger, clock: SetClock) -> None:
    def wide(chunk: Fetched) -> Fetched:
        market = Market(listed=900 * DAY)
        return replace(chunk, rows=market.rows(market.labels(905 * DAY, 950 * DAY)))

    source = BrokenSource(clock, wide)
    done = service(bl, clock, source).ingest("A", "1d", source="scripted", start=900 * DAY, end=930 * DAY)
    assert done.new == 30
    assert days_of(bl) == list(range(900, 930))


def test_an_answer_that_ends_early_is_not_taken_for_a_whole_one(bl: BarLedger, clock: SetClock) -> None:
    class Early(ScriptedSource):
        def fetch(self, request: FetchRequest) -> Iterator[Fetched]:
            for number, chunk in enumerate(super().fetch(request)):
                if number == 2:
                    return
                yield chunk

    early = Early({"A": Market(listed=900 * DAY)}, clock)
    done = service(bl, clock, early).ingest("A", "1d", source="scripted", start=900 * DAY)
    assert (done.new, done.ok) == (20, True)
    (series,) = {one.series for one in bl.cache.series()}
    covers = {one.outcome: one.interval for one in bl.vault.ledger.catalog.coverage(series)}
    assert covers["unconfirmed"] == Interval(920 * DAY, 1_000 * DAY)
    source = ScriptedSource({"A": Market(listed=900 * DAY)}, clock)
    assert service(bl, clock, source).ingest("A", "1d", source="scripted", start=900 * DAY).new == 80


def test_bad_bars_are_put_aside_and_the_rest_is_written(bl: BarLedger, clock: SetClock) -> None:
    market = Market(listed=900 * DAY, corrected={950 * DAY: 1e6})
    source = ScriptedSource({"A": market}, clock)
    ingestion = service(bl, clock, source)
    with pytest.raises(BarledgerError) as raised:
        ingestion.ingest("A", "1d", source="scripted", start=900 * DAY)
    assert raised.value.code == "not-enclosing"
    assert days_of(bl) == list(range(900, 950))
    done = ingestion.ingest("A", "1d", source="scripted", start=900 * DAY, on_invalid="quarantine")
    assert (done.new, done.quarantined) == (49, 1)
    assert [(one.time, one.code) for one in ingestion.quarantine(instrument="A")] == [(950 * DAY, "not-enclosing")]


def test_a_source_whose_facts_cannot_be_had_still_gives_bars(bl: BarLedger, clock: SetClock) -> None:
    class Shy(ScriptedSource):
        def facts(self, request: FetchRequest) -> None:  # noqa: ARG002 - of nobody
            raise SourceUnavailable(source="scripted", detail="no facts now")

    source = Shy({"A": Market(listed=990 * DAY)}, clock)
    assert service(bl, clock, source).ingest("A", "1d", source="scripted").new == 10
