"""Replays: handles of TA-Lib's functions, kept by the last inputs, from which they are opened again.

TA-Lib's own handles compute the values, so they are the batch's bit for bit. They point into the C library and cannot
be kept; what is kept is as many of the last bars as the function needs to forget what came before. What it gives after
that equals what it would have given, bit for bit where `Reach.exact` says so, else within 1e-9 of its scale.
"""

import math
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib import import_module
from typing import Any, Final

import numpy as np

from barledger.indicators.definition import Floats, Handle
from barledger.indicators.streaming.state import Fields

INDEXED: Final = frozenset({"MAXINDEX", "MININDEX", "MINMAXINDEX"})
"""Functions of which a value is the number of a row, counted from the first one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """How a handle is opened: TA-Lib's function with its parameters, and how many bars it needs.

    ``open`` takes the history and raises ``early`` while that is too short. ``settled`` and ``exact`` are the reach's.
    """

    function: str
    parameters: Mapping[str, Any]
    outputs: int
    lookback: int
    settled: int
    exact: bool
    open: Callable[..., Any] = field(repr=False)
    early: type[Exception]
    engine: str

    @property
    def kept(self) -> int:
        """Return how many bars are kept."""
        return max(self.settled, self.lookback) + 1

    @property
    def nothing(self) -> tuple[float, ...]:
        """Return the values of a bar that comes too early."""
        return (math.nan,) * self.outputs


class ReplayHandle(Handle):
    """A function of TA-Lib; ``exact`` says whether its values are the whole history's bit for bit."""

    __slots__ = ("_before", "_count", "_stream", "_tail", "exact", "recipe")

    def __init__(self, recipe: Recipe) -> None:
        """Begin before the first bar."""
        self.recipe = recipe
        self.exact = True
        self._stream: Any = None
        self._count = 0
        # So many rows came before the first one that TA-Lib knows of.
        self._before = 0
        self._tail: deque[tuple[float, ...]] = deque(maxlen=recipe.kept)

    @property
    def exact_when_loaded(self) -> bool:
        """Whether what is opened again on the bars that are kept is the whole history's bit for bit."""
        return self.exact and (self.recipe.exact or self._count == len(self._tail))

    def update(self, *inputs: float) -> tuple[float, ...]:
        """Take a closed bar in, and return its values."""
        return self.take(inputs)

    def take(self, inputs: tuple[float, ...]) -> tuple[float, ...]:
        """Take a closed bar in as one tuple."""
        stream = self._stream
        if stream is None:
            return self._early(inputs)
        value = stream.update(*inputs)
        self._tail.append(inputs)
        self._count += 1
        if type(value) is float:
            # What overflows is missing, as it is in the batch.
            return (value,) if value - value == 0.0 else self.recipe.nothing
        if type(value) is int and not self._before:
            return (float(value),)
        if type(value) is tuple:
            total = sum(value)
            if type(total) is float and total - total == 0.0:
                return value
        return self._values(value)

    def peek(self, *inputs: float) -> tuple[float, ...]:
        """Return what `update` would return, and change nothing."""
        stream = self._stream
        if stream is not None:
            return self._values(stream.peek(*inputs))
        opened = self._opened([*self._tail, inputs])
        return self.recipe.nothing if opened is None else self._values(opened.value)

    def fill(self, *inputs: Any) -> None:
        """Take closed bars in at once, column by column."""
        if self._count:
            super().fill(*inputs)
            return
        columns = [np.ascontiguousarray(column, np.float64) for column in inputs]
        self._take(columns)

    def copy(self) -> "ReplayHandle":
        """Return an independent handle at the same bar."""
        other = ReplayHandle(self.recipe)
        other.exact = self.exact
        other._stream = None if self._stream is None else self._stream.copy()
        other._count, other._before, other._tail = self._count, self._before, self._tail.copy()
        return other

    def save(self) -> dict[str, Any]:
        """Return the last bars, and how many there were."""
        return {
            "kind": "replay",
            "function": self.recipe.function,
            "parameters": dict(self.recipe.parameters),
            "engine": self.recipe.engine,
            "count": self._count,
            "exact": self.exact,
            "rows": [[float(value).hex() for value in row] for row in self._tail],
        }

    def load(self, state: Mapping[str, Any]) -> None:
        """Open on the bars that were kept; raises `InvalidState`, and is as it was then."""
        fields = Fields(state, self.recipe.function.lower())
        fields.only("kind", "function", "parameters", "engine", "count", "exact", "rows")
        fields.same("kind", "replay")
        fields.same("function", self.recipe.function)
        fields.same("parameters", dict(self.recipe.parameters))
        fields.same("engine", self.recipe.engine)
        count, exact = fields.count("count"), fields.flag("exact")
        rows = [self._row(fields, row) for row in fields.sequence("rows")]
        if len({len(row) for row in rows}) > 1:
            raise fields.wrong("its rows differ in length")
        if not min(count, self.recipe.kept) <= len(rows) <= count:
            raise fields.wrong(f"it has {len(rows)} rows, and {min(count, self.recipe.kept)} are needed")
        if rows:
            self._reopen(fields, rows)
        else:
            self._stream, self._tail = None, deque(maxlen=self.recipe.kept)
        self._count, self._before = count, count - len(rows)
        self.exact = exact and (count == len(rows) or self.recipe.exact)

    def _row(self, fields: Fields, row: object) -> tuple[float, ...]:
        if not isinstance(row, list | tuple) or not row:
            raise fields.wrong("one of its rows is no list of numbers")
        return tuple(fields.finite("rows", value) for value in row)

    def _reopen(self, fields: Fields, rows: list[tuple[float, ...]]) -> None:
        try:
            opened = self._opened(rows)
        except TypeError:
            raise fields.wrong(f"its rows have {len(rows[0])} values") from None
        self._stream, self._tail = opened, deque(rows, maxlen=max(self.recipe.kept, len(rows)))

    def _take(self, columns: list[Floats]) -> None:
        self._count = len(columns[0])
        rows = zip(*(column[-self.recipe.kept :].tolist() for column in columns), strict=True)
        self._tail.extend(rows)
        if self._count > self.recipe.lookback:
            self._stream = self._open(columns)

    def _early(self, inputs: tuple[float, ...]) -> tuple[float, ...]:
        """Take one of the first bars in, and open as soon as there are enough."""
        if not all(map(math.isfinite, inputs)):
            raise ValueError(f"{self.recipe.function} takes finite numbers, and not {inputs}")
        opened = self._opened([*self._tail, inputs])
        if len(self._tail) == self._tail.maxlen:
            self._tail = deque(self._tail, maxlen=2 * len(self._tail))
        self._tail.append(inputs)
        self._count += 1
        self._stream = opened
        return self.recipe.nothing if opened is None else self._values(opened.value)

    def _opened(self, rows: list[tuple[float, ...]]) -> Any:
        if len(rows) <= self.recipe.lookback:
            return None
        return self._open([np.array(column, np.float64) for column in zip(*rows, strict=True)])

    def _open(self, columns: list[Floats]) -> Any:
        try:
            return self.recipe.open(*columns, **self.recipe.parameters)
        except self.recipe.early:
            return None

    def _values(self, value: Any) -> tuple[float, ...]:
        """Return as floats what TA-Lib gives as a float, an integer, or a tuple of them."""
        values = value if isinstance(value, tuple) else (value,)
        if self._before and self.recipe.function in INDEXED:
            return tuple(float(one + self._before) for one in values)
        return tuple([one if one - one == 0.0 else math.nan for one in map(float, values)])


@cache
def recipe(function: str, parameters: tuple[tuple[str, Any], ...], settled: int, exact: bool) -> Recipe:  # noqa: FBT001
    """Return how a function of TA-Lib is opened with these parameters; raises `DriverMissing`."""
    from barledger.indicators.talib.library import talib  # noqa: PLC0415 - its functions open handles themselves

    library = talib()
    described = import_module("talib.abstract").Function(function, **dict(parameters))
    core = library.__ta_version__
    return Recipe(
        function=function,
        parameters=dict(parameters),
        outputs=len(described.info["output_names"]),
        lookback=int(described.lookback),
        settled=settled,
        exact=exact,
        open=getattr(import_module("talib.stream"), function),
        early=library.InsufficientHistory,
        engine=f"TA-Lib {(core.decode() if isinstance(core, bytes) else str(core)).split()[0]}",
    )
