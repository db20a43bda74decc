"""Retrieval: bars of a server's library, one series, several of one consistent cut, or all in one frame."""

import warnings
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from barledger.domain.bars import Bars
from barledger.domain.interval import Instant
from barledger.errors import Busy, InvalidSetting, NoBars
from barledger.remote.panel import panel_of
from barledger.remote.question import BarsQuestion
from barledger.remote.reading import BarsReader
from barledger.remote.tables import Arrived
from barledger.remote.unserved import Unserved, refuse
from barledger.services.retrieval.collection import BarsBySeries
from barledger.services.retrieval.export import ExportCheck, verify_export
from barledger.services.retrieval.panel import PanelShape
from barledger.services.retrieval.request import ReadRequest
from barledger.services.retrieval.selection import Name, names_of

if TYPE_CHECKING:
    import pandas as pd

# As often as this, many series are read again because somebody wrote one of them meanwhile.
_ATTEMPTS: Final = 20


class RemoteRetrieval(Unserved):
    """Reads bars from a server; wishes and errors are those of `DataRetrievalService`."""

    def __init__(self, url: str, reader: BarsReader, *, clock: Callable[[], int]) -> None:
        """Read by this reader; ``clock`` gives now, in ns."""
        super().__init__(url, "bl.retrieval")
        self._reader, self._clock = reader, clock

    def bars(  # noqa: PLR0913 - the wishes of the library's own
        self,
        instrument: str,
        timeframe: str,
        *,
        start: Instant | None = None,
        end: Instant | None = None,
        source: str | None = None,
        version: str | Instant = "latest",
        is_adjusted: bool = False,
        lookback: int = 0,
        last: int | None = None,
        columns: Sequence[str] | None = None,
        known_within: str | timedelta | None = None,
        adjust: str | None = None,
        include_adjusted: bool = False,
        fetch_missing: bool = False,
        options: Mapping[str, Any] | None = None,
        purpose: str | None = None,
        strategy: str | None = None,
    ) -> Bars:
        """Return the bars of [start, end) at a version (`DataRetrievalService.bars`), their digest verified.

        A server fetches nothing and keeps no receipts for readers. Raises `NotServed` for that, `AnswerDamaged`, what
        `DataRetrievalService.bars` raises, and `StoreUnavailable`, `StoreTimeout` or `TlsFailed`.
        """
        self._refuse(fetch_missing=fetch_missing, options=options, purpose=purpose, strategy=strategy)
        request = ReadRequest.of(
            start=start,
            end=end,
            source=source,
            version=version,
            is_adjusted=is_adjusted,
            lookback=lookback,
            last=last,
            columns=columns,
            known_within=known_within,
            adjust=adjust,
            include_adjusted=include_adjusted,
        )
        (found,) = self._read(names_of(instrument, timeframe), request)
        return found

    def bars_of(  # noqa: PLR0913 - the same wishes for several series
        self,
        instruments: str | Sequence[str],
        timeframes: str | Sequence[str],
        *,
        start: Instant | None = None,
        end: Instant | None = None,
        source: str | None = None,
        version: str | Instant = "latest",
        is_adjusted: bool = False,
        lookback: int = 0,
        last: int | None = None,
        columns: Sequence[str] | None = None,
        known_within: str | timedelta | None = None,
        adjust: str | None = None,
        include_adjusted: bool = False,
        fetch_missing: bool = False,
        options: Mapping[str, Any] | None = None,
        purpose: str | None = None,
        strategy: str | None = None,
    ) -> BarsBySeries:
        """Return the bars of every instrument at every timeframe, all of one consistent cut; see `bars`.

        Series are read one after the other, and then asked whether they are still what was read; if one is not, all
        of them are read again, up to twenty times. Raises `Busy` if writers never let them rest.
        """
        self._refuse(fetch_missing=fetch_missing, options=options, purpose=purpose, strategy=strategy)
        request = ReadRequest.of(
            start=start,
            end=end,
            source=source,
            version=version,
            is_adjusted=is_adjusted,
            lookback=lookback,
            last=last,
            columns=columns,
            known_within=known_within,
            adjust=adjust,
            include_adjusted=include_adjusted,
        )
        found = self._read(names_of(instruments, timeframes), request)
        return BarsBySeries({(one.instrument, one.timeframe.name): one for one in found})

    def panel(  # noqa: PLR0913 - the same wishes, and how to align
        self,
        instruments: str | Sequence[str],
        timeframe: str,
        *,
        field: str | None = None,
        fields: Sequence[str] | None = None,
        start: Instant | None = None,
        end: Instant | None = None,
        source: str | None = None,
        version: str | Instant = "latest",
        is_adjusted: bool = False,
        lookback: int = 0,
        last: int | None = None,
        known_within: str | timedelta | None = None,
        adjust: str | None = None,
        align: str = "union",
        fill: str | None = None,
        limit: int | None = None,
        purpose: str | None = None,
        strategy: str | None = None,
    ) -> "pd.DataFrame":
        """Return one frame of many instruments, of one consistent cut (`DataRetrievalService.panel`)."""
        self._refuse(purpose=purpose, strategy=strategy)
        request = ReadRequest.of(
            start=start,
            end=end,
            source=source,
            version=version,
            is_adjusted=is_adjusted,
            lookback=lookback,
            last=last,
            known_within=known_within,
            adjust=adjust,
        )
        shape = PanelShape.of(field=field, fields=fields, align=align, fill=fill, limit=limit)
        found = self._read(names_of(instruments, [timeframe]), request)
        return panel_of(found, request, shape, clock=self._clock)

    def verify_export(self, manifest: str | Path) -> ExportCheck:
        """Read the files of an export, which are here, and compare their bars with its manifest."""
        return verify_export(manifest)

    # --- parts ---------------------------------------------------------------------------------

    def _refuse(self, **wishes: Any) -> None:
        """Raise `NotServed` for wishes that a server does not grant."""
        if wishes.get("options") and not wishes.get("fetch_missing"):
            raise InvalidSetting(setting="options", reason="nothing is fetched, and options are for a source")
        if wishes.get("fetch_missing"):
            refuse(self._url, "to fetch what is missing while it reads (fetch_missing)")
        if wishes.get("strategy") is not None or wishes.get("purpose") is not None:
            refuse(self._url, "receipts of what a strategy was shown (strategy, purpose)")

    def _read(self, names: Sequence[Name], request: ReadRequest) -> list[Bars]:
        questions = [BarsQuestion(instrument=name, timeframe=frame, request=request) for name, frame in names]
        for _ in range(_ATTEMPTS):
            found, seen = self._once(questions)
            # What was read first is unchanged after the last was read: so they were all so at one moment.
            if len(seen) == 1 or not questions[0].changing or all(self._reader.same(*one) for one in seen[:-1]):
                self._warn(found)
                return [bars for bars, _ in found]
        raise Busy(what=", ".join(str(one) for one in questions[:3]), waited=0.0)

    def _once(
        self, questions: Sequence[BarsQuestion]
    ) -> tuple[list[tuple[Bars, Arrived]], list[tuple[BarsQuestion, str]]]:
        """Read everything once; returns the bars, and the tags of all that was read."""
        found, seen = [], []
        for question in questions:
            bars, arrived, asked = self._reader.newest(question.stored)
            seen.append((asked, arrived.tag))
            if question.request.include_adjusted:
                adjusted, beside, asked = self._reader.newest(question.adjusted)
                seen.append((asked, beside.tag))
                bars = bars.beside(adjusted, columns=question.request.columns)
            found.append((bars, arrived))
        return found, seen

    def _warn(self, found: Sequence[tuple[Bars, Arrived]]) -> None:
        for _, arrived in found:
            told = arrived.table.metadata.get("barledger.warning", "")
            if told:
                warnings.warn(told, NoBars, stacklevel=4)
