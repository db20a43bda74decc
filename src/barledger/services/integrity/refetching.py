"""Refetching: asking a source again for bars that are held, by the means of ingestion and without writing any."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing as closing_
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import BoundedSemaphore, Event
from typing import Any

import numpy as np

from barledger.domain.interval import Interval, intersection, union
from barledger.domain.rows import Ints, Rows, concat
from barledger.domain.series import Series
from barledger.errors import BarledgerError, InvalidSetting, SourceError
from barledger.services.cache.vault import Vault
from barledger.services.ingestion import closing
from barledger.services.ingestion.answers import Answer, read_answer
from barledger.services.ingestion.budget import BudgetSpent, Spending
from barledger.services.ingestion.fetching import Asking, Stopped, as_error, ask
from barledger.services.ingestion.retries import Retries
from barledger.services.ingestion.timing import Timing
from barledger.services.instruments import InstrumentService
from barledger.sources.contract import FetchRequest, Source, SourceDeclaration

SourceMaker = Callable[[str, Mapping[str, Any]], Source]


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """A source that is ready to be asked, under the name of its series, by as many at once as it allows."""

    name: str
    source: Source
    declaration: SourceDeclaration
    slots: BoundedSemaphore


@dataclass(slots=True, kw_only=True)
class Refetched:
    """What a source says now: its answers, the stretches that they are about, and why some were not asked.

    ``ended`` says that the budget was spent or all was stopped; ``error`` is that of a source that failed.
    """

    answers: list[Answer] = field(default_factory=list)
    calls: int = 0
    ended: bool = False
    error: BarledgerError | None = None

    @property
    def rows(self) -> Rows:
        """Return the bars that came, closed ones only."""
        return concat(one.rows for one in sorted(self.answers, key=lambda one: one.interval))

    @property
    def broken(self) -> Ints:
        """Return the times of bars that came and broke a rule."""
        return np.unique(np.array([bar.time for one in self.answers for bar in one.rejected], np.int64))

    @property
    def answered(self) -> list[Interval]:
        """Return the stretches that were answered for."""
        return union(one.interval for one in self.answers)

    @property
    def complete(self) -> list[Interval]:
        """Return the stretches of which a bar that did not come is not there."""
        return union(one.interval for one in self.answers if one.complete)


class Refetcher:
    """Asks sources, patiently and within a budget."""

    def __init__(
        self,
        vault: Vault,
        instruments: InstrumentService,
        make_source: SourceMaker,
        *,
        timing: Timing | None = None,
        retries: Retries | None = None,
    ) -> None:
        """Make sources by this maker, and wait by this clock."""
        self.vault, self.instruments = vault, instruments
        self.timing, self.retries = timing or Timing(), retries or Retries()
        self._make_source = make_source

    @contextmanager
    def opened(self, source: str | Source, options: Mapping[str, Any] | None = None) -> Iterator[Opened]:
        """Give a source; one that was made here is closed again. Raises what making it raises."""
        if isinstance(source, Source):
            if options:
                raise InvalidSetting(setting="options", reason="a source that is made already takes none")
            yield _opened(source.declaration.name, source)
            return
        made = self._make_source(source, options or {})
        try:
            yield _opened(source, made)
        finally:
            made.close()

    def within_reach(self, opened: Opened, series: Series, stretches: Sequence[Interval]) -> list[Interval]:
        """Leave out what is older than the source's history, and what has not closed."""
        calendar = closing.calendar_of(self.instruments, series.instrument)
        now = self.vault.ledger.now()
        horizon = closing.horizon(series.timeframe, calendar, now)
        history = opened.declaration.history.get(series.timeframe.name)
        reach = min((one.start for one in stretches), default=horizon)
        if history is not None:
            edge = series.timeframe.open_of(np.array([now - history], np.int64))
            reach = max(reach, int(series.timeframe.close_of(edge)[0]))
        return intersection(stretches, [Interval(min(reach, horizon), horizon)])

    def ask(
        self,
        opened: Opened,
        series: Series,
        stretches: Sequence[Interval],
        *,
        spending: Spending,
        stop: Event,
    ) -> Refetched:
        """Ask for stretches of a series; what ends it early is told, with what came before."""
        found = Refetched()
        if not stretches:
            return found
        calendar = closing.calendar_of(self.instruments, series.instrument)
        request = self._request(series, Interval(stretches[0].start, stretches[-1].end))

        def count(calls: int) -> None:
            found.calls += calls

        asking = Asking(
            source=opened.source,
            retries=self.retries,
            timing=self.timing,
            spending=spending,
            stop=stop,
            now=self.vault.ledger.now,
            slot=opened.slots,
            called=count,
        )
        try:
            with closing_(ask(asking, request, stretches)) as chunks:
                newest: Interval | None = None
                for received in chunks:
                    answer = read_answer(received, series, calendar, after=newest)
                    newest = answer.newest
                    found.answers.append(answer)
        except (BudgetSpent, Stopped):
            found.ended = True
        except SourceError as error:
            found.error = error
        except Exception as error:  # noqa: BLE001 - whatever goes wrong inside a source is the source's
            found.error = as_error(error, opened.name)
        return found

    def _request(self, series: Series, hull: Interval) -> FetchRequest:
        moment = min(hull.end - 1, self.vault.ledger.now())
        return FetchRequest(
            instrument=series.instrument,
            timeframe=series.timeframe,
            interval=hull,
            native=self.vault.ledger.symbols.native(series.instrument, series.source, moment),
            on_invalid="quarantine",
        )


def _opened(name: str, source: Source) -> Opened:
    declaration = source.declaration
    return Opened(
        name=name,
        source=source,
        declaration=declaration,
        slots=BoundedSemaphore(max(declaration.concurrency, 1)),
    )
