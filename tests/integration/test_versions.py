"""Writing, reading any past state, withdrawing, and naming versions, on every store."""

import threading
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from barledger.barledger import BarLedger
from barledger.domain.intake import intake
from barledger.domain.interval import format_time
from barledger.domain.series import Series
from barledger.domain.timeframe import DAY, Timeframe
from barledger.errors import (
    AmbiguousSource,
    BlockDamaged,
    FutureTime,
    Held,
    NameTaken,
    NoBars,
    NotEnclosing,
    RevisionConflict,
    SeriesNotFound,
    StoreDiverged,
    VersionImmutable,
    VersionNotFound,
)
from barledger.services.ingestion import Entry
from barledger.stores.contract import Batch, Store
from barledger.stores.memory import MemoryStore
from barledger.testing.bars import rows
from conftest import INFLUX_SERVERS, influx_server_called
from libraries import TurnableClock, closes, embedded, expected, frame, library, same_bars
from remoted import Faced

DESK = {"source": "desk"}


INFLUX = [pytest.param(name, marks=pytest.mark.influx) for name in INFLUX_SERVERS]


@pytest.fixture(params=["memory", "embedded", *INFLUX])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    if request.param in INFLUX_SERVERS:
        server = influx_server_called(request.param, request)
        with server.bucket() as bucket:
            opened: Store = server.store(bucket)
            yield opened
            opened.close()
        return
    if request.param == "embedded":
        from barledger.stores.embedded import EmbeddedStore  # noqa: PLC0415 - only here

        opened = EmbeddedStore(tmp_path / "library")
    else:
        opened = MemoryStore()
    yield opened
    opened.close()


@pytest.fixture
def ledger_url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'ledger.sqlite'}"


@pytest.fixture
def bl(store: Store, ledger_url: str, faced: Faced) -> Iterator[BarLedger]:
    opened = library(store, ledger_url)
    yield faced(opened)
    opened.vault.ledger.close()


def now(bl: BarLedger) -> str:
    return format_time(bl.vault.ledger.now())


