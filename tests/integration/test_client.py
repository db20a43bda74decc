"""InfluxDBClient on real servers: what its methods answer, and what other tools find in the bucket afterwards."""

import inspect
import threading
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from barledger import InfluxDBClient
from barledger.domain.timeframe import DAY
from barledger.errors import (
    Closed,
    InvalidVersion,
    MissingColumns,
    NaiveTimes,
    NameTaken,
    NotEnclosing,
    RevisionConflict,
    SeriesNotFound,
    VersionImmutable,
)
from barledger.testing.bars import HOSTILE_NAMES
from clients import COLUMNS, TABLE, TIMES, VALUES, Desk, closes, digest_by_hand, shown, table
from libraries import expected, frame
from servers import Influxd, InfluxServer

pytestmark = pytest.mark.influx

# --- the shape of it -------------------------------------------------------------------------------


def test_the_signatures_are_those_that_programs_are_written_against() -> None:
    written = {
        "__init__": "url, token, org, bucket='market_data'",
        "write_ohlcv": "instrument, timeframe, data, source, version='latest'",
        "query_ohlcv": "instrument, timeframe, start_date, end_date, version='latest'",
        "create_snapshot": "instrument, timeframe, start_date, end_date, snapshot_id, strategy_id=None",
        "check_for_adjustments": "instrument, timeframe, reference_date",
        "get_data_versions": "instrument, timeframe",
        "apply_retention_policy": "policy_config",
    }
    for name, signature in written.items():
        parameters = inspect.signature(getattr(InfluxDBClient, name)).parameters.values()
        positional = [one.replace(annotation=one.empty) for one in parameters if one.kind is not one.KEYWORD_ONLY]
        assert ", ".join(str(one).replace(" ", "") for one in positional[1:]) == signature
        assert all(one.default is not one.empty for one in parameters if one.kind is one.KEYWORD_ONLY)


