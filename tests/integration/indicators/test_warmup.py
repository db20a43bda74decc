"""A slice has the values of the whole history, right from its first row; what it lacks, it says."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
import pytest

import barledger
from barledger.barledger import BarLedger
from barledger.domain.rows import VALUES
from barledger.domain.timeframe import DAY
from barledger.errors import (
    InvalidInterval,
    InvalidName,
    InvalidSetting,
    InvalidTimeframe,
    InvalidVersion,
    ParameterUnknown,
)
from barledger.indicators.definition import Indicator
from barledger.indicators.registry import REGISTRY
from barledger.indicators.scales import tolerance
from barledger.stores.memory import MemoryStore
from libraries import library
from own_indicators import own_indicators
from walks import daily, day

FIRST, LAST = 2_000, 2_200


@pytest.fixture(scope="module")
def bl() -> Iterator[BarLedger]:
    with own_indicators(), library(MemoryStore()) as opened:
        opened.write("A", "1d", daily(range(2_500)), source="mine")
        yield opened


def described() -> list[str]:
    """Return a spec of every indicator: what it wants beside bars is their open."""
    return [_spec(one) for one in REGISTRY]


def _spec(one: Indicator) -> str:
    if set(one.inputs) <= set(VALUES):
        return one.name
    return f"{one.name}({', '.join(name if name in VALUES else 'open' for name in one.inputs)})"


def same(found: Any, wanted: Any, *, exact: bool, within: Any = None) -> None:
    found, wanted = np.asarray(found), np.asarray(wanted)
    np.testing.assert_array_equal(np.isnan(found), np.isnan(wanted))
    if exact:
        np.testing.assert_array_equal(found, wanted)
    else:
        allowed = 1e-9 * np.nanmax(np.abs(wanted), initial=0.0) if within is None else within
        assert np.all((np.abs(found - wanted) <= allowed) | np.isnan(wanted))


def allowed(one: Indicator, values: Any, last: int) -> list[Any]:
    """Return by how much the last so many values of each output may differ from those of the whole history."""
    bars = daily(range(2_500))[max(0, LAST - last - one.reach(one.defaults).settled) : LAST]
    names = [name if name in VALUES else "open" for name in one.inputs]
    relied = [bars[name].to_numpy() for name in names]
    return [tolerance(one, output, whole[-last:], relied) for output, whole in zip(one.outputs, values, strict=True)]


@pytest.mark.parametrize("spec", described())
def test_a_slice_of_every_indicator_is_its_whole_history(bl: BarLedger, spec: str) -> None:
    # What is drawn back in time knows later bars, which the slice does not have.
    whole = bl.indicators.calculate(spec, "A", "1d", end=day(LAST), cache=False)
    indicator = REGISTRY.find(spec.partition("(")[0])
    for first in (FIRST, LAST - 1):
        part = bl.indicators.calculate(spec, "A", "1d", start=day(first), end=day(LAST), cache=False)
        assert len(part) == LAST - first
        within = allowed(indicator, [whole.values(column) for column in whole.columns], LAST - first)
        for column, most in zip(part.columns, within, strict=True):
            standing = part.standings[column]
            same(part.values(column), whole.values(column)[first:LAST], exact=standing.exact, within=most)
            assert standing.exact == (not standing.agreement)
            assert str(standing.agreement or "exact") in str(standing)
        assert part.warmup_complete == all(one.needed <= first for one in part.standings.values())


@pytest.mark.parametrize(
    "spec", ["moved(25)", "moved_over", "summed", "running(7)", "zscore(moved(5), 9)", "moved(summed)"]
)
def test_a_slice_of_each_kind_of_memory_is_its_whole_history(bl: BarLedger, spec: str) -> None:
    whole = bl.indicators.calculate(spec, "A", "1d", cache=False)
    for asked in ({"start": day(FIRST), "end": day(LAST)}, {"start": day(1_900), "end": day(LAST), "last": 200}):
        part = bl.indicators.calculate(spec, "A", "1d", **asked, cache=False)
        assert [part.time[0], len(part)] == [FIRST * DAY, LAST - FIRST]
        same(part.values(spec), whole.values(spec)[FIRST:LAST], exact=part.exact)
        assert part.warmup_complete
    newest = bl.indicators.calculate(spec, "A", "1d", last=30, cache=False)
    same(newest.values(spec), whole.values(spec)[-30:], exact=newest.exact)


def test_no_more_is_read_than_settles_it(bl: BarLedger) -> None:
    part = bl.indicators.calculate("moved(25)", "A", "1d", start=day(FIRST), end=day(LAST), explain=True, cache=False)
    assert part.provenance["used_rows"] == LAST - FIRST + 25
    (read, _) = part.explanation
    assert (read.what, read.how) == ("read", "225 bars, at most 25 of them to settle")


def test_a_column_has_the_same_bits_whatever_else_is_asked_for(bl: BarLedger) -> None:
    span = {"start": day(FIRST), "end": day(LAST), "cache": False}
    alone = bl.indicators.calculate("running(7)", "A", "1d", **span)
    among = bl.indicators.calculate(["summed", "running(7)", "moved(400)"], "A", "1d", **span)
    np.testing.assert_array_equal(alone.values("running(7)"), among.values("running(7)"))


def test_too_short_a_history_has_missing_values_and_says_so(bl: BarLedger) -> None:
    part = bl.indicators.calculate("moved(25)", "A", "1d", start=day(10), end=day(40))
    assert not part.warmup_complete
    assert np.isnan(part.values("moved(25)")[:15]).all()
    assert not np.isnan(part.values("moved(25)")[15:]).any()
    (standing,) = part.standings.values()
    assert (standing.needed, standing.had, standing.begins, standing.exact) == (25, 10, True, True)
    assert str(standing) == ("moved(close, back=25): window, exact, warm-up 10 of 25 bars, the series begins there")
    assert "warm-up incomplete" in repr(part)


def test_a_whole_history_has_its_head_missing_and_says_so(bl: BarLedger) -> None:
    whole = bl.indicators.calculate("moved(25)", "A", "1d")
    (standing,) = whole.standings.values()
    assert (whole.warmup_complete, standing.begins, standing.had) == (False, True, 0)


def test_what_never_settles_counts_from_the_first_bar_or_from_a_stated_anchor(bl: BarLedger) -> None:
    close = daily(range(2_500))["close"].to_numpy()
    part = bl.indicators.calculate("summed", "A", "1d", start=day(FIRST), end=day(LAST))
    assert part.standings["summed"].anchor == 0
    assert part.provenance["anchors"] == {"summed": "1970-01-01T00:00:00Z"}
    assert part.values("summed")[0] == np.cumsum(close)[FIRST]
    from_then = bl.indicators.calculate("summed", "A", "1d", start=day(FIRST), end=day(LAST), anchor=day(1_500))
    assert from_then.standings["summed"].anchor == 1_500 * DAY
    assert from_then.values("summed")[0] == np.cumsum(close[1_500:])[FIRST - 1_500]
    alone = bl.indicators.calculate(["summed", "moved"], "A", "1d", anchor=day(1_500))
    assert alone.time[0] == 1_500 * DAY
    assert alone.values("summed")[0] == close[1_500]
    assert alone.values("moved")[0] == close[1_500] - close[1_490]
    with pytest.raises(InvalidInterval, match="later than the start"):
        bl.indicators.calculate("summed", "A", "1d", start=day(FIRST), anchor=day(FIRST + 1))


@pytest.mark.parametrize("wrong", [["2010-01-05"], {}, np.array(5)])
@pytest.mark.parametrize("option", ["start", "end", "last", "source", "version", "adjust", "nan_policy"])
def test_what_cannot_be_meant_is_refused_and_not_looked_up(bl: BarLedger, option: str, wrong: Any) -> None:
    with pytest.raises((InvalidInterval, InvalidName, InvalidSetting, InvalidVersion)):
        bl.indicators.calculate("moved", "A", "1d", **{option: wrong})
    with pytest.raises(InvalidTimeframe):
        bl.indicators.calculate("moved", "A", wrong)


def test_what_is_skipped_does_not_count_as_warm_up() -> None:
    with own_indicators(), library(MemoryStore()) as bl:
        lacking = daily(range(600))
        lacking.iloc[400:495, lacking.columns.get_loc("close")] = np.nan
        bl.write("A", "1d", lacking, source="mine")
        whole = bl.indicators.calculate("moved_over(20)", "A", "1d", cache=False)
        for cached in (False, True, True):
            part = bl.indicators.calculate("moved_over(20)", "A", "1d", start=day(500), cache=cached)
            same(part.values("moved_over(20)"), whole.values("moved_over(20)")[500:], exact=True)


def test_bars_in_hand_are_all_answered_and_nothing_is_known_of_what_was_before(bl: BarLedger) -> None:
    bars = bl.bars("A", "1d", start=day(FIRST), end=day(LAST))
    found = bl.indicators.calculate(["moved", "summed"], bars)
    assert len(found) == len(bars)
    assert not found.warmup_complete
    assert found.standings["summed"].anchor == FIRST * DAY
    assert [one.begins for one in found.standings.values()] == [False, False]
    whole = bl.indicators.calculate(["moved", "summed"], bl.bars("A", "1d"))
    assert whole.standings["summed"].begins
    assert found.bars_digest == bars.digest
    with pytest.raises(InvalidSetting, match="in hand"):
        bl.indicators.calculate("moved", bars, start=day(FIRST))


def test_a_frame_of_the_library_gives_what_the_library_gives(bl: BarLedger) -> None:
    frame = bl.bars("A", "1d").df
    there = barledger.calculate(["moved", "running"], frame)
    here = bl.indicators.calculate(["moved", "running"], "A", "1d").df
    pd.testing.assert_frame_equal(there, here)


def test_a_column_is_found_however_its_spec_is_spelled(bl: BarLedger) -> None:
    found = bl.indicators.calculate(["bbands(20, 2)", "sma(RSI(14),9)"], "A", "1d", last=5)
    for name in ("bbands(20,2).upper", "BBands( 20 , 2 ).UPPER", "bbands(20, 2).upper"):
        assert found[name].name == "bbands(20, 2).upper"
        np.testing.assert_array_equal(found.values(name), found.values("bbands(20, 2).upper"))
        assert name in found
    assert "sma(rsi(14),9)" in found
    for name in ("bbands(20,3).upper", "bbands(20,2)", "bbands(", "", 5):
        assert name not in found
        with pytest.raises(ParameterUnknown, match="no column") as caught:
            found[name]  # type: ignore[index]
        assert "bbands(20, 2).upper" in caught.value.advice


def test_an_empty_stretch_has_no_rows(bl: BarLedger) -> None:
    found = bl.indicators.calculate(["moved", "summed"], "A", "1d", start=day(3_000), end=day(3_100))
    assert len(found) == 0
    assert list(found.df.columns) == ["moved", "summed"]
