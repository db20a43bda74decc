"""Bars under other labels: shifts and relabellings."""

import numpy as np
import pandas as pd
import pytest

from barledger.barledger import BarLedger
from barledger.domain.timeframe import DAY, HOUR, Timeframe
from integrity import Rewritten, integrity, moved
from reconciling import loaded
from scripted import SetClock


def test_an_hour_of_daylight_saving_is_a_shift_of_that_part_of_the_year(bl: BarLedger, clock: SetClock) -> None:
    hourly = Rewritten(timeframe=Timeframe.of("15m"), listed=990 * DAY)
    source = loaded(bl, clock, hourly)
    hourly.rewrite = moved(HOUR, 993 * DAY, 996 * DAY)
    (one,) = integrity(bl, clock, source).reconcile("A", "15m").discrepancies
    assert (one.kind, one.evidence["offset"], one.bars) == ("shift", "+1 h", 3 * 96)
    assert (one.interval.start, one.interval.end) == (993 * DAY, 996 * DAY)


@pytest.mark.parametrize(
    ("offset", "kind"), [(pd.Timedelta(days=1), "relabelled"), (pd.Timedelta(days=-1), "shift"), (None, "shift")]
)
def test_on_a_calendar_with_gaps_the_labels_tell_a_relabelling_from_a_shift(
    bl: BarLedger, clock: SetClock, offset: pd.Timedelta | None, kind: str
) -> None:
    """Labels of the close lie on the day after, a weekend too; a shift by a bar goes from one session to the next."""
    weekdays = pd.bdate_range("1972-01-03", "1972-06-30", tz="UTC")
    values = np.arange(len(weekdays)) * 7919 % 200 + 100.0
    frame = pd.DataFrame(
        {"open": values, "high": values + 2, "low": values - 2, "close": values + 1, "volume": values * 10}, weekdays
    )
    bl.write("A", "1d", frame, source="scripted")
    given = frame.shift(1).dropna() if offset is None else frame.set_axis(frame.index + offset)
    bl.write("A", "1d", given, source="other")
    (one,) = integrity(bl, clock).reconcile("A", "1d", source="scripted", against="other").discrepancies
    assert (one.kind, one.evidence.get("may_also_be")) == (kind, None)


def test_constant_bars_are_no_shift(bl: BarLedger, clock: SetClock) -> None:
    days = pd.date_range("1972-01-03", periods=100, tz="UTC")
    flat = pd.DataFrame(dict.fromkeys(("open", "high", "low", "close"), 5.0) | {"volume": 1.0}, days)
    bl.write("A", "1d", flat, source="one")
    bl.write("A", "1d", flat * 1.5, source="other")
    (one,) = integrity(bl, clock).reconcile("A", "1d", source="one", against="other").discrepancies
    assert one.kind == "restatement"
