"""The audit log: what an entry costs beside the commit that it belongs to, and how long a proof takes."""

import itertools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any, Final

import numpy as np

import barledger
from barledger import BarLedger
from barledger.domain.merkle import includes, leaf_hash
from barledger.ledger.contract import Who
from barledger.ledger.sql.audit import append
from benchmarks.data import QUICK, Sizes, daily_bars
from benchmarks.measure import alternate, spoken
from benchmarks.row import MILLISECONDS, Aim, Outcome, Row

_ENTRIES: Final = 100_000
_LONG: Final = 1_000_000
_AT_ONCE: Final = 1_000
_COMMITS: Final = 40
_PROOFS: Final = 400
_WHO: Final = Who(actor="bench", operation="write", reason="a benchmark")
_SERIES: Final = {
    "instrument": "AAPL",
    "timeframe": "1d",
    "source": "bench",
    "is_adjusted": False,
    "new": "1",
    "interval": {"start": "1795635601029150417", "end": "1795635601029150417"},
    "digest_before": "00" * 32,
    "digest_after": "ff" * 32,
}


class Stage:
    """A library whose log grows."""

    def __init__(self, folder: Path, *, quick: bool) -> None:
        """Make everything in this folder."""
        self.folder = folder
        self.quick = quick

    @cached_property
    def library(self) -> BarLedger:
        """Return an embedded library."""
        return barledger.connect(self.folder / "audit")

    def grow(self, count: int) -> None:
        """Add entries like those of commits, in one transaction: their marginal cost, without the disk's."""
        database: Any = self.library.vault.ledger._database  # type: ignore[attr-defined]  # noqa: SLF001 - measured
        with database.write() as writing:
            for _ in range(count):
                append(writing, _WHO, writing.tick(), {"revision": writing.now, "series": [_SERIES]})

    @cached_property
    def proof_seconds(self) -> list[float]:
        """Return what proofs take in a long log."""
        wanted = _ENTRIES if self.quick else _LONG
        while (left := wanted - len(self.library.audit)) > 0:
            self.grow(min(left, 10 * _AT_ONCE))
        audit, size = self.library.vault.ledger.audit, wanted
        root = audit.root(size)
        numbers = iter(np.random.default_rng(1).integers(1, size, _PROOFS + 10).tolist())

        def next_proof() -> Callable[[], object]:
            sequence = next(numbers)
            return lambda: audit.inclusion(sequence, size)

        times = alternate({"proof": next_proof}, rounds=_PROOFS, warm_up=10)["proof"]
        (entry,) = audit.entries(after=size // 3, limit=1)
        proof = audit.inclusion(entry.sequence, size)
        assert includes(root, size, entry.sequence - 1, leaf_hash(entry.body.encode()), proof)
        return list(times.seconds)


@contextmanager
def stage(folder: Path, sizes: Sizes) -> Iterator[Stage]:
    """Give what the rows of this module run on."""
    made = Stage(folder, quick=sizes == QUICK)
    try:
        yield made
    finally:
        made.library.close()


def entries(on: Stage) -> Outcome:
    """Append entries, and make commits, in turns, until the log has as many entries as the aim says."""
    days = itertools.count()
    bars = daily_bars(20_000, seed=1)
    rounds = (_ENTRIES // 10 if on.quick else _ENTRIES) // _AT_ONCE

    def commits() -> Callable[[], object]:
        first = next(days) * _COMMITS
        some = [bars.iloc[day : day + 1] for day in range(first, first + _COMMITS)]
        return lambda: [on.library.write("AAPL", "1d", one, source="bench", reason="a benchmark") for one in some]

    def appends() -> Callable[[], object]:
        return lambda: on.grow(_AT_ONCE)

    times = alternate({"entries": appends, "commits": commits}, rounds=rounds, warm_up=1)
    entry, commit = times["entries"].median / _AT_ONCE, times["commits"].median / _COMMITS
    return Outcome(value=entry / commit, ours=spoken(entry, unit=True), theirs=spoken(commit, unit=True))


def proof(on: Stage) -> Outcome:
    """Prove entries of a long log."""
    worst = float(np.percentile(on.proof_seconds, 99))
    median = float(np.median(on.proof_seconds))
    return Outcome(value=median * 1e3, ours=f"median {spoken(median, unit=True)}, p99 {spoken(worst, unit=True)}")


ROWS: Final = (
    Row(
        name="audit.entry",
        work="append 100,000 entries to the audit log and its tree, each",
        against="a commit of one bar, each",
        aim=Aim(value=0.1, at_most=True),
        run=entries,
        bound="an entry's canonical JSON, its leaf, and two rows of SQLite",
    ),
    Row(
        name="audit.proof",
        work="prove an entry among 1M",
        against="a fixed time",
        aim=Aim(value=5.0, unit=MILLISECONDS, at_most=True),
        run=proof,
        bound="two queries of SQLite, and the hashes between what is kept",
    ),
)
