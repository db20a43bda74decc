"""A library kept by commands: both outputs, and exit codes."""

import re
from pathlib import Path

import pytest

from commands import Cli
from libraries import frame
from servers import InfluxServer
from vendors import take, written

SECRET = "sesame-open-the-door"  # noqa: S105 - of a server that lives for a test


@pytest.mark.usefixtures("place")
def test_a_library_is_kept_by_commands_alone(cli: Cli, tmp_path: Path) -> None:
    first = take(cli, written(tmp_path / "a.csv", frame(range(100))), "AAPL", "--reason", "history")
    assert (first["new"], first["changed"], first["quarantined"]) == (100, 0, 0)

    made = cli.json("snapshot", "create", "AAPL", "1d", "--strategy", "momentum-7", "--id", "before")
    assert (made["id"], made["purpose"], made["pins"][0]["rows"]) == ("before", "backtest", 100)

    restated = frame(range(100))
    restated.loc[restated.index[10], ["close", "volume"]] = 100.5, 7
    again = take(cli, written(tmp_path / "b.csv", restated), "AAPL", "--reason", "restated")
    assert (again["new"], again["changed"], again["same"]) == (0, 1, 99)
    assert again["fields"] == {"close": 1, "volume": 1}

    day = "1970-01-11"
    pinned = cli.json("bars", "AAPL", "1d", "--version", "before", "--start", day, "--end", "1970-01-12")
    latest = cli.json("bars", "AAPL", "1d", "--start", day, "--end", "1970-01-12")
    assert [pinned["bars"][0]["close"], latest["bars"][0]["close"]] == [100.1, 100.5]
    assert (
        cli.json("bars", "AAPL", "1d", "--version", f"revision:{first['revision']}", "--last", "1")["bars"][0]["time"]
        == "1970-04-10T00:00:00Z"
    )

    editions = cli.json("history", "AAPL", "1d", day)
    assert [(one["close"], one["reason"], one["actor"]) for one in editions] == [
        (100.1, "history", "tester"),
        (100.5, "restated", "tester"),
    ]
    listed = cli.json("versions", "AAPL", "1d")[0]
    assert [one["revision"] for one in listed["revisions"]] == [first["revision"], again["revision"]]
    assert [one["id"] for one in listed["snapshots"]] == ["before"]
    assert [(one["instrument"], one["source"], one["bars"]) for one in cli.json("series")] == [("AAPL", "files", 100)]

    assert cli.json("snapshot", "verify", "before")["ok"] is True
    assert cli.json("snapshot", "verify", "strategy:momentum-7")["rows"] == 100
    assert cli.json("snapshot", "approve", "before", "--strategy", "momentum-7")["materialised"] is True
    assert cli.json("snapshot", "show", "before")["data_hash"] == made["data_hash"]
    assert cli.refused("snapshot", "delete", "before", code=4)["error"] == "held"
    release = ("snapshot", "hold", "before", "--release", "--reason", "the strategy is retired")
    assert cli.refused(*release, code=4)["error"] == "held"
    cli("snapshot", "revoke", "before", "--strategy", "momentum-7", "--reason", "the strategy is retired")
    cli("snapshot", "hold", "before", "--reason", "case 7")
    cli(*release)
    cli("snapshot", "delete", "before")
    assert cli.json("snapshot", "list") == []
    assert cli.refused("snapshot", "show", "before", code=3)["error"] == "version-not-found"

    told = [one["operation"] for one in cli.json("audit")]
    assert told[:3] == ["ingest", "snapshot", "ingest"]
    assert {"approve", "release", "delete"} <= {word for operation in told for word in re.split(r"\W", operation)}
    assert [one["sequence"] for one in cli.json("audit", "--after", "2", "--limit", "1")] == ["3"]


def test_an_approval_can_be_taken_back(cli: Cli, tmp_path: Path) -> None:
    take(cli, written(tmp_path / "a.csv", frame(range(3))))
    cli("snapshot", "create", "AAPL", "1d", "--id", "x")
    cli("snapshot", "approve", "x", "--strategy", "momentum-7")
    revoke = ("snapshot", "revoke", "x", "--strategy", "momentum-7")
    assert cli.refused(*revoke, code=2)["error"] == "invalid-name"
    assert cli.json(*revoke, "--reason", "it loses")["held"] == ""
    assert cli.refused(*revoke, "--reason", "it loses", code=3)["error"] == "approval-not-found"
    assert cli.refused("snapshot", "show", "strategy:momentum-7", code=3)["error"] == "version-not-found"
    cli("snapshot", "delete", "x")


