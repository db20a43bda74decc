"""Chunks: the bars of files as validated stretches of ascending time."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from barledger.domain.intake import intake
from barledger.domain.interval import Interval, format_time
from barledger.domain.rows import VALUES, Flags, empty_rows
from barledger.domain.validation import Validated
from barledger.errors import DuplicateTimes, InvalidBars, UnsortedTimes
from barledger.sources.contract import Fetched, FetchRequest
from barledger.sources.files.events import actions_in, actions_possible, bars_in
from barledger.sources.files.layout import OURS
from barledger.sources.files.selection import Selection, nanoseconds

_HELD_BACK: Final = 64
# Bars of one time are judged together, so there must be an end to them.
_MOST_OF_ONE_TIME: Final = 1 << 20


class Chunks:
    """The bars of a request in chunks of about ``size``.

    The last 64th of a chunk is held back and joined with what follows, so that a bar repeated across the border is
    seen together with its twin, and with ``quarantine`` a bar that is late by a little is sorted. A bar that is later
    than that is refused, because sorting takes more than bounded memory.
    """

    def __init__(self, selection: Selection, request: FetchRequest, *, size: int) -> None:
        """Divide this selection."""
        self._selection = selection
        self._request = request
        self._size = size
        self._held_back = max(1, size // _HELD_BACK)
        # What lies before it was given out.
        self._start = request.interval.start
        self._waiting: list[pa.Table] = []

    def __iter__(self) -> Iterator[Fetched]:
        """Give at least one chunk, the last one up to the end of the request."""
        waiting = 0
        for piece in self._selection.pieces(self._size):
            self._check_late(piece)
            self._waiting.append(piece)
            waiting += piece.num_rows
            if waiting >= self._size + self._held_back:
                yield from self._settled()
                waiting = self._waiting[0].num_rows
        if not self._waiting:
            yield Fetched(rows=empty_rows(), interval=self._request.interval, asked=self._selection.asked())
            return
        yield self._fetched(self._ordered(), self._request.interval.end)

    def _check_late(self, piece: pa.Table) -> None:
        late = nanoseconds(piece) < self._start
        if late.any():
            raise self._error(UnsortedTimes, piece, late)

    def _settled(self) -> Iterator[Fetched]:
        """Give what no bar to come can touch, and hold back the rest."""
        run = self._ordered()
        times = nanoseconds(run)
        cut = int(np.searchsorted(times, times[-self._held_back], "left"))
        self._waiting = [run.slice(cut)]
        if cut:
            yield self._fetched(run.slice(0, cut), int(times[cut - 1]) + 1)
        elif len(times) > _MOST_OF_ONE_TIME:
            raise self._error(DuplicateTimes, run, times == times[0])

    def _ordered(self) -> pa.Table:
        """Return all waiting bars by time; out of order, they are an error unless bad bars go to quarantine."""
        run = pa.concat_tables(self._waiting, promote_options="default")
        steps = np.diff(nanoseconds(run))
        if not len(steps) or int(steps.min()) > 0:
            return run
        if self._request.on_invalid == "raise":
            self._validated(run)
        return run if int(steps.min()) == 0 else run.take(np.argsort(nanoseconds(run), kind="stable"))

    def _fetched(self, run: pa.Table, end: int) -> Fetched:
        actions = tuple(sorted(actions_in(run, self._request.instrument, self._selection)))
        validated = self._validated(run.filter(pa.array(bars_in(run))) if actions_possible(run) else run)
        interval, self._start = Interval(self._start, end), end
        files = pc.unique(run["file"]).to_pylist()
        return Fetched(
            rows=validated.rows,
            interval=interval,
            rejected=validated.rejected,
            actions=actions,
            asked=self._selection.asked(files),
            adjustment=dict.fromkeys(VALUES, self._selection.adjustment(files)),
            note=self._selection.note(files),
        )

    def _validated(self, run: pa.Table) -> Validated:
        try:
            return intake(
                run.select([name for name in run.column_names if name in OURS]),
                self._request.timeframe,
                on_invalid=self._request.on_invalid,
            )
        except InvalidBars as error:
            # Of bars with the same time the last one is the surprise.
            named = np.flatnonzero(nanoseconds(run) == error.times[0])[-1] if error.times else 0
            place = self._selection.place(run, int(named))
            raise replace(error, examples=f"{error.examples} in {place}") from None

    def _error(self, error: type[InvalidBars], run: pa.Table, offenders: Flags) -> InvalidBars:
        at = int(np.flatnonzero(offenders)[-1 if error is DuplicateTimes else 0])
        time = int(nanoseconds(run)[at])
        examples = f" ({format_time(time)}) in {self._selection.place(run, at)}"
        return error(count=int(offenders.sum()), times=(time,), examples=examples)
