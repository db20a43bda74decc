"""Binding: a spec with every name looked up, every parameter known, and every input found."""

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any, Final

from barledger.domain.rows import VALUES
from barledger.errors import (
    BarledgerError,
    IndicatorNotFound,
    InvalidSpec,
    ParameterInvalid,
    ParameterUnknown,
)
from barledger.indicators.definition import BUILT_IN, NOWHERE, Indicator, Policy, Prepares, Reach
from barledger.indicators.grammar import Argument, Call, Literal, Reference, named, parse, quoted
from barledger.indicators.naming import plain_name
from barledger.indicators.parameter import Value
from barledger.indicators.registry import Registry
from barledger.indicators.scales import agreement, nested

COLUMNS: Final = (*VALUES, "adjustment_factor")
"""What bars of a library can be computed from."""
_PLAIN: Final = re.compile(r"[a-z_][a-z0-9_]*")
_LISTED: Final = 12


@dataclass(frozen=True, kw_only=True)
class Column:
    """An input that is there: a column of the bars, or of another instrument's."""

    name: str
    instrument: str = ""

    @cached_property
    def key(self) -> str:
        """Return what it is called everywhere."""
        return f"@{self.instrument}.{self.name}" if self.instrument else self.name

    @property
    def spelled(self) -> str:
        """Return what it is called in specs, in quotes where it has to be."""
        name = self.name if _PLAIN.fullmatch(self.name) else quoted(self.name)
        return f"{named(self.instrument)}.{name}" if self.instrument else name

    @property
    def reach(self) -> Reach:
        """Return how far it reaches back: nowhere."""
        return NOWHERE


@dataclass(frozen=True, kw_only=True, eq=False)
class Bound:
    """An indicator with all its parameters and inputs; two with the same ``key`` give the same values."""

    indicator: Indicator
    parameters: Mapping[str, Value]
    inputs: tuple["Column | Pick", ...]
    policy: Policy

    @cached_property
    def key(self) -> str:
        """Return the whole spec in one spelling, with every parameter."""
        inputs = [one.spelled if isinstance(one, Column) else one.key for one in self.inputs]
        given = [f"{name}={Literal(value=value, place=0)}" for name, value in self.parameters.items()]
        policy = [] if self.policy == self.indicator.policy else [f"nan_policy={self.policy}"]
        return f"{self.indicator.name}({', '.join([*inputs, *given, *policy])})"

    @cached_property
    def skips(self) -> bool:
        """Return whether gaps are left out by it, or by what it is computed from."""
        return self.policy == "skip" or any(one.bound.skips for one in self.inputs if isinstance(one, Pick))

    @cached_property
    def refuses(self) -> bool:
        """Return whether gaps are refused by it, or by what it is computed from."""
        return self.policy == "raise" or any(one.bound.refuses for one in self.inputs if isinstance(one, Pick))

    @cached_property
    def compute(self) -> Callable[..., Any]:
        """Return what computes it from its inputs alone, with its parameters; raises `ParameterInvalid`."""
        computing = self.indicator.compute
        if isinstance(computing, Prepares):
            return computing.prepared(self.parameters)
        return partial(computing, **self.parameters)

    @cached_property
    def names(self) -> tuple[str, ...] | None:
        """Return its inputs if these are columns, and nothing that has to be computed."""
        names = tuple(one.key for one in self.inputs if isinstance(one, Column))
        return names if len(names) == len(self.inputs) else None

    @cached_property
    def own(self) -> Reach:
        """Return how far it reaches back into its inputs."""
        return self.indicator.reach(self.parameters)

    @cached_property
    def agreements(self) -> tuple[str, ...]:
        """Return to what each output agrees with the whole history where it is not exact, as phrases."""
        inner = [one for one in self.inputs if isinstance(one, Pick) and not one.reach.exact]
        told = ["" if self.own.exact else agreement(output) for output in self.indicator.outputs]
        for one in inner:
            told = [nested(own, one.bound.indicator.name, one.agreement) for own in told]
        return tuple(told)

    @cached_property
    def reach(self) -> Reach:
        """Return how far it reaches back into the bars."""
        before = NOWHERE
        for one in self.inputs:
            before = before.beside(one.reach)
        return self.own.after(before)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Pick:
    """One output of a bound indicator."""

    bound: Bound
    place: int

    @property
    def key(self) -> str:
        """Return what it is called everywhere."""
        outputs = self.bound.indicator.outputs
        return self.bound.key if len(outputs) == 1 else f"{self.bound.key}.{outputs[self.place].name}"

    @property
    def reach(self) -> Reach:
        """Return how far it reaches back into the bars."""
        return self.bound.reach

    @property
    def agreement(self) -> str:
        """Return to what it agrees with the whole history where it is not exact, as a phrase."""
        return self.bound.agreements[self.place]

    @property
    def lookahead(self) -> int:
        """Return by how many bars it is drawn back."""
        output = self.bound.indicator.outputs[self.place]
        return 0 if output.lookahead is None else output.lookahead(self.bound.parameters)


