"""What goes wrong at Yahoo, and what asking leaves behind."""

import datetime as dt
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yfinance

from barledger.errors import BarledgerError, DataNotFound, DriverMissing, RateLimited, SourceError, SourceUnavailable
from barledger.sources.yahoo import YahooSource
from tickers import bars, chunks, request
from yahoo import Yahoo

# --- what goes wrong -----------------------------------------------------------------------------

TOO_MANY = (429, b"Too Many Requests", {"Retry-After": "17"})


FAULTS: dict[str, tuple[tuple[int, bytes, dict[str, str]], type[BarledgerError], str]] = {
    "too many": (TOO_MANY, RateLimited, "Too Many Requests"),
    "down": ((503, b"<html>oops</html>", {}), SourceUnavailable, "status 503"),
    "down in JSON": ((502, b'{"chart": {"error": {"description": "upstream"}}}', {}), SourceUnavailable, "upstream"),
    "down with 200": ((200, b"<h1>Will be right back</h1>", {}), SourceUnavailable, "Will be right back"),
    "cut off": ((0, b"", {}), SourceUnavailable, "curl"),
    "HTML": ((200, b"<!DOCTYPE html><p>consent</p>", {}), SourceUnavailable, "status 200.*DOCTYPE"),
    "text": ((200, b"nothing of a chart", {}), SourceError, "something else than a chart.*nothing"),
    "a list": ((200, b"[]", {}), SourceError, "something else than a chart"),
    "half": ((200, b'{"chart": {"result": [{"meta"', {}), SourceError, "something else than a chart"),
    "no result": ((200, b'{"chart": {"result": null, "error": null}}', {}), SourceError, "has no result"),
    "no quotes": (
        (200, b'{"chart": {"result": [{"meta": {}, "timestamp": [1704205800]}], "error": null}}', {}),
        SourceError,
        "yfinance .* cannot use Yahoo's answer",
    ),
    "refused": ((401, b'{"chart": {"error": {"code": "Unauthorized"}}}', {}), SourceError, "Unauthorized"),
    "forbidden": ((403, b"no", {}), SourceError, "status 403"),
    "unknown": ((404, b'{"chart": {"error": {"code": "Not Found"}}}', {}), DataNotFound, "has no IBM"),
}


@pytest.fixture(params=[True, False], ids=["hidden errors", "shown errors"])
def _hidden(request: pytest.FixtureRequest) -> Iterator[None]:
    """What the process wants of yfinance's own errors must not matter here."""
    before = yfinance.config.debug.hide_exceptions
    yfinance.config.debug.hide_exceptions = request.param
    yield
    yfinance.config.debug.hide_exceptions = before


@pytest.mark.usefixtures("_hidden")
@pytest.mark.parametrize("name", FAULTS)
def test_what_goes_wrong_is_told_apart(
    yahoo: Yahoo, source: YahooSource, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    fault, error, said = FAULTS[name]
    yahoo.faults = [fault] * 4
    with pytest.raises(error, match=said) as caught:
        chunks(source, end="2024-01-12")
    assert type(caught.value) is error
    assert "\n" not in str(caught.value)
    assert not [record for record in caplog.records if record.levelname in {"WARNING", "ERROR"}]
    yahoo.faults = []
    assert len(bars(source, end="2024-01-12")) == 8


@pytest.mark.usefixtures("_hidden")
def test_an_empty_answer_is_no_error_whatever_the_process_wants(source: YahooSource) -> None:
    assert [len(chunk.rows) for chunk in chunks(source, start="2024-01-06", end="2024-01-08")] == [0]
    assert [len(chunk.rows) for chunk in chunks(source, start="1990-01-01", end="1991-01-01")] == [0]


def test_when_to_come_back_is_told(yahoo: Yahoo, source: YahooSource) -> None:
    yahoo.faults = [TOO_MANY] * 4
    with pytest.raises(RateLimited) as caught:
        chunks(source)
    assert caught.value.retry_after == 17.0


def test_nobody_there_is_unavailable() -> None:
    source = YahooSource(url="http://127.0.0.1:9", timeout=5)
    with pytest.raises(SourceUnavailable):
        chunks(source)
    source.close()


def test_what_came_before_the_fault_is_kept(yahoo: Yahoo, source: YahooSource) -> None:
    found = source.fetch(request("IBM", "1m", "2024-02-12", "2024-03-04"))
    assert len(next(found).rows)
    yahoo.faults = [(503, b"", {})] * 4
    with pytest.raises(SourceUnavailable):
        next(found)


def test_without_the_package_the_error_says_how_to_get_it(source: YahooSource, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "yfinance.data", None)
    with pytest.raises(DriverMissing, match="yfinance") as caught:
        chunks(source)
    assert caught.value.advice == "pip install 'barledger[yahoo]'"


# --- what it leaves behind -----------------------------------------------------------------------


def test_an_answer_is_never_remembered(yahoo: Yahoo, source: YahooSource) -> None:
    first = bars(source, end="2024-01-12")
    yahoo.listings["IBM"].spoiled = {dt.date(2024, 1, 4): {"close": float(first.close[2]) + 0.5}}
    again = bars(source, end="2024-01-12")
    assert (again.close - first.close).tolist() == [0, 0, 0.5, 0, 0, 0, 0, 0]


def test_a_cookie_is_asked_for_once(yahoo: Yahoo, source: YahooSource) -> None:
    for _ in range(3):
        bars(source, end="2024-01-12")
    assert yahoo.paths.count("/") == 1
    assert yahoo.paths.count("/v1/test/getcrumb") == 1


SCRIPT = """
import sys
import yfinance
from yfinance.data import YfData
from barledger.domain.interval import Interval
from barledger.domain.timeframe import Timeframe
from barledger.errors import DataNotFound
from barledger.sources.contract import FetchRequest
from barledger.sources.yahoo import YahooSource
source = YahooSource(url=sys.argv[1], clock=lambda: 1709985607000000000)
span = Interval.of("2024-01-02", "2024-01-12")
ask = lambda name: list(source.fetch(FetchRequest(instrument=name, timeframe=Timeframe.of("1d"), interval=span)))
print(len(ask("IBM")[0].rows))
try:
    ask("NOBODY")
except DataNotFound:
    print("unknown")
assert yfinance.config.debug.hide_exceptions
assert YfData not in type(YfData)._instances
"""


def test_it_writes_no_files_says_nothing_and_changes_nothing_for_others(yahoo: Yahoo, tmp_path: Path) -> None:
    places = {name: str(tmp_path) for name in ("HOME", "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "TMPDIR")}
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, yahoo.url],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
        env=os.environ | places,
    )
    assert (done.stdout.split(), done.stderr) == (["8", "unknown"], "")
    assert list(tmp_path.iterdir()) == []
