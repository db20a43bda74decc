"""Handles of TA-Lib's functions: each value is the batch's, bit for bit, and what is kept goes on."""

import json
from typing import Any

import numpy as np
import pytest

from barledger.errors import InvalidState
from barledger.indicators.binding import Column
from barledger.indicators.definition import Handle, Reach, Values
from barledger.indicators.evaluation import Evaluation
from barledger.indicators.streaming.opening import streamed
from barledger.indicators.streaming.path import PathHandle
from barledger.indicators.streaming.replay import INDEXED
from barledger.indicators.talib.library import talib
from streams import BARS, bound_to, real_table, same_bits

NAMES = [name.lower() for name in talib().get_functions()]
SHORT = 700
OFF_THE_USUAL = [
    *(f"ma(10, {kind})" for kind in (0, 1, 2, 3, 4, 5, 6, 7, 8)),
    "rsi(2)",
    "sma(2)",
    "ema(200)",
    "macd(26, 12, 3)",
    "macdext(5, 1, 9, 3, 4, 2)",
    "bbands(5, 1.5, 0.5, 1)",
    "stoch(8, 4, 1, 3, 2)",
    "stochrsi(7, 6, 4, 1)",
    "adosc(10, 3)",
    "adosc(2, 2)",
    "sar(0.3, 0.1)",
    "sar(0, 0)",
    "sarext(150.0)",
    "sarext(-150.0, 0.01, 0.5, 0.02, 0.2, 0.02, 0.3, 0.1)",
    "supertrend(2, 0.5)",
    "supertrend(30, 0)",
    "maxindex(5)",
    "t3(9, 0.2)",
    "adxr(5)",
    "cdlmorningstar(0.1)",
]


def rows_of(spec: str, count: int = BARS) -> list[tuple[float, ...]]:
    columns = [one.key for one in bound_to(spec).inputs if isinstance(one, Column)]
    return list(zip(*(real_table().columns[name][:count].tolist() for name in columns), strict=True))


def batch(spec: str, count: int = BARS) -> Any:
    """Return the batch's values, a row for each bar."""
    return np.array(Evaluation(table=real_table(count)).results(bound_to(spec))).T


def handle_of(spec: str) -> Handle:
    bound = bound_to(spec)
    assert bound.indicator.stream is not None
    return bound.indicator.stream(**bound.parameters)


def forgetting(settled: int) -> Any:
    def reach(_: Values) -> Reach:
        return Reach(lookback=0, settled=settled, memory="contractive", exact=False)

    return reach


def check(spec: str, count: int) -> None:
    handle, found, peeked = handle_of(spec), [], []
    for row in rows_of(spec, count):
        peeked.append(handle.peek(*row))
        found.append(handle.update(*row))
    wanted = batch(spec, count)
    assert same_bits(found, wanted)
    assert same_bits(peeked, wanted)


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_ten_thousand_bars_are_the_batch_bit_for_bit(name: str) -> None:
    check(name, BARS)


@pytest.mark.parametrize("name", [name for name in NAMES if not name.startswith("cdl")])
def test_values_and_peeks_are_the_batch_bit_for_bit(name: str) -> None:
    check(name, SHORT)


@pytest.mark.parametrize("spec", OFF_THE_USUAL)
def test_so_they_are_with_other_parameters(spec: str) -> None:
    check(spec, 2_000)


@pytest.mark.parametrize("name", NAMES)
def test_before_there_are_enough_bars_all_is_missing(name: str) -> None:
    handle, first = handle_of(name), rows_of(name, 1)[0]
    outputs = len(bound_to(name).indicator.outputs)
    for values in (handle.peek(*first), handle.update(*first)):
        assert len(values) == outputs
        assert all(type(value) is float for value in values)


@pytest.mark.parametrize("spec", ["rsi", "macd", "obv", "sar", "supertrend", "minmaxindex"])
def test_a_copy_goes_its_own_way(spec: str) -> None:
    rows, handle = rows_of(spec, 400), handle_of(spec)
    for row in rows[:5]:
        handle.update(*row)
    early = handle.copy()
    for row in rows[5:300]:
        handle.update(*row)
    late = handle.copy()
    rest = [handle.update(*row) for row in rows[300:]]
    assert same_bits([early.update(*row) for row in rows[5:]][295:], rest)
    assert same_bits([late.update(*row) for row in rows[300:]], rest)


@pytest.mark.parametrize("bars", [3, 100])
def test_what_is_not_finite_is_refused_and_changes_nothing(bars: int) -> None:
    handle, rows = handle_of("rsi"), rows_of("rsi", 200)
    for row in rows[:bars]:
        handle.update(*row)
    before = handle.save()
    for wrong in (float("nan"), float("inf")):
        with pytest.raises(Exception, match=r"(?i)bad|finite|param"):
            handle.update(wrong)
    assert handle.save() == before


