"""The script: one request of every operation, over a small library; what is small and typical is asked for."""

import os
import socket
from base64 import b64encode
from typing import Any, Final

import orjson

from barledger.api.app import build
from barledger.api.examples.library import bars, opened
from barledger.api.examples.recorder import Recorder
from barledger.api.options import Options
from barledger.barledger import BarLedger
from barledger.domain.notice import Notice

_OPTIONS: Final = Options(hosts=("localhost",))
_AAPL: Final = "AAPL/1d"
_DAYS: Final = "start_date=2024-12-02&end_date=2024-12-04"
_ODD: Final = ("MSFT", "GOOG")
_SIGNED_WITH: Final = f"whsec_{b64encode(b'for examples only, no secret').decode()}"


def record() -> dict[str, dict[str, Any]]:
    """Return the examples by operation id."""
    with opened() as bl:
        ask = Recorder(build(bl, _OPTIONS), bl.keys.create("desk-admin", scopes="admin").text)
        _fill(bl)
        for part in (_data, _indicators, _snapshots, _discrepancies, _actions, _channels, _keys, _plans):
            part(ask)
        _schedule(ask, bl)
        _jobs(ask, bl)
        _audit(ask)
    with opened(steady=False) as bl:
        # The clock of the other one is not that of this machine, which is what readiness is about.
        now = Recorder(build(bl, _OPTIONS), bl.keys.create("desk-admin", scopes="admin").text)
        for name in ("health", "ready"):
            ask.kept[name] = {"answer": now.ask("GET", f"/{name}")}
    return _of_any_machine(dict(sorted(ask.kept.items())))


