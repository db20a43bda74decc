"""Jobs that were asked for: one process works on each, what it stored stays, and what it made can be fetched."""

import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from threading import Event, Thread
from typing import Any

import numpy as np
import pyarrow.csv as pc
import pyarrow.parquet as pq
import pytest

from barledger import BarLedger, connect, faults
from barledger.barledger import open_barledger
from barledger.domain.job import Job
from barledger.errors import (
    BarledgerError,
    CapabilityMissing,
    FutureTime,
    InvalidInterval,
    InvalidSetting,
    InvalidSpec,
    JobFileNotFound,
    JobKindMissing,
    JobUnfinished,
    QueueFull,
    SeriesNotFound,
    SourceNotFound,
    VersionNotFound,
)
from barledger.services.jobs import results
from barledger.services.jobs.assignment import Assignment
from barledger.services.retrieval.export import verify_export
from barledger.services.schedule import JobKind
from barledger.settings import Settings
from commands import Cli
from libraries import embedded, frame, killed_at

DAYS = range(300)


@pytest.fixture
def bl(home: Path) -> Iterator[BarLedger]:
    """A library in the data folder, with bars of two instruments."""
    with connect(home) as made:
        made.write("AAPL", "1d", frame(DAYS), source="desk")
        made.write("MSFT", "1d", frame(DAYS, 50.0), source="desk")
        yield made


def done(bl: BarLedger, kind: str, /, **options: Any) -> Job:
    """Ask for a job, and work until it has ended."""
    job = bl.jobs.submit(kind, options)
    work(bl)
    return bl.jobs.get(job.id)


def work(bl: BarLedger) -> None:
    """Do the jobs that wait, in this thread."""
    bl.jobs.runner(workers=1, spawn=lambda call, _: call()).step()


def until(condition: Callable[[], bool]) -> None:
    """Wait for what another thread does."""
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline, "it did not come to pass"
        time.sleep(0.01)


# --- the kinds -------------------------------------------------------------------------------------


def test_an_ingestion_stores_a_stretch_and_tells_how_far_it_is(bl: BarLedger) -> None:
    job = done(bl, "ingest", instruments=["IBM"], timeframe="1d", source="sample", start="2004-01-01", end="2005-01-01")
    assert job.state == "done", job.error
    assert job.result["new"] == len(bl.bars("IBM", "1d")) > 200
    assert job.progress.done == job.progress.total > 0
    again = done(
        bl, "ingest", instruments=["IBM"], timeframe="1d", source="sample", start="2004-01-01", end="2005-01-01"
    )
    assert again.result["new"] == 0


def test_what_a_job_does_is_signed_by_whoever_asked_for_it(bl: BarLedger) -> None:
    bl.acting_as("key:desk").jobs.submit(
        "ingest", {"instruments": ["IBM"], "timeframe": "1d", "source": "sample", "start": "2005-01-01"}
    )
    work(bl)
    writes = [one for one in bl.vault.ledger.audit.entries() if "IBM" in one.body and one.operation != "submit-job"]
    assert {one.actor for one in writes} == {"key:desk"}


def test_an_ingestion_that_finds_nothing_of_its_source_has_failed(bl: BarLedger) -> None:
    job = done(bl, "ingest", instruments=["NOSUCH"], timeframe="1d", source="sample", start="2004-01-01")
    assert (job.state, job.code) == ("failed", "data-not-found")
    assert "NOSUCH" in job.error
    assert job.next_step
    (notice,) = bl.notifications.notices()
    assert (notice.notice.kind, notice.notice.about) == ("job_failed", job.id)


def test_a_verification_of_snapshots_or_series_counts_their_bars(bl: BarLedger) -> None:
    pinned = bl.snapshot("AAPL", "1d")
    job = done(bl, "verify", versions=[pinned.id])
    assert job.instruments == ("AAPL",)
    assert (job.result["bars"], job.result["ok"], job.result["verified"]) == (len(DAYS), True, 1)
    assert done(bl, "verify", pattern="*").result["bars"] == 2 * len(DAYS)


def test_a_reconciliation_compares_with_the_source(bl: BarLedger) -> None:
    bl.ingest("IBM", "1d", source="sample", start="2004-01-01", end="2005-01-01")
    job = done(bl, "reconcile", pattern="IBM", source="sample", latest="0s")
    assert job.state == "done", job.error
    assert job.result["identical"] > 0
    assert job.progress.done == job.progress.total == job.result["blocks"] > 0


