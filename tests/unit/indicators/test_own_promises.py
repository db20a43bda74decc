"""What every indicator of our own promises."""

import json
import pickle
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from barledger.errors import CannotStream, DriverMissing, ParameterInvalid
from barledger.indicators.definition import Indicator
from barledger.indicators.own.kernel import compiled
from barledger.indicators.registry import Registry
from barledger.indicators.talib import indicators as talibs
from own_bars import CASES, OWN, finished, given, made, named, parameters, real, same

every = pytest.mark.parametrize(("name", "values"), CASES, ids=named)


def test_every_indicator_is_tried() -> None:
    assert {name for name, _ in CASES} == set(OWN)


@pytest.mark.parametrize("indicator", OWN.values(), ids=lambda one: one.name)
def test_an_indicator_says_what_it_is(indicator: Indicator) -> None:
    assert indicator.title
    assert indicator.formula
    assert indicator.convention.endswith(".")
    assert indicator.reference
    assert indicator.owner == "barledger"
    assert len({one.name for one in indicator.outputs}) == len(indicator.outputs)
    for one in indicator.parameters:
        assert one.check(indicator.name, one.default) == one.default


def test_none_takes_the_name_of_one_of_talib() -> None:
    taken = {name for one in talibs() for name in (one.name, *one.aliases)}
    ours = [name for one in OWN.values() for name in (one.name, *one.aliases)]
    assert len(ours) == len(set(ours))
    assert not taken & set(ours)


@every
def test_values_begin_after_the_lookback(name: str, values: dict[str, Any]) -> None:
    indicator = OWN[name]
    bars = made(2_000)
    found = indicator.compute(*given(indicator, bars), **values)
    reach = indicator.reach(values)
    firsts = [int(np.isfinite(one).argmax()) for one in found if np.isfinite(one).any()]
    assert len(found) == len(indicator.outputs)
    if reach.memory != "path":
        assert min(firsts) == reach.lookback
        assert max(firsts) <= reach.settled
    for one in found:
        assert one.dtype == np.float64
        assert len(one) == 2_000
        assert not np.isinf(one).any()
        assert one.flags.c_contiguous


@every
def test_a_slice_has_the_values_of_the_whole_history(name: str, values: dict[str, Any]) -> None:
    indicator = OWN[name]
    bars = made(3_000, seed=5)
    whole = indicator.compute(*given(indicator, bars), **values)
    reach = indicator.reach(values)
    for begin in (1, 37, 400, 1_234):
        first, end = begin + reach.settled, 3_000
        if reach.memory == "path":
            assert indicator.since is not None
            first = 2_000
            begin = int(np.searchsorted(bars["time"], indicator.since(values, int(bars["time"][first]))))  # noqa: PLW2901
        if first >= end:
            continue
        part = indicator.compute(*given(indicator, bars, slice(begin, end)), **values)
        for one, other in zip(whole, part, strict=True):
            wanted, got = one[first:end], other[first - begin :]
            if reach.exact:
                assert same(wanted, got)
            else:
                np.testing.assert_allclose(got, wanted, rtol=1e-9, atol=0)


@pytest.mark.slow
@every
def test_a_stream_has_the_bits_of_the_batch(name: str, values: dict[str, Any]) -> None:
    indicator = OWN[name]
    inputs = given(indicator, real())
    wanted = indicator.compute(*inputs, **values)
    handle = indicator.stream(**values)
    found = np.array([handle.update(*row) for row in zip(*(one.tolist() for one in inputs), strict=True)]).T
    for output, one, other in zip(indicator.outputs, wanted, found, strict=True):
        if output.lookahead is None or not output.lookahead(values):
            assert same(one, other), output.name
        else:
            assert np.isnan(other).all()


@every
def test_a_forming_bar_changes_nothing(name: str, values: dict[str, Any]) -> None:
    indicator = OWN[name]
    rows = list(zip(*(one.tolist() for one in given(indicator, made(200))), strict=True))
    handle = indicator.stream(**values)
    for row in rows[:-1]:
        handle.update(*row)
    state = handle.save()
    forming = handle.peek(*rows[50])
    assert handle.save() == state
    assert same(np.array(handle.peek(*rows[50])), np.array(forming))
    peeked = handle.peek(*rows[-1])
    assert same(np.array(peeked), np.array(handle.update(*rows[-1])))