@dataclass(frozen=True, kw_only=True, eq=False)
class Request:
    """Specs as they were asked for: the columns of the answer by their names, and what each of them is."""

    specs: tuple[str, ...]
    picks: Mapping[str, Pick]

    @cached_property
    def reach(self) -> Reach:
        """Return how far all of it reaches back."""
        reach = NOWHERE
        for pick in self.picks.values():
            reach = reach.beside(pick.reach)
        return reach

    @cached_property
    def keys(self) -> tuple[str, ...]:
        """Return what each column is, in one spelling."""
        return tuple(pick.key for pick in self.picks.values())

    @cached_property
    def columns(self) -> tuple[Column, ...]:
        """Return the columns that are computed from, each once."""
        found = {column.key: column for pick in self.picks.values() for column in _columns(pick)}
        return tuple(found.values())

    @cached_property
    def computed(self) -> tuple[Bound, ...]:
        """Return every indicator that is computed, each once, after what it is computed from."""
        found = {bound.key: bound for pick in self.picks.values() for bound in bounds(pick)}
        return tuple(found.values())

    def without(self, columns: Collection[str]) -> "Request":
        """Return it without some columns of the answer."""
        if not columns:
            return self
        picks = {name: pick for name, pick in self.picks.items() if name not in columns}
        return Request(specs=self.specs, picks=picks)

    @cached_property
    def instruments(self) -> tuple[str, ...]:
        """Return the other instruments that are computed from, as specs name them."""
        return tuple(dict.fromkeys(one.instrument for one in self.columns if one.instrument))

    @cached_property
    def plain(self) -> bool:
        """Return whether it is computed from what all bars have, and from nothing else."""
        return all(not one.instrument and one.name in VALUES for one in self.columns)

    @cached_property
    def custom(self) -> tuple[Bound, ...]:
        """Return those of the indicators that are not built in."""
        return tuple(bound for bound in self.computed if bound.indicator.owner != BUILT_IN)

    @cached_property
    def refuses_gaps(self) -> bool:
        """Return whether an indicator among them is to raise where something is missing."""
        return any(bound.policy == "raise" for bound in self.computed)

    @cached_property
    def skips(self) -> bool:
        """Return whether an indicator among them skips what is missing, so that nobody knows how far back it reads."""
        return any(bound.policy == "skip" for bound in self.computed)

    @cached_property
    def timed(self) -> bool:
        """Return whether an indicator among them wants the times of bars."""
        return any(bound.indicator.timed for bound in self.computed)


def bounds(pick: Pick) -> Iterator[Bound]:
    """Give an indicator and all that it is computed from, what is computed first first."""
    for one in pick.bound.inputs:
        if isinstance(one, Pick):
            yield from bounds(one)
    yield pick.bound


def _half(spec: str, indicator: Indicator, last: Argument) -> InvalidSpec:
    """Return what to say where the others would be taken in silence: a beta to a market would be one to the low."""
    name, inputs = indicator.name, indicator.inputs
    reason = f"{name} takes {len(inputs)} inputs, {', '.join(inputs)}: give all of them, or one as {inputs[0]}=..."
    return InvalidSpec(spec=spec, place=last.place, reason=reason)


def _columns(pick: Pick) -> Iterator[Column]:
    for one in pick.bound.inputs:
        if isinstance(one, Pick):
            yield from _columns(one)
        else:
            yield one


