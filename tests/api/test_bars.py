"""Bars over HTTP: in every form, whole and in pages, asked again, and with what they resolved to."""

import base64
import io
import json
from typing import Any

import orjson
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from asgi import AppClient
from barledger import BarLedger
from barledger.api.formats import FORMATS
from libraries import frame
from serving import DAYS

AAPL = "/api/v1/data/ohlcv/AAPL/1d"


def read(form: str, body: bytes) -> pd.DataFrame:
    """Read a body as its users would; returns frames with time and close."""
    match form:
        case "json":
            found = pd.DataFrame(json.loads(body)["data"])
        case "ndjson":
            found = pd.DataFrame([json.loads(line) for line in body.splitlines()])
        case "csv":
            found = pd.read_csv(io.BytesIO(body))
        case "arrow":
            found = pa.ipc.open_stream(body).read_all().to_pandas()
        case _:
            found = pq.read_table(io.BytesIO(body)).to_pandas()
    return found.assign(time=pd.to_datetime(found["time"], utc=True).dt.as_unit("ns"))[["time", "close"]]


@pytest.mark.parametrize("form", FORMATS)
def test_every_form_has_the_same_bars(client: AppClient, bl: BarLedger, form: str) -> None:
    answer = client.get(AAPL, params={"format": form})
    assert answer.status_code == 200
    assert answer.headers["content-type"].partition(";")[0] == FORMATS[form].media_type
    expected = bl.bars("AAPL", "1d")
    found = read(form, answer.content)
    assert found["close"].tolist() == expected.df["close"].tolist()
    assert found["time"].tolist() == expected.df.index.tolist()
    assert answer.headers["barledger-digest"] == expected.digest
    assert answer.headers["barledger-revision"] == str(expected.revision)


@pytest.mark.parametrize("form", FORMATS)
def test_a_form_may_be_named_by_accept(client: AppClient, form: str) -> None:
    media = FORMATS[form].media_type
    answer = client.get(AAPL, headers={"accept": f"text/html, {media};q=0.9, */*;q=0.1"})
    assert answer.headers["content-type"].partition(";")[0] == media


@pytest.mark.parametrize("accept", ["text/html", "image/*", "application/json;q=0"])
def test_what_cannot_be_had_is_not_acceptable(client: AppClient, accept: str) -> None:
    answer = client.get(AAPL, headers={"accept": accept})
    assert (answer.status_code, answer.json()["code"]) == (406, "not-acceptable")
    assert "text/csv" in answer.json()["next_step"]


@pytest.mark.parametrize("path", ["BTC/USDT/1d", "BTC%2FUSDT/1d", "BTC-USDT/1d", "BTCUSDT/1d"])
def test_an_instrument_with_a_slash_is_found_in_every_spelling(client: AppClient, path: str) -> None:
    meta = client.get(f"/api/v1/data/ohlcv/{path}").json()["meta"]
    assert (meta["instrument"], meta["rows"]) == ("BTCUSDT", DAYS)


# --- pages ---------------------------------------------------------------------------------------


def pages(client: AppClient, url: str) -> list[dict[str, Any]]:
    found = []
    while url:
        answer = client.get(url)
        assert answer.status_code == 200, answer.text
        found.append(answer.json())
        url = found[-1]["next"]
        assert ("link" in answer.headers) == bool(url)
        assert not url or answer.headers["link"] == f'<{url}>; rel="next"'
    return found


@pytest.mark.slow
@pytest.mark.parametrize("limit", [1, 7, 100, DAYS - 1, DAYS, DAYS + 1])
def test_pages_together_are_the_whole(client: AppClient, limit: int) -> None:
    whole = client.get(AAPL).json()
    found = pages(client, f"{AAPL}?limit={limit}")
    assert [row for page in found for row in page["data"]] == whole["data"]
    assert [len(page["data"]) for page in found[:-1]] == [limit] * (len(found) - 1)
    assert 0 < len(found[-1]["data"]) <= limit


def test_later_pages_are_of_the_state_of_the_first(client: AppClient, bl: BarLedger) -> None:
    whole = client.get(AAPL).json()
    first = client.get(f"{AAPL}?limit=100").json()
    bl.write("AAPL", "1d", frame(range(DAYS + 50), 777.0), source="desk")
    found = [first, *pages(client, first["next"])]
    assert [row for page in found for row in page["data"]] == whole["data"]
    assert {page["meta"]["revision"] for page in found} == {whole["meta"]["revision"]}


@pytest.mark.parametrize(
    "change", ["start_date=1970-02-01", "version=first", "include_adjusted=true", "columns=close", "source=desk"]
)
def test_a_cursor_of_another_question_is_refused(client: AppClient, change: str) -> None:
    following = client.get(f"{AAPL}?limit=10").json()["next"]
    answer = client.get(f"{following}&{change}")
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid-cursor")
    other = following.replace("AAPL", "BTC/USDT")
    assert client.get(other).json()["code"] == "invalid-cursor"


