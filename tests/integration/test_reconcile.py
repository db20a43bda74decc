"""What a source says now is compared with what is held, bar by bar, and every difference is of a kind."""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from barledger.barledger import BarLedger
from barledger.domain.action import CorporateAction
from barledger.domain.comparison import Tolerance
from barledger.domain.discrepancy import KINDS
from barledger.domain.rows import Ints, Rows
from barledger.domain.timeframe import DAY, HOUR, Timeframe
from barledger.errors import (
    AmbiguousSource,
    InvalidSetting,
    ReadOnly,
    SeriesNotFound,
    SourceNotFound,
    SourceUnavailable,
)
from barledger.services.ingestion import Budget
from barledger.services.integrity.report import Report
from barledger.stores.memory import MemoryStore
from integrity import Rewriting, Rewritten, integrity, moved, multiplied, volumes
from scripted import NOON, Market, ScriptedSource, SetClock, clocked, service, tolerant

PRICES = ("open", "high", "low", "close")


@pytest.fixture
def clock() -> SetClock:
    return SetClock(1_000 * DAY + NOON)


@pytest.fixture
def bl(clock: SetClock) -> Iterator[BarLedger]:
    opened = clocked(MemoryStore(), clock)
    yield opened
    opened.close()


def loaded(bl: BarLedger, clock: SetClock, market: Market | None = None, **declared: object) -> ScriptedSource:
    """Ingest 300 days of a market, unless another one is given, and forget what was asked for it."""
    source = ScriptedSource({"A": market or Rewritten(listed=700 * DAY)}, clock, page=60, **declared)  # type: ignore[arg-type]
    service(bl, clock, source).ingest("A", source.markets["A"].timeframe.name, source="scripted")
    source.requests.clear()
    return source


def rewritten(bl: BarLedger, clock: SetClock, rewrite: Rewriting, **declared: object) -> Report:
    """Load a market, rewrite its past, and reconcile."""
    source = loaded(bl, clock, **declared)
    market = source.markets["A"]
    assert isinstance(market, Rewritten)
    market.rewrite = rewrite
    return integrity(bl, clock, source).reconcile("A", "1d")


def only(report: Report) -> object:
    (one,) = report.discrepancies
    return one


# --- the kinds -----------------------------------------------------------------------------------


def test_the_kinds_are_those_that_are_documented() -> None:
    named = "correction restatement shift relabelled withdrawn added volume_only truncated"
    assert set(KINDS) == set(named.split())


def test_a_source_that_says_the_same_has_no_discrepancies(bl: BarLedger, clock: SetClock) -> None:
    source = loaded(bl, clock)
    report = integrity(bl, clock, source).reconcile("A", "1d")
    assert (report.ok, report.compared, report.identical, report.jitter, report.discrepancies) == (
        True, 300, 300, 0, ()
    )  # fmt: skip
    assert len(bl.cache.versions("A", "1d")[0].revisions) == 5
    assert "300 identical" in str(report)


@pytest.mark.parametrize(
    ("rewrite", "kind", "fields", "factor", "bars"),
    [
        (multiplied(0.25, 0, 950), "restatement", PRICES, 0.25, 250),
        (multiplied(0.97, 0, 900), "restatement", PRICES, 0.97, 200),
        (multiplied(100.0, 800, 850), "restatement", PRICES, 100.0, 50),
        (multiplied(0.01, 0, 2_000), "restatement", PRICES, 0.01, 300),
        (multiplied(1.25, 740, 1_000), "restatement", PRICES, 1.25, 260),
        (volumes(100.0), "volume_only", ("volume",), 100.0, 300),
        (volumes(1.5, every=4), "volume_only", ("volume",), 1.5, 75),
        (moved(-DAY), "shift", ("time",), None, 300),
        (moved(DAY), "relabelled", ("time",), None, 300),
        (moved(DAY, 800 * DAY, 900 * DAY), "shift", ("time",), None, 100),
    ],
)
def test_a_rewritten_past_is_one_event(
    bl: BarLedger, clock: SetClock, rewrite: Rewriting, kind: str, fields: tuple[str, ...], factor: float, bars: int
) -> None:
    report = rewritten(bl, clock, rewrite)
    (one,) = report.discrepancies
    assert (one.kind, one.fields, one.bars) == (kind, fields, bars)
    assert one.factor == (None if factor is None else pytest.approx(factor, rel=1e-6))
    assert (one.state, one.proposal, one.against) == ("proposed", one.id, "scripted")
    assert 0.5 < one.confidence <= 0.9
    assert one.reason
    assert report.identical == 300 - bars


