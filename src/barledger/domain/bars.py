"""Bars: what callers hold."""

import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from barledger.domain.action import CorporateAction
from barledger.domain.calendar import AlwaysOpen, Calendar
from barledger.domain.digest import digest
from barledger.domain.interval import Interval, format_time
from barledger.domain.resample import Partial, check_partial, coarsen
from barledger.domain.rows import VALUES, Flags, Ints, Rows
from barledger.domain.series import Series
from barledger.domain.style import Style, styled
from barledger.domain.timeframe import Timeframe
from barledger.errors import DriverMissing, Incomplete, MissingColumns

if TYPE_CHECKING:
    import polars as pl
    import pyarrow as pa

EXTRA: Final = ("adjustment_factor", "source_id", "revision", "close_time")
ADJUSTED: Final = tuple(f"adj_{name}" for name in VALUES)
"""Columns of bars that were asked for with adjusted ones beside them."""
_STORED: Final = ("time", *VALUES, "adjustment_factor", "source_id", "revision")
_SHOWN: Final = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceSpan:
    """How much of an answer came from one source.

    The interval reaches from its first open to the end of its last bar, as long as the timeframe says that bars are.
    """

    source: str
    interval: Interval
    rows: int


class Bars:
    """Bars of one instrument at one timeframe, and what the question for them resolved to. Immutable."""

    def __init__(  # noqa: PLR0913 - all that is known of them
        self,
        *,
        rows: Rows,
        series: tuple[Series, ...],
        interval: Interval,
        version: str,
        revisions: Mapping[Series, int],
        sources: Sequence[SourceSpan],
        adjustment: str = "raw",
        is_view: bool = False,
        adjusted: "Bars | None" = None,
        calendar: Callable[[], Calendar] = AlwaysOpen,
        actions: Callable[[], Sequence[CorporateAction]] = tuple,
        columns: Sequence[str] = (),
        marks: Mapping[str, Flags] | None = None,
        notes: Mapping[str, Any] | None = None,
    ) -> None:
        """Hold standing rows; ``revisions`` are those that each series was read at.

        ``calendar`` and ``actions`` are asked once somebody needs them: for closing times, coarser bars, and styles
        that have events. ``columns`` are those that frames have if nobody names others. ``marks`` say something of
        each bar, and are columns too; ``notes`` are further provenance, as values that JSON knows. ``adjustment`` is
        what the bars are adjusted for, ``is_view`` that reading did it; ``adjusted`` are the same bars adjusted.
        """
        self._rows = rows
        self.series = series
        self.interval = interval
        self.version = version
        self.revisions = dict(revisions)
        self.sources = tuple(sources)
        self.adjustment = adjustment
        self.marks = {name: _read_only(mark) for name, mark in (marks or {}).items()}
        self.is_view = is_view
        self.adjusted = adjusted
        self._usual = (*VALUES, *self.marks, *(() if adjusted is None else (*ADJUSTED, "adjustment_factor")))
        self.columns = tuple(columns) or self._usual
        self.notes = dict(notes or {})
        self._calendar_of = calendar
        self._actions_of = actions

    # --- provenance ----------------------------------------------------------------------------

    @property
    def instrument(self) -> str:
        """Return the instrument."""
        return self.series[0].instrument

    @property
    def timeframe(self) -> Timeframe:
        """Return the timeframe."""
        return self.series[0].timeframe

    @property
    def revision(self) -> int:
        """Return the revision that these bars were read at, of several sources the highest."""
        return max(self.revisions.values())

    @cached_property
    def digest(self) -> str:
        """Return the canonical digest of these bars, in hex."""
        return digest(self._rows, self.timeframe).hex()

    @property
    def provenance(self) -> dict[str, Any]:
        """Return what these bars resolved to, without their digest, as values that JSON knows."""
        return {
            "instrument": self.instrument,
            "timeframe": self.timeframe.name,
            "version": self.version,
            "revision": str(self.revision),
            "adjustment": self.adjustment,
            "sources": [{"source": span.source, "rows": span.rows} for span in self.sources],
            **self.notes,
        }

    @cached_property
    def calendar(self) -> Calendar:
        """Return when the instrument trades; raises `CalendarNotFound`."""
        return self._calendar_of()

    @property
    def actions(self) -> Sequence[CorporateAction]:
        """Return the corporate actions of the instrument that the bars' sources told, by ex-date."""
        return self._actions_of()

    # --- columns -------------------------------------------------------------------------------

    @property
    def rows(self) -> Rows:
        """Return the rows beneath, with their bookkeeping."""
        return self._rows

    @property
    def time(self) -> Ints:
        """Return the opening times, in ns since the epoch."""
        return self._rows.time

    @property
    def close_time(self) -> Ints:
        """Return the first instant after each bar by its calendar, in ns since the epoch: nobody knew it before."""
        return self.calendar.closes(self.timeframe, self._rows.time)

    def __len__(self) -> int:
        """Return the number of bars."""
        return len(self._rows)

    # --- other forms ---------------------------------------------------------------------------

    @property
    def df(self) -> pd.DataFrame:
        """Return open, high, low, close and volume by time (UTC), with the provenance in ``attrs``.

        Bars that were asked for with columns have these. The frame is the caller's own: changing it changes nothing
        here.
        """
        return self.to_pandas()

    def to_pandas(self, columns: Sequence[str] = ()) -> pd.DataFrame:
        """Return these columns by time; there are also adjustment_factor, source_id, revision, close_time and marks."""
        wanted = tuple(columns) or self.columns
        usual = wanted == VALUES
        framed = self._frame if usual else self._framed(wanted)
        # Where pandas copies on write, the frame that is kept costs nothing until the caller changes it.
        frame = framed.copy(deep=not (usual and _copies_on_write()))
        frame.attrs.update(self.provenance)
        return frame

    @cached_property
    def _frame(self) -> pd.DataFrame:
        return self._framed(VALUES)

    def _framed(self, columns: Sequence[str]) -> pd.DataFrame:
        time = pd.DatetimeIndex(self._rows.time.view("datetime64[ns]"), name="time").tz_localize("UTC")
        return pd.DataFrame({name: self._column(name) for name in columns}, index=time, copy=False)

    def to_arrow(self) -> "pa.Table":
        """Return a table in the one schema, marks at its end: a missing value is null.

        Bars that were asked for with columns have time and these.
        """
        metadata = {f"barledger.{key}": str(value) for key, value in self.provenance.items()}
        return self._tabled(self._view).replace_schema_metadata(metadata)

    def as_table(self) -> "pa.Table":
        """Return what `to_arrow` does, without metadata, for who holds these bars alone: pandas does not know of it.

        Frames of these bars must not be changed while the table is used.
        """
        return self._tabled(lambda name: getattr(self._rows, name))

    def _tabled(self, view: Callable[[str], npt.NDArray[Any]]) -> "pa.Table":
        import pyarrow as pa  # noqa: PLC0415 - only Arrow's users need it

        whole = (*_STORED, *self.marks, *(() if self.adjusted is None else ADJUSTED))
        names = whole if self.columns == self._usual else ("time", *self.columns)
        known = {field.name: field for field in schema()}
        columns = [_floats(view(name)) if name in VALUES else self._arrow(name) for name in names]
        fields = [known.get(name) or pa.field(name, column.type) for name, column in zip(names, columns, strict=True)]
        return pa.Table.from_arrays(columns, schema=pa.schema(fields))

    def _arrow(self, name: str) -> "pa.Array":
        import pyarrow as pa  # noqa: PLC0415 - as above

        rows = self._rows
        if name in ("time", "close_time"):
            return pa.array(getattr(self, name), pa.timestamp("ns", "UTC"))
        if name == "adjustment_factor":
            return pa.array(self._factor(), pa.float64(), from_pandas=True)
        if name in ADJUSTED:
            return pa.array(self._column(name), pa.float64(), from_pandas=True)
        if name == "source_id":
            return pa.nulls(len(rows), pa.string()) if rows.source_id is None else pa.array(rows.source_id, pa.string())
        return pa.array(self._column(name))

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        """Hand the table to any library that speaks the Arrow PyCapsule protocol."""
        return self.to_arrow().__arrow_c_stream__(requested_schema)

    def to_polars(self) -> "pl.DataFrame":
        """Return a polars frame in the one schema; raises `DriverMissing`."""
        try:
            import polars as pl  # noqa: PLC0415 - an extra
        except ImportError as error:
            raise DriverMissing(package="polars", extra="polars") from error
        return pl.DataFrame(self.to_arrow())

    def to_numpy(self) -> dict[str, npt.NDArray[Any]]:
        """Return time (datetime64[ns], UTC), open, high, low, close and volume as read-only arrays, without copying.

        Bars that were asked for with columns have these.
        """
        columns: dict[str, npt.NDArray[Any]] = {"time": self._rows.time.view("datetime64[ns]")}
        columns |= {name: self._array(name) for name in self.columns}
        return {name: _read_only(column) for name, column in columns.items()}

    def _array(self, name: str) -> npt.NDArray[Any]:
        if name in VALUES:
            return self._view(name)
        if name == "close_time":
            return self.close_time.view("datetime64[ns]")
        return np.asarray(self._column(name), dtype=object if name == "source_id" else None)

    # --- other bars ----------------------------------------------------------------------------

    def resample(self, timeframe: str | Timeframe, *, partial: Partial = "drop") -> "Bars":
        """Return bars of a coarser timeframe, anchored as the instrument's calendar does.

        ``partial`` says what becomes of bars some of whose parts are not here, be it that the interval cuts them, that
        they are still forming or that a part is missing: ``drop`` leaves them out, ``keep`` does not, and ``mark`` adds
        a column ``partial``. That none is left is said by the warning `Incomplete`. The open is that of the first part,
        the close that of the last, the volume the sum; what follows from a missing value is missing. Raises
        `InvalidSetting` if the timeframe is not coarser, or if its bars do not begin and end with parts, and
        `CalendarNotFound`.
        """
        check_partial(partial)
        coarse = Timeframe.of(timeframe)
        made = coarsen(self._rows, self.timeframe, coarse, self.calendar)
        kept = ~made.partial if partial == "drop" else np.ones(len(made.rows), np.bool_)
        if len(kept) and not bool(kept.any()):
            told = f"all {len(kept):,} bars of {coarse} lack a part that the calendar {self.calendar.name} expects"
            warnings.warn(f"{told}; is it the instrument's? See also partial=", Incomplete, stacklevel=2)
        origin = {
            "from": self.timeframe.name,
            "revision": str(self.revision),
            "digest": self.digest,
            "partial": partial,
            "partial_bars": int(made.partial.sum()),
        }
        return Bars(
            rows=made.rows.pick(kept),
            series=tuple(replace(one, timeframe=coarse) for one in self.series),
            interval=self.interval,
            version=self.version,
            revisions={replace(one, timeframe=coarse): revision for one, revision in self.revisions.items()},
            sources=self.sources,
            adjustment=self.adjustment,
            is_view=self.is_view,
            adjusted=None if self.adjusted is None else self.adjusted.resample(coarse, partial=partial),
            calendar=lambda: self.calendar,
            actions=self._actions_of,
            columns=self._columns_of(("partial",) if partial == "mark" else ()),
            marks={"partial": made.partial[kept]} if partial == "mark" else None,
            notes={**self.notes, "resampled": origin},
        )

    def styled(self, style: Style) -> pd.DataFrame:
        """Return a frame as another library wants it: yfinance, backtesting, backtrader, freqtrade or vectorbt.

        See `barledger.domain.style`. Raises `InvalidSetting` for a style that there is not.
        """
        return styled(self, style)

    def beside(self, adjusted: "Bars", *, columns: Sequence[str] = ()) -> "Bars":
        """Return these bars with the same ones adjusted beside them, and what is told of how that was done."""
        return self._like(
            adjusted=adjusted,
            actions=lambda: adjusted.actions,
            columns=columns,
            notes={**self.notes, **adjusted.notes},
        )

    def factored(self) -> "Bars":
        """Return these bars with a column of factors, all missing if they have none: as a part of bars that have some.

        Of adjusted bars beside there are none any more.
        """
        if self._rows.adjustment_factor is not None:
            return self
        return self._like(
            rows=replace(self._rows, adjustment_factor=np.full(len(self), np.nan)),
            is_view=self.is_view,
            actions=self._actions_of,
            columns=self.columns if self.columns != self._usual else (),
            notes=self.notes,
        )

    def _like(self, **other: Any) -> "Bars":
        """Return bars of the same series and state, of which the rest is given."""
        same: dict[str, Any] = {
            "rows": self._rows,
            "series": self.series,
            "interval": self.interval,
            "version": self.version,
            "revisions": self.revisions,
            "sources": self.sources,
            "adjustment": self.adjustment,
            "calendar": self._calendar_of,
            "marks": self.marks,
        }
        return Bars(**same | other)

    def _columns_of(self, marks: tuple[str, ...]) -> tuple[str, ...]:
        """Return the columns of bars that are made of these and have other marks; none if nobody named any."""
        if self.columns == (*VALUES, *self.marks):
            return ()
        return (*(name for name in self.columns if name not in self.marks), *marks)

    def _view(self, name: str) -> npt.NDArray[Any]:
        """Return a column that keeps the frame alive, so that pandas knows of it and writes into none of both."""
        return np.asarray(_Shared(getattr(self._rows, name), self._frame))

    def _column(self, name: str) -> Any:  # noqa: PLR0911 - one for each kind of column
        if name in VALUES:
            column = getattr(self._rows, name)
            # Of what somebody else keeps, pandas gets a copy: it writes in place once nobody else holds the frame.
            return column if column.flags.writeable or not _copies_on_write() else np.array(column)
        if name == "close_time":
            return pd.DatetimeIndex(self.close_time.view("datetime64[ns]")).tz_localize("UTC")
        if name == "revision":
            return np.array(self._rows.revision)
        if name == "adjustment_factor":
            return self._factor()
        if name in ADJUSTED and self.adjusted is not None:
            return np.array(getattr(self.adjusted.rows, name.removeprefix("adj_")))
        if name == "source_id":
            return [None] * len(self) if self._rows.source_id is None else self._rows.source_id
        if name in self.marks:
            return np.array(self.marks[name])
        raise MissingColumns(count=len(self), columns=(name,), found=(*VALUES, *EXTRA, *self.marks), reading=True)

    def _factor(self) -> npt.NDArray[Any]:
        """Return by what prices were multiplied: those of the adjusted bars, if there are any beside these."""
        factor = (self if self.adjusted is None else self.adjusted).rows.adjustment_factor
        return np.full(len(self), np.nan) if factor is None else factor

    def __repr__(self) -> str:
        """Say what these are, in a line or two."""
        head = f"<Bars {self.instrument} {self.timeframe} {self.version}: {len(self)} bars"
        if not len(self):
            return f"{head}>"
        first, last = format_time(int(self.time[0])), format_time(int(self.time[-1]))
        sources = ", ".join(span.source for span in self.sources)
        view = f", adjusted: {self.adjustment}" if self.is_view else ""
        return f"{head}, {first} to {last}, from {sources}, revision {self.revision}{view}>"

    def _repr_html_(self) -> str:
        """Show the bars in a notebook."""
        from html import escape  # noqa: PLC0415 - only notebooks need it

        return f"<p>{escape(repr(self))}</p>{self.df.head(_SHOWN).to_html()}"


