"""What is kept never shows in an answer: only in how long it takes, and in what the cache tells of itself."""

import gc
import sys
import weakref
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from barledger.barledger import BarLedger
from barledger.domain.timeframe import DAY
from barledger.errors import BarledgerError, InvalidSetting, ValuesMissing
from barledger.ledger.sql import SqlLedger
from barledger.settings import Settings
from barledger.stores.memory import MemoryStore
from libraries import library
from own_indicators import own_indicators
from walks import daily, day

SPECS = [
    "moved(25)",
    "zscore(9)",
    ["summed", "running(7)"],
    "moved_over",
    "sma(moved(3), 5)",
    "moved(@B, 4)",
    "rsi",
]


@pytest.fixture
def bl() -> Iterator[BarLedger]:
    with own_indicators(), library(MemoryStore()) as opened:
        opened.write("A", "1d", daily(range(300)), source="mine")
        opened.write("B", "1d", daily(range(0, 300, 2), seed=1), source="mine")
        yield opened


def told(bl: BarLedger, specs: Any, **options: Any) -> tuple[Any, ...]:
    """Return all that an answer tells."""
    found = bl.indicators.calculate(specs, "A", "1d", **options)
    provenance = found.provenance
    # What is known of events is what is known now, and asking twice takes a moment.
    provenance.get("adjusted", {}).pop("known_at", None)
    return found.digest, provenance, {name: str(one) for name, one in found.standings.items()}


def hits(bl: BarLedger) -> tuple[int, int]:
    info = bl.indicators.cache.info
    return info.hits, info.misses


days = st.integers(0, 420)
questions = st.fixed_dictionaries(
    {"specs": st.sampled_from(SPECS)},
    optional={
        "start": days,
        "end": days,
        "last": st.integers(1, 50),
        "version": st.sampled_from(["latest", "early", "first"]),
        "adjust": st.sampled_from(["splits", "total"]),
        "nan_policy": st.sampled_from(["segment", "skip", "raise"]),
    },
)
steps = st.one_of(
    questions,
    st.tuples(st.just("write"), st.integers(1, 40)),
    st.tuples(st.just("correct"), st.integers(0, 299)),
    st.tuples(st.just("withdraw"), st.integers(0, 299)),
    st.tuples(st.just("elsewhere"), st.integers(0, 299)),
    st.tuples(st.just("gap"), st.integers(1, 3)),
    st.tuples(st.just("split"), st.integers(1, 299)),
)


@pytest.mark.filterwarnings("ignore::barledger.errors.GapsUnseen")
@pytest.mark.slow
@settings(max_examples=25)
@given(st.lists(steps, min_size=4, max_size=14))
def test_no_answer_depends_on_what_was_asked_before(script: list[Any]) -> None:
    with own_indicators(), library(MemoryStore()) as bl:
        bl.write("A", "1d", daily(range(300)), source="mine")
        bl.write("B", "1d", daily(range(0, 300, 2), seed=1), source="mine")
        bl.snapshot("A", "1d", id="early")
        newest = 300
        for step in script:
            if isinstance(step, dict):
                asked = {name: day(value) if name in ("start", "end") else value for name, value in step.items()}
                assert outcome(bl, asked, cache=True) == outcome(bl, asked, cache=False)
            else:
                newest = done(bl, *step, newest)


def outcome(bl: BarLedger, asked: dict[str, Any], *, cache: bool) -> Any:
    try:
        return told(bl, **asked, cache=cache)
    except BarledgerError as error:
        return str(error)


def done(bl: BarLedger, what: str, number: int, newest: int) -> int:
    if what in ("write", "gap"):
        begin = newest + (number if what == "gap" else 0)
        bl.write("A", "1d", daily(range(begin, begin + number)), source="mine")
        return begin + number
    if what == "correct":
        bl.write("A", "1d", daily(range(number, number + 2), seed=9), source="mine")
    elif what == "withdraw":
        bl.withdraw("A", "1d", day(number), source="mine", reason="wrong")
    elif what == "split":
        bl.actions.add("A", "split", day(number), value=2)
    else:
        bl.write("B", "1d", daily(range(number, number + 2), seed=number), source="mine")
    return newest


def test_the_same_question_is_answered_from_memory(bl: BarLedger) -> None:
    first = bl.indicators.calculate("moved(25)", "A", "1d")
    assert bl.indicators.calculate("moved(25)", "A", "1d") is first
    assert hits(bl) == (1, 1)
    assert bl.indicators.cache.info.hit_rate == 0.5
    assert "50% of 2 columns were known" in str(bl.indicators.cache.info)


