"""InfluxTableSource: other people's tables in a real InfluxDB."""

import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread
from typing import Any
from urllib.parse import urlencode

import numpy as np
import pandas as pd
import pytest

from barledger.domain.interval import Interval
from barledger.domain.rows import VALUES, Rows, concat
from barledger.domain.timeframe import DAY, MINUTE, Timeframe
from barledger.domain.validation import OnInvalid
from barledger.errors import (
    CapabilityMissing,
    DataNotFound,
    DuplicateTimes,
    InvalidSetting,
    OffGrid,
    SourceError,
    SourceUnavailable,
)
from barledger.influxdb.names import tag
from barledger.sources.contract import Fetched, FetchRequest, Source
from barledger.sources.influx_table import InfluxTableSource
from barledger.sources.registry import make_source
from barledger.stores.memory import MemoryStore
from barledger.testing.source import SourceContract
from libraries import library
from servers import InfluxServer, influxd

FIRST = pd.Timestamp("2024-01-02", tz="UTC").value
Put = Callable[[str], None]


@pytest.fixture
def put(influx_server: InfluxServer, influx_bucket: str) -> Put:
    """Write lines into a bucket as other programs do."""
    influx_server.buckets().make(influx_bucket)
    connection = influx_server.connection()
    return lambda lines: connection.post_lines(influx_bucket, lines.encode(), lambda: 30.0)


@pytest.fixture
def table(influx_server: InfluxServer, influx_bucket: str, put: Put) -> Iterator[Callable[..., InfluxTableSource]]:
    """Make sources on that bucket."""
    del put
    made: list[InfluxTableSource] = []

    def making(**options: Any) -> InfluxTableSource:
        made.append(
            InfluxTableSource(url=influx_server.url, bucket=influx_bucket, token=influx_server.token, **options)
        )
        return made[-1]

    yield making
    for source in made:
        source.close()


Making = Callable[..., InfluxTableSource]


def vnpy(symbol: str = "BTCUSDT.BINANCE", interval: str = "1m", *, count: int = 600, step: int = MINUTE) -> str:
    """Return points as vnpy_influxdb writes them: all fields are floats, beside bars there is more."""
    lines = []
    for at in range(count):
        close = 100 + at % 37 * 0.25
        fields = f"open_price={close - 0.5},high_price={close + 1},low_price={close - 1},close_price={close}"
        more = f"volume={at % 11}.0,turnover={at}.5,open_interest=0.0"
        lines.append(f"bar_data,interval={interval},vt_symbol={tag(symbol)} {fields},{more} {FIRST + at * step}")
    return "\n".join(lines) + "\n"


def points(name: str, tags: str, fields: str, times: list[int]) -> str:
    return "".join(f"{name},{tags} {fields} {time}\n" for time in times)


def request(
    instrument: str = "BTCUSDT.BINANCE",
    timeframe: str = "1m",
    span: Interval | None = None,
    *,
    native: str | None = None,
    on_invalid: OnInvalid = "raise",
) -> FetchRequest:
    interval = span or Interval.of(None, None)
    return FetchRequest(
        instrument=instrument,
        timeframe=Timeframe.of(timeframe),
        interval=interval,
        native=native,
        on_invalid=on_invalid,
    )


def chunks(source: Source, *given: Any, **named: Any) -> list[Fetched]:
    return list(source.fetch(request(*given, **named)))


def bars(source: Source, *given: Any, **named: Any) -> Rows:
    return concat(chunk.rows for chunk in chunks(source, *given, **named))


def stamps(rows: Rows) -> list[str]:
    return [f"{pd.Timestamp(time):%Y-%m-%d %H:%M}" for time in rows.time.tolist()]


pytestmark = pytest.mark.influx


# --- the suite -----------------------------------------------------------------------------------


class TestTablesOfVnpy(SourceContract):
    @pytest.fixture
    def source(self, table: Making, put: Put) -> Source:
        put(vnpy() + vnpy("ETHUSDT.BINANCE") + vnpy(interval="1h", step=60 * MINUTE, count=20))
        return table(layout="vnpy", chunk_rows=70)

    @pytest.fixture
    def request_for_bars(self) -> FetchRequest:
        return request(span=Interval(FIRST + 10 * MINUTE, FIRST + 590 * MINUTE))


