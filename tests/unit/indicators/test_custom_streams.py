"""Functions that bring a handle of their own: what has a path goes on bar by bar, like what is built in."""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pandas as pd
import pytest

import barledger
from barledger.errors import CannotStream
from barledger.indicators.definition import Handle
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
