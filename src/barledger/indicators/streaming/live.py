"""Live indicators: values that go on from bar to bar, the same as the batch gives for the bars so far."""

import json
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import numpy as np

from barledger.domain.frames import TIMES
from barledger.domain.interval import format_time
from barledger.domain.rows import VALUES, Ints
from barledger.errors import (
    BarledgerError,
    CannotStream,
    InputMissing,
    InputUnsuitable,
    InvalidSetting,
    InvalidState,
    ValuesMissing,
)
from barledger.indicators.binding import Binder, Bound, Column, Request, bounds
from barledger.indicators.definition import Policy
from barledger.indicators.evaluation import Evaluation
from barledger.indicators.gaps import NO_BREAKS, WHOLE, present, segments
from barledger.indicators.registry import REGISTRY, Registry
from barledger.indicators.relying import ANCHORED
from barledger.indicators.streaming.bar import BarReader
from barledger.indicators.streaming.history import Gap, table_of_history
from barledger.indicators.streaming.node import Node
from barledger.indicators.streaming.plan import Plan, planned
from barledger.indicators.streaming.state import Fields, opened, sealed
from barledger.indicators.table import Table

State = Mapping[str, Any] | str | bytes
Take = Callable[[tuple[float, ...]], tuple[float, ...]]
FORMAT: Final = 1
_WHAT: Final = "live indicators"
_NONE: Final[tuple[float, ...]] = ()
_FIELDS: Final = ("format", "specs", "single", "nan_policy", "available", "time", "anchor", "count", "values", "nodes")


