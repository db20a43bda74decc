"""A server killed in the middle of a job: the next one goes on with it, and all of it is there, and there once."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from barledger import BarLedger, connect
from barledger.faults import VARIABLE
from barledger.services.retrieval.export import verify_export
from commanded import Commanded, commanded, until
from libraries import frame
from servers import free_ports

pytestmark = pytest.mark.slow

BARS = 60_000
CHUNK = 10_000
# Whoever dies is taken for dead soon: as a runner of jobs, and as a writer.
SOON = {"BARLEDGER_SCHEDULE_LEASE": "2", "BARLEDGER_LEASE": "2"}


@pytest.fixture
def port() -> int:
    """A port that nobody uses just now."""
    return free_ports(1)[0]


def killed_in_a_job(home: Path, port: int, point: str, path: str, body: dict[str, Any]) -> str:
    """Have a server begin a job, and be killed when it reaches a point; returns where the job is told of."""
    with commanded(home, port, environment={**SOON, VARIABLE: point}) as server:
        url: str = server.ask("POST", path, json=body).json()["url"]
        until(lambda: server.process.poll() is not None)
        assert server.process.returncode == -9
    return url


def done_by_another(home: Path, port: int, url: str) -> dict[str, Any]:
    """Start the server again, and return the job once it is done."""
    with commanded(home, port, environment=SOON) as server:
        until(lambda: told(server, url)["state"] in {"done", "failed"})
        job = told(server, url)
    assert job["state"] == "done", job
    with connect(home) as bl:
        assert bl.jobs.get(job["id"]).deaths == 1
    return job


def told(server: Commanded, url: str) -> dict[str, Any]:
    answer: dict[str, Any] = server.ask("GET", url).json()
    return answer


@pytest.mark.parametrize("point", ["commit.begun:3", "commit.rows-written:3", "commit.committed:3"])
def test_an_ingestion_goes_on_behind_what_is_stored(home: Path, tmp_path: Path, port: int, point: str) -> None:
    index = pd.DatetimeIndex(pd.date_range("2020-01-01", periods=BARS, freq="min", tz="UTC"), name="time")
    close = 100 + np.arange(BARS) / 128
    given = pd.DataFrame({"open": close, "high": close + 1, "low": close - 1, "close": close, "volume": 7.0}, index)
    given.to_csv(tmp_path / "bars.csv")
    body = {
        "start_date": "2020-01-01",
        "end_date": f"{index[-1] + pd.Timedelta(minutes=1):%Y-%m-%dT%H:%M:%SZ}",
        "options": {"path": str(tmp_path / "bars.csv"), "chunk_rows": CHUNK},
    }
    url = killed_in_a_job(home, port, point, "/api/v1/data/ingest/files/AAA/1m", body)
    with connect(home) as bl:
        kept = len(bl.bars("AAA", "1m"))
    assert 0 < kept < BARS
    job = done_by_another(home, port, url)
    assert job["result"]["summary"]["new"] == BARS - kept
    with connect(home) as bl:
        check_whole(bl, given)


def check_whole(bl: BarLedger, given: pd.DataFrame) -> None:
    """Every bar is there, as it was given, and was written once."""
    found = bl.bars("AAA", "1m")
    pd.testing.assert_frame_equal(found.df, given, check_freq=False, check_index_type=False)
    assert set(found.rows.edition.tolist()) == {1}
    ((one),) = bl.cache.series()
    assert bl.cache.verify_series(one.series).ok
    assert not bl.vault.ledger.revisions.expired()


def test_an_export_begins_anew_and_leaves_whole_files_alone(home: Path, port: int) -> None:
    names = [f"S{number}" for number in range(4)]
    with connect(home) as bl:
        for name in names:
            bl.write(name, "1d", frame(range(300)), source="desk")
    body = {"instruments": names, "timeframes": ["1d"], "format": "csv"}
    url = killed_in_a_job(home, port, "export.file-written:2", "/api/v1/jobs/export", body)
    job_id = url.rpartition("/")[2]
    assert not (home / "jobs" / job_id).exists(), "half a result is none"
    job = done_by_another(home, port, url)
    files = home / "jobs" / job_id
    assert {one.name for one in files.iterdir()} == {*(f"{name}-1d.csv" for name in names), "manifest.json"}
    assert {one["name"] for one in job["result"]["files"]} == {one.name for one in files.iterdir()}
    assert verify_export(files).ok
    assert job["result"]["summary"]["bars"] == 4 * 300


def test_a_job_that_takes_every_server_with_it_is_given_up(
    home: Path, port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    with connect(home) as bl:
        bl.write("AAA", "1d", frame(range(300)), source="desk")
    for name, value in {**SOON, VARIABLE: "export.file-written:1"}.items():
        monkeypatch.setenv(name, value)
    with commanded(home, port, "--workers", "2", workers=2) as server:
        url = server.ask("POST", "/api/v1/jobs/export", json={"instruments": ["AAA"], "timeframes": ["1d"]}).json()[
            "url"
        ]
        until(lambda: answered(lambda: told(server, url))["state"] == "failed")
        assert answered(lambda: told(server, url))["error"]["code"] == "killed"
        assert server.process.poll() is None


def answered(ask: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """Ask until a worker answers: one that is killed takes the requests with it that it has begun."""
    found: list[dict[str, Any]] = []

    def asked() -> bool:
        try:
            found.append(ask())
        except OSError:
            return False
        except Exception as error:
            if type(error).__module__.startswith("httpx"):
                return False
            raise
        return True

    until(asked)
    return found[-1]
