"""Jobs of the kinds that a library comes with."""

from pathlib import Path
from typing import Any

from barledger import BarLedger
from barledger.domain.timeframe import DAY
from barledger.services.schedule.runner import Runner
from libraries import frame
from schedules import HandClock, take_bars


def test_ingestion_by_schedule_goes_on_where_a_series_ends(
    bl: BarLedger, runner: Runner, clock: HandClock, tmp_path: Path
) -> None:
    file = tmp_path / "AAPL.csv"
    frame(range(19_000, 19_005)).to_csv(file, index_label="time")
    options = {"path": str(file)}
    bl.schedule.add(
        "load",
        "ingest",
        when="every 1h",
        options={"instruments": "AAPL", "timeframe": "1d", "source": "files", "source_options": options},
    )
    clock.turn(60)
    runner.step()
    frame(range(19_000, 19_008)).to_csv(file, index_label="time")
    clock.turn(60)
    runner.step()
    second, first = bl.schedule.history()
    assert (first.error, second.error) == ("", "")
    assert (first.result["new"], second.result["new"]) == (5, 3)


def test_a_source_that_fails_is_noticed(bl: BarLedger, tmp_path: Path) -> None:
    bl.write("AAPL", "1d", frame(range(19_000, 19_005)), source="files")
    gone = {"path": str(tmp_path / "gone.csv")}
    bl.schedule.add("load", "ingest", when="every 1h", options={"source": "files", "source_options": gone})
    done = bl.schedule.run_now("load")
    assert done.state == "failed"
    assert [one.notice.kind for one in bl.notifications.notices()] == ["source_failing", "job_failed"]


def test_verifying_retention_and_watching_by_schedule(bl: BarLedger) -> None:
    take_bars(bl)
    bl.instruments.declare("AAPL", calendar="24/7")
    bl.snapshot("AAPL", "1d")
    for name, kind, options in (
        ("verify", "verify", {"pattern": "A*", "snapshots": True}),
        ("retain", "retention", {"policy": [{"keep_editions": "30d"}], "dry_run": True}),
        ("watch", "watch", {}),
        ("repair", "repair", {}),
        ("mirror", "mirror", {}),
    ):
        bl.schedule.add(name, kind, when="0 3 * * *", options=options)
        done = bl.schedule.run_now(name)
        assert (done.state, done.error) == ("done", "")
    verified = bl.schedule.history("verify")[0].result
    assert verified == {"verified": 2, "bars": 20}
    assert bl.schedule.history("watch")[0].result == {"lag": 1, "gap": 0}
    assert [one.notice.kind for one in bl.notifications.notices()] == ["lag"]


def test_damage_that_a_job_finds_is_critical_news(bl: BarLedger) -> None:
    take_bars(bl)
    take_bars(bl, instrument="MSFT")
    (state, _) = bl.cache.series()
    store: Any = bl.vault.store
    store.delete(state.series, "latest", [_days(19_003, 19_004)], revision=state.revision, guard=lambda: 60.0)
    bl.schedule.add("verify", "verify", when="0 3 * * *")
    done = bl.schedule.run_now("verify")
    assert done.result["damaged"] == ["AAPL 1d from desk"]
    (noticed,) = bl.notifications.notices()
    assert (noticed.notice.kind, noticed.notice.severity) == ("verification_failed", "critical")


def _days(first: int, last: int) -> Any:
    from barledger.domain.interval import Interval  # noqa: PLC0415 - for this test

    return Interval(first * DAY, last * DAY)