class Live:
    """Indicators under way. An update that raises leaves everything as it was.

    A bar is an object or a mapping with ``open``, ``high``, ``low``, ``close``, ``volume`` and ``time`` (or ``date``,
    and what else tables call it), a row of a frame, or a plain number where one column is all that is needed. Its time
    is its opening, and must be later than that of the bar before; where no bar has one, and no gaps are to be seen,
    they are taken as they come. A value that is missing (NaN, None) is treated as the indicator's ``nan_policy`` says,
    and so is a stretch of missing bars that ``gap`` tells of.

    >>> live = Live.open("sma(2)")
    >>> [live.update(price) for price in (1.0, 2.0, 4.0)]
    [nan, 1.5, 3.0]
    >>> live.peek(6.0)
    5.0
    """

    __slots__ = (
        "_added",
        "_anchor",
        "_available",
        "_count",
        "_finish",
        "_gap",
        "_nodes",
        "_plain",
        "_plan",
        "_policy",
        "_read",
        "_readers",
        "_row",
        "_take",
        "_time",
    )

    def __init__(
        self,
        request: Request,
        *,
        single: bool | None = None,
        gap: Gap | None = None,
        nan_policy: Policy | None = None,
        available: Sequence[str] = VALUES,
        series: tuple[str, str] | None = None,
    ) -> None:
        """Begin before the first bar with specs that are bound; see `open`.

        ``single`` gives the values of one spec as such, and not as a mapping; ``nan_policy`` and ``available`` are what
        the request was bound with, for it is bound again when a state is loaded. ``series`` is the instrument and
        timeframe that bars have to be of, if they say so; without it, those of the first one.
        """
        if gap is not None and not callable(gap):
            reason = f"a {type(gap).__name__} cannot be asked whether bars are missing between two times"
            raise InvalidSetting(setting="gap", reason=reason)
        alone = len(request.specs) == 1 if single is None else single
        self._plan: Plan = planned(request, single=alone)
        self._nodes = [Node(step) for step in self._plan.steps]
        self._read = BarReader(self._plan.columns, asker=self._plan.steps[-1].bound.indicator.name, series=series)
        self._readers = self._read.readers
        self._finish: Any = self._plan.straight
        self._gap, self._policy, self._available = gap, nan_policy, tuple(available)
        # Most bars need no more than to be later than the one before.
        self._plain = gap is None and not self._plan.timed and not self._plan.careful
        self._time: int | None = None
        self._anchor: int | None = None
        self._count = 0
        self._row, self._added = self._nothing(), _NONE
        self._take: Take | None = None

    @staticmethod
    def open(
        specs: str | Sequence[str] | Request,
        *,
        nan_policy: Policy | None = None,
        gap: Gap | None = None,
        columns: Sequence[str] = VALUES,
        registry: Registry = REGISTRY,
    ) -> "Live":
        """Begin before the first bar; raises `InvalidSpec`, `CannotStream` and what else can be wrong with a spec.

        Of one spec as text the result of a bar is its value, or its values by name if it has several outputs; of a list
        of specs it is a mapping by column.
        """
        if isinstance(specs, Request):
            names = (column.name for column in specs.columns)
            return Live(specs, gap=gap, nan_policy=nan_policy or _policy(specs), available=(*columns, *names))
        request = Binder(registry, columns=columns).request(specs, nan_policy=nan_policy)
        single = isinstance(specs, str)
        return Live(request, single=single, gap=gap, nan_policy=nan_policy, available=columns)

    # --- going on ------------------------------------------------------------------------------

    def update(self, bar: Any) -> Any:
        """Take a closed bar in, and return its values.

        Raises `InputUnsuitable` for a bar that is not later than the one before, `InputMissing` for one that lacks a
        column, `InfiniteValue` for one that is infinite there, and `ValuesMissing` where the policy is to raise.
        """
        try:
            reader = self._readers[type(bar)]
        except KeyError:
            reader = self._read
        time, row, finite = reader(bar)
        take = self._take
        if take is None or not finite:
            return self._update(time, row)
        before = self._time
        # One indicator under way takes most bars as they are read.
        if (before is None) if time is None else (before is not None and time > before):
            added = take(row)
            self._time, self._row, self._added = time, row, added
            self._count += 1
            return self._finish(added)
        return self._update(time, row)

    def _update(self, time: int | None, row: tuple[float, ...]) -> Any:
        before = self._time
        if self._plain and (before is None or (time is not None and time > before)):
            values = row
            for node in self._nodes:
                values += node.update(values, time)
            if time is not None:
                self._time = time
                if before is None:
                    self._anchor = time
        else:
            values = self._careful_update(time, row)
        self._count += 1
        self._reach(values)
        return self._plan.result(values)

    @property
    def _values(self) -> tuple[float, ...]:
        """Return the values of the last bar: those of its columns, then those of each step."""
        return self._row + self._added

    def _reach(self, values: tuple[float, ...]) -> None:
        """Be at a bar of these values, and choose how the next one is taken."""
        self._row, self._added = values, _NONE
        node = self._nodes[0]
        straight = self._plain and self._plan.straight is not None and node.begun
        self._take = node.handle.take if straight else None

    def peek(self, bar: Any) -> Any:
        """Return what `update` would return for a bar that is still forming, and change nothing."""
        time, row, _ = self._read(bar)
        restarted = self._follows(time)
        values = row
        for node in self._nodes:
            values += node.peek(values, time, restarted=restarted)
        return self._plan.result(values)

    def copy(self) -> "Live":
        """Return an independent live object at the same bar."""
        other = object.__new__(Live)
        for name in Live.__slots__:
            setattr(other, name, getattr(self, name))
        other._nodes = [node.copy() for node in self._nodes]
        other._reach(self._values)
        return other

    def warm(self, history: Any, *, whole: bool = True, anchor: int | None = None) -> "Live":
        """Take a history in at once, from before the first bar; returns itself.

        ``history`` is what `barledger.calculate` takes, or a `Table`. Of what is no `Table`, gaps are what the ``gap``
        of this object tells of. ``whole`` says that the history begins where the series does; otherwise what does not
        settle bit for bit is not `exact` from here on. What depends on the whole path counts from ``anchor`` (ns) on,
        or from the first bar. Raises what `barledger.calculate` raises.
        """
        if self._count:
            raise InputUnsuitable(reason="there were bars already", remedy="Open another one on the history.")
        table, timed = table_of_history(history, self.request, self._gap)
        if not len(table):
            return self
        whole_table = Evaluation(table=table)
        begin = 0 if anchor is None else int(np.searchsorted(table.time, anchor))
        anchored = Evaluation(table=table.part(begin, len(table))) if begin else whole_table
        columns = [table.column(name, self._plan.steps[-1].bound.indicator.name) for name in self._plan.columns]
        fresh = [Node(step) for step in self._plan.steps]
        results: list[Any] = []
        for node in fresh:
            since = begin > 0 and _counts(node)
            evaluation = anchored if since else whole_table
            _fill(node, evaluation, whole=whole or since)
            results += evaluation.results(node.step.bound)
        self._nodes = fresh
        self._reach(tuple(float(array[-1]) if len(array) else math.nan for array in (*columns, *results)))
        if timed:
            self._time = int(table.time[-1])
            self._anchor = _first(table, begin if any(map(_counts, fresh)) else 0)
        self._count = len(table)
        return self

    # --- what there is -------------------------------------------------------------------------

    @property
    def value(self) -> Any:
        """Return what the last `update` returned; missing before the first bar."""
        return self._plan.result(self._values)

    @property
    def values(self) -> dict[str, float]:
        """Return the values of the last bar by column."""
        values = self._values
        return {name: values[at] for name, at in zip(self._plan.request.picks, self._plan.places, strict=True)}

    @property
    def time(self) -> int | None:
        """Return the opening time (ns) of the last bar that had one."""
        return self._time

    @property
    def anchor(self) -> int | None:
        """Return the opening time (ns) of the first bar: what depends on the whole path depends on that."""
        return self._anchor

    @property
    def count(self) -> int:
        """Return how many bars there were."""
        return self._count

    @property
    def complete(self) -> bool:
        """Whether no value of the last bar is missing, of its columns and of all that is computed of them."""
        return not any(map(math.isnan, self._values))

    @property
    def exact(self) -> bool:
        """Whether values are, bit for bit, the batch's over all bars so far; otherwise within 1e-9 of their scale.

        This is of this object, and saving it changes nothing: see `exact_when_loaded`.
        """
        return all(node.exact for node in self._nodes)

    @property
    def exact_when_loaded(self) -> bool:
        """Whether an object that is loaded from what `save` gives now is still `exact`.

        It is not where values go along with a window, as those of ``sma``: on the bars that are kept they begin anew.
        """
        return all(node.exact_when_loaded for node in self._nodes)

    @property
    def specs(self) -> tuple[str, ...]:
        """Return the specs as they were asked for."""
        return self._plan.request.specs

    @property
    def request(self) -> Request:
        """Return the specs as they were bound."""
        return self._plan.request

    def __copy__(self) -> "Live":
        """Return an independent live object."""
        return self.copy()

    def __deepcopy__(self, _: Any) -> "Live":
        """Return an independent live object."""
        return self.copy()

    def __reduce__(self) -> Any:
        """Refuse, because handles of TA-Lib point into its library; raises `CannotStream`."""
        raise CannotStream(
            indicator=", ".join(self.specs),
            what="be pickled",
            reason="handles of TA-Lib do not leave their process",
            remedy="Send what `save()` gives, and open it there by `Live.load`.",
        )

    def __repr__(self) -> str:
        """Say what it is, and how far it is."""
        head = f"<Live {', '.join(self.specs)}: {self._count:,} bars"
        until = "" if self._time is None else f" to {format_time(self._time)}"
        return f"{head}{until}, {'exact' if self.exact else 'within 1e-9'}>"

    # --- keeping -------------------------------------------------------------------------------

    def save(self) -> dict[str, Any]:
        """Return all that is needed to go on, as values that JSON knows, bounded whatever the history.

        Raises `CannotStream` for an indicator that cannot be kept.
        """
        return sealed(
            {
                "format": FORMAT,
                "specs": list(self.specs),
                "single": self._plan.single,
                "nan_policy": self._policy,
                "available": list(self._available),
                "time": None if self._time is None else str(self._time),
                "anchor": None if self._anchor is None else str(self._anchor),
                "count": self._count,
                "values": [value.hex() for value in self._values],
                "nodes": [node.save() for node in self._nodes],
            }
        )

    @staticmethod
    def load(state: State, *, gap: Gap | None = None, registry: Registry = REGISTRY) -> "Live":
        """Go on from what `save` returned, or its JSON; raises `InvalidState`, and nothing is loaded then."""
        read = _json(state) if isinstance(state, str | bytes) else state
        fields = Fields(read, _WHAT)
        if fields.count("format") > FORMAT:
            raise fields.wrong(f"it is of format {fields.count('format')}, and this version knows {FORMAT}")
        fields.same("format", FORMAT)
        fields = Fields(opened(read, _WHAT), _WHAT)
        fields.only(*_FIELDS)
        return _reopened(fields, gap, registry).taking(fields)

    def taking(self, fields: Fields) -> "Live":
        """Take over a state that was read; returns itself."""
        nodes, values = fields.sequence("nodes"), fields.sequence("values")
        if len(nodes) != len(self._nodes) or len(values) != len(self._values):
            raise fields.wrong("its indicators are made of other parts here")
        for node, state in zip(self._nodes, nodes, strict=True):
            node.load(state)
        self._reach(tuple(fields.number("values", value) for value in values))
        self._time, self._anchor, self._count = fields.time("time"), fields.time("anchor"), fields.count("count")
        return self

    # --- times and gaps ------------------------------------------------------------------------

    def _careful_update(self, time: int | None, row: tuple[float, ...]) -> tuple[float, ...]:
        restarted = self._follows(time)
        nodes = [node.copy() for node in self._nodes] if self._plan.careful else self._nodes
        if restarted:
            for node in nodes:
                node.restart()
        values = row
        for node in nodes:
            values += node.update(values, time)
        self._nodes = nodes
        if time is not None:
            self._time = time
            if self._anchor is None:
                self._anchor = time
        return values

    def _follows(self, time: int | None) -> bool:
        """Return whether bars are missing before one of this time; raises `InputUnsuitable` if it is not later."""
        if time is None:
            if self._plan.timed:
                self._lacks_time()
            if self._time is not None or self._gap is not None:
                raise _untimed(self._time)
            return False
        before = self._time
        if before is None:
            return False
        if time <= before:
            raise _not_later(time, before)
        if self._gap is None or not self._gap(before, time):
            return False
        self._refuse_gap(time)
        return True

    def _lacks_time(self) -> None:
        timed = next(step.bound.indicator.name for step in self._plan.steps if step.bound.indicator.timed)
        raise InputMissing(indicator=timed, column="time", found=self._plan.columns)

    def _refuse_gap(self, time: int) -> None:
        for step in self._plan.steps:
            if step.bound.policy == "raise":
                raise ValuesMissing(indicator=step.bound.indicator.name, count=1, first=format_time(time), before=True)

    def _nothing(self) -> tuple[float, ...]:
        width = sum(len(step.bound.indicator.outputs) for step in self._plan.steps)
        return (math.nan,) * (len(self._plan.columns) + width)


