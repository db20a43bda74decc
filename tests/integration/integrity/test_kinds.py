"""Every difference between what a source says now and what is held is of a kind."""

from dataclasses import replace

import numpy as np
import pytest

from barledger.barledger import BarLedger
from barledger.domain.discrepancy import KINDS
from barledger.domain.rows import Ints, Rows
from barledger.domain.timeframe import DAY
from integrity import Rewriting, Rewritten, integrity, moved, multiplied, volumes
from reconciling import PRICES, loaded, rewritten
from scripted import Market, SetClock, tolerant


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