@every
def test_a_handle_goes_on_from_what_was_saved(name: str, values: dict[str, Any]) -> None:
    indicator = OWN[name]
    rows = list(zip(*(one.tolist() for one in given(indicator, made(400))), strict=True))
    handle = indicator.stream(**values)
    for row in rows[:5]:
        handle.update(*row)
    early = json.dumps(handle.save())
    for row in rows[5:300]:
        handle.update(*row)
    kept = json.dumps(handle.save())
    twin = handle.copy()
    for saved, begin in ((early, 5), (kept, 300)):
        other = indicator.stream(**values)
        other.load(json.loads(saved))
        found = [other.update(*row) for row in rows[begin:]]
        handle = indicator.stream(**values)
        wanted = [handle.update(*row) for row in rows][begin:]
        assert same(np.array(found), np.array(wanted))
    assert same(np.array([twin.update(*row) for row in rows[300:]]), np.array(wanted))


@pytest.mark.slow
@every
def test_what_is_saved_does_not_grow_with_the_history(name: str, values: dict[str, Any]) -> None:
    indicator = OWN[name]
    rows = list(zip(*(one.tolist() for one in given(indicator, made(1_500))), strict=True))
    handle = indicator.stream(**values)
    sizes = []
    for at, row in enumerate(rows):
        handle.update(*row)
        if at in (700, 1_499):
            sizes.append(
                sum(len(part) if isinstance(part[0], str) else len(part[0]) for part in handle.save().values())
            )
    assert sizes[0] == sizes[1]


@every
def test_a_copy_goes_its_own_way(name: str, values: dict[str, Any]) -> None:
    indicator = OWN[name]
    rows = list(zip(*(one.tolist() for one in given(indicator, made(150))), strict=True))
    handle = indicator.stream(**values)
    for row in rows[:100]:
        handle.update(*row)
    state = handle.save()
    twin = handle.copy()
    assert twin.save() == state
    for row in rows[100:]:
        twin.update(*row)
    assert handle.save() == state


@pytest.mark.parametrize("name", OWN)
def test_the_state_of_another_is_refused(name: str) -> None:
    indicator = OWN[name]
    handle = indicator.stream(**indicator.defaults)
    for state in ({}, {"bars": [["0x0p+0"]] * 9}, {"state": ["0x0p+0"] * 99}, {"bars": [["0x0p+0"] * 9_999] * 4}):
        with pytest.raises(CannotStream, match=indicator.name):
            handle.load(state)


def _nasty() -> dict[str, dict[str, np.ndarray]]:
    size = 120
    line = np.arange(1.0, size + 1)
    flat = np.full(size, 7.3)
    plain = {"constant": flat, "rising": line, "falling": line[::-1].copy(), "tiny": 1e-300 * line}
    plain |= {"huge": 1e300 * line, "largest": np.full(size, 1.7e308), "zero": np.zeros(size)}
    plain |= {"jump": np.where(line < 50, 1e-300, 1e300), "denormal": np.full(size, 5e-324)}
    bars = {}
    for what, values in plain.items():
        for how, volume in (("traded", np.abs(values)), ("untraded", np.zeros(size))):
            columns = {name: values.copy() for name in ("open", "high", "low", "close")}
            bars[f"{what} {how}"] = finished(columns | {"volume": volume.copy()})
        bars[f"{what} benchmark"] = finished(
            {name: line.copy() for name in ("open", "high", "low", "close", "volume")} | {"benchmark": values.copy()}
        )
    swing = np.where(np.arange(size) % 2 == 0, 1e300, 1e-300)
    columns = {"open": swing.copy(), "high": np.full(size, 1.7e308), "low": np.full(size, 1e-308)}
    bars["wild"] = finished(columns | {"close": swing[::-1].copy(), "volume": swing.copy()})
    return bars


@pytest.mark.parametrize("what", _nasty())
def test_whatever_the_bars_are_values_are_finite_or_missing(what: str) -> None:
    bars = _nasty()[what]
    for name, values in CASES:
        indicator = OWN[name]
        lookback = indicator.reach(values).lookback
        for size in (lookback + 1, lookback + 2, 120):
            rows = slice(0, size)
            if size > 120:
                continue
            found = indicator.compute(*given(indicator, bars, rows), **values)
            assert all(len(one) == size for one in found), name
            assert not any(np.isinf(one).any() for one in found), name
        handle = indicator.stream(**values)
        streamed = np.array([handle.update(*row) for row in zip(*given(indicator, bars), strict=True)]).T
        for output, one, other in zip(indicator.outputs, found, streamed, strict=True):
            if output.lookahead is None:
                assert same(one, other), name