def _counts(node: Node) -> bool:
    return node.step.bound.reach.memory in ANCHORED


def _first(table: Table, begin: int) -> int | None:
    return int(table.time[begin]) if begin < len(table) else None


def _policy(request: Request) -> Policy | None:
    """Return the policy that a request was bound with instead of the indicators' own."""
    every = [bound for pick in request.picks.values() for bound in bounds(pick)]
    return next((bound.policy for bound in every if bound.policy != bound.indicator.policy), None)


def _fill(node: Node, evaluation: Evaluation, *, whole: bool) -> None:
    """Take in what of a table the batch would go on from: the last stretch without a gap, or all that is there."""
    bound, table = node.step.bound, evaluation.table
    evaluation.results(bound)
    inputs = [_input(evaluation, bound, one) for one in bound.inputs]
    there = WHOLE
    for values in inputs:
        there = there.beside(present(values), len(table))
    given: list[Any] = [table.time, *inputs] if bound.indicator.timed else inputs
    if bound.policy == "skip":
        flags = there.flags(len(table))
        node.fill([column[flags] for column in given], whole=whole)
        return
    breaks: Ints = table.breaks if len(table.breaks) else NO_BREAKS
    stretches = segments(there, len(table), breaks)
    begin, end = stretches[-1] if stretches else (0, 0)
    if end == len(table):
        node.fill([column[begin:end] for column in given], whole=whole or begin > 0)