class TestTablesWithNamesOfTheirOwn(SourceContract):
    @pytest.fixture
    def source(self, table: Making, put: Put) -> Source:
        lines = [
            f'day\\ bars,sym=IBM\\ US,v=eod o={at}i,h={at + 2}i,l={at - 1}i,c={at + 1},q={at * 7}i,ref="r{at}",n="x" '
            f"{FIRST + at * DAY + 21 * 60 * MINUTE}"
            for at in range(1, 60)
        ]
        put("\n".join(lines))
        return table(
            measurement="day bars",
            columns="open=o,high=h,low=l,close=c,volume=q,source_id=ref",
            instrument_tag="sym",
            timeframe_tag="",
            timeframes="1d",
            where="v=eod",
            spelling="{symbol} US",
            label="close",
            zone="America/New_York",
            chunk_rows=9,
        )

    @pytest.fixture
    def request_for_bars(self) -> FetchRequest:
        return request("IBM", "1d", Interval.of("2024-01-05", "2024-02-20"))


# --- what comes ----------------------------------------------------------------------------------


def test_values_come_exactly_and_what_is_missing_is_missing(table: Making, put: Put) -> None:
    prices = "close_price=0.1,open_price=0.1,high_price=0.30000000000000004,low_price=0.1"
    put(f"bar_data,vt_symbol=A,interval=1m {prices} {FIRST}")
    put(f"bar_data,vt_symbol=A,interval=1m close_price=0.1,volume=7 {FIRST + MINUTE}")
    found = bars(table(layout="vnpy"), "A")
    assert found.high[0] == 0.1 + 0.2
    assert np.isnan(found.volume).tolist() == [True, False]
    assert np.isnan(found.open).tolist() == [False, True]


def test_each_layout_of_a_timeframe_is_its_own_series(table: Making, put: Put) -> None:
    put(vnpy(count=5) + vnpy(interval="d", count=3, step=DAY))
    source = table(layout="vnpy")
    assert len(bars(source)) == 5
    assert stamps(bars(source, timeframe="1d")) == ["2024-01-02 00:00", "2024-01-03 00:00", "2024-01-04 00:00"]
    assert len(bars(source, timeframe="1h")) == 0


def test_the_date_of_a_zone_labels_a_day(table: Making, put: Put) -> None:
    # vnpy writes midnight in China, which is 16:00 of the day before in UTC.
    times = [int(pd.Timestamp(f"2024-01-{day:02}", tz="Asia/Shanghai").value) for day in (8, 9)]
    fields = "open_price=1,high_price=2,low_price=1,close_price=2,volume=3"
    put(points("bar_data", "vt_symbol=rb2405.SHFE,interval=d", fields, times))
    put(points("bar_data", "vt_symbol=rb2405.SHFE,interval=w", fields, times[:1]))
    with pytest.raises(OffGrid):
        bars(table(layout="vnpy", zone="UTC"), "rb2405.SHFE", "1w")
    source = table(layout="vnpy", zone="Asia/Shanghai", spelling="{symbol}.SHFE")
    assert stamps(bars(source, "rb2405", "1d")) == ["2024-01-08 00:00", "2024-01-09 00:00"]
    assert stamps(bars(source, "rb2405", "1d", Interval.of("2024-01-09", "2024-01-10"))) == ["2024-01-09 00:00"]
    assert stamps(bars(source, "rb2405", "1w")) == ["2024-01-08 00:00"]


@pytest.mark.parametrize(
    ("timeframe", "closed", "label"),
    [
        ("1m", "2024-01-02 15:01", "2024-01-02 15:00"),
        ("1h", "2024-01-02 15:00", "2024-01-02 14:00"),
        ("1d", "2024-01-03 00:00", "2024-01-02 00:00"),
        ("1d", "2024-01-02 21:00", "2024-01-02 00:00"),
        ("1w", "2024-01-08 00:00", "2024-01-01 00:00"),
        ("1w", "2024-01-05 21:00", "2024-01-01 00:00"),
        ("1M", "2024-02-01 00:00", "2024-01-01 00:00"),
        ("1M", "2024-01-31 21:00", "2024-01-01 00:00"),
    ],
)
def test_a_time_of_closing_labels_the_bar_that_it_closes(
    table: Making, put: Put, timeframe: str, closed: str, label: str
) -> None:
    time = int(pd.Timestamp(closed, tz="UTC").value)
    put(points("bars", f"instrument=A,timeframe={timeframe}", "open=1,high=2,low=1,close=2,volume=3", [time]))
    source = table(measurement="bars", label="close")
    opened = int(pd.Timestamp(label, tz="UTC").value)
    assert stamps(bars(source, "A", timeframe)) == [label]
    assert stamps(bars(source, "A", timeframe, Interval(opened, opened + 1))) == [label]
    assert len(bars(source, "A", timeframe, Interval(opened + 1, opened + 400 * DAY))) == 0


