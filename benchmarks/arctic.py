"""The peer: ArcticDB on LMDB, each task done in the fastest way that it offers."""

import hashlib
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import arcticdb
import numpy as np
import pandas as pd
from arcticdb.version_store.library import Library, MergeStrategy, WritePayload


class Peer:
    """One library of ArcticDB in a folder."""

    def __init__(self, folder: Path) -> None:
        """Make the folder and a library with the default options."""
        folder.mkdir()
        self.folder = folder
        self.library: Library = arcticdb.Arctic(f"lmdb://{folder}").create_library("bars")

    def write(self, symbol: str, frame: pd.DataFrame) -> object:
        """Write a whole series."""
        return self.library.write(symbol, frame)

    def write_all(self, frames: Mapping[str, pd.DataFrame]) -> object:
        """Write many whole series."""
        return self.library.write_batch([WritePayload(name, frame) for name, frame in frames.items()])

    def append_all(self, frames: Mapping[str, pd.DataFrame]) -> object:
        """Append to many series."""
        return self.library.append_batch([WritePayload(name, frame) for name, frame in frames.items()])

    def merge(self, symbol: str, bars: pd.DataFrame) -> object:
        """Correct bars by merging."""
        return self.library.merge_experimental(symbol, bars, strategy=MergeStrategy("update", "do_nothing"))

    def rewrite(self, symbol: str, bars: pd.DataFrame) -> object:
        """Correct bars by reading all, changing them and writing all."""
        frame = self.read(symbol)
        frame.iloc[frame.index.get_indexer(bars.index)] = bars.to_numpy()
        return self.write(symbol, frame)

    def read(self, symbol: str, start: pd.Timestamp | None = None, end: pd.Timestamp | None = None) -> pd.DataFrame:
        """Return bars; ArcticDB's ranges include their end."""
        wanted = None if start is None or end is None else (start, end - pd.Timedelta(1, "ns"))
        frame: pd.DataFrame = self.library.read(symbol, date_range=wanted).data
        return frame

    def hash(self, symbol: str) -> Sequence[bytes]:
        """Read a series and hash its columns, one half on each of two threads."""
        frame = self.read(symbol)
        columns = [frame.index.asi8, *(frame[name].to_numpy() for name in frame.columns)]
        half = len(frame) // 2
        with ThreadPoolExecutor(2) as pool:
            return list(pool.map(_hash, ([c[:half] for c in columns], [c[half:] for c in columns])))


def _hash(columns: Sequence[np.ndarray]) -> bytes:
    hasher = hashlib.sha256()
    for column in columns:
        hasher.update(np.ascontiguousarray(column).data)
    return hasher.digest()