def _input(evaluation: Evaluation, bound: Bound, one: Any) -> Any:
    if isinstance(one, Column):
        return evaluation.table.column(one.key, bound.indicator.name)
    return evaluation.values(one)


def _reopened(fields: Fields, gap: Gap | None, registry: Registry) -> Live:
    specs, single = [str(spec) for spec in fields.sequence("specs")], fields.flag("single")
    policy: Any = fields.text_or_none("nan_policy")
    available = [str(name) for name in fields.sequence("available")]
    try:
        return Live.open(
            specs[0] if single and specs else specs, nan_policy=policy, gap=gap, columns=available, registry=registry
        )
    except BarledgerError as error:
        raise fields.wrong(f"{error}".splitlines()[0]) from error


def _json(text: str | bytes) -> Any:
    try:
        return json.loads(text)
    except ValueError as error:
        raise InvalidState(what=_WHAT, reason=f"it is no JSON, or a part of it: {error}") from error


def _untimed(before: int | None) -> InputUnsuitable:
    told = "gaps are to be seen" if before is None else f"the one before opens at {format_time(before)}"
    remedy = f"Give its opening time under a name such as {', '.join(TIMES)}."
    return InputUnsuitable(reason=f"a bar has no time, and {told}", remedy=remedy)


def _not_later(time: int, before: int) -> InputUnsuitable:
    which = "twice" if time == before else f"after the one at {format_time(before)}"
    return InputUnsuitable(
        reason=f"the bar at {format_time(time)} comes {which}",
        remedy="A bar that is still forming is for peek(). To take a correction in, go back to a copy() from before "
        "it, and update with the bars since; `indicators.follow` does so by itself.",
    )
