"""InfluxTableSource: bars from a table of somebody else's."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, ClassVar, Final, cast, get_args

import numpy as np
import pandas as pd

from barledger.domain.declared import Adjustment
from barledger.domain.intake import intake
from barledger.domain.interval import BEGINNING, END_OF_TIME, Interval
from barledger.domain.rows import VALUES, Ints, empty_rows
from barledger.domain.timeframe import DAY, Timeframe
from barledger.domain.validation import Validated
from barledger.errors import DuplicateTimes
from barledger.sources.contract import Fetched, FetchRequest, Source, SourceDeclaration
from barledger.sources.influx_table import table as tables
from barledger.sources.influx_table.points import NAME, Page, Points

CHUNK: Final = 131_072
_NAMES: Final = (*VALUES, "adjustment_factor", "source_id")


class InfluxTableSource(Source):
    """Bars in any measurement of an InfluxDB 1.x or 2.x, by a mapping of tags and fields; vnpy's is ready-made.

    >>> InfluxTableSource(url="http://localhost:8086", bucket="vnpy", layout="vnpy").declaration.name
    'influx_table'
    """

    example: ClassVar[Mapping[str, str]] = {"url": "http://localhost:8086", "bucket": "vnpy", "layout": "vnpy"}

    def __init__(  # noqa: PLR0913 - an option a line
        self,
        *,
        url: str,
        bucket: str,
        token: str = "",
        layout: str = "",
        measurement: str = "",
        columns: Mapping[str, str] | str = "",
        instrument_tag: str | None = None,
        timeframe_tag: str | None = None,
        timeframes: Mapping[str, str] | str = "",
        where: Mapping[str, str] | str = "",
        spelling: str = "{symbol}",
        label: str = "open",
        zone: str = "UTC",
        retention: str = "",
        adjustment: str = "raw",
        timeout: float | str = 60.0,
        chunk_rows: int | str = CHUNK,
    ) -> None:
        """Connect to nothing yet; every option may be text, as a command line gives it.

        ``bucket`` is the database on 1.x, ``token`` an API token, on 1.x ``user:password`` or empty, and ``retention``
        a retention policy of 1.x that is not the default one. ``layout`` names a ready-made table (``vnpy``), of which
        the other options change parts: the ``measurement``; ``columns``, our names to its fields
        (``close=last,volume=qty``); ``instrument_tag`` and ``timeframe_tag``, empty if there is none; ``timeframes``,
        ours to that tag's values (``1m=M1,1d=D``); ``where``, further tags to the value that is wanted; ``spelling`` of
        the instrument's tag (``{symbol}.SHFE``).

        ``label`` says whether a point's time is its bar's open or close, ``zone`` whose date a bar of a day and longer
        has, ``adjustment`` what prices and volume are adjusted for (raw, splits, total). Raises `InvalidSetting`.
        """
        made = tables.read_layout(layout)
        self._table = replace(
            made,
            measurement=measurement or made.measurement,
            columns=tables.read_columns(columns, made.columns),
            instrument_tag=made.instrument_tag if instrument_tag is None else instrument_tag,
            timeframe_tag=made.timeframe_tag if timeframe_tag is None else timeframe_tag,
            timeframes=tables.read_timeframes(timeframes, made.timeframes),
            where=tables.read_pairs("where", where),
            spelling=tables.read_spelling(spelling),
            label=tables.read_label(label),
            zone=tables.read_zone(zone),
            retention=retention,
        )
        _check(self._table, timeframes=bool(timeframes))
        if adjustment not in get_args(Adjustment):
            raise tables.refused("adjustment", f"{adjustment!r} is none of {', '.join(get_args(Adjustment))}")
        self._adjustment = cast("Adjustment", adjustment)
        self._chunk_rows = tables.read_count("chunk_rows", chunk_rows)
        seconds = tables.read_seconds("timeout", timeout)
        self._url = url
        self._points = Points(url, bucket=bucket, token=token, timeout=seconds, table=self._table)

    @property
    def declaration(self) -> SourceDeclaration:
        """Return what the table has: values exactly as they are, and nothing beside them."""
        return SourceDeclaration(
            name=NAME,
            timeframes=frozenset(self._table.timeframes),
            adjustment=dict.fromkeys(VALUES, self._adjustment),
            empty_is_proof=True,
            concurrency=4,
            # Its options choose what is read, so what one table answered says nothing of another.
            incremental=False,
        )

    def fetch(self, request: FetchRequest) -> Iterator[Fetched]:
        """Give the bars of the interval in chunks of ``chunk_rows``."""
        self.check(request)
        tag = self._table.tag_of(request.symbol)
        self._points.check(tag)
        where = self._points.tags(request.timeframe.name, tag)
        asked = f"{self._table.measurement} of {self._url} where {where}"
        start = request.interval.start
        for page in self._points.pages(where, self._asked_for(request), self._chunk_rows):
            inside = self._inside(page, request)
            labels = inside["time"]
            if not len(labels):
                continue
            if int(labels[0]) < start:
                raise DuplicateTimes(count=1, times=(int(labels[0]),), examples=self._points.advice)
            end = int(labels[-1]) + 1
            validated = self._validated(inside, request)
            yield Fetched(rows=validated.rows, interval=Interval(start, end), rejected=validated.rejected, asked=asked)
            start = end
        if start < request.interval.end or request.interval.empty:
            yield Fetched(rows=empty_rows(), interval=Interval(start, request.interval.end), asked=asked)

    def close(self) -> None:
        """Close the connections."""
        self._points.close()

    def _asked_for(self, request: FetchRequest) -> Interval:
        """Return between which times of the table's the labels of an interval can lie."""
        interval, timeframe = request.interval, request.timeframe
        if timeframe.duration < DAY:
            shift = timeframe.duration if self._table.label == "close" else 0
            return _clamped(interval.start + shift, interval.end + shift)
        # A venue's date begins up to 14 hours before UTC's, or 12 hours after.
        reach = timeframe.duration if self._table.label == "close" else 0
        return _clamped(interval.start - DAY, interval.end + reach + DAY)

    def _inside(self, page: Page, request: FetchRequest) -> dict[str, Any]:
        labels = labels_of(page["time"], request.timeframe, label=self._table.label, zone=self._table.zone)
        chosen = (labels >= request.interval.start) & (labels < request.interval.end)
        return {name: values[chosen] for name, values in page.items()} | {"time": labels[chosen]}

    def _validated(self, page: Mapping[str, Any], request: FetchRequest) -> Validated:
        count = len(page["time"])
        columns = {name: page.get(name, np.full(count, np.nan)) for name in VALUES}
        columns |= {name: page[name] for name in _NAMES if name in page}
        bars = pd.DataFrame({"time": pd.to_datetime(page["time"], utc=True), **columns})
        try:
            return intake(bars, request.timeframe, on_invalid=request.on_invalid)
        except DuplicateTimes as error:
            raise replace(error, examples=f"{error.examples}{self._points.advice}") from None