class TestOpening:
    def test_the_bucket_is_market_data_unless_another_is_named(self, home: Path, own_influxd: Influxd) -> None:
        server = InfluxServer(url=own_influxd.url)
        try:
            with InfluxDBClient(server.url, "", "") as client:
                client.write_ohlcv("AAPL", "1d", table(), "desk")
            assert len(Desk(server=server, bucket="market_data").ask("SELECT close FROM market_data")) == 3
            assert [file.name[:12] for file in (home / "ledgers").iterdir()] == ["market_data-"]
        finally:
            server.buckets().drop("market_data")

    def test_a_bucket_is_made_that_never_forgets(self, desk: Desk) -> None:
        desk.client().close()
        made = desk.server.buckets().find(desk.bucket)
        assert made is not None
        assert (made.expiry, made.shard) == (0, 520 * 7 * 86_400)

    def test_each_bucket_has_a_ledger_of_its_own_in_the_data_folder(self, desk: Desk, home: Path) -> None:
        with desk.server.bucket() as other, desk.client() as client:
            client.write_ohlcv("AAPL", "1d", table(), "desk")
            with Desk(server=desk.server, bucket=other).client() as stranger, pytest.raises(SeriesNotFound):
                stranger.query_ohlcv("AAPL", "1d", None, None)
        assert sorted(file.name.rpartition("-")[0] for file in home.rglob("*.sqlite")) == sorted([desk.bucket, other])

    def test_opened_again_it_goes_on_with_its_history(self, desk: Desk, home: Path) -> None:
        with desk.client() as client:
            first = client.write_ohlcv("AAPL", "1d", frame(range(5)), "desk")
        again = InfluxDBClient(f"{desk.server.url}/", desk.server.token, desk.server.org, desk.bucket)
        with again as client:
            client.write_ohlcv("AAPL", "1d", frame(range(2), 200), "desk")
        with desk.client() as client:
            then = client.query_ohlcv("AAPL", "1d", None, None, f"revision:{first.revision}")
            assert closes(then) == expected(range(5))
            assert closes(client.query_ohlcv("AAPL", "1d", None, None)) == expected(range(5)) | expected(range(2), 200)
        assert len(list(home.rglob("*.sqlite"))) == 1

    def test_the_ledger_can_be_put_elsewhere(self, desk: Desk, home: Path, tmp_path: Path) -> None:
        elsewhere = tmp_path / "elsewhere.sqlite"
        with desk.client(ledger=f"sqlite:///{elsewhere}") as client:
            client.write_ohlcv("AAPL", "1d", table(), "desk")
        assert elsewhere.exists()
        assert not list(home.rglob("*.sqlite"))

    def test_a_data_folder_of_any_name_holds_the_ledger(
        self, influx_server: InfluxServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, home: Path
    ) -> None:
        assert not home.exists()
        strange = tmp_path / "100%41 mine? #1 é"
        monkeypatch.setenv("BARLEDGER_HOME", str(strange))
        with influx_server.bucket() as bucket:
            desk = Desk(server=influx_server, bucket=bucket)
            for _ in range(2):
                with desk.client() as client:
                    client.write_ohlcv("AAPL", "1d", table(), "desk")
            assert [file.name.rpartition("-")[0] for file in strange.rglob("*.sqlite")] == [bucket]

    @pytest.mark.parametrize(
        "name", ["two words", "what?", "no#1", "100%", "%41%2F..", "a+b&c=d", "semi;colon:", "Ünï 日本", "x" * 200]
    )
    def test_a_bucket_may_have_any_name_that_its_server_takes(
        self, home: Path, influx_server: InfluxServer, name: str
    ) -> None:
        # Both look alike in the name of a file, which cannot have such signs or be so long.
        beginning = f"test_{uuid.uuid4().hex[:8]} {name}"
        buckets = [f"{beginning}{end}" for end in ("?", "#")]
        try:
            for at, bucket in enumerate(buckets):
                with Desk(server=influx_server, bucket=bucket).client() as client:
                    client.write_ohlcv("AAPL", "1d", frame([at]), "desk")
            for at, bucket in enumerate(buckets):
                desk = Desk(server=influx_server, bucket=bucket)
                assert shown(desk) == expected([at])
                with desk.client() as client:
                    assert closes(client.query_ohlcv("AAPL", "1d", None, None)) == expected([at])
                    client.write_ohlcv("AAPL", "1d", frame([at], 200), "desk")
        finally:
            for bucket in buckets:
                influx_server.buckets().drop(bucket)
        assert len(list((home / "ledgers").glob("*.sqlite"))) == len(list(home.rglob("*.sqlite"))) == 2

    def test_a_closed_client_answers_nothing(self, desk: Desk) -> None:
        with desk.client() as client:
            client.write_ohlcv("AAPL", "1d", table(), "desk")
        with pytest.raises(Closed):
            client.query_ohlcv("AAPL", "1d", None, None)
        with pytest.raises(Closed):
            client.write_ohlcv("AAPL", "1d", table(), "desk")

    def test_two_clients_of_a_process_work_on_one_truth(self, desk: Desk, client: InfluxDBClient) -> None:
        def correct(mine: InfluxDBClient, start: int) -> None:
            for step in range(5):
                mine.write_ohlcv("AAPL", "1d", frame(range(3), start + step), "desk")

        client.write_ohlcv("AAPL", "1d", frame(range(3)), "desk")
        with desk.client() as second:
            threads = [
                threading.Thread(target=correct, args=pair) for pair in ((client, 1000), (second, 2000), (second, 3000))
            ]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            (mine,), (theirs,) = (one.get_data_versions("AAPL", "1d") for one in (client, second))
            assert mine == theirs
            assert len(mine.revisions) == 16
            latest = closes(client.query_ohlcv("AAPL", "1d", None, None))
            assert latest == closes(second.query_ohlcv("AAPL", "1d", None, None)) == shown(desk)
            assert latest in [expected(range(3), value) for value in (1004, 2004, 3004)]


# --- writing ---------------------------------------------------------------------------------------


class OnlyAStream:
    """Something that speaks the Arrow PyCapsule protocol and nothing else."""

    def __init__(self, table: pa.Table) -> None:
        self._table = table

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        return self._table.__arrow_c_stream__(requested_schema)


