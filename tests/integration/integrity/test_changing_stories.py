"""A source that changes its story of a split: tells it late, takes it back, moves its day, or mends more."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from barledger import connect
from barledger.barledger import BarLedger
from barledger.domain.change_policy import OnChange
from barledger.domain.discrepancy import Discrepancy
from walks import daily

DAYS, EX = 160, 100


def in_old_shares(frame: pd.DataFrame, ratio: float, at: int = EX) -> pd.DataFrame:
    made = frame.copy()
    made.iloc[:at, :4] *= ratio
    made.iloc[:at, 4] /= ratio
    return made


class Story:
    """A share in new shares (``new``) and as traded, and a file that tells one of its stories."""

    def __init__(self, bl: BarLedger, folder: Path, ratio: float = 2.0) -> None:
        index = pd.bdate_range("2015-01-05", periods=DAYS, name="Date")
        self.bl, self.path, self.ratio = bl, folder / "A.csv", ratio
        self.new = daily(range(DAYS), seed=5).rename(columns=str.capitalize).set_axis(index)
        self.traded = in_old_shares(self.new, ratio)

    def give(self, frame: pd.DataFrame, split: int | None = None, dividend: tuple[int, float] | None = None) -> None:
        told = frame.assign(Dividends=0.0, **{"Stock Splits": 0.0})
        if split is not None:
            told.iloc[split, told.columns.get_loc("Stock Splits")] = self.ratio
        if dividend is not None:
            told.iloc[dividend[0], told.columns.get_loc("Dividends")] = dividend[1]
        told.to_csv(self.path)

    @property
    def how(self) -> dict[str, Any]:
        options = {"path": str(self.path), "mapper": "yfinance", "adjustment": "splits"}
        return {"source": "files", "options": options}

    def ingest(self) -> Any:
        return self.bl.ingest("A", "1d", **self.how)

    def reconcile(self) -> Any:
        return self.bl.integrity.reconcile("A", "1d", **self.how)

    def waiting(self) -> Discrepancy:
        kinds = ("restatement", "correction")
        (one,) = (one for one in self.bl.integrity.discrepancies(state="proposed") if one.kind in kinds)
        return one

    @property
    def splits(self) -> list[float]:
        return [one.value for one in self.bl.actions.list("A") if one.kind == "split"]

    def check(self, splits: list[float], traded: pd.DataFrame | None = None) -> None:
        assert self.splits == splits
        raw = self.bl.bars("A", "1d", adjust="raw").df["close"].to_numpy()
        np.testing.assert_allclose(raw, (self.traded if traded is None else traded)["Close"].to_numpy(), rtol=1e-9)


@pytest.fixture
def bl() -> Iterator[BarLedger]:
    # Files have no clock of their own, so that the days are long over by that of the machine.
    with connect("memory:") as opened:
        yield opened


@pytest.fixture
def story(bl: BarLedger, tmp_path: Path) -> Story:
    return Story(bl, tmp_path)


@pytest.mark.parametrize("counted", [False, True])
@pytest.mark.parametrize("times", [2, 3, 4])
def test_told_and_taken_back_and_told_again_is_undone_one_after_the_other(
    story: Story, times: int, *, counted: bool
) -> None:
    states = [(story.traded, None), (story.new, EX)]
    story.give(*states[counted])
    story.ingest()
    made: list[tuple[Discrepancy, list[float]]] = []
    for turn in range(times):
        before = story.splits
        story.give(*states[(counted + turn + 1) % 2])
        (one,) = (one for one in story.reconcile().discrepancies if one.state == "proposed")
        story.bl.integrity.accept(one.id, reason="theirs")
        made.append((one, before))
        story.check([] if before else [2.0])
    for one, before in reversed(made):
        story.bl.integrity.undo(one.id, reason="no")
        story.check(before)


@pytest.mark.parametrize("policy", ["apply", "propose"])
def test_an_ingestion_withdraws_a_split_with_the_bars_that_do_not_count_it_any_more(
    story: Story, policy: OnChange
) -> None:
    story.give(story.new, EX)
    story.ingest()
    story.bl.ingestion.set_policy("files", on_change=policy)
    story.give(story.traded)
    story.ingest()
    if policy == "propose":
        story.check([2.0])
        shown = story.bl.integrity.discrepancy(story.waiting().id)
        assert "split of 2:1 on 2015-05-25 withdrawn" in shown.would
        story.bl.integrity.accept(story.waiting().id, reason="theirs")
    story.check([])
    for one in story.bl.integrity.discrepancies(state="proposed", kind="split_missed"):
        story.bl.integrity.accept(one.id, reason="there was one")
        story.check([2.0])


@pytest.mark.parametrize("look", ["ingest", "reconcile"])
def test_a_late_split_and_a_mended_unit_in_one_answer_are_right_before_and_after(story: Story, look: str) -> None:
    wrong = story.traded.copy()
    wrong.iloc[30:60, :4] *= 100
    story.give(wrong)
    story.ingest()
    story.bl.ingestion.set_policy("files", on_change="propose")
    story.give(story.new, EX)
    getattr(story, look)()
    story.check([], wrong)
    one = story.waiting()
    story.bl.integrity.accept(one.id, reason="theirs")
    story.check([2.0])
    story.bl.integrity.undo(one.id, reason="no")
    story.check([], wrong)


@pytest.mark.parametrize("by", [1, 2, 5])
@pytest.mark.parametrize("look", ["ingest", "reconcile"])
def test_a_split_of_another_day_nearby_is_the_same_split(story: Story, look: str, by: int) -> None:
    story.give(story.new, EX)
    story.ingest()
    story.give(story.new, EX + by)
    getattr(story, look)()
    story.check([2.0], in_old_shares(story.new, 2.0, EX + by))


@pytest.mark.parametrize("first", [False, True])
def test_a_dividend_told_in_the_shares_of_a_split_waits_with_it(story: Story, *, first: bool) -> None:
    story.give(story.traded)
    story.ingest()
    story.bl.ingestion.set_policy("files", on_change="propose")
    before = story.bl.bars("A", "1d", adjust="total").digest
    story.give(story.new, EX, (60, 0.6))
    if first:
        story.reconcile()
    story.ingest()
    assert story.bl.actions.list("A") == []
    assert story.bl.bars("A", "1d", adjust="total").digest == before
    one = story.waiting()
    story.bl.integrity.accept(one.id, reason="theirs")
    assert [each.kind for each in story.bl.actions.list("A")] == ["cash_dividend", "split"]
    story.check([2.0])
    story.bl.integrity.undo(one.id, reason="no")
    story.ingest()
    assert story.bl.actions.list("A") == []
    assert story.bl.bars("A", "1d", adjust="total").digest == before