@pytest.mark.parametrize("beyond", [str(2**63), "9" * 19, "-" + "9" * 30, "9" * 1_000])
def test_no_number_is_beyond_what_a_time_can_be(client: AppClient, beyond: str) -> None:
    told = client.get(f"{AAPL}?limit=10").json()["next"]
    path, _, cursor = told.partition("cursor=")
    known = orjson.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    assert base64.urlsafe_b64encode(orjson.dumps(known)).decode().rstrip("=") == cursor
    for forged in ({"s": beyond}, {"k": beyond}, {"a": [["desk", beyond]]}):
        other = base64.urlsafe_b64encode(orjson.dumps(known | forged)).decode().rstrip("=")
        answer = client.get(f"{path}cursor={other}")
        assert (answer.status_code, answer.json()["code"]) == (422, "invalid-cursor"), forged
    for url in (f"{AAPL}?version=revision:{beyond}", f"/api/v1/jobs?cursor={beyond}"):
        assert client.get(url).status_code == 422
    assert client.get("/api/v1/events?seconds=0.1", headers={"Last-Event-ID": beyond}).status_code == 422


@pytest.mark.parametrize("cursor", ["x", "e30", "bnVsbA", "W10", "A" * 4096])
def test_what_is_no_cursor_is_refused(client: AppClient, cursor: str) -> None:
    answer = client.get(AAPL, params={"cursor": cursor})
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid-cursor")


# --- asked again ---------------------------------------------------------------------------------


@pytest.mark.parametrize("form", FORMATS)
def test_what_a_client_has_is_not_read_again(
    client: AppClient, bl: BarLedger, form: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = f"{AAPL}?format={form}&include_adjusted=true"
    first = client.get(url)

    def untouched(*_: object, **__: object) -> None:
        pytest.fail("the store was read")

    monkeypatch.setattr(bl.vault.store, "read", untouched)
    again = client.get(url, headers={"if-none-match": f'"other", W/{first.headers["etag"]}'})
    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["etag"] == first.headers["etag"]


def test_a_tag_is_of_the_bars_and_of_the_form(client: AppClient, bl: BarLedger) -> None:
    def tag(**wish: str) -> str:
        return client.get(AAPL, params=wish).headers["etag"]

    tags = {tag(), tag(format="csv"), tag(limit="5"), tag(end_date="1970-03-01"), tag(times="epoch_s")}
    assert len(tags) == 5
    bl.write("BTC/USDT", "1d", frame(range(5), 1.0), source="venue")
    assert tag() in tags
    bl.write("AAPL", "1d", frame(range(5), 1.0), source="desk")
    assert tag() not in tags


def test_only_snapshots_are_for_ever(client: AppClient, bl: BarLedger) -> None:
    bl.snapshot("AAPL", "1d", id="fixed")
    assert "immutable" in client.get(AAPL, params={"version": "fixed"}).headers["cache-control"]
    # What a strategy means may change, though it is a snapshot each time.
    bl.snapshot("AAPL", "1d", strategy="m7")
    assert client.get(AAPL, params={"version": "strategy:m7"}).headers["cache-control"] == "private, no-cache"
    assert client.get(AAPL).headers["cache-control"] == "private, no-cache"


def test_head_is_get_without_a_body(client: AppClient) -> None:
    got, head = client.get(AAPL), client.head(AAPL)
    assert (head.status_code, head.content) == (200, b"")
    for name in ("etag", "barledger-digest", "content-type", "cache-control"):
        assert head.headers[name] == got.headers[name]


# --- how values are written ------------------------------------------------------------------------


def test_text_has_six_columns_and_typed_forms_nine_unless_others_are_asked_for(client: AppClient) -> None:
    def columns(query: str) -> list[str]:
        return pd.read_csv(io.BytesIO(client.get(f"{AAPL}?last=1&{query}").content)).columns.tolist()

    typed = pd.read_parquet(io.BytesIO(client.get(f"{AAPL}?last=1&format=parquet").content)).columns
    assert columns("format=csv") == ["time", "open", "high", "low", "close", "volume"]
    assert {*typed} == {*columns("format=csv"), "adjustment_factor", "source_id", "revision"}
    assert columns("format=csv&columns=close,revision,close_time") == ["time", "close", "revision", "close_time"]
    assert "adj_close" in columns("format=csv&include_adjusted=true")


def test_columns_come_first_where_they_are_asked_for(client: AppClient) -> None:
    data = client.get(AAPL, params={"orient": "columns", "last": 2, "columns": "close"}).json()["data"]
    assert data == {"time": ["1970-10-26T00:00:00Z", "1970-10-27T00:00:00Z"], "close": [102.98, 102.99]}


@pytest.mark.parametrize(
    ("times", "first"), [("epoch_s", 0), ("epoch_ms", 0), ("epoch_ns", "0"), ("rfc3339", "1970-01-01T00:00:00Z")]
)
def test_times_are_written_as_they_are_asked_for(client: AppClient, times: str, first: object) -> None:
    assert client.get(AAPL, params={"times": times, "limit": 1}).json()["data"][0]["time"] == first


def test_a_missing_value_is_null_and_nothing_in_csv(client: AppClient, bl: BarLedger) -> None:
    bl.write("GAP", "1d", frame(range(2)).assign(volume=[1.0, None]), source="desk")
    assert [row["volume"] for row in client.get("/api/v1/data/ohlcv/GAP/1d").json()["data"]] == [1.0, None]
    assert client.get("/api/v1/data/ohlcv/GAP/1d?format=csv").text.splitlines()[-1].endswith(",")


def test_bars_may_look_as_another_library_has_them(client: AppClient) -> None:
    lines = client.get(AAPL, params={"style": "yfinance", "format": "csv"}).text.splitlines()
    assert lines[0] == '"Date","Open","High","Low","Close","Volume"'
    assert lines[1].startswith('"1970-01-01T00:00:00"')


# --- what is refused -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("start_date=yesterday", "start_date"),
        ("start_date=2020-01-02&end_date=2020-01-01", "start_date"),
        ("version=revision:9223372036854775807", "version"),
        ("version=strategy", None),
        ("limit=0", "limit"),
        ("limit=999999999999", "limit"),
        ("limit=1&last=1", "last"),
        ("format=xml", "format"),
        ("style=excel", "style"),
        ("columns=open,nothing", "columns"),
        ("adjust=half", "adjust"),
        ("nothing=1", "nothing"),
        ("times=epoch_s&format=arrow", None),
    ],
)
def test_what_is_wrong_is_named(client: AppClient, query: str, field: str | None) -> None:
    answer = client.get(f"{AAPL}?{query}")
    told = answer.json()
    assert answer.headers["content-type"] == "application/problem+json"
    assert told["next_step"]
    if field is None:
        assert 400 <= answer.status_code < 500
        return
    assert answer.status_code == 422
    assert field in {one["field"] for one in told["errors"]}


