"""Undoing what was accepted."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from barledger.barledger import BarLedger
from barledger.domain.rows import VALUES
from barledger.domain.timeframe import DAY
from barledger.errors import ChangedSince, RevisionExpired
from discrepancies import SERIES, close_of, corrected, loaded
from integrity import Rewritten, integrity
from scripted import Market, SetClock


def test_undoing_stops_at_bars_that_were_written_since_unless_the_rest_is_wanted(
    bl: BarLedger, clock: SetClock
) -> None:
    made, _, proposal = corrected(bl, clock)
    before = close_of(bl, 950)
    made.accept(proposal, reason="checked")
    touched = bl.bars("A", "1d", source="scripted", start=990 * DAY, end=991 * DAY).df
    later = bl.write("A", "1d", touched * 1.5, source="scripted").revision
    with pytest.raises(ChangedSince) as caught:
        made.undo(proposal, reason="a mistake")
    assert (caught.value.changed, caught.value.bars, caught.value.found) == (1, 2, later)
    assert made.discrepancy(proposal).discrepancy.state == "applied"
    done = made.undo(proposal, reason="a mistake", partial=True)
    assert (done.changed, done.left) == (1, 1)
    assert close_of(bl, 950) == before
    assert close_of(bl, 990) == pytest.approx(float(touched["close"].iloc[0]) * 1.5)
    assert made.discrepancy(proposal).discrepancy.state == "undone"


def test_undoing_with_nothing_left_to_restore_is_refused(bl: BarLedger, clock: SetClock) -> None:
    made, _, proposal = corrected(bl, clock)
    made.accept(proposal, reason="checked")
    bl.write("A", "1d", bl.bars("A", "1d", source="scripted").df * 1.5, source="scripted")
    for partial in (False, True):
        with pytest.raises(ChangedSince):
            made.undo(proposal, reason="a mistake", partial=partial)


def test_undoing_withdraws_what_was_added_and_brings_back_what_was_withdrawn(bl: BarLedger, clock: SetClock) -> None:
    source = loaded(bl, clock, Rewritten(listed=900 * DAY, gone={940 * DAY}))
    before = bl.bars("A", "1d", source="scripted").digest
    market = source.markets["A"]
    market.gone = {960 * DAY}
    made = integrity(bl, clock, source)
    made.reconcile("A", "1d")
    found = {one.kind: one.id for one in made.reconcile("A", "1d").discrepancies}
    assert set(found) == {"added", "withdrawn"}
    assert made.accept(found["added"], reason="checked").new == 1
    assert made.accept(found["withdrawn"], reason="checked").withdrawn == 1
    assert made.undo(found["added"], reason="no").withdrawn == 1
    back = made.undo(found["withdrawn"], reason="no")
    assert (back.changed, back.new) == (1, 0)
    assert bl.bars("A", "1d", source="scripted").digest == before
    assert bl.cache.verify_series(SERIES).ok


def test_a_shift_is_written_and_undone_as_one_revision(bl: BarLedger, clock: SetClock) -> None:
    import pandas as pd  # noqa: PLC0415 - only here

    days = pd.bdate_range("1972-01-03", "1972-06-30", tz="UTC")
    values = np.arange(len(days)) * 7919 % 200 + 100.0
    frame = pd.DataFrame({"open": values, "high": values + 2, "low": values - 2, "close": values}, days)
    frame["volume"] = 1.0

    class Weekdays(Market):
        def labels(self, start: int, end: int) -> Any:
            times = self.frame.index.as_unit("ns").asi8  # type: ignore[attr-defined]
            return times[(times >= start) & (times < end)]

        def rows(self, labels: Any) -> Any:
            given = Market.rows(self, labels)
            mine = self.frame.reindex(pd.to_datetime(labels, utc=True))  # type: ignore[attr-defined]
            return replace(given, **{name: mine[name].to_numpy() for name in VALUES})

    market = Weekdays(listed=0)
    market.frame = frame  # type: ignore[attr-defined]
    source = loaded(bl, clock, market)
    before = bl.bars("A", "1d", source="scripted").digest
    market.frame = frame.set_axis(frame.index + pd.Timedelta(days=1))  # type: ignore[attr-defined]
    made = integrity(bl, clock, source)
    (one,) = (each for each in made.reconcile("A", "1d").discrepancies if each.kind == "relabelled")
    done = made.accept(one.id, reason="they label the close now")
    assert (done.new > 0, done.changed > 0, done.withdrawn > 0) == (True, True, True)
    held = bl.bars("A", "1d", source="scripted").df
    assert held.index[0].day_of_week == 1
    made.undo(one.id, reason="we want the open")
    assert bl.bars("A", "1d", source="scripted").digest == before
    assert bl.cache.verify_series(SERIES).ok


def test_what_retention_deleted_cannot_be_restored(bl: BarLedger, clock: SetClock) -> None:
    made, _, proposal = corrected(bl, clock)
    made.accept(proposal, reason="checked")
    clock.now += 400 * DAY
    bl.cache.retain([{"instrument": "*", "keep_editions": "30d"}])
    with pytest.raises(RevisionExpired):
        made.undo(proposal, reason="too late")
    assert made.discrepancy(proposal).discrepancy.state == "applied"