def test_a_question_up_to_now_is_another_one_later(bl: BarLedger) -> None:
    for asked, same in (({"end": "now"}, False), ({"end": day(300)}, True), ({"end": "1970-06-01"}, True)):
        first = bl.indicators.calculate("moved(25)", "A", "1d", **asked)
        assert (bl.indicators.calculate("moved(25)", "A", "1d", **asked) is first) is same


def test_sessions_on_a_library_know_what_others_computed(bl: BarLedger) -> None:
    bl.indicators.calculate("moved(25)", "A", "1d")
    with bl.acting_as("alice") as other:
        explained = other.indicators.calculate("moved(25)", "A", "1d", last=20, explain=True).explanation
        assert [step.what for step in explained] == ["cache"]


def test_what_refuses_gaps_does_not_mind_those_that_other_questions_read(bl: BarLedger) -> None:
    for some in (range(20), range(22, 120), range(121, 300)):
        bl.write("G", "1d", daily(some), source="mine")
    bl.instruments.declare("G", calendar="24/7")
    asked: dict[str, Any] = {"start": day(200), "end": day(210), "nan_policy": "raise"}
    for spec in ("ichimoku.tenkan", "ema(3)", "sma(mom(3), 2)", ["sma(3)", "mom(5)"]):
        bl.indicators.cache.clear()
        alone = bl.indicators.calculate(spec, "G", "1d", **asked)
        bl.indicators.calculate(spec, "G", "1d", start=day(30))
        bl.indicators.calculate(spec, "G", "1d")
        beside = bl.indicators.calculate(spec, "G", "1d", **asked)
        anew = bl.indicators.calculate(spec, "G", "1d", **asked, cache=False)
        assert alone.digest == beside.digest == anew.digest
        assert alone.provenance == beside.provenance == anew.provenance
        with pytest.raises(ValuesMissing):
            bl.indicators.calculate(spec, "G", "1d", start=day(119), end=day(125), nan_policy="raise")


def test_what_is_told_of_several_sources_does_not_depend_on_what_was_read(bl: BarLedger) -> None:
    bl.write("F", "1d", daily(range(200)), source="a")
    bl.write("F", "1d", daily(range(300), seed=2), source="b")
    bl.cache.prioritise("F", ["a", "b"], mode="fill")
    bl.snapshot("F", "1d", id="filled")
    for version in ("latest", "filled"):
        for asked in ({"start": day(100), "end": day(120)}, {"last": 40}, {}):
            bl.indicators.calculate("sma(close, 5)", "F", "1d", version=version)
            found = bl.indicators.calculate("sma(close, 5)", "F", "1d", version=version, **asked)
            anew = bl.indicators.calculate("sma(close, 5)", "F", "1d", version=version, **asked, cache=False)
            assert (found.digest, found.provenance) == (anew.digest, anew.provenance)
            assert bl.indicators.calculate("sma(close, 5)", "F", "1d", version=version, **asked) is found


@pytest.mark.parametrize("bounds", [{}, {"start": day(10)}])
def test_that_a_series_begins_does_not_depend_on_what_was_read(bl: BarLedger, bounds: dict[str, Any]) -> None:
    bl.snapshot("A", "1d", id="all", **bounds)
    for first, second in (({"start": day(30)}, {}), ({}, {"start": day(30)})):
        bl.indicators.cache.clear()
        bl.indicators.calculate("rsi(14)", "A", "1d", version="all", **first)
        found = told(bl, "rsi(14)", version="all", **second)
        assert found == told(bl, "rsi(14)", version="all", **second, cache=False)


def test_a_batch_tells_what_is_told_of_one_with_its_own_instrument_by_name(bl: BarLedger) -> None:
    many = bl.indicators.batch(["A", "B"], "1d", ["sma(@B.close, 5)"])
    for name in ("A", "B"):
        one = bl.indicators.calculate("sma(@B.close, 5)", name, "1d", cache=False)
        assert (many[name].digest, many[name].bars_digest) == (one.digest, one.bars_digest)
        assert many[name].provenance.get("others") == one.provenance.get("others")


def test_shared_parts_and_other_windows_are_known(bl: BarLedger) -> None:
    bl.indicators.calculate("sma(moved(25), 5)", "A", "1d")
    explained = bl.indicators.calculate(["moved(25)"], "A", "1d", start=day(100), explain=True).explanation
    assert [step.what for step in explained] == ["cache"]
    assert explained.as_dict()["steps"][0]["of"] == "moved(25)"


def test_new_bars_are_computed_alone(bl: BarLedger) -> None:
    bl.indicators.calculate("moved(25)", "A", "1d")
    bl.write("A", "1d", daily(range(300, 303)), source="mine")
    explained = bl.indicators.calculate("moved(25)", "A", "1d", explain=True).explanation
    assert [step.what for step in explained] == ["read", "tail"]
    assert "3 new rows and 25 before them" in str(explained)


