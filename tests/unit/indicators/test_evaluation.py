"""Gaps neither poison what follows nor yield quiet nonsense, and what is shared is computed once."""

from collections.abc import Callable, Iterator

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from barledger.errors import IndicatorFailed, InputMissing, InvalidSetting, ValuesMissing
from barledger.indicators.binding import Binder, Bound
from barledger.indicators.definition import Floats, Indicator, Output, Policy, Reach
from barledger.indicators.evaluation import Evaluation
from barledger.indicators.gaps import Present, present, segments
from barledger.indicators.parameter import Parameter
from barledger.indicators.registry import Registry
from barledger.indicators.table import Table

MINUTE = 60_000_000_000
NAN = float("nan")


def mean(close: Floats, *, period: int) -> tuple[Floats]:
    found = np.full(len(close), np.nan)
    for row in range(period - 1, len(close)):
        found[row] = close[row - period + 1 : row + 1].mean()
    return (found,)


def difference(close: Floats, other: Floats) -> tuple[Floats]:
    return (close - other,)


def age(time: object, close: Floats) -> tuple[Floats]:
    return ((np.asarray(time) - np.asarray(time)[0]) / MINUTE + 0 * close,)


def indicator(name: str, compute: Callable[..., object], **more: object) -> Indicator:
    given: dict[str, object] = {
        "name": name,
        "title": name,
        "kind": "trend",
        "inputs": ("close",),
        "outputs": (Output(name=name),),
        "reach": lambda _: Reach(lookback=0, settled=0, memory="window", exact=True),
        "compute": compute,
    }
    return Indicator(**given | more)  # type: ignore[arg-type]


def family() -> Iterator[Indicator]:
    period = Parameter(name="period", default=3, low=1, high=100)

    def reach(values: object) -> Reach:
        back = int(values["period"]) - 1  # type: ignore[index]
        return Reach(lookback=back, settled=back, memory="window", exact=True)

    yield indicator("mean", mean, parameters=(period,), reach=reach)
    yield indicator("difference", difference, inputs=("close", "open"))
    yield indicator("age", age, timed=True)


REGISTRY = Registry(family)


def table(close: list[float], *, breaks: tuple[int, ...] = (), **more: list[float]) -> Table:
    columns = {"close": np.array(close), **{name: np.array(values) for name, values in more.items()}}
    return Table.of(np.arange(len(close)) * MINUTE, columns, breaks=np.array(breaks, np.int64))


def computed(spec: str, given: Table, policy: Policy | None = None) -> list[float]:
    request = Binder(REGISTRY).request(spec, nan_policy=policy)
    (values,) = Evaluation(table=given).columns(request).values()
    return [round(value, 6) for value in values.tolist()]


def same(left: list[float], right: list[float]) -> None:
    np.testing.assert_array_equal(left, right)


def test_a_gap_restarts_what_is_computed() -> None:
    same(computed("mean(2)", table([1, 2, NAN, 4, 5, 6])), [NAN, 1.5, NAN, NAN, 4.5, 5.5])


def test_what_is_skipped_is_as_if_it_were_not_there() -> None:
    same(computed("mean(2)", table([1, 2, NAN, 4, 5, 6]), "skip"), [NAN, 1.5, NAN, 3.0, 4.5, 5.5])


def test_a_gap_is_refused_if_that_is_the_policy() -> None:
    with pytest.raises(ValuesMissing, match="2 missing values in its input, the first at 1970-01-01T00:02:00Z"):
        computed("mean(2)", table([1, 2, NAN, NAN, 5, 6]), "raise")


def test_values_that_are_missing_at_the_head_are_no_gap() -> None:
    for policy in ("segment", "skip", "raise"):
        same(computed("mean(2)", table([NAN, NAN, 3, 4]), policy), [NAN, NAN, NAN, 3.5])
    same(computed("mean(mean(2), 2)", table([1, 2, 3, 4]), "raise"), [NAN, NAN, 2.0, 3.0])


def test_a_missing_bar_is_a_gap() -> None:
    given = table([1, 2, 3, 4, 5], breaks=(2,))
    same(computed("mean(2)", given), [NAN, 1.5, NAN, 3.5, 4.5])
    same(computed("mean(2)", given, "skip"), [NAN, 1.5, 2.5, 3.5, 4.5])
    with pytest.raises(ValuesMissing, match="1 gap in its input, the first of bars missing before 1970-01-01T00:02"):
        computed("mean(2)", given, "raise")


def test_a_stretch_that_is_too_short_has_no_values() -> None:
    same(computed("mean(3)", table([1, 2, NAN, 4, 5, NAN])), [NAN] * 6)
    same(computed("mean(3)", table([])), [])


def test_a_value_that_is_missing_in_any_input_is_missing() -> None:
    given = table([1, 2, 3, NAN], open=[NAN, 1, 1, 1])
    same(computed("difference", given), [NAN, 1.0, 2.0, NAN])


def test_infinite_values_of_a_part_are_missing_to_the_whole() -> None:
    given = table([1, float("inf"), 3, 4])
    same(computed("mean(2)", given), [NAN, NAN, NAN, 3.5])


