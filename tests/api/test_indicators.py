"""Indicators over HTTP: of one instrument, and of many as a stream."""

import io
import json
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from asgi import AppClient
from barledger import BarLedger
from barledger.api.app import build
from barledger.api.batches import BatchTable
from barledger.api.formats import FORMATS
from barledger.api.options import Options
from libraries import frame
from serving import DAYS, OPTIONS, KeyOf, bearer

BASE = "/api/v1/indicators"
SMA = {"instrument": "AAPL", "timeframe": "1d", "parameters": '{"timeperiod": 20}'}
WISH = {"instruments": ["AAPL", "BTC/USDT"], "timeframe": "1d", "indicators": ["sma(20)", "rsi(14)"]}


def read(form: str, body: bytes) -> pd.DataFrame:
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
    return found.assign(time=pd.to_datetime(found["time"], utc=True).dt.as_unit("ns"))


@pytest.mark.parametrize("form", FORMATS)
def test_every_form_has_the_values_of_the_library(client: AppClient, bl: BarLedger, form: str) -> None:
    answer = client.get(f"{BASE}/calculate/sma", params=SMA | {"start_date": "1970-02-01", "format": form})
    assert answer.status_code == 200
    expected = bl.indicators.calculate("sma(20)", "AAPL", "1d", start="1970-02-01")
    found = read(form, answer.content)
    assert found["sma(timeperiod=20)"].tolist() == expected.values("sma(20)").tolist()
    assert found["time"].tolist() == expected.df.index.tolist()
    assert answer.headers["barledger-digest"] == expected.digest
    assert answer.headers["barledger-bars-digest"] == expected.bars_digest
    assert answer.headers["barledger-warmup-complete"] == "true"


def test_the_envelope_tells_what_the_values_rest_on(client: AppClient, bl: BarLedger) -> None:
    meta = client.get(f"{BASE}/calculate/sma", params=SMA | {"last": 5}).json()["meta"]
    expected = bl.indicators.calculate("sma(20)", "AAPL", "1d", last=5)
    standing = expected.standings["sma(20)"]
    told = meta["standings"]["sma(timeperiod=20)"]
    assert told["agreement"] == standing.agreement == "within 1e-9 of its largest input"
    assert (told["key"], told["needed"], told["had"]) == (standing.key, standing.needed, standing.had)
    assert meta["provenance"]["used_rows"] == expected.provenance["used_rows"]
    assert meta["provenance"]["sources"] == [{"source": "desk", "rows": 24}]
    assert meta["rows"] == 5


def test_a_snapshot_answers_as_it_was(client: AppClient, bl: BarLedger) -> None:
    bl.snapshot("AAPL", "1d", id="fixed")
    before = client.get(f"{BASE}/calculate/sma", params=SMA | {"version": "fixed"}).json()
    bl.write("AAPL", "1d", frame(range(DAYS), 7.0), source="desk")
    assert client.get(f"{BASE}/calculate/sma", params=SMA | {"version": "fixed"}).json()["data"] == before["data"]
    assert client.get(f"{BASE}/calculate/sma", params=SMA).json()["data"] != before["data"]


def test_values_that_a_client_has_are_not_sent_again(client: AppClient, bl: BarLedger) -> None:
    tag = client.get(f"{BASE}/calculate/sma", params=SMA).headers["etag"]
    assert client.get(f"{BASE}/calculate/sma", params=SMA, headers={"if-none-match": tag}).status_code == 304
    assert client.get(f"{BASE}/calculate/sma", params=SMA | {"format": "csv"}).headers["etag"] != tag
    bl.write("AAPL", "1d", frame(range(DAYS), 7.0), source="desk")
    assert client.get(f"{BASE}/calculate/sma", params=SMA, headers={"if-none-match": tag}).status_code == 200


