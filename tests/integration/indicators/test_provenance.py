"""What values were computed from: the same question of a snapshot has the same answer, whatever was written since."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from pyarrow import parquet

import barledger
from barledger.barledger import BarLedger
from barledger.errors import (
    IndicatorNotFound,
    InputMissing,
    InputUnsuitable,
    InvalidInterval,
    InvalidSetting,
    InvalidSpec,
    ParameterInvalid,
    SeriesNotFound,
)
from barledger.stores.memory import MemoryStore
from libraries import library
from own_indicators import own_indicators
from remoted import Faced
from walks import daily, day

SPECS = ["moved(25)", "running(7)", "summed", "sma(zscore(5), 3)"]


@pytest.fixture
def bl(faced: Faced) -> Iterator[BarLedger]:
    with own_indicators(), library(MemoryStore()) as opened:
        opened.write("A", "1d", daily(range(300)), source="mine")
        opened.write("B", "1d", daily(range(300), seed=2), source="mine")
        yield faced(opened)


@pytest.mark.parametrize("options", [{}, {"start": day(100)}, {"last": 7}, {"start": day(100), "adjust": "total"}])
def test_a_snapshot_gives_the_same_bytes_tomorrow(bl: BarLedger, options: dict[str, Any]) -> None:
    bl.snapshot("A", "1d", id="then")
    first = bl.indicators.calculate(SPECS, "A", "1d", version="then", **options)
    before = first.digest, first.provenance
    bl.write("A", "1d", daily(range(300, 320)), source="mine")
    bl.write("A", "1d", daily(range(40, 290), seed=9), source="mine")
    bl.actions.add("A", "split", day(250), value=2)
    bl.indicators.cache.clear()
    then = bl.indicators.calculate(SPECS, "A", "1d", version="then", **options)
    assert (then.digest, then.provenance) == before
    assert bl.indicators.calculate(SPECS, "A", "1d", **options).digest != first.digest


def test_a_revision_and_a_time_have_the_values_of_then(bl: BarLedger) -> None:
    first = bl.indicators.calculate(SPECS, "A", "1d")
    bl.write("A", "1d", daily(range(40, 290), seed=9), source="mine")
    then = bl.indicators.calculate(SPECS, "A", "1d", version=f"revision:{first.provenance['revision']}")
    assert (then.digest, then.bars_digest) == (first.digest, first.bars_digest)


def test_provenance_tells_bars_specs_engines_and_warm_up(bl: BarLedger) -> None:
    found = bl.indicators.calculate(["moved(25)", "summed"], "A", "1d", start=day(100))
    told = found.provenance
    assert (told["instrument"], told["timeframe"], told["version"]) == ("A", "1d", "latest")
    assert told["sources"] == [{"source": "mine", "rows": 300}]
    assert told["specs"] == ["moved(25)", "summed"]
    assert told["indicators"] == {"moved(25)": "moved(close, back=25)", "summed": "summed(close)"}
    assert told["warmup"] == {"moved(25)": {"needed": 25, "had": 25}, "summed": {"needed": 0, "had": 100}}
    assert {"ta-lib", "ta-lib (C)", "numba", "barledger", "spec format"} <= set(told["engines"])
    assert told["bars_digest"] == bl.bars("A", "1d").digest
    assert told["digest"] == found.digest
    assert told["nan_policy"] == "segment"
    assert found.df.attrs == {name: value for name, value in told.items() if "digest" not in name}


def of_arrow(table: pa.Table) -> dict[str, Any]:
    return {key.decode().removeprefix("barledger."): json.loads(value) for key, value in table.schema.metadata.items()}


def test_what_is_told_is_json_in_arrow(bl: BarLedger, tmp_path: Path) -> None:
    specs = ["moved(25)", "summed"]
    found = bl.indicators.calculate(specs, "A", "1d", start=day(100))
    assert of_arrow(found.to_arrow()) == json.loads(json.dumps(found.told))
    assert of_arrow(found.to_arrow())["warmup"]["moved(25)"] == {"needed": 25, "had": 25}
    parquet.write_table(found.to_arrow(), tmp_path / "found.parquet")
    assert of_arrow(parquet.read_table(tmp_path / "found.parquet"))["indicators"] == found.told["indicators"]
    mine = daily(range(300)).rename_axis("time").reset_index()
    table = barledger.calculate(specs, pa.Table.from_pandas(mine, preserve_index=False))
    attrs = barledger.calculate(specs, mine).attrs
    assert of_arrow(table) == json.loads(json.dumps(attrs))
    many = bl.indicators.batch(["A", "B"], "1d", specs)
    assert of_arrow(many.to_arrow()) == {
        "specs": specs,
        "indicators": many.provenance["indicators"],
        "failures": {},
        "column_failures": {},
    }


def test_the_digest_of_bars_is_over_the_warm_up_and_what_is_answered(bl: BarLedger) -> None:
    found = bl.indicators.calculate("moved(25)", "A", "1d", start=day(100), end=day(200))
    assert found.bars_digest == bl.bars("A", "1d", start=day(75), end=day(200)).digest
    other = bl.indicators.calculate("moved(@B, 25)", "A", "1d", start=day(100), end=day(200))
    bl.write("B", "1d", daily(range(150, 151), seed=9), source="mine")
    changed = bl.indicators.calculate("moved(@B, 25)", "A", "1d", start=day(100), end=day(200))
    assert len({found.bars_digest, other.bars_digest, changed.bars_digest}) == 3


@pytest.mark.parametrize(
    ("specs", "options", "error", "told"),
    [
        ("movd(5)", {}, IndicatorNotFound, "moved"),
        ("zscore(1)", {}, ParameterInvalid, "from 2 to 100000"),
        ("moved(@C, 5)", {}, SeriesNotFound, "C 1d"),
        ("moved(@B.adjustment_factor, 5)", {}, InvalidSpec, "no column 'adjustment_factor'"),
        ("moved", {"start": day(9), "end": day(8)}, InvalidInterval, "before"),
        ("moved", {"nan_policy": "drop"}, InvalidSetting, "segment, skip, raise"),
        ("moved", {"timeframe": None}, InvalidSetting, "which length"),
        ("moved", {"last": 0}, InvalidSetting, "from 1"),
        ("moved", {"version": "nobody"}, LookupError, "nobody"),
        ("moved", {"options": {"a": 1}}, InvalidSetting, "nothing is fetched"),
    ],
)
def test_a_wrong_question_says_what_would_be_right(
    bl: BarLedger, specs: str, options: dict[str, Any], error: type[Exception], told: str
) -> None:
    with pytest.raises(error) as caught:
        bl.indicators.calculate(specs, "A", **{"timeframe": "1d", **options})
    assert told in f"{caught.value} {caught.value.advice}"  # type: ignore[attr-defined]


def test_bars_of_another_timeframe_are_refused(bl: BarLedger) -> None:
    days, weeks = bl.bars("A", "1d"), bl.bars("B", "1d").resample("1w")
    with pytest.raises(InputUnsuitable, match="they are of 1d, and 1w") as caught:
        bl.indicators.calculate("moved(@B, 5)", days, others=[weeks])
    assert "resample('1w')" in caught.value.advice
    with pytest.raises(InputUnsuitable, match="1h"):
        bl.indicators.calculate("moved", days, "1h")
    with pytest.raises(InputMissing, match="@B"):
        bl.indicators.calculate("moved(@B, 5)", days)
    there = bl.indicators.calculate("moved(@B, 5)", days, others=[bl.bars("B", "1d")])
    assert there.digest == bl.indicators.calculate("moved(@B, 5)", "A", "1d").digest


def test_an_indicator_describes_itself(bl: BarLedger) -> None:
    told = bl.indicators.describe("zscore")
    assert told.as_dict()["parameters"][0]["allowed"] == "a whole number from 2 to 100000"
    assert "  spec        zscore(period=20, ddof=0)\n" in str(told)
    assert "  formula     (close - mean(close, period)) / stddev(close, period, ddof)\n" in str(told)
    assert "  warm-up     19 bars to the first value, 19 to that of the whole history (the same bits)" in str(told)
    assert bl.indicators.describe("moved(5)").name == "moved"
    assert repr(told) == "<Description zscore(period=20, ddof=0)>"
    assert [one.name for one in bl.indicators.list("custom")] == ["moved", "moved_over", "running", "summed"]
    assert len(bl.indicators.list()) > 100
    with pytest.raises(InvalidSetting, match="there are custom"):
        bl.indicators.list("seasonal")  # type: ignore[arg-type]
    with pytest.raises(IndicatorNotFound):
        bl.indicators.describe("adxx")
    assert bl.indicators.warmup(["moved(25)", "zscore"]) == 25


def test_another_instrument_beside_bars_in_hand_is_asked_for() -> None:
    with library(MemoryStore()) as bl:
        for name in ("A", "BRK.B"):
            bl.write(name, "1d", daily(range(40)), source="mine")
        bars, beside = bl.bars("A", "1d"), bl.bars("BRK.B", "1d")
        with pytest.raises(InputMissing) as caught:
            bl.indicators.calculate("correl(close, @'BRK.B', 5)", bars)
        assert "Beside bars in hand give those of BRK.B, others=[...]" in caught.value.advice
        found = [bl.indicators.calculate("correl(close, @'BRK.B', 5)", bars, others=one) for one in (beside, [beside])]
        assert found[0].digest == found[1].digest