def test_a_bar_in_a_retention_policy_of_its_own_is_found(
    table: Making, put: Put, influx_server: InfluxServer, influx_bucket: str
) -> None:
    connection = influx_server.connection()
    if influx_server.org:
        pytest.skip("retention policies are of 1.x")
    connection.execute(f'CREATE RETENTION POLICY "long" ON "{influx_bucket}" DURATION INF REPLICATION 1')
    put(vnpy(count=2))
    user, _, secret = influx_server.token.partition(":")
    where = urlencode({"db": influx_bucket, "rp": "long", "u": user, "p": secret})
    with urllib.request.urlopen(f"{influx_server.url}/write?{where}", vnpy(count=5).encode(), timeout=30):  # noqa: S310 - our own
        pass
    assert len(bars(table(layout="vnpy"))) == 2
    assert len(bars(table(layout="vnpy", retention="long"))) == 5


def test_pages_are_small_and_join(table: Making, put: Put) -> None:
    put(vnpy(count=1000))
    found = chunks(table(layout="vnpy", chunk_rows=64), span=Interval(FIRST, FIRST + 900 * MINUTE))
    assert max(len(chunk.rows) for chunk in found) <= 64
    assert sum(len(chunk.rows) for chunk in found) == 900
    assert [chunk.interval.end for chunk in found[:-1]] == [chunk.interval.start for chunk in found[1:]]
    assert found[-1].interval.end == FIRST + 900 * MINUTE
    assert "\"vt_symbol\" = 'BTCUSDT.BINANCE' AND \"interval\" = '1m'" in found[0].asked


def test_names_are_no_statements(table: Making, put: Put) -> None:
    put(vnpy('it\'s "A"\\, B', count=3))
    source = table(layout="vnpy")
    assert len(bars(source, 'it\'s "A"\\, B')) == 3
    with pytest.raises(DataNotFound):
        bars(source, "x' OR vt_symbol =~ /.*/ OR vt_symbol='")


def test_it_is_how_people_move_in(put: Put, influx_server: InfluxServer, influx_bucket: str) -> None:
    put(vnpy(count=500))
    options = {"url": influx_server.url, "bucket": influx_bucket, "token": influx_server.token, "layout": "vnpy"}
    options |= {"spelling": "{symbol}.BINANCE", "chunk_rows": "200"}
    with library(MemoryStore()) as opened:
        done = opened.ingest("BTC/USDT", "1m", source="influx_table", options=options)
        assert done.new == 500
        assert len(opened.bars("BTC-USDT", "1m", source="influx_table")) == 500


# --- what is refused -----------------------------------------------------------------------------


def test_several_points_of_one_time_are_refused_with_what_helps(table: Making, put: Put) -> None:
    fields = "open=1,high=2,low=1,close=2,volume=3"
    times = [FIRST + at * MINUTE for at in range(10)]
    for venue in ("X", "Y"):
        put(points("bars", f"instrument=A,timeframe=1m,venue={venue}", fields, times))
    for size in (1, 2, 3, 1000):
        with pytest.raises(DuplicateTimes, match="narrow it by another tag with the option where"):
            bars(table(measurement="bars", chunk_rows=size), "A")
    assert len(bars(table(measurement="bars", where="venue=X", chunk_rows=3), "A")) == 10


def test_an_error_is_history_once_the_table_was_read(put: Put, influx_server: InfluxServer, influx_bucket: str) -> None:
    fields = "open=1,high=2,low=0.5,close=1.5,volume=10"
    put(points("bars", "instrument=X,timeframe=1d,venue=A", fields, [FIRST, FIRST + DAY, FIRST + 2 * DAY]))
    put(points("bars", "instrument=X,timeframe=1d,venue=B", fields, [FIRST]))
    options = {"url": influx_server.url, "bucket": influx_bucket, "token": influx_server.token, "measurement": "bars"}
    with library(MemoryStore()) as bl:
        with pytest.raises(DuplicateTimes):
            bl.ingest("X", "1d", source="influx_table", start=FIRST, options=options)
        bl.ingest("X", "1d", source="influx_table", options={**options, "where": "venue=A"})
        assert set(bl.availability.check("X", "1d").reasons) == {"unconfirmed"}


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"measurement": "nothing"}, "has no measurement 'nothing'"),
        ({"layout": "vnpy", "columns": "close=last"}, "has no field last for close, but close_price, high_price"),
        ({"layout": "vnpy", "instrument_tag": "symbol"}, "has no tag symbol, but interval, vt_symbol"),
        ({"layout": "vnpy", "where": "venue=X"}, "has no tag venue"),
        ({"layout": "vnpy", "columns": "open=note"}, "the field note for open is of type string"),
    ],
    ids=str,
)
def test_a_table_that_is_not_so_is_told_with_what_there_is(
    table: Making, put: Put, options: dict[str, str], said: str
) -> None:
    put(vnpy(count=3) + f'bar_data,vt_symbol=B,interval=1m note="x" {FIRST}\n')
    with pytest.raises((SourceError, DataNotFound), match=said):
        bars(table(**options))