def test_parameters_are_numbers_and_words(client: AppClient, bl: BarLedger) -> None:
    wish = SMA | {"parameters": '{"timeperiod": 10, "nbdevup": 1.5, "matype": "ema"}', "last": 3}
    found = client.get(f"{BASE}/calculate/bbands", params=wish).json()["data"]
    expected = bl.indicators.calculate("bbands(10, 1.5, matype=ema).upper", "AAPL", "1d", last=3)
    column = next(name for name in found[0] if name.endswith(".upper"))
    assert [row[column] for row in found] == expected.values(expected.columns[0]).tolist()


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"parameters": "[1]"}, "parameters"),
        ({"parameters": "{"}, "parameters"),
        ({"parameters": '{"timeperiod": [1]}'}, "parameters"),
        ({"parameters": '{"timeperiod": 5, "timeperiod": 6}'}, "parameters"),
        ({"parameters": '{"source": "x"}'}, "parameters.source"),
        ({"parameters": '{"timeperiod": true}'}, "parameters"),
        ({"parameters": '{"timeperiod": 0}'}, "parameters.timeperiod"),
        ({"parameters": '{"timeperiod": 1e300}'}, "parameters.timeperiod"),
        ({"parameters": '{"nothing": 1}'}, "parameters.nothing"),
        ({"parameters": '{"a) + sma(": 1}'}, "parameters.a) + sma("),
        ({"parameters": '{"timeperiod": "\'\\""}'}, "parameters.timeperiod"),
        ({"start_date": "2000-01-02", "end_date": "2000-01-01"}, "start_date"),
        ({"version": "revision:x"}, "version"),
        ({"nan_policy": "guess"}, "nan_policy"),
        ({"format": "xls"}, "format"),
        ({"last": "0"}, "last"),
    ],
)
def test_what_cannot_be_meant_names_its_field(client: AppClient, change: dict[str, str], field: str) -> None:
    answer = client.get(f"{BASE}/calculate/sma", params=SMA | change)
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"] == field


@pytest.mark.filterwarnings("ignore::barledger.errors.GapsUnseen")
def test_what_gaps_are_not_seen_is_told(client: AppClient, bl: BarLedger) -> None:
    for policy, warned in (("segment", []), ("raise", [True])):
        items = client.post(f"{BASE}/batch", json=WISH | {"nan_policy": policy}).json()["items"]
        assert [["nobody named a calendar" in told for told in one["warnings"]] for one in items] == [warned] * 2
    for policy, warned in (("segment", []), ("raise", [True])):
        meta = client.get(f"{BASE}/calculate/sma", params=SMA | {"nan_policy": policy}).json()["meta"]
        assert "nobody named a calendar for AAPL" in meta["provenance"]["gaps"]["unseen"]
        assert ["nobody named a calendar" in one for one in meta["warnings"]] == warned
    bl.instruments.declare("AAPL", calendar="24/7")
    meta = client.get(f"{BASE}/calculate/sma", params=SMA | {"nan_policy": "raise"}).json()["meta"]
    assert (meta["warnings"], meta["provenance"]["gaps"]["unseen"]) == ([], None)


def test_an_indicator_that_there_is_not_is_not_found(client: AppClient) -> None:
    for path in ("calculate/smaa", "describe/smaa"):
        answer = client.get(f"{BASE}/{path}", params=SMA if "calc" in path else {})
        assert (answer.status_code, answer.json()["code"]) == (404, "indicator-not-found")
        assert "sma" in answer.json()["fields"]["nearest"]


def test_indicators_are_listed_and_described(client: AppClient, bl: BarLedger) -> None:
    every = client.get(BASE).json()["items"]
    assert [one["name"] for one in every] == [one.name for one in bl.indicators.list()]
    momentum = client.get(BASE, params={"kind": "momentum"}).json()["items"]
    assert 0 < len(momentum) < len(every)
    assert client.get(BASE, params={"kind": "custom"}).json()["items"] == []
    assert client.get(f"{BASE}/describe/rsi").json() in momentum


# --- batches ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("form", FORMATS)
def test_a_batch_has_the_values_of_each_instrument(client: AppClient, bl: BarLedger, form: str) -> None:
    answer = client.post(f"{BASE}/batch", json=WISH | {"start_date": "1970-02-01"}, params={"format": form})
    assert answer.status_code == 200
    found = read(form, answer.content)
    assert found.columns.tolist() == ["instrument", "time", "sma(20)", "rsi(14)", "error"]
    for name in ("AAPL", "BTCUSDT"):
        expected = bl.indicators.calculate(WISH["indicators"], name, "1d", start="1970-02-01")
        mine = found[found["instrument"] == name]
        assert mine["rsi(14)"].tolist() == expected.values("rsi(14)").tolist()
        assert mine["time"].tolist() == expected.df.index.tolist()
        assert mine["error"].isna().all()


@pytest.mark.parametrize("form", FORMATS)
def test_what_fails_is_told_and_stops_no_other(client: AppClient, form: str) -> None:
    wish = WISH | {"instruments": ["NOPE", "AAPL", "NADA"]}
    answer = client.post(f"{BASE}/batch", json=wish, params={"format": form})
    assert answer.status_code == 200
    found = read(form, answer.content)
    failed = found[found["instrument"] != "AAPL"]
    assert sorted(failed["instrument"]) == ["NADA", "NOPE"]
    assert failed["error"].str.startswith("series-not-found: ").all()
    assert failed["time"].isna().all()
    assert (found["instrument"] == "AAPL").sum() == DAYS