@pytest.mark.parametrize(
    ("factor", "volume", "looks"),
    [
        (0.5, True, "split"),
        (100.0, False, "unit"),
        (0.01, False, "unit"),
        (0.985, False, "dividend"),
        (1.13, False, "currency"),
    ],
)
def test_a_factor_says_what_it_looks_like(
    bl: BarLedger, clock: SetClock, factor: float, *, volume: bool, looks: str
) -> None:
    source = loaded(bl, clock)
    market = source.markets["A"]
    assert isinstance(market, Rewritten)
    if volume:
        market.splits.append((950 * DAY, 1 / factor))
    else:
        market.rewrite = multiplied(factor, 0, 950)
    (one,) = integrity(bl, clock, source).reconcile("A", "1d").discrepancies
    assert one.evidence["looks"] == looks
    assert one.evidence["until"] == "1972-08-08T00:00:00Z"
    assert ("volume" in one.fields) is volume


def test_a_rate_of_exchange_is_a_factor_of_each_bar(bl: BarLedger, clock: SetClock) -> None:
    def in_euro(rows: Rows, labels: Ints, _: Market) -> Rows:
        rate = 0.9 + 0.02 * np.sin(labels / DAY / 9)
        return replace(rows, open=rows.open * rate, high=rows.high * rate, low=rows.low * rate, close=rows.close * rate)

    (one,) = rewritten(bl, clock, in_euro).discrepancies
    assert (one.kind, one.evidence["looks"], one.fields) == ("restatement", "currency", PRICES)
    assert one.factor == pytest.approx(0.9, abs=0.02)


def test_corrections_withdrawals_additions_and_volumes_are_told_apart(bl: BarLedger, clock: SetClock) -> None:
    source = loaded(bl, clock, Rewritten(listed=700 * DAY, gone={880 * DAY}))
    market = source.markets["A"]
    assert isinstance(market, Rewritten)
    market.gone = {840 * DAY}
    market.corrected = {900 * DAY: 5, 950 * DAY: 7}
    market.rewrite = lambda rows, labels, _: replace(
        rows, volume=np.where(labels == 960 * DAY, rows.volume * 3, rows.volume)
    )
    report = integrity(bl, clock, source).reconcile("A", "1d")
    found = {one.kind: one for one in report.discrepancies}
    assert {kind: one.bars for kind, one in found.items()} == {
        "correction": 2, "withdrawn": 1, "added": 1, "volume_only": 1
    }  # fmt: skip
    assert found["correction"].fields == ("close",)
    assert found["correction"].evidence["largest_move"].startswith("0.000")
    assert found["added"].interval.start == 880 * DAY
    assert {kind: one.state for kind, one in found.items()} == {
        "correction": "proposed", "withdrawn": "open", "added": "proposed", "volume_only": "proposed"
    }  # fmt: skip
    assert (report.compared, report.identical) == (298, 295)


