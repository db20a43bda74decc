"""What a source is asked for when it is compared with what is held."""

from dataclasses import replace

import pytest

from barledger.barledger import BarLedger
from barledger.domain.timeframe import DAY
from barledger.errors import (
    AmbiguousSource,
    InvalidSetting,
    ReadOnly,
    SeriesNotFound,
    SourceNotFound,
    SourceUnavailable,
)
from barledger.services.ingestion import Budget
from integrity import integrity
from reconciling import loaded
from scripted import ScriptedSource, SetClock


def test_only_the_interval_and_a_neighbour_on_each_side_are_asked_for(bl: BarLedger, clock: SetClock) -> None:
    source = loaded(bl, clock)
    report = integrity(bl, clock, source).reconcile("A", "1d", start=800 * DAY, end=810 * DAY)
    assert source.requests == [("A", 799 * DAY, 810 * DAY + 1)]
    assert (report.compared, report.calls) == (12, 1)


def test_a_factor_in_a_window_makes_it_ask_for_the_whole_series(bl: BarLedger, clock: SetClock) -> None:
    """A proposal about a part of the history would leave the series on two scales."""
    source = loaded(bl, clock)
    source.markets["A"].splits.append((950 * DAY, 4.0))
    report = integrity(bl, clock, source).reconcile("A", "1d", start=930 * DAY, end=960 * DAY)
    (one,) = report.discrepancies
    assert (one.bars, one.interval.start) == (250, 700 * DAY)
    assert report.compared == 300


def test_a_bar_at_the_edge_of_the_interval_has_its_neighbours(bl: BarLedger, clock: SetClock) -> None:
    source = loaded(bl, clock)
    source.markets["A"].gone = {800 * DAY}
    (one,) = integrity(bl, clock, source).reconcile("A", "1d", start=800 * DAY, end=810 * DAY).discrepancies
    assert one.kind == "withdrawn"


def test_what_fails_is_tried_again_and_a_budget_ends_it(bl: BarLedger, clock: SetClock) -> None:
    source = loaded(bl, clock)
    source.markets["A"].corrected = {705 * DAY: 5, 990 * DAY: 5}
    source.script = [SourceUnavailable(source="scripted", detail="down")]
    report = integrity(bl, clock, source).reconcile("A", "1d", budget=Budget(calls=3))
    (comparison,) = report.comparisons
    assert (comparison.state, comparison.calls, report.not_done) == ("not_done", 3, (comparison,))
    assert (comparison.compared, report.discrepancies[0].bars) == (120, 1)
    assert sum(one.end - one.start for one in comparison.left) == 180 * DAY
    assert clock.slept


def test_a_source_that_fails_is_said_and_what_it_gave_before_is_kept(bl: BarLedger, clock: SetClock) -> None:
    source = loaded(bl, clock)
    source.markets["A"].corrected = {705 * DAY: 5}
    source.script = [None, *[SourceUnavailable(source="scripted", detail="down")] * 9]
    with pytest.raises(SourceUnavailable):
        integrity(bl, clock, source).reconcile("A", "1d")
    (one,) = integrity(bl, clock, source).discrepancies()
    assert one.kind == "correction"
    assert "down" in bl.audit.entries(operation="reconcile")[-1].data["A 1d from scripted"]["error"]


def test_bars_beyond_the_sources_history_are_left_out_and_said(bl: BarLedger, clock: SetClock) -> None:
    source = loaded(bl, clock)
    reaching = ScriptedSource(source.markets, clock, page=60, history={"1d": 50 * DAY})
    report = integrity(bl, clock, reaching).reconcile("A", "1d")
    assert (report.compared, report.discrepancies) == (49, ())
    assert "out of reach" in report.comparisons[0].notes[0]


def test_what_cannot_be_compared_is_refused(bl: BarLedger, clock: SetClock) -> None:
    source = loaded(bl, clock)
    with pytest.raises(SeriesNotFound):
        integrity(bl, clock, source).reconcile("NEVER", "1d")
    with pytest.raises(SeriesNotFound):
        integrity(bl, clock, source).reconcile("NEVER", "1d", source="scripted")
    with pytest.raises(InvalidSetting):
        integrity(bl, clock, source).reconcile("A", "1d", against=[])
    (skipped,) = integrity(bl, clock, source).reconcile("A", "1d", start=2_000 * DAY).comparisons
    assert (skipped.state, skipped.notes[0][:10]) == ("skipped", "no bar is ")
    bl.write("A", "1d", bl.bars("A", "1d").df, source="desk")
    with pytest.raises(AmbiguousSource):
        integrity(bl, clock, source).reconcile("A", "1d")
    with pytest.raises(SourceNotFound):
        integrity(bl, clock, source).reconcile("A", "1d", source="desk")
    bl.vault = replace(bl.vault, read_only=True)
    with pytest.raises(ReadOnly):
        integrity(bl, clock, source).reconcile("A", "1d", source="scripted")
