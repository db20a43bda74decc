"""What an InfluxDBClient reads, pins, withdraws and forgets, and what other tools find in the bucket afterwards."""

import hashlib
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np
import pandas as pd
import pytest

from barledger import InfluxDBClient
from barledger.domain.interval import format_time
from barledger.domain.series import Series
from barledger.domain.timeframe import DAY
from barledger.errors import (
    AmbiguousSource,
    BlockDamaged,
    FutureTime,
    InvalidInterval,
    InvalidPolicy,
    InvalidVersion,
    NameTaken,
    NoBars,
    RevisionExpired,
    SeriesNotFound,
    StoreDiverged,
    VersionNotFound,
)
from clients import COLUMNS, TIMES, VALUES, Desk, closes, digest_by_hand, shown, table
from libraries import TurnableClock, expected, frame, library
from proxy import faulty_proxy
from servers import InfluxServer

pytestmark = pytest.mark.influx

# --- reading ---------------------------------------------------------------------------------------


class TestReading:
    def test_a_frame_has_times_in_utc_and_says_what_it_is(self, client: InfluxDBClient) -> None:
        done = client.write_ohlcv("AAPL", "1d", table(), "desk")
        found = client.query_ohlcv("AAPL", "1d", None, None)
        pd.testing.assert_frame_equal(found, table().rename_axis("time"), check_freq=False)
        assert str(found.index.dtype) == "datetime64[ns, UTC]"
        assert found.attrs == {
            "instrument": "AAPL",
            "timeframe": "1d",
            "version": "latest",
            "revision": done.revision,
            "adjustment": "raw",
            "sources": [{"source": "desk", "rows": 3}],
            "digest": digest_by_hand(TIMES, VALUES),
        }

    @pytest.mark.parametrize(
        ("start", "end", "days"),
        [
            ("1970-01-03", "1970-01-06", [2, 3, 4]),
            ("1970-01-03T00:00:00.000000001Z", "1970-01-06T00:00:00.000000001Z", [3, 4, 5]),
            (datetime(1970, 1, 3, tzinfo=UTC), pd.Timestamp("1970-01-05T19:00", tz="Etc/GMT+5"), [2, 3, 4]),
            (np.datetime64("1970-01-09"), None, [8, 9]),
            (None, "1970-01-02", [0]),
            (8 * DAY, 9 * DAY, [8]),
            ("1970-01-03", "1970-01-03", []),
            ("1990-01-01", "2000-01-01", []),
        ],
    )
    def test_ranges_include_their_start_and_not_their_end(
        self, client: InfluxDBClient, start: Any, end: Any, days: list[int]
    ) -> None:
        client.write_ohlcv("AAPL", "1d", frame(range(10)), "desk")
        found = client.query_ohlcv("AAPL", "1d", start, end)
        assert closes(found) == expected(days)
        assert (list(found.columns), str(found.index.dtype)) == (COLUMNS, "datetime64[ns, UTC]")
        assert found.dtypes.unique().tolist() == [np.float64]

    def test_every_kind_of_version_gives_its_own_bars(self, desk: Desk, client: InfluxDBClient) -> None:
        one = client.write_ohlcv("AAPL", "1d", frame(range(5)), "desk")
        with desk.library() as bl:
            between = format_time(bl.vault.ledger.now())
        snapshot = client.create_snapshot("AAPL", "1d", "1970-01-02", "1970-01-05", "s1", "m7")
        two = client.write_ohlcv("AAPL", "1d", frame(range(3, 8), 200), "desk")
        client.create_snapshot("AAPL", "1d", None, None, "s2", "m7")
        client.write_ohlcv("AAPL", "1d", frame([0, 5], 300), "desk")
        client.write_ohlcv("AAPL", "1d", frame([1], 900), "desk", "v1")
        old, new = expected(range(5)), expected(range(3)) | expected(range(3, 8), 200)
        answers = {
            "latest": new | expected([0, 5], 300),
            "first": old | expected([5, 6, 7], 200),
            f"revision:{one.revision}": old,
            f"revision:{two.revision}": new,
            between: old,
            snapshot.id: expected(range(1, 4)),
            "s2": new,
            "strategy:m7": new,
            "v1": expected([1], 900),
            pd.Timestamp(between): old,
            pd.Timestamp(between).tz_convert("Asia/Tokyo"): old,
        }
        for version, answer in answers.items():
            assert closes(client.query_ohlcv("AAPL", "1d", None, None, version)) == answer, version
        for version in ("2001-01-01", datetime(2001, 1, 1, tzinfo=UTC)):
            with pytest.warns(NoBars, match="the first were written at"):
                assert closes(client.query_ohlcv("AAPL", "1d", None, None, version)) == {}
        assert client.query_ohlcv("AAPL", "1d", None, None, "strategy:m7").attrs["version"] == "s2"
        assert client.query_ohlcv("AAPL", "1d", None, None, "s1").attrs["revision"] == one.revision
        with desk.library() as bl:
            bl.cache.approve("s1", strategy="m7")
        assert closes(client.query_ohlcv("AAPL", "1d", None, None, "strategy:m7")) == expected(range(1, 4))
        assert closes(client.query_ohlcv("AAPL", "1d", "1970-01-03", "1970-01-04", "s1")) == expected([2])

    def test_questions_without_an_answer_are_refused(self, client: InfluxDBClient) -> None:
        with pytest.raises(SeriesNotFound):
            client.query_ohlcv("AAPL", "1d", None, None)
        client.write_ohlcv("AAPL", "1d", frame(range(5)), "desk")
        client.create_snapshot("AAPL", "1d", "1970-01-02", "1970-01-04", "s1")
        for version in ("nobody", "strategy:nobody"):
            with pytest.raises(VersionNotFound):
                client.query_ohlcv("AAPL", "1d", None, None, version)
        with pytest.warns(NoBars, match="dsek"):
            found = client.query_ohlcv("AAPL", "1d", None, None, source="dsek")
        assert (len(found), found.attrs["revision"]) == (0, 0)
        with pytest.raises(VersionNotFound, match="MSFT"):
            client.query_ohlcv("MSFT", "1d", None, None, "s1")
        with pytest.raises(FutureTime):
            client.query_ohlcv("AAPL", "1d", None, None, "2999-01-01")
        with pytest.raises(InvalidInterval, match="s1"):
            client.query_ohlcv("AAPL", "1d", "1970-01-01", None, "s1")
        with pytest.raises(InvalidInterval):
            client.query_ohlcv("AAPL", "1d", "1970-01-04", "1970-01-02")

    def test_of_several_sources_one_has_to_be_named(self, client: InfluxDBClient) -> None:
        client.write_ohlcv("AAPL", "1d", frame(range(2)), "a")
        client.write_ohlcv("AAPL", "1d", frame(range(2), 200), "b")
        for question in (
            lambda: client.query_ohlcv("AAPL", "1d", None, None),
            lambda: client.create_snapshot("AAPL", "1d", None, None, "s"),
            lambda: client.check_for_adjustments("AAPL", "1d", "2001-01-01"),
        ):
            with pytest.raises(AmbiguousSource) as caught:
                question()
            assert caught.value.sources == ("a", "b")
        assert closes(client.query_ohlcv("AAPL", "1d", None, None, source="b")) == expected(range(2), 200)
        client.create_snapshot("AAPL", "1d", None, None, "s", source="a")
        assert closes(client.query_ohlcv("AAPL", "1d", None, None, "s")) == expected(range(2))
        assert [one.series.source for one in client.get_data_versions("AAPL", "1d")] == ["a", "b"]


