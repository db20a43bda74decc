"""Definitions: what an indicator is, what it wants, how far it looks back, and how it is computed."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal, Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

from barledger.indicators.parameter import Parameter, Value

Floats = npt.NDArray[np.float64]
Values = Mapping[str, Value]
Kind = Literal["trend", "momentum", "volatility", "volume", "price transform", "statistic", "pattern", "math", "custom"]
Memory = Literal["window", "contractive", "path", "index"]
"""What a value depends on.

``window``: so many bars before it, and on nothing else. ``contractive``: all bars before it, the older the less, so
that after enough bars the beginning is forgotten. ``path``: all bars since an anchor. ``index``: a window, but the
value is the place of a row, so that it depends on which row is counted as the first.
"""
Scale = str | float
"""Relative to what an output that is not exact agrees to 1e-9, since near zero no output has digits of its own.

``value``: each value by itself. ``ratio``: each value, or 1 where it is smaller. A number: the size of what it
measures, such as 100 for what is in percent. ``inputs``: the largest of its inputs (absolute) in the rows that its
values rely on, which are those that are asked for and as many before them as settle it. The name of one of its inputs:
the largest of that one. ``tie``: values are equal, but where what they compare is equal to the last digits.
"""
_ORDER: Final = ("window", "contractive", "index", "path")
BUILT_IN: Final = "barledger"
"""The owner of what is built in."""
Policy = Literal["segment", "skip", "raise"]
POLICIES: tuple[Policy, ...] = ("segment", "skip", "raise")


@dataclass(frozen=True, slots=True, kw_only=True)
class Output:
    """A named result.

    ``lookahead`` is by how many bars it is drawn back, so that it knows that much of the future. ``scale`` says
    relative to what it agrees to 1e-9 where it is not exact.
    """

    name: str
    aliases: tuple[str, ...] = ()
    lookahead: Callable[[Values], int] | None = None
    note: str = ""
    scale: Scale = "inputs"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reach:
    """How far a value reaches back, with certain parameters.

    ``lookback`` is the number of leading bars that have no value: the shortest input with a value has one bar more.
    ``settled`` is the number of bars to compute before the first value that is used, so that it equals what the whole
    history gives: bit for bit if ``exact``, else within 1e-9 of its `Scale`. What is of class ``path`` or ``index``
    settles
    only from its anchor on, and ``settled`` says what is needed after that.
    """

    lookback: int
    settled: int
    memory: Memory
    exact: bool

    def after(self, earlier: "Reach") -> "Reach":
        """Return the reach of what is computed from something with an earlier reach: they add up."""
        worse = max(self.memory, earlier.memory, key=_ORDER.index)
        return Reach(
            lookback=self.lookback + earlier.lookback,
            settled=self.settled + earlier.settled,
            memory=worse,
            exact=self.exact and earlier.exact,
        )

    def beside(self, other: "Reach") -> "Reach":
        """Return the reach of two things together."""
        return Reach(
            lookback=max(self.lookback, other.lookback),
            settled=max(self.settled, other.settled),
            memory=max(self.memory, other.memory, key=_ORDER.index),
            exact=self.exact and other.exact,
        )


NOWHERE: Final = Reach(lookback=0, settled=0, memory="window", exact=True)
"""The reach of a column."""


class Handle(ABC):
    """One indicator computed bar by bar: each value is bit for bit what the batch gives for that bar.

    A value is NaN, or a tuple with NaN, until there were enough bars. Inputs are in the order of the definition, and
    finite: what to do with missing ones is decided before.
    """

    __slots__ = ()

    @abstractmethod
    def update(self, *inputs: float) -> tuple[float, ...]:
        """Take a closed bar in, and return its values in the order of the outputs."""

    def take(self, inputs: tuple[float, ...]) -> tuple[float, ...]:
        """Do what `update` does with the inputs as one tuple, as whoever reads bars has them."""
        return self.update(*inputs)

    def fill(self, *inputs: "Floats | npt.NDArray[np.int64]") -> None:
        """Take closed bars in at once, column by column."""
        for row in zip(*(column.tolist() for column in inputs), strict=True):
            self.update(*row)

    @abstractmethod
    def peek(self, *inputs: float) -> tuple[float, ...]:
        """Return what `update` would return for a forming bar, and change nothing."""

    @abstractmethod
    def copy(self) -> "Handle":
        """Return an independent handle at the same bar."""

    @abstractmethod
    def save(self) -> dict[str, Any]:
        """Return the state as values that JSON knows, floats by ``float.hex``; bounded whatever the history."""

    @abstractmethod
    def load(self, state: Mapping[str, Any]) -> None:
        """Take over what `save` returned."""


Compute = Callable[..., tuple[Floats, ...]]
"""From the inputs (contiguous, read-only float64 of one length, finite, longer than the lookback) as positional
arguments and the parameters by keyword: the outputs in order, as new float64 arrays of that length, of which those
before the lookback are NaN."""


@runtime_checkable
class Prepares(Protocol):
    """What can look at parameters once for many computations."""

    def prepared(self, values: "Values") -> Callable[..., tuple[Floats, ...]]:
        """Return what computes with these parameters, from the inputs alone."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Indicator:
    """What is known of an indicator. ``inputs`` are the columns that it wants unless others are named.

    ``partial`` says that an output can be missing or infinite though all inputs are there (a logarithm, a quotient).
    ``stream`` opens a `Handle` with the parameters as keywords; without it there is no streaming. An indicator that is
    ``timed`` gets the opening times (int64, ns since the epoch) as its first input, also in its handle. ``since`` tells
    of what is of memory ``path`` from which time (ns) on it wants bars for the value at a time: values from there on
    are those of the whole history; without it, all bars count. ``origin`` tells the same for the
    last of some times of bars, where that depends on which there are, as no earlier than it can be. ``owner`` is the
    distribution or module that it comes
    from.
    """

    name: str
    title: str
    kind: Kind
    inputs: tuple[str, ...]
    parameters: tuple[Parameter, ...] = ()
    outputs: tuple[Output, ...]
    reach: Callable[[Values], Reach] = field(repr=False)
    compute: Compute = field(repr=False)
    stream: Callable[..., Handle] | None = field(default=None, repr=False)
    since: Callable[[Values, int], int] | None = field(default=None, repr=False)
    origin: Callable[[Values, npt.NDArray[np.int64]], int] | None = field(default=None, repr=False)
    aliases: tuple[str, ...] = ()
    formula: str = ""
    convention: str = ""
    reference: str = ""
    policy: Policy = "segment"
    partial: bool = False
    timed: bool = False
    releases_gil: bool = True
    owner: str = BUILT_IN

    @property
    def defaults(self) -> dict[str, Value]:
        """Return the parameters that it has unless others are given."""
        return {one.name: one.default for one in self.parameters}

    @property
    def memory(self) -> Memory:
        """Return what its values depend on, with its usual parameters."""
        return self.reach(self.defaults).memory

    def parameter(self, name: str) -> Parameter | None:
        """Return the parameter of a name or alias."""
        return next((one for one in self.parameters if name == one.name or name in one.aliases), None)

    def output(self, name: str) -> int | None:
        """Return the place of the output of a name or alias."""
        places = enumerate(self.outputs)
        return next((place for place, one in places if name == one.name or name in one.aliases), None)


def period(name: str, default: int, *, low: int = 2, high: int = 100_000, aliases: Sequence[str] = ()) -> Parameter:
    """Return a parameter that is a number of bars."""
    return Parameter(name=name, default=default, low=low, high=high, aliases=tuple(aliases))
