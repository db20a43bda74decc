"""The InfluxDB store on real servers, beside the memory store as the model."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from barledger.domain.interval import Interval, everything
from barledger.domain.rows import NEVER, VALUES, Rows, constant, tombstones
from barledger.domain.series import Series
from barledger.errors import InvalidName, LeaseLost
from barledger.stores.contract import Batch, Mark, Record
from barledger.stores.influx import InfluxStore
from barledger.stores.memory import MemoryStore
from servers import InfluxServer

pytestmark = pytest.mark.influx

DAY = 86_400_000_000_000
AAPL = Series.of("AAPL", "1d", "desk")
ALL = [everything()]
SHARED = settings(
    deadline=None, max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)


def bars(times: Sequence[int], *, first: float = 1.0, revision: int = 5, edition: int = 1, **columns: Any) -> Rows:
    size = len(times)
    values = {name: first + at + np.arange(size, dtype=np.float64) / 8 for at, name in enumerate(VALUES)}
    stamps = {"revision": constant(revision, size), "edition": constant(edition, size)}
    return Rows(**({"time": np.array(times, np.int64)} | values | stamps | columns))


def same(left: Rows, right: Rows) -> None:
    """Check that both hold the same rows, bit for bit; a column of nothing but the default may be None."""
    assert len(left) == len(right)
    defaults = {"adjustment_factor": np.nan, "source_id": None, "withdrawn": False, "superseded_at": NEVER}
    for name, column in left.columns():
        other = getattr(right, name)
        one, two = (np.full(len(left), defaults.get(name)) if x is None else np.asarray(x) for x in (column, other))
        if one.dtype == np.float64:
            one, two = one.view(np.int64), np.asarray(two, np.float64).view(np.int64)
        np.testing.assert_array_equal(one, two, err_msg=name)


def stored(server: InfluxServer, bucket: str, statement: str) -> list[list[Any]]:
    """Ask the server itself, as another tool would."""
    results = server.connection().execute(statement, database=bucket)
    return [values for series in results[0].get("series", []) for values in series["values"]]


# --- rows come back as they were written ----------------------------------------------------------

FLOATS = st.just(float("nan")) | st.floats(allow_nan=False, allow_infinity=False).map(lambda value: value + 0.0)
STAMPS = st.integers(1, 2**63 - 2)
TEXTS = st.none() | st.text(st.characters(codec="utf-8"), max_size=6)


@st.composite
def any_rows(draw: st.DrawFn) -> Rows:
    times = sorted(draw(st.sets(st.integers(-20, 20), min_size=1, max_size=12)))
    size = len(times)

    def column(values: st.SearchStrategy[Any], kind: Any) -> Any:
        return np.array(draw(st.lists(values, min_size=size, max_size=size)), kind)

    return Rows(
        time=np.array(times, np.int64) * 3600_000_000_007,
        adjustment_factor=column(FLOATS, np.float64) if draw(st.booleans()) else None,
        source_id=column(TEXTS, object) if draw(st.booleans()) else None,
        revision=column(STAMPS, np.int64),
        edition=column(st.integers(1, 300), np.int64),
        withdrawn=column(st.booleans(), np.bool_) if draw(st.booleans()) else None,
        superseded_at=column(STAMPS, np.int64) if draw(st.booleans()) else None,
        **{name: column(FLOATS, np.float64) for name in VALUES},
    )


@SHARED
@given(st.lists(st.tuples(st.sampled_from(["latest", "edition_1"]), any_rows()), min_size=1, max_size=4))
def test_rows_overwritten_again_and_again_read_as_in_memory(influx_store: InfluxStore, writes: list[Any]) -> None:
    influx_store.delete(AAPL, "latest", ALL, revision=1)
    influx_store.delete(AAPL, "edition_1", ALL, revision=1)
    model = MemoryStore()
    for store in (influx_store, model):
        for layer, rows in writes:
            store.write([Batch(series=AAPL, layer=layer, rows=rows)], revision=1)
    for layer in ("latest", "edition_1"):
        same(influx_store.read(AAPL, layer, ALL), model.read(AAPL, layer, ALL))
    same(influx_store.read_copies(AAPL, ALL), model.read_copies(AAPL, ALL))


SPANS = st.lists(st.integers(-3, 63), min_size=2, max_size=20, unique=True).map(
    lambda ends: [
        Interval(a * DAY, b * DAY) for a, b in zip(*[iter(sorted(ends)[: len(ends) // 2 * 2])] * 2, strict=True)
    ]
)


@SHARED
@given(SPANS, SPANS)
def test_intervals_are_read_and_deleted_as_in_memory(
    influx_store: InfluxStore, doomed: list[Interval], asked: list[Interval]
) -> None:
    model = MemoryStore()
    for store in (influx_store, model):
        store.write([Batch(series=AAPL, layer="latest", rows=bars(np.arange(0, 60 * DAY, DAY)))], revision=1)
        store.delete(AAPL, "latest", doomed, revision=1)
    same(influx_store.read(AAPL, "latest", asked), model.read(AAPL, "latest", asked))
    same(influx_store.read(AAPL, "latest", ALL), model.read(AAPL, "latest", ALL))


def test_many_rows_of_many_batches_arrive_all(influx_store: InfluxStore) -> None:
    minute = 60_000_000_000
    batches = [
        Batch(series=Series.of(f"S{at}", "1m", "desk"), layer="latest", rows=bars(np.arange(40_000) * minute, first=at))
        for at in range(3)
    ] + [
        Batch(series=AAPL, layer=f"edition_{at}", rows=bars([at], superseded_at=constant(9, 1))) for at in range(1, 50)
    ]
    influx_store.write(batches, revision=7)
    for batch in batches[:3]:
        same(influx_store.read(batch.series, batch.layer, ALL), batch.rows)
    assert sorted(influx_store.read_copies(AAPL, ALL).time.tolist()) == list(range(1, 50))


def test_of_two_batches_for_one_layer_in_a_write_the_later_one_wins(influx_store: InfluxStore) -> None:
    first, second = (
        Batch(series=AAPL, layer="latest", rows=bars(np.arange(30_000) * DAY // 100, first=value))
        for value in (1.0, 2.0)
    )
    influx_store.write([first, second], revision=7)
    same(influx_store.read(AAPL, "latest", ALL), second.rows)


def test_times_at_both_ends_of_what_the_server_holds(influx_store: InfluxStore) -> None:
    rows = bars([everything().start, -1, 0, everything().end - 1])
    influx_store.write([Batch(series=AAPL, layer="latest", rows=rows)], revision=7)
    same(influx_store.read(AAPL, "latest", ALL), rows)


def test_what_is_not_there_reads_as_no_rows(influx_store: InfluxStore) -> None:
    assert len(influx_store.read(AAPL, "latest", ALL)) == 0
    assert len(influx_store.read_copies(AAPL, ALL)) == 0
    assert influx_store.layers(AAPL) == []
    assert influx_store.series() == []
    assert influx_store.mark() is None
    influx_store.delete(AAPL, "latest", ALL, revision=1)
    assert len(influx_store.read(AAPL, "latest", [])) == 0


# --- what is missing ------------------------------------------------------------------------------


@pytest.mark.parametrize("layer", ["latest", "edition_1"])
@pytest.mark.parametrize("field", [*VALUES, "adjustment_factor", "source_id"])
def test_a_value_that_becomes_missing_does_not_keep_the_old_one(
    influx_store: InfluxStore, influx_server: InfluxServer, influx_bucket: str, field: str, layer: str
) -> None:
    size = 3
    full = bars(
        [1, 2, 3],
        adjustment_factor=np.full(size, 0.5),
        source_id=np.array(["a", "b", "c"], object),
        superseded_at=constant(9, size),
    )
    gone: Any = np.array(["x", None, "z"], object) if field == "source_id" else np.array([7.0, np.nan, 9.0])
    changed = Rows(**(dict(full.columns()) | {field: gone}))
    for rows in (full, changed):
        influx_store.write([Batch(series=AAPL, layer=layer, rows=rows)], revision=7)
    same(influx_store.read(AAPL, layer, ALL), changed)
    if field in VALUES:
        query = f"SELECT {field} FROM market_data WHERE version='{layer}'"  # noqa: S608 - our own names
        shown = stored(influx_server, influx_bucket, query)
        assert [time for time, _ in shown] == [1, 3]


def test_a_withdrawn_bar_shows_no_value_to_other_tools(
    influx_store: InfluxStore, influx_server: InfluxServer, influx_bucket: str
) -> None:
    full = bars([1, 2, 3], adjustment_factor=np.full(3, 0.5), source_id=np.array(["a", "b", "c"], object))
    influx_store.write([Batch(series=AAPL, layer="latest", rows=full)], revision=7)
    withdrawal = tombstones(np.array([2])).stamped(revision=8, edition=2, withdrawn=np.array([True]))
    influx_store.write([Batch(series=AAPL, layer="latest", rows=withdrawal)], revision=8)
    shown = stored(
        influx_server,
        influx_bucket,
        "SELECT open, high, low, close, volume, adjustment_factor, source_id FROM market_data WHERE time > 0",
    )
    assert [values[0] for values in shown] == [1, 3]
    same(influx_store.read(AAPL, "latest", [Interval(2, 3)]), withdrawal)


def test_a_row_that_is_not_whole_is_left_out(
    influx_store: InfluxStore, influx_server: InfluxServer, influx_bucket: str
) -> None:
    key = "market_data,instrument=AAPL,is_adjusted=false,source=desk,timeframe=1d,version=latest"
    whole = "open=1,high=1,low=1,close=1,volume=1,revision=5i,edition=1i,nulls=96i"
    torn = [whole.replace(part, "") for part in ("open=1,", "volume=1,", "revision=5i,", "edition=1i,", ",nulls=96i")]
    unexplained = [whole.replace("96i", f"{mask}i") for mask in (32, 64, 96 | 256)]
    lines = [f"{key} {fields} {at}" for at, fields in enumerate([*torn, *unexplained, whole])]
    influx_server.connection().post_lines(influx_bucket, "\n".join(lines).encode(), lambda: 10.0)
    assert influx_store.read(AAPL, "latest", ALL).time.tolist() == [len(lines) - 1]


def test_bars_of_another_tool_are_read_apart(
    influx_store: InfluxStore, influx_server: InfluxServer, influx_bucket: str
) -> None:
    key = "market_data,instrument=AAPL,is_adjusted=false,source=desk,timeframe=1d,version=latest"
    influx_store.write([Batch(series=AAPL, layer="latest", rows=bars([1]))], revision=7)
    lines = f'{key} open=1,high=2,low=0.5,close=1.5 2\n{key} open=1,volume=4,source_id="v" 3\n'
    influx_server.connection().post_lines(influx_bucket, lines.encode(), lambda: 10.0)
    assert influx_store.read(AAPL, "latest", ALL).time.tolist() == [1]
    foreign = influx_store.read_foreign(AAPL, "latest", ALL)
    assert foreign.time.tolist() == [2, 3]
    assert foreign.source_id is not None
    assert foreign.source_id.tolist() == [None, "v"]
    np.testing.assert_array_equal(foreign.volume, [np.nan, 4.0])


# --- names ----------------------------------------------------------------------------------------

NAMES = [
    "BRK.B",
    "^GSPC",
    "EURUSD=X",
    "ES=F",
    "BTC/USDT:USDT",
    'A "B", c=d',
    "a\\b",
    "Ünï",
    "a\\,b",
    "it's; -- #",
    "日本 😀",
]


def test_names_round_trip(influx_store: InfluxStore) -> None:
    wanted = [Series.of(name, "1M", name, is_adjusted=at % 2 == 0) for at, name in enumerate(NAMES)]
    for at, series in enumerate(wanted):
        influx_store.write([Batch(series=series, layer=f"v {NAMES[at]}", rows=bars([at + 1]))], revision=7)
    assert influx_store.series() == sorted(wanted)
    for at, series in enumerate(wanted):
        assert influx_store.layers(series) == [f"v {NAMES[at]}"]
        assert influx_store.read(series, f"v {NAMES[at]}", ALL).time.tolist() == [at + 1]
    influx_store.delete(wanted[5], f"v {NAMES[5]}", ALL, revision=8)
    assert len(influx_store.read(wanted[5], f"v {NAMES[5]}", ALL)) == 0
    assert len(influx_store.read(wanted[6], f"v {NAMES[6]}", ALL)) == 1


LETTERS = st.characters(codec="utf-8", exclude_categories=["Cc", "Cs", "Zl", "Zp", "Zs"])
ANY_NAME = st.text(LETTERS | st.sampled_from("\\,= \"'"), min_size=1, max_size=8).filter(
    lambda name: name == name.strip() and not name.endswith("\\")
)


@SHARED
@given(ANY_NAME, ANY_NAME, ANY_NAME)
def test_any_name_round_trips(influx_store: InfluxStore, instrument: str, source: str, layer: str) -> None:
    series = Series.of(instrument, "1d", source)
    influx_store.write([Batch(series=series, layer=layer, rows=bars([1]))], revision=7)
    assert influx_store.read(series, layer, ALL).time.tolist() == [1]
    assert series in influx_store.series()
    assert layer in influx_store.layers(series)


@pytest.mark.parametrize("name", ["", " ", "a\\", "a\nb", "a\x00", "a\u2028b"])
def test_names_that_no_tag_can_hold_are_refused_before_anything_is_sent(influx_store: InfluxStore, name: str) -> None:
    series = Series(instrument=name, timeframe=AAPL.timeframe, source="desk")
    with pytest.raises(InvalidName):
        influx_store.write([Batch(series=series, layer="latest", rows=bars([1]))], revision=7)
    assert influx_store.series() == []


# --- mark, guard, records -------------------------------------------------------------------------


def test_the_mark_rises_with_writes_and_deletions_once_claimed(
    influx_store: InfluxStore, influx_server: InfluxServer, influx_bucket: str
) -> None:
    influx_store.write([], revision=3)
    assert influx_store.mark() is None
    influx_store.claim(Mark(ledger_id='a "b"', revision=0))
    influx_store.write([Batch(series=AAPL, layer="latest", rows=bars([1]))], revision=10)
    influx_store.delete(AAPL, "latest", ALL, revision=11)
    influx_store.write([], revision=9)
    assert influx_server.store(influx_bucket).mark() == Mark(ledger_id='a "b"', revision=11)
    influx_store.claim(Mark(ledger_id="c", revision=2))
    assert influx_store.mark() == Mark(ledger_id="c", revision=2)


def test_a_guard_that_says_stop_is_asked_before_anything_changes(influx_store: InfluxStore) -> None:
    def stop() -> float:
        raise LeaseLost(what="AAPL", waited=1.0)

    influx_store.write([Batch(series=AAPL, layer="latest", rows=bars([1]))], revision=7)
    with pytest.raises(LeaseLost):
        influx_store.write([Batch(series=AAPL, layer="latest", rows=bars([2]))], revision=8, guard=stop)
    with pytest.raises(LeaseLost):
        influx_store.delete(AAPL, "latest", ALL, revision=8, guard=stop)
    with pytest.raises(LeaseLost):
        influx_store.mirror([Record(measurement="data_audit", tags={}, fields={"a": 1}, time=1)], guard=stop)
    assert influx_store.read(AAPL, "latest", ALL).time.tolist() == [1]


def test_records_lie_beside_the_bars_and_replace_their_like(
    influx_store: InfluxStore, influx_server: InfluxServer, influx_bucket: str
) -> None:
    tags = {"instrument": "A B", "snapshot_id": "s=1", "strategy_id": ""}
    for purpose in ("backtest", 'li"ve\\'):
        fields = {"purpose": purpose, "held": True, "count": 3}
        influx_store.mirror([Record(measurement="data_audit", tags=tags, fields=fields, time=5)])
    query = "SELECT instrument, snapshot_id, purpose, held, count FROM data_audit"
    assert stored(influx_server, influx_bucket, query) == [[5, "A B", "s=1", 'li"ve\\', True, 3]]
    assert influx_store.series() == []


def test_points_of_others_are_not_touched(
    influx_store: InfluxStore, influx_server: InfluxServer, influx_bucket: str
) -> None:
    influx_server.connection().post_lines(influx_bucket, b"weather,instrument=AAPL t=1 5\n", lambda: 10.0)
    influx_store.write([Batch(series=AAPL, layer="latest", rows=bars([1, 5]))], revision=7)
    influx_store.delete(AAPL, "latest", ALL, revision=8)
    assert stored(influx_server, influx_bucket, "SELECT t FROM weather") == [[5, 1]]


def test_a_description_has_facts_and_no_secret(influx_store: InfluxStore, influx_server: InfluxServer) -> None:
    description = influx_store.describe()
    assert description.facts["expiry"] == "never"
    assert description.facts["shards"] == "520 weeks"
    assert list(description.findings) == []
    for secret in filter(None, [influx_server.token, influx_server.token.partition(":")[2]]):
        assert secret not in repr(influx_store) + repr(vars(influx_store)) + repr(description)
