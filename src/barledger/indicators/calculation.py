"""Calculations: the values of indicators, with what they were computed from and how far they can be relied on."""

import hashlib
import json
from collections.abc import Callable, Container, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final, Protocol

import numpy as np
import pandas as pd

from barledger.domain.interval import format_time
from barledger.domain.rows import Ints
from barledger.errors import DriverMissing, InvalidSpec, ParameterUnknown
from barledger.indicators.definition import Floats, Memory
from barledger.indicators.grammar import parse

if TYPE_CHECKING:
    import polars as pl
    import pyarrow as pa

_TAG: Final = b"barledger/indicators/1\n"
_NAN: Final = np.float64("nan")


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """How far a column can be relied on: what it is in full, and its warm-up.

    ``needed`` bars before the first row settle its values, and ``had`` there were; ``complete`` says that these were
    enough. ``begins`` says that it was computed from the first bar of its series: its values are then those of the
    whole history, though the first ones may be missing, or not settled yet. ``exact`` tells that they have the bits
    that the whole history gives; else ``agreement`` says to what they agree
    (`definition.Scale`). Values of memory ``path`` and ``index`` count from
    ``anchor`` (ns; the first bar used). ``restarted`` (ns) is where computing restarted after a gap, if the first value
    counts from there on; ``cut`` says that of the window of the calendar that the first value is of some bars are not
    known. What knows ``lookahead`` later bars is missing in as many last rows, of which nothing here speaks.
    """

    key: str
    memory: Memory
    exact: bool
    needed: int
    had: int
    complete: bool
    begins: bool = False
    anchor: int | None = None
    restarted: int | None = None
    cut: bool = False
    lookahead: int = 0
    agreement: str = ""

    def __str__(self) -> str:
        """Say it in a line."""
        warm = f"warm-up {self.had:,} of {self.needed:,} bars" + (", the series begins there" if self.begins else "")
        anchor = "" if self.anchor is None else f", from {format_time(self.anchor)} on"
        return f"{self.key}: {self.memory}, {self.agreement or 'exact'}, {warm}{anchor}{self._more}"

    @property
    def _more(self) -> str:
        gap = "" if self.restarted is None else f", restarted after a gap at {format_time(self.restarted)}"
        cut = ", its first window is cut" if self.cut else ""
        return gap + cut + (f", knows {self.lookahead:,} later bars" if self.lookahead else "")


class Told(Protocol):
    """What is told of columns beside their values."""

    @property
    def standings(self) -> Mapping[str, Standing]:
        """Return how far each column can be relied on."""

    @property
    def provenance(self) -> Mapping[str, Any]:
        """Return what the bars resolved to and who computed, as values that JSON knows."""

    @property
    def bars_digest(self) -> str:
        """Return the canonical digest of all bars that were used, the warm-up included."""


