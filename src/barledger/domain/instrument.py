"""Instruments: what is known of one, and from whom."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from fnmatch import fnmatchcase
from typing import Final, Literal, get_args

from barledger.domain.declared import Adjusted, check_adjusted
from barledger.domain.interval import Interval
from barledger.domain.readable import Readable
from barledger.domain.series import Series, check_name, normalise_instrument
from barledger.errors import InvalidSetting

Kind = Literal["stock", "etf", "fund", "index", "forex", "crypto", "future", "option", "other"]

DECLARED: Final = "declared"
"""The origin of what a person said; it wins over what sources say."""

DEFAULT: Final = "default"
"""The origin of what nobody said, so that barledger had to assume something."""

_WILD: Final = frozenset("*?[")


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Facts(Readable):
    """What somebody says of the instruments that match a pattern; None means that nothing is said of it.

    ``calendar`` is a name of exchange_calendars (``XNYS``) or ``24/7``; ``first_trade`` and ``last_trade`` are ns, the
    latter exclusive. ``origin`` is `DECLARED`, ``default``, or the name of the source that said so. ``adjusted`` is
    what the bars of that source are adjusted for already, by timeframe.
    """

    pattern: str
    origin: str = DECLARED
    kind: Kind | None = None
    calendar: str | None = None
    currency: str | None = None
    first_trade: int | None = None
    last_trade: int | None = None
    adjusted: Mapping[str, Adjusted] | None = None

    def __post_init__(self) -> None:
        """Refuse an unknown kind, an empty pattern, and an end before the start."""
        check_name("pattern", self.pattern)
        if self.kind is not None and self.kind not in get_args(Kind):
            raise InvalidSetting(setting="kind", reason=f"{self.kind!r} is none of {', '.join(get_args(Kind))}")
        if self.first_trade is not None and self.last_trade is not None and self.first_trade > self.last_trade:
            raise InvalidSetting(setting="last_trade", reason="it lies before first_trade")
        for adjusted in (self.adjusted or {}).values():
            check_adjusted(adjusted)

    @property
    def told(self) -> dict[str, object]:
        """Return what is said, without what is not."""
        values = {name: getattr(self, name) for name in (*FACTS, "adjusted")}
        return {name: value for name, value in values.items() if value is not None}

    def matches(self, instrument: str) -> bool:
        """Whether this speaks of the instrument."""
        return fnmatchcase(instrument, self.pattern)

    @property
    def specificity(self) -> tuple[bool, bool, int]:
        """Order what a person declared above what sources say, plain names above globs, and long globs above short."""
        return self.origin == DECLARED, not is_glob(self.pattern), len(self.pattern.replace("*", ""))


@dataclass(frozen=True, slots=True, kw_only=True)
class Halt:
    """A stretch in which an instrument did not trade though its market was open, as somebody declared."""

    instrument: str
    interval: Interval
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Instrument(Readable):
    """What is known of one instrument.

    ``origins`` tells for each fact who said it. Kind and calendar have a value always; where nobody said one, it is
    assumed, and its origin is `DEFAULT`.
    """

    name: str
    kind: Kind = "other"
    calendar: str = "24/7"
    currency: str | None = None
    first_trade: int | None = None
    last_trade: int | None = None
    origins: Mapping[str, str]

    @staticmethod
    def of(name: str, facts: Iterable[Facts]) -> "Instrument":
        """Put together what is said of an instrument: of each fact, the most specific word counts."""
        instrument = normalise_instrument(name)
        known: dict[str, object] = {}
        origins = dict.fromkeys(("kind", "calendar"), DEFAULT)
        for said in sorted(facts, key=lambda one: one.specificity, reverse=True):
            if not said.matches(instrument):
                continue
            for fact in FACTS:
                value = getattr(said, fact)
                if value is not None and fact not in known:
                    known[fact], origins[fact] = value, said.origin
        return Instrument(name=instrument, origins=origins, **known)  # type: ignore[arg-type]


class Register:
    """What is said of all instruments, so arranged that one of many is described quickly.

    Of two with the same ``mark`` of a ledger the same is said.
    """

    def __init__(self, facts: Iterable[Facts], *, mark: tuple[int, int] = (0, 0)) -> None:
        """Tell words on one instrument from words on many."""
        self.mark = mark
        self._plain: dict[str, list[Facts]] = {}
        self._globs: list[Facts] = []
        for said in facts:
            words = self._globs if is_glob(said.pattern) else self._plain.setdefault(said.pattern, [])
            words.append(said)

    @property
    def names(self) -> list[str]:
        """Return the instruments that somebody spoke of by name."""
        return list(self._plain)

    def describe(self, name: str) -> Instrument:
        """Return what is known of an instrument, and who said it."""
        return Instrument.of(name, self._words(name))

    def as_of_source(self, name: str, source: str | None) -> Instrument:
        """Return what a person declared, and below it the source's own word, without what other sources say."""
        heard = {DECLARED, source}
        return Instrument.of(name, [said for said in self._words(name) if said.origin in heard])

    def adjusted(self, series: Series) -> Adjusted:
        """Return what the bars of a series were adjusted for when they came; empty: for nothing, or nobody said."""
        told = self.told(series.instrument, series.source)
        return ((told and told.adjusted) or {}).get(series.timeframe.name, {})

    def told(self, instrument: str, origin: str) -> Facts | None:
        """Return what one origin says of an instrument by its name, or None."""
        return next((said for said in self._plain.get(instrument, ()) if said.origin == origin), None)

    def _words(self, name: str) -> list[Facts]:
        return [*self._plain.get(normalise_instrument(name), ()), *self._globs]


def is_glob(pattern: str) -> bool:
    """Whether a pattern may match several instruments."""
    return bool(set(pattern) & _WILD)


FACTS: Final = tuple(field.name for field in fields(Facts) if field.name not in {"pattern", "origin", "adjusted"})
