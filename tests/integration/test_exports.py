"""Exports: files for other programs, and a manifest that says later whether they are still what was written."""

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pyarrow.parquet as pq
import pytest
from pyarrow import feather

from barledger import BarLedger
from barledger.domain.style import STYLES
from barledger.errors import InvalidSetting, ManifestNotFound, NotEmpty
from barledger.services.retrieval import bars_file
from barledger.services.retrieval.files import FORMATS
from barledger.stores.memory import MemoryStore
from barledger.testing.bars import HOSTILE_NAMES
from libraries import frame, library

DESK = {"source": "desk"}
ALL = ["barledger", *STYLES]


def noted() -> pd.DataFrame:
    bars = frame(range(20), 100 / 3)
    bars["adjustment_factor"] = 0.1 + np.arange(20) / 7
    bars["source_id"] = [None if at % 3 else f'id {at}, "x"' for at in range(20)]
    bars.iloc[3, 4] = np.nan
    return bars


@pytest.fixture
def bl(anywhere: BarLedger) -> BarLedger:
    anywhere.write("AAPL", "1d", noted(), **DESK)
    anywhere.write("BTC/USDT", "1d", frame(range(5)), **DESK)
    return anywhere


@pytest.mark.parametrize("kind", FORMATS)
@pytest.mark.parametrize("style", ALL)
def test_an_export_is_what_it_was(bl: BarLedger, tmp_path: Path, kind: str, style: str) -> None:
    done = bl.retrieval.export(["AAPL", "BTC/USDT"], "1d", folder=tmp_path / "out", format=kind, style=style)
    assert (done.rows, sorted(path.name for path in done.folder.iterdir())) == (
        25,
        [f"AAPL-1d.{kind}", f"BTCUSDT-1d.{kind}", "manifest.json"],
    )
    for place in (tmp_path / "out", tmp_path / "out" / "manifest.json"):
        found = bl.retrieval.verify_export(place)
        assert (found.ok, found.files, found.rows) == (True, 2, 25)
    if style == "barledger":
        assert done.manifest.files[0].digest == bl.bars("AAPL", "1d").digest


def test_the_same_bars_are_the_same_manifest(bl: BarLedger, tmp_path: Path) -> None:
    for name in ("a", "b"):
        bl.retrieval.export(["AAPL", "BTC/USDT"], "1d", folder=tmp_path / name)
    assert (tmp_path / "a" / "manifest.json").read_bytes() == (tmp_path / "b" / "manifest.json").read_bytes()


def test_other_libraries_read_the_files(bl: BarLedger, tmp_path: Path) -> None:
    bl.retrieval.export("AAPL", "1d", folder=tmp_path / "csv", format="csv", style="yfinance")
    read = pd.read_csv(tmp_path / "csv" / "AAPL-1d.csv", index_col="Date", parse_dates=True)
    assert list(read.columns) == ["Open", "High", "Low", "Close", "Adj Close", "Volume"]
    assert read["Close"].tolist() == bl.bars("AAPL", "1d").df["close"].tolist()
    bl.retrieval.export("AAPL", "1d", folder=tmp_path / "arrow", format="arrow")
    assert pl.read_ipc(tmp_path / "arrow" / "AAPL-1d.arrow")["close"].to_list() == read["Close"].tolist()
    bl.retrieval.export("AAPL", "1d", folder=tmp_path / "freq", format="arrow", style="freqtrade")
    freqtrade = pd.read_feather(tmp_path / "freq" / "AAPL-1d.arrow")
    assert list(freqtrade.columns) == ["date", "open", "high", "low", "close", "volume"]


@pytest.mark.parametrize("kind", FORMATS)
def test_a_changed_bar_is_found(bl: BarLedger, tmp_path: Path, kind: str) -> None:
    bl.retrieval.export(["AAPL", "BTC/USDT"], "1d", folder=tmp_path / "out", format=kind, style="backtesting")
    path = tmp_path / "out" / f"BTCUSDT-1d.{kind}"
    if kind == "csv":
        path.write_text(path.read_text().replace("100.03", "100.04"))
    else:
        read, write = (
            (pd.read_parquet, pd.DataFrame.to_parquet)
            if kind == "parquet"
            else (pd.read_feather, pd.DataFrame.to_feather)
        )
        changed = read(path)
        changed.loc[3, "Close"] += 0.01
        changed.loc[3, "Open"] += 0.01
        write = changed.to_parquet if kind == "parquet" else changed.to_feather
        write(path)
    found = bl.retrieval.verify_export(tmp_path / "out")
    assert [one.file for one in found.damage] == [path.name]
    assert "its bars have digest" in found.damage[0].detail