class Calculation:
    """Columns of indicators by their specs, one row for each bar. Immutable.

    ``calculation["rsi(14)"]`` is a pandas series, however the spec is spelled; ``df``, ``to_arrow()``, ``to_polars()``
    and ``to_numpy()`` are all of them. A missing value is NaN, or null in Arrow and polars.
    """

    def __init__(
        self,
        *,
        time: Ints,
        columns: Mapping[str, Floats],
        told: Callable[[], Told],
        explanation: Any = None,
    ) -> None:
        """Hold columns; what is told of them is asked for once somebody needs it.

        Digesting many bars takes longer than computing, and so does telling of few.
        """
        self.time = _sealed(time)
        self._columns = {name: _sealed(values) for name, values in columns.items()}
        self._tell = told
        self.explanation = explanation

    @cached_property
    def _told(self) -> Told:
        return self._tell()

    @cached_property
    def standings(self) -> dict[str, Standing]:
        """Return how far each column can be relied on."""
        return dict(self._told.standings)

    @cached_property
    def bars_digest(self) -> str:
        """Return the canonical digest of all bars that were used, the warm-up included."""
        return self._told.bars_digest

    @property
    def columns(self) -> tuple[str, ...]:
        """Return the names of the columns."""
        return tuple(self._columns)

    @property
    def warmup_complete(self) -> bool:
        """Return whether every column had the bars before its first row that settle its values."""
        return all(one.complete for one in self.standings.values())

    @property
    def exact(self) -> bool:
        """Return whether every column has the bits that the whole history gives."""
        return all(one.exact for one in self.standings.values())

    @cached_property
    def digest(self) -> str:
        r"""Return the SHA-256 of the values, in hex.

        It is over the tag ``barledger/indicators/1\n``, the number of rows (uint64), the times (int64 ns) and, for
        each column in the order of its key: the key in UTF-8 with its length before it (uint64) and the values (IEEE
        754 doubles, NaN as 0x7ff8000000000000, -0.0 as 0.0). Numbers are little-endian. Engines are not part of it.
        """
        found = hashlib.sha256(_TAG + np.uint64(len(self)).tobytes())
        found.update(self.time.astype("<i8", copy=False).tobytes())
        for key, name in sorted((one.key, name) for name, one in self.standings.items()):
            encoded = key.encode()
            found.update(np.uint64(len(encoded)).tobytes() + encoded)
            values = self._columns[name]
            found.update(np.where(np.isnan(values), _NAN, values + 0.0).astype("<f8", copy=False).tobytes())
        return found.hexdigest()

    @property
    def provenance(self) -> dict[str, Any]:
        """Return what was computed from what, by what, with the digests of both, as values that JSON knows."""
        return {**self.told, "bars_digest": self.bars_digest, "digest": self.digest}

    @property
    def told(self) -> dict[str, Any]:
        """Return the provenance without digests, which frames have in ``attrs``."""
        return {
            **self._told.provenance,
            "indicators": {name: one.key for name, one in self.standings.items()},
            "warmup_complete": self.warmup_complete,
            "exact": self.exact,
        }

    def __getitem__(self, name: str) -> pd.Series:
        """Return one column by time, its name spelled in any way that specs may be; raises `ParameterUnknown`."""
        found = self._named(name)
        return pd.Series(np.array(self._columns[found]), index=self._index, name=found)

    def values(self, name: str) -> Floats:
        """Return one column as a read-only array, as above; raises `ParameterUnknown`."""
        values: Floats = self._columns[self._named(name)]
        return values

    def _named(self, name: str) -> str:
        found = spelled(name, self._columns)
        if found is None:
            raise ParameterUnknown(indicator="this calculation", name=name, known=self.columns, what="column")
        return found

    def __contains__(self, name: object) -> bool:
        """Return whether there is such a column."""
        return spelled(name, self._columns) is not None

    def __iter__(self) -> Iterator[str]:
        """Give the names of the columns."""
        return iter(self._columns)

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(self.time)

    @cached_property
    def _index(self) -> pd.DatetimeIndex:
        return pd.DatetimeIndex(self.time.view("datetime64[ns]"), name="time").tz_localize("UTC")

    @property
    def df(self) -> pd.DataFrame:
        """Return the columns by time (UTC), with the provenance in ``attrs``; the frame is the caller's own."""
        frame = pd.DataFrame({name: np.array(values) for name, values in self._columns.items()}, index=self._index)
        frame.attrs.update(self.told)
        return frame

    def to_numpy(self) -> dict[str, Any]:
        """Return time (datetime64[ns], UTC) and the columns as read-only arrays, without copying."""
        return {"time": self.time.view("datetime64[ns]"), **self._columns}

    def to_arrow(self) -> "pa.Table":
        """Return time and the columns: a missing value is null. The schema's metadata are those of `metadata_of`."""
        import pyarrow as pa  # noqa: PLC0415 - only Arrow's users need it

        arrays = [pa.array(self.time.view("datetime64[ns]"), pa.timestamp("ns", "UTC"))]
        arrays += [pa.array(values, from_pandas=True) for values in self._columns.values()]
        table = pa.table(arrays, names=["time", *self._columns])
        return table.replace_schema_metadata(metadata_of(self.told))

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        """Hand the table to any library that speaks the Arrow PyCapsule protocol."""
        return self.to_arrow().__arrow_c_stream__(requested_schema)

    def to_polars(self) -> "pl.DataFrame":
        """Return time and the columns as a polars frame; raises `DriverMissing`."""
        try:
            import polars as pl  # noqa: PLC0415 - an extra
        except ImportError as error:
            raise DriverMissing(package="polars", extra="polars") from error
        return pl.DataFrame(self.to_arrow())

    def __repr__(self) -> str:
        """Say what these are, in a line or two."""
        head = f"<Calculation {', '.join(self.columns)}: {len(self)} rows"
        if not len(self):
            return f"{head}>"
        warm = "" if self.warmup_complete else ", warm-up incomplete"
        return f"{head}, {format_time(int(self.time[0]))} to {format_time(int(self.time[-1]))}{warm}>"

    def _repr_html_(self) -> str:
        """Show the values in a notebook."""
        from html import escape  # noqa: PLC0415 - only notebooks need it

        return f"<p>{escape(repr(self))}</p>{self.df.tail(10).to_html()}"


def spelled(name: object, columns: Container[str]) -> str | None:
    """Return a column's name as columns spell it, or None if there is no such column: case and spaces do not count.

    >>> spelled("BBands(20,2).upper", ["bbands(20, 2).upper"])
    'bbands(20, 2).upper'
    """
    if not isinstance(name, str) or name in columns:
        return name if isinstance(name, str) else None
    try:
        found = str(parse(name))
    except InvalidSpec:
        return None
    return found if found in columns else None


def metadata_of(told: Mapping[str, Any]) -> dict[str, str]:
    """Return what is told of columns as the metadata of an Arrow schema: each key behind ``barledger.``, as JSON.

    >>> metadata_of({"exact": True, "specs": ["rsi(14)"]})
    {'barledger.exact': 'true', 'barledger.specs': '["rsi(14)"]'}
    """
    return {f"barledger.{key}": json.dumps(value, ensure_ascii=False) for key, value in told.items()}


def _sealed(values: Any) -> Any:
    view = values.view()
    view.setflags(write=False)
    return view