@pytest.mark.parametrize(
    ("kind", "more"),
    [("batch_indicators", {"timeframe": "1d", "indicators": ["sma(5)"]}), ("export", {"timeframes": ["1d"]})],
)
def test_a_job_that_is_cancelled_in_its_only_step_leaves_no_file(
    bl: BarLedger, home: Path, kind: str, more: dict[str, Any]
) -> None:
    job = bl.jobs.submit(kind, {"instruments": ["AAPL"], **more})
    faults.install(lambda point: bl.jobs.cancel(job.id) if point == "queue.files-made" else None)
    try:
        work(bl)
    finally:
        faults.install(None)
    ended = bl.jobs.get(job.id)
    assert (ended.state, dict(ended.result)) == ("cancelled", {})
    assert not list(results.jobs_folder(home).iterdir())


def test_an_export_leaves_files_that_are_what_their_manifest_says(bl: BarLedger) -> None:
    job = done(bl, "export", instruments=["AAPL", "MSFT"], timeframes=["1d"], format="csv", version="latest")
    assert job.state == "done", job.error
    names = {one["name"] for one in job.result["files"]}
    assert names == {"AAPL-1d.csv", "MSFT-1d.csv", "manifest.json"}
    paths = [bl.jobs.file(job.id, name) for name in names]
    assert verify_export(paths[0].parent).ok
    assert job.result["bars"] == 2 * len(DAYS)
    for wrong in ("../../barledger.toml", "", "other.csv"):
        with pytest.raises(JobFileNotFound):
            bl.jobs.file(job.id, wrong)


@pytest.mark.parametrize("form", ["parquet", "csv"])
def test_indicators_of_many_instruments_are_one_table(bl: BarLedger, form: str) -> None:
    job = done(
        bl, "batch_indicators", instruments=["AAPL", "MSFT", "NONE"], timeframe="1d", indicators=["sma(5)"], format=form
    )
    assert job.state == "done", job.error
    assert (job.result["instruments"], job.result["failed"]) == (2, 1)
    path = bl.jobs.file(job.id, f"indicators.{form}")
    table = pq.read_table(path) if form == "parquet" else pc.read_csv(path)
    mine = table.filter([name == "MSFT" for name in table["instrument"].to_pylist()])
    expected = bl.indicators.calculate("sma(5)", "MSFT", "1d").df.iloc[:, 0]
    assert mine.num_rows == len(expected)
    assert mine.column(2).to_pylist()[-1] == pytest.approx(expected.iloc[-1], rel=1e-12)


def test_a_column_that_fails_is_empty_and_told_of_while_the_others_are_there(bl: BarLedger) -> None:
    frame = bl.bars("AAPL", "1d").df[["open", "high", "low", "close", "volume"]]
    bl.write("HOLE", "1d", frame.assign(volume=frame["volume"].where(np.arange(len(frame)) != 10)), source="x")
    specs, names = ["sma(5)", "obv"], ["HOLE", "AAPL"]
    bl.instruments.declare("*", calendar="XNYS")
    job = done(bl, "batch_indicators", instruments=names, timeframe="1d", indicators=specs, nan_policy="raise")
    assert job.state == "done", job.error
    assert (job.result["instruments"], job.result["failed"]) == (2, 0)
    (told,) = job.result["errors"]
    assert told.startswith("obv of HOLE: [values-missing]")
    table = pq.read_table(bl.jobs.file(job.id, "indicators.parquet"))
    assert table.column_names == job.result["columns"] == ["instrument", "time", "sma(5)", "obv"]
    for name, lacking in (("HOLE", len(frame)), ("AAPL", 0)):
        mine = table.filter([one == name for one in table["instrument"].to_pylist()])
        assert (mine["obv"].null_count, mine["sma(5)"].null_count) == (lacking, 4)


