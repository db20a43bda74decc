"""Memory of a server: bounded for each request and each job, whatever its size."""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from barledger import connect
from barledger.api.formats import FORMATS, Style, Tabular
from barledger.api.options import Options
from commanded import Commanded, commanded, until
from servers import free_ports

BARS = 1_500_000
FEW = 60_000
NAMES = [f"S{number:02}" for number in range(20)]
MEGABYTES = 80
"""So much more a request may take at its height than a short one of its kind; all bars at once are more."""
COMPUTED = Options().indicator_bars
MEGABYTES_COMPUTED = 120
"""As above, of indicators: the bars that are computed of at once, and their values, are held as a whole."""


@pytest.mark.parametrize("name", ["json", "ndjson"])
def test_only_few_rows_are_objects_at_once(name: str) -> None:
    rows = 50_000
    table = pa.table({"time": pa.array(range(rows), pa.timestamp("s", "UTC")), "close": np.arange(rows) / 7})
    parts = [*FORMATS[name].write(Tabular(schema=table.schema, portions=[table]), Style())]
    counts = [part.count(b"close") for part in parts]
    assert sum(counts) == rows
    assert max(counts) <= 8_192


def bars(count: int) -> pd.DataFrame:
    close = 100 + np.arange(count) / 128
    index = pd.date_range("2020-01-01", periods=count, freq="min", tz="UTC")
    return pd.DataFrame({"open": close, "high": close + 1, "low": close - 1, "close": close, "volume": 7.0}, index)


@pytest.fixture(scope="module")
def lengthy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A library with one long series, and as many bars of many others."""
    home = tmp_path_factory.mktemp("lengthy")
    with connect(home) as bl:
        bl.write("LONG", "1m", bars(BARS), source="desk")
        for name in NAMES:
            bl.write(name, "1m", bars(FEW), source="desk")
    return home


@pytest.fixture
def server(lengthy: Path, home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Commanded]:
    """The command over it."""
    assert not home.exists()
    monkeypatch.setenv("BARLEDGER_HOME", str(lengthy))
    with commanded(lengthy, free_ports(1)[0]) as running:
        yield running


def grown(server: Commanded, action: Callable[[], Any]) -> float:
    """Return by how many MB the memory of the server rises at most while something is done."""
    pid = server.process.pid
    before = _status(pid, "VmRSS")
    # So the height is measured from now on.
    Path(f"/proc/{pid}/clear_refs").write_text("5")
    action()
    return _status(pid, "VmHWM") - before


def _status(pid: int, name: str) -> float:
    told = dict(line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines())
    return int(told[name].split()[0]) / 1024


def taken(server: Commanded, method: str, path: str, **given: Any) -> int:
    """Read an answer to its end, and keep nothing of it; return its bytes."""
    with httpx.stream(method, f"{server.url}{path}", headers=server.headers, timeout=120, **given) as answer:
        assert answer.status_code == 200
        return sum(map(len, answer.iter_raw()))


def done(server: Commanded, path: str, body: dict[str, Any]) -> None:
    """Have a job done."""
    url = server.ask("POST", f"/api/v1/jobs/{path}", json=body).json()["url"]
    until(lambda: server.ask("GET", url).json()["state"] in {"done", "failed"})
    assert server.ask("GET", url).json()["state"] == "done"


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="other systems tell it otherwise")
def test_no_answer_and_no_job_takes_more_than_a_portion(server: Commanded) -> None:
    found: dict[str, float] = {}
    computed: dict[str, float] = {}
    for form in FORMATS:
        path = "/api/v1/data/ohlcv/{}/1m?format=" + form
        taken(server, "GET", path.format(NAMES[0]))
        found[form] = grown(server, lambda path=path: taken(server, "GET", path.format("LONG")))
    for form in ("ndjson", "arrow"):
        path, body = (
            f"/api/v1/indicators/batch?format={form}",
            {"timeframe": "1m", "indicators": ["sma(20)", "rsi(14)"]},
        )
        taken(server, "POST", path, json={"instruments": NAMES[:2], **body})
        found[f"batch in {form}"] = grown(
            server, lambda path=path, body=body: taken(server, "POST", path, json={"instruments": NAMES, **body})
        )
    for form in FORMATS:
        # More than are computed of at once are refused, so that this is the most of any number.
        path = f"/api/v1/indicators/calculate/sma?timeframe=1m&format={form}&instrument="
        taken(server, "GET", path + NAMES[0])
        assert server.ask("GET", path + "LONG").json()["code"] == "too-many-bars"
        last = f"LONG&last={COMPUTED - 100}"
        computed[form] = grown(server, lambda path=path + last: taken(server, "GET", path))
    for form in ("parquet", "csv", "arrow"):
        body = {"timeframes": ["1m"], "format": form}
        done(server, "export", {"instruments": NAMES[:2], **body})
        for name, instruments in (("one", ["LONG"]), ("many", NAMES)):
            asked = {"instruments": instruments, **body}
            found[f"export of {name} to {form}"] = grown(server, lambda asked=asked: done(server, "export", asked))
    assert max(found.values()) < MEGABYTES, found
    assert max(computed.values()) < MEGABYTES_COMPUTED, computed
