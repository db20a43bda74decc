"""What was known when: bars as they were some time after their close, and how values moved."""

import datetime as dt
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from barledger import BarLedger
from barledger.domain.interval import format_time
from barledger.domain.timeframe import DAY, HOUR
from barledger.errors import (
    AmbiguousSource,
    InvalidInterval,
    InvalidSetting,
    MissingColumns,
    RevisionExpired,
    SeriesNotFound,
)
from barledger.services.cache import triangle
from barledger.stores.memory import MemoryStore
from libraries import TurnableClock, closes, expected, frame, library

DESK = {"source": "desk"}


def today(bl: BarLedger) -> int:
    """Return the day after the epoch on which the ledger's clock is."""
    return bl.vault.ledger.now() // DAY


def observed(bars: Any) -> dict[int, bool]:
    days = [int(time) // DAY for time in bars.time]
    return dict(zip(days, bars.df["observed"].tolist(), strict=True))


class TestKnownWithin:
    def test_a_bar_is_as_it_was_known_by_then(self, anywhere: BarLedger, clock: TurnableClock) -> None:
        bl, now = anywhere, today(anywhere)
        bl.write("AAPL", "1d", frame([now - 1]), **DESK)
        clock.turn(3)
        bl.write("AAPL", "1d", frame([now - 1], 200.0), **DESK)
        clock.turn(30)
        bl.write("AAPL", "1d", frame([now - 1], 300.0), **DESK)
        for delay, value in (("1d", 100.0), ("2d", 100.0), ("5d", 200.0), ("40d", 300.0)):
            found = bl.bars("AAPL", "1d", known_within=delay)
            assert closes(found) == expected([now - 1], value)
            assert observed(found) == {now - 1: True}
        assert closes(bl.bars("AAPL", "1d")) == expected([now - 1], 300.0)

    def test_bars_that_were_loaded_later_are_marked(self, anywhere: BarLedger, clock: TurnableClock) -> None:
        bl, now = anywhere, today(anywhere)
        bl.write("AAPL", "1d", frame([*range(now - 400, now - 300), now - 1]), **DESK)
        clock.turn(5)
        bl.write("AAPL", "1d", frame([now - 350, now - 1], 200.0), **DESK)
        found = bl.bars("AAPL", "1d", known_within="1d")
        assert closes(found) == expected([*range(now - 400, now - 300), now - 1])
        assert observed(found) == {**dict.fromkeys(range(now - 400, now - 300), False), now - 1: True}
        assert found.provenance["known_within"] == {"seconds": 86_400.0, "observed": 1, "not_observed": 100}
        assert found.df.attrs["known_within"]["not_observed"] == 100

    def test_a_bar_that_was_withdrawn_by_then_is_not_there(self, anywhere: BarLedger, clock: TurnableClock) -> None:
        bl, now = anywhere, today(anywhere)
        bl.write("AAPL", "1d", frame([now - 2, now - 1]), **DESK)
        bl.withdraw("AAPL", "1d", format_time((now - 1) * DAY), reason="x", **DESK)
        clock.turn(3)
        bl.withdraw("AAPL", "1d", format_time((now - 2) * DAY), reason="y", **DESK)
        bl.write("AAPL", "1d", frame([now - 1], 200.0), **DESK)
        assert closes(bl.bars("AAPL", "1d", known_within="2d")) == expected([now - 2])
        assert closes(bl.bars("AAPL", "1d", known_within="30d")) == expected([now - 1], 200.0)

    def test_what_was_known_never_changes_afterwards(self, anywhere: BarLedger, clock: TurnableClock) -> None:
        bl, now = anywhere, today(anywhere)
        for step in range(4):
            bl.write("AAPL", "1d", frame(range(now - 10, now + step), 100.0 + step), **DESK)
            clock.turn(1)
        before = bl.bars("AAPL", "1d", known_within="1d", end=format_time((now + 2) * DAY))
        clock.turn(10)
        bl.write("AAPL", "1d", frame(range(now - 10, now + 4), 500.0), **DESK)
        after = bl.bars("AAPL", "1d", known_within="1d", end=format_time((now + 2) * DAY))
        assert (before.digest, observed(before)) == (after.digest, observed(after))

    def test_an_earlier_state_knows_no_later_editions(self, anywhere: BarLedger, clock: TurnableClock) -> None:
        bl, now = anywhere, today(anywhere)
        first = bl.write("AAPL", "1d", frame([now - 1]), **DESK)
        clock.turn(1)
        bl.write("AAPL", "1d", frame([now - 1, now], 200.0), **DESK)
        then = bl.bars("AAPL", "1d", known_within="9d", version=first.revision)
        assert (closes(then), then.revision) == (expected([now - 1]), first.revision)
        assert closes(bl.bars("AAPL", "1d", known_within="9d")) == expected([now - 1, now], 200.0)

    def test_several_sources_are_each_as_they_were_known(self, anywhere: BarLedger) -> None:
        bl, now = anywhere, today(anywhere)
        bl.write("AAPL", "1d", frame([now - 2]), **DESK)
        bl.write("AAPL", "1d", frame([now - 100, now - 2, now - 1], 300.0), source="vendor")
        bl.cache.prioritise("AAPL", ["desk", "vendor"], mode="fill")
        found = bl.bars("AAPL", "1d", known_within="7d")
        assert closes(found) == expected([now - 100, now - 1], 300.0) | expected([now - 2])
        assert observed(found) == {now - 100: False, now - 2: True, now - 1: True}

    def test_windows_and_panels_know_it_too(self, anywhere: BarLedger, clock: TurnableClock) -> None:
        bl, now = anywhere, today(anywhere)
        bl.write("AAPL", "1d", frame(range(now - 50, now)), **DESK)
        clock.turn(9)
        bl.write("AAPL", "1d", frame(range(now - 50, now), 200.0), **DESK)
        found = bl.bars("AAPL", "1d", known_within="1d", last=3)
        assert closes(found) == expected(range(now - 3, now))
        panel = bl.retrieval.panel("AAPL", "1d", known_within=dt.timedelta(days=1), last=3)
        assert panel["AAPL"].tolist() == list(expected(range(now - 3, now)).values())
        assert panel.attrs["panel"]["known_within"] == {"seconds": 86_400.0, "not_observed": 2}

    def test_hours_are_counted_from_their_close(self, in_memory: BarLedger) -> None:
        bl = in_memory
        hour = bl.vault.ledger.now() // HOUR * HOUR - HOUR
        bars = frame([0])
        bars.index = pd.DatetimeIndex([hour], tz="UTC")
        bl.write("AAPL", "1h", bars, **DESK)
        assert bl.bars("AAPL", "1h", known_within="1h").df["observed"].tolist() == [True]
        assert bl.bars("AAPL", "1h", known_within="0s").df["observed"].tolist() == [False]

    def test_editions_that_retention_deleted_are_missed(self, anywhere: BarLedger, clock: TurnableClock) -> None:
        bl, now = anywhere, today(anywhere)
        bl.write("AAPL", "1d", frame([now - 2, now - 1]), **DESK)
        bl.write("AAPL", "1d", frame([now - 1], 200.0), **DESK)
        clock.turn(40)
        bl.cache.retain([{"instrument": "AAPL", "keep_editions": "30d"}])
        with pytest.raises(RevisionExpired):
            bl.bars("AAPL", "1d", known_within="1d")
        with pytest.raises(RevisionExpired):
            bl.bars("AAPL", "1d", version="first")
        end = format_time((now - 1) * DAY)
        for wish in ({"known_within": "1d"}, {"version": "first"}):
            assert closes(bl.bars("AAPL", "1d", end=end, **wish)) == expected([now - 2])

    def test_editions_between_others_that_retention_deleted_are_missed(
        self, anywhere: BarLedger, clock: TurnableClock
    ) -> None:
        bl, now = anywhere, today(anywhere)
        bl.write("AAPL", "1d", frame([now - 1]), **DESK)
        bl.snapshot("AAPL", "1d")
        bl.write("AAPL", "1d", frame([now - 1], 200.0), **DESK)
        bl.write("AAPL", "1d", frame([now - 1], 300.0), **DESK)
        clock.turn(40)
        bl.cache.retain([{"instrument": "AAPL", "keep_editions": "30d"}])
        assert closes(bl.bars("AAPL", "1d", version="first")) == expected([now - 1])
        with pytest.raises(RevisionExpired):
            bl.bars("AAPL", "1d", known_within="1d")

    @pytest.mark.parametrize("version", ["first", "bt"])
    def test_a_version_without_history_is_refused(self, in_memory: BarLedger, version: str) -> None:
        in_memory.write("AAPL", "1d", frame([0]), **DESK)
        in_memory.snapshot("AAPL", "1d", id="bt")
        with pytest.raises(InvalidSetting, match="known_within"):
            in_memory.bars("AAPL", "1d", known_within="1d", version=version)


@pytest.mark.slow
@settings(max_examples=50)
@given(
    steps=st.lists(
        st.tuples(st.integers(0, 4), st.sets(st.integers(-6, -1), min_size=1), st.booleans()), min_size=1, max_size=6
    ),
    delay=st.integers(0, 12),
)
def test_what_was_known_is_what_a_diary_of_every_write_says(
    steps: list[tuple[int, set[int], bool]], delay: int
) -> None:
    clock = TurnableClock()
    with library(MemoryStore(), clock=clock) as bl:
        now = today(bl)
        diary: dict[int, list[tuple[int, float | None]]] = {}
        for number, (turn, days, withdrawing) in enumerate(steps):
            clock.turn(turn)
            listed = [now + at for at in sorted(days)]
            stamps = [format_time(at * DAY) for at in listed]
            if withdrawing:
                bl.withdraw("AAPL", "1d", stamps, reason="x", **DESK)
                listed = [at for at in listed if at in diary and diary[at][-1][1] is not None]
            else:
                bl.write("AAPL", "1d", frame(listed, 100.0 + number), **DESK)
            for at in listed:
                value = None if withdrawing else expected([at], 100.0 + number)[at]
                diary.setdefault(at, []).append((bl.vault.ledger.now(), value))
        wanted: dict[int, float] = {}
        for at, entries in diary.items():
            by_then = [value for told, value in entries if told <= (at + 1 + delay) * DAY]
            value = by_then[-1] if by_then else entries[0][1]
            if value is not None:
                wanted[at] = value
        if diary:
            assert closes(bl.bars("AAPL", "1d", known_within=f"{delay}d")) == dict(sorted(wanted.items()))
            states = bl.cache.revisions_of("AAPL", "1d")
            for revision in states.columns.get_level_values("revision"):
                column = states.xs(revision, axis=1, level="revision").iloc[:, 0].dropna()
                found = closes(bl.bars("AAPL", "1d", version=int(revision)))
                assert {time.value // DAY: close for time, close in column.items()} == found


class TestTriangle:
    def test_every_revision_is_a_column(self, anywhere: BarLedger) -> None:
        bl = anywhere
        first = bl.write("AAPL", "1d", frame(range(4)), **DESK)
        second = bl.write("AAPL", "1d", frame(range(2, 6), 200.0), **DESK)
        third = bl.withdraw("AAPL", "1d", "1970-01-02", reason="x", **DESK)
        table = bl.cache.revisions_of("AAPL", "1d")
        assert table.columns.names == ["revision", "committed_at"]
        assert table.columns.get_level_values("revision").tolist() == [first.revision, second.revision, third.revision]
        committed = [record.committed_at for record in bl.cache.versions("AAPL", "1d")[0].revisions]
        assert [time.value for time in table.columns.get_level_values("committed_at")] == committed
        nan = np.nan
        wanted = [
            [100.00, 100.00, 100.00],
            [100.01, 100.01, nan],
            [100.02, 200.02, 200.02],
            [100.03, 200.03, 200.03],
            [nan, 200.04, 200.04],
            [nan, 200.05, 200.05],
        ]
        assert np.array_equal(table.to_numpy(), np.array(wanted), equal_nan=True)
        assert [time.value // DAY for time in table.index] == list(range(6))
        assert table.attrs == {
            "instrument": "AAPL",
            "timeframe": "1d",
            "source": "desk",
            "field": "close",
            "revision": str(third.revision),
        }

    def test_a_field_and_an_interval_may_be_chosen(self, anywhere: BarLedger) -> None:
        bl = anywhere
        bl.write("AAPL", "1d", frame(range(4)), **DESK)
        changed = frame(range(4))
        changed["volume"] = [1000.0, np.nan, 7.0, 1000.0]
        last = bl.write("AAPL", "1d", changed, **DESK)
        table = bl.cache.revisions_of("AAPL", "1d", field="volume", start="1970-01-02", end="1970-01-04")
        assert np.array_equal(table.to_numpy(), [[1000.0, np.nan], [1000.0, 7.0]], equal_nan=True)
        assert table.columns[-1][0] == last.revision
        alone = bl.cache.revisions_of("AAPL", "1d", start="1970-01-04")
        assert alone.shape == (1, 1)
        assert bl.cache.revisions_of("AAPL", "1d", start="1980-01-01").empty

    def test_revisions_behind_the_horizon_have_no_column(self, anywhere: BarLedger, clock: TurnableClock) -> None:
        bl, now = anywhere, today(anywhere)
        for value in (100.0, 200.0, 300.0):
            bl.write("AAPL", "1d", frame([now - 1], value), **DESK)
        clock.turn(40)
        bl.cache.retain([{"instrument": "AAPL", "keep_editions": "30d"}])
        assert bl.cache.revisions_of("AAPL", "1d").shape == (1, 1)
        last = bl.write("AAPL", "1d", frame([now - 1], 400.0), **DESK)
        table = bl.cache.revisions_of("AAPL", "1d")
        assert table.iloc[0].tolist() == [expected([now - 1], value)[now - 1] for value in (300.0, 400.0)]
        assert table.columns[-1][0] == last.revision

    def test_bad_questions_are_refused(self, in_memory: BarLedger, monkeypatch: pytest.MonkeyPatch) -> None:
        bl = in_memory
        with pytest.raises(SeriesNotFound):
            bl.cache.revisions_of("AAPL", "1d")
        bl.write("AAPL", "1d", frame(range(4)), **DESK)
        with pytest.raises(MissingColumns):
            bl.cache.revisions_of("AAPL", "1d", field="vwap")
        with pytest.raises(InvalidInterval):
            bl.cache.revisions_of("AAPL", "1d", start="1970-02-01", end="1970-01-01")
        with pytest.raises(SeriesNotFound):
            bl.cache.revisions_of("AAPL", "1d", source="dsek")
        monkeypatch.setattr(triangle, "_MOST_CELLS", 3)
        with pytest.raises(InvalidInterval, match="4 bars at 1 revisions are too much for one table"):
            bl.cache.revisions_of("AAPL", "1d")
        bl.write("AAPL", "1d", frame([0]), source="vendor")
        with pytest.raises(AmbiguousSource):
            bl.cache.revisions_of("AAPL", "1d")
