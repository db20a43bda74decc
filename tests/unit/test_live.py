"""Live objects: specs that go on bar by bar, equal to the batch with its gaps, whatever a bar looks like."""

import copy
import json
import pickle
from collections import namedtuple
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import barledger
from barledger.domain.timeframe import DAY
from barledger.errors import (
    CannotStream,
    IndicatorFailed,
    IndicatorNotFound,
    InfiniteValue,
    InputMissing,
    InputUnsuitable,
    ValuesMissing,
)
from barledger.indicators.binding import Binder, Request
from barledger.indicators.definition import Floats, Handle, Output, Reach, period
from barledger.indicators.evaluation import Evaluation
from barledger.indicators.registry import REGISTRY, Registry
from barledger.indicators.streaming.live import Live
from barledger.indicators.streaming.opening import streamed
from barledger.indicators.table import Table
from barledger.services.ingestion.follow import ClosedBar
from streams import (
    BAR,
    COLUMNS,
    a_day_is_missing,
    a_window,
    bars_of,
    columns_of,
    custom,
    mean_of,
    request_of,
    same_bits,
    with_gaps,
)

MANY = ["rsi(5)", "sma(rsi(5), 3)", "macd(3, 6, 2)", "bbands(4, 2)", "obv", "atr(4)", "sma(typprice, 3)"]


def run_through(live: Live, table: Table) -> dict[str, list[float]]:
    """Return the columns of what a live object gives for each bar of a table."""
    found: dict[str, list[float]] = {name: [] for name in columns_of(live)}
    for bar in bars_of(table):
        live.update(bar)
        for name, value in columns_of(live).items():
            found[name].append(value)
    return found


def like_the_batch(specs: list[str], table: Table, **options: Any) -> None:
    live = Live.open(specs, columns=COLUMNS, gap=a_day_is_missing, **options)
    found = run_through(live, table)
    request = bound(specs, **options)
    wanted = Evaluation(table=table).columns(request)
    assert list(found) == list(wanted)
    for name, column in wanted.items():
        assert same_bits(found[name], column), name


def bound(specs: list[str], **options: Any) -> Request:
    return Binder(REGISTRY, columns=COLUMNS).request(specs, **options)


# --- the same as the batch -----------------------------------------------------------------------


def test_several_specs_and_what_they_are_made_of_are_the_batch() -> None:
    like_the_batch(MANY, with_gaps({}, 300))


@settings(max_examples=60, deadline=None)
@given(
    missing=st.dictionaries(
        st.sampled_from(["close", "high", "volume"]), st.lists(st.integers(0, 59), max_size=6), max_size=3
    ),
    breaks=st.sets(st.integers(1, 59), max_size=3),
    policy=st.sampled_from([None, "segment", "skip"]),
)
def test_missing_values_and_missing_bars_are_treated_as_in_the_batch(
    missing: dict[str, list[int]], breaks: set[int], policy: Any
) -> None:
    options = {} if policy is None else {"nan_policy": policy}
    like_the_batch(MANY, with_gaps(missing, 60, tuple(breaks)), **options)


@settings(max_examples=40, deadline=None)
@given(
    missing=st.dictionaries(st.sampled_from(["close", "volume"]), st.lists(st.integers(0, 59), max_size=5), max_size=2),
    breaks=st.sets(st.integers(1, 59), max_size=2),
    policy=st.sampled_from(["segment", "skip"]),
    cut=st.integers(1, 59),
)
def test_a_history_that_is_taken_in_at_once_is_the_same_as_bar_by_bar(
    missing: dict[str, list[int]], breaks: set[int], policy: Any, cut: int
) -> None:
    table = with_gaps(missing, 60, tuple(breaks))
    head = Table.of(
        table.time[:cut],
        {name: values[:cut] for name, values in table.columns.items()},
        breaks=table.breaks[table.breaks < cut],
    )
    options: dict[str, Any] = {"columns": COLUMNS, "gap": a_day_is_missing, "nan_policy": policy}
    warm, slow = Live.open(MANY, **options).warm(head), Live.open(MANY, **options)
    for bar in bars_of(table)[:cut]:
        slow.update(bar)
    assert same_bits(list(columns_of(warm).values()), list(columns_of(slow).values()))
    assert (warm.time, warm.anchor, warm.count) == (slow.time, slow.anchor, slow.count)
    for bar in bars_of(table)[cut:]:
        assert same_bits(list(warm.peek(bar).values()), list(slow.peek(bar).values()))
        assert same_bits(list(warm.update(bar).values()), list(slow.update(bar).values()))