def test_a_range_of_all_times_is_no_burden(client: AppClient) -> None:
    answer = client.get(AAPL, params={"start_date": "0001-01-01", "end_date": "9999-12-31"})
    assert answer.json()["meta"]["rows"] == DAYS


@pytest.mark.parametrize("name", ["..%2F..%2Fetc%2Fpasswd", "%00", "A%0AB", "%F0%9F%98%80", "x" * 300])
def test_hostile_names_are_only_names(client: AppClient, name: str) -> None:
    answer = client.get(f"/api/v1/data/ohlcv/{name}/1d")
    assert answer.status_code in {404, 422}
    assert answer.headers["content-type"] == "application/problem+json"


def test_a_page_goes_on_in_the_snapshot_that_a_strategy_meant_at_first(client: AppClient, bl: BarLedger) -> None:
    first = bl.snapshot("AAPL", "1d", strategy="m7")
    whole = client.get(AAPL, params={"version": first.id}).json()["data"]
    page = client.get(AAPL, params={"version": "strategy:m7", "limit": 7}).json()
    found = page["data"]
    bl.write("AAPL", "1d", frame(range(DAYS), 500.0), source="desk")
    newer = bl.snapshot("AAPL", "1d", strategy="m7")
    while page["next"]:
        page = client.get(page["next"]).json()
        assert page["meta"]["version"] == first.id
        found += page["data"]
    assert found == whole
    assert client.get(AAPL, params={"version": "strategy:m7"}).json()["meta"]["version"] == newer.id


def test_a_style_has_its_columns(client: AppClient) -> None:
    for more in ({"columns": "close"}, {"include_adjusted": "true"}):
        answer = client.get(AAPL, params={"style": "yfinance", "format": "csv", **more})
        assert answer.status_code == 422
        assert answer.json()["errors"][0]["field"] == "style"


@pytest.mark.parametrize("form", FORMATS)
def test_a_source_that_nobody_has_is_warned_of(client: AppClient, form: str) -> None:
    told = "there are no bars of AAPL 1d from nope; there are AAPL 1d from desk"
    for wish in ({}, {"last": 5}, {"limit": 5}, {"start_date": "1970-02-01"}):
        answer = client.get(AAPL, params={"source": "nope", "format": form, **wish})
        assert (answer.status_code, answer.headers["barledger-warning"]) == (200, told)
    if form == "json":
        assert answer.json()["meta"]["warnings"] == [told]


def test_what_adjusted_columns_are_adjusted_for_is_told(client: AppClient) -> None:
    for asked, told in (
        ({}, None),
        ({"adjust": "splits"}, None),
        ({"include_adjusted": "true"}, "total"),
        ({"include_adjusted": "true", "adjust": "splits"}, "splits"),
    ):
        answer = client.get(AAPL, params=asked)
        assert answer.json()["meta"]["adjusted"] == told
        assert answer.headers.get("barledger-adjusted") == told