class Binder:
    """Binds specs to the indicators of a registry."""

    def __init__(self, registry: Registry, *, columns: Sequence[str] = VALUES) -> None:
        """Take names that stand for inputs as columns if these have them, else as indicators."""
        self._registry = registry
        self._available = frozenset(columns)

    def request(self, specs: str | Sequence[str], *, nan_policy: Policy | None = None) -> Request:
        """Bind one spec or several; raises `InvalidSpec` and what else can be wrong with it."""
        asked = listed(specs)
        if not asked:
            raise InvalidSpec(spec="", place=0, reason="no indicator is named")
        picks: dict[str, Pick] = {}
        for spec in asked:
            call = parse(spec)
            bound, place = self._bind(spec, call, nan_policy)
            outputs = bound.indicator.outputs
            if place is not None:
                # The output is named as it was asked for, so that it is found under that name.
                picks[str(call)] = Pick(bound=bound, place=place)
            elif len(outputs) == 1:
                picks[str(call)] = Pick(bound=bound, place=0)
            else:
                picks |= {f"{call}.{one.name}": Pick(bound=bound, place=at) for at, one in enumerate(outputs)}
        return Request(specs=asked, picks=picks)

    def _bind(self, spec: str, call: Call, policy: Policy | None) -> tuple[Bound, int | None]:
        indicator = self._find(spec, call)
        inputs, rest = self._divide(spec, indicator, call.arguments or (), policy)
        parameters = self._parameters(spec, indicator, rest)
        place = None
        if call.output:
            place = indicator.output(call.output)
            if place is None:
                known = tuple(one.name for one in indicator.outputs)
                raise ParameterUnknown(
                    indicator=indicator.name,
                    name=call.output,
                    known=known,
                    what="output",
                    spec=spec,
                    place=call.output_place,
                )
        bound = Bound(indicator=indicator, parameters=parameters, inputs=inputs, policy=policy or indicator.policy)
        return bound, place

    def _find(self, spec: str, call: Call) -> Indicator:
        try:
            return self._registry.find(call.name)
        except IndicatorNotFound as error:
            raise IndicatorNotFound(name=call.name, nearest=error.nearest, spec=spec, place=call.place) from None

    def _divide(
        self, spec: str, indicator: Indicator, arguments: tuple[Argument, ...], policy: Policy | None
    ) -> tuple[tuple[Column | Pick, ...], list[Argument]]:
        """Return the inputs, and the arguments that are parameters: those from the first on that is no input."""
        found: dict[int, Column | Pick] = {}
        rest: list[Argument] = []
        for argument in arguments:
            place = self._input_place(indicator, argument, len(found), rest)
            if place is None:
                rest.append(argument)
                continue
            if place >= len(indicator.inputs):
                takes = len(indicator.inputs)
                raise InvalidSpec(
                    spec=spec, place=argument.place, reason=f"{indicator.name} takes {takes} input{'s' * (takes != 1)}"
                )
            found[place] = self._input(spec, argument.value, policy)
        unnamed = [one for one in arguments if not one.name and one not in rest]
        if unnamed and len(found) < len(indicator.inputs):
            raise _half(spec, indicator, unnamed[-1])
        inputs = tuple(found.get(place) or Column(name=name) for place, name in enumerate(indicator.inputs))
        return inputs, rest

    def _input_place(self, indicator: Indicator, argument: Argument, count: int, rest: list[Argument]) -> int | None:
        """Return the place of the input that an argument is; None if it is a parameter."""
        if argument.name:
            taken = argument.name in indicator.inputs and indicator.parameter(argument.name) is None
            return indicator.inputs.index(argument.name) if taken else None
        if rest:
            return None
        word = _word(argument.value)
        if isinstance(argument.value, Literal) and (word is None or count >= len(indicator.inputs)):
            return None
        if word is not None:
            first = indicator.parameters[0] if indicator.parameters else None
            if first is not None and first.sort in ("choice", "text") and word not in self._available:
                return None
        return count

    def _input(self, spec: str, value: Any, policy: Policy | None) -> Column | Pick:
        if isinstance(value, Reference):
            return self._foreign(spec, value)
        if isinstance(value, Literal) and isinstance(value.value, str):
            return self._quoted(spec, value, plain_name(value.value))
        if isinstance(value, Literal):
            reason = "an input is a column or another spec, and no number"
            raise InvalidSpec(spec=spec, place=value.place, reason=reason)
        plain = value.arguments is None and not value.output
        if plain and (value.name in self._available or not self._registry.knows(value.name)):
            if value.name not in self._available:
                raise InvalidSpec(
                    spec=spec, place=value.place, reason=f"there is neither a column nor an indicator {value.name!r}"
                )
            return Column(name=value.name)
        bound, place = self._bind(spec, value, policy)
        outputs = bound.indicator.outputs
        if place is None and len(outputs) > 1:
            names = ", ".join(one.name for one in outputs)
            reason = f"say which output of {value.name} is the input: {names}"
            raise InvalidSpec(spec=spec, place=value.place, reason=reason)
        return Pick(bound=bound, place=place or 0)

    def _quoted(self, spec: str, value: Literal, name: str) -> Column:
        if name not in self._available:
            *shown, more = [*sorted(self._available)[:_LISTED], "" if len(self._available) <= _LISTED else ", …"]
            reason = f"there is no column {value}; there are {', '.join(shown)}{more}"
            raise InvalidSpec(spec=spec, place=value.place, reason=reason)
        return Column(name=name)

    def _foreign(self, spec: str, value: Reference) -> Column:
        column = Column(name=value.column, instrument=value.instrument)
        if value.column not in VALUES and column.key not in self._available:
            meant = quoted(spec[value.place : value.column_place + len(value.column)].strip("'\""))
            reason = (
                f"another instrument has no column {value.column!r}, but {', '.join(VALUES)}; "
                f"an instrument with a dot in its name stands in quotes: @{meant}"
            )
            raise InvalidSpec(spec=spec, place=value.column_place, reason=reason)
        return column

    def _parameters(self, spec: str, indicator: Indicator, arguments: list[Argument]) -> dict[str, Value]:
        given: dict[str, Value] = {}
        for at, argument in enumerate(arguments):
            parameter = None
            if argument.name:
                parameter = indicator.parameter(argument.name)
            elif at < len(indicator.parameters):
                parameter = indicator.parameters[at]
            if parameter is None or parameter.name in given:
                raise _unknown(spec, indicator, argument, twice=parameter is not None)
            try:
                given[parameter.name] = parameter.check(indicator.name, _plain(argument))
            except ParameterInvalid as error:
                raise ParameterInvalid(**error.details() | {"spec": spec, "place": argument.place}) from None
        return complete(indicator, given)