@settings(max_examples=40, deadline=None)
@given(
    rows=st.lists(st.integers(0, 59), max_size=6),
    breaks=st.sets(st.integers(1, 59), max_size=3),
    cut=st.integers(0, 59),
)
def test_a_peek_is_what_the_update_gives_and_changes_nothing(rows: list[int], breaks: set[int], cut: int) -> None:
    bars = bars_of(with_gaps({"close": rows}, 60, tuple(breaks)))
    live = Live.open(MANY, gap=a_day_is_missing)
    for bar in bars[:cut]:
        live.update(bar)
    before = live.save()
    peeked = live.peek(bars[cut])
    assert live.save() == before
    assert same_bits(list(peeked.values()), list(live.update(bars[cut]).values()))


def test_a_copy_goes_its_own_way() -> None:
    bars = bars_of(with_gaps({}, 80))
    live = Live.open(MANY)
    for bar in bars[:40]:
        live.update(bar)
    other, state = live.copy(), live.save()
    assert copy.copy(live).save() == copy.deepcopy(live).save() == state
    with pytest.raises(CannotStream, match="cannot be pickled"):
        pickle.dumps(live)
    for bar in bars[40:]:
        live.update(bar)
    assert other.save() == state
    for bar in bars[40:]:
        other.update(bar)
    assert other.save() == live.save()


def test_gaps_that_must_not_be_are_refused_and_change_nothing() -> None:
    live = Live.open(["sma(2)", "sma(ln(close), 2)"], nan_policy="raise", gap=a_day_is_missing)
    live.update({"time": 0, "close": None})
    live.update({"time": DAY, "close": 2.0})
    before = live.save()
    with pytest.raises(ValuesMissing, match="1970-01-03"):
        live.update({"time": 2 * DAY, "close": float("nan")})
    with pytest.raises(ValuesMissing):
        live.peek({"time": 2 * DAY, "close": None})
    with pytest.raises(ValuesMissing):
        live.update({"time": 2 * DAY, "close": -1.0})
    with pytest.raises(ValuesMissing, match="1970-01-05"):
        live.update({"time": 4 * DAY, "close": 1.0})
    assert live.save() == before
    assert live.update({"time": 2 * DAY, "close": 4.0})["sma(2)"] == 3.0


def test_times_of_a_history_are_given_to_what_wants_them() -> None:
    def compute(time: Any, **_: Any) -> tuple[Floats]:
        return (time / DAY,)

    registry = Registry()
    registry.add(custom("days", compute=compute, inputs=(), timed=True, reach=lambda _: a_window({"period": 1})))
    table = with_gaps({}, 10)
    live = Live.open("days", registry=registry).warm(table)
    assert live.value == 9.0
    assert live.update({"time": 12 * DAY}) == 12.0
    with pytest.raises(InputUnsuitable, match="already"):
        live.warm(table)


# --- what comes out ------------------------------------------------------------------------------


