"""Panels against ArcticDB's batch read, and against polars reading a Parquet file for each instrument."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd
import polars as pl
from arcticdb.version_store.library import ReadRequest

import barledger
from barledger import BarLedger, Entry
from benchmarks.arctic import Peer
from benchmarks.data import Sizes, daily_bars
from benchmarks.measure import Times, alternate, always
from benchmarks.row import Aim, Outcome, Row

SOURCE: Final = "bench"
OURS: Final = "barledger"
FIELD: Final = "close"
_AT_ONCE: Final = 50


class Stage:
    """The same daily bars of many instruments, in a library, in ArcticDB and in Parquet files."""

    def __init__(self, folder: Path, sizes: Sizes) -> None:
        """Make everything in this folder."""
        self.sizes = sizes
        self.folder = folder
        self.names = [f"SERIES{number:04d}" for number in range(sizes.series)]
        self._opened: BarLedger | None = None

    @cached_property
    def frames(self) -> Mapping[str, pd.DataFrame]:
        """Return the bars by instrument; each tenth lacks some days, so that not all are alike."""
        frames = {name: daily_bars(self.sizes.many, seed=at) for at, name in enumerate(self.names)}
        return {name: _holed(frame, at) if at % 10 == 0 else frame for at, (name, frame) in enumerate(frames.items())}

    @cached_property
    def ours(self) -> BarLedger:
        """Return a library that has them."""
        library = self._opened = barledger.connect(self.folder / "panel-ours")
        for first in range(0, len(self.names), _AT_ONCE):
            entries = [Entry(name, "1d", self.frames[name]) for name in self.names[first : first + _AT_ONCE]]
            library.write_many(entries, source=SOURCE)
        library.cache.repair()
        return library

    @cached_property
    def arctic(self) -> Peer:
        """Return an ArcticDB that has them."""
        peer = Peer(self.folder / "panel-arctic")
        peer.write_all(self.frames)
        return peer

    @cached_property
    def files(self) -> list[Path]:
        """Return a Parquet file for each instrument, as polars writes it."""
        folder = self.folder / "panel-parquet"
        folder.mkdir()
        paths = [folder / f"{name}.parquet" for name in self.names]
        for path, frame in zip(paths, self.frames.values(), strict=True):
            pl.from_pandas(frame.reset_index()).write_parquet(path)
        return paths

    def panel(self) -> pd.DataFrame:
        """Return our panel."""
        return self.ours.retrieval.panel(self.names, "1d", field=FIELD, source=SOURCE)

    def close(self) -> None:
        """Close what was opened."""
        if self._opened is not None:
            self._opened.close()


@contextmanager
def stage(folder: Path, sizes: Sizes) -> Iterator[Stage]:
    """Give what the rows of this module run on."""
    made = Stage(folder, sizes)
    try:
        yield made
    finally:
        made.close()


# --- the rows --------------------------------------------------------------------------------------


def panel_arctic(on: Stage) -> Outcome:
    """Put a panel together, against ArcticDB's batch read of the one column and pandas' concat."""

    def theirs() -> pd.DataFrame:
        wanted = [ReadRequest(name, columns=[FIELD]) for name in on.names]
        found = on.arctic.library.read_batch(wanted)
        return pd.concat({name: one.data[FIELD] for name, one in zip(on.names, found, strict=True)}, axis=1)

    _check(on.panel(), theirs())
    return _compared(alternate({OURS: always(on.panel), "": always(theirs)}, rounds=on.sizes.rounds, warm_up=2))


def panel_polars(on: Stage) -> Outcome:
    """Put a panel together, against polars, in the faster of two ways."""

    def read() -> list[pl.DataFrame]:
        scans = [
            pl.scan_parquet(path).select("time", pl.col(FIELD).alias(name))
            for name, path in zip(on.names, on.files, strict=True)
        ]
        return pl.collect_all(scans)

    def align() -> pl.DataFrame:
        return pl.concat(read(), how="align")

    def pivot() -> pl.DataFrame:
        scan = pl.scan_parquet(on.files, include_file_paths="file").select("time", FIELD, "file")
        return scan.collect().pivot(on="file", index="time", values=FIELD).sort("time")  # noqa: PD010 - polars'

    ways: dict[str, Callable[[], pl.DataFrame]] = {"concat(how='align')": align, "pivot": pivot}
    ours = on.panel()
    for way in ways.values():
        frame = way().to_pandas().set_index("time")
        frame.columns = pd.Index(on.names)
        _check(ours, frame)
    contestants = {OURS: always(on.panel), **{name: always(way) for name, way in ways.items()}}
    times = alternate(contestants, rounds=on.sizes.slow_rounds, warm_up=1)
    best = min(ways, key=lambda name: times[name].median)
    again = alternate({OURS: always(on.panel), "": always(ways[best])}, rounds=on.sizes.rounds, warm_up=1)
    return _compared(again, note=f" ({best})")


ROWS: Final = (
    Row(
        name="retrieval.panel-arctic",
        work="a panel of closes, 500 instruments x 5,000 days, as one pandas frame",
        against="ArcticDB, `read_batch` of the column and `pd.concat`",
        aim=Aim(value=1.5),
        run=panel_arctic,
        bound="all columns of each series are checked and decoded, 120 MB, a series at a time",
    ),
    Row(
        name="retrieval.panel-polars",
        work="the same",
        against="polars, a Parquet file for each, the faster of aligning and pivoting",
        aim=Aim(value=1.5),
        run=panel_polars,
        bound="as above; polars reads only the column, on all cores",
    ),
)


# --- parts of rows ---------------------------------------------------------------------------------


def _holed(frame: pd.DataFrame, seed: int) -> pd.DataFrame:
    kept = np.random.default_rng(seed).random(len(frame)) > 0.01
    return frame[kept]


def _compared(times: Mapping[str, Times], note: str = "") -> Outcome:
    ours, theirs = times[OURS], times[""]
    return Outcome(value=theirs.median / ours.median, ours=str(ours), theirs=f"{theirs}{note}")


def _check(ours: pd.DataFrame, theirs: pd.DataFrame) -> None:
    assert list(ours.columns) == list(theirs.columns)
    assert np.array_equal(ours.index.asi8, pd.DatetimeIndex(theirs.index).as_unit("ns").asi8)
    assert np.array_equal(ours.to_numpy(), theirs.to_numpy(), equal_nan=True)
