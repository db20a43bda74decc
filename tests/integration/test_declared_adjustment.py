"""What a source adjusts its bars for stays known: of a read, of a panel, of two sources, and from the first bar on."""

from pathlib import Path

import pytest

from barledger.barledger import BarLedger
from barledger.domain.declared import Adjusted, spoken
from barledger.domain.instrument import Facts
from barledger.domain.timeframe import DAY, Timeframe
from barledger.errors import AdjustmentChanged, InvalidSetting
from barledger.stores.memory import MemoryStore
from scripted import RAW, SPLITS, Market, ScriptedSource, SetClock, clocked, service


@pytest.fixture
def clock() -> SetClock:
    return SetClock(1_000 * DAY)


@pytest.fixture
def bl(clock: SetClock, tmp_path: Path) -> BarLedger:
    return clocked(MemoryStore(), clock, f"sqlite:///{tmp_path / 'ledger.db'}")


def ingest(bl: BarLedger, clock: SetClock, source: ScriptedSource, instrument: str = "A") -> None:
    service(bl, clock, source).ingest(instrument, "1d", source=source.declaration.name)


def markets() -> dict[str, Market]:
    return {"A": Market(listed=900 * DAY)}


def test_bars_of_a_source_that_adjusts_say_so(bl: BarLedger, clock: SetClock) -> None:
    ingest(bl, clock, ScriptedSource(markets(), clock, adjustment=SPLITS))
    bars = bl.bars("A", "1d")
    assert bars.adjustment == "splits"
    assert bars.provenance["adjustment"] == "splits"
    assert bl.retrieval.panel(["A"], "1d", field="close").attrs["panel"]["adjustment"] == "splits"


def test_volume_in_another_state_than_the_prices_is_named(bl: BarLedger, clock: SetClock) -> None:
    ingest(bl, clock, ScriptedSource(markets(), clock, adjustment={**RAW, "volume": "splits"}))
    assert bl.bars("A", "1d").adjustment == "raw, volume splits"


def test_sources_that_differ_are_told_apart(bl: BarLedger, clock: SetClock) -> None:
    ingest(bl, clock, ScriptedSource(markets(), clock, adjustment=SPLITS))
    bl.write("A", "1d", bl.bars("A", "1d").df, source="desk")
    assert bl.bars("A", "1d", source="desk").adjustment == "raw"
    bl.cache.prioritise("A", ["scripted", "desk"], mode="fill")
    clock.now += 5 * DAY
    later = bl.bars("A", "1d", source="desk").df.iloc[-1:]
    bl.write("A", "1d", later.shift(4, freq="D"), source="desk")
    assert bl.bars("A", "1d").adjustment == "scripted: splits; desk: raw"


def test_a_source_that_tells_facts_keeps_its_state_when_it_tells_them_anew(bl: BarLedger, clock: SetClock) -> None:
    facts = Facts(pattern="A", origin="scripted", first_trade=900 * DAY)
    source = ScriptedSource(markets(), clock, adjustment=SPLITS, facts=facts)
    ingest(bl, clock, source)
    service(bl, clock, source).ingest("A", "1d", source="scripted", refresh=3)
    assert bl.bars("A", "1d").adjustment == "splits"
    assert bl.instruments.describe("A").first_trade == 900 * DAY


def test_a_name_that_the_source_does_not_know_leaves_nothing(bl: BarLedger, clock: SetClock) -> None:
    with pytest.raises(LookupError):
        ingest(bl, clock, ScriptedSource(markets(), clock, adjustment=SPLITS), "B")
    assert bl.instruments.list() == []


def test_prices_of_one_bar_are_in_one_state() -> None:
    for wrong in ({"open": "splits"}, {"close": "dividends"}, {"turnover": "raw"}):
        with pytest.raises(InvalidSetting):
            Facts(pattern="A", origin="vendor", adjusted={"1d": wrong})  # type: ignore[arg-type]


def test_each_timeframe_is_in_its_own_state(bl: BarLedger, clock: SetClock) -> None:
    ingest(bl, clock, ScriptedSource(markets(), clock, adjustment=SPLITS))
    hours = ScriptedSource({"A": Market(timeframe=Timeframe.of("1h"), listed=999 * DAY)}, clock, adjustment=RAW)
    service(bl, clock, hours).ingest("A", "1h", source="scripted")
    assert bl.bars("A", "1d").adjustment == "splits"
    assert bl.bars("A", "1h").adjustment == "raw"


@pytest.mark.parametrize(("before", "now"), [(SPLITS, RAW), (RAW, SPLITS)])
def test_bars_in_another_state_are_refused_so_that_pinned_reads_stay(
    bl: BarLedger, clock: SetClock, before: Adjusted, now: Adjusted
) -> None:
    ingest(bl, clock, ScriptedSource(markets(), clock, adjustment=before))
    snap = bl.snapshot("A", "1d")
    bl.actions.add("A", "split", "1972-08-01", value=2)
    pinned = [bl.bars("A", "1d", version=snap.id, adjust=mode).digest for mode in ("raw", "splits", "total")]
    clock.now += 3 * DAY
    with pytest.raises(AdjustmentChanged) as caught:
        ingest(bl, clock, ScriptedSource(markets(), clock, adjustment=now))
    assert (caught.value.before, caught.value.now) == (spoken(before), spoken(now))
    assert len(bl.bars("A", "1d")) == 100
    assert [bl.bars("A", "1d", version=snap.id, adjust=mode).digest for mode in ("raw", "splits", "total")] == pinned
    ingest(bl, clock, ScriptedSource(markets(), clock, adjustment=before))
    assert len(bl.bars("A", "1d")) == 103
