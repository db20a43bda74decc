"""A real server on loopback, and real clients: curl, pandas and polars."""

import io
import json
import re
import signal
import socket
import stat
import subprocess
from pathlib import Path
from typing import Any

import pandas as pd
import polars as pl
import pytest

from barledger import BarLedger
from barledger.services.access.owner import kept_key
from commanded import commanded
from servers import free_ports
from serving import DAYS, Served, bearer, server_for

AAPL = "/api/v1/data/ohlcv/AAPL/1d"


def curl(*arguments: str) -> bytes:
    """Run the real curl, which must not fail."""
    return subprocess.run(["curl", "-sS", "--max-time", "30", *arguments], check=True, capture_output=True).stdout


def asked(served: Served, path: str, *arguments: str) -> bytes:
    """Ask with the key."""
    return curl("-H", f"Authorization: Bearer {served.key}", *arguments, f"{served.url}{path}")


# --- clients ---------------------------------------------------------------------------------------


def test_curl_reads_bars_and_has_a_304_for_those_it_has(served: Served, tmp_path: Path) -> None:
    tags, body = tmp_path / "tag", tmp_path / "body"
    keeping = ("--etag-save", str(tags), "--etag-compare", str(tags), "-o", str(body), "-w", "%{http_code}")
    assert asked(served, AAPL, *keeping) == b"200"
    assert json.loads(body.read_bytes())["meta"]["rows"] == DAYS
    assert asked(served, AAPL, *keeping) == b"304"


def test_curl_takes_a_slash_in_every_spelling(served: Served) -> None:
    for name in ("BTC/USDT", "BTC%2FUSDT", "BTC%2fUSDT"):
        told = json.loads(asked(served, f"/api/v1/data/ohlcv/{name}/1d?limit=1"))
        assert told["meta"]["instrument"] == "BTCUSDT"


def test_curl_sends_a_request_twice_and_has_it_done_once(served: Served) -> None:
    wish = '{"instruments": ["AAPL"], "timeframes": ["1d"]}'
    sent = ("-H", "Content-Type: application/json", "-H", "Idempotency-Key: once", "-d", wish)
    assert asked(served, "/api/v1/data/snapshot", *sent) == asked(served, "/api/v1/data/snapshot", *sent)
    assert len(served.bl.cache.snapshots()) == 1


def test_curl_asks_for_the_head_alone(served: Served) -> None:
    head = asked(served, AAPL, "-I")
    assert head.startswith(b"HTTP/1.1 200")
    assert b"barledger-digest" in head


def test_curl_uncovers_no_file(served: Served) -> None:
    for path in ("/../../etc/passwd", "/%2e%2e/%2e%2e/etc/passwd", "/api/v1/data/ohlcv/../../../etc/passwd"):
        told = json.loads(asked(served, path, "--path-as-is"))
        assert told["status"] in {404, 422}


def test_headers_that_are_a_bomb_are_refused(served: Served) -> None:
    with socket.create_connection(("127.0.0.1", int(served.url.rpartition(":")[2])), timeout=20) as bomb:
        bomb.sendall(b"GET /health HTTP/1.1\r\nHost: localhost\r\n" + b"X-A: " + b"a" * 300_000)
        assert b" 431 " in bomb.recv(1_000)
    assert json.loads(curl(f"{served.url}/health")) == {"status": "ok"}


def test_pandas_reads_from_the_address(served: Served) -> None:
    options: Any = bearer(served.key)
    expected = served.bl.bars("AAPL", "1d").df
    as_csv = pd.read_csv(
        f"{served.url}{AAPL}?format=csv", storage_options=options, index_col="time", parse_dates=["time"]
    )
    pd.testing.assert_frame_equal(as_csv, expected, check_freq=False, check_index_type=False, check_dtype=False)
    as_parquet = pd.read_parquet(f"{served.url}{AAPL}?format=parquet", storage_options=options)
    assert as_parquet["close"].tolist() == expected["close"].tolist()


def test_polars_reads_what_is_sent(served: Served) -> None:
    expected = served.bl.bars("AAPL", "1d").df["close"].tolist()
    assert pl.read_ipc_stream(io.BytesIO(asked(served, f"{AAPL}?format=arrow")))["close"].to_list() == expected
    assert pl.read_parquet(io.BytesIO(asked(served, f"{AAPL}?format=parquet")))["close"].to_list() == expected