def test_files_that_are_short_or_gone_or_garbled_are_found(bl: BarLedger, tmp_path: Path) -> None:
    names = ["I0", "I1", "I2", "I3", "I4"]
    for name in names:
        bl.write(name, "1d", frame(range(5)), **DESK)
    bl.retrieval.export(names, "1d", folder=tmp_path / "out", format="csv")
    files = [tmp_path / "out" / f"{name}-1d.csv" for name in names]
    files[0].unlink()
    files[1].write_text("\n".join(files[1].read_text().splitlines()[:-1]))
    files[2].write_text("garbage\n1\n")
    files[3].write_bytes(b"\x00\xff" * 50)
    lines = files[4].read_text().splitlines()
    files[4].write_text("\n".join([lines[0], lines[2], lines[1], *lines[3:]]))
    found = bl.retrieval.verify_export(tmp_path / "out")
    assert [one.file for one in found.damage] == [path.name for path in files]
    details = [one.detail for one in found.damage]
    assert "cannot be read: No such file" in details[0]
    assert details[1] == "it has 4 bars, not 5"
    assert "no column of times" in details[2]
    assert "earlier than the bar before" in details[4]


def test_nothing_is_overwritten(bl: BarLedger, tmp_path: Path) -> None:
    (tmp_path / "AAPL-1d.csv").write_text("mine")
    with pytest.raises(NotEmpty, match=r"AAPL-1d\.csv"):
        bl.retrieval.export("AAPL", "1d", folder=tmp_path, format="csv")
    assert (tmp_path / "AAPL-1d.csv").read_text() == "mine"
    assert not (tmp_path / "manifest.json").exists()
    bl.retrieval.export("AAPL", "1d", folder=tmp_path)
    with pytest.raises(NotEmpty, match=r"manifest\.json"):
        bl.retrieval.export("BTC/USDT", "1d", folder=tmp_path)


def test_names_that_no_file_may_have_are_told_apart(in_memory: BarLedger, tmp_path: Path) -> None:
    names = [*HOSTILE_NAMES, "..", "a/b", "a_b", "a:b"]
    for name in names:
        in_memory.write(name, "1m", frame([0]), **DESK)
        in_memory.write(name, "1M", frame([0]), **DESK)
    done = in_memory.retrieval.export(names, ["1m", "1M"], folder=tmp_path / "out")
    written = {path.name.casefold() for path in (tmp_path / "out").iterdir()}
    assert len(written) == 2 * len(names) + 1
    assert {path.parent for path in (tmp_path / "out").rglob("*")} == {tmp_path / "out"}
    assert {one.instrument for one in done.manifest.files} >= {"^GSPC", "日本"}
    assert in_memory.retrieval.verify_export(tmp_path / "out").ok


def test_a_manifest_cannot_lead_elsewhere(bl: BarLedger, tmp_path: Path) -> None:
    bl.retrieval.export("AAPL", "1d", folder=tmp_path / "out")
    path = tmp_path / "out" / "manifest.json"
    told = json.loads(path.read_text())
    told["files"][0]["file"] = "../secret.parquet"
    path.write_text(json.dumps(told))
    found = bl.retrieval.verify_export(path)
    assert [one.detail for one in found.damage] == ["it does not lie beside the manifest"]


def test_any_version_and_no_bars_can_be_exported(bl: BarLedger, tmp_path: Path) -> None:
    bl.snapshot("AAPL", "1d", id="bt")
    bl.write("AAPL", "1d", frame(range(3), 500.0), **DESK)
    done = bl.retrieval.export("AAPL", "1d", folder=tmp_path / "bt", version="bt")
    assert (done.manifest.snapshot, done.manifest.files[0].digest) == ("bt", bl.bars("AAPL", "1d", version="bt").digest)
    for kind in FORMATS:
        for style in ALL:
            folder = tmp_path / kind / style
            none = bl.retrieval.export("AAPL", "1d", folder=folder, start="2020-01-01", format=kind, style=style)
            assert none.rows == 0
            assert bl.retrieval.verify_export(folder).ok