def test_a_bar_that_one_answer_lacks_waits_for_a_second(bl: BarLedger, clock: SetClock) -> None:
    source = loaded(bl, clock)
    source.markets["A"].gone = {900 * DAY, 901 * DAY}
    service_ = integrity(bl, clock, source)
    (first,) = service_.reconcile("A", "1d").discrepancies
    assert (first.kind, first.state, first.confidence, first.proposal) == ("withdrawn", "open", 0.5, None)
    (second,) = service_.reconcile("A", "1d").discrepancies
    assert (second.id, second.state, second.confidence) == (first.id, "proposed", 0.9)
    assert service_.discrepancy(second.id).diff["change"].tolist() == ["withdrawn", "withdrawn"]
    done = service_.accept(second.id, reason="a holiday")
    assert (done.withdrawn, len(bl.bars("A", "1d", source="scripted"))) == (2, 298)
    assert service_.reconcile("A", "1d").ok


def test_an_incomplete_answer_withdraws_and_truncates_nothing(bl: BarLedger, clock: SetClock) -> None:
    source = loaded(bl, clock)
    source.complete = False
    market = source.markets["A"]
    market.gone, market.listed = {900 * DAY}, 720 * DAY
    for _ in range(2):
        assert integrity(bl, clock, source).reconcile("A", "1d").discrepancies == ()


def test_less_history_is_truncated_and_not_withdrawn(bl: BarLedger, clock: SetClock) -> None:
    source = loaded(bl, clock)
    source.markets["A"].listed = 720 * DAY
    for _ in range(2):
        (one,) = integrity(bl, clock, source).reconcile("A", "1d").discrepancies
        assert (one.kind, one.state, one.bars) == ("truncated", "open", 20)
        assert (one.interval.start, one.interval.end) == (700 * DAY, 720 * DAY)
    assert len(integrity(bl, clock, source).discrepancies(state="all")) == 1


def test_a_bar_that_was_withdrawn_and_is_given_again_is_added(bl: BarLedger, clock: SetClock) -> None:
    source = loaded(bl, clock)
    bl.withdraw("A", "1d", 900 * DAY, source="scripted", reason="a typing error")
    (one,) = integrity(bl, clock, source).reconcile("A", "1d").discrepancies
    assert (one.kind, one.bars, one.evidence["withdrawn_before"]) == ("added", 1, "1")


def test_bars_that_tremble_are_jitter_and_make_no_revision(bl: BarLedger, clock: SetClock) -> None:
    source = loaded(bl, clock, tolerance=tolerant())
    before = bl.cache.versions("A", "1d")[0].revisions
    source.markets["A"].jitter = 1e-6
    report = integrity(bl, clock, source).reconcile("A", "1d", reason="a look")
    assert (report.discrepancies, report.identical + report.jitter) == ((), 300)
    assert report.jitter > 250
    assert bl.cache.versions("A", "1d")[0].revisions == before
    told = bl.audit.entries(operation="reconcile")[-1].data
    assert told["reason"] == "a look"
    assert told["A 1d from scripted"]["jitter"] == str(report.jitter)
    assert len(told["A 1d from scripted"]["jitter_bars"]) == 20


def test_bars_that_break_a_rule_are_counted_and_not_absent(bl: BarLedger, clock: SetClock) -> None:
    source = loaded(bl, clock)
    source.markets["A"].corrected = {900 * DAY: 1_000_000.0}
    for _ in range(2):
        report = integrity(bl, clock, source).reconcile("A", "1d")
        assert (report.comparisons[0].broken, report.discrepancies) == (1, ())


def test_only_closed_bars_are_compared(bl: BarLedger, clock: SetClock) -> None:
    source = loaded(bl, clock)
    clock.now += 3 * DAY
    report = integrity(bl, clock, source).reconcile("A", "1d")
    assert (report.ok, report.compared) == (True, 300)
    assert max(end for _, _, end in source.requests) <= 1_000 * DAY


# --- shifts ----------------------------------------------------------------------------------------