def _of_any_machine(kept: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Return the examples without the names of this machine and of this process."""
    here = f"{socket.gethostname()}/{os.getpid()}"
    found: dict[str, dict[str, Any]] = orjson.loads(orjson.dumps(kept).decode().replace(here, "cache/4711"))
    return found


def _fill(bl: BarLedger) -> None:
    bl.instruments.declare("AAPL", kind="stock", calendar="XNYS", currency="USD", first_trade="1980-12-12")
    bl.instruments.name("AAPL", "yahoo", "AAPL")
    bl.instruments.halt("AAPL", "2024-06-12T15:50:00Z", "2024-06-12T15:55:00Z", reason="news pending")
    bl.write("AAPL", "1d", bars(1, 185.0), source="yahoo")
    corrected = bars(1, 185.0).iloc[-1:]
    corrected["volume"] += 1_000.0
    bl.write("AAPL", "1d", corrected, source="yahoo", reason="the vendor corrected it")
    for number, name in enumerate(_ODD, 2):
        bl.write(name, "1d", bars(number, 100.0 * number, wrong=slice(100, 110)), source="yahoo")
        bl.integrity.inspect(name, "1d", keep=True, confidence=0.0)


def _data(ask: Recorder) -> None:
    ask("bars", "GET", f"/data/ohlcv/{_AAPL}?{_DAYS}")
    ask("availability", "GET", f"/data/availability/{_AAPL}?start_date=2024-12-02&end_date=2025-01-03")
    ask("integrity", "GET", f"/data/integrity/{_AAPL}?start_date=2024-12-01&end_date=2024-12-31")
    stretch = {"start_date": "2024-12-01", "end_date": "2024-12-31"}
    ask("measure_quality", "POST", f"/quality/measure/{_AAPL}", stretch)
    ask("quality_history", "GET", f"/quality/history/{_AAPL}")
    ask("instruments", "GET", "/instruments?pattern=AAPL")
    ask("symbols", "GET", "/symbols?instrument=AAPL")
    ask("sources", "GET", "/sources")
    ask("source", "GET", "/sources/sample")


def _indicators(ask: Recorder) -> None:
    ask("indicators", "GET", "/indicators?kind=price%20transform")
    ask("indicator", "GET", "/indicators/describe/sma")
    asked = f"instrument=AAPL&timeframe=1d&{_DAYS}"
    ask("calculate_indicator", "GET", f"/indicators/calculate/sma?{asked}&parameters=%7B%22timeperiod%22%3A20%7D")
    ask("indicator_values", "GET", f"/indicators/values?{asked}&indicators=sma(20)&indicators=rsi(14)")
    wish = {"instruments": ["AAPL", "MSFT"], "timeframe": "1d", "indicators": ["sma(20)", "rsi(14)"]}
    ask("batch_indicators", "POST", "/indicators/batch", {**wish, "start_date": "2024-12-02", "end_date": "2024-12-04"})


def _snapshots(ask: Recorder) -> None:
    stretch = {"start_date": "2024-02-01", "end_date": "2025-01-01"}
    wish = {"instruments": ["AAPL"], "timeframes": ["1d"], **stretch, "purpose": "backtest", "strategy": "momentum-7"}
    made = ask("take_snapshot", "POST", "/data/snapshot", wish)
    path = f"/snapshots/{made['id']}"
    ask("snapshots", "GET", "/snapshots?limit=1")
    ask("snapshot", "GET", path)
    ask("verify_snapshot", "POST", f"{path}/verify")
    ask("approve_snapshot", "POST", f"{path}/approve", {"strategy": "momentum-7"})
    ask("approvals", "GET", f"{path}/approvals")
    ask("revoke_approval", "POST", f"{path}/revoke", {"strategy": "momentum-7", "reason": "it trades no more"})
    ask("hold_snapshot", "POST", f"{path}/hold", {"reason": "case 7"})
    ask("release_snapshot", "POST", f"{path}/release", {"reason": "case 7 is closed"})
    ask("versions", "GET", f"/data/versions/{_AAPL}?include_snapshots=true")
    ask("history", "GET", f"/data/history/{_AAPL}?time=2024-12-30")
    ask("quality_checks", "GET", f"/quality/checks/{_AAPL}")
    ask("delete_snapshot", "DELETE", path)


def _discrepancies(ask: Recorder) -> None:
    found = ask("discrepancies", "GET", "/discrepancies?limit=1&instrument=MSFT")["items"]
    path = f"/discrepancies/{found[0]['id']}"
    ask("discrepancy", "GET", f"{path}?bars=1")
    ask("accept_discrepancy", "POST", f"{path}/accept", {"reason": "a decimal point was lost"})
    ask("undo_discrepancy", "POST", f"{path}/undo", {"reason": "the vendor says that it was so", "partial": False})
    other = ask.ask("GET", "/api/v1/discrepancies?limit=1&instrument=GOOG")["items"][0]["id"]
    ask("reject_discrepancy", "POST", f"/discrepancies/{other}/reject", {"reason": "it traded so"})
    wish = {"kind": "volume_only", "source": "yahoo", "confidence": 0.95, "reason": "volumes settle for days"}
    ask("set_rule", "PUT", "/rules/small-corrections", wish)
    ask("rule", "GET", "/rules/small-corrections")
    ask("rules", "GET", "/rules")
    ask("remove_rule", "DELETE", "/rules/small-corrections")


def _actions(ask: Recorder) -> None:
    split = {"instrument": "AAPL", "kind": "split", "ex_date": "2020-08-31"}
    ask("add_action", "POST", "/actions", {**split, "value": "4:1", "reason": "the company said so"})
    ask("actions", "GET", "/actions?instrument=AAPL")
    ask("instrument", "GET", "/instruments/AAPL")
    ask("withdraw_action", "POST", "/actions/withdraw", {**split, "reason": "it was another company"})
    ask("actions_history", "GET", "/actions/history?instrument=AAPL")


def _channels(ask: Recorder) -> None:
    wish = {"name": "desk", "url": "https://hooks.example/barledger", "kinds": "correction_*"}
    wish["secret"] = _SIGNED_WITH
    ask("add_channel", "POST", "/notifications/channels", wish)
    ask("channels", "GET", "/notifications/channels")
    ask("channel", "GET", "/notifications/channels/desk")
    made = ask("add_route", "POST", "/notifications/channels/desk/rules", {"about": "AAPL *", "severity": "critical"})
    ask("routes", "GET", "/notifications/rules")
    ask("remove_route", "DELETE", f"/notifications/rules/{made['id']}")


def _keys(ask: Recorder) -> None:
    wish = {"name": "desk", "scopes": ["read"], "instruments": ["AAPL", "BTC*"], "expires": "90d"}
    path = f"/keys/{ask('create_key', 'POST', '/keys', wish)['id']}"
    ask("key", "GET", path)
    ask("keys", "GET", "/keys")
    ask("rotate_key", "POST", f"{path}/rotate", {"reason": "it was in a log"})
    ask("revoke_key", "POST", f"{path}/revoke", {"reason": "the desk is closed"})


def _plans(ask: Recorder) -> None:
    ask("retention_dry_run", "POST", "/retention/dry-run", {"rules": [{"instrument": "AAPL", "keep_current": "90d"}]})


def _schedule(ask: Recorder, bl: BarLedger) -> None:
    bl.schedule.add("proof", "checkpoint", when="every 1h")
    bl.schedule.run_now("proof")
    ask("schedule", "GET", "/schedule/jobs")
    ask("scheduled_job", "GET", "/schedule/jobs/proof")
    ask("schedule_runs", "GET", "/schedule/runs?limit=1")
    # What is kept by the server's own log is told to nobody else, so that this channel is not recorded as added.
    bl.notifications.add_channel("log", "log:barledger.examples")
    ask("test_channel", "POST", "/notifications/channels/log/test")
    bl.notifications.post(
        Notice(kind="lag", severity="warning", about="AAPL 1d", subject="bars are late", body="the newest is of Friday")
    )
    ask("outbox", "GET", "/notifications/outbox?limit=1")
    ask("remove_channel", "DELETE", "/notifications/channels/desk")


def _jobs(ask: Recorder, bl: BarLedger) -> None:
    ask("ingest", "POST", f"/data/ingest/sample/{_AAPL}", {"start_date": "2005-01-01", "end_date": "2010-01-01"})
    ask("reconcile_job", "POST", "/jobs/reconcile", {"pattern": "AAPL", "timeframe": "1d"})
    ask("verify_job", "POST", "/jobs/verify", {"pattern": "AAPL", "timeframe": "1d"})
    many = {"instruments": ["AAPL", "MSFT"], "timeframe": "1d", "indicators": ["sma(20)"], "format": "parquet"}
    waiting = ask("batch_indicators_job", "POST", "/jobs/batch-indicators", many)
    ask("cancel_job", "POST", f"/jobs/{waiting['id']}/cancel")
    for one in ask.ask("GET", "/api/v1/jobs?state=queued")["items"]:
        ask.ask("POST", f"{one['url']}/cancel")
    wish = {"instruments": ["AAPL"], "timeframes": ["1d"], "format": "parquet"}
    path = f"/jobs/{ask('export_job', 'POST', '/jobs/export', wish)['id']}"
    bl.jobs.runner(workers=1, spawn=lambda call, _: call()).step()
    ask("job", "GET", path)
    ask("job_result", "GET", f"{path}/result")
    ask("jobs", "GET", "/jobs?limit=1")


def _audit(ask: Recorder) -> None:
    ask("sign_checkpoint", "POST", "/audit/checkpoints")
    ask("audit_entries", "GET", "/audit/entries?limit=1&instrument=AAPL&timeframe=1d&source=yahoo")
    ask("audit_entry", "GET", "/audit/entries/1")
    ask("prove_entry", "GET", "/audit/entries/1/proof")
    ask("prove_continuation", "GET", "/audit/continuation?old=4")
    ask("checkpoints", "GET", "/audit/checkpoints?limit=1")
    ask("audit_keys", "GET", "/audit/keys")
