"""Points: a table's rows as its server gives them, page by page."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final, TypeVar

import numpy as np
import numpy.typing as npt

from barledger.domain.interval import Interval
from barledger.errors import (
    DataNotFound,
    DuplicateTimes,
    NotAuthenticated,
    SourceError,
    SourceUnavailable,
    StoreError,
    StoreTimeout,
    StoreUnavailable,
)
from barledger.influxdb.connection import Connection
from barledger.influxdb.names import identifier, literal
from barledger.influxdb.server import credentials, detect
from barledger.sources.influx_table.table import REQUIRED, Table

NAME: Final = "influx_table"
_NUMERIC: Final = frozenset({"float", "integer", "unsigned"})
_TEXT: Final = frozenset({"string"})
Answer = TypeVar("Answer")
Page = Mapping[str, npt.NDArray[Any]]


class Points:
    """The points of one measurement; a failed request is not sent again here.

    Everything raises `SourceUnavailable` if the server may answer later, and `SourceError` if it will not.
    """

    def __init__(self, url: str, *, bucket: str, token: str, timeout: float, table: Table) -> None:
        """Connect to nothing yet; raises `InvalidSetting` for what is no HTTP URL."""
        self._connection = Connection(url, timeout=timeout, patience=0.0)
        self._bucket = bucket
        self._token = token
        self._table = table
        self._types: dict[str, str] | None = None

    def close(self) -> None:
        """Close the connections."""
        self._connection.close()

    def check(self, tag: str) -> None:
        """Raise `SourceError` if the measurement lacks a field or tag, and `DataNotFound` if nothing has this tag."""
        if self._types is None:
            self._types = self._checked()
        table = self._table
        key = identifier(table.instrument_tag)
        condition = f"WITH KEY = {key} WHERE {key} = {literal(tag)}"
        if not self._shown(f"SHOW TAG VALUES FROM {self._source} {condition}"):
            told = f"no {table.instrument_tag}={tag!r} in the measurement {table.measurement!r}"
            raise DataNotFound(what=f"source {NAME} has {told} of {self._connection.url}")

    @property
    def fields(self) -> dict[str, str]:
        """Return our names to those fields that the measurement has."""
        return {ours: theirs for ours, theirs in self._table.columns.items() if theirs in (self._types or {})}

    def pages(self, where: str, interval: Interval, size: int) -> Iterator[Page]:
        """Give the points of an interval in ascending order, about ``size`` at once, none of a time cut in two.

        A page has the ``time`` (ns) and the values under our names; a missing number is NaN, a missing text None.
        """
        names = ", ".join(identifier(theirs) for theirs in self.fields.values())
        head = f"SELECT {names} FROM {self._source} WHERE {where}"  # noqa: S608 - every name is quoted
        start = interval.start
        while start < interval.end:
            within = f"time >= {start} AND time < {interval.end}"
            page = self._page(f"{head} AND {within} ORDER BY time ASC LIMIT {size + 1}")
            times = page["time"]
            if len(times) <= size:
                yield page
                return
            whole = int(np.searchsorted(times, times[-1], "left"))
            if not whole:
                raise DuplicateTimes(count=len(times), times=(int(times[0]),), examples=self.advice)
            yield {name: values[:whole] for name, values in page.items()}
            start = int(times[-1])

    def tags(self, timeframe: str, tag: str) -> str:
        """Return the condition that chooses a series' points."""
        table = self._table
        wanted = {table.instrument_tag: tag, **table.where}
        if table.timeframe_tag:
            wanted[table.timeframe_tag] = table.timeframes[timeframe]
        return " AND ".join(f"{identifier(name)} = {literal(value)}" for name, value in wanted.items())

    @property
    def advice(self) -> str:
        """Return what may be done about several points of one time, as the end of a sentence."""
        return f" in the measurement {self._table.measurement!r}; narrow it by another tag with the option where"

    @property
    def _source(self) -> str:
        name = identifier(self._table.measurement)
        return f"{identifier(self._table.retention)}.{name}" if self._table.retention else name

    def _checked(self) -> dict[str, str]:
        """Return the types of the measurement's fields, after looking at all that the table names."""
        server = self._asked(lambda: detect(self._connection))
        basic, secret = credentials(server.generation, self._token)
        self._connection.authenticate(basic=basic, token=secret)
        types = {row[0]: row[1] for row in self._shown(f"SHOW FIELD KEYS FROM {self._source}")}
        if not types:
            raise DataNotFound(what=f"{self._connection.url} has no measurement {self._table.measurement!r} in it")
        self._check_fields(types)
        tags = {row[0] for row in self._shown(f"SHOW TAG KEYS FROM {self._source}")}
        wanted = {self._table.instrument_tag, self._table.timeframe_tag, *self._table.where} - {""}
        if wanted - tags:
            told = f"has no tag {', '.join(sorted(wanted - tags))}, but {', '.join(sorted(tags))}"
            raise SourceError(source=NAME, detail=f"the measurement {self._table.measurement!r} {told}")
        return types

    def _check_fields(self, types: dict[str, str]) -> None:
        for ours, theirs in self._table.columns.items():
            kind = types.get(theirs)
            if kind is None and ours in REQUIRED:
                told = f"has no field {theirs} for {ours}, but {', '.join(sorted(types))}"
                raise SourceError(source=NAME, detail=f"the measurement {self._table.measurement!r} {told}")
            if kind is not None and kind not in (_TEXT if ours == "source_id" else _NUMERIC):
                raise SourceError(source=NAME, detail=f"the field {theirs} for {ours} is of type {kind}")

    def _shown(self, statement: str) -> list[list[str]]:
        results = self._asked(lambda: self._connection.execute(statement, database=self._bucket))
        return [values for found in results[0].get("series", []) for values in found.get("values", [])]

    def _page(self, statement: str) -> Page:
        decoder = self._asked(lambda: self._connection.select([statement], database=self._bucket))
        table = decoder.tables.get(0)
        if table is None or not table.parts:
            return {"time": np.empty(0, np.int64)}
        kinds = {ours: np.object_ if ours == "source_id" else np.float64 for ours in self.fields}
        values = {ours: table.column(self.fields[ours], kind).values for ours, kind in kinds.items()}
        return {"time": table.column("time", np.int64).values} | values

    def _asked(self, work: Callable[[], Answer]) -> Answer:
        """Ask; a store's errors become a source's, since this server is nobody's store here."""
        try:
            return work()
        except (StoreUnavailable, StoreTimeout) as error:
            raise SourceUnavailable(source=NAME, detail=str(error)) from error
        except NotAuthenticated as error:
            raise SourceError(source=NAME, detail=f"{error}; set the option token") from error
        except StoreError as error:
            raise SourceError(source=NAME, detail=str(error)) from error
