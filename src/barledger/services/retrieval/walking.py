"""Walks: the bars of many series, a few at a time, all of one consistent cut."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, TypeVar

from barledger.domain.bars import Bars
from barledger.errors import BarledgerError
from barledger.services.cache.vault import Vault
from barledger.services.instruments import InstrumentService
from barledger.services.retrieval.adjusting import Adjuster
from barledger.services.retrieval.answering import answer
from barledger.services.retrieval.request import ReadRequest
from barledger.services.retrieval.selection import Name, read_views, select
from barledger.services.retrieval.view import Stretch, View, told_window

Met = tuple[str, Bars | BarledgerError]
"""An instrument, and its bars or why there are none."""
Item = TypeVar("Item")
Given = TypeVar("Given")
_FIRST: Final = 4
_MOST: Final = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Walk:
    """Views of one state, read in portions of about so many rows."""

    views: Mapping[Name, View | BarledgerError]
    request: ReadRequest
    adjuster: Adjuster
    say: Callable[[View, Stretch, ReadRequest], None]
    rows: int

    def __iter__(self) -> Iterator[list[Met]]:
        """Give each portion in the order of the names; what cannot be read gives its error, and stops no other."""
        names, size = list(self.views), _FIRST
        while names:
            portion, names = names[:size], names[size:]
            found = self._read(portion)
            longest = max((len(bars) for _, bars in found if isinstance(bars, Bars)), default=0)
            yield found
            # Series of one timeframe are about as long as their neighbours.
            size = max(1, min(_MOST, self.rows // max(longest, 1)))

    def _read(self, names: Sequence[Name]) -> list[Met]:
        views = [view for name in names if isinstance(view := self.views[name], View)]
        stretches = iter(_each(views, self._stretches) if views else [])
        found: list[Met] = []
        for name in names:
            view = self.views[name]
            met = view if isinstance(view, BarledgerError) else self._answer(view, next(stretches))
            found.append((name[0], met))
        return found

    def _stretches(self, views: Sequence[View]) -> list[Stretch]:
        return read_views(views, self.request)

    def _answer(self, view: View, stretch: Stretch | BarledgerError) -> Bars | BarledgerError:
        if isinstance(stretch, BarledgerError):
            return stretch
        self.say(view, stretch, self.request)
        try:
            return answer(self.adjuster, view, stretch, self.request, told_window(self.request, stretch))
        except BarledgerError as error:
            return error


def views_of(
    vault: Vault, instruments: InstrumentService, names: Sequence[Name], request: ReadRequest
) -> dict[Name, View | BarledgerError]:
    """Return a view of each name, all of one state, or why there is none."""
    single = _each(names, lambda some: select(vault, instruments, some, request))
    wrong = {name: one for name, one in zip(names, single, strict=True) if isinstance(one, BarledgerError)}
    right = [name for name in names if name not in wrong]
    # Those that can be read are selected once more where some could not: by one look at the ledger.
    chosen = select(vault, instruments, right, request) if wrong and right else single
    good = dict(zip(right, chosen, strict=False)) if right else {}
    return {name: wrong[name] if name in wrong else good[name] for name in names}


def _each(given: Sequence[Given], ask: Callable[[Sequence[Given]], Sequence[Item]]) -> list[Item | BarledgerError]:
    """Ask for all at once; where that fails, for each half, until it is known which of them fails."""
    try:
        return [*ask(given)]
    except BarledgerError as error:
        if len(given) == 1:
            return [error]
    middle = len(given) // 2
    return _each(given[:middle], ask) + _each(given[middle:], ask)