def labels_of(times: Ints, timeframe: Timeframe, *, label: str, zone: str) -> Ints:
    """Return the labels (ns): the opens, and of a day and longer midnight in UTC of the date in the zone."""
    if timeframe.duration < DAY:
        return times - timeframe.duration if label == "close" else times
    within = times - 1 if label == "close" else times
    moments = pd.DatetimeIndex(within.astype("datetime64[ns]")).tz_localize("UTC").tz_convert(zone)
    dates = np.asarray(moments.tz_localize(None).normalize().as_unit("ns").asi8)
    # What closes at the end of a week or month lies in it; what opens one has to be its first day.
    return timeframe.open_of(dates) if label == "close" else dates


def _clamped(start: int, end: int) -> Interval:
    return Interval(max(start, BEGINNING), min(max(end, start), END_OF_TIME))


def _check(table: tables.Table, *, timeframes: bool) -> None:
    if not table.measurement:
        raise tables.refused("measurement", "it has to be given, unless a layout names it")
    if not table.instrument_tag:
        raise tables.refused("instrument_tag", "it is empty; name the tag that tells instruments apart")
    if not table.timeframe_tag and (not timeframes or len(table.timeframes) != 1):
        raise tables.refused("timeframes", "without a timeframe_tag, say of which one timeframe all bars are")
