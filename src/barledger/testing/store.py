"""The suite that every store passes."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from barledger.domain.interval import Interval, everything
from barledger.domain.rows import VALUES, Rows, tombstones
from barledger.domain.series import Series
from barledger.domain.timeframe import DAY
from barledger.errors import CapabilityMissing, LeaseLost
from barledger.stores.contract import Batch, Mark, Record, Store
from barledger.testing.bars import HOSTILE_NAMES, assert_same, days, rows, series, span

LATEST = "latest"
ALL = [everything()]


def put(store: Store, given: Rows, *, of: Series | None = None, layer: str = LATEST, revision: int = 1) -> None:
    """Write one batch."""
    store.write([Batch(series=of or series(), layer=layer, rows=given)], revision=revision)


class StoreContract:
    """Inherit it and give a fixture ``store``: an empty, unclaimed store.

    A store that outlives its process also gives ``reopen``, which closes the store and opens the same place again.
    """

    @pytest.fixture
    def store(self) -> Store:
        """Give the store under test."""
        raise NotImplementedError

    @pytest.fixture
    def reopen(self, store: Store) -> Callable[[], Store]:
        """Give a function that opens the same place again; here there is none, so the store itself."""
        return lambda: store

    # --- what is written is read ---------------------------------------------------------------

    def test_rows_come_back_bit_for_bit(self, store: Store, reopen: Callable[[], Store]) -> None:
        given = rows(days(0, 500))
        put(store, given)
        assert_same(store.read(series(), LATEST, ALL), given)
        assert_same(reopen().read(series(), LATEST, ALL), given)

    @pytest.mark.parametrize(
        "value", [0.0, 5e-324, 1.7e308, 0.1 + 0.2, 1 / 3, 123456789.123456789, 2.0**53 + 2, 1e22, 1e-7, 100.0]
    )
    def test_extreme_values_come_back(self, store: Store, value: float) -> None:
        given = rows(days(0, 3), open=np.array([value, 1.5, value]), volume=np.array([value, value, 7.0]))
        put(store, given)
        assert_same(store.read(series(), LATEST, ALL), given)

    @pytest.mark.parametrize("time", [-9223372036854775806, -1, 0, 1, 1_700_000_000_123_456_789, 9223372036854775804])
    def test_times_at_the_edges_of_what_nanoseconds_count(self, store: Store, time: int) -> None:
        given = rows([time])
        put(store, given)
        assert_same(store.read(series(), LATEST, [Interval(time, time + 1)]), given)
        assert_same(store.read(series(), LATEST, ALL), given)

    def test_times_before_1970_are_in_order(self, store: Store) -> None:
        given = rows(days(-300, 300))
        put(store, given)
        assert_same(store.read(series(), LATEST, ALL), given)

    def test_a_range_includes_its_start_and_not_its_end(self, store: Store) -> None:
        given = rows(days(0, 10))
        put(store, given)
        assert_same(store.read(series(), LATEST, span(3, 7)), given.pick(slice(3, 7)))
        assert_same(store.read(series(), LATEST, [Interval(3 * DAY + 1, 7 * DAY + 1)]), given.pick(slice(4, 8)))
        assert not len(store.read(series(), LATEST, [Interval(5 * DAY, 5 * DAY)]))

    def test_many_ranges_at_once(self, store: Store) -> None:
        given = rows(days(0, 3000))
        put(store, given)
        intervals = [Interval(day * DAY, (day + 1) * DAY) for day in range(0, 3000, 3)]
        assert_same(store.read(series(), LATEST, intervals), given.pick(slice(0, None, 3)))

    def test_no_ranges_no_rows(self, store: Store) -> None:
        put(store, rows(days(0, 3)))
        assert not len(store.read(series(), LATEST, []))

    def test_what_was_never_written_is_empty(self, store: Store) -> None:
        assert not len(store.read(series(), LATEST, ALL))
        assert not len(store.read_copies(series(), ALL))
        assert store.layers(series()) == []
        assert store.series() == []
        put(store, rows(days(0, 3)))
        assert not len(store.read(series(), "other", ALL))
        assert not len(store.read(series("MSFT"), LATEST, ALL))
        assert not len(store.read(series(), LATEST, span(100, 200)))

    # --- overwriting ---------------------------------------------------------------------------

    def test_a_row_written_again_is_replaced_whole(self, store: Store, reopen: Callable[[], Store]) -> None:
        put(store, rows(days(0, 10)))
        again = rows(days(4, 6), revision=2, edition=2, seed=9)
        put(store, again, revision=2)
        found = store.read(series(), LATEST, ALL)
        assert_same(found.within(span(4, 6)[0]), again)
        assert len(found) == 10
        assert_same(reopen().read(series(), LATEST, ALL), found)

    @pytest.mark.parametrize("column", [*VALUES, "adjustment_factor", "source_id"])
    def test_a_value_that_becomes_missing_does_not_keep_the_old_one(self, store: Store, column: str) -> None:
        full: dict[str, Any] = {"adjustment_factor": np.array([0.5, 0.25]), "source_id": np.array(["a", "b"], object)}
        put(store, rows(days(0, 2), **full))
        missing: Any = np.array([None, "b"], object) if column == "source_id" else np.array([np.nan, 3.0])
        given = rows(days(0, 2), revision=2, **(full | {column: missing}))
        put(store, given, revision=2)
        assert_same(store.read(series(), LATEST, ALL), given)
        given = rows(days(0, 2), revision=3, **full)
        put(store, given, revision=3)
        assert_same(store.read(series(), LATEST, ALL), given)

    @pytest.mark.parametrize("column", VALUES)
    def test_a_copy_does_not_take_over_a_value_that_its_row_lacks(self, store: Store, column: str) -> None:
        superseded = np.array([5], np.int64)
        lacking: dict[str, Any] = {column: np.array([np.nan])}
        put(store, rows(days(0, 1), superseded_at=superseded), layer="edition_1", revision=2)
        given = rows(days(0, 1), superseded_at=superseded, **lacking)
        put(store, given, layer="edition_1", revision=3)
        assert_same(store.read_copies(series(), ALL), given)

    def test_a_tombstone_replaces_its_bar_and_a_bar_its_tombstone(self, store: Store) -> None:
        put(store, rows(days(0, 4)))
        gone = tombstones(np.array(days(1, 3), np.int64)).stamped(
            revision=2, edition=2, withdrawn=np.array([True, True])
        )
        put(store, gone, revision=2)
        found = store.read(series(), LATEST, ALL)
        assert_same(found.pick(slice(1, 3)), gone)
        assert [int(time) // DAY for time in found.standing().time] == [0, 3]
        back = rows(days(1, 2), revision=3, edition=3, seed=5)
        put(store, back, revision=3)
        assert_same(store.read(series(), LATEST, span(1, 2)), back)

    def test_the_later_batch_of_one_write_wins(self, store: Store) -> None:
        first, second = rows(days(0, 5), seed=1), rows(days(2, 3), seed=2)
        batches = [Batch(series=series(), layer=LATEST, rows=one) for one in (first, second)]
        store.write(batches, revision=1)
        assert_same(store.read(series(), LATEST, span(2, 3)), second)

    # --- columns that most bars lack -----------------------------------------------------------

    @pytest.mark.parametrize(
        "text", ["plain", 'a "quoted" one', "back\\slash", "a,b=c d", "Ünï 日本", "'", " ", "\\", "#"]
    )
    def test_texts_come_back(self, store: Store, text: str) -> None:
        given = rows(days(0, 3), source_id=np.array([text, None, text + text], object))
        put(store, given)
        assert_same(store.read(series(), LATEST, ALL), given)

    def test_columns_that_only_some_rows_have(self, store: Store) -> None:
        put(store, rows(days(0, 2)))
        put(store, rows(days(2, 4), adjustment_factor=np.array([0.5, np.nan])))
        found = store.read(series(), LATEST, ALL)
        assert found.adjustment_factor is not None
        assert np.array_equal(found.adjustment_factor, [np.nan, np.nan, 0.5, np.nan], equal_nan=True)

    # --- layers and series ---------------------------------------------------------------------

    def test_layers_do_not_mix(self, store: Store) -> None:
        layers = [LATEST, "edition_1", "edition_2", "edition_10", "my-backtest 1"]
        given = {
            layer: rows(days(0, 5), seed=at, edition=at + 1, superseded_at=np.full(5, 50 + at))
            for at, layer in enumerate(layers)
        }
        for layer, some in given.items():
            put(store, some, layer=layer)
        for layer, some in given.items():
            assert_same(store.read(series(), layer, span(1, 4)), some.pick(slice(1, 4)))
        assert store.layers(series()) == sorted(layers)
        copies = store.read_copies(series(), span(2, 3))
        assert sorted(copies.edition.tolist()) == [2, 3, 4]

    def test_series_do_not_mix(self, store: Store) -> None:
        known = [series(), series("AAPL", "1h"), series("AAPL", "1d", "other"), series("MSFT")]
        known.append(Series(instrument="AAPL", timeframe=series().timeframe, source="test", is_adjusted=True))
        for at, one in enumerate(known):
            put(store, rows(days(0, 3), seed=at), of=one)
        for at, one in enumerate(known):
            assert_same(store.read(one, LATEST, ALL), rows(days(0, 3), seed=at))
        assert store.series() == sorted(known)

    def test_hostile_names_come_back(self, store: Store, reopen: Callable[[], Store]) -> None:
        known = [series(name, source=name) for name in HOSTILE_NAMES]
        for at, one in enumerate(known):
            put(store, rows(days(0, 2), seed=at), of=one, layer=one.instrument)
        again = reopen()
        assert again.series() == sorted(known)
        for at, one in enumerate(known):
            assert again.layers(one) == [one.instrument]
            assert_same(again.read(one, one.instrument, ALL), rows(days(0, 2), seed=at))

    def test_hundreds_of_series_in_one_write(self, store: Store) -> None:
        known = [series(f"I{at}") for at in range(300)]
        store.write(
            [Batch(series=one, layer=LATEST, rows=rows(days(0, 1), seed=at)) for at, one in enumerate(known)],
            revision=1,
        )
        assert store.series() == sorted(known)
        assert_same(store.read(known[250], LATEST, ALL), rows(days(0, 1), seed=250))

    def test_a_large_batch(self, store: Store, reopen: Callable[[], Store]) -> None:
        given = rows([at * 60_000_000_000 for at in range(120_000)])
        put(store, given, of=series(timeframe="1m"))
        assert_same(store.read(series(timeframe="1m"), LATEST, ALL), given)
        part = [Interval(50_000 * 60_000_000_000, 60_000 * 60_000_000_000)]
        assert_same(reopen().read(series(timeframe="1m"), LATEST, part), given.pick(slice(50_000, 60_000)))

    # --- deleting ------------------------------------------------------------------------------

    def test_deleting_takes_out_a_stretch_and_nothing_else(self, store: Store, reopen: Callable[[], Store]) -> None:
        given = rows(days(0, 20))
        put(store, given)
        put(store, given.stamped(revision=1, edition=1, superseded_at=9), layer="edition_1")
        put(store, given, of=series("MSFT"))
        store.delete(series(), LATEST, [*span(3, 5), *span(10, 11)], revision=2)
        kept = [*range(3), *range(5, 10), *range(11, 20)]
        assert_same(store.read(series(), LATEST, ALL), given.pick(np.array(kept)))
        assert len(store.read_copies(series(), ALL)) == 20
        assert len(reopen().read(series("MSFT"), LATEST, ALL)) == 20

    def test_deleting_single_bars(self, store: Store) -> None:
        given = rows(days(0, 400))
        put(store, given)
        points = [Interval(day * DAY, day * DAY + 1) for day in range(0, 400, 2)]
        store.delete(series(), LATEST, points, revision=2)
        assert_same(store.read(series(), LATEST, ALL), given.pick(slice(1, None, 2)))

    def test_what_was_deleted_can_be_written_again(self, store: Store) -> None:
        put(store, rows(days(0, 5)))
        store.delete(series(), LATEST, ALL, revision=2)
        assert not len(store.read(series(), LATEST, ALL))
        given = rows(days(2, 4), seed=3, revision=3, open=np.array([np.nan, 1.0]))
        put(store, given, revision=3)
        assert_same(store.read(series(), LATEST, ALL), given)

    def test_deleting_what_is_not_there_does_nothing(self, store: Store) -> None:
        store.delete(series(), LATEST, ALL, revision=1)
        put(store, rows(days(0, 3)))
        store.delete(series(), "other", ALL, revision=2)
        store.delete(series(), LATEST, span(50, 60), revision=2)
        assert len(store.read(series(), LATEST, ALL)) == 3

    # --- whose store it is ---------------------------------------------------------------------

    def test_the_mark_is_kept_and_rises_with_what_writes(self, store: Store, reopen: Callable[[], Store]) -> None:
        assert store.mark() is None
        store.claim(Mark(ledger_id="abc", revision=5))
        assert store.mark() == Mark(ledger_id="abc", revision=5)
        put(store, rows(days(0, 1)), revision=1_795_424_730_437_846_602)
        assert reopen().mark() == Mark(ledger_id="abc", revision=1_795_424_730_437_846_602)

    # --- guards and capabilities ---------------------------------------------------------------

    def test_a_writer_whose_lease_is_over_changes_nothing(self, store: Store) -> None:
        put(store, rows(days(0, 3)))

        def over() -> float:
            raise LeaseLost(what="test", waited=1.0)

        with pytest.raises(LeaseLost):
            store.write([Batch(series=series(), layer=LATEST, rows=rows(days(0, 3), seed=4))], revision=2, guard=over)
        with pytest.raises(LeaseLost):
            store.delete(series(), LATEST, ALL, revision=2, guard=over)
        assert_same(store.read(series(), LATEST, ALL), rows(days(0, 3)))

    def test_the_guard_is_asked_before_anything_is_sent(self, store: Store) -> None:
        asked: list[int] = []

        def guard() -> float:
            asked.append(1)
            return 30.0

        store.write([Batch(series=series(), layer=LATEST, rows=rows(days(0, 3)))], revision=1, guard=guard)
        assert asked

    def test_an_overtaken_writer_is_fenced_off(self, store: Store) -> None:
        if not store.capabilities.fencing:
            pytest.skip("this store does not declare fencing")
        put(store, rows(days(0, 3)), revision=10)
        with pytest.raises(LeaseLost):
            put(store, rows(days(0, 3), seed=8), revision=9)
        with pytest.raises(LeaseLost):
            store.delete(series(), LATEST, ALL, revision=9)
        put(store, rows(days(0, 3)), of=series("MSFT"), revision=9)
        assert_same(store.read(series(), LATEST, ALL), rows(days(0, 3)))

    def test_records_are_mirrored_or_refused(self, store: Store) -> None:
        tags = {"instrument": 'A "B", c=d', "strategy_id": "none"}
        fields: dict[str, str | int] = {"purpose": 'said "so"', "data_hash": "00ff", "count": 3}
        record = Record(measurement="data_audit", tags=tags, fields=fields, time=1_795_424_730_437_846_602)
        if store.capabilities.mirror:
            store.mirror([record])
            store.mirror([record])
        else:
            with pytest.raises(CapabilityMissing):
                store.mirror([record])

    def test_it_describes_itself(self, store: Store) -> None:
        described = store.describe()
        assert described.kind
        assert described.location
        assert all(finding.level in ("ok", "warning", "problem") for finding in described.findings)
