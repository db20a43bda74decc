"""Reading many series, each at the revision that one consistent cut has of it."""

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from barledger.domain.interval import Interval
from barledger.domain.rows import Rows
from barledger.domain.series import Series
from barledger.domain.version import LATEST as CURRENT
from barledger.ledger.contract import Pin, SeriesState, Snapshot
from barledger.services.cache.counting import covers_all
from barledger.services.cache.reader import check_count, read
from barledger.services.cache.vault import Vault
from barledger.services.cache.versions import check_pinned


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """One series of many: what to read of it, and at which revision, be it because a snapshot pins it."""

    series: Series
    intervals: Sequence[Interval]
    revision: int
    snapshot: Snapshot | None = None
    pin: Pin | None = None

    def check(self, vault: Vault, rows: Rows) -> None:
        """Raise `StoreDiverged` if a snapshot pins another number of bars."""
        if self.snapshot is not None and self.pin is not None:
            check_pinned(vault, self.snapshot, self.pin, self.intervals, rows)


Keep = Callable[[Rows], Rows]
"""What to keep of the standing rows of a series as soon as they are read, so that the rest is free for the next."""


def read_many(
    vault: Vault,
    asked: Sequence[Asked],
    *,
    looked: Mapping[Series, SeriesState] | None = None,
    keep: Keep = lambda rows: rows,
) -> list[Rows]:
    """Return the standing rows of many series, each at a revision of its own that it has or had; raises as `read` does.

    The ledger is looked at twice for all of them together; ``looked`` is what it told at the first look, if somebody
    has looked already. Only series of which something is open, moved or old are looked at one by one.
    """
    simple = vault.store.capabilities.checksums and vault.store.capabilities.fencing and not vault.mismatch
    plain = _read_plain(vault, asked, looked or {}, keep) if simple else [None] * len(asked)
    others = iter(_read_each(vault, [one for one, rows in zip(asked, plain, strict=True) if rows is None], keep))
    return [next(others) if rows is None else rows for rows in plain]


def _read_each(vault: Vault, asked: Sequence[Asked], keep: Keep) -> list[Rows]:
    def one(asked: Asked) -> Rows:
        pinned = asked.pin is not None
        reading = read(vault, asked.series, asked.intervals, revision=asked.revision, pinned=pinned)
        asked.check(vault, reading.rows)
        return keep(reading.rows.standing())

    threads = min(vault.store.capabilities.readers, len(asked))
    if threads <= 1:
        return [one(each) for each in asked]
    with ThreadPoolExecutor(threads, thread_name_prefix="barledger-read") as pool:
        reading = [pool.submit(one, each) for each in asked]
        try:
            return [each.result() for each in reading]
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


def _read_plain(
    vault: Vault, asked: Sequence[Asked], looked: Mapping[Series, SeriesState], keep: Keep
) -> list[Rows | None]:
    """Read what lies in ``latest`` as it is asked for; None for the others, and for those that moved meanwhile.

    Raises `StoreDiverged` where there are more or fewer bars than the ledger counts.
    """
    series = [one.series for one in asked]
    known = all(one in looked for one in series)
    before = [looked[one] for one in series] if known else vault.ledger.revisions.states(series)
    _prepare(vault, [pair for pair in zip(asked, before, strict=True) if _plain(pair[1], pair[0])])
    found = [
        _read_counted(vault, one, state, keep) if _plain(state, one) else None
        for one, state in zip(asked, before, strict=True)
    ]
    after = vault.ledger.revisions.states(series)
    return [rows if then == now else None for rows, then, now in zip(found, before, after, strict=True)]


def _prepare(vault: Vault, pairs: Sequence[tuple[Asked, SeriesState]]) -> None:
    """Look up the counts of many series at once; of all bars of a series its state has them."""
    cut: dict[tuple[Interval, ...], list[SeriesState]] = {}
    for one, state in pairs:
        if not covers_all(state, one.intervals):
            cut.setdefault(tuple(one.intervals), []).append(state)
    for intervals, states in cut.items():
        vault.counts.prepare(vault.ledger, states, intervals)


def _read_counted(vault: Vault, asked: Asked, state: SeriesState, keep: Keep) -> Rows | None:
    rows = vault.store.read(asked.series, CURRENT, asked.intervals)
    if not check_count(vault, state, asked.intervals, rows):
        return None
    asked.check(vault, rows)
    return keep(rows.standing())


def _plain(state: SeriesState, asked: Asked) -> bool:
    """Tell whether the rows in ``latest`` are those that are asked for."""
    return state.clean and 0 < state.revision == asked.revision and not state.gone and state.horizon <= state.revision