class TestWriting:
    def test_bars_are_read_back(self, bl: BarLedger) -> None:
        done = bl.write("AAPL", "1d", frame(range(10)), reason="first", **DESK)
        assert (done.new, done.changed, done.same) == (10, 0, 0)
        bars = bl.bars("AAPL", "1d")
        same_bars(closes(bars), expected(range(10)))
        assert bars.revision == done.revision
        assert [span.source for span in bars.sources] == ["desk"]

    def test_the_same_bars_again_make_no_history(self, bl: BarLedger) -> None:
        first = bl.write("AAPL", "1d", frame(range(10)), **DESK)
        again = bl.write("AAPL", "1d", frame(range(5, 10)), **DESK)
        assert (again.new, again.changed, again.same, again.revision) == (0, 0, 5, first.revision)
        assert len(bl.cache.versions("AAPL", "1d")[0].revisions) == 1

    def test_every_earlier_state_stays_readable(self, bl: BarLedger) -> None:
        states = []
        for step in range(4):
            done = bl.write("AAPL", "1d", frame(range(step, step + 6), value=100 + step), **DESK)
            states.append((done.revision, now(bl), closes(bl.bars("AAPL", "1d"))))
        for revision, time, state in states:
            same_bars(closes(bl.bars("AAPL", "1d", version=f"revision:{revision}")), state)
            same_bars(closes(bl.bars("AAPL", "1d", version=time)), state)

    def test_first_gives_the_first_edition_of_every_bar(self, bl: BarLedger) -> None:
        bl.write("AAPL", "1d", frame(range(5)), **DESK)
        bl.write("AAPL", "1d", frame(range(3, 8), value=200), **DESK)
        wanted = expected(range(5)) | expected(range(5, 8), 200)
        same_bars(closes(bl.bars("AAPL", "1d", version="first")), wanted)

    def test_ranges_include_the_start_and_not_the_end(self, bl: BarLedger) -> None:
        bl.write("AAPL", "1d", frame(range(10)), **DESK)
        bars = bl.bars("AAPL", "1d", start="1970-01-03", end="1970-01-05")
        same_bars(closes(bars), expected([2, 3]))

    def test_many_series_become_visible_as_one_revision(self, bl: BarLedger) -> None:
        entries = [Entry(instrument=f"I{at}", timeframe="1d", data=frame([at])) for at in range(20)]
        done = bl.write_many(entries, source="poll")
        assert done.new == 20
        assert {bl.bars(f"I{at}", "1d").revision for at in range(20)} == {done.revision}
        told = [entry.operation for entry in bl.audit.entries()]
        assert [one for one in told if one != "create-key"] == ["write"]

    def test_missing_values_stay_missing(self, bl: BarLedger) -> None:
        given = frame(range(4))
        given.loc[given.index[2], "volume"] = np.nan
        bl.write("AAPL", "1d", frame(range(4)), **DESK)
        done = bl.write("AAPL", "1d", given, **DESK)
        assert done.changed == 1
        assert bl.bars("AAPL", "1d").df["volume"].isna().tolist() == [False, False, True, False]
        assert bl.write("AAPL", "1d", given, **DESK).same == 4

    def test_invalid_bars_are_refused_whole_or_put_aside(self, bl: BarLedger) -> None:
        bad = frame(range(4))
        bad.loc[bad.index[1], "open"] = 5000.0
        with pytest.raises(NotEnclosing):
            bl.write("AAPL", "1d", bad, **DESK)
        with pytest.raises(SeriesNotFound):
            bl.bars("AAPL", "1d")
        done = bl.write("AAPL", "1d", bad, on_invalid="quarantine", **DESK)
        assert (done.new, done.quarantined) == (3, 1)
        (kept,) = bl.ingestion.quarantine(instrument="AAPL")
        assert (kept.time, kept.code, kept.values["open"]) == (DAY, "not-enclosing", "5000.0")  # noqa: PD011 - a mapping

    def test_pairs_in_all_spellings_are_one_instrument(self, bl: BarLedger) -> None:
        bl.write("BTC/USDT", "1d", frame([1]), **DESK)
        assert len(bl.bars("BTC-USDT", "1d")) == len(bl.bars("BTCUSDT", "1d")) == 1


class TestExpectedRevision:
    def test_a_write_on_what_was_read_goes_through(self, bl: BarLedger) -> None:
        bl.write("AAPL", "1d", frame(range(5)), expected_revision=0, **DESK)
        seen = bl.bars("AAPL", "1d").revision
        assert bl.write("AAPL", "1d", frame([2], 300), expected_revision=seen, **DESK).changed == 1

    def test_a_lost_update_is_refused(self, bl: BarLedger) -> None:
        bl.write("AAPL", "1d", frame(range(5)), **DESK)
        seen = bl.bars("AAPL", "1d").revision
        other = bl.write("AAPL", "1d", frame([2], 300), **DESK)
        with pytest.raises(RevisionConflict) as caught:
            bl.write("AAPL", "1d", frame([2], 400), expected_revision=seen, **DESK)
        assert (caught.value.expected, caught.value.found) == (seen, other.revision)
        assert closes(bl.bars("AAPL", "1d"))[2] == 300.02

    def test_changes_elsewhere_do_not_conflict(self, bl: BarLedger) -> None:
        bl.write("AAPL", "1d", frame(range(9)), **DESK)
        seen = bl.bars("AAPL", "1d").revision
        bl.write("AAPL", "1d", frame([7], 300), **DESK)
        assert bl.write("AAPL", "1d", frame([2], 400), expected_revision=seen, **DESK).changed == 1

    def test_zero_means_that_the_series_is_new(self, bl: BarLedger) -> None:
        bl.write("AAPL", "1d", frame(range(5)), **DESK)
        with pytest.raises(RevisionConflict):
            bl.write("AAPL", "1d", frame([20]), expected_revision=0, **DESK)


