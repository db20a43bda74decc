"""Batches by other processes: the same numbers, whatever fails or dies there, or is another function."""

import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from barledger.barledger import BarLedger
from barledger.errors import Incomplete, IndicatorFailed, NotParallel
from barledger.indicators.definition import Indicator, Output, Reach
from barledger.indicators.registry import REGISTRY
from barledger.stores.memory import MemoryStore
from batches import NAMES, same, twelve, walk
from libraries import library
from own_indicators import defined

pytestmark = pytest.mark.slow

MODULE = '''
"""Functions of Python that keep the interpreter to themselves."""
import os
import numpy as np
import barledger
from barledger.indicators.definition import Indicator, Output, Reach
from barledger.indicators.registry import REGISTRY


def slow(close):
    if close[0] > 1e6:
        raise ValueError("too expensive")
    found = np.full(len(close), np.nan)
    for at in range(1, len(close)):
        found[at] = close[at] - close[at - 1]
    return (found,)


REGISTRY.add(
    Indicator(
        name="slow_change", title="Change", kind="custom", inputs=("close",), outputs=(Output(name="change"),),
        reach=lambda _: Reach(lookback=1, settled=1, memory="window", exact=True),
        compute=slow, releases_gil=False, owner="slow_changes.slow",
    ),
    replace=True,
)


@barledger.indicator(warmup=0)
def mortal(close):
    if close[0] > 1e6:
        os._exit(3)
    return close * 2.0
'''


@pytest.fixture(scope="module")
def bl() -> Iterator[BarLedger]:
    with twelve() as opened:
        yield opened


@pytest.fixture
def slow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    (tmp_path / "slow_changes.py").write_text(MODULE)
    monkeypatch.syspath_prepend(tmp_path)
    with defined():
        __import__("slow_changes")
        yield
    sys.modules.pop("slow_changes")


@pytest.mark.usefixtures("slow")
def test_other_processes_give_the_same(bl: BarLedger) -> None:
    specs = ["slow_change", "sma(slow_change, 5)", "rsi(14)"]
    wanted = bl.indicators.batch(NAMES, "1d", specs, start="2020-09-01")
    found = bl.indicators.batch(NAMES, "1d", specs, start="2020-09-01", processes=2, explain=True)
    assert found.digest == wanted.digest
    assert str(found.explanation).startswith("2 processes")
    assert found["S03"].provenance == wanted["S03"].provenance


@pytest.mark.usefixtures("slow")
def test_what_fails_in_another_process_stops_no_other() -> None:
    with library(MemoryStore()) as own:
        own.write("CHEAP", "1d", walk(300, 1), source="x")
        own.write("DEAR", "1d", walk(300, 1) * 1e5, source="x")
        with pytest.warns(Incomplete, match="DEAR"):
            found = own.indicators.batch(["CHEAP", "DEAR"], "1d", "slow_change", processes=2)
        with pytest.warns(Incomplete, match="in part: slow_change of DEAR"):
            partly = own.indicators.batch(["CHEAP", "DEAR"], "1d", ["slow_change", "rsi(14)"], processes=2)
        assert list(partly.column_failures["DEAR"]) == ["slow_change"]
        assert partly["DEAR"].digest == own.indicators.calculate("rsi(14)", "DEAR", "1d").digest
        assert partly.df.loc["DEAR", "slow_change"].isna().all()
        assert isinstance(found.failures["DEAR"], IndicatorFailed)
        assert "too expensive" in str(found.failures["DEAR"])
        assert len(found["CHEAP"]) == 300


@pytest.mark.usefixtures("slow")
def test_a_process_that_dies_fails_what_it_died_of_and_nothing_else() -> None:
    with library(MemoryStore()) as own:
        for number, name in enumerate(NAMES[:7]):
            own.write(name, "1d", walk(300, number) * (1e5 if number == 4 else 1), source="x")
        with pytest.warns(Incomplete, match=r"1 failed: S04 \[indicator-failed\]"):
            found = own.indicators.batch(NAMES[:7], "1d", ["mortal", "rsi(14)"], processes=2)
        assert "dies" in str(found.failures["S04"])
        for name in (*NAMES[:4], *NAMES[5:7]):
            same(found[name], own.indicators.calculate(["mortal", "rsi(14)"], name, "1d"))
        again = own.indicators.batch(NAMES[:4], "1d", "mortal", processes=2, explain=True)
        assert str(again.explanation).startswith("2 processes")
        assert len(again) == 4


@pytest.mark.usefixtures("slow")
def test_where_processes_that_die_are_too_many_no_more_are_started(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("barledger.services.indicators.processes._DEATHS", 1)
    with library(MemoryStore()) as own:
        for number, name in enumerate(NAMES[:3]):
            own.write(name, "1d", walk(300, number) * 1e5, source="x")
        with pytest.warns(Incomplete, match="3 failed"):
            found = own.indicators.batch(NAMES[:3], "1d", "mortal", processes=2)
        assert {str(error) for error in found.failures.values()} == {str(found.failures["S00"])}
        assert "so far 1 of them" in str(found.failures["S00"])


@pytest.mark.usefixtures("slow")
def test_what_is_another_function_by_now_is_computed_here_and_said(bl: BarLedger) -> None:
    def opposite(close: Any) -> tuple[Any, ...]:
        return (-np.diff(close, prepend=np.nan),)

    known = REGISTRY.find("slow_change")
    REGISTRY.add(replace(known, compute=opposite), replace=True)
    with pytest.warns(NotParallel, match=r"imports slow_changes\.slow, finds other functions"):
        found = bl.indicators.batch(NAMES[:2], "1d", "slow_change", processes=2)
    same(found["S01"], bl.indicators.calculate("slow_change", "S01", "1d"))
    np.testing.assert_array_equal(found["S01"].values("slow_change"), -walk(310, 1)["close"].diff())


def test_what_another_process_cannot_import_is_computed_here_and_said(bl: BarLedger) -> None:
    def reach(_: object) -> Reach:
        return Reach(lookback=0, settled=0, memory="window", exact=True)

    local = Indicator(
        name="only_here",
        title="Local",
        kind="custom",
        inputs=("close",),
        outputs=(Output(name="local"),),
        reach=reach,
        compute=lambda close: (close * 2.0,),
        releases_gil=False,
        owner="nowhere.local",
    )
    with defined():
        REGISTRY.add(local)
        with pytest.warns(NotParallel, match="no indicator 'only_here'"):
            found = bl.indicators.batch(NAMES, "1d", "only_here", processes=2, explain=True)
        assert len(found) == len(NAMES)
        assert "computed in this process alone" in str(found.explanation)