def test_an_instrument_and_a_timeframe_that_are_not_there(table: Making, put: Put) -> None:
    put(vnpy(count=3))
    with pytest.raises(DataNotFound, match="no vt_symbol='IBM'"):
        bars(table(layout="vnpy"), "IBM")
    with pytest.raises(CapabilityMissing):
        bars(table(layout="vnpy"), timeframe="5m")


def test_bars_that_break_a_rule_are_put_aside(table: Making, put: Put) -> None:
    put(vnpy(count=3) + points("bar_data", "vt_symbol=BTCUSDT.BINANCE,interval=1m", "high_price=1", [FIRST + MINUTE]))
    (chunk, *_) = chunks(table(layout="vnpy"), on_invalid="quarantine")
    assert [bar.code for bar in chunk.rejected] == ["high-below-low"]
    assert len(chunk.rows) == 2


def test_a_server_that_is_down_is_unavailable() -> None:
    source = InfluxTableSource(url="http://127.0.0.1:9", bucket="x", layout="vnpy", timeout=5)
    with pytest.raises(SourceUnavailable):
        bars(source)
    source.close()


def test_a_server_that_goes_away_is_unavailable_and_what_came_is_kept() -> None:
    with influxd() as server:
        connection = InfluxServer(url=server.url).connection()
        connection.execute('CREATE DATABASE "x"')
        connection.post_lines("x", vnpy(count=300).encode(), lambda: 30.0)
        source = InfluxTableSource(url=server.url, bucket="x", layout="vnpy", chunk_rows=100, timeout=10)
        found = source.fetch(request())
        assert len(next(found).rows) == 100
        server.stop(kill=True)
        with pytest.raises(SourceUnavailable):
            next(found)
        server.start()
        assert len(bars(source)) == 300
        source.close()


def test_a_wrong_token_and_a_bucket_that_is_not_there_are_told() -> None:
    with influxd(auth=True) as server:
        body = b"q=CREATE USER admin WITH PASSWORD 'secret' WITH ALL PRIVILEGES"
        with urllib.request.urlopen(f"{server.url}/query", body, timeout=30):  # noqa: S310 - our own
            pass
        with pytest.raises(SourceError, match="set the option token"):
            bars(InfluxTableSource(url=server.url, bucket="x", token="admin:wrong", layout="vnpy"))  # noqa: S106 - not a secret
        with pytest.raises(SourceError, match="no such bucket"):
            bars(InfluxTableSource(url=server.url, bucket="x", token="admin:secret", layout="vnpy"))  # noqa: S106 - not a secret


class _Html(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"<html>hello</html>")

    def log_message(self, *_: Any) -> None:
        pass


def test_something_else_than_influxdb_is_told() -> None:
    with HTTPServer(("127.0.0.1", 0), _Html) as server:
        Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        source = InfluxTableSource(url=f"http://127.0.0.1:{server.server_address[1]}", bucket="x", layout="vnpy")
        with pytest.raises(SourceError, match="is not InfluxDB"):
            bars(source)
        source.close()
        server.shutdown()


GOOD = {"url": "http://localhost:8086", "bucket": "b", "layout": "vnpy"}


@pytest.mark.parametrize(
    "wrong",
    [
        {"layout": "other"},
        {"measurement": "", "layout": ""},
        {"columns": "price=p"},
        {"columns": "close"},
        {"timeframes": "minute=1m"},
        {"timeframes": "", "timeframe_tag": ""},
        {"instrument_tag": ""},
        {"where": "venue"},
        {"spelling": "BTC"},
        {"label": "middle"},
        {"zone": "Mars/Olympus"},
        {"adjustment": "some"},
        {"timeout": "soon"},
        {"chunk_rows": "0"},
        {"url": "localhost"},
        {"url": "http://user:secret@localhost"},
        {"org": "o"},
    ],
    ids=str,
)
def test_an_option_that_cannot_be_used_is_refused(wrong: dict[str, str]) -> None:
    with pytest.raises(InvalidSetting, match=next(iter(wrong))):
        make_source("influx_table", GOOD | wrong)


def test_what_prices_are_adjusted_for_can_be_said() -> None:
    told = make_source("influx_table", GOOD | {"adjustment": "total"}).declaration
    assert set(told.adjustment.values()) == {"total"}
    assert set(told.adjustment) == set(VALUES)


def test_a_request_under_another_name_asks_for_it(table: Making, put: Put) -> None:
    put(vnpy("BTCUSDT.BINANCE", count=3))
    asked = replace(request("BTCUSDT"), native="BTCUSDT.BINANCE")
    assert sum(len(chunk.rows) for chunk in table(layout="vnpy").fetch(asked)) == 3