@pytest.mark.parametrize("specs", [*SPECS, "running(7)", "sma(running(5), 3)"])
def test_going_on_gives_the_bits_of_beginning_anew(bl: BarLedger, specs: Any) -> None:
    for newest in range(300, 306):
        for options in ({}, {"start": day(150)}, {"last": 5}):
            assert told(bl, specs, **options) == told(bl, specs, **options, cache=False)
        bl.write("A", "1d", daily(range(newest, newest + 1)), source="mine")
    explained = bl.indicators.calculate("moved(25)", "A", "1d", explain=True)
    assert len(explained) == 306


def test_a_column_that_no_bar_has_goes_on_missing(bl: BarLedger) -> None:
    for newest in range(300, 303):
        found = bl.indicators.calculate(["sma(adjustment_factor, 3)", "sma(volume, 3)"], "A", "1d")
        assert np.isnan(found.values("sma(adjustment_factor, 3)")).all()
        assert len(found) == newest
        bl.write("A", "1d", daily(range(newest, newest + 1)), source="mine")


def test_a_table_with_its_own_instrument_by_name_goes_on(bl: BarLedger) -> None:
    for newest in range(300, 303):
        for spec in ("sma(@A.close, 3)", "sma(close, 5)"):
            assert told(bl, spec) == told(bl, spec, cache=False)
        bl.write("A", "1d", daily(range(newest, newest + 1)), source="mine")


def test_bars_that_are_added_take_no_more_than_they_are(bl: BarLedger) -> None:
    for newest in range(300, 380):
        bl.write("A", "1d", daily(range(newest, newest + 1)), source="mine")
        bl.indicators.calculate("sma(close, 3)", "A", "1d")
    (held,) = bl.indicators.cache._sizes
    assert sum(map(len, held.added)) == 79
    assert len(held.added) == 2 + 15
    assert all(column.base is None for rows in held.added for _, column in rows.columns() if column is not None)
    assert told(bl, "sma(close, 3)") == told(bl, "sma(close, 3)", cache=False)


def test_options_without_fetching_are_refused_however_often_it_was_asked(bl: BarLedger) -> None:
    for _ in range(2):
        bl.indicators.calculate("sma(close, 3)", "A", "1d")
        with pytest.raises(InvalidSetting, match="nothing is fetched"):
            bl.indicators.calculate("sma(close, 3)", "A", "1d", options={"a": 1})


def test_threads_that_compute_on_one_table_do_not_disturb_each_other(bl: BarLedger) -> None:
    def ask(first: int) -> None:
        for period in range(first, first + 40):
            bl.indicators.calculate(f"sma(close, {period})", "A", "1d")
            assert bl.indicators.cache.info.bytes

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(ask, (2, 50, 100, 150)))
    finally:
        sys.setswitchinterval(interval)


def test_the_bytes_that_are_kept_in_mind_are_those_that_there_are(bl: BarLedger) -> None:
    cache = bl.indicators.cache
    for newest in range(300, 304):
        for name in ("A", "B"):
            bl.indicators.calculate(["sma(close, 3)", "rsi"], name, "1d", last=newest - 280)
            bl.indicators.calculate("obv", name, "1d")
            assert sum(cache._sizes.values()) == sum(one.nbytes for one in cache._sizes) == cache.info.bytes
        bl.write("A", "1d", daily(range(newest, newest + 1)), source="mine")
        bl.write("B", "1d", daily(range(newest - 299, newest - 297), seed=newest), source="mine")
    cache.clear()
    assert (cache._bytes, cache.info.entries, cache.info.bytes) == (0, 0, 0)


def test_a_write_that_brings_no_bars_changes_nothing(bl: BarLedger) -> None:
    first = bl.indicators.calculate("moved(25)", "A", "1d")
    bl.write("A", "1d", daily(range(310, 311)), source="mine")
    bl.withdraw("A", "1d", day(310), source="mine", reason="wrong")
    again = bl.indicators.calculate("moved(25)", "A", "1d")
    assert (again.digest, len(again)) == (first.digest, 300)


def test_what_was_handed_out_does_not_change_when_bars_come(bl: BarLedger) -> None:
    first = bl.indicators.calculate("moved(25)", "A", "1d")
    before = np.array(first.values("moved(25)"))
    for number in range(300, 305):
        bl.write("A", "1d", daily(range(number, number + 1)), source="mine")
        assert len(bl.indicators.calculate("moved(25)", "A", "1d")) == number + 1
    np.testing.assert_array_equal(first.values("moved(25)"), before)
    with pytest.raises(ValueError, match="read-only"):
        first.values("moved(25)")[0] = 1.0
    frame = first.df
    frame.iloc[:] = 0.0
    np.testing.assert_array_equal(first.values("moved(25)"), before)


