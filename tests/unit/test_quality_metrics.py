"""The five metrics: values reckoned by hand, published ones, and what holds for all bars."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from barledger.domain.comparison import Tolerance
from barledger.domain.interval import Interval
from barledger.domain.quality import (
    Arrivals,
    Case,
    Lag,
    Metric,
    accuracy,
    check_metrics,
    compare_sources,
    completeness,
    consistency,
    due_after,
    integrity,
    live,
    spoken,
    timeliness,
    unmeasured,
)
from barledger.domain.quality.robust import local_z, modified_z, unusual
from barledger.domain.rows import Rows, constant, empty_rows
from barledger.domain.timeframe import DAY, HOUR, MINUTE, SECOND, TIMEFRAMES
from barledger.errors import InvalidSetting
from barledger.testing.bars import days, rows

D, M = TIMEFRAMES["1d"], TIMEFRAMES["1m"]


def walk(count: int, *, seed: int = 0, step: int = DAY, **columns: Any) -> Rows:
    """Return bars of a random walk."""
    random = np.random.default_rng(seed)
    close = 100 * np.exp(np.cumsum(random.normal(0, 0.01, count)))
    opened = np.append(close[:1], close[:-1])
    values: dict[str, Any] = {
        "time": step * np.arange(count),
        "open": opened,
        "high": np.maximum(opened, close) * (1 + np.abs(random.normal(0.004, 0.001, count))),
        "low": np.minimum(opened, close) * (1 - np.abs(random.normal(0.004, 0.001, count))),
        "close": close,
        "volume": np.rint(np.exp(random.normal(12, 0.4, count))),
        "revision": constant(1, count),
        "edition": constant(1, count),
    }
    return Rows(**(values | columns))


def scaled(bars: Rows, at: slice, factor: float) -> Rows:
    """Return bars of which some have other prices."""
    columns = {name: np.array(getattr(bars, name)) for name in ("open", "high", "low", "close")}
    for column in columns.values():
        column[at] *= factor
    return walk(len(bars), time=bars.time, volume=bars.volume, **columns)


# --- a metric ------------------------------------------------------------------------------------


def test_a_metric_has_a_score_in_range_or_a_reason() -> None:
    for wrong in ({"score": 1.01}, {"score": -0.1}, {"score": None}, {"score": 1.0, "reason": "why"}):
        with pytest.raises(InvalidSetting):
            Metric(name="accuracy", **wrong)  # type: ignore[arg-type]
    assert str(unmeasured("accuracy", "nobody else has it")) == "accuracy not measured: nobody else has it"


def test_what_is_not_whole_is_not_rounded_up_to_it() -> None:
    assert [spoken(score) for score in (1.0, 0.999_999_9, 0.98765, 0.0)] == ["1", "0.9999", "0.9877", "0"]


def test_unknown_metrics_are_refused() -> None:
    assert check_metrics(["integrity", "completeness"]) == ("completeness", "integrity")
    assert check_metrics("accuracy") == ("accuracy",)
    for wrong in ("beauty", ["accuracy", "x"], []):
        with pytest.raises(InvalidSetting, match="none of completeness"):
            check_metrics(wrong)


# --- completeness --------------------------------------------------------------------------------


def missing(bars: int, what: str, day: int = 0) -> Case:
    return Case(interval=Interval(day * DAY, (day + bars) * DAY), what=what, value=float(bars))


def test_completeness_is_present_by_expected() -> None:
    stretches = [missing(2, "lacking"), missing(3, "fetch_failed", 9), missing(1, "lacking", 20)]
    found = completeness(expected=24, found=18, missing=stretches, excused=[missing(7, "halted")])
    assert found.score == 18 / 24
    assert found.counts == {"expected": 24, "present": 18, "missing": 6, "excused": 7}
    assert found.figures["reasons"] == {"lacking": 3, "fetch_failed": 3}
    assert [case.what for case in found.worst] == ["fetch_failed", "lacking", "lacking"]


def test_where_nothing_is_expected_nothing_is_complete() -> None:
    found = completeness(expected=0, found=0, missing=[])
    assert found.score is None
    assert "no bar is expected" in found.reason


@given(st.integers(1, 10**9), st.data())
def test_removing_a_bar_never_raises_completeness(expected: int, data: st.DataObject) -> None:
    found = data.draw(st.integers(0, expected))
    score = completeness(expected=expected, found=found, missing=[]).score
    assert score is not None
    assert 0 <= score <= 1
    if found:
        less = completeness(expected=expected, found=found - 1, missing=[missing(1, "lacking")]).score
        assert less is not None
        assert less <= score


# --- robust statistics ---------------------------------------------------------------------------


def test_the_modified_z_score_is_by_the_published_formula() -> None:
    # Reckoned by hand: of 1..20 and 1000 the median is 11, MAD is 5, and 0.6745 * 989 / 5 = 133.4161.
    values = np.append(np.arange(1.0, 21.0), 1000.0)
    scores = modified_z(values)
    assert scores[-1] == pytest.approx(133.4161)
    assert scores[0] == pytest.approx(0.6745 * 10 / 5)
    assert scores[10] == 0


def test_few_values_are_not_judged() -> None:
    values = np.append(np.ones(18), 1e9)
    assert not modified_z(values).any()
    assert not local_z(values, np.array([18])).any()
    assert not unusual(values, 1.0).any()


def test_values_that_mostly_stand_still_may_move() -> None:
    values = np.zeros(1_000)
    values[::50] = 0.01
    values[7] = 3.0
    found = unusual(values, 10.0)
    assert np.flatnonzero(found).tolist() == [7]


def test_a_wild_year_among_calm_ones_is_no_error() -> None:
    random = np.random.default_rng(5)
    calm, wild = random.normal(0, 0.001, 5_000), random.normal(0, 0.03, 250)
    values = np.concatenate([calm, wild])
    assert (modified_z(values) > 10).sum() > 50
    assert not unusual(values, 10.0).any()


@given(st.lists(st.floats(-1e6, 1e6), min_size=0, max_size=600), st.floats(0.5, 20))
def test_scores_do_not_depend_on_place_and_unit(values: list[float], limit: float) -> None:
    array = np.array(values)
    scores = unusual(array, limit)
    assert np.isfinite(scores).all() or len(np.unique(array)) < 3 or not np.isnan(scores).any()
    assert ((scores == 0) | (scores > limit)).all()
    assert np.allclose(modified_z(array * 4.0), modified_z(array))


# --- consistency ---------------------------------------------------------------------------------


def test_clean_bars_are_consistent() -> None:
    found = consistency(walk(2_000), D)
    assert found.score == 1.0
    assert found.counts == {"bars": 2000, "passed": 2000, "failed": 0, "returns": 0, "ranges": 0, "volume": 0}


def test_a_spike_is_one_bad_bar() -> None:
    found = consistency(scaled(walk(1_000), slice(500, 501), 100.0), D)
    assert found.score == 999 / 1000
    assert (found.counts["failed"], found.counts["returns"]) == (1, 1)
    (worst,) = found.worst
    assert worst.interval == Interval(500 * DAY, 501 * DAY)
    assert "an unusual return" in worst.what


def test_a_split_is_one_bad_bar_unless_it_is_known() -> None:
    bars = scaled(walk(1_000), slice(0, 600), 2.0)
    assert consistency(bars, D).counts["failed"] == 1
    known = consistency(bars, D, explained=np.array([600 * DAY]))
    assert known.score == 1.0
    assert known.figures["explained_bars"] == 1


def test_a_range_too_wide_and_a_volume_in_another_unit_are_found() -> None:
    bars = walk(1_000)
    high, volume = np.array(bars.high), np.array(bars.volume)
    high[300] *= 5
    volume[700] *= 1000
    found = consistency(walk(1_000, high=high, volume=volume), D)
    assert (found.counts["ranges"], found.counts["volume"], found.counts["failed"]) == (1, 1, 2)
    assert found.score == 998 / 1000


def test_broken_rules_are_counted_by_their_names() -> None:
    bars = walk(100)
    low, volume = np.array(bars.low), np.array(bars.volume)
    low[3] = bars.high[3] + 1
    volume[4] = -1.0
    low[5] = 0.0
    found = consistency(walk(100, low=low, volume=volume), D)
    assert found.counts["high-below-low"] == 1
    assert found.counts["negative-volume"] == 1
    assert found.counts["non-positive"] == 1
    assert found.counts["failed"] == 3


def test_nights_are_compared_with_nights() -> None:
    random = np.random.default_rng(3)
    count, night = 390, 40
    steps = random.normal(0, 0.0005, count * night)
    steps[::count] = random.normal(0, 0.02, night)
    close = 50 * np.exp(np.cumsum(steps))
    at = (DAY * np.arange(night)[:, None] + MINUTE * np.arange(count)).reshape(-1)
    flat = {"open": close, "high": close, "low": close, "close": close}
    found = consistency(walk(len(close), time=at, **flat), M)
    assert found.score == 1.0
    assert not unusual(np.diff(np.log(close)), 10.0).any() or found.counts["returns"] == 0


def test_of_few_bars_only_the_rules_are_checked() -> None:
    found = consistency(scaled(walk(10), slice(5, 6), 100.0), D)
    assert found.score == 1.0
    assert "fewer than" in found.notes[0]
    assert consistency(empty_rows(), D).score is None


def test_missing_values_are_not_wrong() -> None:
    bars = walk(500)
    close, volume = np.array(bars.close), np.full(500, np.nan)
    close[100:110] = np.nan
    found = consistency(walk(500, close=close, volume=volume), D)
    assert found.score == 1.0
    assert "no bar has a volume" in found.notes[0]


@given(st.integers(0, 400), st.integers(0, 2**32), st.data())
def test_consistency_is_a_share_and_a_broken_bar_lowers_it(count: int, seed: int, data: st.DataObject) -> None:
    bars = rows(days(0, count), seed=seed)
    score = consistency(bars, D).score
    if not count:
        assert score is None
        return
    assert score is not None
    assert 0 <= score <= 1
    at = data.draw(st.integers(0, count - 1))
    low = np.array(bars.low)
    low[at] = -1.0
    assert (consistency(rows(days(0, count), seed=seed, low=low), D).score or 0.0) <= score


@given(st.integers(20, 600), st.integers(0, 2**32), st.sampled_from([0.25, 2.0, 1024.0]))
def test_another_currency_is_as_consistent(count: int, seed: int, factor: float) -> None:
    bars = walk(count, seed=seed)
    assert consistency(scaled(bars, slice(0, count), factor), D).score == consistency(bars, D).score


# --- timeliness ----------------------------------------------------------------------------------


def lag(bars: int, overdue: int) -> Lag:
    return Lag(bars=bars, overdue=overdue, seconds=60.0 * bars, age_seconds=60.0 * bars)


@pytest.mark.parametrize(("overdue", "score"), [(0, 1.0), (1, 0.5), (3, 0.25), (9, 0.1)])
def test_timeliness_falls_with_every_overdue_bar(overdue: int, score: float) -> None:
    found = timeliness(lag(overdue + 1, overdue), None, M)
    assert found.score == score
    assert (found.counts["behind"], found.counts["overdue"]) == (overdue + 1, overdue)
    assert found.figures["lag_seconds"] == 60.0 * (overdue + 1)


def test_a_minute_may_be_a_minute_late_and_a_day_half_a_day() -> None:
    frames = ("1m", "1h", "12h", "1d", "1w", "1M")
    hours = [due_after(TIMEFRAMES[name]) / HOUR for name in frames]
    assert hours == [1 / 60, 1, 12, 12, 12, 12]


def arrivals(came: list[int], *, step: int = MINUTE, first: int = 0) -> Arrivals:
    """Return bars that came so many seconds after their close."""
    times = first + step * np.arange(len(came))
    closes = times + step
    arrived = closes + SECOND * np.array(came, np.int64)
    return Arrivals(times=times, closes=closes, came=arrived, bars_late=(arrived - closes) // step)


def test_the_distribution_of_the_lag_is_that_of_live_bars() -> None:
    waits = [*range(1, 101)]
    found = timeliness(lag(0, 0), arrivals(waits, step=HOUR), TIMEFRAMES["1h"])
    # By linear interpolation between the sorted waits 1..100.
    assert found.figures["ingestion"] == {
        "median_seconds": 50.5,
        "p90_seconds": 90.1,
        "p99_seconds": 99.01,
        "max_seconds": 100.0,
    }
    assert (found.counts["live"], found.counts["backfilled"]) == (100, 0)


def test_a_history_that_is_loaded_is_no_lag() -> None:
    # 30 days of hours in one revision, then one hour after the other, each 20 s late.
    loaded = 720
    times = HOUR * np.arange(loaded + 50)
    closes = times + HOUR
    came = closes + 20 * SECOND
    came[:loaded] = closes[loaded - 1] + 20 * SECOND
    late = (came - closes) // HOUR
    found = timeliness(lag(0, 0), Arrivals(times=times, closes=closes, came=came, bars_late=late), TIMEFRAMES["1h"])
    assert (found.counts["live"], found.counts["backfilled"]) == (50, loaded)
    assert found.figures["ingestion"]["max_seconds"] == 20.0


def test_the_last_chunk_of_a_load_is_no_lag_either() -> None:
    # A load in chunks, ten seconds each: the last one holds the bars of the last hours only.
    times = MINUTE * np.arange(30_000)
    closes = times + MINUTE
    end = int(closes[-1])
    came = np.concatenate([np.full(10_000, end + at * 10 * SECOND) for at in range(3)])
    late = (came - closes) // MINUTE
    found = live(Arrivals(times=times, closes=closes, came=came, bars_late=late), M)
    assert not found.any()


def test_what_fills_a_gap_is_no_lag() -> None:
    given = arrivals([5, 5, 500, 5, 5])
    assert live(given, M).tolist() == [True, True, False, True, True]


def test_polls_that_bring_many_bars_are_live() -> None:
    # Every quarter of an hour comes what closed since, and so does a day that was late.
    waits = [60 * (15 - at % 15) for at in range(1_440)]
    assert live(arrivals(waits), M).all()
    given = arrivals([3 * 86_400, 60, 60], step=DAY)
    assert live(given, D).tolist() == [False, True, True]
    assert live(arrivals([86_000, 60, 60], step=DAY), D).all()


@given(st.lists(st.integers(0, 20 * 86_400), max_size=200), st.sampled_from([MINUTE, HOUR, DAY]))
def test_live_bars_are_told_apart_without_regard_to_anything_but_when_they_came(waits: list[int], step: int) -> None:
    given_ = arrivals(waits, step=step)
    frame = {MINUTE: M, HOUR: TIMEFRAMES["1h"], DAY: D}[step]
    found = timeliness(lag(0, 0), given_, frame)
    assert found.counts["live"] + found.counts["backfilled"] == len(waits)
    kept = live(given_, frame)
    later = np.append(np.minimum.accumulate(given_.came[::-1])[::-1][1:], np.iinfo(np.int64).max) if waits else []
    assert not (kept & (np.asarray(later) < given_.came)).any() if waits else True
    if found.figures["ingestion"] is not None:
        values = list(found.figures["ingestion"].values())
        assert values == sorted(values)


# --- accuracy ------------------------------------------------------------------------------------


def test_accuracy_is_the_share_of_bars_that_agree() -> None:
    mine = rows(days(0, 10), seed=1)
    close, volume = np.array(mine.close), np.array(mine.volume)
    close[2] *= 1.01
    volume[5] *= 1.2
    volume[6] *= 1.04
    theirs = rows(days(0, 10), seed=1, close=close, volume=volume)
    found = accuracy([compare_sources("other", mine, theirs)], D)
    assert found.score == 8 / 10
    assert found.counts == {"compared": 10, "agreeing": 8, "sources": 1, "differing": 2}
    told = found.figures["sources"]["other"]
    assert told["fields"]["open"] == {"compared": 10, "agreeing": 10, "share": 1.0, "median": 0.0, "p99": 0.0}
    # 0.01 / 1.01 is the only difference of ten: the 99th percentile lies 0.91 of the way from the ninth to it.
    assert told["fields"]["close"]["p99"] == pytest.approx(0.91 * 0.01 / 1.01)
    assert told["fields"]["close"]["median"] == 0.0
    assert told["fields"]["volume"]["agreeing"] == 9
    assert found.worst[0].what == "close differs from other by 0.99%"


def test_without_another_source_there_is_no_accuracy() -> None:
    assert accuracy([], D).score is None
    apart = compare_sources("other", rows(days(0, 5)), rows(days(5, 9)))
    found = accuracy([apart], D)
    assert found.score is None
    assert "no bar can be compared with one of other" in found.reason
    assert found.figures["sources"]["other"] == {
        "compared": 0,
        "only_here": 5,
        "only_there": 4,
        "fields": dict.fromkeys(("open", "high", "low", "close", "volume")),
    }


def test_fields_that_one_lacks_are_not_compared() -> None:
    mine = rows(days(0, 4), seed=1, volume=np.full(4, np.nan))
    theirs = rows(days(0, 4), seed=1)
    agreement = compare_sources("o", mine, theirs, skipped={"close": "adjusted differently"})
    found = accuracy([agreement], D)
    assert found.score == 1.0
    assert set(found.figures["sources"]["o"]["fields"]) == {"open", "high", "low", "volume"}
    assert found.figures["sources"]["o"]["fields"]["volume"] is None
    assert found.notes == ("close not compared with o: adjusted differently",)


def test_several_sources_count_bar_by_bar() -> None:
    mine = rows(days(0, 4), seed=1)
    found = accuracy(
        [
            compare_sources("same", mine, rows(days(0, 4), seed=1)),
            compare_sources("else", mine, rows(days(2, 4), seed=9)),
        ],
        D,
    )
    assert found.score == 4 / 6
    assert found.counts["sources"] == 2


@given(st.integers(0, 2**16), st.floats(0, 0.2), st.floats(0, 0.2))
def test_a_wider_tolerance_never_lowers_accuracy(seed: int, narrow: float, more: float) -> None:
    random = np.random.default_rng(seed)
    mine = rows(days(0, 30), seed=seed)
    theirs = rows(days(0, 30), seed=seed, close=mine.close * (1 + random.normal(0, 0.05, 30)))
    scores = [
        accuracy([compare_sources("o", mine, theirs, tolerance=one)], D, tolerance=one).score
        for one in (Tolerance(price=narrow), Tolerance(price=narrow + more))
    ]
    assert scores[0] is not None
    assert scores[1] is not None
    assert 0 <= scores[0] <= scores[1] <= 1
    back = compare_sources("o", theirs, mine, tolerance=Tolerance(price=narrow))
    assert accuracy([back], D, tolerance=Tolerance(price=narrow)).score == scores[0]


# --- integrity -----------------------------------------------------------------------------------


def test_integrity_is_the_share_of_blocks_that_match() -> None:
    damaged = [Case(interval=Interval(0, DAY), what="its digest is another", value=1.0)]
    found = integrity(blocks=8, bars=100, damaged=damaged, verified_at=77, before=[0, 5, 9])
    assert found.score == 7 / 8
    assert found.counts == {"blocks": 8, "matching": 7, "damaged": 1, "bars": 100}
    assert found.figures == {"verified_at": "77", "never_verified_before": 6, "oldest_check_before": "5"}
    assert integrity(blocks=0, bars=0, damaged=[], verified_at=1).score is None
    assert integrity(blocks=3, bars=9, damaged=[], verified_at=1, reason="no digests").reason == "no digests"


@given(st.integers(1, 10_000), st.integers(0, 20_000))
def test_a_damaged_block_never_raises_integrity(blocks: int, wrong: int) -> None:
    def score(count: int) -> float:
        cases = [Case(interval=Interval(0, 1), what="damaged", value=float(count))] if count else []
        return integrity(blocks=blocks, bars=0, damaged=cases, verified_at=1).score or 0.0

    assert 0 <= score(wrong + 1) <= score(wrong) <= 1