class TestWithdrawing:
    def test_a_withdrawn_bar_is_gone_now_and_there_before(self, bl: BarLedger) -> None:
        before = bl.write("AAPL", "1d", frame(range(5)), **DESK)
        done = bl.withdraw("AAPL", "1d", ["1970-01-02", "1970-01-04"], reason="never traded", **DESK)
        assert done.withdrawn == 2
        same_bars(closes(bl.bars("AAPL", "1d")), expected([0, 2, 4]))
        same_bars(closes(bl.bars("AAPL", "1d", version=f"revision:{before.revision}")), expected(range(5)))

    def test_withdrawing_twice_or_what_never_was_changes_nothing(self, bl: BarLedger) -> None:
        bl.write("AAPL", "1d", frame(range(5)), **DESK)
        bl.withdraw("AAPL", "1d", ["1970-01-02"], reason="x", **DESK)
        again = bl.withdraw("AAPL", "1d", ["1970-01-02", "1990-01-01"], reason="x", **DESK)
        assert (again.withdrawn, again.same) == (0, 2)

    def test_a_source_that_has_no_bars_has_no_history_either(self, bl: BarLedger) -> None:
        bl.write("AAPL", "1d", frame([0]), source="desk")
        assert bl.history("AAPL", "1d", 1, source="desk") == []
        with pytest.raises(SeriesNotFound, match="no bars of AAPL 1d from desks; there are AAPL 1d from desk"):
            bl.history("AAPL", "1d", 0, source="desks")

    def test_editions_go_on_through_withdrawal_and_return(self, bl: BarLedger) -> None:
        bl.write("AAPL", "1d", frame([1], 100), reason="a", **DESK)
        bl.withdraw("AAPL", "1d", ["1970-01-02"], reason="b", **DESK)
        bl.write("AAPL", "1d", frame([1], 100), reason="c", **DESK)
        bl.write("AAPL", "1d", frame([1], 200), reason="d", **DESK)
        bl.withdraw("AAPL", "1d", ["1970-01-02"], reason="e", **DESK)
        found = bl.history("AAPL", "1d", "1970-01-02", **DESK)
        assert [one.edition for one in found] == [1, 2, 3, 4, 5]
        assert [one.withdrawn for one in found] == [False, True, False, False, True]
        assert [one.reason for one in found] == ["a", "b", "c", "d", "e"]
        assert all(early.superseded_at == late.revision for early, late in pairwise(found))
        assert not len(bl.bars("AAPL", "1d"))