def test_one_output_is_a_number_and_several_have_names() -> None:
    assert Live.open("sma(1)").update(3.0) == 3.0
    live = Live.open("bbands(2, 1, 1)")
    live.update(1.0)
    found = live.update(3.0)
    names = [output.name for output in request_of("bbands").picks["bbands." + found.names[0]].bound.indicator.outputs]
    assert list(found.keys()) == names
    assert list(found) == [3.0, 2.0, 1.0]
    assert dict(found) == dict(zip(names, (3.0, 2.0, 1.0), strict=True))
    assert found[names[0]] == found[0] == getattr(found, names[0]) == 3.0
    assert repr(found) == f"({names[0]}=3.0, {names[1]}=2.0, {names[2]}=1.0)"
    assert pickle.loads(pickle.dumps(found)) == copy.copy(found) == found  # noqa: S301
    with pytest.raises(AttributeError, match="no output 'signal'"):
        found.signal  # noqa: B018
    assert live.value == found


def test_a_list_of_specs_is_a_mapping_by_column_even_of_one() -> None:
    assert Live.open(["sma(1)"]).update(3.0) == {"sma(1)": 3.0}
    live = Live.open(["sma(1)", "bbands(2).middleband"])
    assert list(live.update(3.0)) == ["sma(1)", "bbands(2).middleband"]
    assert columns_of(live)["sma(1)"] == 3.0


def test_a_shared_part_is_updated_once() -> None:
    opened: list[str] = []

    def stream(**parameters: Any) -> Handle:
        opened.append("rsi")
        return streamed("RSI", reach=lambda _: Reach(lookback=14, settled=14, memory="contractive", exact=False))(
            timeperiod=parameters["timeperiod"]
        )

    registry = Registry()
    for name, given_stream in (("rsi", stream), ("sma", streamed("SMA", reach=a_window))):
        registry.add(custom(name, stream=given_stream, parameters=(period("timeperiod", 14),)))
    live = Live.open(["rsi(14)", "sma(rsi(14), 9)", "sma(rsi(14), 3)"], registry=registry)
    assert opened == ["rsi"]
    for value in range(40):
        live.update(float(value % 7))
    assert columns_of(live)["rsi(14)"] > 0


def test_it_says_how_far_it_is() -> None:
    live = Live.open(["rsi(14)", "obv"])
    assert repr(live) == "<Live rsi(14), obv: 0 bars, exact>"
    for bar in bars_of(with_gaps({}, 1_500)):
        live.update(bar)
    assert repr(live) == "<Live rsi(14), obv: 1,500 bars to 1974-02-08T00:00:00Z, exact>"


# --- bars ----------------------------------------------------------------------------------------


def closed_bar() -> ClosedBar:
    told: dict[str, Any] = {"instrument": "A", "timeframe": "1d", "source": "x", "close_time": 2 * DAY, "revision": 1}
    return ClosedBar(**told, **BAR)  # type: ignore[arg-type]


def frame_row() -> "pd.Series[Any]":
    frame = pd.DataFrame([BAR], index=pd.to_datetime([DAY], utc=True)).drop(columns="time")
    return frame.iloc[0]


Tuple = namedtuple("Tuple", ["Index", "Open", "High", "Low", "Close", "Volume"])  # noqa: PYI024 - as pandas makes it
KINDS = {
    "mapping": BAR,
    "whole numbers": {name: int(value) for name, value in BAR.items()},
    "decimals": {name: Decimal(str(value)) for name, value in BAR.items() if name != "time"} | {"time": DAY},
    "numpy": {name: np.float64(value) for name, value in BAR.items() if name != "time"} | {"time": np.int64(DAY)},
    "capitals": {name.capitalize(): value for name, value in BAR.items()},
    "text time": BAR | {"time": "1970-01-02"},
    "timestamp": BAR | {"time": pd.Timestamp("1970-01-02", tz="UTC")},
    "closed bar": closed_bar(),
    "row of a frame": frame_row(),
    "itertuples": Tuple(pd.Timestamp("1970-01-02", tz="UTC"), 1.0, 4.0, 1.0, 2.0, 5.0),
    "structured": np.array(
        [(DAY, 4.0, 1.0, 2.0, 5.0)], [("time", "i8"), *((n, "f8") for n in ("high", "low", "close", "volume"))]
    )[0],
}