# --- snapshots -------------------------------------------------------------------------------------

FEBRUARY = ("2005-02-01", "2005-03-01")
SOURCES = [("a", range(2, 4)), ("b", range(6))]


def manifest_hash(*pins: dict[str, Any]) -> str:
    """Return the hash of a snapshot's manifest: canonical JSON, whose numbers are decimal strings."""
    text = json.dumps({"format": "barledger/manifest/1", "pins": pins}, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


class TestSnapshots:
    def test_a_snapshot_is_mirrored_for_other_tools(self, desk: Desk, client: InfluxDBClient) -> None:
        done = client.write_ohlcv("AAPL", "1d", table(), "desk")
        snapshot = client.create_snapshot("AAPL", "1d", *FEBRUARY, "bt-1", "momentum 7")
        start, end = (int(datetime.fromisoformat(f"{day}T00:00:00Z").timestamp()) * 10**9 for day in FEBRUARY)
        (row,) = desk.ask("SELECT * FROM data_audit")
        assert json.loads(row.pop("source_versions")) == {"desk": str(done.revision)}
        assert row == {
            "time": snapshot.created_at,
            "instrument": "AAPL",
            "timeframe": "1d",
            "snapshot_id": "bt-1",
            "strategy_id": "momentum 7",
            "created_by": "tester",
            "purpose": "backtest",
            "data_hash": manifest_hash(
                {
                    "instrument": "AAPL",
                    "timeframe": "1d",
                    "source": "desk",
                    "is_adjusted": False,
                    "start": str(start),
                    "end": str(end),
                    "revision": str(done.revision),
                    "rows": "2",
                    "digest": digest_by_hand(TIMES[:2], VALUES[:2]),
                }
            ),
        }
        tags = {row["tagKey"] for row in desk.ask("SHOW TAG KEYS FROM data_audit")}
        assert tags == {"instrument", "timeframe", "snapshot_id", "strategy_id"}
        fields = {(row["fieldKey"], row["fieldType"]) for row in desk.ask("SHOW FIELD KEYS FROM data_audit")}
        assert fields == {(name, "string") for name in ("source_versions", "created_by", "purpose", "data_hash")}

    def test_a_mirrored_snapshot_names_each_source_and_lacks_no_tag(self, desk: Desk, client: InfluxDBClient) -> None:
        revisions = {name: client.write_ohlcv("AAPL", "1d", frame(days), name).revision for name, days in SOURCES}
        with desk.library() as bl:
            bl.cache.prioritise("AAPL", ["a", "b"], mode="fill")
        client.create_snapshot("AAPL", "1d", None, None, "bt-1", purpose="event")
        (row,) = desk.ask("SELECT source_versions, purpose, strategy_id FROM data_audit")
        assert json.loads(row["source_versions"]) == {name: str(revision) for name, revision in revisions.items()}
        assert (row["purpose"], row["strategy_id"]) == ("event", "none")

    def test_a_snapshot_that_cannot_be_mirrored_is_so_with_the_next_one(self, desk: Desk, tmp_path: Path) -> None:
        port = urlsplit(desk.server.url).port
        assert port
        with faulty_proxy(port) as proxy:
            behind = Desk(
                server=InfluxServer(url=proxy.url, token=desk.server.token, org=desk.server.org), bucket=desk.bucket
            )
            with behind.client(ledger=f"sqlite:///{tmp_path / 'ledger.sqlite'}") as through:
                through.write_ohlcv("AAPL", "1d", table(), "desk")
                proxy.faults.append("403")
                through.create_snapshot("AAPL", "1d", None, None, "bt-1")
                assert proxy.met == ["403"]
                assert desk.ask("SELECT * FROM data_audit") == []
                assert through.verify_snapshot("bt-1").ok
                through.create_snapshot("AAPL", "1d", None, None, "bt-2")
        assert [row["snapshot_id"] for row in desk.ask("SELECT * FROM data_audit")] == ["bt-1", "bt-2"]

    def test_a_snapshot_stays_what_it_was(self, desk: Desk, client: InfluxDBClient) -> None:
        client.write_ohlcv("AAPL", "1d", frame(range(6)), "desk")
        client.create_snapshot("AAPL", "1d", "1970-01-02", "1970-01-06", "bt-1")
        before = client.query_ohlcv("AAPL", "1d", None, None, "bt-1")
        client.write_ohlcv("AAPL", "1d", frame(range(3, 9), 300), "desk")
        client.delete_ohlcv("AAPL", "1d", ["1970-01-02"], "desk", reason="never traded")
        with desk.client() as another:
            after = another.query_ohlcv("AAPL", "1d", None, None, "bt-1")
            pd.testing.assert_frame_equal(before, after)
            assert closes(after) == expected(range(1, 5))
            assert before.attrs == after.attrs
            found = another.verify_snapshot("bt-1")
        assert (found.ok, found.rows, found.series) == (True, 4, 1)

    def test_an_id_is_taken_once(self, client: InfluxDBClient) -> None:
        client.write_ohlcv("AAPL", "1d", frame(range(3)), "desk")
        client.write_ohlcv("AAPL", "1d", frame(range(3)), "desk", "v1")
        client.create_snapshot("AAPL", "1d", None, None, "bt-1")
        for taken in ("bt-1", "v1"):
            with pytest.raises(NameTaken, match=taken):
                client.create_snapshot("AAPL", "1d", None, None, taken)
        with pytest.raises(InvalidVersion):
            client.create_snapshot("AAPL", "1d", None, None, "latest")
        with pytest.raises(SeriesNotFound):
            client.create_snapshot("MSFT", "1d", None, None, "bt-2")
        (listed,) = client.get_data_versions("AAPL", "1d")
        assert [snapshot.id for snapshot in listed.snapshots] == ["v1", "bt-1"]

    def test_bars_that_were_overwritten_behind_its_back_are_noticed(self, desk: Desk, client: InfluxDBClient) -> None:
        client.write_ohlcv("AAPL", "1d", frame(range(360, 370)), "desk")
        client.create_snapshot("AAPL", "1d", None, None, "bt-1")
        client.create_snapshot("AAPL", "1d", None, None, "live-1", purpose="live")
        point = "market_data,instrument=AAPL,is_adjusted=false,source=desk,timeframe=1d,version=latest"
        desk.put(f"{point} close=103.61 {361 * DAY}\n")
        assert client.verify_snapshot("bt-1").ok, "the same value again is no damage"
        desk.put(f"{point} close=103.62 {361 * DAY}\n")
        found = client.verify_snapshot("bt-1")
        assert not found.ok
        assert [format_time(one.interval.start) for one in found.damage] == ["1970-01-01T00:00:00Z"]
        with pytest.raises(StoreDiverged, match="1970"):
            client.query_ohlcv("AAPL", "1d", None, None)
        with pytest.raises(BlockDamaged, match="1970"):
            client.write_ohlcv("AAPL", "1d", frame([362], 300), "desk")
        assert closes(client.query_ohlcv("AAPL", "1d", "1971-01-01", None)) == expected(range(365, 370))
        # A copy of its own is what a live snapshot has it for.
        assert client.verify_snapshot("live-1").ok
        assert closes(client.query_ohlcv("AAPL", "1d", None, None, "live-1")) == expected(range(360, 370))
        assert shown(desk, "live-1") == expected(range(360, 370))
        desk.ask(f"DELETE FROM market_data WHERE version = 'live-1' AND time = {361 * DAY}")  # noqa: S608 - our own
        assert not client.verify_snapshot("live-1").ok


# --- looking back ----------------------------------------------------------------------------------


def test_the_versions_of_a_series_tell_who_did_what_when_and_why(client: InfluxDBClient) -> None:
    assert client.get_data_versions("AAPL", "1d") == []
    done = [
        client.write_ohlcv("AAPL", "1d", frame(range(5)), "desk", reason="first load"),
        client.write_ohlcv("AAPL", "1d", frame(range(3, 7), 200), "desk"),
        client.delete_ohlcv("AAPL", "1d", ["1970-01-02"], "desk", reason="never traded"),
    ]
    client.create_snapshot("AAPL", "1d", "1970-01-02", "1970-01-03", "bt-1", "m7")
    client.write_ohlcv("AAPL", "1d", frame(range(2)), "desk", "v1")
    client.write_ohlcv("MSFT", "1d", frame(range(2)), "desk")
    (listed,) = client.get_data_versions("AAPL", "1d")
    assert listed.series == Series.of("AAPL", "1d", "desk")
    assert [one.revision for one in listed.revisions] == [one.revision for one in done]
    assert [(one.new, one.changed, one.withdrawn) for one in listed.revisions] == [(5, 0, 0), (2, 2, 0), (0, 0, 1)]
    assert [one.operation for one in listed.revisions] == ["write", "write", "withdraw"]
    assert [one.reason for one in listed.revisions] == ["first load", "", "never traded"]
    assert {one.actor for one in listed.revisions} == {"tester"}
    assert [one.committed_at for one in listed.revisions] == sorted(one.committed_at for one in listed.revisions)
    assert [(one.id, one.kind, one.strategy) for one in listed.snapshots] == [
        ("bt-1", "snapshot", "m7"),
        ("v1", "named", None),
    ]
    for record in listed.revisions:
        by_revision = client.query_ohlcv("AAPL", "1d", None, None, f"revision:{record.revision}")
        by_time = client.query_ohlcv("AAPL", "1d", None, None, format_time(record.committed_at))
        pd.testing.assert_frame_equal(by_revision, by_time)


class TestDeleting:
    def test_withdrawn_bars_are_gone_now_and_there_before(self, desk: Desk, client: InfluxDBClient) -> None:
        first = client.write_ohlcv("AAPL", "1d", frame(range(5)), "desk", reason="load")
        done = client.delete_ohlcv("AAPL", "1d", ["1970-01-02", "1970-01-04"], "desk", reason="never traded")
        assert (done.withdrawn, done.changed) == (2, 0)
        left = expected([0, 2, 4])
        assert closes(client.query_ohlcv("AAPL", "1d", None, None)) == left
        for field in COLUMNS:
            seen = desk.ask(f"SELECT {field} FROM market_data WHERE version = 'latest'")  # noqa: S608 - our own
            assert [row["time"] // DAY for row in seen] == [0, 2, 4]
        then = client.query_ohlcv("AAPL", "1d", None, None, f"revision:{first.revision}")
        assert closes(then) == closes(client.query_ohlcv("AAPL", "1d", None, None, "first")) == expected(range(5))
        with desk.library() as bl:
            told = [
                (one.edition, one.withdrawn, one.close, one.reason) for one in bl.history("AAPL", "1d", "1970-01-02")
            ]
        assert told[0] == (1, False, 100.01, "load")
        assert told[1][:2] == (2, True)
        assert told[1][3] == "never traded"

    def test_a_bar_that_returns_is_another_edition(self, desk: Desk, client: InfluxDBClient) -> None:
        client.write_ohlcv("AAPL", "1d", frame(range(3)), "desk")
        client.delete_ohlcv("AAPL", "1d", ["1970-01-02"], "desk", reason="x")
        assert client.delete_ohlcv("AAPL", "1d", ["1970-01-02"], "desk", reason="x").withdrawn == 0
        assert client.write_ohlcv("AAPL", "1d", frame([1]), "desk").changed == 1
        (row,) = desk.ask("SELECT edition, close FROM market_data WHERE version = 'latest' AND time = 86400000000000")
        assert (row["edition"], row["close"]) == (3, 100.01)

    @pytest.mark.parametrize(
        "times",
        [
            "1970-01-03",
            pd.Timestamp("1970-01-03", tz="UTC"),
            datetime(1970, 1, 3, tzinfo=UTC),
            np.datetime64("1970-01-03"),
            2 * DAY,
            [2 * DAY],
            pd.DatetimeIndex(["1970-01-03"], tz="UTC"),
            np.array([2 * DAY]),
        ],
        ids=repr,
    )
    def test_times_may_be_one_or_many_in_any_form(self, client: InfluxDBClient, times: Any) -> None:
        client.write_ohlcv("AAPL", "1d", frame(range(4)), "desk")
        assert client.delete_ohlcv("AAPL", "1d", times, "desk", reason="x").withdrawn == 1
        assert closes(client.query_ohlcv("AAPL", "1d", None, None)) == expected([0, 1, 3])

    def test_what_was_never_there_needs_no_withdrawal(self, client: InfluxDBClient) -> None:
        assert client.delete_ohlcv("AAPL", "1d", ["1970-01-02"], "desk", reason="x").withdrawn == 0
        assert client.get_data_versions("AAPL", "1d") == []


# --- retention -------------------------------------------------------------------------------------


@pytest.fixture
def aged(desk: Desk, tmp_path: Path) -> Iterator[InfluxDBClient]:
    """A client whose bars were written, corrected and pinned forty days ago."""
    ledger = f"sqlite:///{tmp_path / 'ledger.sqlite'}"
    past = TurnableClock()
    past.turn(-40)
    bl = library(desk.server.store(desk.bucket), ledger, clock=past)
    bl.write("AAPL", "1d", frame(range(5)), source="desk")
    bl.snapshot("AAPL", "1d", start="1970-01-01", end="1970-01-03", id="bt-1")
    bl.write("AAPL", "1d", frame(range(5), 200), source="desk")
    bl.snapshot("AAPL", "1d", id="held", start="1970-01-05")
    bl.cache.hold("held", reason="a law suit")
    bl.write("AAPL", "1d", frame(range(5), 300), source="desk")
    bl.close()
    with desk.client(ledger=ledger) as opened:
        yield opened


def layers(desk: Desk) -> dict[str, list[int]]:
    """Return the days that other tools see under each version."""
    found: dict[str, list[int]] = {}
    for row in desk.ask("SELECT close, version FROM market_data"):
        found.setdefault(row["version"], []).append(row["time"] // DAY)
    return {version: sorted(days) for version, days in found.items()}


class TestRetention:
    def test_old_editions_go_and_what_snapshots_see_is_held_back(self, desk: Desk, aged: InfluxDBClient) -> None:
        five = [0, 1, 2, 3, 4]
        assert layers(desk) == {"latest": five, "edition_1": five, "edition_2": five}
        policy = [{"instrument": "MSFT", "keep_editions": "1d"}, {"timeframe": "1d", "keep_editions": "30d"}]
        planned = aged.apply_retention_policy(policy, dry_run=True)
        assert (planned.dry_run, planned.deleted, planned.held_back) == (True, 7, 3)
        assert layers(desk) == {"latest": five, "edition_1": five, "edition_2": five}
        done = aged.apply_retention_policy(policy)
        assert (done.dry_run, done.series, done.snapshots) == (False, planned.series, ())
        assert layers(desk) == {"latest": five, "edition_1": [0, 1], "edition_2": [4]}
        assert closes(aged.query_ohlcv("AAPL", "1d", None, None)) == expected(five, 300)
        assert closes(aged.query_ohlcv("AAPL", "1d", None, None, "bt-1")) == expected([0, 1])
        assert closes(aged.query_ohlcv("AAPL", "1d", None, None, "held")) == expected([4], 200)
        assert aged.verify_snapshot("bt-1").ok
        assert aged.verify_snapshot("held").ok
        (listed,) = aged.get_data_versions("AAPL", "1d")
        for record in listed.revisions[:2]:
            with pytest.raises(RevisionExpired):
                aged.query_ohlcv("AAPL", "1d", None, None, f"revision:{record.revision}")
        assert aged.apply_retention_policy(policy).deleted == 0

    def test_old_snapshots_go_unless_they_are_held(self, desk: Desk, aged: InfluxDBClient) -> None:
        aged.create_snapshot("AAPL", "1d", None, None, "young")
        policy = {"rules": [{"keep_editions": "30d", "keep_snapshots": {"backtest": "30d", "*": "forever"}}]}
        planned = aged.apply_retention_policy(policy, dry_run=True)
        assert (planned.snapshots, planned.held, planned.deleted, planned.held_back) == (("bt-1",), ("held",), 9, 1)
        assert aged.verify_snapshot("bt-1").ok
        done = aged.apply_retention_policy(policy)
        assert (done.snapshots, done.held, done.series) == (planned.snapshots, planned.held, planned.series)
        assert layers(desk) == {"latest": [0, 1, 2, 3, 4], "edition_2": [4]}
        with pytest.raises(VersionNotFound):
            aged.query_ohlcv("AAPL", "1d", None, None, "bt-1")
        assert closes(aged.query_ohlcv("AAPL", "1d", None, None, "held")) == expected([4], 200)

    def test_old_bars_go_and_pinned_ones_stay(self, desk: Desk, client: InfluxDBClient) -> None:
        today = int(datetime.now(UTC).timestamp()) // 86_400
        old, young = range(today - 40, today - 30), range(today - 5, today)
        client.write_ohlcv("AAPL", "1d", frame([*old, *young]), "desk")
        client.create_snapshot("AAPL", "1d", old[0] * DAY, old[4] * DAY, "bt-1")
        client.create_snapshot("AAPL", "1d", None, None, "audit", purpose="compliance")
        policy = {"keep_current": "20d"}
        planned = client.apply_retention_policy(policy, dry_run=True)
        assert [(one.current, one.editions, one.held_back) for one in planned.series] == [(6, 0, 4)]
        assert client.apply_retention_policy(policy).series == planned.series
        assert layers(desk)["latest"] == [*old[:4], *young]
        assert closes(client.query_ohlcv("AAPL", "1d", None, None, "bt-1")) == expected(old[:4])
        # A snapshot with a copy of its own holds nothing back, and is as whole as before.
        assert closes(client.query_ohlcv("AAPL", "1d", None, None, "audit")) == expected([*old, *young])
        assert client.verify_snapshot("audit").ok
        with pytest.raises(RevisionExpired):
            client.query_ohlcv("AAPL", "1d", old[0] * DAY, None)
        # Without a start, a question is about what is kept.
        for version in ("latest", "first"):
            kept = closes(client.query_ohlcv("AAPL", "1d", None, None, version))
            assert kept == expected([*old[:4], *young])
        assert client.check_for_adjustments("AAPL", "1d", "2001-01-01").added == 9

    @pytest.mark.parametrize(
        ("policy", "reason"),
        [
            (None, "list of rules"),
            ("30d", "list of rules"),
            ([3], "rule 1: it is not a mapping"),
            ([{}], "keeps everything"),
            ([{"keep_current": "30d"}, {"keep_currant": "30d"}], "rule 2: unknown keys keep_currant"),
            ([{"keep_current": "30"}], "'30' is not a duration"),
            ([{"keep_current": "0d"}], "'0d' is not a duration"),
            ([{"keep_editions": 30}], "30 is not a duration"),
            ([{"keep_snapshots": "30d"}], "maps a purpose"),
            ([{"keep_snapshots": {"backtest": "soon"}}], "'soon' is not a duration"),
            ([{"timeframe": "9m", "keep_current": "30d"}], "'9m' is not a timeframe"),
            ({"rules": [{"keep_current": "30d"}], "rule": []}, "beside rules"),
        ],
    )
    def test_a_policy_that_cannot_be_meant_deletes_nothing(
        self, desk: Desk, client: InfluxDBClient, policy: Any, reason: str
    ) -> None:
        client.write_ohlcv("AAPL", "1d", frame(range(3)), "desk")
        with pytest.raises(InvalidPolicy, match=reason) as caught:
            client.apply_retention_policy(policy)
        assert caught.value.code == "invalid-policy"
        assert layers(desk) == {"latest": [0, 1, 2]}
