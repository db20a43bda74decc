"""Archives of files."""

import io
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from barledger.domain.timeframe import MINUTE
from barledger.errors import BarledgerError, DataNotFound, DuplicateTimes, SourceError
from layouts import Write, chunks, klines, read


def zipped(members: dict[str, str | bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def test_a_zip_as_binance_publishes_it(write: Write, tmp_path: Path) -> None:
    write(zipped({"BTCUSDT-1m-2025-01.csv": klines(100)}), "BTCUSDT-1m-2025-01.zip")
    found = chunks(tmp_path / "{instrument}-{timeframe}-*.zip", "1m", instrument="BTCUSDT")
    assert sum(len(chunk.rows) for chunk in found) == 100
    assert "BTCUSDT-1m-2025-01.zip/BTCUSDT-1m-2025-01.csv as binance" in found[0].asked
    assert len(read(tmp_path, "1m")) == 100


def test_members_are_read_in_the_order_of_their_numbers(write: Write) -> None:
    lines = klines(30).splitlines(keepends=True)
    parts = {
        f"part-{number}.csv": "".join(lines[number * 3 - 3 : number * 3]) for number in (10, 2, 1, 9, *range(3, 9))
    }
    path = write(zipped({**parts, "__MACOSX/._part-1.csv": b"\0", ".hidden.csv": "x"}), "bars.zip")
    assert (np.diff(read(path, "1m").time) == MINUTE).all()
    assert len(read(path, "1m")) == 30


def test_a_pattern_chooses_among_the_members(write: Write, tmp_path: Path) -> None:
    header = "date,open,high,low,close,volume"
    members = {
        f"{name}.csv": f"{header}\n2020-01-01,1,2,0.5,{close},10\n" for name, close in (("AAPL", 1.25), ("IBM", 1.75))
    }
    path = write(zipped(members), "all.zip")
    assert read(f"{path}/{{instrument}}.csv", instrument="IBM").close.tolist() == [1.75]
    with pytest.raises(DataNotFound):
        read(f"{path}/{{instrument}}.csv", instrument="MSFT")
    with pytest.raises(DuplicateTimes, match=r"all\.zip/IBM\.csv, line 2"):
        read(path)
    assert len(read(tmp_path / "*.zip" / "AAPL.csv")) == 1


def _bomb() -> bytes:
    return zipped({"bars.csv": "time,open,high,low,close,volume\n" + "0" * 50_000_000})


def _crowd() -> bytes:
    return zipped({f"{number}.csv": "" for number in range(10_001)})


def _encrypted() -> bytes:
    data = bytearray(zipped({"bars.csv": klines(3)}))
    data[6] |= 1
    data[data.index(b"PK\x01\x02") + 8] |= 1
    return bytes(data)


def _damaged() -> bytes:
    data = bytearray(zipped({"bars.csv": klines(2000)}, zipfile.ZIP_STORED))
    data[1000] ^= 1
    return bytes(data)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "not a zip file"),
        (b"PK\x03\x04", "not a zip file"),
        (_damaged, "Bad CRC-32|invalid"),
        (zipped({"bars.csv": klines(5000)})[:-3000], "not a zip file"),
        (zipped({"README.md": "hello"}), r"has no CSV file, but README\.md"),
        (zipped({}), "has no CSV file, but nothing"),
        (_bomb, "expands more than 200-fold"),
        (_encrypted, "is encrypted"),
        (_crowd, "more than 10000 files"),
        (zipped({"bars.csv": ""}), "is empty"),
        (zipped({"bars.csv": b"\0\1"}), "no text in UTF-8"),
    ],
    ids=["empty", "head", "damaged", "cut", "others", "none", "bomb", "encrypted", "many", "empty member", "binary"],
)
def test_a_zip_that_cannot_be_read_is_refused(write: Write, content: bytes | Callable[[], bytes], said: str) -> None:
    with pytest.raises(SourceError, match=rf"bars\.zip.*({said})"):
        read(write(content() if callable(content) else content, "bars.zip"), "1m")


def test_a_member_that_lies_about_its_size_is_refused(write: Write) -> None:
    """The list of an archive may promise less than comes; no more than that is read."""
    data = bytearray(zipped({"bars.csv": klines(5000)}))
    at = data.index(b"PK\x01\x02") + 24
    data[at : at + 4] = (1000).to_bytes(4, "little")
    with pytest.raises(BarledgerError, match=r"bars\.zip"):
        read(write(bytes(data), "bars.zip"), "1m")


@pytest.mark.parametrize("name", ["zst", "gz"])
def test_klines_in_other_compressions(tmp_path: Path, name: str) -> None:
    with pa.output_stream(str(tmp_path / f"bars.csv.{name}"), compression="detect") as stream:
        stream.write(klines(50).encode())
    assert len(read(tmp_path / f"bars.csv.{name}", "1m")) == 50
