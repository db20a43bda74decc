"""Live objects that are saved and loaded: what they go on with, and what is refused."""

import copy
import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from barledger.domain.timeframe import DAY
from barledger.errors import InvalidState
from barledger.indicators.definition import period
from barledger.indicators.registry import Registry
from barledger.indicators.streaming.live import FORMAT, Live
from barledger.indicators.streaming.state import sealed
from streams import BAR, a_day_is_missing, bars_of, custom, with_gaps


def under_way(specs: Any = None, bars: int = 60, **options: Any) -> Live:
    live = Live.open(specs or ["rsi(5)", "max(rsi(5), 3)", "obv", "macd(3, 6, 2)"], **options)
    for bar in bars_of(with_gaps({}, bars)):
        live.update(bar)
    return live


@pytest.mark.parametrize("bars", [0, 1, 4, 7, 60])
@pytest.mark.parametrize("specs", [None, "rsi(5)", "macd(3, 6, 2)", ["supertrend(3)"]])
def test_it_goes_on_from_json(specs: Any, bars: int) -> None:
    live = under_way(specs, bars)
    for state in (json.dumps(live.save()), json.dumps(live.save()).encode(), live.save()):
        again = Live.load(state)
        assert again.save() == live.save()
        assert repr(again.value) == repr(live.value)
        assert (again.time, again.anchor, again.count, again.specs) == (live.time, live.anchor, live.count, live.specs)
        ours = live.copy()
        for bar in bars_of(with_gaps({}, 80))[bars:]:
            assert repr(again.update(bar)) == repr(ours.update(bar))


def test_gaps_and_policies_are_kept() -> None:
    live = under_way("sma(3)", nan_policy="skip")
    again = Live.load(live.save())
    assert np.isnan(again.update({"time": 60 * DAY, "close": None}))
    assert not np.isnan(again.update({"time": 61 * DAY, "close": 1.0}))
    restarted = Live.load(under_way("sma(3)").save(), gap=a_day_is_missing)
    assert np.isnan(restarted.update({"time": 70 * DAY, "close": 1.0}))


def leaves(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(leaf for key, inner in items for leaf in leaves(inner, (*path, key)))]


def changed(state: Any, path: tuple[Any, ...], value: Any) -> Any:
    if not path:
        return value
    found = copy.copy(state)
    found[path[0]] = changed(state[path[0]], path[1:], value)
    return found


STATE = json.loads(json.dumps(under_way().save()))
JUNK = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=5),
    st.just([]),
    st.just({}),
)


@settings(max_examples=300, deadline=None)
@given(path=st.sampled_from(leaves(STATE)), value=JUNK)
def test_a_state_of_which_anything_has_changed_is_refused(path: tuple[Any, ...], value: Any) -> None:
    damaged = changed(STATE, path, value)
    if damaged == STATE and json.dumps(damaged) == json.dumps(STATE):
        return
    with pytest.raises(InvalidState):
        Live.load(damaged)


@settings(max_examples=300, deadline=None)
@given(path=st.sampled_from([path for path in leaves(STATE) if path and path[0] != "digest"]), value=JUNK)
def test_a_forged_state_is_refused_or_makes_sense(path: tuple[Any, ...], value: Any) -> None:
    damaged = changed({name: value for name, value in STATE.items() if name != "digest"}, path, value)
    try:
        live = Live.load(sealed(damaged))
    except InvalidState:
        return
    live.update(BAR | {"time": 10**6 * DAY})


@settings(max_examples=60, deadline=None)
@given(cut=st.integers(0, len(json.dumps(STATE)) - 1))
def test_a_state_that_was_cut_short_is_refused(cut: int) -> None:
    with pytest.raises(InvalidState):
        Live.load(json.dumps(STATE)[:cut])


@pytest.mark.parametrize("foreign", [{}, [], None, 5, {"format": 1}, {"format": True}, b"\xff", "null", {"digest": 1}])
def test_what_is_no_state_is_refused(foreign: Any) -> None:
    with pytest.raises(InvalidState) as caught:
        Live.load(foreign)
    assert caught.value.advice


def test_a_newer_format_is_said() -> None:
    with pytest.raises(InvalidState, match="of format 2, and this version knows 1"):
        Live.load(STATE | {"format": FORMAT + 1})


def test_an_indicator_that_means_something_else_now_is_refused() -> None:
    registry = Registry()
    registry.add(custom("twice"))
    state = under_way("twice(close, 3)", registry=registry).save()
    assert Live.load(state, registry=registry).count == 60
    with pytest.raises(InvalidState, match="twice"):
        Live.load(state)
    other = Registry()
    other.add(custom("twice", parameters=(period("period", 5), period("more", 7))))
    with pytest.raises(InvalidState, match="key"):
        Live.load(state, registry=other)