@pytest.mark.parametrize(
    ("kind", "options", "error"),
    [
        ("mystery", {}, JobKindMissing),
        ("ingest", {"instruments": ["A"], "timeframe": "1d"}, InvalidSetting),
        ("ingest", {"instruments": ["A"], "timeframe": "1d", "source": "nobody"}, SourceNotFound),
        ("ingest", {"instruments": ["A"], "timeframe": "1d", "source": "sample", "refresh": 0}, InvalidSetting),
        ("ingest", {"instruments": ["A"], "timeframe": "1d", "source": "sample", "on_change": "x"}, InvalidSetting),
        (
            "ingest",
            {"instruments": ["A"], "timeframe": "1d", "source": "sample", "start": "2005", "end": "2004"},
            InvalidInterval,
        ),
        ("ingest", {"instruments": ["A"], "timeframe": "1d", "source": "sample", "foo": 1}, InvalidSetting),
        ("ingest", {"instruments": ["IBM"], "timeframe": "1h", "source": "sample"}, CapabilityMissing),
        ("verify", {"versions": ["nothing"]}, VersionNotFound),
        ("verify", {"versions": ["nothing"], "pattern": "*"}, InvalidSetting),
        ("export", {"instruments": ["A"]}, InvalidSetting),
        ("export", {"instruments": ["AAPL", "NONE"], "timeframes": ["1d"]}, SeriesNotFound),
        ("export", {"instruments": ["AAPL"], "timeframes": ["1d", "1h"]}, SeriesNotFound),
        ("export", {"instruments": ["AAPL"], "timeframes": ["1d"], "version": "nope"}, VersionNotFound),
        ("export", {"instruments": ["AAPL"], "timeframes": ["1d"], "version": "2200-01-01"}, FutureTime),
        ("export", {"instruments": ["A"], "timeframes": ["1d"], "format": "exe"}, InvalidSetting),
        ("batch_indicators", {"instruments": ["A"], "timeframe": "1d", "indicators": ["sma("]}, InvalidSpec),
        ("batch_indicators", {"instruments": ["A"], "timeframe": "1d", "indicators": []}, InvalidSetting),
        ("batch_indicators", {"instruments": ["A", "B"], "timeframe": "1d", "indicators": ["obv"]}, SeriesNotFound),
        ("batch_indicators", {"instruments": ["X*"], "timeframe": "1d", "indicators": ["obv"]}, SeriesNotFound),
        (
            "batch_indicators",
            {"instruments": ["AAPL"], "timeframe": "1d", "indicators": ["obv"], "version": "nope"},
            VersionNotFound,
        ),
        (
            "batch_indicators",
            {"instruments": ["AAPL"], "timeframe": "1d", "indicators": ["correl(close, @NONE.close, 5)"]},
            SeriesNotFound,
        ),
        (
            "batch_indicators",
            {"instruments": ["A"], "timeframe": "1d", "indicators": ["obv"], "nan_policy": "x"},
            InvalidSetting,
        ),
    ],
)
def test_what_could_never_be_done_is_refused_when_it_is_asked_for(
    bl: BarLedger, kind: str, options: Mapping[str, Any], error: type[BarledgerError]
) -> None:
    with pytest.raises(error):
        bl.jobs.submit(kind, options)
    assert bl.jobs.list() == []


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("export", {"instruments": ["IBM", "AAPL"], "timeframes": ["1d"]}),
        ("batch_indicators", {"instruments": ["IBM"], "timeframe": "1d", "indicators": ["sma(5)"]}),
        ("batch_indicators", {"instruments": ["I*"], "timeframe": "1d", "indicators": ["sma(5)"]}),
    ],
)
def test_what_is_being_ingested_may_be_there_once_a_job_runs(
    bl: BarLedger, kind: str, options: Mapping[str, Any]
) -> None:
    bl.jobs.submit("ingest", {"instruments": ["IBM"], "timeframe": "1d", "source": "sample", "start": "2005-01-01"})
    job = bl.jobs.submit(kind, options)
    for _ in range(2):
        work(bl)
    assert bl.jobs.get(job.id).state == "done"


# --- the queue -------------------------------------------------------------------------------------


def test_indicators_that_need_other_instruments_are_about_those_too(bl: BarLedger) -> None:
    given = {"instruments": ["AAPL"], "indicators": ["correl(close, @MSFT.close, 5)"]}
    assert set(bl.jobs.concerned(given)) == {"AAPL", "MSFT"}


def test_a_queue_has_a_bound_and_a_result_has_to_be_there(home: Path) -> None:
    with open_barledger(home, settings=Settings(queue=1)) as bl:
        bl.write("AAPL", "1d", frame(DAYS), source="desk")
        job = bl.jobs.submit("verify", {})
        with pytest.raises(QueueFull):
            bl.jobs.submit("verify", {})
        with pytest.raises(JobUnfinished):
            bl.jobs.result(job.id)
        work(bl)
        assert bl.jobs.result(job.id)["ok"]


def test_files_of_forgotten_jobs_are_removed(home: Path) -> None:
    with open_barledger(home, settings=Settings(queue=1)) as bl:
        bl.write("AAPL", "1d", frame(DAYS), source="desk")
        first = done(bl, "export", instruments=["AAPL"], timeframes=["1d"])
        done(bl, "export", instruments=["AAPL"], timeframes=["1d"])
        assert [one.name for one in (home / "jobs").iterdir()] != [first.id]
        assert len([*(home / "jobs").iterdir()]) == 1


def test_a_job_that_raises_anything_has_failed_without_telling_it(bl: BarLedger) -> None:
    def explode(*_: Any) -> Mapping[str, Any]:
        raise RuntimeError("s3cret")

    bl.jobs.kinds.register(JobKind(name="bomb", about="explodes", run=explode))
    job = done(bl, "bomb")
    assert (job.state, job.code) == ("failed", "internal")
    assert "s3cret" not in job.error
    assert not job.next_step


# --- going on, stopping ----------------------------------------------------------------------------


