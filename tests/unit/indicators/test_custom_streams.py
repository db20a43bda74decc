"""Functions that bring a handle of their own: what has a path goes on bar by bar, like what is built in."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import barledger
from barledger.errors import CannotStream, IndicatorFailed, IndicatorInvalid, InvalidState
from barledger.indicators.definition import Handle
from barledger.indicators.registry import REGISTRY
from own_indicators import defined
from streams import same_bits
from walks import daily


class Drawdown(Handle):
    """How far below its highest close so far a close is, in parts of it."""

    def __init__(self, *, scale: float) -> None:
        self.scale, self.high = scale, -np.inf

    def update(self, *inputs: float) -> tuple[float, ...]:
        values = self.peek(*inputs)
        self.high = max(self.high, inputs[0])
        return values

    def peek(self, *inputs: float) -> tuple[float, ...]:
        high = max(self.high, inputs[0])
        return (self.scale * (high - inputs[0]) / high, high)

    def copy(self) -> "Drawdown":
        other = Drawdown(scale=self.scale)
        other.high = self.high
        return other

    def save(self) -> dict[str, Any]:
        return {"high": float(self.high).hex()}

    def load(self, state: Mapping[str, Any]) -> None:
        self.high = float.fromhex(state["high"])


@pytest.fixture(autouse=True)
def drawdown() -> Iterator[None]:
    with defined():

        @barledger.indicator(outputs=("below", "high"), memory="path", exact=True, stream=Drawdown)
        def drawdown(close: Any, *, scale: float = 1.0) -> Any:
            high = np.maximum.accumulate(close)
            return scale * (high - close) / high, high

        yield


SPECS = ["drawdown(100)", "sma(drawdown.below, 3)", "drawdown(rsi(5)).high"]


def test_a_handle_of_ones_own_gives_what_the_batch_gives() -> None:
    bars = daily(range(300))
    wanted = barledger.calculate(SPECS, bars)
    live = barledger.live(SPECS)
    found = [live.update(bar) for _, bar in bars.iterrows()]
    for name in wanted:
        assert same_bits([one[name] for one in found], wanted[name])
    warm = barledger.live(SPECS, bars[:200])
    again = barledger.Live.load(warm.save())
    for number, (_, bar) in enumerate(bars[200:].iterrows(), 200):
        assert warm.peek(bar) == warm.update(bar) == found[number]
        # The sum of a window that goes along is put together anew when it is loaded.
        assert again.peek(bar) == again.update(bar) == pytest.approx(found[number], rel=1e-9)


def test_a_gap_opens_a_new_one_and_a_copy_goes_its_own_way() -> None:
    bars = daily(range(60))
    bars.iloc[30, bars.columns.get_loc("close")] = np.nan
    wanted = barledger.calculate("drawdown", bars)
    live = barledger.live("drawdown")
    found = []
    for number, (_, bar) in enumerate(bars.iterrows()):
        aside = live.copy()
        found.append(live.update(bar).below)
        aside.update(pd.Series({"close": 1e6}, name=bar.name))
        assert live.count == number + 1
    assert same_bits(found, wanted["drawdown.below"])


def test_without_a_handle_a_path_cannot_go_on() -> None:
    @barledger.indicator(memory="path", name="summed_up")
    def summed_up(close: Any) -> Any:
        return np.cumsum(close)

    with pytest.raises(CannotStream, match="its memory is path"):
        barledger.live("summed_up")


class Broken(Drawdown):
    """A drawdown that goes wrong as it is told, at closes above 1,000 or whenever it is asked."""

    fault: Any = None

    def update(self, *inputs: float) -> Any:
        if inputs[0] <= 1_000:
            return super().update(*inputs)
        # What it has done to itself by then is nobody else's.
        self.high = 1e9
        return self.fault()

    def peek(self, *inputs: float) -> Any:
        return super().peek(*inputs) if inputs[0] <= 1_000 else self.fault()

    def copy(self) -> "Broken":
        other = type(self)(scale=self.scale)
        other.high = self.high
        return other


def _raises() -> Any:
    raise ZeroDivisionError("boom")


def broken(fault: Any = None, **methods: Any) -> type[Broken]:
    made = type("Broken", (Broken,), methods)
    made.fault = staticmethod(fault)
    return made


def declared(stream: Any, **more: Any) -> None:
    @barledger.indicator(outputs=("below", "high"), name="broken", stream=stream, **{"memory": "path", **more})
    def whatever(close: Any, *, scale: float = 1.0) -> Any:
        high = np.maximum.accumulate(close)
        return scale * (high - close) / high, high


NOT_A_TUPLE = "gave a float, and no tuple"


@pytest.mark.parametrize(
    ("fault", "told"),
    [
        (_raises, "raised ZeroDivisionError: boom"),
        (lambda: 1.0, NOT_A_TUPLE),
        (lambda: None, "gave a NoneType, and no tuple"),
        (lambda: (1.0,), "gave 1 value, and its outputs are below, high"),
        (lambda: (1.0, 2.0, 3.0), "gave 3 values, and its outputs are below, high"),
        (lambda: (1.0, "2"), "gave a str where a number stands"),
        (lambda: (1.0, None), "gave a NoneType where a number stands"),
        (lambda: (1j, 1.0), "gave a complex where a number stands"),
        (lambda: (np.ones(2), 1.0), "gave a ndarray where a number stands"),
    ],
)
@pytest.mark.parametrize("specs", ["broken", ["obv", "sma(broken.below, 2)", "rsi(3)"]])
def test_what_goes_wrong_in_a_handle_is_the_indicators_and_nothing_has_changed(
    specs: Any, fault: Any, told: str
) -> None:
    declared(broken(fault))
    bars = [{"time": n, "close": 100.0 + n % 7, "volume": 5.0} for n in range(40)]
    live, aside = barledger.live(specs), barledger.live(specs)
    for bar in bars[:20]:
        live.update(bar)
        aside.update(bar)
    before, bad = live.save(), {"time": 20, "close": 2_000.0, "volume": 5.0}
    for ask, method in ((live.update, "update"), (live.peek, "peek")):
        with pytest.raises(IndicatorFailed, match=f"its {method} {told}") as caught:
            ask(bad)
        assert caught.value.indicator == "broken"
        assert caught.value.advice
        assert isinstance(caught.value.__cause__, ZeroDivisionError) == (fault is _raises)
        assert live.save() == before
        assert (live.count, live.time) == (20, 19)
    # It goes on as if that bar had never been given.
    for bar in bars[20:]:
        assert str(live.update(bar)) == str(aside.update(bar))


def test_a_peek_that_changes_its_handle_changes_nothing() -> None:
    def peek(self: Any, *inputs: float) -> tuple[float, ...]:
        self.high = max(self.high, inputs[0])
        return (self.high - inputs[0]) / self.high, self.high

    declared(broken(peek=peek))
    live = barledger.live("broken", {"close": [5.0, 4.0]})
    assert live.peek(900.0).high == 900.0
    assert live.update(4.5).high == 5.0


@pytest.mark.parametrize(
    ("stream", "told"),
    [
        (5, "its stream is a int, which opens no handle"),
        (Drawdown(scale=1.0), "its stream is a Drawdown, which opens no handle"),
        (lambda: Drawdown(scale=1.0), "cannot be called as stream.scale=.*: got an unexpected keyword"),
        (lambda fast, scale: Drawdown(scale=scale + fast), "missing a required argument: 'fast'"),
        (
            type("Bare", (), {"__init__": lambda _, scale: setattr(_, "scale", scale)}),
            "no update, fill, peek, copy, save, load",
        ),
        (
            type("Half", (), {name: lambda _: None for name in ("update", "peek", "copy", "save", "load")}),
            "cannot be called|no fill",
        ),
        (
            type("Unkept", (Handle,), {"__init__": lambda _, scale: setattr(_, "scale", scale), "update": print}),
            "no peek, copy, save, load",
        ),
    ],
)
def test_what_can_be_no_handle_is_refused_when_it_is_declared(stream: Any, told: str) -> None:
    with pytest.raises(IndicatorInvalid, match=told) as caught:
        declared(stream)
    assert caught.value.advice
    assert not REGISTRY.knows("broken")


@pytest.mark.parametrize("given", [None, 5, object(), [Drawdown]])
def test_what_is_no_handle_is_refused_when_it_is_opened(given: Any) -> None:
    declared(lambda scale: (scale, given)[1])
    with pytest.raises(IndicatorInvalid, match="which has no update") as caught:
        barledger.live("broken")
    assert "barledger.Handle" in caught.value.advice
    assert len(barledger.calculate("broken", {"close": [1.0, 2.0]})) == 2


def test_a_handle_without_fill_is_refused_with_what_gives_it() -> None:
    bare = {name: vars(Drawdown)[name] for name in ("__init__", "update", "peek", "copy", "save", "load")}
    with pytest.raises(IndicatorInvalid, match="has no fill") as caught:
        declared(type("Bare", (), bare))
    assert "Derive from barledger.Handle" in caught.value.advice
    declared(type("Derived", (Handle,), bare))
    assert barledger.live("broken", {"close": [5.0, 4.0]}).value.high == 5.0


def test_a_stream_that_raises_fails_where_it_is_opened() -> None:
    def opened(*, scale: float) -> Any:
        return Drawdown(scale=1.0 / (scale - 1.0))

    declared(opened)
    barledger.live("broken(2)")
    with pytest.raises(IndicatorFailed, match="its stream raised ZeroDivisionError") as caught:
        barledger.live("broken")
    assert isinstance(caught.value.__cause__, ZeroDivisionError)


def test_a_history_that_a_handle_fails_on_leaves_it_before_the_first_bar() -> None:
    def writes(_: Any, close: Any) -> None:
        close[0] = 7.0

    closes = np.array([1.0, 2.0, 3.0])
    for fill, told in (
        (writes, "its fill writes into its input"),
        (lambda _one, _close: _raises(), "fill raised Zero"),
    ):
        declared(broken(fill=fill))
        live = barledger.live("broken")
        with pytest.raises(IndicatorFailed, match=told):
            live.warm({"close": closes})
        assert (live.count, live.time) == (0, None)
        assert closes.tolist() == [1.0, 2.0, 3.0]
        assert live.update(4.0).high == 4.0


def test_memory_that_is_made_writable_again_is_the_handles_own() -> None:
    def fill(_: Any, close: Any) -> None:
        close = close if close.base is None else close.base
        close.flags.writeable = True
        close[:] = 7.0

    declared(broken(fill=fill))
    frame = pd.DataFrame({"close": [1.0, 2.0, 3.0]})
    live = barledger.live(["broken", "sum(2)"], frame)
    assert frame["close"].tolist() == [1.0, 2.0, 3.0]
    assert live.update(4.0)["sum(2)"] == 7.0


@pytest.mark.parametrize(
    ("methods", "ask", "told"),
    [
        ({"save": lambda _: _raises()}, "save", "its save raised ZeroDivisionError"),
        ({"save": lambda _: [1]}, "save", "its save gave a list, and no mapping"),
        ({"save": lambda _: {"high": np.ones(2)}}, "save", "gave what JSON does not know"),
        ({"save": lambda _: {"high": float("nan")}}, "save", "gave what JSON does not know"),
        ({"copy": lambda _: _raises()}, "copy", "its copy raised ZeroDivisionError"),
        ({"copy": lambda one: one}, "copy", "its copy gave the handle itself"),
        ({"copy": Drawdown.copy}, "copy", "its copy gave a Drawdown of a Broken"),
        ({"copy": lambda _: None}, "copy", "its copy gave a NoneType of a Broken"),
    ],
)
def test_what_cannot_be_kept_or_copied_is_told(methods: Any, ask: str, told: str) -> None:
    declared(broken(**methods))
    live = barledger.live("broken", {"close": [5.0, 4.0]})
    with pytest.raises(IndicatorFailed, match=told) as caught:
        getattr(live, ask)()
    assert caught.value.advice
    assert (live.count, live.value.high) == (2, 5.0)


def test_a_state_that_a_handle_cannot_load_is_refused() -> None:
    declared(broken(load=lambda one, _: one.nowhere))
    state = barledger.live("broken", {"close": [5.0, 4.0]}).save()
    with pytest.raises(InvalidState, match="its load raised AttributeError") as caught:
        barledger.Live.load(state)
    assert isinstance(caught.value.__cause__, AttributeError)


def test_a_state_that_is_saved_is_nobody_elses() -> None:
    def save(self: Any) -> Any:
        self.shared = getattr(self, "shared", {})
        self.shared["high"] = float(self.high).hex()
        return self.shared

    declared(broken(save=save))
    live = barledger.live("broken", {"close": [5.0, 4.0]})
    state = live.save()
    live.update(9.0)
    live.save()
    assert barledger.Live.load(state).update(6.0).high == 6.0


def test_values_are_missing_where_those_of_the_batch_are() -> None:
    class Quotient(Drawdown):
        def peek(self, *inputs: float) -> Any:
            return (1.0 / inputs[0] if inputs[0] else np.inf, np.float32(2.0))

        def copy(self) -> "Quotient":
            return Quotient(scale=self.scale)

    @barledger.indicator(outputs=("one", "two"), name="quotient", memory="contractive", warmup=3, stream=Quotient)
    def quotient(close: Any, *, scale: float = 1.0) -> Any:
        with np.errstate(divide="ignore"):
            return 1.0 / close, np.full(len(close), 2.0 * scale)

    closes = [1.0, 2.0, 4.0, 5.0, 0.0, 8.0, np.nan, 2.0, 2.0, 2.0, 4.0, 5.0]
    wanted = barledger.calculate("quotient", {"close": closes})
    live = barledger.live("quotient")
    found = []
    for number, close in enumerate(closes):
        assert str(live.peek(close)) == str(live.update(close)) == str(live.value)
        found.append(live.value)
        if number % 2:
            live = barledger.Live.load(live.save())
    assert same_bits([one.one for one in found], wanted["quotient.one"])
    assert same_bits([one.two for one in found], wanted["quotient.two"])
    warm = barledger.live("quotient", {"close": closes[:5]})
    assert warm.update(8.0) == (0.125, 2.0)


def test_the_handle_on_the_page_does_what_the_page_says() -> None:
    page = (Path(__file__).parents[3] / "docs" / "live-indicators.md").read_text()
    (code,) = [one for one in re.findall(r"```python\n(.*?)```", page, re.DOTALL) if "class Drawdown" in one]
    scope: dict[str, Any] = {"barledger": barledger}
    exec(code, scope)  # noqa: S102 - the page's own example

    @barledger.indicator(name="paged", memory="path", exact=True, stream=scope["Drawdown"])
    def paged(close: Any, *, scale: float = 1.0) -> Any:
        high = np.maximum.accumulate(close)
        return scale * (high - close) / high

    bars = daily(range(50))
    wanted = barledger.calculate("paged(2)", bars)["paged(2)"]
    live = barledger.live("paged(2)", bars[:20])
    live = barledger.Live.load(live.save())
    assert live.exact
    found = [live.update(bar) for _, bar in bars[20:].iterrows()]
    assert same_bits(found, wanted[20:])