def test_an_hour_of_daylight_saving_is_a_shift_of_that_part_of_the_year(bl: BarLedger, clock: SetClock) -> None:
    hourly = Rewritten(timeframe=Timeframe.of("15m"), listed=990 * DAY)
    source = loaded(bl, clock, hourly)
    hourly.rewrite = moved(HOUR, 993 * DAY, 996 * DAY)
    (one,) = integrity(bl, clock, source).reconcile("A", "15m").discrepancies
    assert (one.kind, one.evidence["offset"], one.bars) == ("shift", "+1 h", 3 * 96)
    assert (one.interval.start, one.interval.end) == (993 * DAY, 996 * DAY)


@pytest.mark.parametrize(
    ("offset", "kind"), [(pd.Timedelta(days=1), "relabelled"), (pd.Timedelta(days=-1), "shift"), (None, "shift")]
)
def test_on_a_calendar_with_gaps_the_labels_tell_a_relabelling_from_a_shift(
    bl: BarLedger, clock: SetClock, offset: pd.Timedelta | None, kind: str
) -> None:
    """Labels of the close lie on the day after, a weekend too; a shift by a bar goes from one session to the next."""
    weekdays = pd.bdate_range("1972-01-03", "1972-06-30", tz="UTC")
    values = np.arange(len(weekdays)) * 7919 % 200 + 100.0
    frame = pd.DataFrame(
        {"open": values, "high": values + 2, "low": values - 2, "close": values + 1, "volume": values * 10}, weekdays
    )
    bl.write("A", "1d", frame, source="scripted")
    given = frame.shift(1).dropna() if offset is None else frame.set_axis(frame.index + offset)
    bl.write("A", "1d", given, source="other")
    (one,) = integrity(bl, clock).reconcile("A", "1d", source="scripted", against="other").discrepancies
    assert (one.kind, one.evidence.get("may_also_be")) == (kind, None)


def test_constant_bars_are_no_shift(bl: BarLedger, clock: SetClock) -> None:
    days = pd.date_range("1972-01-03", periods=100, tz="UTC")
    flat = pd.DataFrame(dict.fromkeys(("open", "high", "low", "close"), 5.0) | {"volume": 1.0}, days)
    bl.write("A", "1d", flat, source="one")
    bl.write("A", "1d", flat * 1.5, source="other")
    (one,) = integrity(bl, clock).reconcile("A", "1d", source="one", against="other").discrepancies
    assert one.kind == "restatement"


# --- known corporate actions ---------------------------------------------------------------------


def split(value: float = 4.0, day: int = 950, source: str = "desk") -> CorporateAction:
    return CorporateAction(instrument="A", ex_date=day * DAY, kind="split", source=source, value=value)


def test_a_known_split_is_believed_before_the_pattern(bl: BarLedger, clock: SetClock) -> None:
    source = loaded(bl, clock)
    source.markets["A"].splits.append((950 * DAY, 4.0))
    bl.vault.ledger.actions.record([split()], bl.vault.who("record"))
    (one,) = integrity(bl, clock, source).reconcile("A", "1d").discrepancies
    assert (one.kind, one.factor, one.confidence) == ("restatement", 0.25, 0.99)
    assert one.evidence["actions"] == ["split of 4 on 1972-08-08, told by desk"]
    assert "split of 4 on 1972-08-08" in one.reason


def test_a_split_that_the_source_tells_with_its_bars_counts_too(bl: BarLedger, clock: SetClock) -> None:
    source = loaded(bl, clock, gives_events=True)
    source.markets["A"].splits.append((950 * DAY, 4.0))
    source.markets["A"].actions.append(split(source="scripted"))
    (one,) = integrity(bl, clock, source).reconcile("A", "1d").discrepancies
    assert one.confidence == 0.99
    assert bl.vault.ledger.actions.list() == []


def test_a_split_that_explains_nothing_is_not_believed(bl: BarLedger, clock: SetClock) -> None:
    source = loaded(bl, clock)
    source.markets["A"].splits.append((950 * DAY, 4.0))
    bl.vault.ledger.actions.record([split(3.0), split(4.0, day=900, source="x")], bl.vault.who("record"))
    (one,) = integrity(bl, clock, source).reconcile("A", "1d").discrepancies
    assert (one.factor, one.confidence) == (0.25, 0.9)
    assert "no known event" in one.reason