def test_tables_say_what_json_says(cli: Cli, tmp_path: Path) -> None:
    take(cli, written(tmp_path / "a.csv", frame(range(3))))
    table = cli("bars", "AAPL", "1d")
    for bar in cli.json("bars", "AAPL", "1d")["bars"]:
        assert re.search(rf"{bar['time']}.*{bar['close']:g}.*1,000", table)
    assert "3 from files; revision" in (cli("bars", "AAPL", "1d"), cli.err)[1]
    cli("snapshot", "create", "AAPL", "1d", "--id", "x")
    assert "verified: 3 bars of 1 series" in cli("snapshot", "verify", "x")
    for command in (["versions", "AAPL", "1d"], ["history", "AAPL", "1d", "1970-01-01"], ["series"], ["audit"]):
        assert "files" in cli(*command) or "history" in command


@pytest.mark.parametrize("ending", ["csv", "parquet", "arrow"])
def test_bars_leave_as_files_and_come_back(cli: Cli, tmp_path: Path, ending: str) -> None:
    take(cli, written(tmp_path / "a.csv", frame(range(50))))
    out = tmp_path / f"out.{ending}"
    cli("bars", "AAPL", "1d", "--out", out)
    assert take(cli, out)["same"] == 50
    for nowhere in (tmp_path / "out.xls", tmp_path / "nowhere" / f"out.{ending}"):
        assert cli.refused("bars", "AAPL", "1d", "--out", nowhere, code=2)["error"] == "invalid-setting"


def test_a_source_without_the_series_is_not_found(cli: Cli, tmp_path: Path) -> None:
    take(cli, written(tmp_path / "a.csv", frame(range(3))))
    cli("bars", "AAPL", "1d", "--source", "fiels", code=3)
    assert "warning: there are no bars of AAPL 1d from fiels; there are AAPL 1d from files" in cli.err
    assert "error [series-not-found]" in cli.err


def test_a_lost_ledger_is_noticed_and_adopted(cli: Cli, home: Path, tmp_path: Path) -> None:
    take(cli, written(tmp_path / "a.csv", frame(range(100))))
    (home / "ledger.sqlite").unlink()
    cli("bars", "AAPL", "1d", code=5)
    assert "warning: nothing can be written" in cli.err
    assert "error [ledger-mismatch]" in cli.err
    (finding,) = [one for one in cli.json("doctor", code=1) if one["subject"] == "store and ledger"]
    assert (finding["level"], "barledger ledger" in finding["next_step"]) == ("problem", True)
    cli("ledger", "rebuild")
    assert cli.err.count("warning") == 0
    assert len(cli.json("bars", "AAPL", "1d")["bars"]) == 100
    assert {one["level"] for one in cli.json("doctor")} == {"ok"}


def test_the_help_of_each_command_is_whole(cli: Cli) -> None:
    for command in ([], ["bars"], ["retention"], ["snapshot", "create"], ["priority", "set"], ["ledger", "adopt"]):
        assert "Usage: " in cli(*command, "--help")
    assert "[[rules]]" in cli("retention", "--help")


def test_invalid_bars_are_refused_or_put_aside(cli: Cli, tmp_path: Path) -> None:
    bars = frame(range(10))
    bars.iloc[4, bars.columns.get_loc("high")] = 1.0
    path = written(tmp_path / "a.csv", bars)
    refused = ["ingest", "AAPL", "1d", "--source", "files", "--option", f"path={path}"]
    assert cli.refused(*refused, code=2)["error"] == "high-below-low"
    assert cli.json("series") == []
    assert take(cli, path, "AAPL", "--quarantine")["quarantined"] == 1
    aside = cli.json("quarantine")
    assert [(one["series"]["instrument"], one["code"], float(one["values"]["high"])) for one in aside] == [
        ("AAPL", "high-below-low", 1.0)
    ]
    assert cli.json("quarantine", "IBM") == []
    assert "high-below-low" in cli("quarantine", "AAPL")


def test_a_priority_decides_between_sources(cli: Cli, tmp_path: Path) -> None:
    take(cli, written(tmp_path / "a.csv", frame(range(10))))
    cli("ingest", "AAPL", "1d", "--source", "sample", "--start", "2005-01-01", "--end", "2005-02-01")
    error = cli.refused("bars", "AAPL", "1d", code=2)
    assert error["error"] == "ambiguous-source"
    assert "files" in error["message"]
    assert "sample" in error["message"]
    cli("priority", "set", "A*", "sample,files")
    assert len(cli.json("bars", "AAPL", "1d")["bars"]) == 20
    cli("priority", "set", "AAPL", "files,sample", "--mode", "fill", "--timeframe", "1d")
    assert len(cli.json("bars", "AAPL", "1d")["bars"]) == 30
    assert [rule["pattern"] for rule in cli.json("priority", "list")] == ["AAPL", "A*"]
    cli("priority", "remove", "AAPL", "--timeframe", "1d")
    assert [rule["sources"] for rule in cli.json("priority", "list")] == [["sample", "files"]]
    cli("priority", "set", "AAPL", "files", "--mode", "some", code=2)


