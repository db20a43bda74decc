"""Evaluation: bound specs on a table, every shared part once."""

from collections.abc import Callable, MutableMapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from barledger.domain.interval import format_time
from barledger.domain.rows import Ints
from barledger.errors import BarledgerError, IndicatorFailed, ValuesMissing
from barledger.indicators.binding import Bound, Column, Pick, Request
from barledger.indicators.definition import BUILT_IN, Floats
from barledger.indicators.gaps import NO_BREAKS, WHOLE, Present, present, segments
from barledger.indicators.table import Table

Results = tuple[Floats, ...]
_MUTATED: Final = "read-only"


@dataclass(slots=True, kw_only=True, eq=False)
class Evaluation:
    """Computes bound indicators on one table; ``known`` are results by key, found there before they are computed."""

    table: Table
    known: MutableMapping[str, Results] = field(default_factory=dict)
    watch: Callable[[Bound], None] | None = None

    def columns(self, request: Request) -> dict[str, Floats]:
        """Return the columns of a request, each of the table's length, missing where there is no value."""
        return {name: self.results(pick.bound)[pick.place] for name, pick in request.picks.items()}

    def values(self, pick: Pick) -> Floats:
        """Return one output."""
        return self.results(pick.bound)[pick.place]

    def results(self, bound: Bound) -> Results:
        """Return all outputs of an indicator; raises `ValuesMissing`, `InputMissing`, `IndicatorFailed`."""
        found = self.known.get(bound.key)
        if found is None:
            if self.watch is not None:
                self.watch(bound)
            found = self.known[bound.key] = _sealed(self._computed(bound))
        return found

    def _computed(self, bound: Bound) -> Results:
        whole = None if bound.names is None else self.table.whole(bound.names)
        return self._gaps_heeded(bound) if whole is None else run(bound, whole, self._time(bound))

    def _gaps_heeded(self, bound: Bound) -> Results:
        inputs = [self._input(bound, one) for one in bound.inputs]
        size, breaks = len(self.table), self.table.breaks if _restarts(bound) else NO_BREAKS
        there = WHOLE
        for one, values in zip(bound.inputs, inputs, strict=True):
            mine = self._present(one, values)
            there = there.beside(mine, size)
        if there is WHOLE and not len(breaks):
            return run(bound, inputs, self._time(bound))
        if bound.policy == "raise":
            self._refuse(bound, there)
        if bound.policy == "skip":
            return self._skipping(bound, inputs, there)
        results = _nothing(bound, size)
        for begin, end in segments(there, size, breaks):
            part = run(bound, [values[begin:end] for values in inputs], self._time(bound, begin, end))
            for whole, values in zip(results, part, strict=True):
                whole[begin:end] = values
        return results

    def _skipping(self, bound: Bound, inputs: Sequence[Floats], there: Present) -> Results:
        rows = np.flatnonzero(there.flags(len(self.table)))
        time = self.table.time[rows] if bound.indicator.timed else None
        results = _nothing(bound, len(self.table))
        for whole, values in zip(results, run(bound, [one[rows] for one in inputs], time), strict=True):
            whole[rows] = values
        return results

    def _input(self, bound: Bound, one: Column | Pick) -> Floats:
        if isinstance(one, Column):
            return self.table.column(one.key, bound.indicator.name)
        return self.values(one)

    def _present(self, one: Column | Pick, values: Floats) -> Present:
        return self.table.present(one.key) if isinstance(one, Column) else present(values)

    def _time(self, bound: Bound, begin: int = 0, end: int | None = None) -> Ints | None:
        return self.table.time[begin:end] if bound.indicator.timed else None

    def _refuse(self, bound: Bound, there: Present) -> None:
        """Raise `ValuesMissing` unless only leading values are missing."""
        flags = there.flags(len(self.table))
        first = int(np.argmax(flags)) if bool(flags.any()) else len(flags)
        missing, breaks = first + np.flatnonzero(~flags[first:]), self.table.breaks
        found = np.union1d(missing, breaks)
        if len(found):
            at, before = format_time(int(self.table.time[found[0]])), int(found[0]) in breaks
            raise ValuesMissing(indicator=bound.indicator.name, count=len(found), first=at, before=before)


def run(bound: Bound, inputs: Sequence[Floats], time: Ints | None) -> Results:
    """Compute an indicator on inputs without a gap; raises `IndicatorFailed`."""
    indicator = bound.indicator
    size = len(inputs[0]) if inputs else (0 if time is None else len(time))
    if size <= bound.own.lookback:
        return _nothing(bound, size)
    if indicator.owner != BUILT_IN:
        # Who holds the memory beneath a read-only array can make it writable again.
        inputs = [copied(one) for one in inputs]
    given = inputs if time is None else (time, *inputs)
    try:
        results = bound.compute(*given)
    except BarledgerError:
        raise
    except Exception as error:
        raise _failed(bound, error) from error
    return results if indicator.owner == BUILT_IN else _checked(bound, results, size)


def _sealed(results: Results) -> Results:
    """Make results read-only: what is computed from them may not change them."""
    for values in results:
        values.setflags(write=False)
    return results


def copied(values: Floats | Sequence[float]) -> Floats:
    """Return a copy for other people's code, read-only, so that who writes into it is told."""
    made = np.array(values)
    made.flags.writeable = False
    return made.view()


def writes_into_input(error: Exception) -> bool:
    """Whether other people's code raised this because it writes into what it was given."""
    return isinstance(error, ValueError) and _MUTATED in str(error)


def _nothing(bound: Bound, size: int) -> Results:
    return tuple(np.full(size, np.nan) for _ in bound.indicator.outputs)


def _restarts(bound: Bound) -> bool:
    return bound.policy != "skip"


def _checked(bound: Bound, results: object, size: int) -> Results:
    """Return what other people's code gave, as arrays; raises `IndicatorFailed` if it has the wrong shape."""
    name, outputs = bound.indicator.name, bound.indicator.outputs
    listed = results if isinstance(results, tuple) else (results,)
    if len(listed) != len(outputs):
        names = ", ".join(one.name for one in outputs)
        reason = f"it gave {len(listed)} results, and its outputs are {names}"
        raise IndicatorFailed(indicator=name, reason=reason, remedy="Return one array for each output, as a tuple.")
    arrays = []
    for values in listed:
        try:
            array = np.asarray(values, np.float64)
        except (TypeError, ValueError) as error:
            reason = f"a result is a {type(values).__name__}, and no numbers"
            raise IndicatorFailed(indicator=name, reason=reason, remedy="Return arrays of float64.") from error
        if array.shape != (size,):
            reason = f"it gave an array of shape {array.shape} for {size} bars"
            remedy = "Return one value for each bar; NaN where there is none."
            raise IndicatorFailed(indicator=name, reason=reason, remedy=remedy)
        arrays.append(array)
    return tuple(arrays)


def _failed(bound: Bound, error: Exception) -> IndicatorFailed:
    name = bound.indicator.name
    if writes_into_input(error):
        remedy = "Work on a copy: inputs are shared by all that is computed from them."
        return IndicatorFailed(indicator=name, reason="it writes into its input", remedy=remedy)
    return IndicatorFailed(indicator=name, reason=f"it raised {type(error).__name__}: {error}")
