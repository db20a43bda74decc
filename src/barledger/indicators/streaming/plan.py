"""Plans: a request as steps that a bar goes through, each shared part once, what is needed first first."""

from collections.abc import Callable
from dataclasses import dataclass, field
from operator import itemgetter
from typing import Any

from barledger.errors import CannotStream
from barledger.indicators.binding import Bound, Column, Pick, Request, bounds
from barledger.indicators.definition import BUILT_IN, Handle
from barledger.indicators.streaming.guarded import GuardedHandle
from barledger.indicators.streaming.outputs import outputs_type
from barledger.indicators.streaming.window import WindowHandle


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Step:
    """An indicator, the places of its inputs among all values of a bar, and how its handle is opened."""

    bound: Bound
    places: tuple[int, ...]
    open: Callable[[], Handle] = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Plan:
    """The columns that are read, the steps in order, and how a result is made of all values of a bar.

    The values of a bar are those of its columns, then those of each step. ``careful`` says that a step may fail after
    another one has moved on, so that a bar has to be tried on copies. ``straight`` makes a result of the values of the
    last step alone, if there is but one, whose inputs are the columns as they are.
    """

    request: Request
    single: bool
    columns: tuple[str, ...]
    steps: tuple[Step, ...]
    places: tuple[int, ...]
    result: Callable[[Any], Any] = field(repr=False)
    timed: bool
    careful: bool
    straight: Callable[[Any], Any] | None = field(repr=False)


def planned(request: Request, *, single: bool) -> Plan:
    """Return the plan of a request; raises `CannotStream` for what cannot be computed bar by bar."""
    for pick in request.picks.values():
        _check_lookahead(pick)
    columns = tuple(column.key for column in request.columns)
    steps, at = _steps(request, columns)
    places = tuple(at[pick.bound.key] + pick.place for pick in request.picks.values())
    alone = len(steps) == 1 and steps[0].places == tuple(range(len(columns))) and not request.timed
    own = tuple(place - len(columns) for place in places)
    refusing = len(steps) > 1 and any(step.bound.policy == "raise" for step in steps)
    return Plan(
        request=request,
        single=single,
        columns=columns,
        steps=steps,
        places=places,
        result=_result(request, places, single=single),
        timed=request.timed,
        careful=bool(request.custom) or refusing,
        straight=_result(request, own, single=single, alone=True) if alone else None,
    )


def _steps(request: Request, columns: tuple[str, ...]) -> tuple[tuple[Step, ...], dict[str, int]]:
    """Return the steps, and where the values of each begin."""
    at: dict[str, int] = {}
    steps: list[Step] = []
    size = len(columns)
    for pick in request.picks.values():
        for bound in bounds(pick):
            if bound.key in at:
                continue
            places = tuple(_place(one, columns, at) for one in bound.inputs)
            steps.append(Step(bound=bound, places=places, open=_opener(bound)))
            at[bound.key] = size
            size += len(bound.indicator.outputs)
    return tuple(steps), at


def _place(one: Column | Pick, columns: tuple[str, ...], at: dict[str, int]) -> int:
    return columns.index(one.key) if isinstance(one, Column) else at[one.bound.key] + one.place


def _check_lookahead(pick: Pick) -> None:
    if pick.lookahead > 0:
        outputs = pick.bound.indicator.outputs
        name = outputs[pick.place].name
        known = [one.name for at, one in enumerate(outputs) if not Pick(bound=pick.bound, place=at).lookahead]
        raise CannotStream(
            indicator=f"{pick.bound.indicator.name}.{name}",
            reason=f"it is drawn {pick.lookahead} bars back, so its value of a bar is known that much later",
            remedy=f"Ask for {', '.join(f'{pick.bound.indicator.name}.{one}' for one in known)}."
            if known
            else "Compute it on a table of bars.",
        )
    for one in pick.bound.inputs:
        if isinstance(one, Pick):
            _check_lookahead(one)


def _opener(bound: Bound) -> Callable[[], Handle]:
    indicator = bound.indicator
    if indicator.stream is not None and indicator.owner != BUILT_IN:
        return lambda: GuardedHandle(bound)
    if indicator.stream is not None:
        stream, parameters = indicator.stream, dict(bound.parameters)
        return lambda: stream(**parameters)
    if indicator.owner == BUILT_IN:
        raise CannotStream(
            indicator=indicator.name,
            reason="it has no handle that goes on bar by bar",
            remedy="Compute it on a table of bars, again for each new bar.",
        )
    if bound.own.memory != "window":
        raise CannotStream(
            indicator=indicator.name,
            reason=f"its memory is {bound.own.memory}: no number of last bars tells its next value",
            remedy="Give the indicator a `stream` that opens a handle, or declare its warm-up if it is a window.",
        )
    return lambda: WindowHandle(bound)


def _result(request: Request, places: tuple[int, ...], *, single: bool, alone: bool = False) -> Callable[[Any], Any]:
    """Return what makes the result of a bar's values: a number, named outputs, or a mapping by column.

    ``alone`` says that the values are those of one indicator, and no others.
    """
    if single and len(places) == 1:
        return itemgetter(places[0])
    pick = itemgetter(*places) if len(places) > 1 else lambda values: (values[places[0]],)
    if single:
        outputs = next(iter(request.picks.values())).bound.indicator.outputs
        named = outputs_type(outputs)
        return named if alone and places == tuple(range(len(outputs))) else lambda values: named(pick(values))
    names = tuple(request.picks)
    return lambda values: dict(zip(names, pick(values), strict=True))