@pytest.mark.slow
@pytest.mark.usefixtures("place")
def test_backup_and_restore(cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    take(cli, written(tmp_path / "a.csv", frame(range(100))))
    made = cli.json("snapshot", "create", "AAPL", "1d", "--id", "kept")
    take(cli, written(tmp_path / "b.csv", frame(range(100), 200.0)))
    assert cli.json("backup", tmp_path / "copy")["series"] == 1
    assert cli.refused("backup", tmp_path / "copy", code=4)["error"] == "not-empty"

    verified = cli.json("snapshot", "verify", "kept", "--store", tmp_path / "copy")
    assert (verified["ok"], verified["rows"]) == (True, 100)

    assert cli.refused("restore", tmp_path / "copy", code=4)["error"] == "not-empty"
    for name in ("BARLEDGER_URL", "BARLEDGER_TOKEN", "BARLEDGER_ORG"):
        monkeypatch.delenv(name, raising=False)
    cli("restore", tmp_path / "copy", "--store", tmp_path / "second")
    told = cli.json("snapshot", "show", "kept", "--store", tmp_path / "second")
    assert told["data_hash"] == made["data_hash"]
    assert cli.json("snapshot", "verify", "kept", "--store", tmp_path / "second")["ok"] is True


@pytest.mark.usefixtures("place")
def test_retention_says_first_and_deletes_then(cli: Cli, tmp_path: Path) -> None:
    take(cli, written(tmp_path / "a.csv", frame(range(100))))
    policy = tmp_path / "policy.toml"
    policy.write_text('[[rules]]\ninstrument = "*"\ntimeframe = "1d"\nsource = "*"\nkeep_current = "365d"\n')
    said = cli.json("retention", policy)
    assert said["series"][0]["current"] == 100
    assert len(cli.json("bars", "AAPL", "1d")["bars"]) == 100
    assert "nothing was" in cli("retention", policy)
    assert cli.json("retention", policy, "--apply")["series"][0]["current"] == 100
    assert cli.json("bars", "AAPL", "1d")["bars"] == []
    assert cli.json("audit")[-1]["operation"].startswith("retention")

    policy.write_text('[[rules]]\nkeep_current = "a while"\n')
    assert cli.refused("retention", policy, code=2)["error"] == "invalid-policy"
    policy.write_text("[[rules")
    assert cli.refused("retention", policy, code=2)["error"] == "invalid-policy"


@pytest.mark.usefixtures("place")
def test_status_and_doctor_look_at_everything(cli: Cli, home: Path, tmp_path: Path) -> None:
    take(cli, written(tmp_path / "a.csv", frame(range(10))))
    told = cli.json("status")
    assert told["settings"]["home"] == {"value": str(home), "from": "environment (BARLEDGER_HOME)"}
    assert told["settings"]["lease"]["from"] == "default"
    assert (told["library"]["series"], told["library"]["writable"]) == ("1", "yes")
    assert "tester" in cli("status")
    found = cli.json("doctor")
    assert {one["level"] for one in found} == {"ok"}
    wanted = {"versions", "store and ledger", "store permissions", "ledger permissions", "clock", "disk"}
    assert wanted <= {one["subject"] for one in found}
    assert cli("repair").startswith("0 series repaired")


@pytest.mark.influx
def test_a_bucket_as_found_is_used_with_a_warning_or_on_demand(
    cli: Cli, own_influxd: InfluxServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = InfluxServer(url=own_influxd.url)
    with server.bucket() as bucket:
        server.connection().execute(f'CREATE DATABASE "{bucket}" WITH DURATION 6000w SHARD DURATION 7d')
        monkeypatch.setenv("BARLEDGER_URL", f"influxdb+{server.url}/{bucket}")
        error = cli.refused("status", code=4)
        assert (error["error"], "BARLEDGER_ACCEPT_EXPIRY" in error["next_step"]) == ("bucket-expires", True)
        monkeypatch.setenv("BARLEDGER_ACCEPT_EXPIRY", "1")
        assert cli.json("status")["library"]["expiry"] == "6000 weeks"
        assert cli.err.startswith(f"warning: bucket '{bucket}': its shards last 1 week")
        assert [one["level"] for one in cli.json("doctor") if one["subject"] == "bucket"] == ["warning", "warning"]


@pytest.mark.influx
def test_secrets_stay_inside(cli: Cli, own_influxd: InfluxServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BARLEDGER_TOKEN", f"user:{SECRET}")
    with InfluxServer(url=own_influxd.url).bucket() as bucket:
        url = f"influxdb+{own_influxd.url}/{bucket}"
        monkeypatch.setenv("BARLEDGER_URL", url)
        said = [cli(*command) + cli.err for command in (["status"], ["status", "--json"], ["doctor"], ["audit"])]
        with_password = url.replace("http://", f"http://user:{SECRET}@")
        said.append(str(cli.refused("status", "--store", with_password, code=2)))
        postgres = f"postgresql://user:{SECRET}@127.0.0.1:1/none"
        said.append(str(cli.refused("status", "--ledger", postgres, code=6)))
    assert SECRET not in "".join(said)
    assert "********" in said[0]
