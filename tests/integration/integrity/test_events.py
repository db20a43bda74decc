"""Splits that nobody told of: in prices as traded an event is recorded, in adjusted ones bars are multiplied."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from barledger.barledger import BarLedger
from barledger.domain.discrepancy import Discrepancy
from barledger.domain.interval import format_time
from barledger.errors import ActionConflict, ProposalStale
from barledger.services.discrepancies.outcomes import Recorded
from integrity import heard, integrity
from libraries import frame as plain_frame
from places import EVERYWHERE, Place, place_called
from scripted import SetClock
from splits import EX_DATE, RATIO, split_frame


@pytest.fixture(params=EVERYWHERE)
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    (tmp_path / "library").mkdir()
    with place_called(request.param, request, tmp_path / "library") as made:
        yield made


def ingested(bl: BarLedger, folder: Path, adjustment: str) -> None:
    split_frame().to_csv(folder / "A.csv", index_label="time")
    bl.ingest("A", "1d", source="files", options={"path": str(folder / "A.csv"), "adjustment": adjustment})


def proposal(bl: BarLedger) -> Discrepancy:
    bl.integrity.inspect("A", "1d", keep=True)
    (one,) = bl.integrity.discrepancies(kind="split_missed")
    assert one.state == "proposed"
    return one


def closes(bl: BarLedger, **how: Any) -> pd.Series:
    return bl.bars("A", "1d", **how).df["close"]


def largest_move(series: pd.Series) -> float:
    return float(np.log(series).diff().abs().max())


def test_a_split_in_prices_as_traded_is_recorded_and_withdrawn(place: Place, tmp_path: Path) -> None:
    with place.opened() as bl:
        ingested(bl, tmp_path, "raw")
        snapshot = bl.snapshot("A", "1d", strategy="momentum-7")
        bl.cache.approve(snapshot.id, strategy="momentum-7")
        raw, before = bl.bars("A", "1d"), bl.bars("A", "1d", adjust="splits")
        one = proposal(bl)
        shown = bl.integrity.discrepancy(one.id)
        assert shown.action is not None
        assert (shown.action.kind, shown.action.value) == ("split", RATIO)
        assert shown.action.ex_date == EX_DATE.value
        assert (len(shown.rows), shown.strategies) == (0, ("momentum-7",))
        assert "would record for A: split of 4:1 on 2024-05-20" in str(shown)
        assert "raw, as files declares" in str(shown)

        done = bl.integrity.accept(one.id, reason="their page says so")
        assert isinstance(done, Recorded)
        assert (done.changed, done.new, done.withdrawn) == (0, 0, 0)
        (known,) = bl.actions.list("A")
        assert (known.summary, known.source) == ("split of 4:1 on 2024-05-20", "declared")
        assert known.known_at == done.revision
        assert (known.told["reason"], known.told["discrepancy"]) == ("their page says so", one.id)
        assert bl.bars("A", "1d").digest == raw.digest
        assert bl.integrity.stale(raw) == ()
        assert bl.integrity.stale(before) != ()
        assert largest_move(closes(bl, adjust="splits")) < 0.1 < largest_move(closes(bl))
        assert bl.bars("A", "1d", adjust="splits", version=format_time(done.revision - 1)).digest == before.digest
        assert bl.bars("A", "1d", adjust="splits", version=snapshot.id).digest == before.digest
        assert bl.integrity.inspect("A", "1d").findings == ()
        (entry,) = bl.audit.entries(operation="add-action")
        assert (entry.data["trigger"], entry.data["reason"]) == (one.id, "their page says so")

        undone = bl.integrity.undo(one.id, reason="another company")
        assert undone.action is not None
        assert undone.action.withdrawn
        assert bl.actions.list("A") == []
        assert bl.bars("A", "1d", adjust="splits").digest == before.digest
        assert largest_move(closes(bl, adjust="splits", version=format_time(done.revision))) < 0.1
        assert len(bl.actions.history("A")) == 2
        states = [step.state for step in bl.integrity.discrepancy(one.id).steps]
        assert states[-4:] == ["proposed", "accepted", "applied", "undone"]
        bl.integrity.inspect("A", "1d", keep=True)
        (again,) = bl.integrity.discrepancies(kind="split_missed")
        assert (again.state, again.id != one.id) == ("proposed", True), "who asks again may decide again"
        assert bl.audit.verify().ok


def test_a_split_in_prices_that_are_adjusted_for_splits_multiplies_the_bars(place: Place, tmp_path: Path) -> None:
    with place.opened() as bl:
        ingested(bl, tmp_path, "splits")
        one = proposal(bl)
        shown = bl.integrity.discrepancy(one.id)
        assert shown.action is None
        assert shown.discrepancy.evidence["adjusted"] == "splits, as files declares"
        older = int((split_frame().index < EX_DATE).sum())
        assert bl.integrity.accept(one.id, reason="checked").changed == older
        assert largest_move(closes(bl)) < 0.1
        assert [each.summary for each in bl.actions.list("A")] == ["split of 4:1 on 2024-05-20"]
        assert largest_move(closes(bl, adjust="raw")) > 1
        bl.integrity.undo(one.id, reason="no")
        assert bl.actions.list("A") == []
        assert largest_move(closes(bl)) > 1


def test_bars_are_judged_as_their_source_declares_them_from_the_first_on(bl: BarLedger, tmp_path: Path) -> None:
    ingested(bl, tmp_path, "splits")
    (one,) = bl.integrity.discrepancies(kind="split_missed")
    assert one.evidence["adjusted"] == "splits, as files declares"
    assert bl.integrity.discrepancy(one.id).action is None


def test_the_event_is_mirrored_and_its_withdrawal_too(place: Place, tmp_path: Path) -> None:
    with place.opened() as bl:
        ingested(bl, tmp_path, "raw")
        one = proposal(bl)
        bl.integrity.accept(one.id, reason="checked")
        assert bl.vault.ledger.actions.unmirrored() == [] or not bl.vault.store.capabilities.mirror
        bl.integrity.undo(one.id, reason="no")
        assert bl.vault.ledger.actions.unmirrored() == [] or not bl.vault.store.capabilities.mirror


# --- in memory, with a clock that stands ------------------------------------------------------------


@pytest.fixture
def clock() -> SetClock:
    return SetClock(pd.Timestamp("2025-01-01T12:00Z").value)


def written(bl: BarLedger) -> Discrepancy:
    bl.write("A", "1d", split_frame(), source="desk")
    return proposal(bl)


def test_where_nobody_said_what_prices_are_adjusted_for_the_preview_says_what_is_assumed(bl: BarLedger) -> None:
    shown = bl.integrity.discrepancy(written(bl).id)
    assert "raw is assumed, since nobody said what the bars of desk are adjusted for" in str(shown)
    assert shown.action is not None


def test_an_event_that_somebody_told_of_since_is_not_recorded_again(bl: BarLedger) -> None:
    one = written(bl)
    bl.actions.add("A", "split", "2024-05-21", value="4:1", source="desk")
    with pytest.raises(ActionConflict, match="is known already"):
        bl.integrity.accept(one.id, reason="checked")
    assert bl.integrity.discrepancy(one.id).discrepancy.state == "proposed"
    assert len(bl.actions.list("A")) == 1


def test_an_event_that_somebody_denied_is_not_recorded(bl: BarLedger) -> None:
    one = written(bl)
    bl.actions.add("A", "split", "2024-05-20", value="3:1", source="desk")
    bl.actions.withdraw("A", "split", "2024-05-20", reason="there was none")
    with pytest.raises(ActionConflict, match="denied"):
        bl.integrity.accept(one.id, reason="checked")


def test_bars_on_both_sides_of_the_event_that_were_written_since_make_it_stale(bl: BarLedger) -> None:
    one = written(bl)
    later = split_frame()
    bl.write("A", "1d", later[later.index < "2024-03-01"] * 1.01, source="desk")
    evening = later[later.index < EX_DATE].tail(1)
    bl.write("A", "1d", evening * 1.01, source="desk")
    with pytest.raises(ProposalStale):
        bl.integrity.accept(one.id, reason="checked")
    again = proposal(bl)
    assert again.id != one.id
    assert isinstance(bl.integrity.accept(again.id, reason="checked"), Recorded)


def test_older_bars_that_were_written_since_are_no_reason_against_the_event(bl: BarLedger) -> None:
    one = written(bl)
    frame = split_frame()
    bl.write("A", "1d", frame[frame.index < "2024-03-01"] * 1.01, source="desk")
    assert isinstance(bl.integrity.accept(one.id, reason="checked"), Recorded)


def test_what_was_corrected_since_is_not_withdrawn_by_undoing(bl: BarLedger) -> None:
    one = written(bl)
    bl.integrity.accept(one.id, reason="checked")
    bl.actions.correct("A", "split", "2024-05-20", value="5:1", reason="it was five")
    with pytest.raises(ActionConflict, match=r"split of 5:1 .* is known since"):
        bl.integrity.undo(one.id, reason="no")
    assert bl.integrity.discrepancy(one.id).discrepancy.state == "applied"
    assert [one.summary for one in bl.actions.list("A")] == ["split of 5:1 on 2024-05-20"]


def test_what_was_withdrawn_since_is_not_undone(bl: BarLedger) -> None:
    one = written(bl)
    bl.integrity.accept(one.id, reason="checked")
    bl.actions.undeclare("A", "split", "2024-05-20", reason="no")
    with pytest.raises(ActionConflict, match="nobody tells of it any more"):
        bl.integrity.undo(one.id, reason="no")


def test_a_strategy_whose_approved_snapshot_holds_older_bars_is_named(bl: BarLedger, clock: SetClock) -> None:
    from barledger import detection  # noqa: PLC0415 - only here

    bl.write("A", "1d", split_frame(), source="desk")
    old = bl.snapshot("A", "1d", source="desk", end="2024-03-01", strategy="old", purpose="approval")
    new = bl.snapshot("A", "1d", source="desk", start="2024-06-01", strategy="new", purpose="approval")
    for snapshot, strategy in ((old, "old"), (new, "new")):
        bl.cache.approve(snapshot.id, strategy=strategy)
    notices = heard(bl)
    made = integrity(bl, clock, findings=detection.findings)
    (one,) = made.inspect("A", "1d", keep=True).discrepancies
    made.accept(one.id, reason="checked")
    told = {each.kind: each for each in notices}
    assert "split of 4:1 on 2024-05-20" in told["correction_applied"].subject
    touched = [each for each in notices if each.kind == "approved_snapshot_touched"]
    assert [each.details["strategy"] for each in touched] == ["old"]
    assert "adjusted reads give otherwise" in touched[0].subject
    assert touched[0].details["action"] == "split"
    made.undo(one.id, reason="no")
    assert notices[-1].details["strategy"] == "old"
    assert "withdrawn" in notices[-1].subject


def test_a_kept_adjusted_series_follows_the_event_and_its_undoing(bl: BarLedger) -> None:
    one = written(bl)
    bl.actions.materialise("A", "1d", adjust="splits")
    before = bl.bars("A", "1d", is_adjusted=True).digest
    bl.integrity.accept(one.id, reason="checked")
    assert largest_move(closes(bl, is_adjusted=True)) < 0.1
    bl.integrity.undo(one.id, reason="no")
    assert bl.bars("A", "1d", is_adjusted=True).digest == before


def test_a_rule_that_is_about_few_bars_does_not_record_an_event_before_many(bl: BarLedger) -> None:
    bl.write("A", "1d", split_frame(), source="desk")
    bl.integrity.set_rule("few", kind="split_missed", most_bars=50, reason="desk rule")
    bl.integrity.inspect("A", "1d", keep=True)
    assert bl.actions.list("A") == []
    bl.integrity.set_rule("few", kind="split_missed", most_bars=150, reason="desk rule")
    (one,) = bl.integrity.discrepancies(kind="split_missed")
    bl.integrity.reject(one.id, reason="to look again")
    bl.write("B", "1d", split_frame(), source="desk")
    bl.integrity.inspect("B", "1d", keep=True)
    (known,) = bl.actions.list("B")
    (entry,) = bl.audit.entries(operation="add-action")
    assert known.told["reason"].startswith("rule few")
    assert entry.data["actor"] == bl.vault.actor


def test_the_same_split_is_one_discrepancy_from_wherever_it_is_looked_at(bl: BarLedger) -> None:
    one = written(bl)
    bl.integrity.inspect("A", "1d", start="2024-03-01", keep=True)
    assert [each.id for each in bl.integrity.discrepancies(state="all")] == [one.id]


def test_within_days_the_ex_date_is_that_of_the_session(bl: BarLedger) -> None:
    hours = pd.date_range("2024-05-15T13:30Z", periods=8, freq="h")
    sessions = [hours[:7] + pd.Timedelta(days=int(day)) for day in range(8) if day not in (3, 4)]
    times = sessions[0].append(sessions[1:])
    day = split_frame()
    bars = day.iloc[: len(times)].set_axis(times)
    closed = day["close"].to_numpy()[: len(times)] * np.where(np.arange(len(times)) < 99, 1.0, RATIO)
    shares = np.where(times < pd.Timestamp("2024-05-20T13:30Z"), 1.0, RATIO)
    for name in ("open", "high", "low", "close"):
        bars[name] = day[name].to_numpy()[: len(times)] / day["close"].to_numpy()[: len(times)] * closed / shares
    bars["volume"] = 1e6 * shares
    bl.instruments.declare("A", calendar="XNYS")
    bl.write("A", "1h", bars, source="desk")
    kept = bl.integrity.inspect("A", "1h", keep=True, confidence=0.5).discrepancies
    (one,) = (each for each in kept if each.kind == "split_missed")
    action = bl.integrity.discrepancy(one.id).action
    assert action is not None
    assert action.ex_date == EX_DATE.value
    bl.integrity.accept(one.id, reason="checked")
    assert largest_move(bl.bars("A", "1h", adjust="splits").df["close"]) < 0.1


def test_a_week_within_which_shares_were_split_proposes_nothing_and_says_why(bl: BarLedger) -> None:
    day = split_frame()
    weeks = day.resample("W-MON", label="left", closed="left")
    wide = weeks.agg({"open": "first", "high": "max", "low": "min", "close": "last", "volume": "sum"})
    split = wide.index.get_indexer([EX_DATE])[0]
    wide.iloc[split, 0] *= RATIO
    wide.iloc[split, 1] = wide.iloc[split, 0] * 1.01
    bl.write("A", "1w", wide, source="desk")
    kept = bl.integrity.inspect("A", "1w", keep=True, confidence=0.5).discrepancies
    (one,) = (each for each in kept if each.kind == "split_missed")
    assert (one.state, one.proposal) == ("open", None)
    assert "add the event by hand" in str(one.evidence["why_no_proposal"])


def test_the_splits_of_a_real_share_are_recorded_and_its_adjusted_closes_are_smooth(tmp_path: Path) -> None:
    from libraries import embedded  # noqa: PLC0415 - only here

    with embedded(tmp_path) as bl:
        (report,) = bl.ingest("AAPL", "1d", source="sample").instruments
        raw = bl.bars("AAPL", "1d")
        ids = [one.id for one in bl.integrity.discrepancies(kind="split_missed")]
        assert len(ids) == 2
        assert set(report.flagged) == set(ids)
        for one in ids:
            bl.integrity.accept(one, reason="split confirmed")
        listed = [one.summary for one in bl.actions.list("AAPL")]
        assert listed == ["split of 2:1 on 2000-06-21", "split of 2:1 on 2005-02-28"]
        assert bl.bars("AAPL", "1d").digest == raw.digest
        smooth = bl.bars("AAPL", "1d", adjust="splits").df["close"]
        moves = np.log(smooth).diff()
        assert largest_move(smooth) == pytest.approx(abs(float(moves["2000-09-29"])))
        assert float(smooth.iloc[0]) == pytest.approx(float(raw.df["close"].iloc[0]) / 4)
        assert bl.integrity.inspect("AAPL", "1d").findings == ()


def test_plain_bars_propose_nothing(bl: BarLedger) -> None:
    bl.write("A", "1d", plain_frame(range(900, 990)), source="desk")
    assert bl.integrity.inspect("A", "1d", keep=True).discrepancies == ()