class _Shared:
    """A column for numpy, with the frame whose memory it is."""

    def __init__(self, column: npt.NDArray[Any], frame: pd.DataFrame) -> None:
        self._kept = column, frame
        self.__array_interface__ = column.__array_interface__


def _copies_on_write() -> bool:
    """Tell whether pandas leaves the memory of other frames alone; from pandas 3 on, it always does."""
    return not pd.__version__.startswith("2.") or pd.options.mode.copy_on_write is True


def schema() -> "pa.Schema":
    """Return the one Arrow schema of bars."""
    import pyarrow as pa  # noqa: PLC0415 - only Arrow's users need it

    floats = [(name, pa.float64()) for name in (*VALUES, "adjustment_factor")]
    return pa.schema(
        [("time", pa.timestamp("ns", "UTC")), *floats, ("source_id", pa.string()), ("revision", pa.int64())]
    )


def _floats(column: npt.NDArray[Any]) -> "pa.Array":
    """Return numbers with null for NaN; without a copy where there is none."""
    import pyarrow as pa  # noqa: PLC0415 - as above

    return pa.array(column, from_pandas=bool(np.isnan(column).any()))


def _read_only(column: npt.NDArray[Any]) -> npt.NDArray[Any]:
    view = column.view()
    view.flags.writeable = False
    return view