def test_times_come_with_the_rows_that_are_computed_on() -> None:
    same(computed("age", table([1, 2, NAN, 4, 5])), [0.0, 1.0, NAN, 0.0, 1.0])
    same(computed("age", table([1, 2, NAN, 4, 5]), "skip"), [0.0, 1.0, NAN, 3.0, 4.0])


@given(
    st.lists(st.one_of(st.just(NAN), st.floats(-100, 100)), max_size=40),
    st.sets(st.integers(1, 39)),
    st.integers(1, 5),
)
def test_every_stretch_is_as_if_it_stood_alone(close: list[float], broken: set[int], period: int) -> None:
    breaks = tuple(sorted(row for row in broken if row < len(close)))
    whole = computed(f"mean({period})", table(close, breaks=breaks))
    expected: list[float] = []
    alone: list[float] = []
    for row, value in enumerate([*close, NAN]):
        if np.isnan(value) or row in breaks:
            expected += computed(f"mean({period})", table(alone)) if alone else []
            alone = []
        if np.isnan(value):
            expected.append(NAN)
        else:
            alone.append(value)
    same(whole, expected[:-1])


@given(st.lists(st.booleans(), max_size=30), st.sets(st.integers(0, 30)))
def test_stretches_cover_every_row_that_is_there_once(flags: list[bool], broken: set[int]) -> None:
    there = present(np.where(np.array(flags, np.bool_), 1.0, np.nan))
    breaks = np.array(sorted(row for row in broken if row < len(flags)), np.int64)
    found = segments(there, len(flags), breaks)
    covered = [row for begin, end in found for row in range(begin, end)]
    assert covered == [row for row, flag in enumerate(flags) if flag]
    assert all(begin < end for begin, end in found)
    assert not any(begin < row < end for begin, end in found for row in breaks.tolist())


def test_rows_are_there_if_they_are_in_all_inputs() -> None:
    left, right = Present(first=2), present(np.array([1, 1, 1, NAN, 1]))
    assert left.beside(right, 5).flags(5).tolist() == [False, False, True, False, True]
    assert left.beside(Present(first=3), 5) == Present(first=3) or left.beside(Present(first=3), 5).first == 3


def test_what_is_shared_is_computed_once() -> None:
    seen: list[str] = []
    request = Binder(REGISTRY).request(["mean(2)", "mean(mean(2), 3)", "difference(mean(2), mean(3))", "mean(3)"])
    evaluation = Evaluation(table=table([1, 2, 3, 4, 5]), watch=lambda bound: seen.append(bound.key))
    evaluation.columns(request)
    assert len(seen) == len(set(seen)) == 4


def test_what_is_known_is_not_computed() -> None:
    request = Binder(REGISTRY).request("mean(2)")
    (pick,) = request.picks.values()
    known = {pick.bound.key: (np.array([7.0]),)}
    assert Evaluation(table=table([1]), known=known).columns(request)["mean(2)"].tolist() == [7.0]


def test_a_column_that_there_is_not_is_said() -> None:
    with pytest.raises(InputMissing, match="difference wants the column 'open'; there are close"):
        computed("difference", table([1, 2]))


def custom(compute: Callable[..., object], *outputs: str) -> Bound:
    named = tuple(Output(name=name) for name in outputs or ("x",))
    registry = Registry(lambda: [indicator("custom", compute, outputs=named, owner="desk")])
    (pick, *_) = Binder(registry).request("custom").picks.values()
    return pick.bound


def raises(_: Floats) -> Floats:
    message = "no such thing"
    raise KeyError(message)


def writes(close: Floats) -> Floats:
    close[0] = 1.0
    return close


@pytest.mark.parametrize(
    ("compute", "reason"),
    [
        (raises, "it raised KeyError"),
        (writes, "it writes into its input"),
        (lambda close: close[1:], r"array of shape \(2,\) for 3 bars"),
        (lambda close: (close, close), "it gave 2 results, and its outputs are x"),
        (lambda _: "abc", "a result is a str, and no numbers"),
        (lambda _: None, r"array of shape \(\) for 3 bars"),
    ],
)
def test_code_that_fails_is_told_from_ours(compute: Callable[..., object], reason: str) -> None:
    with pytest.raises(IndicatorFailed, match=reason) as caught:
        Evaluation(table=table([1, 2, 3])).results(custom(compute))
    assert caught.value.indicator == "custom"
    assert caught.value.advice


def test_an_error_of_ours_within_it_stays_what_it_is() -> None:
    def refuses(_: Floats) -> Floats:
        raise InvalidSetting(setting="x", reason="y")

    with pytest.raises(InvalidSetting):
        Evaluation(table=table([1, 2, 3])).results(custom(refuses))


def test_what_custom_code_gives_can_be_a_list_or_whole_numbers() -> None:
    (values,) = Evaluation(table=table([1, 2, 3])).results(custom(lambda _: [1, 2, 3]))
    assert values.dtype == np.float64
    assert values.tolist() == [1.0, 2.0, 3.0]


def test_inputs_cannot_be_written_to_and_results_are_not_the_inputs() -> None:
    given = table([1, 2, 3])
    with pytest.raises(ValueError, match="read-only"):
        given.columns["close"][0] = 5.0
