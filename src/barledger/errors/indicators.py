"""What can be wrong with an indicator: its name, its parameters, its inputs, or its code."""

from dataclasses import dataclass
from typing import Any, ClassVar

from barledger.errors.input import InvalidInput
from barledger.errors.lookup import NotFound
from barledger.errors.refusals import Refused


@dataclass(kw_only=True, eq=False)
class InvalidSpec(InvalidInput):
    """A spec does not say which indicator is meant; ``place`` is the character that it goes wrong at, from 0."""

    code = "invalid-spec"
    message = "{spec!r} at character {place}: {reason}"
    next_step = "Write a spec like rsi(14), bbands(20, 2).upper or sma(rsi(14), 9)."

    spec: str
    place: int
    reason: str

    def __str__(self) -> str:
        """Point at the character."""
        return f"{super().__str__()}\n  {self.spec}\n  {' ' * self.place}^"


@dataclass(kw_only=True, eq=False)
class IndicatorNotFound(NotFound):
    """There is no indicator of that name; ``nearest`` are those that look like it."""

    code = "indicator-not-found"
    message = "there is no indicator {name!r}{hint}"
    next_step = "See `barledger indicators list` for all names."

    name: str
    nearest: tuple[str, ...] = ()
    spec: str = ""
    place: int = 0

    def _told(self) -> dict[str, Any]:
        hint = f"; did you mean {', '.join(self.nearest)}?" if self.nearest else ""
        return super()._told() | {"hint": hint}


@dataclass(kw_only=True, eq=False)
class ParameterUnknown(InvalidInput):
    """An indicator has no such parameter, or output."""

    code = "parameter-unknown"
    message = "{indicator} has no {what} {name!r}"
    next_step = "It has these: {known}."

    indicator: str
    name: str
    known: tuple[str, ...]
    what: str = "parameter"
    spec: str = ""
    place: int = 0


@dataclass(kw_only=True, eq=False)
class ParameterInvalid(InvalidInput):
    """A parameter has a value that it cannot have; ``allowed`` says what it may be."""

    code = "parameter-invalid"
    message = "{name} of {indicator} cannot be {value!r}"
    next_step = "Give {allowed}."

    indicator: str
    name: str
    value: Any
    allowed: str
    spec: str = ""
    place: int = 0


@dataclass(kw_only=True, eq=False)
class InputMissing(InvalidInput):
    """An indicator wants a column that there is not."""

    code = "input-missing"
    message = "{indicator} wants the column {column!r}; there are {found}"
    next_step = "Give a frame with that column, or name another input, as in sma(open, 20)."

    indicator: str
    column: str
    found: tuple[str, ...]

    def __str__(self) -> str:
        """Say which columns there are, if there are any."""
        return super().__str__() if self.found else f"{self.indicator} wants the column {self.column!r}; there is none"

    @property
    def advice(self) -> str:
        """Return the next step; beside bars in hand those of another instrument have to be given, too."""
        if not self.column.startswith("@"):
            return super().advice
        other = self.column[1:].rpartition(".")[0]
        return f"Beside bars in hand give those of {other}, others=[...]; in a frame give the column {self.column!r}."


@dataclass(kw_only=True, eq=False)
class InputUnsuitable(InvalidInput):
    """Bars cannot be computed on as they are: unsorted, doubled, of several instruments, of a wrong timeframe."""

    code = "input-unsuitable"
    message = "indicators cannot be computed on these bars: {reason}"
    next_step = "{remedy}"

    reason: str
    remedy: str


@dataclass(kw_only=True, eq=False)
class TooManyBars(InvalidInput):
    """Indicators need more bars at once than whoever serves them allows; ``bars`` is about how many."""

    code = "too-many-bars"
    message = "indicators of {series} need about {bars:,} bars at once here, and {most:,} are allowed"
    next_step = (
        "Ask for a shorter stretch (start_date and end_date, or last), of which the values are the same, or let a job "
        "write a file: POST /api/v1/jobs/batch-indicators."
    )

    series: str
    bars: int
    most: int


@dataclass(kw_only=True, eq=False)
class ValuesMissing(InvalidInput):
    """An input has gaps, and the policy says that it must not.

    ``first`` is where the first of them is, RFC 3339 or a row: the row without a value, or where ``before`` the first
    row after bars that are missing.
    """

    code = "values-missing"
    message = "{indicator} meets {what}"
    next_step = "Fill the gap, or choose nan_policy='segment' (restart after it) or 'skip' (as if it were not there)."

    indicator: str
    count: int
    first: str
    before: bool = False

    def _told(self) -> dict[str, Any]:
        """Say also what is at ``first``."""
        return {**super()._told(), "what": self._what}

    @property
    def _what(self) -> str:
        plural = "s" * (self.count != 1)
        if self.before:
            return f"{self.count:,} gap{plural} in its input, the first of bars missing before {self.first}"
        return f"{self.count:,} missing value{plural} in its input, the first at {self.first}"


@dataclass(kw_only=True, eq=False)
class IndicatorInvalid(InvalidInput):
    """An indicator is declared in a way that cannot work."""

    code = "indicator-invalid"
    message = "{indicator} cannot be an indicator: {reason}"
    next_step = "{remedy}"

    indicator: str
    reason: str
    remedy: str


@dataclass(kw_only=True, eq=False)
class CannotStream(Refused):
    """An indicator, or an output of it, cannot be computed bar by bar, or not be kept and gone on with."""

    code = "cannot-stream"
    message = "{indicator} cannot {what}: {reason}"
    next_step = "{remedy}"

    indicator: str
    reason: str
    remedy: str
    what: str = "be streamed"


@dataclass(kw_only=True, eq=False)
class InvalidState(InvalidInput):
    """A saved state is foreign, damaged, truncated or newer than this version; nothing of it was loaded."""

    code = "invalid-state"
    message = "the saved state of {what} cannot be loaded: {reason}"
    next_step = "Take the state as it was saved, or open the indicator anew on its history."

    what: str
    reason: str


@dataclass(kw_only=True, eq=False)
class IndicatorTaken(Refused):
    """There is another indicator of that name."""

    code = "indicator-taken"
    message = "there is an indicator {name!r} already, by {owner}"
    next_step = "Choose another name, or register it with replace=True if it is yours."

    name: str
    owner: str


@dataclass(kw_only=True, eq=False)
class IndicatorFailed(Refused):
    """The code of an indicator raised, gave the wrong shape, or changed its input; what it raised is the cause."""

    code: ClassVar[str] = "indicator-failed"
    message = "{indicator} failed: {reason}"
    next_step = "{remedy}"

    indicator: str
    reason: str
    remedy: str = "Look at the cause, and at what the indicator is given."
