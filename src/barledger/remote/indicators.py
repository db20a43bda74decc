"""Indicators that a server computes; those on bars in hand, and what is known of indicators, need none."""

from collections.abc import Mapping, Sequence
from typing import Any, cast

from barledger.domain.bars import Bars
from barledger.domain.interval import Instant
from barledger.errors import InputUnsuitable, InvalidSetting
from barledger.indicators.binding import listed
from barledger.indicators.calculation import Calculation
from barledger.indicators.definition import Policy
from barledger.indicators.frame import check_policy
from barledger.remote.batch import RemoteBatchCalculator
from barledger.remote.calculations import Asker
from barledger.remote.retrieval import RemoteRetrieval
from barledger.remote.tables import TableReader
from barledger.remote.unserved import Unserved, refuse
from barledger.services.indicators import IndicatorService
from barledger.services.indicators.absences import Judged
from barledger.services.indicators.question import Question


class RemoteIndicators(IndicatorService):
    """Lets a server compute what is about its library; wishes and errors are those of `IndicatorService`."""

    def __init__(self, tables: TableReader, retrieval: RemoteRetrieval) -> None:
        """Ask there; bars for a volume profile are read by this service."""
        nothing: Any = Unserved(tables.url, "bl.indicators")
        live: Any = _NotLive(tables.url)
        neighbours: Any = _Neighbours()
        super().__init__(cast("Any", retrieval), nothing, nothing, live, neighbours)
        self._url, self._asker = tables.url, Asker(tables)
        many = RemoteBatchCalculator(self._asker, in_hand=self.batch, batches_in_hand=self.batches)
        self.batch, self.batches = many.batch, many.batches

    def calculate(  # noqa: PLR0913 - the wishes of the library's own
        self,
        specs: str | Sequence[str],
        instrument: str | Bars,
        timeframe: str | None = None,
        *,
        start: Instant | None = None,
        end: Instant | None = None,
        last: int | None = None,
        source: str | None = None,
        version: str | Instant = "latest",
        adjust: str | None = None,
        anchor: Instant | None = None,
        nan_policy: Policy | None = None,
        fetch_missing: bool = False,
        options: Mapping[str, Any] | None = None,
        others: Bars | Sequence[Bars] = (),
        cache: bool = True,
        explain: bool = False,
    ) -> Calculation:
        """Return indicators of [start, end) at a version (`IndicatorService.calculate`), their digest verified.

        Bars in hand are computed on here. A server fetches nothing, explains nothing, and decides by itself what it
        keeps: ``cache`` is for bars in hand. Raises `NotServed`, `AnswerDamaged`, and what `IndicatorService.calculate`
        raises.
        """
        check_policy(nan_policy)
        if isinstance(instrument, Bars):
            given: dict[str, Any] = {"start": start, "end": end, "last": last, "source": source, "version": version}
            given |= {"adjust": adjust, "anchor": anchor, "fetch_missing": fetch_missing, "options": options}
            wishes: dict[str, Any] = {"nan_policy": nan_policy, "others": others, "cache": cache, "explain": explain}
            return super().calculate(specs, instrument, timeframe, **given, **wishes)
        if not isinstance(instrument, str):
            reason = f"a {type(instrument).__name__} is given for the name of an instrument"
            raise InputUnsuitable(reason=reason, remedy="Compute on a table by barledger.calculate(specs, table).")
        if others:
            raise InvalidSetting(setting="others", reason="they go with bars in hand; a library reads them by itself")
        question = Question.of(
            instrument,
            timeframe,
            start=start,
            end=end,
            last=last,
            source=source,
            version=version,
            adjust=adjust,
            anchor=anchor,
            fetch_missing=fetch_missing,
            options=options,
        )
        if fetch_missing:
            refuse(self._url, "to fetch what is missing while it reads (fetch_missing)")
        if explain:
            refuse(self._url, "explanations of what it computed (explain)")
        return self._asker.ask(listed(specs), question, start=start, end=end, nan_policy=nan_policy).calculation


class _Neighbours:
    """Knows no gaps of bars in hand: calendars, and what excuses a missing bar, are in the server's library."""

    generation = 0

    def judged_in_hand(self, bars: Bars) -> Judged:
        return Judged.neighbours(
            f"bars in hand are taken for neighbours, and of gaps only missing values are seen: name {bars.instrument}, "
            "and the server judges by its calendar"
        )


class _NotLive:
    """What a server does not do: hold handles that go on."""

    def __init__(self, url: str) -> None:
        self._url = url

    def stream(self, *_: Any, **__: Any) -> Any:
        refuse(self._url, "bl.indicators.stream")

    def follow(self, *_: Any, **__: Any) -> Any:
        refuse(self._url, "bl.indicators.follow")
