"""Measuring series and libraries on every kind of store, at versions and over time."""

import json
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from barledger import BarLedger, connect
from barledger.domain.action import CorporateAction
from barledger.domain.comparison import Tolerance
from barledger.domain.declared import Adjusted
from barledger.domain.instrument import Facts
from barledger.domain.interval import Interval
from barledger.domain.series import Series
from barledger.domain.timeframe import DAY, HOUR, SECOND
from barledger.errors import (
    AmbiguousSource,
    FutureTime,
    InvalidInterval,
    InvalidSetting,
    InvalidTimeframe,
    NoBars,
    ReadOnly,
    SeriesNotFound,
    VersionNotFound,
)
from barledger.ledger.contract import Cover
from barledger.services.quality import QualityReport
from libraries import TurnableClock, embedded, frame

DESK = {"source": "desk"}
FIRST = {"start": 0, "end": 100 * DAY}


def lively(days: Iterable[int], factor: float = 1.0) -> pd.DataFrame:
    """Return daily bars that move as prices do; equal arguments give equal bars."""
    listed = list(days)
    close = 100 * np.exp(np.cumsum(np.random.default_rng(1).normal(0, 0.01, 200)))[listed] * factor
    bars = frame(listed)
    return bars.assign(open=close, high=close * 1.01, low=close * 0.99, close=close)


def lacking(bl: BarLedger, *days: int, count: int = 100) -> None:
    """Write a hundred days without some of them."""
    bl.write("AAPL", "1d", frame(sorted({*range(count)} - {*days})), **DESK)


def scores(report: QualityReport) -> dict[str, float | None]:
    return dict(report.scores)


def test_a_whole_record_has_the_best_scores(anywhere: BarLedger) -> None:
    lacking(anywhere)
    found = anywhere.quality_metrics.measure("AAPL", "1d", **FIRST)
    assert scores(found) == {
        "completeness": 1.0,
        "consistency": 1.0,
        "timeliness": 1.0,
        "accuracy": None,
        "integrity": 1.0,
    }
    assert found.accuracy.reason == "no other source has AAPL 1d"
    assert found.integrity.counts == {"blocks": 1, "matching": 1, "damaged": 0, "bars": 100}
    assert found.interval == Interval(0, 100 * DAY)
    assert found.revision == anywhere.bars("AAPL", "1d").revision
    assert json.loads(json.dumps(found.json()))["metrics"]["completeness"]["score"] == 1.0
    assert "1970-01-01T00:00:00Z" in str(found)
    assert "completeness 1" in repr(found)


