"""Processes: functions of Python that keep the interpreter to themselves, on columns in shared memory."""

import warnings
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from importlib import import_module
from multiprocessing import get_context
from multiprocessing.shared_memory import SharedMemory
from types import TracebackType
from typing import Any, Final, Self

import numpy as np

from barledger.domain.rows import VALUES
from barledger.errors import BarledgerError, IndicatorFailed, NotParallel
from barledger.indicators.binding import Binder, Request
from barledger.indicators.registry import REGISTRY
from barledger.indicators.relying import Rows
from barledger.indicators.table import Table
from barledger.services.indicators.batched import Failed
from barledger.services.indicators.costs import available_cores
from barledger.services.indicators.fingerprint import fingerprint
from barledger.services.indicators.jobs import Job
from barledger.services.indicators.preparing import Step, computed

_ROWS: Final = 500_000
_SIZE: Final = 8
_DEATHS: Final = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """What another process needs to know what is asked: specs, the policy, and where custom functions come from.

    ``functions`` are the fingerprints of those, in the order in which they are computed.
    """

    specs: tuple[str, ...]
    policy: Any
    columns: tuple[str, ...]
    keys: tuple[str, ...]
    owners: tuple[str, ...]
    functions: tuple[str, ...]

    @staticmethod
    def of(request: Request) -> "Words":
        """Return the words for a request."""
        computed = request.computed
        # A policy for all stands in every key, so that the first that differs from its indicator's tells of it.
        policy = next((bound.policy for bound in computed if bound.policy != bound.indicator.policy), None)
        return Words(
            specs=request.specs,
            policy=policy,
            columns=tuple(dict.fromkeys((*VALUES, *(column.key for column in request.columns)))),
            keys=request.keys,
            owners=tuple(sorted({bound.indicator.owner for bound in request.custom})),
            functions=_functions(request),
        )

    def request(self) -> Request:
        """Return the request again; raises what is wrong with it here."""
        for owner in self.owners:
            _try_import(owner)
        return Binder(REGISTRY, columns=self.columns).request(self.specs, nan_policy=self.policy)


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """A series in shared memory: where its times and columns begin (in values), and where its results go."""

    offset: int
    rows: int
    breaks: int
    names: tuple[str, ...]
    first: int
    stop: int
    out: int


