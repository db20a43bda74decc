"""A library whose sources are exchanges that note what they are asked for."""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from availability import PlainAvailabilityService
from barledger import BarLedger
from barledger.domain.exchange_calendar import calendar_called
from barledger.domain.instrument import Facts
from barledger.domain.intake import intake
from barledger.domain.interval import Interval, parse_time
from barledger.domain.rows import Rows
from barledger.domain.timeframe import DAY, Timeframe
from barledger.errors import DataNotFound, SourceNotFound, SourceUnavailable
from barledger.services.ingestion import DataIngestionService
from barledger.services.ingestion.timing import Timing
from barledger.services.retrieval import DataRetrievalService
from barledger.sources.contract import Fetched, FetchRequest, Source, SourceDeclaration
from libraries import frame


class Exchange(Source):
    """Has the days up to some day, and notes what it is asked for."""

    def __init__(self, name: str, days: range, value: float = 100.0) -> None:
        self.name = name
        self.days = days
        self.value = value
        self.asked: list[tuple[str, Interval]] = []
        self.down = False
        self.unknown: set[str] = set()

    @property
    def declaration(self) -> SourceDeclaration:
        return SourceDeclaration(name=self.name)

    def fetch(self, request: FetchRequest) -> Iterator[Fetched]:
        if self.down:
            raise SourceUnavailable(source=self.name, detail="it is down")
        if request.instrument in self.unknown:
            raise DataNotFound(what=f"{self.name} has no market {request.instrument}")
        self.asked.append((request.instrument, request.interval))
        wanted = [day for day in self.days if day * DAY in request.interval]
        rows: Rows = intake(frame(wanted, self.value), Timeframe.of("1d")).rows if wanted else _none()
        yield Fetched(rows=rows, interval=request.interval)


class NewYork(Exchange):
    """Has the sessions of New York from some day on, and tells its calendar only as it is asked for bars."""

    def __init__(self, name: str, since: str = "2020-01-02", until: str = "2025-12-31") -> None:
        super().__init__(name, range(0))
        self.since = parse_time(since)
        self.first_trade: int | None = None
        labels = calendar_called("XNYS").expected(Timeframe.of("1d"), Interval(self.since, parse_time(until)))
        self.sessions = {int(label) // DAY for label in labels}

    def facts(self, request: FetchRequest) -> Facts | None:
        return Facts(pattern=request.instrument, origin=self.name, calendar="XNYS", first_trade=self.first_trade)

    def fetch(self, request: FetchRequest) -> Iterator[Fetched]:
        self.asked.append((request.instrument, request.interval))
        wanted = sorted(day for day in self.sessions if day * DAY in request.interval)
        yield Fetched(
            rows=intake(frame(wanted), request.timeframe).rows if wanted else _none(), interval=request.interval
        )


def _none() -> Rows:
    return intake(frame([0]), Timeframe.of("1d")).rows.pick(slice(0, 0))


class Noting(DataIngestionService):
    """Notes what it is asked for."""

    def __init__(self, *arguments: Any) -> None:
        # A source that is down stays so: to wait before it is asked again takes time and nothing else.
        super().__init__(*arguments, timing=Timing(sleep=lambda *_: None))
        self.calls: list[Any] = []

    def ingest(self, instruments: Any, timeframe: str, **options: Any) -> Any:
        self.calls.append(instruments)
        return super().ingest(instruments, timeframe, **options)


class Desk:
    """A library whose sources are exchanges of ours."""

    def __init__(self, bl: BarLedger) -> None:
        self.bl = bl
        self.today = bl.vault.ledger.now() // DAY
        self.sources: dict[str, Any] = {
            "one": Exchange("one", range(self.today - 300, self.today)),
            "two": Exchange("two", range(self.today - 600, self.today), 500.0),
        }
        self.availability = PlainAvailabilityService(bl)
        self.ingestion = Noting(bl.vault, bl.cache, self._make)
        self.retrieval = DataRetrievalService(
            bl.vault,
            bl.instruments,
            availability=self.availability,
            ingestion=self.ingestion,
            indicators=lambda: bl.indicators,
        )

    def _make(self, name: str, options: Mapping[str, Any]) -> Source:
        if name not in self.sources or options.get("wrong"):
            raise SourceNotFound(source=name, known=tuple(self.sources))
        return self.sources[name]

    def day(self, ago: int) -> str:
        return str(np.datetime64(self.today - ago, "D"))

    def days(self, first: int, last: int) -> range:
        return range(self.today - first, self.today - last)

    def asked(self, name: str) -> list[tuple[int, int]]:
        """Return what a source was asked for, in days ago."""
        asked = self.sources[name].asked
        return [(self.today - one.start // DAY, self.today - one.end // DAY) for _, one in asked]
