"""Indicators on every kind of store and ledger: the same bits, in each way to ask for them."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

import barledger
from barledger.errors import Incomplete
from places import EVERYWHERE, Place, place_called
from streams import same_bits
from walks import daily, day

SPECS = [
    "rsi(5)",
    "macd(3, 6, 2)",
    "obv",
    "sma(ln(close), 4)",
    "session_vwap(begins='09:30', zone='America/New_York').vwap",
]
PAIRED = ["rsi(5)", "rolling_correlation(close, @B, 10)"]


@pytest.fixture(params=EVERYWHERE)
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    """An empty place of each kind of store and ledger."""
    with place_called(request.param, request, tmp_path) as given:
        yield given


def test_values_are_those_of_a_frame_wherever_bars_lie(place: Place) -> None:
    bars = daily(range(800))
    wanted = barledger.calculate(SPECS, bars)
    with place.opened() as bl:
        bl.write("A", "1d", bars[:790], source="mine")
        live = bl.indicators.stream(SPECS, "A", "1d")
        part = bl.indicators.calculate(SPECS, "A", "1d", start=day(700))
        assert part.warmup_complete
        for name in part.columns:
            np.testing.assert_allclose(part.values(name), wanted[name].to_numpy()[700:790], rtol=1e-9)
        bl.write("A", "1d", bars[790:], source="mine")
        grown = bl.indicators.calculate(SPECS, "A", "1d")
        for name in grown.columns:
            assert same_bits(grown.values(name), wanted[name].to_numpy())
        last = [live.update(bar) for _, bar in bars[790:].iterrows()][-1]
        for name, value in last.items():
            assert value == pytest.approx(grown.values(name)[-1], rel=1e-9)
        digest = grown.digest
    with place.opened() as bl:
        assert bl.indicators.calculate(SPECS, "A", "1d").digest == digest


def test_batches_snapshots_and_datasets_are_the_same_wherever_bars_lie(place: Place) -> None:
    with place.opened() as bl:
        for number, name in enumerate(("A", "B", "C")):
            bl.write(name, "1d", daily(range(500), seed=number), source="mine")
        single = bl.indicators.calculate(PAIRED, "A", "1d", start=day(300))
        with pytest.warns(Incomplete, match="NOPE"):
            many = bl.indicators.batch(["A", "C", "NOPE"], "1d", PAIRED, start=day(300))
        assert many["A"].digest == single.digest
        assert list(many) == ["A", "C"] == list(bl.indicators.batch("[AC]", "1d", PAIRED))
        wish = {"instruments": ["A", "B"], "timeframes": "1d", "start": day(300), "end": day(500)}
        data = bl.retrieval.dataset(strategy="s", indicators=PAIRED, fetch_missing=False, id="then", **wish)
        before = data.indicators("A").digest
        bl.write("A", "1d", daily(range(280, 490), seed=9), source="mine")
        assert bl.indicators.calculate(PAIRED, "A", "1d", start=day(300)).digest != single.digest
        bl.indicators.cache.clear()
        pinned = bl.indicators.calculate(PAIRED, "A", "1d", start=day(300), end=day(500), version="then")
        assert pinned.digest == before
    with place.opened() as bl:
        assert bl.retrieval.reproduce("then").same