def as_polars() -> pl.DataFrame:
    times = pl.Series("time", [row[0] for row in TABLE]).str.to_datetime(time_zone="UTC", time_unit="us")
    return pl.DataFrame(VALUES, schema=COLUMNS, orient="row").with_columns(times)


def as_arrow() -> pa.Table:
    times = pa.array([time // 1_000_000 for time in TIMES], pa.timestamp("ms", "America/New_York"))
    columns = [pa.array([row[at] for row in VALUES]) for at in range(5)]
    return pa.Table.from_arrays([times, *columns], ["Timestamp", *(name.upper() for name in COLUMNS)])


def as_dicts() -> list[dict[str, Any]]:
    return [dict(zip(["time", *COLUMNS], row, strict=True)) for row in TABLE]


FORMS: dict[str, Callable[[], Any]] = {
    "pandas": table,
    "pandas, in New York": lambda: table().tz_convert("America/New_York"),
    "polars": as_polars,
    "pyarrow": as_arrow,
    "an Arrow stream": lambda: OnlyAStream(as_arrow()),
    "a list of dicts": as_dicts,
}


class TestWriting:
    @pytest.mark.parametrize("form", FORMS)
    def test_bars_in_any_form_are_the_same_bars(self, desk: Desk, client: InfluxDBClient, form: str) -> None:
        done = client.write_ohlcv("AAPL", "1d", FORMS[form](), "desk")
        assert (done.new, done.changed, done.same) == (3, 0, 0)
        stored = desk.ask("SELECT * FROM market_data")
        tags = {"instrument": "AAPL", "timeframe": "1d", "source": "desk", "version": "latest", "is_adjusted": "false"}
        stamps = {"revision": done.revision, "edition": 1}
        assert [{name: row[name] for name in tags} for row in stored] == [tags] * 3
        assert [{name: row[name] for name in stamps} for row in stored] == [stamps] * 3
        assert [row["time"] for row in stored] == TIMES
        assert [[row[name] for name in COLUMNS] for row in stored] == VALUES
        found = client.query_ohlcv("AAPL", "1d", None, None)
        assert found.attrs["digest"] == digest_by_hand(TIMES, VALUES)
        assert client.write_ohlcv("AAPL", "1d", FORMS[form](), "desk").same == 3

    def test_naive_times_are_refused(self, desk: Desk, client: InfluxDBClient) -> None:
        naive = [
            table().tz_localize(None),
            as_polars().with_columns(pl.col("time").dt.replace_time_zone(None)),
            [{**bar, "time": bar["time"].removesuffix("Z")} for bar in as_dicts()],
        ]
        for bars in naive:
            with pytest.raises(NaiveTimes) as caught:
                client.write_ohlcv("AAPL", "1d", bars, "desk")
            assert caught.value.count == 3
            assert "tz_localize" in caught.value.advice
        assert desk.ask("SELECT close FROM market_data") == []

    def test_plain_dates_are_days_in_utc(self, desk: Desk, client: InfluxDBClient) -> None:
        client.write_ohlcv("AAPL", "1d", [{**bar, "time": bar["time"][:10]} for bar in as_dicts()], "desk")
        assert [row["time"] for row in desk.ask("SELECT close FROM market_data")] == TIMES

    def test_an_invalid_bar_stops_the_whole_write_unless_it_is_put_aside(
        self, desk: Desk, client: InfluxDBClient
    ) -> None:
        bad = table()
        bad.iloc[1, 0] = 1000.0
        with pytest.raises(NotEnclosing) as caught:
            client.write_ohlcv("AAPL", "1d", bad, "desk")
        assert caught.value.times == (TIMES[1],)
        assert desk.ask("SELECT close FROM market_data") == []
        # The error's advice names the option, so the method has to have it.
        assert "on_invalid='quarantine'" in caught.value.advice
        done = client.write_ohlcv("AAPL", "1d", bad, "desk", on_invalid="quarantine")
        assert (done.new, done.quarantined) == (2, 1)
        assert [row["time"] for row in desk.ask("SELECT close FROM market_data")] == [TIMES[0], TIMES[2]]
        with desk.library() as bl:
            (kept,) = bl.ingestion.quarantine(instrument="AAPL")
        assert (kept.time, kept.code, kept.actor) == (TIMES[1], "not-enclosing", "tester")

    def test_columns_of_other_names_are_found_by_a_mapping(self, client: InfluxDBClient) -> None:
        theirs = table().rename(columns={"close": "Schlusskurs"})
        with pytest.raises(MissingColumns, match="close") as caught:
            client.write_ohlcv("AAPL", "1d", theirs, "desk")
        assert "mapping" in caught.value.advice
        client.write_ohlcv("AAPL", "1d", theirs, "desk", columns={"close": "Schlusskurs"})
        assert client.query_ohlcv("AAPL", "1d", None, None)["close"].tolist() == [88.99, 44.86, 44.5]

    def test_what_is_missing_is_missing_everywhere(self, desk: Desk, client: InfluxDBClient) -> None:
        client.write_ohlcv("AAPL", "1d", table(), "desk")
        lacking = table()
        lacking.iloc[1, 4] = np.nan
        assert client.write_ohlcv("AAPL", "1d", lacking, "desk").fields == {"volume": 1}
        assert client.query_ohlcv("AAPL", "1d", None, None)["volume"].isna().tolist() == [False, True, False]
        volumes = desk.ask("SELECT volume FROM market_data WHERE version = 'latest'")
        assert [row["time"] for row in volumes] == [TIMES[0], TIMES[2]]

    def test_a_correction_keeps_what_it_replaces_as_an_edition(self, desk: Desk, client: InfluxDBClient) -> None:
        first = client.write_ohlcv("AAPL", "1d", frame(range(4)), "desk")
        second = client.write_ohlcv("AAPL", "1d", frame([2], 300), "desk", reason="typo")
        assert (second.new, second.changed, second.same, second.fields["close"]) == (0, 1, 0, 1)
        assert shown(desk) == expected(range(4)) | expected([2], 300)
        (copy,) = desk.ask(
            "SELECT close, edition, revision, superseded_at FROM market_data WHERE version = 'edition_1'"
        )
        told = (copy["time"] // DAY, copy["close"], copy["edition"], copy["revision"], copy["superseded_at"])
        assert told == (2, 100.02, 1, first.revision, second.revision)

    def test_no_bars_are_no_error_and_no_revision(self, client: InfluxDBClient) -> None:
        done = client.write_ohlcv("AAPL", "1d", [], "desk")
        assert (done.new, done.revision) == (0, 0)
        done = client.write_ohlcv("AAPL", "1d", table()[:0], "desk", "v1")
        assert (done.new, done.revision) == (0, 0)
        assert client.get_data_versions("AAPL", "1d") == []

    def test_hostile_names_round_trip_and_are_kept_apart(self, desk: Desk, client: InfluxDBClient) -> None:
        for at, name in enumerate(HOSTILE_NAMES):
            client.write_ohlcv(name, "1d", frame([at], 100 + at), name)
            client.create_snapshot(name, "1d", None, None, f"snap {name}", name)
        client.delete_ohlcv(HOSTILE_NAMES[0], "1d", [pd.Timestamp(0, tz="UTC")], HOSTILE_NAMES[0], reason="x")
        for at, name in enumerate(HOSTILE_NAMES):
            left = expected([at] if at else [], 100 + at)
            assert closes(client.query_ohlcv(name, "1d", None, None)) == left
            assert closes(client.query_ohlcv(name, "1d", None, None, f"strategy:{name}")) == expected([at], 100 + at)
            assert client.verify_snapshot(f"snap {name}").ok
        for key, measurement in (
            ("instrument", "market_data"),
            ("source", "market_data"),
            ("strategy_id", "data_audit"),
        ):
            listed = desk.ask(f'SHOW TAG VALUES FROM {measurement} WITH KEY = "{key}"')
            assert {row["value"] for row in listed} == set(HOSTILE_NAMES)


class TestExpectedRevision:
    def test_a_write_on_what_was_read_goes_through_and_a_lost_update_does_not(
        self, desk: Desk, client: InfluxDBClient
    ) -> None:
        client.write_ohlcv("AAPL", "1d", frame(range(5)), "desk", expected_revision=0)
        seen = client.query_ohlcv("AAPL", "1d", None, None).attrs["revision"]
        with desk.client() as other:
            theirs = other.write_ohlcv("AAPL", "1d", frame([2], 300), "desk", expected_revision=seen)
        with pytest.raises(RevisionConflict) as caught:
            client.write_ohlcv("AAPL", "1d", frame(range(1, 4), 400), "desk", expected_revision=seen)
        assert (caught.value.expected, caught.value.found) == (seen, theirs.revision)
        assert shown(desk) == expected(range(5)) | expected([2], 300)
        # What was changed elsewhere is no conflict.
        assert client.write_ohlcv("AAPL", "1d", frame([4], 400), "desk", expected_revision=seen).changed == 1

    def test_zero_means_that_the_series_is_new_however_it_is_written(self, client: InfluxDBClient) -> None:
        client.write_ohlcv("AAPL", "1d", frame(range(5)), "desk")
        for zero in (0, "0"):
            with pytest.raises(RevisionConflict):
                client.write_ohlcv("AAPL", "1d", frame([7]), "desk", expected_revision=zero)  # type: ignore[arg-type]

    def test_a_withdrawal_can_expect_a_revision_too(self, client: InfluxDBClient) -> None:
        seen = client.write_ohlcv("AAPL", "1d", frame(range(5)), "desk").revision
        client.write_ohlcv("AAPL", "1d", frame([2], 300), "desk")
        with pytest.raises(RevisionConflict):
            client.delete_ohlcv("AAPL", "1d", ["1970-01-03"], "desk", reason="x", expected_revision=seen)


class TestNamedVersions:
    def test_a_named_version_lies_beside_the_current_bars(self, desk: Desk, client: InfluxDBClient) -> None:
        client.write_ohlcv("AAPL", "1d", frame(range(5)), "desk")
        done = client.write_ohlcv("AAPL", "1d", frame(range(3), 900), "desk", "v1")
        assert done.new == 3
        assert shown(desk) == closes(client.query_ohlcv("AAPL", "1d", None, None)) == expected(range(5))
        named = client.query_ohlcv("AAPL", "1d", None, None, "v1")
        assert shown(desk, "v1") == closes(named) == expected(range(3), 900)
        assert (named.attrs["version"], named.attrs["revision"]) == ("v1", done.revision)
        assert client.verify_snapshot("v1").ok

    def test_it_takes_the_same_bars_again_and_never_others(self, desk: Desk, client: InfluxDBClient) -> None:
        first = client.write_ohlcv("AAPL", "1d", frame(range(3), 900), "desk", "v1")
        again = client.write_ohlcv("AAPL", "1d", frame(range(3), 900), "desk", version="v1")
        assert (again.new, again.same, again.revision) == (0, 3, first.revision)
        for others in (frame(range(3), 901), frame(range(4), 900), frame([9], 900)):
            with pytest.raises(VersionImmutable) as caught:
                client.write_ohlcv("AAPL", "1d", others, "desk", "v1")
            assert (caught.value.code, caught.value.name) == ("version-immutable", "v1")
        assert shown(desk, "v1") == expected(range(3), 900)

    def test_the_names_of_other_kinds_of_version_are_refused(self, client: InfluxDBClient) -> None:
        for name in ("first", "edition_2", "revision:7", "strategy:m7", "2005-02-28", "LATEST"):
            with pytest.raises(InvalidVersion, match="built-in"):
                client.write_ohlcv("AAPL", "1d", table(), "desk", name)
        client.write_ohlcv("AAPL", "1d", table(), "desk")
        client.create_snapshot("AAPL", "1d", None, None, "s1")
        with pytest.raises(NameTaken):
            client.write_ohlcv("AAPL", "1d", table(), "desk", "s1")