def listed(specs: object) -> tuple[str, ...]:
    """Return one spec or several as a tuple; raises `InvalidSpec` for what is neither."""
    if isinstance(specs, str):
        return (specs,)
    if not isinstance(specs, Iterable):
        raise InvalidSpec(spec=str(specs), place=0, reason="this is no text, nor several")
    found = tuple(specs)
    for one in found:
        if not isinstance(one, str):
            raise InvalidSpec(spec=str(one), place=0, reason=f"a {type(one).__name__} is given, and no text")
    return found


def complete(indicator: Indicator, given: Mapping[str, Value]) -> dict[str, Value]:
    """Return all parameters in their order, with what they are unless they are given."""
    values: dict[str, Value] = {}
    for one in indicator.parameters:
        values[one.name] = given.get(one.name, values[one.follows] if one.follows else one.default)
    return values


def _word(value: object) -> str | None:
    """Return the name that may be a column, bare or in quotes."""
    if isinstance(value, Literal):
        return plain_name(value.value) if isinstance(value.value, str) else None
    return value.name if isinstance(value, Call) and value.arguments is None and not value.output else None


def _plain(argument: Argument) -> object:
    """Return the number or the word that an argument is."""
    if isinstance(argument.value, Literal):
        return argument.value.value
    if isinstance(argument.value, Call) and argument.value.arguments is None and not argument.value.output:
        return argument.value.name
    return str(argument.value)


def _unknown(spec: str, indicator: Indicator, argument: Argument, *, twice: bool) -> BarledgerError:
    if twice:
        return InvalidSpec(spec=spec, place=argument.place, reason="this parameter is given twice")
    known = tuple(f"{one.name} ({one.allowed}; {one.default} unless given)" for one in indicator.parameters)
    if not argument.name:
        takes = len(indicator.parameters)
        reason = f"{indicator.name} takes {takes} parameter{'s' * (takes != 1)}"
        return InvalidSpec(spec=spec, place=argument.place, reason=reason + (f": {', '.join(known)}" if known else ""))
    return ParameterUnknown(
        indicator=indicator.name, name=argument.name, known=known or ("(none)",), spec=spec, place=argument.place
    )