def test_what_there_is_not_is_refused(bl: BarLedger, tmp_path: Path) -> None:
    with pytest.raises(InvalidSetting, match="'xlsx' is none of csv, parquet, arrow"):
        bl.retrieval.export("AAPL", "1d", folder=tmp_path / "x", format="xlsx")
    with pytest.raises(InvalidSetting, match="style"):
        bl.retrieval.export("AAPL", "1d", folder=tmp_path / "x", style="zipline")
    (tmp_path / "file").write_text("")
    with pytest.raises(InvalidSetting, match="cannot be made"):
        bl.retrieval.export("AAPL", "1d", folder=tmp_path / "file" / "x")
    with pytest.raises(ManifestNotFound):
        bl.retrieval.verify_export(tmp_path / "x")
    assert not (tmp_path / "x").exists()


# --- portion by portion ----------------------------------------------------------------------------

MINUTES = 200_000


@pytest.fixture(scope="module")
def lengthy() -> Iterator[BarLedger]:
    """A long series, of which only the last bars have factors, and one of two sources, of which one closes gaps."""
    with library(MemoryStore()) as made:
        index = pd.date_range("2020-01-01", periods=MINUTES, freq="min", tz="UTC")
        close = 100 + np.arange(MINUTES) / 128
        bars = pd.DataFrame({"open": close, "high": close + 1, "low": close - 1, "close": close, "volume": 7.0}, index)
        factor = np.full(MINUTES, np.nan)
        factor[-100:] = 0.5
        made.write("LONG", "1m", bars.assign(adjustment_factor=factor), source="desk")
        made.write("GAPS", "1m", bars.iloc[: MINUTES // 2], source="one")
        made.write("GAPS", "1m", bars.iloc[MINUTES // 4 :] * 2, source="two")
        made.cache.prioritise("GAPS", ["one", "two"], mode="fill")
        yield made


@pytest.mark.slow
@pytest.mark.parametrize("kind", FORMATS)
@pytest.mark.parametrize("style", ALL)
@pytest.mark.parametrize("name", ["LONG", "GAPS"])
def test_a_long_series_is_written_as_it_would_be_at_once(
    lengthy: BarLedger, tmp_path: Path, name: str, kind: str, style: str
) -> None:
    counted: list[tuple[int, int]] = []
    done = lengthy.retrieval.export(
        name, "1m", folder=tmp_path / "out", format=kind, style=style, progress=lambda *at: counted.append(at)
    )
    bars = lengthy.bars(name, "1m")
    bars_file.write(bars, tmp_path / f"whole.{kind}", kind, style)  # type: ignore[arg-type]
    written, whole = tmp_path / "out" / f"{name}-1m.{kind}", tmp_path / f"whole.{kind}"
    if kind == "csv":
        assert written.read_bytes() == whole.read_bytes()
    else:
        read = {"parquet": pq.read_table, "arrow": feather.read_table}[kind]
        assert read(written).equals(read(whole), check_metadata=True)
    (sealed,) = done.manifest.series
    assert (sealed.rows, sealed.digest, sealed.revision) == (len(bars), bars.digest, bars.revision)
    assert lengthy.retrieval.verify_export(tmp_path / "out").ok
    assert len(counted) > 3, "it was written in one piece"
    assert counted[-1] == (1, len(bars))


def test_what_stops_an_export_leaves_no_half_file(lengthy: BarLedger, tmp_path: Path) -> None:
    def stop(_: int, rows: int) -> None:
        if rows:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        lengthy.retrieval.export("LONG", "1m", folder=tmp_path / "out", progress=stop)
    assert [*(tmp_path / "out").iterdir()] == []


def test_an_export_of_several_series_is_of_one_cut(in_memory: BarLedger, tmp_path: Path) -> None:
    for name in ("A", "B"):
        in_memory.write(name, "1d", frame(range(5)), **DESK)

    def meanwhile(files: int, rows: int) -> None:
        if files == 1 and rows == 5:
            in_memory.write("B", "1d", frame(range(5), 900.0), **DESK)

    before = in_memory.bars("B", "1d").digest
    done = in_memory.retrieval.export(["A", "B"], "1d", folder=tmp_path / "out", progress=meanwhile)
    assert in_memory.bars("B", "1d").digest != before
    assert done.manifest.files[1].digest == before