class Team:
    """So many processes that compute a request; none if none are wanted, or if they cannot."""

    _words: Words

    def __init__(self, request: Request, size: int, note: Callable[[str], None]) -> None:
        """Start none yet; ``note`` is told why they cannot."""
        self.size = min(size, available_cores())
        self._request = request
        self._note = note
        self._pool: ProcessPoolExecutor | None = None
        self._deaths = 0

    def __enter__(self) -> Self:
        """Start them, and ask whether they know what is asked."""
        if self.size:
            self._words = Words.of(self._request)
            self._pool = _pool_of(self.size)
            self._heed(self._ask())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End them."""
        if self._pool is not None:
            self._pool.shutdown(wait=True, cancel_futures=True)

    def fill(self, jobs: Sequence[Job]) -> Iterator[Failed]:
        """Fill the rows of each, and give which of its columns failed; a bounded part of them is in shared memory."""
        some: list[Job] = []
        for one in jobs:
            if some and sum(len(job.prepared.table) for job in (*some, one)) > _ROWS:
                yield from self._filled(some)
                some = []
            some.append(one)
        if some:
            yield from self._filled(some)

    def _filled(self, some: Sequence[Job]) -> Sequence[Failed]:
        shares, size = _shares(some, len(self._request.picks))
        memory = SharedMemory(create=True, size=max(size, 1) * _SIZE)
        try:
            _lay_out(memory, some, shares)
            per = -(-len(shares) // (2 * self.size))
            handed = [shares[at : at + per] for at in range(0, len(shares), per)]
            failed = list(self._computed(memory.name, handed))
            _take(memory, some, shares)
        finally:
            memory.close()
            memory.unlink()
        return failed

    def _computed(self, memory: str, handed: Sequence[Sequence[Share]]) -> Iterator[Failed]:
        """Compute portions side by side; those that were under way when a process died are computed again."""
        tasks, before = [self._submit(memory, shares) for shares in handed], self._deaths
        for shares, task in zip(handed, tasks, strict=True):
            found: Sequence[Failed]
            try:
                found = task.result()
            except BrokenProcessPool:
                if self._deaths == before:
                    self._renew()
                found = self._again(memory, shares)
            yield from found

    def _again(self, memory: str, shares: Sequence[Share]) -> list[Failed]:
        """Compute a portion by itself, by halves if a process dies of it, until it is known of which series."""
        if self._deaths < _DEATHS:
            try:
                return list(self._submit(memory, shares).result())
            except BrokenProcessPool:
                self._renew()
            if len(shares) > 1:
                half = len(shares) // 2
                return self._again(memory, shares[:half]) + self._again(memory, shares[half:])
        reason = f"a process that computes it dies (so far {self._deaths} of them)"
        error = IndicatorFailed(
            indicator=", ".join(self._words.specs),
            reason=reason,
            remedy="Look at what it calls that is compiled, and at how much memory it takes; compute this instrument "
            "by itself, without processes, to see where it ends.",
        )
        return [dict.fromkeys(self._request.picks, error) for _ in shares]

    def _submit(self, memory: str, shares: Sequence[Share]) -> Future[list[dict[str, BarledgerError]]]:
        assert self._pool is not None  # noqa: S101 - it is only called while there are processes
        return self._pool.submit(_compute, self._words, memory, shares)

    def _renew(self) -> None:
        """Start other processes in the place of those that ended with one of them."""
        assert self._pool is not None  # noqa: S101 - as above
        self._deaths += 1
        self._pool.shutdown(wait=True, cancel_futures=True)
        self._pool = _pool_of(self.size)

    def _ask(self) -> str:
        """Return why the processes cannot compute the request, or nothing."""
        assert self._pool is not None  # noqa: S101 - as above
        try:
            return self._pool.submit(_lacking, self._words).result()
        except BrokenProcessPool:
            return "no process could be started; a script needs `if __name__ == '__main__':` around what it does"

    def _heed(self, reason: str) -> None:
        if reason:
            self.size = 0
            told = f"computed in this process alone: {reason}"
            self._note(told)
            warnings.warn(told, NotParallel, stacklevel=4)


def _functions(request: Request) -> tuple[str, ...]:
    return tuple(fingerprint(bound.indicator.compute) for bound in request.custom)


def _pool_of(size: int) -> ProcessPoolExecutor:
    return ProcessPoolExecutor(size, mp_context=get_context("spawn"))


# --- on this side of the memory --------------------------------------------------------------------


def _shares(some: Sequence[Job], width: int) -> tuple[list[Share], int]:
    shares, at = list[Share](), 0
    for job in some:
        table = job.prepared.table
        names, rows, breaks = tuple(table.columns), len(table), len(table.breaks)
        out = at + rows * (1 + len(names)) + breaks
        answered = job.prepared.rows
        shares.append(
            Share(offset=at, rows=rows, breaks=breaks, names=names, first=answered.first, stop=answered.stop, out=out)
        )
        at = out + len(job.prepared) * width
    return shares, at


def _lay_out(memory: SharedMemory, some: Sequence[Job], shares: Sequence[Share]) -> None:
    for job, share in zip(some, shares, strict=True):
        at, table = share.offset, job.prepared.table
        for values in (table.time, table.breaks, *table.columns.values()):
            _array(memory, at, len(values), values.dtype)[:] = values
            at += len(values)


def _take(memory: SharedMemory, some: Sequence[Job], shares: Sequence[Share]) -> None:
    for job, share in zip(some, shares, strict=True):
        rows = len(job.prepared)
        for place, column in enumerate(job.leaf.columns):
            column[job.rows] = _array(memory, share.out + place * rows, rows, np.float64)


# --- on the other side -----------------------------------------------------------------------------


def _lacking(words: Words) -> str:
    """Return what this process does not know of what is asked, or nothing."""
    try:
        request = words.request()
    except BarledgerError as error:
        owners = ", ".join(words.owners) or "barledger"
        return f"{error} in another process, which imports {owners}"
    if request.keys != words.keys:
        return "a spec means something else in another process"
    if _functions(request) != words.functions:
        return f"another process, which imports {', '.join(words.owners)}, finds other functions there by these names"
    return ""


def _compute(words: Words, name: str, shares: Sequence[Share]) -> list[dict[str, BarledgerError]]:
    memory = SharedMemory(name)
    try:
        request = words.request()
        steps = Step.of(request)
        return [_filled(tuple(request.picks), steps, memory, share) for share in shares]
    finally:
        memory.close()


def _filled(
    names: Sequence[str], steps: Sequence[Step], memory: SharedMemory, share: Share
) -> dict[str, BarledgerError]:
    answered = Rows(first=share.first, stop=share.stop, begins=False)
    rows, failed = share.stop - share.first, dict[str, BarledgerError]()
    for place, values in enumerate(computed(steps, _table(memory, share), answered)):
        out = _array(memory, share.out + place * rows, rows, np.float64)
        if isinstance(values, BarledgerError):
            # Arrays on the memory must be gone before it is closed, and an error would keep them by its traceback.
            values.__cause__ = values.__context__ = None
            failed[names[place]] = values.with_traceback(None)
            out[:] = np.nan
        else:
            out[:] = values
    return failed


def _table(memory: SharedMemory, share: Share) -> Table:
    at = share.offset
    time = _array(memory, at, share.rows, np.int64)
    breaks = _array(memory, at + share.rows, share.breaks, np.int64)
    at += share.rows + share.breaks
    columns = {
        name: _array(memory, at + place * share.rows, share.rows, np.float64) for place, name in enumerate(share.names)
    }
    return Table.of(time, columns, breaks=breaks)


def _array(memory: SharedMemory, at: int, size: int, kind: Any) -> Any:
    return np.ndarray((size,), kind, buffer=memory.buf, offset=at * _SIZE)


def _try_import(owner: str) -> None:
    """Import the module that a function was defined in; an owner may also be a distribution, which has its own way."""
    while owner:
        try:
            import_module(owner)
        except ImportError:
            owner = owner.rpartition(".")[0]
        else:
            return