class Slow:
    """A job that goes on until it is told to stop."""

    def __init__(self, bl: BarLedger) -> None:
        self.began = Event()
        bl.jobs.kinds.register(JobKind(name="slow", about="waits", run=self))

    def __call__(self, _: Any, __: Mapping[str, Any], stop: Assignment) -> Mapping[str, Any]:
        stop.tell(1, 2, "waiting")
        self.began.set()
        until(stop.is_set)
        return {"unfinished": True}


@pytest.fixture
def working(bl: BarLedger) -> Iterator[tuple[Slow, Event]]:
    """Somebody who works on the queue of a library, and can be told to stop."""
    slow, stop = Slow(bl), Event()
    thread = Thread(target=bl.jobs.run, args=(stop,), kwargs={"grace": 30})
    thread.start()
    yield slow, stop
    stop.set()
    thread.join(60)
    assert not thread.is_alive()


def test_a_job_that_runs_is_cancelled_between_its_steps(bl: BarLedger, working: tuple[Slow, Event]) -> None:
    job = bl.jobs.submit("slow")
    assert working[0].began.wait(60)
    until(lambda: bl.jobs.get(job.id).progress.text == "waiting")
    assert bl.jobs.cancel(job.id).state == "running"
    until(lambda: bl.jobs.get(job.id).state == "cancelled")


def test_a_job_of_a_process_that_stops_is_handed_over(bl: BarLedger, working: tuple[Slow, Event]) -> None:
    job = bl.jobs.submit("slow")
    assert working[0].began.wait(60)
    working[1].set()
    until(lambda: bl.jobs.get(job.id).state == "interrupted")
    bl.jobs.kinds.register(JobKind(name="unused", about="-", run=lambda *_: {}))
    with connect(bl.settings.home) as other:
        other.jobs.kinds.register(JobKind(name="slow", about="is quick here", run=lambda *_: {"quick": True}))
        work(other)
        assert other.jobs.result(job.id) == {"quick": True}


def test_a_job_whose_lease_is_over_learns_it_by_its_guard(bl: BarLedger) -> None:
    slow = Slow(bl)
    job = bl.jobs.submit("slow")
    # Nobody prolongs the lease: the work has to find out by itself.
    runner = bl.jobs.runner(lease=0.2)
    runner.step()
    until(lambda: not runner.active)
    assert slow.began.is_set()
    assert bl.jobs.get(job.id).state == "interrupted"


def test_a_job_of_a_killed_process_is_gone_on_with(tmp_path: Path) -> None:
    folder = tmp_path / "library"
    with embedded(folder) as bl:
        bl.write("AAPL", "1d", frame(DAYS), source="desk")
        job = bl.jobs.submit("verify", {})

    def begin() -> None:
        with embedded(folder) as bl:
            bl.jobs.runner(lease=0.5, spawn=lambda call, _: call()).step()

    for point in ("queue.claimed", "queue.ending"):
        assert killed_at(point, begin)
        with embedded(folder) as bl:
            until(lambda: bl.jobs.get(job.id).state == "interrupted")
    with embedded(folder) as bl:
        work(bl)
        ended = bl.jobs.get(job.id)
        assert (ended.state, ended.deaths) == ("done", 2)


# --- the command -----------------------------------------------------------------------------------


def test_the_command_lists_shows_and_cancels(cli: Cli, home: Path) -> None:
    with connect(home) as bl:
        bl.write("AAPL", "1d", frame(DAYS), source="desk")
        first = done(bl, "verify")
        second = bl.jobs.submit("verify", {"pattern": "A*"})
    assert [one["id"] for one in cli.json("jobs", "list")] == [second.id, first.id]
    assert [one["id"] for one in cli.json("jobs", "list", "--state", "queued")] == [second.id]
    shown = cli.json("jobs", "show", first.id)
    assert (shown["state"], shown["result"]["bars"]) == ("done", len(DAYS))
    assert "result verified" in cli("jobs", "show", first.id)
    assert "cancelled" in cli("jobs", "cancel", second.id)
    told = cli("audit")
    assert f"{first.id} (verify)" in told
    assert f"{second.id} (verify), cancelled" in told
    assert cli.refused("jobs", "show", "nothing", code=3)["error"] == "queued-job-not-found"
    assert cli.refused("jobs", "list", "--state", "odd", code=2)["error"] == "invalid-setting"


def test_the_command_says_why_a_job_failed_and_what_to_do(cli: Cli, home: Path) -> None:
    with connect(home) as bl:
        failed = done(bl, "ingest", instruments=["NOSUCH"], timeframe="1d", source="sample")
    shown = cli.json("jobs", "show", failed.id)
    assert (shown["code"], shown["result"]) == ("data-not-found", {})
    assert shown["next_step"] == failed.next_step != ""
    told = cli("jobs", "show", failed.id)
    assert "[data-not-found]" in told
    assert failed.next_step[:20] in told
