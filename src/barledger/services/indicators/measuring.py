"""Measuring: about how many bars a question reads, as the ledger counts them, before any of them is read."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import chain
from typing import Final

from barledger.domain.interval import BEGINNING, Interval
from barledger.domain.series import Series
from barledger.domain.timeframe import Timeframe
from barledger.errors import BarledgerError, TooManyBars
from barledger.indicators.binding import Request
from barledger.services.cache.vault import Vault
from barledger.services.indicators.question import Need, Question
from barledger.services.instruments import InstrumentService
from barledger.services.retrieval.selection import select

_FEW: Final = 8
"""So many instruments are looked for by their names; of more, all series of the timeframe are looked at once."""


class Measure:
    """Refuses questions whose bars are more than somebody wants to hold at once."""

    def __init__(self, vault: Vault, instruments: InstrumentService) -> None:
        """Ask this ledger."""
        self._vault, self._instruments = vault, instruments

    def check(self, request: Request, questions: Sequence[Question], *, most: int) -> None:
        """Raise `TooManyBars` if a question reads many more bars of an instrument than ``most``.

        Questions are of one timeframe. What else is wrong with them is left to those who read.
        """
        asked = [(question, question.needs(request)) for question in questions]
        # Of the newest few nobody has to count how many there are.
        asked = [(question, need) for question, need in asked if not _few(need, most)]
        if not asked:
            return
        names = {question.instrument for question, _ in asked}.union(*(need.others for _, need in asked))
        long = {name for name, rows in self._sizes(sorted(names), asked[0][0].timeframe) if rows > most}
        for question, need in asked:
            for name in sorted(long.intersection([question.instrument, *need.others])):
                one = replace(question, instrument=name)
                # Of a snapshot, other instruments are read as they are pinned.
                whole = question.pinned and name != question.instrument
                found = self._counted(one, replace(need, start=None, last=None) if whole else need)
                if found > most:
                    raise TooManyBars(series=f"{name} {one.timeframe.name}", bars=found, most=most)

    def _sizes(self, names: Sequence[str], timeframe: Timeframe) -> Iterator[tuple[str, int]]:
        """Give how many bars each series of some instruments has."""
        series = self._series(names, timeframe)
        states = self._vault.ledger.revisions.states(series)
        return ((one.instrument, state.rows) for one, state in zip(series, states, strict=True))

    def _series(self, names: Sequence[str], timeframe: Timeframe) -> list[Series]:
        known = self._vault.ledger.catalog.series
        if len(names) <= _FEW:
            return list(chain.from_iterable(known(instrument=one, timeframe=timeframe.name) for one in names))
        wanted = set(names)
        return [one for one in known(timeframe=timeframe.name) if one.instrument in wanted]

    def _counted(self, question: Question, need: Need) -> int:
        name = question.instrument, question.timeframe
        try:
            (view,) = select(self._vault, self._instruments, [name], question.asked)
        except BarledgerError:
            return 0
        start = view.reach.start if need.start is None else max(need.start, view.reach.start)
        end = min(need.end, view.reach.end)
        # The block in which it begins counts as a whole.
        begin = start if start == BEGINNING else min(question.timeframe.block_start(start), end)
        counts = self._vault.ledger.catalog.counts_of(view.series, Interval(begin, end))
        found = sum(int(rows.sum()) for _, rows in counts.values())
        return found if need.last is None else min(found, need.last + need.back)


def _few(need: Need, most: int) -> bool:
    return need.last is not None and not need.others and need.last + need.back <= most