def test_filling_is_updating() -> None:
    for spec in ("rsi", "obv", "macd", "maxindex", "cumsum"):
        rows = rows_of(spec, 500)
        filled, updated = handle_of(spec), handle_of(spec)
        filled.fill(*(np.array(column) for column in zip(*rows[:400], strict=True)))
        for row in rows[:400]:
            updated.update(*row)
        assert filled.save() == updated.save()
        assert same_bits([filled.update(*row) for row in rows[400:]], [updated.update(*row) for row in rows[400:]])


PATHS = [name for name in NAMES if isinstance(handle_of(name), PathHandle)]


# --- kept ----------------------------------------------------------------------------------------


def through_json(handle: Handle, other: Handle) -> None:
    other.load(json.loads(json.dumps(handle.save())))


@pytest.mark.parametrize("name", PATHS)
@pytest.mark.parametrize("bars", [0, 1, 2, 9, 10, 11, 5_000])
def test_a_path_goes_on_bit_for_bit_from_a_state_of_a_few_numbers(name: str, bars: int) -> None:
    rows, handle, other = rows_of(name, 6_000), handle_of(name), handle_of(name)
    for row in rows[:bars]:
        handle.update(*row)
    through_json(handle, other)
    assert len(json.dumps(handle.save())) < 600
    assert same_bits([other.update(*row) for row in rows[bars:]], batch(name, 6_000)[bars:])


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in NAMES if name not in PATHS])
def test_as_many_bars_as_settle_it_are_kept_and_it_goes_on_as_it_says(name: str) -> None:
    rows, handle, other = rows_of(name), handle_of(name), handle_of(name)
    handle.fill(*(np.array(column) for column in zip(*rows[:9_000], strict=True)))
    own = bound_to(name).own
    assert len(handle.save()["rows"]) == min(own.settled + 1, 9_000)
    through_json(handle, other)
    found = [other.update(*row) for row in rows[9_000:]]
    wanted = batch(name)[9_000:]
    assert other.exact == (own.exact or own.settled >= 9_000)  # type: ignore[attr-defined]
    if own.exact:
        assert same_bits(found, wanted)
    finite = np.abs(wanted[np.isfinite(wanted)])
    np.testing.assert_allclose(found, wanted, rtol=1e-9, atol=1e-9 * float(finite.max(initial=0.0)))


@pytest.mark.parametrize("name", sorted(name.lower() for name in INDEXED))
def test_an_index_goes_on_counting_from_the_first_row(name: str) -> None:
    bound = bound_to(name)
    opened = streamed(name.upper(), reach=forgetting(100))
    rows, handle, other = rows_of(name, 2_000), opened(**bound.parameters), opened(**bound.parameters)
    for row in rows[:1_000]:
        handle.update(*row)
    through_json(handle, other)
    again = opened(**bound.parameters)
    through_json(other, again)
    wanted = batch(name, 2_000)[1_000:]
    assert same_bits([other.update(*row) for row in rows[1_000:]], wanted)
    assert same_bits([again.update(*row) for row in rows[1_000:]], wanted)


def test_a_history_that_is_kept_whole_stays_exact() -> None:
    rows, handle, other = rows_of("ema", 300), handle_of("ema(200)"), handle_of("ema(200)")
    for row in rows[:150]:
        handle.update(*row)
    through_json(handle, other)
    assert other.exact  # type: ignore[attr-defined]
    assert same_bits([other.update(*row) for row in rows[150:]], batch("ema(200)", 300)[150:])


@pytest.mark.parametrize(
    ("spec", "change"),
    [
        ("rsi", {"function": "CMO"}),
        ("rsi", {"parameters": {"timeperiod": 15}}),
        ("rsi", {"engine": "TA-Lib 9.9.9"}),
        ("rsi", {"count": -1}),
        ("rsi", {"count": 14}),
        ("rsi", {"rows": [["0x1p+0"]]}),
        ("rsi", {"rows": None}),
        ("rsi", {"rows": [["nan"]] * 60}),
        ("rsi", {"rows": [["0x1p+0", "0x1p+0"]] * 60}),
        ("rsi", {"exact": 1}),
        ("rsi", {"more": 1}),
        ("rsi", {"kind": "path"}),
        ("obv", {"state": ["0x1p+0"]}),
        ("obv", {"state": [1.0, 2.0]}),
        ("obv", {"state": "none"}),
        ("obv", {"function": "ad"}),
    ],
)
def test_a_state_that_does_not_fit_is_refused_and_nothing_is_loaded(spec: str, change: dict[str, Any]) -> None:
    handle, rows = handle_of(spec), rows_of(spec, 60)
    for row in rows:
        handle.update(*row)
    before = handle.save()
    with pytest.raises(InvalidState, match="cannot be loaded"):
        handle.load(before | change)
    assert handle.save() == before


def test_a_field_that_is_missing_is_named() -> None:
    state = handle_of("rsi").save()
    del state["count"]
    with pytest.raises(InvalidState, match="lacks count"):
        handle_of("rsi").load(state)
