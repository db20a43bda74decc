"""A split is of the instrument: what is decided about one series is said of the others, and does them no harm."""

from typing import Any

import numpy as np
import pandas as pd
import pytest

from barledger import detection
from barledger.barledger import BarLedger
from barledger.domain.action import CorporateAction
from barledger.domain.timeframe import DAY
from barledger.services.ingestion import DataIngestionService
from integrity import heard, integrity
from missed import EX, Desk
from scripted import SPLITS, ScriptedSource, SetClock


class Two(Desk):
    """A desk with the same bars from another source, ``second``, which misses the same split."""

    def __init__(self, bl: BarLedger, clock: SetClock) -> None:
        super().__init__(bl, clock, {EX: 2.0})
        self.second = ScriptedSource(
            {"A": self.market}, clock, name="second", page=500, adjustment=SPLITS, gives_events=True
        )
        self.again()

    def again(self) -> None:
        """Let what is made of the library from now on know both."""
        self.made = integrity(self.bl, self.clock, self.source, self.second, findings=detection.findings)
        ingestion = DataIngestionService(
            self.bl.vault,
            self.bl.cache,
            lambda *_: self.second,
            self.bl.instruments,
            timing=self.clock.timing,
            screen=self.made.screening,
        )
        ingestion.ingest("A", "1d", source="second", refresh=290)

    def of(self, source: str) -> Any:
        (one,) = (one for one in self.found("split_missed", state="all") if one.series.source == source)
        return one

    def raw(self, source: str) -> list[float]:
        """Return raw over traded prices before the ex-date, and after it."""
        close = self.bl.bars("A", "1d", source=source, adjust="raw").df["close"].to_numpy() / self.traded.close
        return [float(np.median(close[:200])), float(np.median(close[200:]))]

    def right(self, *sources: str) -> bool:
        return all(self.raw(source) == pytest.approx([1.0, 1.0]) for source in sources)


@pytest.fixture
def two(bl: BarLedger, clock: SetClock) -> Two:
    return Two(bl, clock)


def test_between_the_decisions_the_other_series_is_named(two: Two) -> None:
    mine, other = two.of("scripted"), two.of("second")
    shown = two.made.discrepancy(mine.id)
    assert [one.source for one in shown.lacking] == ["second"]
    assert "raw prices of A 1d from second are wrong before the ex-date until these bars count it too" in str(shown)
    notices = heard(two.bl)
    two.again()
    done = two.made.accept(mine.id, reason="confirmed")
    assert "raw prices of A 1d from second are wrong" in str(done)
    (told,) = (one for one in notices if one.kind == "correction_applied")
    assert told.details["uncounted_by"] == ["A 1d from second"]
    assert "A 1d from second" in told.body
    assert (two.right("scripted"), two.right("second")) == (True, False)
    assert two.made.discrepancy(other.id).lacking == ()
    assert "wrong" not in str(two.made.accept(other.id, reason="confirmed"))
    assert two.right("scripted", "second")


@pytest.mark.parametrize("first", ["scripted", "second"])
def test_undoing_leaves_the_split_known_as_long_as_bars_of_another_series_count_it(two: Two, first: str) -> None:
    last = "second" if first == "scripted" else "scripted"
    for source in ("scripted", "second"):
        two.made.accept(two.of(source).id, reason="confirmed")
    shown = two.made.discrepancy(two.of(first).id)
    assert [one.source for one in shown.counting] == [last]
    assert f"undoing leaves known what A 1d from {last} counts" in str(shown)
    notices = heard(two.bl)
    two.again()
    done = two.made.undo(two.of(first).id, reason="no")
    assert [one.source for one in done.counted_by] == [last]
    assert f"what A 1d from {last} counts stays known, and raw prices of A 1d from {first} are wrong" in str(done)
    assert notices[-1].details["counted_by"] == [f"A 1d from {last}"]
    (known,) = two.bl.actions.list("A")
    assert known.told["discrepancy"] == two.of(last).id
    assert (two.right(last), two.right(first)) == (True, False)
    assert two.made.undo(two.of(last).id, reason="no").counted_by == ()
    assert two.bl.actions.list("A") == []
    assert two.right("scripted", "second")
    assert two.bl.audit.verify().ok


@pytest.mark.parametrize("first", ["told", "missed"])
def test_what_one_source_tells_late_and_another_missed_is_undone_in_any_order(two: Two, first: str) -> None:
    two.tell(EX)
    (late,) = two.made.reconcile("A", "1d", source="scripted").discrepancies
    two.made.accept(late.id, reason="theirs")
    assert (two.right("scripted"), two.right("second")) == (True, False)
    missed = two.of("second")
    two.made.accept(missed.id, reason="confirmed")
    assert two.right("scripted", "second")
    for source in ("scripted", "second") if first == "told" else ("second", "scripted"):
        two.made.undo((late if source == "scripted" else missed).id, reason="no")
        if two.bl.actions.list("A"):
            assert two.right("second" if source == "scripted" else "scripted")
    assert two.bl.actions.list("A") == []
    assert two.right("scripted", "second")


def test_what_another_source_told_with_its_bars_stays_when_a_correction_is_undone(two: Two) -> None:
    mine = two.of("scripted")
    two.made.accept(mine.id, reason="confirmed")
    two.market.splits, two.market.actions = (
        [],
        [CorporateAction(instrument="A", ex_date=EX * DAY, kind="split", source="second", value=2.0)],
    )
    two.again()
    assert two.right("scripted", "second")
    two.made.undo(mine.id, reason="no")
    assert [one.source for one in two.bl.actions.list("A")] == ["second"]
    assert (two.right("second"), two.right("scripted")) == (True, False)


def test_a_series_that_lies_after_the_split_alone_is_not_named(bl: BarLedger, clock: SetClock) -> None:
    desk = Desk(bl, clock, {EX: 2.0})
    frame = bl.bars("A", "1d", source="scripted", start=(EX + 5) * DAY).df
    bl.write("A", "1d", frame, source="desk")
    (one,) = desk.found("split_missed")
    assert desk.made.discrepancy(one.id).lacking == ()
    assert pd.Timestamp(EX * DAY).date().isoformat() in desk.made.discrepancy(one.id).would
