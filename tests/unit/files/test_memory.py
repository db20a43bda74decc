"""How much memory reading takes."""

import json
import subprocess
import sys
import zipfile
from pathlib import Path

import pyarrow as pa
import pytest
from pyarrow import csv, feather, parquet

from barledger.domain.rows import VALUES
from files import WRITERS, table

MEASURE = """
import resource, sys
from barledger.domain.interval import Interval
from barledger.domain.timeframe import Timeframe
from barledger.sources.contract import FetchRequest
from barledger.sources.files import FilesSource
request = FetchRequest(instrument="AAPL", timeframe=Timeframe.of("1m"), interval=Interval.of(None, None))
rows = sum(len(chunk.rows) for chunk in FilesSource(path=sys.argv[1], chunk_rows=65536).fetch(request))
print(rows, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)
"""


def _as_zip(bars: pa.Table, path: Path) -> None:
    quick = zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1)
    with quick as archive, archive.open("bars.csv", "w") as member:
        csv.write_csv(bars, member)


def _as_json(bars: pa.Table, path: Path) -> None:
    """Write piece by piece: a child's peak begins with what its parent had when it was made."""
    times = bars["time"].cast(pa.timestamp("ms", "UTC")).cast(pa.int64())
    table = pa.table([times, *(bars[name] for name in VALUES)], ["time", *VALUES])
    with path.open("w") as file:
        for number, batch in enumerate(table.to_batches(max_chunksize=10_000)):
            rows = json.dumps(list(zip(*(column.to_pylist() for column in batch.columns), strict=True)))
            file.write(("," if number else "[") + rows[1:-1])
        file.write("]")


def _peak(path: Path, expected: int) -> int:
    done = subprocess.run([sys.executable, "-c", MEASURE, str(path)], capture_output=True, text=True, check=True)
    rows, peak = map(int, done.stdout.split())
    assert rows == expected
    return peak


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="the unit of ru_maxrss differs between systems")
@pytest.mark.parametrize("name", ["bars.csv", "bars.parquet", "bars.arrow", "bars.zip", "bars.json"])
def test_memory_does_not_grow_with_the_file(tmp_path: Path, name: str) -> None:
    """Ten times the rows, 130 MB more of bars (and as much in passing), take less than 120 MB more at the peak."""
    writers = WRITERS | {
        "bars.parquet": parquet.write_table,
        "bars.arrow": lambda bars, path: feather.write_feather(bars, str(path)),
        "bars.zip": _as_zip,
        "bars.json": _as_json,
    }
    peaks = []
    # Parsed JSON takes ten times what its bars do, so fewer tell as much.
    for count in (100_000, 1_000_000) if name == "bars.json" else (300_000, 3_000_000):
        writers[name](table(count, "min"), tmp_path / name)
        peaks.append(_peak(tmp_path / name, count))
    assert peaks[1] - peaks[0] < 120, peaks