def test_a_known_split_needs_no_more_than_one_bar(bl: BarLedger, clock: SetClock) -> None:
    source = loaded(bl, clock)
    source.markets["A"].splits.append((701 * DAY, 4.0))
    (guess,) = integrity(bl, clock, source).reconcile("A", "1d").discrepancies
    assert guess.kind == "correction"
    bl.vault.ledger.actions.record([split(day=701)], bl.vault.who("record"))
    (known,) = integrity(bl, clock, source).reconcile("A", "1d").discrepancies
    assert (known.kind, known.bars) == ("restatement", 1)
    assert integrity(bl, clock, source).discrepancy(guess.id).discrepancy.state == "superseded"


def test_several_events_in_a_row_are_one_restatement_in_steps(bl: BarLedger, clock: SetClock) -> None:
    source = loaded(bl, clock)
    market = source.markets["A"]
    held = bl.bars("A", "1d", source="scripted").rows
    close = float(held.close[held.time == 899 * DAY][0])
    dividend = CorporateAction(instrument="A", ex_date=900 * DAY, kind="cash_dividend", source="x", value=0.5)
    market.splits += [(950 * DAY, 2.0), (900 * DAY, 1 / (1 - 0.5 / close))]
    market.volume_adjusted = False
    bl.vault.ledger.actions.record([split(2.0), dividend], bl.vault.who("record"))
    (one,) = integrity(bl, clock, source).reconcile("A", "1d").discrepancies
    assert (one.confidence, len(one.evidence["steps"]), len(one.evidence["actions"])) == (0.99, 2, 2)
    assert one.factor == pytest.approx((1 - 0.5 / close) / 2)


def test_an_adjustment_that_is_taken_back_is_known_as_well(bl: BarLedger, clock: SetClock) -> None:
    source = loaded(bl, clock, Rewritten(listed=700 * DAY, splits=[(950 * DAY, 4.0)]))
    source.markets["A"].splits.clear()
    bl.vault.ledger.actions.record([split()], bl.vault.who("record"))
    (one,) = integrity(bl, clock, source).reconcile("A", "1d").discrepancies
    assert (one.factor, one.confidence) == (4.0, 0.99)


# --- what is asked for -----------------------------------------------------------------------------


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


# --- other sources -----------------------------------------------------------------------------------


def other(clock: SetClock, rewrite: Rewriting) -> ScriptedSource:
    return ScriptedSource({"A": Rewritten(listed=700 * DAY, rewrite=rewrite)}, clock, name="other", page=100)


def test_against_another_source_nothing_is_proposed(bl: BarLedger, clock: SetClock) -> None:
    source = loaded(bl, clock)
    theirs = other(clock, multiplied(1.01, 800, 803))
    service_ = integrity(bl, clock, source, theirs)
    report = service_.reconcile("A", "1d", against="other")
    (one,) = report.discrepancies
    assert (one.state, one.proposal, one.against, one.bars) == ("open", None, "other", 3)
    assert len(service_.discrepancy(one.id).rows) == 0
    assert (theirs.requests[0][0], source.requests) == ("A", [])
    again = service_.reconcile("A", "1d", against="other")
    assert again.discrepancies == (one,)
    service_.reject(one.id, reason="they are wrong")
    assert service_.reconcile("A", "1d", against="other").ok


@pytest.mark.parametrize(("factor", "found"), [(1.0009, False), (1.0011, True)])
def test_two_sources_may_differ_by_a_thousandth_of_the_price(
    bl: BarLedger, clock: SetClock, factor: float, *, found: bool
) -> None:
    source = loaded(bl, clock)
    report = integrity(bl, clock, source, other(clock, multiplied(factor, 800, 802))).reconcile(
        "A", "1d", against="other"
    )
    assert bool(report.discrepancies) is found
    assert report.jitter == (0 if found else 2)
    assert report.comparisons[0].tolerance == Tolerance(price=1e-3, volume=5e-2)


