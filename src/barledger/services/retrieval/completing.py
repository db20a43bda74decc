"""Completing: what a read lacks is found and fetched before it, and what is still lacking is said after it."""

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from barledger.domain.interval import BEGINNING, Interval
from barledger.errors import Incomplete, InvalidSetting
from barledger.ledger.contract import Intent
from barledger.services.cache.vault import Vault
from barledger.services.instruments import InstrumentService
from barledger.services.retrieval.fetching import Fetcher, Fetching, Question, Still, bounded
from barledger.services.retrieval.request import ReadRequest
from barledger.services.retrieval.selection import Name, select
from barledger.services.retrieval.shortfall import shortfall
from barledger.services.retrieval.view import Stretch, View
from barledger.services.retrieval.window import read_window

# Each source may tell another calendar when it is first asked; sources that contradict each other must not go on.
_MOST_ROUNDS: Final = 5


class Completer:
    """Fetches what reads lack."""

    def __init__(self, vault: Vault, instruments: InstrumentService, fetcher: Fetcher) -> None:
        """Fetch by this fetcher into this store."""
        self._vault, self._instruments, self._fetcher = vault, instruments, fetcher

    def fetch(
        self, names: Sequence[Name], request: ReadRequest, *, wanted: bool, options: Mapping[str, Any] | None
    ) -> list[Fetching] | None:
        """Fetch what is missing if that is wanted, and return what came of it for each name."""
        if not wanted:
            if options is not None:
                raise InvalidSetting(setting="options", reason="they are a source's, and nothing is fetched")
            return None
        if request.version.kind != "latest" or request.is_adjusted or request.last is not None:
            reason = "what is fetched becomes the newest state of raw bars; ask for that, from a start on"
            raise InvalidSetting(setting="fetch_missing", reason=reason)
        done = self.close_gaps(names, request, options)
        return [done[name] for name in names]

    def notes(
        self,
        fetched: Sequence[Fetching] | None,
        views: Sequence[View],
        stretches: Sequence[Stretch],
        request: ReadRequest,
    ) -> list[dict[str, Any]]:
        """Return what to tell of what was fetched, after reading showed how far the lookback reaches, and warn."""
        if fetched is None:
            return [{} for _ in views]
        whole = [
            replace(one, missing=(*one.missing, *self._short(view, stretch, request, one.missing)))
            for one, view, stretch in zip(fetched, views, stretches, strict=True)
        ]
        self.say_incomplete([still for one in whole for still in one.missing], level=5)
        return [{"availability": one.told} for one in whole]

    def _short(self, view: View, stretch: Stretch, request: ReadRequest, missing: Sequence[Still]) -> tuple[Still, ...]:
        return shortfall(view, stretch, request, self._fetcher, missing=missing) if request.lookback else ()

    def _bounded(self, name: Name, request: ReadRequest) -> Interval:
        calendar = self._instruments.calendar(name[0])
        return bounded(request.interval, name[1], calendar, self._vault.ledger.now())

    def _question(self, name: Name, request: ReadRequest) -> Question:
        calendar, interval = self._instruments.calendar(name[0]), self._bounded(name, request)
        return self._fetcher.question(*name, interval, calendar=calendar, lookback=request.lookback)

    def close_gaps(
        self, names: Sequence[Name], request: ReadRequest, options: Mapping[str, Any] | None
    ) -> dict[Name, Fetching]:
        """Fetch what is missing, and what is missing by the calendar that a source tells only as it is asked."""
        done: dict[Name, Fetching] = {}
        questions: dict[Name, Question] = {}
        left: Sequence[Name] = names
        for _ in range(_MOST_ROUNDS):
            now = {name: self._question(name, request) for name in left}
            questions |= now
            done |= {name: one.after(done.get(name)) for name, one in self._ask(now, request, options).items()}
            left = [one for one in names if self._instruments.calendar(one[0]).name != questions[one].calendar.name]
            if not left:
                break
        return done

    def _ask(
        self, questions: Mapping[Name, Question], request: ReadRequest, options: Mapping[str, Any] | None
    ) -> dict[Name, Fetching]:
        several, source = [*questions.values()], request.source
        asked = self._fetcher.fetch_together(several, source=source, options=options) if len(several) > 1 else {}
        return {
            name: self._fetcher.close_gaps(one, source=source, options=options, before=asked.get(one))
            for name, one in questions.items()
        }

    def say_incomplete(self, missing: Sequence[Still], *, level: int = 3) -> None:
        """Warn of bars that nobody has, as the caller so many frames above."""
        if missing:
            bars = sum(one.bars for one in missing)
            number = "bar is" if bars == 1 else "bars are"
            told = f"{bars:,} {number} missing: {missing[0]}" + (" and others" if len(missing) > 1 else "")
            warnings.warn(told, Incomplete, stacklevel=level)

    def ranges(
        self, name: Name, request: ReadRequest, fetched: Fetching | None, *, whole: bool = False
    ) -> tuple[list[Intent], tuple[Still, ...]]:
        """Return what to pin of a series: the interval, and as many bars before it as the lookback finds, or all.

        The second is what the lookback lacks beyond what is told as missing.
        """
        interval = self._bounded(name, request)
        if fetched is not None:
            interval = Interval(interval.start, max(interval.start, fetched.required.end))
        short: tuple[Still, ...] = ()
        (view,) = select(self._vault, self._instruments, [name], request)
        if request.lookback:
            stretch = read_window(view, replace(request, interval=interval))
            interval, short = stretch.interval, self._short(view, stretch, request, fetched.missing if fetched else ())
        if whole:
            interval = Interval(BEGINNING, interval.end)
        return [Intent(series=series, interval=interval) for series in view.series], short
