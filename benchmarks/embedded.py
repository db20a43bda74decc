"""The embedded store against ArcticDB."""

import itertools
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd

import barledger
from barledger import BarLedger, Entry
from benchmarks.arctic import Peer
from benchmarks.data import Sizes, corrected, daily_bars, minute_bars, ranges
from benchmarks.measure import Prepare, Times, alternate, always, spoken
from benchmarks.row import MILLISECONDS, Aim, Outcome, Row

NAME: Final = "RANDOM"
SOURCE: Final = "bench"
OURS: Final = "barledger"
THEIRS: Final = "ArcticDB"
_SNAPSHOT_ROUNDS: Final = 5
_VERIFY_ROUNDS: Final = 4
_LOGGED_OF: Final = 5  # one in so many corrections is not folded: of 5M bars 10k
_CORRECTED_SHARE: Final = 0.01


@dataclass(frozen=True, slots=True)
class Pair:
    """The same bars on both sides."""

    ours: BarLedger
    peer: Peer
    frame: pd.DataFrame


class Stage:
    """The libraries that the rows work on, each made when a row first needs it."""

    def __init__(self, folder: Path, sizes: Sizes) -> None:
        """Make everything in this folder."""
        self.sizes = sizes
        self.folder = folder
        self._open: list[BarLedger] = []

    def pair(self, name: str) -> tuple[BarLedger, Peer]:
        """Return two empty libraries."""
        ours = barledger.connect(self.folder / f"{name}-ours")
        self._open.append(ours)
        return ours, Peer(self.folder / f"{name}-peer")

    def close(self) -> None:
        """Close what was opened."""
        for library in self._open:
            library.close()

    @cached_property
    def frame(self) -> pd.DataFrame:
        """Return the long series."""
        return minute_bars(self.sizes.bars)

    @cached_property
    def plain(self) -> Pair:
        """Return the long series as it was first written."""
        ours, peer = self.pair("plain")
        _write(ours, self.frame)
        peer.write(NAME, self.frame)
        return Pair(ours, peer, self.frame)

    @cached_property
    def lived(self) -> Pair:
        """Return the long series after corrections, most of them folded, and the rest still in the log."""
        ours, peer = self.pair("lived")
        _write(ours, self.frame)
        frame = self.frame.copy()
        count = round(self.sizes.bars * _CORRECTED_SHARE)
        bars = corrected(self.frame, count, seed=2)
        kept = np.arange(count) % _LOGGED_OF == 0
        _write(ours, bars.iloc[~kept])
        ours.cache.repair()
        _write(ours, bars.iloc[kept])
        frame.iloc[frame.index.get_indexer(bars.index)] = bars.to_numpy()
        peer.write(NAME, frame)
        _check(_read(ours), frame)
        _check(peer.read(NAME), frame)
        return Pair(ours, peer, frame)

    @cached_property
    def range_times(self) -> Mapping[str, Times]:
        """Return what short reads take."""
        pair, count, warm_up = self.lived, self.sizes.ranges, 10
        wanted = ranges(pair.frame, count + warm_up, min(self.sizes.span, self.sizes.bars // 10))
        ours, theirs = iter(wanted), iter(wanted)

        def our_next() -> Callable[[], object]:
            start, end = next(ours)
            return lambda: pair.ours.bars(NAME, "1m", source=SOURCE, start=start, end=end).df

        def their_next() -> Callable[[], object]:
            start, end = next(theirs)
            return lambda: pair.peer.read(NAME, start, end)

        start, end = wanted[0]
        mine = pair.ours.bars(NAME, "1m", source=SOURCE, start=start, end=end).df
        _check(mine, pair.peer.read(NAME, start, end))
        return alternate({OURS: our_next, THEIRS: their_next}, rounds=count, warm_up=warm_up)

    @cached_property
    def snapshot_times(self) -> Mapping[str, Times]:
        """Return what a snapshot takes of series with few bars, and with many."""
        names = _names(self.sizes.series)
        libraries = {}
        for label, count in (("few", self.sizes.few), ("many", self.sizes.many)):
            library = barledger.connect(self.folder / f"snapshots-{label}")
            self._open.append(library)
            frames = {name: daily_bars(count, seed=at) for at, name in enumerate(names)}
            library.write_many([Entry(instrument=n, timeframe="1d", data=f) for n, f in frames.items()], source=SOURCE)
            libraries[label] = library

        def taking(library: BarLedger) -> Prepare:
            return always(lambda: library.snapshot(names, "1d", source=SOURCE))

        rounds = self.sizes.rounds * _SNAPSHOT_ROUNDS
        return alternate({label: taking(library) for label, library in libraries.items()}, rounds=rounds, warm_up=3)


@contextmanager
def stage(folder: Path, sizes: Sizes) -> Iterator[Stage]:
    """Give what the rows of this module run on."""
    made = Stage(folder, sizes)
    try:
        yield made
    finally:
        made.close()


# --- the rows --------------------------------------------------------------------------------------


def read_all(on: Stage) -> Outcome:
    """Read the long series into pandas."""
    pair = on.lived
    contestants = {OURS: always(lambda: _read(pair.ours)), THEIRS: always(lambda: pair.peer.read(NAME))}
    return _compared(alternate(contestants, rounds=on.sizes.rounds, warm_up=2))


def range_median(on: Stage) -> Outcome:
    """Read short ranges: the median."""
    return _at(on.range_times, 50)


def range_worst(on: Stage) -> Outcome:
    """Read short ranges: the 99th percentile."""
    return _at(on.range_times, 99)


def write_all(on: Stage) -> Outcome:
    """Write the long series."""
    ours, peer = on.pair("bulk")
    numbers = itertools.count()

    def our_next() -> Callable[[], object]:
        name = f"{NAME}{next(numbers)}"
        return lambda: _write(ours, on.frame, name)

    def their_next() -> Callable[[], object]:
        name = f"{NAME}{next(numbers)}"
        return lambda: peer.write(name, on.frame)

    return _compared(alternate({OURS: our_next, THEIRS: their_next}, rounds=on.sizes.rounds))


def poll(on: Stage) -> Outcome:
    """Add a bar to each of many series."""
    ours, peer = on.pair("poll")
    names, first = _names(on.sizes.series), on.sizes.few
    frames = {name: daily_bars(first + on.sizes.rounds + 1, seed=at) for at, name in enumerate(names)}
    begun = {name: frame.iloc[:first] for name, frame in frames.items()}
    ours.write_many([Entry(instrument=n, timeframe="1d", data=f) for n, f in begun.items()], source=SOURCE)
    peer.write_all(begun)
    our_days, their_days = itertools.count(first), itertools.count(first)

    def our_next() -> Callable[[], object]:
        entries = [Entry(instrument=n, timeframe="1d", data=f) for n, f in _day(frames, next(our_days)).items()]
        return lambda: ours.write_many(entries, source=SOURCE)

    def their_next() -> Callable[[], object]:
        bars = _day(frames, next(their_days))
        return lambda: peer.append_all(bars)

    outcome = _compared(alternate({OURS: our_next, THEIRS: their_next}, rounds=on.sizes.rounds))
    _check(ours.bars(names[-1], "1d", source=SOURCE).df, frames[names[-1]])
    _check(peer.read(names[-1]), frames[names[-1]])
    return outcome


def correct(on: Stage) -> Outcome:
    """Correct scattered bars of the long series."""
    pair = on.plain
    seeds = {name: itertools.count(1) for name in (OURS, "merge", "rewrite")}

    def prepare(name: str, work: Callable[[pd.DataFrame], object]) -> Prepare:
        def next_round() -> Callable[[], object]:
            bars = corrected(pair.frame, on.sizes.corrected, seed=next(seeds[name]))
            return lambda: work(bars)

        return next_round

    pair.peer.write("REWRITTEN", pair.frame)
    contestants = {
        OURS: prepare(OURS, lambda bars: _write(pair.ours, bars)),
        "merge": prepare("merge", lambda bars: pair.peer.merge(NAME, bars)),
        "rewrite": prepare("rewrite", lambda bars: pair.peer.rewrite("REWRITTEN", bars)),
    }
    times = alternate(contestants, rounds=on.sizes.rounds)
    mine = _read(pair.ours)
    _check(mine, pair.peer.read(NAME))
    _check(mine, pair.peer.read("REWRITTEN"))
    best = min(("merge", "rewrite"), key=lambda name: times[name].median)
    return _compared({OURS: times[OURS], THEIRS: times[best]}, note=f" ({best})")


def snapshot_many(on: Stage) -> Outcome:
    """Take a snapshot of many series with many bars."""
    times = on.snapshot_times["many"]
    return Outcome(value=times.median * 1e3, ours=str(times))


def snapshot_flat(on: Stage) -> Outcome:
    """Compare a snapshot of many bars with one of few."""
    few, many = on.snapshot_times["few"], on.snapshot_times["many"]
    return Outcome(value=many.median / few.median, ours=str(many), theirs=str(few))


def verify(on: Stage) -> Outcome:
    """Verify a snapshot of the long series."""
    pair = on.lived
    snapshot = pair.ours.snapshot(NAME, "1m", source=SOURCE)
    assert pair.ours.verify(snapshot.id).ok
    contestants = {OURS: always(lambda: pair.ours.verify(snapshot.id)), THEIRS: always(lambda: pair.peer.hash(NAME))}
    rounds = on.sizes.rounds * _VERIFY_ROUNDS
    return _compared(alternate(contestants, rounds=rounds, warm_up=2))


def disk(on: Stage) -> Outcome:
    """Compare the room on disk of the long series."""
    ours, peer = on.pair("disk")
    _write(ours, on.frame)
    peer.write(NAME, on.frame)
    ours.close()
    mine, theirs = _room(on.folder / "disk-ours"), _room(peer.folder)
    return Outcome(value=mine / theirs, ours=f"{mine / 1e6:.1f} MB", theirs=f"{theirs / 1e6:.1f} MB")


ROWS: Final = (
    Row(
        name="embedded.read",
        work="embedded: read 5M bars into pandas (1 % of them corrected, 10k rows not yet folded)",
        against="ArcticDB (LMDB)",
        aim=Aim(value=2.5),
        run=read_all,
        bound="memory: 240 MB are decoded from 60 MB, on two threads, checksums included",
    ),
    Row(
        name="embedded.range",
        work="embedded: a 10k-bar range, median",
        against="ArcticDB",
        aim=Aim(value=3.0),
        run=range_median,
        bound="half of the time is pandas: making the index and the frame, and copying its attributes; finding the "
        "place, checksums and decoding are a quarter, the two looks at the ledger a tenth",
    ),
    Row(
        name="embedded.range-p99",
        work="embedded: a 10k-bar range, 99th percentile",
        against="ArcticDB",
        aim=Aim(value=3.0),
        run=range_worst,
        bound="as for the median; what remains is the scheduler, on a machine with few cores",
    ),
    Row(
        name="embedded.write",
        work="embedded: bulk write 5M bars",
        against="ArcticDB",
        aim=Aim(value=0.8),
        run=write_all,
        bound="the digests of all blocks, SHA-256 on two threads, then the encoding, and waiting for the disk",
    ),
    Row(
        name="embedded.poll",
        work="embedded: 500 series x 1 bar in one commit",
        against="ArcticDB, `append_batch`",
        aim=Aim(value=10.0),
        run=poll,
        bound="no input or output, but a hundred small calls of numpy and pandas for each series: taking in a frame of "
        "one row, laying it over the open block (a year of days), and digesting that again",
    ),
    Row(
        name="embedded.correct",
        work="embedded: correct 1,000 scattered bars of 5M",
        against="ArcticDB, the faster of merging and of reading, changing and writing",
        aim=Aim(value=5.0),
        run=correct,
        bound="1,000 scattered minutes lie in 870 of 3,500 days; each of these is read, checked against its digest, so "
        "that no damage is blessed, and digested again: 1.25M bars are hashed once up to the first column that a "
        "correction changes (here the volume), and twice from there on",
    ),
    Row(
        name="embedded.snapshot",
        work="snapshot of 500 series of 5,000 bars",
        against="a fixed time",
        aim=Aim(value=15.0, unit=MILLISECONDS, at_most=True),
        run=snapshot_many,
        bound="500 pins: two rows of SQLite each, the manifest and the audit entry in canonical JSON, and the ledger's "
        "commit; none of it depends on the number of bars",
    ),
    Row(
        name="embedded.snapshot-flat",
        work="the same",
        against="500 series of 500 bars",
        aim=Aim(value=1.2, at_most=True),
        run=snapshot_flat,
    ),
    Row(
        name="embedded.verify",
        work="verify 5M bars",
        against="reading them from ArcticDB and hashing on two threads",
        aim=Aim(value=1.3),
        run=verify,
        bound="SHA-256 over all bars, on two threads, in blocks of a day",
    ),
    Row(
        name="embedded.disk",
        work="disk for 5M bars of 2-decimal prices, the ledger included",
        against="ArcticDB",
        aim=Aim(value=0.6, at_most=True),
        run=disk,
    ),
)


# --- parts of rows ---------------------------------------------------------------------------------


def _write(library: BarLedger, frame: pd.DataFrame, name: str = NAME) -> object:
    return library.write(name, "1m", frame, source=SOURCE, reason="benchmark")


def _read(library: BarLedger) -> pd.DataFrame:
    return library.bars(NAME, "1m", source=SOURCE).df


def _names(count: int) -> list[str]:
    return [f"SERIES{number:04d}" for number in range(count)]


def _day(frames: Mapping[str, pd.DataFrame], at: int) -> dict[str, pd.DataFrame]:
    return {name: frame.iloc[at : at + 1] for name, frame in frames.items()}


def _compared(times: Mapping[str, Times], note: str = "") -> Outcome:
    ours, theirs = times[OURS], times[THEIRS]
    return Outcome(value=theirs.median / ours.median, ours=str(ours), theirs=f"{theirs}{note}")


def _at(times: Mapping[str, Times], share: float) -> Outcome:
    ours, theirs = times[OURS].percentile(share), times[THEIRS].percentile(share)
    return Outcome(value=theirs / ours, ours=spoken(ours, unit=True), theirs=spoken(theirs, unit=True))


def _check(ours: pd.DataFrame, theirs: pd.DataFrame) -> None:
    assert np.array_equal(ours.index.asi8, theirs.index.asi8)
    assert np.array_equal(ours.to_numpy(), theirs.to_numpy())


def _room(folder: Path) -> int:
    """Return the bytes that the disk has given to a folder's files."""
    return sum(path.stat().st_blocks * 512 for path in folder.rglob("*") if path.is_file())