def test_the_tolerance_of_a_pair_is_set_by_field(bl: BarLedger, clock: SetClock) -> None:
    source = loaded(bl, clock)
    theirs = other(clock, multiplied(1.005, 800, 802))
    service_ = integrity(bl, clock, source, theirs)
    service_.set_tolerance("scripted", "other", price=1e-2, reason="their feed is thin")
    assert service_.reconcile("A", "1d", against="other").discrepancies == ()
    made = service_.set_tolerance("other", "scripted", price=1e-2, fields={"close": 1e-3})
    assert service_.tolerance("scripted", "other") == made
    (one,) = service_.reconcile("A", "1d", against="other").discrepancies
    assert one.fields == ("close",)
    service_.set_tolerance("scripted", "other")
    assert service_.tolerance("scripted", "other") == Tolerance(price=1e-3, volume=5e-2)
    with pytest.raises(InvalidSetting):
        service_.set_tolerance("scripted", "other", price=-1.0)
    with pytest.raises(InvalidSetting):
        service_.set_tolerance("scripted", "other", fields={"closing": 0.1})


def test_a_source_that_nobody_knows_is_refused_and_one_of_series_alone_is_not(bl: BarLedger, clock: SetClock) -> None:
    source = loaded(bl, clock)
    frame = bl.bars("A", "1d", source="scripted").df
    bl.write("OTHER", "1d", frame, source="desk")
    service_ = integrity(bl, clock, source, other(clock, multiplied(1.0, 0, 1)))
    for against in ("dezk", ["other", "dezk"]):
        with pytest.raises(SourceNotFound, match="did you mean desk") as told:
            service_.reconcile("A", "1d", source="scripted", against=against)
        assert told.value.known == ("desk", "other", "scripted")
    assert service_.discrepancies(state="all") == []
    (held,) = service_.reconcile("A", "1d", source="scripted", against="desk").comparisons
    assert (held.state, held.notes) == (
        "skipped", ("desk cannot be asked, and no bars of A 1d are held of it",)
    )  # fmt: skip
    for pair in (("scripted", "dezk"), ("oter", "scripted")):
        with pytest.raises(SourceNotFound):
            service_.set_tolerance(*pair, price=1e-2)
    assert service_.set_tolerance("desk", "scripted", price=1e-2) is not None


def test_the_tolerance_of_a_source_and_itself_is_what_it_declares_unless_set(bl: BarLedger, clock: SetClock) -> None:
    source = loaded(bl, clock, tolerance=tolerant())
    source.markets["A"].corrected = {900 * DAY: 1}
    service_ = integrity(bl, clock, source)
    assert service_.tolerance("scripted", "scripted") == tolerant()
    service_.set_tolerance("scripted", "scripted", price=1e-3)
    assert service_.reconcile("A", "1d").jitter == 1
    service_.set_tolerance("scripted", "scripted")
    assert len(service_.reconcile("A", "1d").discrepancies) == 1


def test_several_sources_and_held_ones_are_compared_each(bl: BarLedger, clock: SetClock) -> None:
    source = loaded(bl, clock)
    frame = bl.bars("A", "1d", source="scripted").df
    frame.iloc[100] *= 1.2
    bl.write("A", "1d", frame.iloc[50:], source="desk")
    service_ = integrity(bl, clock, source, other(clock, multiplied(1.0, 0, 1)))
    report = service_.reconcile("A", "1d", source="scripted", against=["other", "desk"])
    assert [(one.against, one.compared, len(one.discrepancies)) for one in report.comparisons] == [
        ("other", 300, 0),
        ("desk", 250, 1),
    ]
    assert "held" in report.comparisons[1].notes[0]
