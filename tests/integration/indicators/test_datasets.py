"""A strategy gets its bars and indicators as one dataset, under one digest, and anybody can make it again."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import barledger
from barledger.barledger import BarLedger
from barledger.domain.interval import BEGINNING
from barledger.domain.timeframe import DAY
from barledger.errors import IndicatorFailed, IndicatorNotFound, InvalidSetting, LockBroken, ValuesMissing
from barledger.services.retrieval.manifest import DATASET, Manifest
from barledger.stores.memory import MemoryStore
from libraries import library
from own_indicators import own_indicators
from walks import daily, day

SPECS = ["moved(25)", "summed", "moved(@B, 4)"]


def filled() -> BarLedger:
    bl = library(MemoryStore())
    bl.write("A", "1d", daily(range(400)), source="mine")
    bl.write("B", "1d", daily(range(400), seed=1), source="mine")
    return bl


@pytest.fixture
def bl() -> Iterator[BarLedger]:
    with own_indicators(), filled() as opened:
        yield opened


def dataset(bl: BarLedger, **options: Any) -> Any:
    asked = {"strategy": "s", "instruments": ["A", "B"], "timeframes": "1d", "fetch_missing": False, "id": "d"}
    span = {"start": day(100), "end": day(200), "indicators": SPECS}
    return bl.retrieval.dataset(**asked | span | options)


def test_bars_and_indicators_come_from_one_snapshot(bl: BarLedger) -> None:
    made = dataset(bl)
    bl.write("A", "1d", daily(range(50, 150), seed=9), source="mine")
    close = daily(range(400))["close"].to_numpy()
    found = made.indicators("A")
    assert [found.time[0], len(found)] == [100 * DAY, 100]
    np.testing.assert_array_equal(found.values("moved(25)"), close[100:200] - close[75:175])
    assert found.provenance["version"] == "d"
    assert found.standings["moved(25)"].complete
    # What never settles counts from the first bar of the series, which is pinned from there.
    assert found.standings["summed"].anchor == 0
    assert made.manifest.series[0].interval.start == BEGINNING
    settling = dataset(bl, id="e", indicators=SPECS[:1])
    assert settling.manifest.series[0].interval.start == 75 * DAY


def test_a_frame_has_both_from_the_start_on(bl: BarLedger) -> None:
    frame = dataset(bl).frame("A")
    assert list(frame.columns) == ["open", "high", "low", "close", "volume", *SPECS]
    assert [frame.index[0], len(frame)] == [day(100), 100]


def test_of_several_series_a_frame_is_of_the_one_that_is_named(bl: BarLedger) -> None:
    made = dataset(bl)
    for ask in (made.frame, made.indicators):
        with pytest.raises(InvalidSetting, match=r"has A 1d, B 1d; say which one, e.g. \('A', '1d'\)"):
            ask()
    assert len(dataset(bl, id="e", instruments=["A"], indicators=SPECS[:1]).frame()) == 100


def test_one_digest_is_over_both_and_the_same_elsewhere(bl: BarLedger) -> None:
    with filled() as other:
        assert dataset(bl).digest == dataset(other).digest
        assert dataset(bl, id="e", indicators=SPECS[:2]).digest != dataset(other, id="e").digest


def test_it_is_made_again_and_compared(bl: BarLedger, tmp_path: Path) -> None:
    made = dataset(bl, adjust="splits")
    path = made.save_manifest(tmp_path / "d.json")
    bl.write("A", "1d", daily(range(50, 150), seed=9), source="mine")
    again = bl.retrieval.reproduce("d")
    assert again.same
    assert str(again).count("moved(25), summed, moved(@B, 4): the same") == 2
    assert bl.retrieval.reproduce("d", manifest=path)
    assert bl.retrieval.check(path).rows == 400
    read = Manifest.load(path, DATASET)
    assert read == made.manifest
    assert read.to_bytes() == path.read_bytes()
    with filled() as other:
        assert other.retrieval.reproduce("d", manifest=path)
        other.write("A", "1d", daily(range(150, 151), seed=9), source="mine")
        assert not other.retrieval.reproduce("d", manifest=path)


def test_values_that_an_engine_moves_are_told_with_its_versions(bl: BarLedger, tmp_path: Path) -> None:
    made = dataset(bl).manifest
    sealed = made.indicators
    moved = replace(
        sealed, series=tuple(replace(one, digest="0" * 64) for one in sealed.series), engines={"ta-lib": "0.1"}
    )
    path = replace(made, indicators=moved).save(tmp_path / "d.json")
    told = str(bl.retrieval.reproduce("d", manifest=path))
    assert "not the same bytes" in told
    assert "instead of 0000000000000000…; computed by ta-lib" in told
    with pytest.raises(LockBroken, match=r"instead of 0\.1"):
        bl.retrieval.check(path)


def test_a_restarted_library_knows_its_indicators(tmp_path: Path) -> None:
    import barledger  # noqa: PLC0415 - a library in a folder

    with own_indicators():
        with barledger.connect(tmp_path / "lib") as bl:
            bl.write("A", "1d", daily(range(300)), source="mine")
            digest = dataset(bl, instruments="A", indicators="moved(25)").digest
        with barledger.connect(tmp_path / "lib") as bl:
            again = bl.retrieval.reproduce("d")
            assert again.same
            assert len(again.series) == 2
            assert bl.indicators.calculate("moved(25)", "A", "1d", start=day(100), version="d").warmup_complete
        assert digest


def test_what_cannot_be_sealed_is_refused_before_anything_is_pinned(bl: BarLedger) -> None:
    for options, error, told in [
        ({"indicators": "moved(@C, 4)"}, InvalidSetting, "add it to the dataset's instruments"),
        ({"indicators": "movd"}, IndicatorNotFound, "moved"),
        ({"indicators": (), "nan_policy": "skip"}, InvalidSetting, "no indicators"),
    ]:
        with pytest.raises(error, match=told):
            dataset(bl, **options)
    assert bl.vault.ledger.snapshots.get("d") is None


def test_a_dataset_without_indicators_says_so_and_has_the_digest_that_it_had(bl: BarLedger) -> None:
    made = dataset(bl, indicators=())
    with pytest.raises(InvalidSetting, match="without any"):
        made.indicators("A")
    assert b"indicators" not in made.manifest.to_bytes()


@pytest.mark.parametrize(
    "specs", [["obv"], ["sar"], ["pivots(window=month).p"], ["session_vwap(anchor=month).vwap"], ["obv", "sma(20)"]]
)
def test_values_are_those_that_are_calculated_whatever_they_count_from(bl: BarLedger, specs: list[str]) -> None:
    made = dataset(bl, instruments="A", indicators=specs).indicators("A").df
    found = bl.indicators.calculate(specs, "A", "1d", start=day(100), end=day(200)).df
    pd.testing.assert_frame_equal(made, found)


@pytest.mark.parametrize(
    ("specs", "options", "error"),
    [(["sma(5)", "broken"], {}, IndicatorFailed), ("sma(5)", {"nan_policy": "raise"}, ValuesMissing)],
)
def test_indicators_that_cannot_be_computed_leave_no_snapshot(
    bl: BarLedger, specs: Any, options: dict[str, Any], error: type[Exception]
) -> None:
    broken = True

    @barledger.indicator(warmup=0, name="broken")
    def sometimes(close: Any) -> Any:
        if broken:
            raise KeyError("x")
        return close * 1.0

    hole = daily(range(400))
    hole.iloc[150, hole.columns.get_loc("close")] = np.nan
    bl.write("A", "1d", hole, source="mine")
    for name in "AB":
        bl.instruments.declare(name, calendar="24/7")
    kept = dataset(bl, id="before", indicators="sma(5)")
    entries = bl.vault.ledger.audit.size()
    with pytest.raises(error):
        dataset(bl, indicators=specs, **options)
    assert bl.vault.ledger.audit.size() == entries
    assert bl.bars("A", "1d", version="strategy:s").provenance["version"] == kept.snapshot.id
    broken = False
    assert dataset(bl, indicators=specs).snapshot.id == "d"
    assert bl.retrieval.reproduce("d").same