def test_what_is_missing_is_told_with_its_reason(anywhere: BarLedger) -> None:
    lacking(anywhere, 10, 11, 50)
    anywhere.withdraw("AAPL", "1d", [7 * DAY], reason="wrong", **DESK)
    anywhere.instruments.halt("AAPL", 50 * DAY, 51 * DAY, reason="news")
    found = anywhere.quality_metrics.measure("AAPL", "1d", **FIRST, metrics="completeness").completeness
    assert found.score == 96 / 99
    assert found.counts == {"expected": 99, "present": 96, "missing": 3, "excused": 1}
    assert found.figures["reasons"] == {"never_requested": 2, "withdrawn": 1}
    assert [case.interval.start // DAY for case in found.worst] == [10, 7]


def test_removing_bars_lowers_completeness_step_by_step(in_memory: BarLedger) -> None:
    lacking(in_memory)
    before = 1.0
    for day in (3, 50, 99, 0):
        in_memory.withdraw("AAPL", "1d", [day * DAY], reason="test", **DESK)
        score = in_memory.quality_metrics.measure("AAPL", "1d", **FIRST).completeness.score
        assert score is not None
        assert score < before
        before = score
    assert before == 96 / 100


def test_a_spike_is_found(anywhere: BarLedger) -> None:
    bars = frame(range(100))
    bars.iloc[40] *= 100.0
    anywhere.write("AAPL", "1d", bars, **DESK)
    found = anywhere.quality_metrics.measure("AAPL", "1d", **FIRST).consistency
    assert found.counts["failed"] == 1
    assert found.worst[0].interval.start == 40 * DAY


def test_a_known_split_is_no_error(in_memory: BarLedger) -> None:
    bars = frame(range(100))
    bars.iloc[60:] /= 2.0
    in_memory.write("AAPL", "1d", bars, **DESK)
    assert in_memory.quality_metrics.measure("AAPL", "1d", **FIRST).consistency.counts["returns"] == 1
    split = CorporateAction(instrument="AAPL", ex_date=60 * DAY, kind="split", source="desk", value=2.0)
    in_memory.vault.ledger.actions.record([split], in_memory.vault.who("actions"))
    assert in_memory.quality_metrics.measure("AAPL", "1d", **FIRST).consistency.counts["returns"] == 0


# --- timeliness ----------------------------------------------------------------------------------


def test_a_record_falls_behind_as_the_clock_runs(anywhere: BarLedger, clock: TurnableClock) -> None:
    now = anywhere.vault.ledger.now()
    today = now // DAY
    clock.ahead -= now % DAY  # midnight, at which a day has just closed
    anywhere.write("AAPL", "1d", frame(range(today - 30, today)), **DESK)
    measure = anywhere.quality_metrics.measure
    found = measure("AAPL", "1d").timeliness
    assert (found.score, found.counts["behind"], found.figures["lag_seconds"]) == (1.0, 0, 0.0)
    clock.turn(1.25)
    found = measure("AAPL", "1d").timeliness
    assert (found.score, found.counts["behind"], found.counts["overdue"]) == (1.0, 1, 0)
    assert found.figures["lag_seconds"] == pytest.approx(6 * 3600, abs=600)
    clock.turn(0.5)
    found = measure("AAPL", "1d").timeliness
    assert (found.score, found.counts["behind"], found.counts["overdue"]) == (0.5, 1, 1)
    clock.turn(2)
    found = measure("AAPL", "1d").timeliness
    assert (found.score, found.counts["behind"], found.counts["overdue"]) == (0.25, 3, 3)
    assert found.worst[0].interval.start == today * DAY


def test_a_closed_market_is_not_late(in_memory: BarLedger, clock: TurnableClock) -> None:
    in_memory.instruments.declare("AAPL", calendar="XNYS")
    friday = pd.Timestamp("2030-11-22T21:00Z").value  # New York has just closed
    clock.ahead = friday - in_memory.vault.ledger.now()
    days = pd.bdate_range("2030-11-04", "2030-11-22").as_unit("ns").asi8 // DAY
    in_memory.write("AAPL", "1d", frame(days.tolist()), **DESK)
    clock.turn(2.5)
    found = in_memory.quality_metrics.measure("AAPL", "1d").timeliness
    assert (found.score, found.counts["behind"], found.figures["lag_seconds"]) == (1.0, 0, 0.0)
    assert found.figures["age_seconds"] == pytest.approx(2.5 * 86_400, abs=60)
    clock.turn(1.5)
    found = in_memory.quality_metrics.measure("AAPL", "1d").timeliness
    assert (found.score, found.counts["behind"], found.counts["overdue"]) == (0.5, 2, 1)


def test_a_share_that_was_delisted_is_not_late(in_memory: BarLedger) -> None:
    lacking(in_memory)
    in_memory.instruments.declare("AAPL", last_trade=100 * DAY)
    found = in_memory.quality_metrics.measure("AAPL", "1d").timeliness
    assert (found.score, found.counts["behind"]) == (1.0, 0)


def test_the_lag_at_ingestion_is_that_of_the_first_value_of_each_bar(anywhere: BarLedger, clock: TurnableClock) -> None:
    today = anywhere.vault.ledger.now() // DAY
    clock.ahead = today * DAY - anywhere.vault.ledger.now() + HOUR
    anywhere.write("AAPL", "1d", frame(range(today - 60, today)), **DESK)
    waits = []
    for day in range(today, today + 5):
        clock.turn(1 + (day - today) / 240)
        written = anywhere.write("AAPL", "1d", frame([day]), **DESK)
        waits.append((written.revision - (day + 1) * DAY) / SECOND)
    anywhere.write("AAPL", "1d", frame([today + 2], 250.0), reason="a correction, much later", **DESK)
    found = anywhere.quality_metrics.measure("AAPL", "1d").timeliness
    assert (found.counts["live"], found.counts["backfilled"], found.counts["unknown"]) == (5, 60, 0)
    told = found.figures["ingestion"]
    assert told["median_seconds"] == pytest.approx(float(np.median(waits)), abs=1e-5)
    assert told["max_seconds"] == pytest.approx(max(waits), abs=1e-5)


# --- accuracy ------------------------------------------------------------------------------------


def test_sources_that_agree_are_accurate(anywhere: BarLedger) -> None:
    lacking(anywhere)
    theirs = frame(range(20, 120))
    theirs.iloc[5, 3] *= 1.002
    anywhere.write("AAPL", "1d", theirs, source="other")
    found = anywhere.quality_metrics.measure("AAPL", "1d", **FIRST, source="desk").accuracy
    assert found.score == 79 / 80
    told = found.figures["sources"]["other"]
    assert (told["compared"], told["only_here"], told["only_there"]) == (80, 20, 0)
    assert told["fields"]["close"]["agreeing"] == 79
    wide = anywhere.quality_metrics.measure(
        "AAPL", "1d", **FIRST, source="desk", tolerance=Tolerance(price=0.01)
    ).accuracy
    assert wide.score == 1.0


def test_what_is_adjusted_differently_is_not_compared(in_memory: BarLedger) -> None:
    lacking(in_memory)
    in_memory.write("AAPL", "1d", frame(range(100), 50.0), source="vendor")
    adjusted: Adjusted = dict.fromkeys(("open", "high", "low", "close", "volume"), "splits")
    told = Facts(pattern="AAPL", origin="vendor", adjusted={"1d": adjusted})
    in_memory.vault.ledger.instruments.tell([told], in_memory.vault.who("tell"))
    found = in_memory.quality_metrics.measure("AAPL", "1d", **FIRST, source="desk").accuracy
    assert found.score is None
    assert "adjusted differently (raw here, splits there)" in found.notes[0]


# --- versions ------------------------------------------------------------------------------------


def test_a_past_state_is_measured_as_it_was(anywhere: BarLedger, clock: TurnableClock) -> None:
    anywhere.write("AAPL", "1d", lively(sorted({*range(100)} - {10, 11})), **DESK)
    snap = anywhere.snapshot("AAPL", "1d", start=0, end=100 * DAY)
    revision = anywhere.bars("AAPL", "1d").revision
    clock.turn(1)
    anywhere.write("AAPL", "1d", lively([10]), **DESK)
    anywhere.write("AAPL", "1d", lively([40], 50.0), **DESK)
    measure = anywhere.quality_metrics.measure
    assert measure("AAPL", "1d", **FIRST).completeness.score == 99 / 100
    assert measure("AAPL", "1d", **FIRST).consistency.counts["failed"] == 1
    for version in (snap.id, revision, f"revision:{revision}", pd.Timestamp(revision + 10**9, tz="UTC")):
        found = measure("AAPL", "1d", **FIRST, version=version)
        assert found.completeness.score == 98 / 100
        assert found.completeness.figures["reasons"] == {"came_later": 1, "never_requested": 1}
        assert found.consistency.score == 1.0
        assert found.revision == revision
    assert measure("AAPL", "1d", version=snap.id).integrity.score == 1.0
    first = measure("AAPL", "1d", **FIRST, version="first")
    assert first.consistency.score == 1.0
    assert first.integrity.score is None
    assert "no digest covers them" in first.integrity.reason


@pytest.mark.parametrize("version", ["2001-01-01", "revision:5"])
def test_before_the_first_write_there_is_nothing_to_measure(in_memory: BarLedger, version: str) -> None:
    lacking(in_memory)
    with pytest.warns(NoBars, match="the first were written at"):
        found = in_memory.integrity.quality("AAPL", "1d", version=version)
    assert set(scores(found).values()) == {None}
    assert all("the first were written at" in metric.reason for metric in found)
    (alike,) = in_memory.quality_metrics.measure_library(version=version)
    assert set(scores(alike).values()) == {None}


def test_digests_that_nobody_kept_are_not_made_up(in_memory: BarLedger) -> None:
    lacking(in_memory)
    revision = in_memory.bars("AAPL", "1d").revision
    in_memory.write("AAPL", "1d", frame([40], 300.0), **DESK)
    found = in_memory.quality_metrics.measure("AAPL", "1d", **FIRST, version=revision).integrity
    assert found.score is None
    assert "neither" in found.reason
    assert in_memory.quality_metrics.measure("AAPL", "1d", **FIRST).integrity.score == 1.0


def test_a_named_version_has_no_clock(in_memory: BarLedger) -> None:
    in_memory.write("AAPL", "1d", frame(range(100)), version="mine", **DESK)
    found = in_memory.quality_metrics.measure("AAPL", "1d", version="mine")
    assert found.timeliness.score is None
    assert found.consistency.score == 1.0
    assert found.integrity.score == 1.0


def test_other_sources_of_a_snapshot_are_those_that_it_pins(in_memory: BarLedger) -> None:
    lacking(in_memory)
    in_memory.write("AAPL", "1d", frame(range(100)), source="other")
    alone = in_memory.snapshot("AAPL", "1d", source="desk")
    found = in_memory.quality_metrics.measure("AAPL", "1d", version=alone.id).accuracy
    assert found.score is None
    assert "pins no other source" in found.reason


# --- history -------------------------------------------------------------------------------------


def test_what_was_measured_can_be_plotted(anywhere: BarLedger, clock: TurnableClock) -> None:
    lacking(anywhere, 10, 11)
    first = anywhere.quality_metrics.measure("AAPL", "1d", **FIRST)
    assert first.recorded
    clock.turn(1)
    anywhere.write("AAPL", "1d", frame([10]), **DESK)
    second = anywhere.quality_metrics.measure("AAPL", "1d", **FIRST)
    unkept = anywhere.quality_metrics.measure("AAPL", "1d", **FIRST, record=False)
    assert not unkept.recorded
    anywhere.quality_metrics.measure("AAPL", "1d", **FIRST, version="first")
    history = anywhere.quality_metrics.history("AAPL", "1d", metric="completeness")
    assert history.values() == [(first.measured_at, 0.98), (second.measured_at, 0.99)]
    assert history.df["completeness"].tolist() == [0.98, 0.99]
    assert list(history.df.columns) == ["completeness"]
    since = anywhere.quality_metrics.history("AAPL", "1d", since=second.measured_at)
    assert [one.measured_at for one in since] == [second.measured_at]
    assert since.points[0].told["completeness"]["counts"]["missing"] == 1
    assert since.points[0].told["accuracy"]["reason"] == "no other source has AAPL 1d"
    assert len(anywhere.quality_metrics.history("AAPL", "1d", version=None)) == 3
    assert "2 measurements" in repr(history)
    assert json.dumps(history.json())


def test_a_library_that_can_only_be_read_is_measured_and_keeps_nothing(tmp_path: Path) -> None:
    with embedded(tmp_path) as bl:
        lacking(bl, 10)
    with connect(tmp_path, ledger=f"sqlite:///{tmp_path / 'ledger.sqlite'}", read_only=True) as bl:
        found = bl.quality_metrics.measure("AAPL", "1d", **FIRST)
        assert found.completeness.score == 0.99
        assert not found.recorded
        assert len(bl.quality_metrics.history("AAPL", "1d")) == 0
        with pytest.raises(ReadOnly):
            bl.quality_metrics.measure("AAPL", "1d", record=True)


# --- libraries -----------------------------------------------------------------------------------


def test_a_library_is_summed_up(anywhere: BarLedger) -> None:
    lacking(anywhere, 10)
    anywhere.write("IBM", "1d", frame(range(100)), **DESK)
    anywhere.write("IBM", "1h", frame(range(3)), **DESK)
    found = anywhere.quality_metrics.measure_library(timeframe="1d", **FIRST)
    assert [str(one.series) for one in found] == ["AAPL 1d from desk", "IBM 1d from desk"]
    summary = found.summary["completeness"]
    assert (summary.measured, summary.unmeasured, summary.mean, summary.lowest) == (2, 0, 0.995, 0.99)
    assert str(summary.worst) == "AAPL 1d from desk"
    assert found.summary["accuracy"].mean is None
    assert found.df["completeness"].tolist() == [0.99, 1.0]
    assert all(one.recorded for one in found)
    assert len(anywhere.quality_metrics.measure_library()) == 3
    assert len(anywhere.quality_metrics.measure_library("I*", metrics="completeness")) == 2
    assert json.dumps(found.json())
    with pytest.raises(SeriesNotFound):
        anywhere.quality_metrics.measure_library("X*")


def test_a_library_of_nothing_is_measured(in_memory: BarLedger) -> None:
    assert len(in_memory.quality_metrics.measure_library()) == 0


def test_a_series_that_cannot_be_measured_stops_no_other(in_memory: BarLedger) -> None:
    lacking(in_memory)
    in_memory.write("TOKYO", "1d", frame(range(100)), **DESK)
    in_memory.instruments.declare("TOKYO", calendar="XTKS")  # which reaches back to 1997
    found = in_memory.quality_metrics.measure_library(**FIRST)
    assert len(found) == 2
    tokyo = found.reports[1]
    assert tokyo.completeness.score is None
    assert "XTKS" in tokyo.completeness.reason
    assert (tokyo.consistency.score, tokyo.integrity.score) == (1.0, 1.0)


# --- bad input -----------------------------------------------------------------------------------


def test_wrong_questions_are_refused(in_memory: BarLedger) -> None:
    lacking(in_memory)
    measure = in_memory.quality_metrics.measure
    with pytest.raises(SeriesNotFound):
        measure("NEVER", "1d")
    with pytest.raises(SeriesNotFound):
        measure("AAPL", "1d", source="nobody")
    with pytest.raises(InvalidTimeframe):
        measure("AAPL", "1x")
    with pytest.raises(InvalidSetting, match="beauty"):
        measure("AAPL", "1d", metrics=["beauty"])
    with pytest.raises(InvalidInterval):
        measure("AAPL", "1d", start=10, end=5)
    with pytest.raises(VersionNotFound):
        measure("AAPL", "1d", version="snap-unknown")
    with pytest.raises(FutureTime):
        measure("AAPL", "1d", version="2200-01-01")
    with pytest.raises(InvalidSetting):
        in_memory.quality_metrics.history("AAPL", "1d", metric="beauty")
    in_memory.write("AAPL", "1d", frame(range(5)), source="other")
    with pytest.raises(AmbiguousSource):
        measure("AAPL", "1d")
    assert len(in_memory.quality_metrics.history("AAPL", "1d", source="desk")) == 0


def test_a_series_that_was_only_asked_for_is_wholly_missing(in_memory: BarLedger) -> None:
    series = Series.of("AAPL", "1d", "feed")
    cover = Cover(series=series, interval=Interval(0, 10 * DAY), outcome="fetch_failed", detail="down")
    in_memory.vault.ledger.catalog.cover([cover], in_memory.vault.who("ingest"))
    found = in_memory.quality_metrics.measure("AAPL", "1d", start=0, end=10 * DAY)
    assert (found.completeness.score, found.completeness.figures["reasons"]) == (0.0, {"fetch_failed": 10})
    assert found.consistency.score is None
    assert found.integrity.score is None
    assert found.timeliness.counts["behind"] == 10


def test_an_empty_interval_has_no_scores(in_memory: BarLedger) -> None:
    lacking(in_memory)
    found = in_memory.quality_metrics.measure("AAPL", "1d", start=5 * DAY, end=5 * DAY)
    assert found.completeness.score is None
    assert found.consistency.score is None


def test_real_bars_have_three_unusual_returns(in_memory: BarLedger) -> None:
    in_memory.ingest("AAPL", "1d", source="sample", start="2000-03-01", end="2013-03-02")
    found = in_memory.quality_metrics.measure("AAPL", "1d", start="2000-03-01", end="2013-03-02").consistency
    # Two splits, and the fall of which prices cannot tell that it was none.
    dates = sorted(str(np.datetime64(case.interval.start, "ns"))[:10] for case in found.worst)
    assert dates == ["2000-06-21", "2000-09-29", "2005-02-28"]
    assert found.counts == {"bars": 3270, "passed": 3267, "failed": 3, "returns": 3, "ranges": 0, "volume": 0}
