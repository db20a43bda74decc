"""What somebody corrected against a source stays corrected while the source goes on giving what was corrected."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from barledger.barledger import BarLedger
from barledger.domain.change_policy import ChangePolicy
from barledger.services.integrity.report import Report
from places import EVERYWHERE, Place, place_called

PRICES = ["open", "high", "low", "close"]
WRONG = slice(100, 140)


def walk(seed: int = 31, bars: int = 300) -> pd.DataFrame:
    """Return daily bars in cents, without gaps or jumps."""
    chance = np.random.default_rng(seed)
    close = 50 * np.exp(np.cumsum(chance.normal(0, 0.015, bars)))
    opened = np.append(50, close[:-1])
    wide = np.exp(np.abs(chance.normal(0, 0.006, bars)))
    values = {"open": opened, "high": np.maximum(opened, close) * wide, "low": np.minimum(opened, close) / wide}
    frame = pd.DataFrame({**values, "close": close}, pd.bdate_range("2015-01-05", periods=bars)).round(2)
    frame["volume"] = np.round(1e6 * np.exp(chance.normal(0, 0.4, bars)))
    return frame


class Desk:
    """A file with forty bars in the wrong unit, ingested, and corrected by a decision."""

    def __init__(self, bl: BarLedger, folder: Path) -> None:
        self.bl, self.path = bl, folder / "A.csv"
        self.truth = walk()
        self.wrong = self.truth.copy()
        self.wrong.iloc[WRONG, :4] *= 100
        self.give(self.wrong)
        self.ingest()
        (one,) = bl.integrity.discrepancies(kind="unit_error")
        self.id = one.id
        self.done = bl.integrity.accept(one.id, reason="units")

    def give(self, frame: pd.DataFrame) -> None:
        frame.to_csv(self.path, index_label="time")

    def ingest(self, **how: Any) -> Any:
        return self.bl.ingest("A", "1d", source="files", options={"path": str(self.path)}, **how)

    def reconcile(self) -> Report:
        return self.bl.integrity.reconcile("A", "1d", source="files", options={"path": str(self.path)})

    def close(self) -> np.ndarray[Any, Any]:
        return self.bl.bars("A", "1d").df["close"].to_numpy()

    def check(self, frame: pd.DataFrame) -> None:
        np.testing.assert_allclose(self.close(), frame["close"].to_numpy(), rtol=1e-12)

    @property
    def state(self) -> str:
        return self.bl.integrity.discrepancy(self.id).discrepancy.state


@pytest.fixture
def desk(bl: BarLedger, tmp_path: Path) -> Desk:
    return Desk(bl, tmp_path)


@pytest.fixture
def bl() -> Iterator[BarLedger]:
    from barledger import connect  # noqa: PLC0415 - only these tests use the clock of the machine

    with connect("memory:") as opened:
        yield opened


def test_an_ingestion_does_not_write_back_what_was_corrected(desk: Desk) -> None:
    before = len(desk.bl.notifications.notices())
    for _ in range(2):
        done = desk.ingest()
        (one,) = done.instruments
        assert (done.changed, done.same, done.proposed, done.decided) == (0, 300, 0, 40)
        assert (one.flagged, one.decisions) == ((), (desk.id,))
        assert f"40 bars stay as they were corrected ({desk.id})" in str(done)
        assert "40 corrected before" in done.headline
        desk.check(desk.truth)
    assert (desk.state, len(desk.bl.notifications.notices())) == ("applied", before)
    assert desk.bl.integrity.discrepancies(state="all") == [desk.bl.integrity.discrepancy(desk.id).discrepancy]


def test_a_reconciliation_knows_what_was_decided(desk: Desk) -> None:
    report = desk.reconcile()
    assert (report.discrepancies, report.decided, report.identical, report.compared) == ((), 40, 260, 300)
    assert f"40 corrected before ({desk.id})" in str(report)
    assert report.ok
    whole = desk.bl.integrity.reconcile_all("A", source="files", options={"path": str(desk.path)})
    assert whole.discrepancies == ()


def test_what_the_source_corrects_itself_is_agreed_to(desk: Desk) -> None:
    desk.give(desk.truth)
    done = desk.ingest()
    assert (done.changed, done.same, done.decided) == (0, 300, 0)
    assert desk.state == "applied"
    assert desk.reconcile().decided == 0


def test_what_the_source_gives_in_a_third_way_is_a_change_and_said(desk: Desk) -> None:
    third = desk.truth.copy()
    third.iloc[110, :4] = np.round(third.iloc[110, :4] * 1.02, 2)
    desk.give(third)
    done = desk.ingest()
    (one,) = done.instruments
    assert (done.changed, one.overruled) == (1, (desk.id,))
    assert f"neither what was corrected nor the correction of some bars of {desk.id}" in str(done)
    desk.check(third)


def test_a_third_way_waits_where_changes_of_the_source_wait(desk: Desk) -> None:
    desk.bl.ingestion.set_policy("files", ChangePolicy(on_change="propose"))
    third = desk.wrong.copy()
    third.iloc[110, :4] = np.round(desk.truth.iloc[110, :4] * 1.02, 2)
    desk.give(third)
    done = desk.ingest()
    assert (done.changed, done.proposed, done.decided) == (0, 1, 39)
    desk.check(desk.truth)


def test_after_an_undoing_the_source_counts_again(desk: Desk) -> None:
    desk.bl.integrity.undo(desk.id, reason="it was right")
    desk.check(desk.wrong)
    assert desk.ingest().decided == 0
    desk.check(desk.wrong)
    desk.give(desk.truth)
    assert desk.ingest().changed == 40
    desk.check(desk.truth)


def test_what_a_caller_writes_is_written(desk: Desk) -> None:
    done = desk.bl.write("A", "1d", desk.wrong.tz_localize("UTC"), source="files", reason="as given")
    assert done.changed == 40
    desk.check(desk.wrong)


def test_the_correction_goes_on_under_a_bar_that_a_caller_wrote_in_its_scale(desk: Desk) -> None:
    mine = desk.truth.iloc[105:106].tz_localize("UTC") * 1.5
    desk.bl.write("A", "1d", mine, source="files", reason="by hand")
    done = desk.ingest()
    assert (done.changed, done.proposed, done.decided) == (0, 1, 39)
    (one,) = desk.bl.integrity.discrepancies(state="proposed")
    assert (one.kind, one.evidence["decided"]) == ("correction", {desk.id: "1"})
    desk.bl.integrity.accept(one.id, reason="theirs")
    desk.check(desk.truth)


def test_a_bar_that_a_caller_wrote_in_another_scale_is_no_concern_of_the_correction(desk: Desk) -> None:
    mine = desk.wrong.iloc[105:106].tz_localize("UTC") * 1.5
    desk.bl.write("A", "1d", mine, source="files", reason="by hand")
    done = desk.ingest()
    assert (done.changed, done.decided, done.instruments[0].overruled) == (1, 39, ())
    assert desk.close()[105] == pytest.approx(desk.wrong["close"].iloc[105])


def test_a_correction_of_the_source_itself_is_not_protected_from_it(bl: BarLedger, tmp_path: Path) -> None:
    path = tmp_path / "B.csv"
    frame, other = walk(), walk()
    other.iloc[50, :4] = np.round(other.iloc[50, :4] * 1.01, 2)
    options = {"path": str(path)}
    frame.to_csv(path, index_label="time")
    bl.ingest("B", "1d", source="files", options=options)
    other.to_csv(path, index_label="time")
    (one,) = bl.integrity.reconcile("B", "1d", source="files", options=options).discrepancies
    bl.integrity.accept(one.id, reason="theirs")
    frame.to_csv(path, index_label="time")
    done = bl.ingest("B", "1d", source="files", options=options)
    assert (done.changed, done.decided) == (1, 0)


def test_a_rule_does_not_make_bars_flip(bl: BarLedger, tmp_path: Path) -> None:
    bl.integrity.set_rule("units", kind="unit_error", source="files", reason="their feed")
    path = tmp_path / "C.csv"
    wrong = walk()
    wrong.iloc[WRONG, :4] *= 100
    wrong.to_csv(path, index_label="time")
    first = bl.ingest("C", "1d", source="files", options={"path": str(path)})
    assert first.changed == 40
    revision = bl.bars("C", "1d").revision
    assert bl.ingest("C", "1d", source="files", options={"path": str(path)}).decided == 40
    assert bl.bars("C", "1d").revision == revision


def test_news_about_bars_that_were_corrected_before_are_no_repeat(desk: Desk) -> None:
    third = desk.truth.copy()
    third.iloc[WRONG, :4] *= 1000
    desk.give(third)
    desk.ingest()
    assert len(desk.bl.integrity.discrepancies(kind="unit_error")) == 1
    notices = [one.notice for one in desk.bl.notifications.notices() if one.notice.kind == "discrepancy"]
    abouts = {one.about for one in notices}
    assert len(abouts) == len(notices) == 2
    assert any(one.endswith(f"after {desk.id}") for one in abouts)


@pytest.fixture(params=EVERYWHERE)
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    (tmp_path / "library").mkdir()
    with place_called(request.param, request, tmp_path / "library") as made:
        yield made


def test_it_is_so_everywhere(place: Place, tmp_path: Path) -> None:
    with place.opened() as bl:
        desk = Desk(bl, tmp_path)
        assert (desk.done.changed, desk.ingest().decided) == (40, 40)
        desk.check(desk.truth)
        assert desk.reconcile().discrepancies == ()
        assert bl.integrity.undo(desk.id, reason="no").changed == 40
        desk.check(desk.wrong)
        assert bl.cache.verify_series(bl.integrity.discrepancy(desk.id).discrepancy.series).ok