def test_a_correction_within_drops_a_table_and_one_behind_it_does_not(bl: BarLedger) -> None:
    asked = {"start": day(100), "end": day(200)}
    bl.indicators.calculate("moved(25)", "A", "1d", **asked)
    bl.write("A", "1d", daily(range(250, 251), seed=9), source="mine")
    kept = bl.indicators.calculate("moved(25)", "A", "1d", explain=True, **asked)
    assert "read" not in [step.what for step in kept.explanation]
    bl.write("A", "1d", daily(range(150, 151), seed=9), source="mine")
    fresh = bl.indicators.calculate("moved(25)", "A", "1d", explain=True, **asked)
    assert [step.what for step in fresh.explanation] == ["read", "compute"]
    assert fresh.values("moved(25)")[50] != kept.values("moved(25)")[50]


def test_a_definition_that_is_run_again_is_computed_again(bl: BarLedger) -> None:
    import barledger  # noqa: PLC0415 - the decorator, where it is used

    for factor in (2.0, 3.0):

        @barledger.indicator(warmup=0)
        def times(close: Any, *, factor: float = factor) -> Any:
            return close * factor

        found = bl.indicators.calculate("times", "A", "1d")
        assert found.values("times")[0] == daily(range(1))["close"].iloc[0] * factor


def test_gaps_that_are_refused_later_are_not_seen_before(bl: BarLedger) -> None:
    lacking = daily(range(300, 310))
    lacking.iloc[5, lacking.columns.get_loc("close")] = np.nan
    bl.write("A", "1d", lacking, source="mine")
    bl.instruments.declare("A", calendar="24/7")
    with pytest.raises(ValuesMissing):
        bl.indicators.calculate("moved(25)", "A", "1d", nan_policy="raise")
    assert len(bl.indicators.calculate("moved(25)", "A", "1d", end=day(300), nan_policy="raise")) == 300


def test_bars_in_hand_are_not_kept_longer_than_their_caller_keeps_them(bl: BarLedger) -> None:
    bars = bl.bars("A", "1d")
    computed = [bl.indicators.calculate("sma(3)", bars), *bl.indicators.batch([bars], specs=["sma(3)"]).values()]
    kept = weakref.ref(bars)
    del bars
    assert kept() is not None, "what is told later needs them"
    computed.clear()
    gc.collect()
    assert kept() is None


def test_memory_is_bounded_and_what_was_not_used_for_longest_goes() -> None:
    limited = BarLedger(
        MemoryStore(), SqlLedger.open("sqlite://"), settings=Settings(actor="tester", indicator_cache=60_000)
    )
    with own_indicators(), limited as bl:
        for name in "ABCDE":
            bl.write(name, "1d", daily(range(300)), source="mine")
            bl.indicators.calculate("moved(25)", name, "1d")
            assert bl.indicators.cache.info.bytes <= 60_000
        assert 1 <= bl.indicators.cache.info.entries < 5
        (cached,) = bl.indicators.calculate("moved(25)", "E", "1d", explain=True).explanation
        assert cached.what == "cache"
        assert "read" in [
            step.what for step in bl.indicators.calculate("moved(25)", "A", "1d", explain=True).explanation
        ]
        bl.indicators.cache.clear()
        assert bl.indicators.cache.info.as_dict() | {"limit": 0} == {
            "hits": 0,
            "misses": 0,
            "entries": 0,
            "bytes": 0,
            "limit": 0,
            "hit_rate": 0.0,
        }


def test_a_cache_of_no_bytes_keeps_nothing() -> None:
    none = BarLedger(MemoryStore(), SqlLedger.open("sqlite://"), settings=Settings(actor="tester", indicator_cache=0))
    with own_indicators(), none as bl:
        bl.write("A", "1d", daily(range(300)), source="mine")
        for _ in range(2):
            assert len(bl.indicators.calculate("moved(25)", "A", "1d")) == 300
        assert hits(bl) == (0, 2)
        assert bl.indicators.cache.info.entries == 0


def test_threads_share_what_is_kept_while_bars_come(bl: BarLedger) -> None:
    wanted = daily(range(400))["close"].to_numpy()

    def ask(number: int) -> None:
        spec = ("moved(25)", "moved(3)", "moved(40)")[number % 3]
        found = bl.indicators.calculate(spec, "A", "1d")
        back = int(spec[6:-1])
        values, size = found.values(spec), len(found)
        np.testing.assert_array_equal(values[back:], wanted[back:size] - wanted[: size - back])
        assert found.time[-1] == (size - 1) * DAY

    with ThreadPoolExecutor(4) as pool:
        asked = [pool.submit(ask, number) for number in range(60)]
        for number in range(300, 320):
            bl.write("A", "1d", daily(range(number, number + 1)), source="mine")
        for one in asked:
            one.result()