class TestSnapshots:
    def test_a_snapshot_gives_the_same_bytes_for_ever(self, bl: BarLedger) -> None:
        bl.write("AAPL", "1d", frame(range(10)), **DESK)
        bl.write("IBM", "1d", frame(range(10), 50), **DESK)
        snap = bl.snapshot(["AAPL", "IBM"], "1d", start="1970-01-02", end="1970-01-08", strategy="m7")
        digest = bl.bars("AAPL", "1d", version=snap.id).digest
        bl.write("AAPL", "1d", frame(range(3, 12), 300), **DESK)
        bl.withdraw("AAPL", "1d", ["1970-01-03"], reason="x", **DESK)
        bars = bl.bars("AAPL", "1d", version=snap.id)
        assert bars.digest == digest
        same_bars(closes(bars), expected(range(1, 7)))
        same_bars(closes(bl.bars("AAPL", "1d", version="strategy:m7")), expected(range(1, 7)))
        assert bl.verify(snap.id).ok
        assert bl.verify(snap.id).rows == 12

    def test_rows_that_a_server_has_set_back_are_not_served(self, bl: BarLedger, store: Store) -> None:
        if store.capabilities.checksums:
            pytest.skip("this store checks its rows itself")
        first = bl.write("AAPL", "1d", frame(range(400)), **DESK)
        bl.write("AAPL", "1d", frame(range(400), 200), **DESK)
        old = intake(frame([100]), Timeframe.of("1d")).rows.stamped(revision=first.revision, edition=1)
        store.write([Batch(series=Series.of("AAPL", "1d", "desk"), layer="latest", rows=old)], revision=first.revision)
        with pytest.raises(StoreDiverged, match="1970"):
            bl.bars("AAPL", "1d")
        same_bars(closes(bl.bars("AAPL", "1d", start="1971-01-01")), expected(range(365, 400), 200))
        assert not bl.cache.verify_series(Series.of("AAPL", "1d", "desk")).ok

    def test_digests_are_those_of_the_bars_whatever_the_range(self, bl: BarLedger) -> None:
        bl.write("AAPL", "1d", frame(range(1500)), **DESK)
        for start, end in [
            (None, None),
            ("1970-01-01", "1974-01-01"),
            ("1971-01-01", "1973-01-01"),
            ("1971-03-01", None),
        ]:
            snap = bl.snapshot("AAPL", "1d", start=start, end=end)
            (pin,) = snap.pins
            assert pin.digest is not None
            assert pin.digest.hex() == bl.bars("AAPL", "1d", version=snap.id).digest
            assert pin.rows == len(bl.bars("AAPL", "1d", version=snap.id))

    def test_materialised_rows_outlive_the_series_own(self, bl: BarLedger, store: Store) -> None:
        bl.write("AAPL", "1d", frame(range(10)), **DESK)
        snap = bl.snapshot("AAPL", "1d", purpose="compliance", id="audit-2026")
        assert snap.materialised
        assert "audit-2026" in store.layers(Series.of("AAPL", "1d", "desk"))
        bl.write("AAPL", "1d", frame(range(10), 300), **DESK)
        same_bars(closes(bl.bars("AAPL", "1d", version="audit-2026")), expected(range(10)))
        assert bl.verify("audit-2026").ok

    def test_approval_materialises_holds_and_keeps_the_hash(self, bl: BarLedger) -> None:
        bl.write("AAPL", "1d", frame(range(10)), **DESK)
        snap = bl.snapshot("AAPL", "1d", strategy="m7")
        newer = bl.snapshot("AAPL", "1d", strategy="m7")
        done = bl.cache.approve(snap.id, strategy="m7")
        assert done.materialised
        assert done.held
        assert (done.data_hash, done.purpose) == (snap.data_hash, "backtest")
        assert bl.bars("AAPL", "1d", version="strategy:m7").version == snap.id != newer.id
        with pytest.raises(Held):
            bl.cache.delete(snap.id)
        with pytest.raises(Held, match="approved for m7"):
            bl.cache.release(snap.id, reason="retired")
        bl.cache.revoke(snap.id, strategy="m7", reason="retired")
        bl.cache.delete(snap.id)
        with pytest.raises(VersionNotFound):
            bl.bars("AAPL", "1d", version=snap.id)

    @pytest.mark.parametrize("purpose", ["backtest", "compliance"])
    @pytest.mark.parametrize("end", [None, "1970-01-05"])
    def test_what_is_taken_is_what_is_found(self, bl: BarLedger, purpose: str, end: str | None) -> None:
        bl.write("AAPL", "1d", frame(range(10)), **DESK)
        taken = bl.snapshot("AAPL", "1d", purpose=purpose, strategy="m7", end=end)
        assert bl.cache.find(taken.id) == taken

    def test_ids_are_taken_once(self, bl: BarLedger) -> None:
        bl.write("AAPL", "1d", frame(range(10)), **DESK)
        bl.snapshot("AAPL", "1d", id="mine")
        with pytest.raises(NameTaken):
            bl.snapshot("AAPL", "1d", id="mine")

    def test_verification_names_the_block_that_was_tampered_with(self, bl: BarLedger, store: Store) -> None:
        done = bl.write("AAPL", "1d", frame(range(1500)), **DESK)
        snap = bl.snapshot("AAPL", "1d")
        forged = rows([800 * DAY], revision=done.revision, edition=1, seed=3)
        store.write(
            [Batch(series=Series.of("AAPL", "1d", "desk"), layer="latest", rows=forged)], revision=done.revision
        )
        found = bl.verify(snap.id)
        assert not found.ok
        assert [format_time(one.interval.start) for one in found.damage] == ["1972-01-01T00:00:00Z"]

    def test_a_writer_does_not_bless_damage(self, bl: BarLedger, store: Store) -> None:
        done = bl.write("AAPL", "1d", frame(range(1500)), **DESK)
        forged = rows([100 * DAY], revision=done.revision, edition=1, seed=3)
        store.write(
            [Batch(series=Series.of("AAPL", "1d", "desk"), layer="latest", rows=forged)], revision=done.revision
        )
        with pytest.raises(BlockDamaged) as caught:
            bl.write("AAPL", "1d", frame([101], 300), **DESK)
        assert caught.value.block == "1970-01-01T00:00:00Z"
        assert bl.write("AAPL", "1d", frame([800], 300), **DESK).changed == 1


