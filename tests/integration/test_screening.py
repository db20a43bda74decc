"""Bars are looked at by themselves: on request, and before what is ingested is written."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest

from barledger.barledger import BarLedger
from barledger.domain.action import CorporateAction
from barledger.domain.finding import Finding
from barledger.domain.interval import Interval
from barledger.domain.rows import Rows
from barledger.domain.timeframe import DAY
from barledger.errors import InvalidSetting, SeriesNotFound
from barledger.services.ingestion import DataIngestionService
from barledger.services.ingestion.screening import CONTEXT
from barledger.services.integrity import DataIntegrityService
from barledger.stores.memory import MemoryStore
from integrity import heard, integrity
from scripted import NOON, SPLITS, Market, ScriptedSource, SetClock, clocked

SCRIPTED = {"source": "scripted"}


@dataclass(slots=True)
class Detector:
    """Finds bars that close above a price, as a unit error, and remembers what it was shown."""

    above: float = 1_000.0
    confidence: float = 0.99
    factor: float | None = 0.01
    shown: list[tuple[int, int, int]] = field(default_factory=list)
    told: list[dict[str, Any]] = field(default_factory=list)

    def __call__(self, rows: Rows, **more: Any) -> list[Finding]:
        self.shown.append((len(rows), int(rows.time[0]) // DAY, int(rows.time[-1]) // DAY))
        self.told.append(more)
        return [
            Finding(
                kind="unit_error",
                interval=Interval(int(rows.time[at]), int(rows.time[at]) + DAY),
                fields=("open", "high", "low", "close"),
                confidence=self.confidence,
                factor=self.factor,
                rule="a hundred times the median",
                evidence={"ratio": 100.0, "around": [1.5, None]},
            )
            for at in np.flatnonzero(rows.close > self.above)
        ]


@pytest.fixture
def clock() -> SetClock:
    return SetClock(1_000 * DAY + NOON)


@pytest.fixture
def bl(clock: SetClock) -> Iterator[BarLedger]:
    opened = clocked(MemoryStore(), clock)
    yield opened
    opened.close()


class Spiked(Market):
    """A market in which the prices of some days are in cents."""

    spikes: tuple[int, ...] = ()

    def rows(self, labels: Any) -> Rows:
        from dataclasses import replace  # noqa: PLC0415 - only here

        given = Market.rows(self, labels)
        factor = np.where(np.isin(labels // DAY, self.spikes), 100.0, 1.0)
        names = ("open", "high", "low", "close")
        return replace(given, **{name: getattr(given, name) * factor for name in names})


def screened(
    bl: BarLedger, clock: SetClock, source: ScriptedSource, findings: Callable[..., list[Finding]]
) -> tuple[DataIntegrityService, DataIngestionService]:
    made = integrity(bl, clock, source, findings=findings)
    ingestion = DataIngestionService(
        bl.vault, bl.cache, lambda *_: source, bl.instruments, timing=clock.timing, screen=made.screening
    )
    return made, ingestion


def spiked(clock: SetClock, *days: int, **declared: Any) -> ScriptedSource:
    market = Spiked(listed=800 * DAY)
    market.spikes = days
    return ScriptedSource({"A": market}, clock, page=50, **declared)


# --- inspecting ------------------------------------------------------------------------------------------


def test_a_series_is_inspected_without_its_source(bl: BarLedger, clock: SetClock) -> None:
    source, detector = spiked(clock, 850), Detector()
    screened(bl, clock, source, lambda *_, **__: [])[1].ingest("A", "1d", **SCRIPTED)
    made = integrity(bl, clock, findings=detector)
    report = made.inspect("A", "1d")
    (one,) = report.findings
    assert (one.kind, report.rows, report.certain, report.ok) == ("unit_error", 200, (one,), False)
    assert detector.shown == [(200, 800, 999)]
    assert (report.discrepancies, made.discrepancies(state="all")) == ((), [])
    assert "a hundred times the median" in str(report)
    assert made.inspect("A", "1d", start=860 * DAY).ok
    assert made.inspect("A", "1d", version="first").findings == report.findings


def test_the_detection_is_told_the_events_and_what_the_bars_are_adjusted_for(bl: BarLedger, clock: SetClock) -> None:
    split = CorporateAction(instrument="A", ex_date=900 * DAY, kind="split", source="x", value=2.0)
    bl.vault.ledger.actions.record([split], bl.vault.who("record"))
    detector = Detector()
    source = spiked(clock, adjustment=SPLITS)
    made, ingestion = screened(bl, clock, source, detector)
    ingestion.ingest("A", "1d", **SCRIPTED)
    detector.told.clear()
    made.inspect("A", "1d")
    (told,) = detector.told
    assert [one.kind for one in told["actions"]] == ["split"]
    assert (told["adjusted"], told["timeframe"].name) == (SPLITS, "1d")


def test_findings_are_kept_with_a_proposal_where_a_factor_puts_them_right(bl: BarLedger, clock: SetClock) -> None:
    source = spiked(clock, 850)
    screened(bl, clock, source, lambda *_, **__: [])[1].ingest("A", "1d", **SCRIPTED)
    made = integrity(bl, clock, findings=Detector())
    (kept,) = made.inspect("A", "1d", keep=True, reason="a look").discrepancies
    assert (kept.kind, kept.state, kept.against, kept.bars) == ("unit_error", "proposed", "", 1)
    assert (kept.confidence, kept.evidence["ratio"], kept.evidence["around"]) == (0.99, "100", ["1.5", None])
    assert made.inspect("A", "1d", keep=True).discrepancies == (kept,)
    before = float(bl.bars("A", "1d", start=850 * DAY, last=1).rows.close[0])
    assert made.accept(kept.id, reason="cents").changed == 1
    assert float(bl.bars("A", "1d", start=850 * DAY, end=851 * DAY).rows.close[0]) == pytest.approx(
        Market(listed=0).rows(np.array([850 * DAY])).close[0]
    )
    assert before
    assert made.inspect("A", "1d").ok


def test_a_finding_without_a_factor_is_open_and_may_be_dismissed(bl: BarLedger, clock: SetClock) -> None:
    source = spiked(clock, 850)
    screened(bl, clock, source, lambda *_, **__: [])[1].ingest("A", "1d", **SCRIPTED)
    made = integrity(bl, clock, findings=Detector(factor=None, confidence=0.6))
    assert made.inspect("A", "1d", keep=True).discrepancies == ()
    (kept,) = made.inspect("A", "1d", keep=True, confidence=0.5).discrepancies
    assert (kept.state, kept.proposal) == ("open", None)
    made.reject(kept.id, reason="a real spike")
    assert made.inspect("A", "1d", keep=True, confidence=0.5).discrepancies[0].state == "rejected"
    assert made.discrepancies() == []


def test_what_cannot_be_inspected_is_refused(bl: BarLedger, clock: SetClock) -> None:
    made = integrity(bl, clock, findings=Detector())
    with pytest.raises(SeriesNotFound):
        made.inspect("A", "1d")
    screened(bl, clock, spiked(clock), Detector())[1].ingest("A", "1d", **SCRIPTED)
    with pytest.raises(InvalidSetting):
        made.inspect("A", "1d", version="first", keep=True)


# --- before it is written -----------------------------------------------------------------------------------


def test_what_looks_wrong_beyond_doubt_is_written_and_flagged(bl: BarLedger, clock: SetClock) -> None:
    told = heard(bl)
    source = spiked(clock, 850, 920)
    made, ingestion = screened(bl, clock, source, Detector())
    done = ingestion.ingest("A", "1d", **SCRIPTED)
    assert (done.new, done.quarantined, done.ok) == (200, 0, True)
    flagged = done.instruments[0].flagged
    assert {one.id for one in made.discrepancies()} == set(flagged)
    assert [one.state for one in made.discrepancies()] == ["proposed", "proposed"]
    assert "looks wrong" in done.instruments[0].notes[0]
    assert [one.kind for one in told].count("discrepancy") == 2
    assert made.accept(flagged[0], reason="checked").changed == 1


def test_bars_that_stay_as_they_are_are_not_flagged_again(bl: BarLedger, clock: SetClock) -> None:
    source = spiked(clock, 850, 920)
    made, ingestion = screened(bl, clock, source, Detector())
    first = ingestion.ingest("A", "1d", **SCRIPTED).instruments[0].flagged
    again = ingestion.ingest("A", "1d", **SCRIPTED, refresh=200)
    assert (again.same, again.instruments[0].flagged, again.instruments[0].notes) == (200, (), ())
    assert {one.id for one in made.discrepancies()} == set(first)
    source.markets["A"].spikes = (850, 930)  # type: ignore[attr-defined]
    changed = ingestion.ingest("A", "1d", **SCRIPTED, refresh=200)
    (flagged,) = changed.instruments[0].flagged
    found = {one.id: one.interval.start // DAY for one in made.discrepancies()}
    assert (changed.changed, found[flagged]) == (2, 930)


def test_a_finding_that_is_not_sure_is_not_flagged(bl: BarLedger, clock: SetClock) -> None:
    made, ingestion = screened(bl, clock, spiked(clock, 850), Detector(confidence=0.9))
    assert ingestion.ingest("A", "1d", **SCRIPTED).instruments[0].flagged == ()
    assert made.discrepancies(state="all") == []


def test_a_rule_puts_it_aside_instead(bl: BarLedger, clock: SetClock) -> None:
    made, ingestion = screened(bl, clock, spiked(clock, 850), Detector())
    made.set_rule("units", action="quarantine", kind="unit_error", reason="desk rule")
    done = ingestion.ingest("A", "1d", **SCRIPTED)
    assert (done.new, done.quarantined) == (199, 1)
    (aside,) = ingestion.quarantine()
    assert (aside.code, aside.time, aside.values["close"] > 1_000) == ("unit-error", 850 * DAY, True)
    assert made.discrepancies(state="all") == []
    assert ingestion.ingest("A", "1d", **SCRIPTED, refresh=200).withdrawn == 0


def test_new_bars_are_looked_at_with_a_few_of_those_before_them(bl: BarLedger, clock: SetClock) -> None:
    detector = Detector()
    made, ingestion = screened(bl, clock, spiked(clock, 850), detector)
    ingestion.ingest("A", "1d", **SCRIPTED)
    # Chunk after chunk, each with the end of the one before, and nothing is read for it.
    assert detector.shown == [(50, 800, 849), (100, 800, 899), (100, 850, 949), (100, 900, 999)]
    detector.shown.clear()
    clock.now += DAY
    done = ingestion.ingest("A", "1d", **SCRIPTED)
    assert detector.shown == [(CONTEXT + 1, 1_000 - CONTEXT, 1_000)]
    assert done.instruments[0].flagged == ()
    assert len(made.discrepancies()) == 1


def test_a_finding_about_old_bars_is_not_flagged_again_with_new_ones(bl: BarLedger, clock: SetClock) -> None:
    made, ingestion = screened(bl, clock, spiked(clock, 999), Detector())
    (flagged,) = ingestion.ingest("A", "1d", **SCRIPTED).instruments[0].flagged
    made.reject(flagged, reason="a real spike")
    clock.now += DAY
    assert ingestion.ingest("A", "1d", **SCRIPTED).instruments[0].flagged == ()
    assert ingestion.ingest("A", "1d", **SCRIPTED, refresh=10).instruments[0].flagged == ()
    assert [one.state for one in made.discrepancies(state="all")] == ["rejected"]


def test_a_restated_history_is_looked_at_too(bl: BarLedger, clock: SetClock) -> None:
    source = spiked(clock, adjustment=SPLITS)
    made, ingestion = screened(bl, clock, source, Detector())
    ingestion.ingest("A", "1d", **SCRIPTED)
    source.markets["A"].splits.append((1_000 * DAY, 2.0))
    source.markets["A"].spikes = (1_000,)  # type: ignore[attr-defined]
    clock.now += DAY
    done = ingestion.ingest("A", "1d", **SCRIPTED)
    assert (done.changed, len(done.instruments[0].flagged)) == (200, 1)
    assert made.discrepancies()[0].interval.start == 1_000 * DAY
