"""What is deployed: dashboards ask for what is there, and files name each other rightly."""

import json
import re
import shutil
import subprocess
import urllib.parse
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest
import sqlalchemy as sa
import typer
import yaml

from barledger import BarLedger
from barledger.cli.app import app
from barledger.stores.influx.layout import EVERY, MEASUREMENT, TAGS
from barledger.stores.influx.store import InfluxStore
from barledger.stores.memory import MemoryStore
from libraries import frame, library
from servers import InfluxServer

DEPLOY: Final = Path(__file__).parents[2] / "deploy"
DASHBOARDS: Final = sorted((DEPLOY / "grafana" / "dashboards").glob("*.json"))
AUDIT: Final = {"instrument", "timeframe", "snapshot_id", "strategy_id", "source_versions", "created_by", "purpose"}
VARIABLES: Final = {"$instrument": "AAPL", "$timeframe": "1d", "$source": "desk", "$timeFilter": "time > 0"}
_QUOTED: Final = re.compile(r'"([^"]+)"')
_ALIAS: Final = re.compile(r'AS "([^"]+)"')


def targets(kind: str) -> Iterator[tuple[str, str]]:
    """Give the queries of all dashboards to one kind of data source, with the title of their panels."""
    for path in DASHBOARDS:
        board = json.loads(path.read_text())
        for panel in board["panels"]:
            for target in panel["targets"]:
                if target["datasource"]["type"] == kind:
                    yield panel["title"], target.get("query") or target["rawSql"]
        for one in board["templating"]["list"]:
            if one["datasource"]["type"] == kind:
                yield one["name"], one["query"]


INFLUX: Final = [*targets("influxdb")]
SQL: Final = [*targets("grafana-postgresql-datasource")]


def filled(query: str) -> str:
    """Return a query as Grafana would send it."""
    for name, value in VARIABLES.items():
        query = query.replace(name, value)
    return re.sub(r"\$__unixEpochNanoFilter\(([^)]*)\)", r"\1 >= 0 AND \1 <= 9000000000000000000", query)


@pytest.mark.parametrize(("title", "query"), INFLUX)
def test_queries_of_bars_name_tags_and_fields_that_there_are(title: str, query: str) -> None:
    (measurement,) = re.findall(r'FROM "([^"]+)"', query)
    known = {*TAGS, *EVERY} if measurement == MEASUREMENT else AUDIT | {"data_hash"}
    assert measurement in {MEASUREMENT, "data_audit"}
    named = set(_QUOTED.findall(query)) - {measurement} - set(_ALIAS.findall(query))
    assert named <= known, title


@pytest.mark.influx
def test_queries_of_bars_find_what_a_library_wrote(
    influx_server: InfluxServer, influx_bucket: str, influx_store: InfluxStore
) -> None:
    with library(influx_store) as bl:
        bl.write("AAPL", "1d", frame(range(18_000, 18_030)), source="desk")
        bl.snapshot("AAPL", "1d")
    for title, query in INFLUX:
        found = _asked(influx_server, filled(query), influx_bucket)
        assert found["results"], title
        assert "error" not in found["results"][0], (title, found)
        assert "adjustment_factor" in query or found["results"][0].get("series"), title


def _asked(server: InfluxServer, query: str, bucket: str) -> Any:
    told = urllib.parse.urlencode({"db": bucket, "q": query})
    headers = {"Authorization": f"Token {server.token}"} if server.token else {}
    with urllib.request.urlopen(urllib.request.Request(f"{server.url}/query?{told}", headers=headers)) as answer:  # noqa: S310
        return json.load(answer)


@pytest.fixture
def in_postgres(postgres_url: str) -> Iterator[BarLedger]:
    """A library whose ledger is in PostgreSQL, with something of everything."""
    with library(MemoryStore(), postgres_url) as bl:
        bl.write("AAPL", "1d", frame(range(18_000, 18_030)), source="desk")
        bl.ingest("IBM", "1d", source="sample", start="2004-01-01", end="2005-01-01")
        bl.quality_metrics.measure_library("*")
        bl.verify_library()
        bl.jobs.submit("verify")
        yield bl


