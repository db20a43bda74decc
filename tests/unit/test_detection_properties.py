"""What changes nothing, and what finds nothing."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import barledger
from barledger.detection import FrameFinding, Inspection
from vendor import PRICES, Label, labels, scaled, walk

KINDS = labels(clean=False)
SCALED = [*PRICES, "Adj Close", "Dividends", "Capital Gains"]


def seen(report: Inspection) -> list[tuple[object, ...]]:
    return [_plain(one) for one in report.findings if one.confidence >= 0.3]


def _plain(one: FrameFinding) -> tuple[object, ...]:
    factor = None if one.factor is None else float(f"{one.factor:.6g}")
    return one.kind, one.start.tz_convert("UTC"), one.end - one.start, one.fields, factor, round(one.confidence, 3)


def by_day(label: Label) -> pd.DataFrame:
    frame = label.wrong()
    return frame.drop(columns=frame.columns[0]).set_index(pd.DatetimeIndex(pd.to_datetime(frame.iloc[:, 0], utc=True)))


@pytest.mark.slow
@settings(max_examples=40, deadline=None)
@given(label=st.sampled_from(KINDS), seed=st.integers(0, 2**32 - 1))
def test_the_order_of_rows_changes_nothing(label: Label, seed: int) -> None:
    frame = by_day(label)
    assert seen(barledger.inspect(frame.sample(frac=1, random_state=seed))) == seen(barledger.inspect(frame))


@pytest.mark.slow
@settings(max_examples=40, deadline=None)
@given(label=st.sampled_from(KINDS), hours=st.integers(-12, 14))
def test_the_offset_of_times_changes_nothing(label: Label, hours: int) -> None:
    frame = by_day(label)
    zone = f"{'+' if hours >= 0 else '-'}{abs(hours):02d}:00"
    assert seen(barledger.inspect(frame.tz_convert(zone))) == seen(barledger.inspect(frame))


@pytest.mark.slow
@settings(max_examples=40, deadline=None)
@given(label=st.sampled_from(KINDS), power=st.floats(-4, 4))
def test_another_currency_changes_nothing(label: Label, power: float) -> None:
    frame = by_day(label)
    names = [name for name in SCALED if name in frame]
    other = scaled(frame, slice(None), 10**power, names)
    assert seen(barledger.inspect(other)) == seen(barledger.inspect(frame))


@pytest.mark.slow
@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    rows=st.integers(1, 300),
    volatility=st.floats(0.002, 0.06),
    level=st.floats(1.0, 5000.0),
    dividends=st.booleans(),
    volume=st.booleans(),
)
def test_a_random_walk_has_no_likely_fault(
    seed: int,
    rows: int,
    volatility: float,
    level: float,
    dividends: bool,  # noqa: FBT001
    volume: bool,  # noqa: FBT001
) -> None:
    frame = walk(seed, rows=rows, volatility=volatility, level=level, dividends=dividends)
    # A wild night that comes near a customary ratio of shares looks like a split, and from bars alone nobody can tell.
    nights = np.log(frame["Open"].to_numpy()[1:] / frame["Close"].to_numpy()[:-1])
    assume(not len(nights) or np.abs(nights).max() < np.log(1.45))
    report = barledger.inspect(frame if volume else frame.drop(columns="Volume"))
    assert report.ok, str(report)


@settings(max_examples=30, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    rows=st.integers(2, 250),
    volatility=st.sampled_from([0.003, 0.01, 0.02, 0.04]),
    volume=st.booleans(),
)
def test_a_geometric_walk_as_traded_has_no_likely_fault(
    seed: int,
    rows: int,
    volatility: float,
    volume: bool,  # noqa: FBT001
) -> None:
    chance = np.random.default_rng(seed)
    steps = chance.normal(0, volatility / 3, (rows, 9))
    paths = 50 * np.exp(np.cumsum(steps).reshape(rows, 9))
    prices = {"open": paths[:, 0], "high": paths.max(axis=1), "low": paths.min(axis=1), "close": paths[:, -1]}
    index = pd.bdate_range("2015-01-01", periods=rows, tz="UTC")
    frame = pd.DataFrame(prices, index)
    if volume:
        frame["volume"] = np.round(1e6 * np.exp(chance.normal(0, 0.3, rows)))
    report = barledger.inspect(frame, adjusted="raw")
    assert report.ok, str(report)


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_any_numbers_are_judged_without_a_fault_of_ours(data: st.DataObject) -> None:
    rows = data.draw(st.integers(0, 12))
    number = st.one_of(
        st.floats(allow_infinity=False, width=32), st.sampled_from([0.0, -1.0, 1.0, 1e-30, 1e30, np.nan])
    )
    names = [*PRICES, "Adj Close", "Volume", "Dividends", "Stock Splits", "Capital Gains"]
    table = {name: data.draw(st.lists(number, min_size=rows, max_size=rows)) for name in names}
    times = data.draw(st.lists(st.integers(0, 30), min_size=rows, max_size=rows))
    index = pd.DatetimeIndex(pd.Timestamp("2020-01-01", tz="UTC") + pd.to_timedelta(times, "D"))
    report = barledger.inspect(pd.DataFrame(table, index=index, dtype=float))
    for one in report.findings:
        assert 0 <= one.confidence <= 1
        assert one.start < one.end


def test_certain_is_what_nothing_else_explains() -> None:
    for seed in range(8):
        assert not any(one.certain for one in barledger.inspect(walk(seed, volatility=0.05)).findings)