def test_a_constant_has_no_deviation_and_no_remainder() -> None:
    flat = {name: np.full(200, 0.1) for name in ("open", "high", "low", "close")}
    bars = finished(flat | {"volume": np.random.default_rng(3).random(200)})
    for name, wanted in {"alma": 0.1, "realised_volatility": 0.0, "parkinson": 0.0, "yang_zhang": 0.0}.items():
        found = OWN[name].compute(*given(OWN[name], bars), **OWN[name].defaults)[0]
        assert set(found[np.isfinite(found)].tolist()) == {wanted}, name
    assert np.isnan(OWN["zscore"].compute(bars["close"], **OWN["zscore"].defaults)[0]).all()
    vwap = OWN["session_vwap"]
    mean, upper, lower, distance = vwap.compute(*given(vwap, bars), **vwap.defaults)
    assert set((upper - lower).tolist()) == {0.0}
    assert len(set(mean.tolist())) == 1
    assert np.isnan(distance).all()


def test_a_huge_bar_is_forgotten_when_it_has_left_the_window() -> None:
    bars = dict(made(300))
    spoiled = {name: values.copy() for name, values in bars.items()}
    for name in ("open", "high", "low", "close", "benchmark"):
        spoiled[name][50] = 1e300
    for name, values in CASES:
        indicator = OWN[name]
        reach = indicator.reach(values)
        if reach.memory != "window" or 52 + reach.settled > 299:
            continue
        after = slice(51 + reach.settled, None)
        clean = indicator.compute(*given(indicator, bars), **values)
        found = indicator.compute(*given(indicator, spoiled), **values)
        assert all(same(one[after], other[after]) for one, other in zip(clean, found, strict=True)), name


def test_nothing_of_numba_is_imported_before_a_first_value() -> None:
    code = (
        "import sys\n"
        "from barledger.indicators.registry import REGISTRY\n"
        "import barledger.indicators.profile\n"
        "assert REGISTRY.find('keltner').reach(REGISTRY.find('keltner').defaults).lookback == 19\n"
        "assert 'numba' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_without_numba_the_extra_is_named() -> None:
    code = (
        "import sys\n"
        "sys.modules['numba'] = None\n"
        "import numpy as np\n"
        "from barledger.errors import DriverMissing\n"
        "from barledger.indicators.registry import REGISTRY\n"
        "one = REGISTRY.find('zscore')\n"
        "try:\n"
        "    one.compute(np.ones(50), **one.defaults)\n"
        "except DriverMissing as error:\n"
        "    assert error.package == 'numba' and error.extra == 'indicators'\n"
        "else:\n"
        "    raise SystemExit('no error')\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
    assert issubclass(DriverMissing, ImportError)


@pytest.mark.slow
def test_where_no_folder_can_be_written_to_kernels_are_compiled_all_the_same(tmp_path: Path) -> None:
    nowhere = tmp_path / "file"
    nowhere.write_text("no folder")
    code = (
        "from barledger.indicators.own.kernel import compiled\n"
        "space = {}\n"
        "exec('def double(value):\\n    return 2 * value', space)\n"
        "assert compiled(space['double'])(4) == 8\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, env={"HOME": str(nowhere), "PATH": ""})


def test_a_kernel_divides_as_ieee_754_says() -> None:
    def divided(one: float, other: float) -> float:
        return one / other

    assert compiled(divided)(1.0, 0.0) == np.inf


@pytest.mark.parametrize("anchor", ["yesterday", "2024-13-01"])
def test_an_anchor_that_is_no_time_is_refused_when_it_is_asked_for(anchor: str) -> None:
    values = parameters(OWN["anchored_vwap"], anchor=anchor)
    for ask in (OWN["anchored_vwap"].reach, lambda values: OWN["anchored_vwap"].stream(**values)):
        with pytest.raises(ParameterInvalid, match=anchor):
            ask(values)


def test_all_of_ours_fit_into_one_registry() -> None:
    registry = Registry(OWN.values)
    assert [one.name for one in registry] == sorted(OWN)
    assert registry.find("keltner_channel") is OWN["keltner"]
    assert replace(OWN["keltner"]).stream is OWN["keltner"].stream


@pytest.mark.parametrize("name", OWN)
def test_an_indicator_can_be_sent_to_another_process(name: str) -> None:
    twin = pickle.loads(pickle.dumps(OWN[name]))  # noqa: S301 - our own
    assert twin.reach(twin.defaults) == OWN[name].reach(OWN[name].defaults)
