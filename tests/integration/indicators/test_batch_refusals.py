"""Batches that cannot be meant, and bars beside others that do not go with them, are refused with a next step."""

from collections.abc import Iterator

import pytest

from barledger.barledger import BarLedger
from barledger.domain.bars import Bars
from barledger.errors import InputUnsuitable, InvalidSetting, InvalidSpec, InvalidTimeframe
from barledger.stores.memory import MemoryStore
from libraries import frame, library

SPECS = ["rsi(14)", "sma(rsi(14), 9)", "macd", "atr(14)", "obv"]
NAMES = ["S01", "S02"]


@pytest.fixture(scope="module")
def bl() -> Iterator[BarLedger]:
    with library(MemoryStore()) as opened:
        for name in NAMES:
            opened.write(name, "1d", frame(range(300)), source="x")
        yield opened


def test_what_is_wrong_with_the_question_is_refused_before_anything_is_read(bl: BarLedger) -> None:
    with pytest.raises(InvalidSpec):
        bl.indicators.batch(NAMES, "1d", [])
    with pytest.raises(InvalidSpec):
        bl.indicators.batches(NAMES, "1d", "rsi(")
    with pytest.raises(InvalidSetting, match="named twice"):
        bl.indicators.batch(["S01", "S01"], "1d", "rsi(14)")
    with pytest.raises(InvalidSetting, match="timeframe"):
        bl.indicators.batch(["S01"], specs="rsi(14)")
    with pytest.raises(InvalidSetting, match="threads"):
        bl.indicators.batch(NAMES, "1d", "rsi(14)", threads=0)
    bars = bl.bars("S01", "1d")
    with pytest.raises(InputUnsuitable, match="not of 1h"):
        bl.indicators.batch([bars], "1h", "rsi(14)")
    with pytest.raises(InputUnsuitable, match="twice"):
        bl.indicators.batch([bars, bars], specs="rsi(14)")
    mixed: list[Bars] = [bars, "S02"]  # type: ignore[list-item]  # what a caller may do
    with pytest.raises(InputUnsuitable, match="together"):
        bl.indicators.batch(mixed, specs="rsi(14)")


@pytest.mark.parametrize("given", [5, None, frame(range(5)), {"A": frame(range(5))}])
def test_what_names_no_instruments_is_refused(bl: BarLedger, given: object) -> None:
    for ask in (bl.indicators.batch, bl.indicators.batches):
        with pytest.raises(InputUnsuitable, match="is given for names of instruments") as caught:
            ask(given, "1d", SPECS)  # type: ignore[operator]
        assert "barledger.calculate" in caught.value.advice


def test_what_can_be_gone_through_once_is_taken(bl: BarLedger) -> None:
    wanted = bl.indicators.batch(NAMES[:2], "1d", SPECS).digest
    assert bl.indicators.batch(iter(NAMES[:2]), "1d", iter(SPECS)).digest == wanted  # type: ignore[arg-type]
    assert [name for name, _ in bl.indicators.batches(iter(NAMES[:2]), "1d", SPECS)] == NAMES[:2]  # type: ignore[arg-type]
    assert bl.indicators.batch((bl.bars(name, "1d") for name in NAMES[:2]), specs=SPECS).digest == wanted  # type: ignore[arg-type]
    one = bl.indicators.calculate(iter(SPECS), NAMES[0], "1d")  # type: ignore[arg-type]
    assert one.digest == bl.indicators.calculate(SPECS, NAMES[0], "1d").digest


def test_a_policy_or_a_listener_that_there_is_not_is_refused(bl: BarLedger) -> None:
    with pytest.raises(InvalidSetting, match="'drop' is none of"):
        bl.indicators.batch(NAMES, "1d", SPECS, nan_policy="drop")  # type: ignore[arg-type]
    with pytest.raises(InvalidSetting, match="cannot be called"):
        bl.indicators.batch(NAMES, "1d", SPECS, progress=5)  # type: ignore[arg-type]


def test_bars_beside_others_have_to_be_bars_of_their_timeframe(bl: BarLedger) -> None:
    bars, spec = bl.bars("S01", "1d"), "rolling_beta(close, @S02, 5)"
    for others in ("S02", frame(range(5)), ["S02"]):
        with pytest.raises(InputUnsuitable, match="is given for bars of another instrument"):
            bl.indicators.calculate(spec, bars, others=others)  # type: ignore[arg-type]
    with pytest.raises(InputUnsuitable, match="they are of 1d, and 1w is asked for") as caught:
        bl.indicators.calculate("rsi(3)", bars, "1w")
    assert "bars.resample('1w')" in caught.value.advice
    with pytest.raises(InputUnsuitable, match="they are of 1d, and 1h is asked for") as caught:
        bl.indicators.calculate("rsi(3)", bars, "1h")
    assert "read those, bl.bars(..., '1h')" in caught.value.advice
    with pytest.raises(InvalidTimeframe):
        bl.indicators.calculate("rsi(3)", bars, "hourly")