def test_items_tell_what_became_of_each(client: AppClient, bl: BarLedger) -> None:
    told = client.post(f"{BASE}/batch", json=WISH | {"instruments": ["AAPL", "NOPE"]}).json()
    items = {one["instrument"]: one for one in told["items"]}
    expected = bl.indicators.calculate(WISH["indicators"], "AAPL", "1d")
    assert items["AAPL"]["digest"] == expected.digest
    assert (items["AAPL"]["rows"], items["AAPL"]["error"]) == (DAYS, None)
    assert items["NOPE"]["error"]["code"] == "series-not-found"
    assert items["NOPE"]["error"]["next_step"]


def test_where_everything_fails_that_is_the_answer(client: AppClient) -> None:
    told = client.post(f"{BASE}/batch", json=WISH | {"instruments": ["NOPE"]}).json()
    assert [one["error"]["code"] for one in told["items"]] == ["series-not-found"]
    assert [row["sma(20)"] for row in told["data"]] == [None]


@pytest.mark.parametrize("form", FORMATS)
def test_a_long_batch_comes_in_portions_and_is_the_same(bl: BarLedger, key_of: KeyOf, form: str) -> None:
    for number in range(12):
        bl.write(f"S{number}", "1d", frame(range(500), 10.0 + number), source="desk")
    wish = {"instruments": [f"S{number}" for number in range(12)], "timeframe": "1d", "indicators": ["sma(3)"]}
    app = build(bl, Options(hosts=("localhost",), page_rows=1_024))
    client = AppClient(app, headers=bearer(key_of("read")))
    answer = client.post(f"{BASE}/batch", json=wish, params={"format": form})
    assert "content-length" not in answer.headers
    found = read(form, answer.content)
    assert found["instrument"].drop_duplicates().tolist() == wish["instruments"]
    for name, part in found.groupby("instrument"):
        expected = bl.indicators.calculate("sma(3)", str(name), "1d").df["sma(3)"]
        assert part["sma(3)"].fillna(-1.0).tolist() == expected.fillna(-1.0).tolist()


def test_no_more_is_computed_than_is_about_to_be_sent(bl: BarLedger) -> None:
    names = [f"S{number}" for number in range(60)]
    for name in names:
        bl.write(name, "1d", frame(range(600)), source="desk")
    found = bl.indicators.batches(names, "1d", ["sma(3)"])
    portions = BatchTable(found, bl.indicators.columns("sma(3)"), portion=1_024).portions()
    assert len(next(portions)) == 1_200
    assert repr(found) == "<Batches: 2 instruments so far>"
    assert sum(map(len, portions)) == 58 * 600


@pytest.mark.parametrize(
    ("change", "status", "code"),
    [
        ({"indicators": ["sma(20"]}, 422, "invalid-spec"),
        ({"indicators": ["smaa"]}, 404, "indicator-not-found"),
        ({"indicators": ["sma(0)"]}, 422, "parameter-invalid"),
        ({"indicators": []}, 422, "invalid-request"),
        ({"instruments": []}, 422, "invalid-request"),
        ({"timeframe": "7d"}, 422, "invalid-request"),
        ({"nothing": 1}, 422, "invalid-request"),
        ({"start_date": "2000-01-02", "end_date": "2000-01-01"}, 422, "invalid-interval"),
    ],
)
def test_what_is_wrong_with_a_batch_is_told_before_it_begins(
    client: AppClient, change: dict[str, Any], status: int, code: str
) -> None:
    answer = client.post(f"{BASE}/batch", json=WISH | change)
    assert (answer.status_code, answer.json()["code"]) == (status, code)


def test_a_version_that_an_instrument_does_not_have_is_told_of_it(client: AppClient, bl: BarLedger) -> None:
    bl.snapshot("AAPL", "1d", id="apples")
    told = client.post(f"{BASE}/batch", json=WISH | {"version": "apples"}).json()
    assert {one["instrument"]: one["error"] and one["error"]["code"] for one in told["items"]} == {
        "AAPL": None,
        "BTCUSDT": "not-pinned",
    }