@pytest.mark.parametrize("kind", list(KINDS))
@pytest.mark.parametrize("spec", ["typprice", "sma(1)", "obv"])
def test_a_bar_may_be_what_bars_are(kind: str, spec: str) -> None:
    live = Live.open(spec)
    assert live.update(KINDS[kind]) == {"typprice": 7 / 3, "sma(1)": 2.0, "obv": 5.0}[spec]
    assert live.time == DAY


@pytest.mark.parametrize("missing", [None, pd.NA, float("nan"), np.nan])
def test_what_is_missing_is_missing(missing: Any) -> None:
    live = Live.open("typprice")
    assert np.isnan(live.update(BAR | {"high": missing}))


def test_a_column_that_is_not_there_is_named() -> None:
    live = Live.open(["obv", "atr"])
    with pytest.raises(InputMissing, match="'volume'"):
        live.update({"time": 0, "open": 1.0, "high": 1.0, "low": 1.0, "close": 1.0})
    assert live.count == 0
    with pytest.raises(InputMissing, match="'high'"):
        Live.open("atr").update(type("Bar", (), {"time": 0, "close": 1.0})())


@pytest.mark.parametrize("wrong", [5.0, 5, "5", [1.0, 2.0], True, (1, 2)])
def test_a_number_does_not_say_what_is_high_and_low(wrong: Any) -> None:
    with pytest.raises((InputUnsuitable, InputMissing)):
        Live.open("atr").update(wrong)


@pytest.mark.parametrize("wrong", ["much", object(), [1.0]])
def test_what_is_no_number_is_refused(wrong: Any) -> None:
    live = Live.open("sma(1)")
    with pytest.raises(InputUnsuitable, match="no number"):
        live.update(BAR | {"close": wrong})
    assert live.count == 0
    assert live.update(BAR) == 2.0


class Bar:
    """A bar as an object."""

    def __init__(self, **values: Any) -> None:
        vars(self).update(values)


@pytest.mark.parametrize("infinite", [float("inf"), float("-inf"), Decimal("Infinity")])
@pytest.mark.parametrize("make", [dict, Bar, lambda **values: pd.Series(values)])
@pytest.mark.parametrize("spec", ["sma(2)", "atr(2)"])
def test_what_is_infinite_is_bad_input_as_it_is_in_the_batch(spec: str, make: Any, infinite: Any) -> None:
    live = Live.open(spec, columns=COLUMNS)
    live.update(make(**BAR))
    before = live.save()
    for ask in (live.update, live.peek):
        with pytest.raises(InfiniteValue, match="in close"):
            ask(make(**BAR | {"time": 2 * DAY, "close": infinite}))
    assert live.save() == before
    with pytest.raises(InfiniteValue, match="in close"):
        barledger.calculate(spec, pd.DataFrame([BAR, BAR | {"time": 2 * DAY, "close": float(infinite)}]))


def test_a_number_that_is_infinite_is_bad_input_too() -> None:
    with pytest.raises(InfiniteValue, match="in close"):
        Live.open("sma(2)").update(float("inf"))


def test_a_number_that_is_too_large_for_a_float_is_refused() -> None:
    with pytest.raises(InputUnsuitable, match="no number"):
        Live.open("sma(2)").update({"close": 10**400})


def test_times_must_rise() -> None:
    live = Live.open("sma(2)")
    live.update(BAR)
    live.update(BAR | {"time": 3 * DAY})
    before = live.save()
    for time in (3 * DAY, 2 * DAY):
        for go_on in (live.update, live.peek):
            with pytest.raises(InputUnsuitable, match="1970-01-0") as caught:
                go_on(BAR | {"time": time})
            assert "copy()" in caught.value.advice
    assert live.save() == before
    for go_on in (live.update, live.peek):
        with pytest.raises(InputUnsuitable, match="a bar has no time, and the one before opens at 1970-01-04"):
            go_on(2.0)
    assert live.save() == before
    with pytest.raises(InputUnsuitable, match="twice"):
        live.update(BAR | {"time": 3 * DAY})