class TestNamedVersions:
    def test_a_named_version_is_beside_the_series_own_history(self, bl: BarLedger) -> None:
        bl.write("AAPL", "1d", frame(range(5)), **DESK)
        done = bl.write("AAPL", "1d", frame(range(3), 900), version="model-a", **DESK)
        assert done.new == 3
        same_bars(closes(bl.bars("AAPL", "1d", version="model-a")), expected(range(3), 900))
        same_bars(closes(bl.bars("AAPL", "1d")), expected(range(5)))
        assert bl.verify("model-a").ok

    def test_it_never_changes(self, bl: BarLedger) -> None:
        bl.write("AAPL", "1d", frame(range(3), 900), version="model-a", **DESK)
        assert bl.write("AAPL", "1d", frame(range(3), 900), version="model-a", **DESK).same == 3
        for other in (frame(range(3), 901), frame(range(4), 900)):
            with pytest.raises(VersionImmutable):
                bl.write("AAPL", "1d", other, version="model-a", **DESK)
        bl.write("IBM", "1d", frame(range(3), 7), version="model-a", **DESK)
        same_bars(closes(bl.bars("IBM", "1d", version="model-a")), expected(range(3), 7))


class TestSources:
    def test_without_a_name_or_a_priority_the_sources_are_named(self, bl: BarLedger) -> None:
        bl.write("AAPL", "1d", frame(range(3)), source="a")
        bl.write("AAPL", "1d", frame(range(3)), source="b")
        with pytest.raises(AmbiguousSource) as caught:
            bl.bars("AAPL", "1d")
        assert caught.value.sources == ("a", "b")

    def test_strict_takes_one_source_and_fill_closes_stretches(self, bl: BarLedger) -> None:
        bl.write("AAPL", "1d", frame([2, 3, 7]), source="a")
        bl.write("AAPL", "1d", frame(range(10), 500), source="b")
        bl.cache.prioritise("A*", ["a", "b"])
        same_bars(closes(bl.bars("AAPL", "1d")), expected([2, 3, 7]))
        bl.cache.prioritise("A*", ["a", "b"], mode="fill")
        bars = bl.bars("AAPL", "1d")
        same_bars(closes(bars), expected([2, 3, 7]) | expected([0, 1, 4, 5, 6, 8, 9], 500))
        assert [(span.source, span.rows) for span in bars.sources] == [("a", 3), ("b", 7)]
        snap = bl.snapshot("AAPL", "1d")
        bl.write("AAPL", "1d", frame(range(10), 600), source="a")
        bl.cache.prioritise("A*", [])
        assert bl.bars("AAPL", "1d", version=snap.id).digest == bars.digest


class TestTimes:
    def test_a_time_in_the_future_is_refused(self, bl: BarLedger) -> None:
        bl.write("AAPL", "1d", frame(range(3)), **DESK)
        with pytest.raises(FutureTime):
            bl.bars("AAPL", "1d", version="2999-01-01T00:00:00Z")

    def test_before_the_first_write_there_was_nothing(self, bl: BarLedger) -> None:
        bl.write("AAPL", "1d", frame(range(3)), **DESK)
        with pytest.warns(NoBars, match="the first were written at"):
            assert not len(bl.bars("AAPL", "1d", version="2001-01-01T00:00:00Z"))