def test_columns_first_are_for_what_fits_into_one_portion(client: AppClient) -> None:
    told = client.post(f"{BASE}/batch", json=WISH, params={"orient": "columns"}).json()
    assert len(told["data"]["sma(20)"]) == 2 * DAYS
    assert [one["rows"] for one in told["items"]] == [DAYS, DAYS]


def test_an_instrument_in_a_spec_needs_a_right_too(client: AppClient, key_of: KeyOf) -> None:
    headers = bearer(key_of("read", instruments=("AAPL",)))
    wish = WISH | {"instruments": ["AAPL"], "indicators": ["correl(close, @'BTC/USDT', 30)"]}
    assert client.post(f"{BASE}/batch", json=wish, headers=headers).json()["code"] == "instrument-denied"
    assert client.post(f"{BASE}/batch", json=wish | {"indicators": ["sma"]}, headers=headers).status_code == 200
    denied = client.get(f"{BASE}/calculate/sma", params=SMA | {"instrument": "BTC/USDT"}, headers=headers)
    assert denied.json()["code"] == "instrument-denied"


# --- how many bars a request may hold --------------------------------------------------------------

YEARS = {"timeframe": "1d", "instrument": "LONG"}


@pytest.fixture
def bounded(bl: BarLedger) -> AppClient:
    """A client of a server that computes of at most 800 bars at once, over a series of four years."""
    bl.write("LONG", "1d", frame(range(1_461)), source="desk")
    key = bl.keys.create("desk", scopes="read").text
    return AppClient(build(bl, replace(OPTIONS, indicator_bars=800)), headers=bearer(key))


@pytest.mark.parametrize("path", ["calculate/sma", "values"])
def test_more_bars_than_a_request_may_hold_are_refused_with_what_to_do(bounded: AppClient, path: str) -> None:
    wish = YEARS | ({"indicators": "sma(20)"} if path == "values" else {})
    told = bounded.get(f"{BASE}/{path}", params=wish)
    assert (told.status_code, told.json()["code"]) == (422, "too-many-bars"), told.text
    assert told.json()["fields"] == {"series": "LONG 1d", "bars": 1_461, "most": 800}
    assert [one["field"] for one in told.json()["errors"]] == ["start_date", "end_date"]
    assert "batch-indicators" in told.json()["next_step"]


@pytest.mark.parametrize("asked", [{"start_date": "1973-01-01"}, {"end_date": "1972-01-01"}, {"last": 365}])
def test_a_stretch_that_is_short_enough_has_the_values_of_the_whole(
    bounded: AppClient, bl: BarLedger, asked: dict[str, Any]
) -> None:
    told = bounded.get(f"{BASE}/calculate/sma", params=YEARS | asked | {"parameters": '{"timeperiod": 20}'})
    assert told.status_code == 200, told.text
    whole = bl.indicators.calculate("sma(20)", "LONG", "1d").df["sma(20)"]
    found = read("json", told.content).set_index("time")["sma(timeperiod=20)"].astype(float)
    assert len(found) >= 365
    expected = whole.loc[found.index].tolist()
    assert found.tolist() == pytest.approx(expected, rel=1e-9, nan_ok=True)


def test_what_counts_from_the_first_bar_needs_all_of_them(bounded: AppClient) -> None:
    told = bounded.get(f"{BASE}/calculate/obv", params=YEARS | {"start_date": "1973-12-01"})
    assert told.json()["code"] == "too-many-bars"