# --- what cannot go on ---------------------------------------------------------------------------


def test_other_peoples_windows_are_computed_on_as_many_bars_as_they_need() -> None:
    seen: list[int] = []

    def compute(close: Floats, **parameters: Any) -> tuple[Floats]:
        seen.append(len(close))
        return mean_of(close, **parameters)

    registry = Registry()
    registry.add(custom("mean", compute=compute))
    table = with_gaps({"close": [20]}, 60)
    live = Live.open("mean(4)", registry=registry)
    found = [live.update(bar) for bar in bars_of(table)]
    assert max(seen) == 4
    assert not live.exact
    wanted = Evaluation(table=table).columns(Binder(registry).request("mean(4)"))["mean(4)"]
    np.testing.assert_allclose(found, wanted, rtol=1e-12)
    again = Live.load(json.dumps(live.save()), registry=registry)
    after = {"time": 60 * DAY, "close": 1.0}
    assert again.update(after) == live.update(after)


def test_other_peoples_timed_windows_get_times() -> None:
    def compute(time: Any, close: Floats, **_: Any) -> tuple[Floats]:
        assert time.dtype == np.int64
        return (time / DAY + close * 0,)

    registry = Registry()
    registry.add(custom("days", compute=compute, timed=True, reach=lambda _: a_window({"period": 1})))
    live = Live.open("days", registry=registry)
    assert [live.update(bar) for bar in bars_of(with_gaps({}, 4))] == [0.0, 1.0, 2.0, 3.0]
    again = Live.load(live.save(), registry=registry)
    assert again.update({"time": 9 * DAY, "close": 1.0}) == 9.0
    with pytest.raises(InputMissing, match="'time'"):
        again.update(1.0)


def test_code_that_raises_leaves_everything_as_it_was() -> None:
    def compute(close: Floats, **parameters: Any) -> tuple[Floats]:
        if close[-1] == 13:
            raise RuntimeError("superstition")
        return mean_of(close, **parameters)

    registry = Registry()
    registry.add(custom("mean", compute=compute))
    registry.add(custom("obv", inputs=("close", "volume"), parameters=(), stream=streamed("OBV", reach=a_window)))
    live = Live.open(["obv", "mean(2)"], registry=registry)
    for close in (1.0, 2.0, 3.0):
        live.update({"close": close, "volume": 1.0})
    before = live.save()
    with pytest.raises(IndicatorFailed, match="superstition"):
        live.update({"close": 13.0, "volume": 1.0})
    assert live.save() == before


@pytest.mark.parametrize("memory", ["path", "contractive", "index"])
def test_other_peoples_paths_need_a_handle(memory: Any) -> None:
    registry = Registry()
    registry.add(custom("path", reach=lambda _: Reach(lookback=1, settled=1, memory=memory, exact=False)))
    with pytest.raises(CannotStream, match=memory) as caught:
        Live.open("path", registry=registry)
    assert "stream" in caught.value.advice


def test_what_has_no_handle_is_refused() -> None:
    registry = Registry()
    registry.add(custom("ours", owner="barledger"))
    with pytest.raises(CannotStream, match="ours"):
        Live.open("ours", registry=registry)
    with pytest.raises(IndicatorNotFound):
        Live.open("nothing")


def test_what_knows_the_future_is_refused_and_what_does_not_is_named() -> None:
    registry = Registry()
    outputs = (Output(name="now"), Output(name="drawn", lookahead=lambda values: int(values["period"])))
    registry.add(custom("cloud", outputs=outputs, stream=streamed("RSI", reach=a_window)))
    registry.add(custom("over", stream=streamed("RSI", reach=a_window)))
    for spec in ("cloud(5)", "cloud(5).drawn", "over(cloud(5).drawn)"):
        with pytest.raises(CannotStream, match=r"cloud.drawn .* 5 bars back") as caught:
            Live.open(spec, registry=registry)
        assert caught.value.advice == "Ask for cloud.now."
    Live.open("cloud(5).now", registry=registry)
