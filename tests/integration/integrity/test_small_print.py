"""What a comparison says in cases that are easily taken for others."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from barledger import connect, inspect
from barledger.barledger import BarLedger
from barledger.errors import InvalidSetting
from barledger.services.integrity.report import Report


@pytest.fixture
def bl() -> Iterator[BarLedger]:
    with connect("memory:") as opened:
        yield opened


def walk(start: float = 50.0, seed: int = 5) -> pd.DataFrame:
    chance = np.random.default_rng(seed)
    close = start * np.exp(np.cumsum(chance.normal(0, 0.015, 300)))
    opened = np.append(start, close[:-1])
    values = {"open": opened, "high": np.maximum(opened, close) * 1.01, "low": np.minimum(opened, close) * 0.99}
    frame = pd.DataFrame({**values, "close": close}, pd.bdate_range("2015-01-05", periods=300)).round(2)
    frame["volume"] = 1e6 + np.arange(300)
    return frame


def given(bl: BarLedger, folder: Path, before: pd.DataFrame, after: pd.DataFrame) -> Report:
    """Ingest a file, change it, and reconcile."""
    options: dict[str, Any] = {"path": str(folder / "A.csv")}
    before.to_csv(folder / "A.csv", index_label="time")
    if not bl.cache.series():
        bl.ingest("A", "1d", source="files", options=options)
    after.to_csv(folder / "A.csv", index_label="time")
    return bl.integrity.reconcile("A", "1d", source="files", options=options)


@pytest.mark.parametrize(("start", "seed"), [(20.0, 1), (50.0, 5), (400.0, 3)])
def test_prices_in_another_unit_that_are_rounded_to_cents_are_a_unit(
    bl: BarLedger, tmp_path: Path, start: float, seed: int
) -> None:
    frame = walk(start, seed)
    pounds = frame.copy()
    pounds.iloc[:, :4] = (pounds.iloc[:, :4] / 100).round(2)
    (one,) = given(bl, tmp_path, frame, pounds).discrepancies
    assert (one.kind, one.factor, one.evidence["looks"]) == ("restatement", 0.01, "unit")


def test_bars_that_a_file_lacks_twice_are_proposed_to_be_withdrawn(bl: BarLedger, tmp_path: Path) -> None:
    frame = walk()
    fewer = frame.drop(frame.index[[50, 51, 120]])
    (first,) = given(bl, tmp_path, frame, fewer).discrepancies
    assert (first.kind, first.state, first.bars) == ("withdrawn", "open", 3)
    (second,) = given(bl, tmp_path, fewer, fewer).discrepancies
    assert (second.id, second.state, second.confidence) == (first.id, "proposed", 0.9)
    assert bl.integrity.accept(second.id, reason="no session").withdrawn == 3
    assert len(bl.bars("A", "1d")) == 297


def test_an_ingestion_takes_a_file_for_what_it_chose_to_read(bl: BarLedger, tmp_path: Path) -> None:
    frame = walk()
    fewer = frame.drop(frame.index[[50, 51, 120]])
    given(bl, tmp_path, frame, frame)
    fewer.to_csv(tmp_path / "A.csv", index_label="time")
    for _ in range(2):
        done = bl.ingest("A", "1d", source="files", options={"path": str(tmp_path / "A.csv")})
        assert (done.withdrawn, done.proposed) == (0, 0)


@pytest.mark.parametrize("wrong", ["x", True, float("nan"), -1, 1, [0.1]])
def test_a_tolerance_that_is_no_number_between_0_and_1_is_refused(bl: BarLedger, wrong: Any) -> None:
    with pytest.raises(InvalidSetting, match="is no number in"):
        bl.integrity.set_tolerance("files", "files", price=wrong, reason="desk")


def test_findings_name_the_columns_that_the_frame_has() -> None:
    frame = walk()[["close"]].rename(columns={"close": "Close"})
    frame.iloc[:100] *= 2
    findings = inspect(frame).findings
    assert findings
    assert {name for one in findings for name in one.fields} == {"Close"}