class TestRetention:
    def test_old_editions_go_and_pinned_ones_stay(self, store: Store, ledger_url: str) -> None:
        clock = TurnableClock()
        bl = library(store, ledger_url, clock=clock)
        first = bl.write("AAPL", "1d", frame(range(5)), **DESK)
        snap = bl.snapshot("AAPL", "1d")
        second = bl.write("AAPL", "1d", frame(range(5), 200), **DESK)
        bl.write("AAPL", "1d", frame(range(5), 300), **DESK)
        clock.turn(10)
        rules = [{"keep_editions": "5d"}]
        assert bl.cache.retain(rules, dry_run=True).series[0].editions == 5
        report = bl.cache.retain(rules)
        assert (report.series[0].editions, report.series[0].held_back) == (5, 5)
        same_bars(closes(bl.bars("AAPL", "1d", version=snap.id)), expected(range(5)))
        same_bars(closes(bl.bars("AAPL", "1d")), expected(range(5), 300))
        for behind in (first, second):
            with pytest.raises(Exception, match="retention horizon"):
                bl.bars("AAPL", "1d", version=f"revision:{behind.revision}")
        assert bl.verify(snap.id).ok

    def test_old_bars_go_and_editions_never_start_again(self, store: Store, ledger_url: str) -> None:
        clock = TurnableClock()
        today = clock() // DAY
        bl = library(store, ledger_url, clock=clock)
        bl.write("AAPL", "1d", frame(range(today - 20, today)), **DESK)
        bl.write("AAPL", "1d", frame([today - 18], 300), **DESK)
        report = bl.cache.retain([{"timeframe": "1d", "keep_current": "10d"}])
        assert report.series[0].current == 10 + (report.series[0].current - 10)
        kept = closes(bl.bars("AAPL", "1d"))
        assert min(kept) >= today - 10
        with pytest.raises(Exception, match="retention horizon"):
            bl.bars("AAPL", "1d", start=pd.Timestamp((today - 19) * DAY, tz="UTC"))
        bl.write("AAPL", "1d", frame([today - 18], 400), **DESK)
        found = bl.history("AAPL", "1d", pd.Timestamp((today - 18) * DAY, tz="UTC"), **DESK)
        assert [one.edition for one in found] == [3]
        assert bl.cache.verify_series(Series.of("AAPL", "1d", "desk")).ok


def test_two_threads_correcting_the_same_bars_make_revisions_one_after_the_other(bl: BarLedger) -> None:
    bl.write("AAPL", "1d", frame(range(5)), **DESK)

    def correct(start: float) -> None:
        for step in range(10):
            bl.write("AAPL", "1d", frame(range(5), start + step), **DESK)

    threads = [threading.Thread(target=correct, args=(1000.0 * (at + 1),)) for at in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    (listed,) = bl.cache.versions("AAPL", "1d")
    assert len(listed.revisions) == 21
    seen = [closes(bl.bars("AAPL", "1d", version=f"revision:{one.revision}")) for one in listed.revisions]
    values = [state[0] for state in seen]
    assert all(state == expected(range(5), value) for state, value in zip(seen, values, strict=True))
    assert len(set(values)) == 21
    assert bl.cache.verify_series(Series.of("AAPL", "1d", "desk")).ok


def test_an_embedded_library_is_the_same_after_reopening(tmp_path: Path) -> None:
    with embedded(tmp_path) as bl:
        bl.write("AAPL", "1d", frame(range(5)), **DESK)
        snap = bl.snapshot("AAPL", "1d")
        bl.write("AAPL", "1d", frame(range(5), 200), **DESK)
    with embedded(tmp_path) as bl:
        same_bars(closes(bl.bars("AAPL", "1d")), expected(range(5), 200))
        same_bars(closes(bl.bars("AAPL", "1d", version=snap.id)), expected(range(5)))