def test_the_recipe_for_polars_in_the_docs_works(served: Served) -> None:
    text = (Path(__file__).parents[2] / "docs" / "remote.md").read_text(encoding="utf-8")
    (recipe,) = [one for one in re.findall(r"```python\n(.*?)```", text, re.DOTALL) if "polars" in one]
    found: dict[str, Any] = {}
    exec(recipe.replace("http://cache.desk:8321", served.url).replace("bl_…", served.key), found)  # noqa: S102
    found["server"].close()
    expected = served.bl.bars("AAPL", "1d")
    assert found["bars"]["close"].to_list() == found["same"]["close"].to_list() == expected.df["close"].tolist()
    assert len(found["bars"].columns) == 9


def test_a_client_that_goes_away_in_the_middle_harms_nobody(served: Served) -> None:
    served.bl.write("LONG", "1m", _minutes(300_000), source="desk")
    path, port = "/api/v1/data/ohlcv/LONG/1m?format=ndjson", int(served.url.rpartition(":")[2])
    for _ in range(3):
        with socket.create_connection(("127.0.0.1", port), timeout=20) as going:
            going.sendall(
                f"GET {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {served.key}\r\n\r\n".encode()
            )
            assert going.recv(10_000).startswith(b"HTTP/1.1 200")
    assert json.loads(asked(served, f"{AAPL}?limit=1"))["meta"]["rows"] == 1


def test_what_is_too_much_for_one_portion_comes_as_a_stream(served: Served) -> None:
    served.bl.write("LONG", "1m", _minutes(300_000), source="desk")
    expected = served.bl.bars("LONG", "1m")
    for form in ("arrow", "parquet", "csv", "ndjson", "json"):
        body = asked(served, f"/api/v1/data/ohlcv/LONG/1m?format={form}", "-D", "-")
        head, _, rest = body.partition(b"\r\n\r\n")
        assert f"barledger-digest: {expected.digest}".encode() in head
        assert b"transfer-encoding: chunked" in head.lower()
        assert _closes(form, rest) == expected.df["close"].tolist(), form


def _minutes(count: int) -> pd.DataFrame:
    index = pd.date_range("2020-01-01", periods=count, freq="min", tz="UTC")
    return pd.DataFrame({"open": 1.5, "high": 2.0, "low": 1.0, "close": 1.5, "volume": range(count)}, index=index)


def _closes(form: str, body: bytes) -> list[float]:
    match form:
        case "arrow":
            return pl.read_ipc_stream(io.BytesIO(body))["close"].to_list()
        case "parquet":
            return pl.read_parquet(io.BytesIO(body))["close"].to_list()
        case "csv":
            return pl.read_csv(io.BytesIO(body))["close"].to_list()
        case "ndjson":
            return pl.read_ndjson(io.BytesIO(body))["close"].to_list()
        case _:
            return [row["close"] for row in json.loads(body)["data"]]


# --- the command -----------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("told", [signal.SIGINT, signal.SIGTERM])
def test_the_first_start_makes_a_key_for_its_owner_and_a_signal_ends_it_well(home: Path, told: signal.Signals) -> None:
    assert not home.exists()
    with commanded(home, free_ports(1)[0]) as server:
        key = kept_key(home, server.port)
        file = home / "server" / f"loopback-{server.port}.key"
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        wrong = json.loads(curl(f"{server.url}{AAPL}"))
        assert wrong["code"] == "key-refused"
        missing = json.loads(curl("-H", f"Authorization: Bearer {key}", f"{server.url}{AAPL}"))
        assert missing["code"] == "series-not-found"
        assert server.stop(told) == 0
        out, err = server.out.read_text(), server.err.read_text()
    assert str(file) in err
    assert f"on {server.url}" in out
    assert key not in out + err


def test_an_answer_that_has_begun_is_finished_though_the_server_is_told_to_stop(bl: BarLedger) -> None:
    bl.write("LONG", "1m", _minutes(300_000), source="desk")
    key = bl.keys.create("served", scopes="read").text
    with server_for(bl) as (url, server):
        port = int(url.rpartition(":")[2])
        with socket.create_connection(("127.0.0.1", port), timeout=60) as begun:
            head = f"Host: localhost\r\nAuthorization: Bearer {key}\r\nConnection: close\r\n\r\n"
            begun.sendall(f"GET /api/v1/data/ohlcv/LONG/1m?format=csv HTTP/1.1\r\n{head}".encode())
            told = begun.recv(1_000)
            assert told.startswith(b"HTTP/1.1 200")
            server.should_exit = True
            while piece := begun.recv(1 << 20):
                told += piece
                assert len(told) < 100_000_000
        assert told.endswith(b"\r\n0\r\n\r\n"), "the last chunk is missing"
        assert b"2020-07-27T07:59:00" in told[-200:]