@pytest.mark.postgres
def test_queries_of_quality_are_answered_by_the_ledger(in_postgres: BarLedger, postgres_url: str) -> None:
    engine = sa.create_engine(sa.make_url(postgres_url).set(drivername="postgresql+pg8000"))
    empty = {"Discrepancies by kind", "Newest discrepancies"}
    assert in_postgres.jobs.list()
    with engine.connect() as connection:
        for title, query in SQL:
            rows = connection.exec_driver_sql(filled(query).replace("%", "%%")).fetchall()
            assert rows or title in empty, title
    engine.dispose()


def test_dashboards_use_the_data_sources_that_are_provisioned() -> None:
    provisioned = yaml.safe_load((DEPLOY / "grafana/provisioning/datasources/barledger.yaml").read_text())
    known = {(one["type"], one["uid"]) for one in provisioned["datasources"]}
    assert [path.stem for path in DASHBOARDS] == ["candles", "quality"]
    for path in DASHBOARDS:
        board = json.loads(path.read_text())
        used = [panel["datasource"] for panel in board["panels"]]
        used += [target["datasource"] for panel in board["panels"] for target in panel["targets"]]
        assert {(one["type"], one["uid"]) for one in used} <= known
        assert len({panel["id"] for panel in board["panels"]}) == len(board["panels"])


def test_the_compose_file_names_what_there_is_and_every_secret_is_an_example() -> None:
    text = (DEPLOY / "compose.yaml").read_text()
    told = yaml.safe_load(text)
    assert set(told["services"]) == {"influxdb", "postgres", "barledger", "grafana"}
    example = {line.partition("=")[0] for line in (DEPLOY / "env.example").read_text().splitlines() if "=" in line}
    assert set(re.findall(r"\$\{(\w+)", text)) == example
    build = told["services"]["barledger"]["build"]
    assert (DEPLOY / build["context"] / build["dockerfile"]).is_file()
    for service in told["services"].values():
        assert set(service.get("depends_on", ())) <= set(told["services"])
        for volume in service.get("volumes", ()):
            source = volume.partition(":")[0]
            assert source in told["volumes"] or source == "./tls" or (DEPLOY / source).is_dir(), volume
        for port in service.get("ports", ()):
            assert port.startswith("127.0.0.1:"), "nothing is published beyond this machine by itself"


def test_options_of_the_command_in_compose_and_unit_are_those_that_there_are() -> None:
    commands: Any = typer.main.get_command(app).commands  # type: ignore[attr-defined]  # it is a group
    command = yaml.safe_load((DEPLOY / "compose.yaml").read_text())["services"]["barledger"]["command"]
    unit = (DEPLOY / "systemd/barledger.service").read_text()
    (started,) = re.findall(r"ExecStart=\S+ (.*)", unit)
    for words in (command[1:], started.split()[1:]):
        # Reads the options, and raises for one that there is not; nothing is served.
        context = commands["serve"].make_context("serve", words)
        assert (context.params["workers"], context.params["schedule"]) == (2, True)


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd checks its own units")
def test_the_unit_is_one() -> None:
    unit = DEPLOY / "systemd/barledger.service"
    found = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", str(unit)], capture_output=True, text=True, check=False
    )
    wrong = [line for line in found.stderr.splitlines() if "barledger" in line and "not executable" not in line]
    assert not wrong


def test_the_image_runs_as_nobody_in_particular_and_keeps_no_secret() -> None:
    lines = (DEPLOY / "Containerfile").read_text().splitlines()
    assert "USER 10001:10001" in lines
    assert not any(re.search(r"(TOKEN|PASSWORD|SECRET)", line) for line in lines)
    images = [line for line in lines if line.startswith("FROM")]
    assert all(":" in line and "latest" not in line for line in images)