def test_more_columns_are_of_fewer_bars(bounded: AppClient) -> None:
    asked = YEARS | {"end_date": "1972-01-01"}
    assert bounded.get(f"{BASE}/values", params=asked | {"indicators": "sma(20)"}).status_code == 200
    many = [f"sma({period})" for period in range(2, 22)]
    told = bounded.get(f"{BASE}/values", params=asked | {"indicators": many}).json()
    assert (told["code"], told["fields"]["bars"], told["fields"]["most"]) == ("too-many-bars", 730, 800 * 11 // 30)


def test_a_batch_counts_the_bars_of_each_instrument(bounded: AppClient) -> None:
    wish = {"instruments": ["AAPL", "BTC/USDT", "NONE"], "timeframe": "1d", "indicators": ["sma(20)"]}
    assert bounded.post(f"{BASE}/batch", json=wish).status_code == 200
    for many in (["AAPL", "LONG"], [*wish["instruments"], "LONG", *(f"N{number}" for number in range(9))]):
        told = bounded.post(f"{BASE}/batch", json=wish | {"instruments": many}).json()
        assert (told["code"], told["fields"]["series"]) == ("too-many-bars", "LONG 1d")


def test_bars_of_the_instruments_that_a_spec_names_count_as_well(bounded: AppClient, bl: BarLedger) -> None:
    wish = {"instrument": "AAPL", "timeframe": "1d", "indicators": "sma(@LONG.close, 20)"}
    assert bounded.get(f"{BASE}/values", params=wish).json()["fields"]["series"] == "LONG 1d"
    assert bounded.get(f"{BASE}/values", params=wish | {"last": 5}).status_code == 200
    pinned = wish | {"last": 5, "version": bl.snapshot(["AAPL", "LONG"], "1d").id}
    assert bounded.get(f"{BASE}/values", params=pinned).json()["fields"]["series"] == "LONG 1d"


def test_a_snapshot_counts_what_it_pins(bounded: AppClient, bl: BarLedger) -> None:
    pinned = {name: bl.snapshot(["LONG"], "1d", end=end).id for name, end in (("short", "1971-12-01"), ("all", None))}
    for name, status in (("short", 200), ("all", 422)):
        told = bounded.get(f"{BASE}/calculate/sma", params=YEARS | {"version": pinned[name]})
        assert told.status_code == status, told.text


# --- inputs by name, and bars of a source that nobody has --------------------------------------------


@pytest.mark.parametrize(
    ("given", "spec"),
    [
        ("@BTCUSDT", "rolling_beta(close, @BTCUSDT, 20)"),
        ("@BTCUSDT.high", "rolling_beta(close, @BTCUSDT.high, 20)"),
        ("sma(@BTCUSDT.close, 5)", "rolling_beta(close, sma(@BTCUSDT, 5), 20)"),
        ("open", "rolling_beta(close, open, 20)"),
    ],
)
def test_an_input_by_its_name_is_what_a_spec_takes(client: AppClient, bl: BarLedger, given: str, spec: str) -> None:
    wish = SMA | {"parameters": json.dumps({"benchmark": given, "period": 20})}
    answer = client.get(f"{BASE}/calculate/rolling_beta", params=wish | {"format": "arrow"})
    assert answer.status_code == 200, answer.text
    assert answer.headers["barledger-digest"]
    found = pa.ipc.open_stream(answer.content).read_all().column(1).to_numpy()
    np.testing.assert_array_equal(found, bl.indicators.calculate(spec, "AAPL", "1d").values(spec))


@pytest.mark.parametrize("given", ["@BTCUSDT, 20", "@BTCUSDT) + x(", "@", "sma(5), x=3", "no such column"])
def test_an_input_is_one_input(client: AppClient, given: str) -> None:
    wish = SMA | {"parameters": json.dumps({"benchmark": given})}
    assert client.get(f"{BASE}/calculate/rolling_beta", params=wish).status_code == 422


def test_an_input_of_another_instrument_needs_a_key_for_it(client: AppClient, key_of: KeyOf) -> None:
    wish = SMA | {"parameters": '{"benchmark": "sma(@BTCUSDT.close, 5)"}'}
    headers = bearer(key_of("read", instruments=("A*",)))
    assert client.get(f"{BASE}/calculate/rolling_beta", params=wish, headers=headers).status_code == 403


def test_an_input_that_is_missing_is_told_how_to_be_named(client: AppClient) -> None:
    told = client.get(f"{BASE}/calculate/rolling_beta", params=SMA | {"parameters": "{}"}).json()
    assert (told["code"], told["fields"]["column"]) == ("input-missing", "benchmark")
    assert '{"benchmark": "@MSFT.close"}' in told["next_step"]


@pytest.mark.filterwarnings("ignore::barledger.errors.NoBars")
@pytest.mark.parametrize(("path", "more"), [("calculate/sma", {}), ("values", {"indicators": "sma(5)"})])
def test_a_source_that_nobody_has_is_warned_of_in_every_form(
    client: AppClient, path: str, more: dict[str, str]
) -> None:
    wish = {"instrument": "AAPL", "timeframe": "1d", **more}
    told = client.get(f"{BASE}/{path}", params=wish | {"source": "nope"})
    assert told.json()["meta"]["warnings"] == ["there are no bars of AAPL 1d from nope; there are AAPL 1d from desk"]
    for form in FORMATS:
        answer = client.get(f"{BASE}/{path}", params=wish | {"source": "nope", "format": form})
        assert answer.headers["barledger-warning"] == told.json()["meta"]["warnings"][0]
    assert "barledger-warning" not in client.get(f"{BASE}/{path}", params=wish).headers
