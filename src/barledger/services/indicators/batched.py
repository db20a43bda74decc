"""Batches: the indicators of many instruments, all of them in one frame or one after the other."""

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, Self

import numpy as np
import pandas as pd

from barledger.domain.series import normalise_instrument
from barledger.errors import BarledgerError, DriverMissing, SeriesNotFound
from barledger.indicators.binding import Request
from barledger.indicators.calculation import Calculation, Told, metadata_of
from barledger.services.indicators.sheet import Leaf

if TYPE_CHECKING:
    import polars as pl
    import pyarrow as pa

_TAG: Final = b"barledger/indicators-batch/1\n"
_SHOWN: Final = 3


Failed = Mapping[str, BarledgerError]
"""Why columns could not be computed, by their names."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One instrument of a batch: its rows, what is told of them, and which columns failed."""

    instrument: str
    rows: slice
    told: Callable[[], Told]
    failed: Failed = field(default_factory=dict)

    def beginning(self, at: int) -> "Part":
        """Return it with its first row there."""
        rows = self.rows
        return self if rows.start == at else replace(self, rows=slice(at, at + rows.stop - rows.start))


class Batch(Mapping[str, Calculation]):
    """Columns of indicators by their specs, of many instruments, one below the other. Immutable.

    ``batch["AAPL"]`` is the `Calculation` of one of them, the same that `calculate` gives; ``df`` and ``to_arrow()``
    are all of them. What failed stopped nothing else: instruments of which there is nothing are in ``failures``, and
    ``column_failures`` has, by instrument and column, what could not be computed; a frame has missing values there.
    """

    def __init__(
        self,
        *,
        request: Request,
        parts: Sequence[Part],
        leaf: Leaf,
        failures: Mapping[str, BarledgerError],
        column_failures: Mapping[str, Failed],
        explanation: Any = None,
    ) -> None:
        """Hold the rows of these parts."""
        self._request = request
        self._parts = {part.instrument: part for part in parts}
        for array in (leaf.time, *leaf.columns):
            array.setflags(write=False)
        self.time = leaf.time
        self._columns = dict(zip(request.picks, leaf.columns, strict=True))
        self.failures = dict(failures)
        self.column_failures = {name: dict(failed) for name, failed in column_failures.items()}
        self.explanation = explanation

    # --- one instrument ------------------------------------------------------------------------

    def __getitem__(self, instrument: str) -> Calculation:
        """Return what was computed of an instrument; raises what all of it failed with, and `SeriesNotFound`."""
        name = normalise_instrument(instrument)
        if name in self.failures:
            raise self.failures[name]
        part = self._parts.get(name)
        if part is None:
            raise SeriesNotFound(series=name, hint=" in this batch")
        columns = {name: column[part.rows] for name, column in self._columns.items() if name not in part.failed}
        return Calculation(time=self.time[part.rows], columns=columns, told=part.told)

    def __contains__(self, instrument: object) -> bool:
        """Return whether an instrument was computed."""
        return isinstance(instrument, str) and normalise_instrument(instrument) in self._parts

    def __iter__(self) -> Iterator[str]:
        """Give the instruments that were computed, in the order that was asked for."""
        return iter(self._parts)

    def __len__(self) -> int:
        """Return the number of instruments that were computed."""
        return len(self._parts)

    # --- all of them ---------------------------------------------------------------------------

    @property
    def columns(self) -> tuple[str, ...]:
        """Return the names of the columns."""
        return tuple(self._columns)

    @property
    def rows(self) -> int:
        """Return the number of rows of all instruments."""
        return len(self.time)

    @property
    def warmup_complete(self) -> bool:
        """Return whether every column of every instrument had the bars before its first row that settle its values."""
        return not self.cold

    @cached_property
    def cold(self) -> tuple[str, ...]:
        """Return the instruments whose warm-up is incomplete."""
        cold = (
            part.instrument
            for part in self._parts.values()
            if not all(one.complete for one in part.told().standings.values())
        )
        return tuple(cold)

    @property
    def exact(self) -> bool:
        """Return whether every column has the bits that the whole history gives."""
        return all(one.exact for part in self._parts.values() for one in part.told().standings.values())

    @cached_property
    def digest(self) -> str:
        r"""Return the SHA-256 of all of it, in hex.

        It is over the tag ``barledger/indicators-batch/1\n`` and, for each instrument in the order of their names, the
        name in UTF-8 with its length before it (uint64, little-endian) and the digest of its `Calculation`, 32 bytes.
        """
        found = hashlib.sha256(_TAG)
        for name in sorted(self._parts):
            encoded = name.encode()
            found.update(np.uint64(len(encoded)).astype("<u8").tobytes() + encoded)
            found.update(bytes.fromhex(self[name].digest))
        return found.hexdigest()

    @property
    def provenance(self) -> dict[str, Any]:
        """Return what was computed from what, without the digest, as values that JSON knows."""
        return {
            **self._told,
            "warmup_complete": self.warmup_complete,
            "exact": self.exact,
            "instruments": {name: self[name].provenance for name in self._parts},
        }

    @property
    def _told(self) -> dict[str, Any]:
        return {
            "indicators": dict(zip(self._request.picks, self._request.keys, strict=True)),
            "failures": {name: str(error) for name, error in self.failures.items()},
            "column_failures": {
                name: {column: str(error) for column, error in failed.items()}
                for name, failed in self.column_failures.items()
            },
        }

    @cached_property
    def df(self) -> pd.DataFrame:
        """Return the columns by instrument and time (UTC).

        The frame has the memory of the batch, which cannot be written to: copy it to change values.
        """
        return pd.DataFrame(self._columns, index=self._index, copy=False)

    @property
    def _index(self) -> pd.MultiIndex:
        times, places = self._times()
        index = pd.DatetimeIndex(times.view("datetime64[ns]")).tz_localize("UTC")
        levels: Any = [pd.Index(list(self._parts), dtype=object), index]
        whose: Any = [self._codes, places]
        return pd.MultiIndex(levels=levels, codes=whose, names=["instrument", "time"], verify_integrity=False)

    @property
    def _codes(self) -> Any:
        """Return for each row which instrument it is of, by the smallest numbers: others pandas would copy."""
        codes = np.empty(self.rows, np.min_scalar_type(-max(len(self._parts), 1)))
        for place, part in enumerate(self._parts.values()):
            codes[part.rows] = place
        return codes

    def _times(self) -> tuple[Any, Any]:
        """Return the times that there are, and for each row which of them is its own."""
        stretches = [self.time[part.rows] for part in self._parts.values()]
        # Instruments of one market have the same times, and then nothing has to be sorted.
        if stretches and all(np.array_equal(one, stretches[0]) for one in stretches):
            places = np.empty((len(stretches), len(stretches[0])), np.min_scalar_type(-max(len(stretches[0]), 1)))
            places[:] = np.arange(len(stretches[0]))
            return stretches[0], places.reshape(-1)
        times = np.unique(self.time)
        places = np.empty(len(self.time), np.int32)
        for part in self._parts.values():
            places[part.rows] = np.searchsorted(times, self.time[part.rows])
        return times, places

    def to_arrow(self) -> "pa.Table":
        """Return instrument, time and the columns: a missing value is null.

        The schema's metadata are ``specs``, ``indicators``, ``failures`` and ``column_failures`` as `metadata_of` gives
        them.
        """
        import pyarrow as pa  # noqa: PLC0415 - only Arrow's users need it

        names = pa.DictionaryArray.from_arrays(
            pa.array(self._codes, pa.int32()), pa.array(list(self._parts), pa.string())
        )
        arrays = [names, pa.array(self.time.view("datetime64[ns]"), pa.timestamp("ns", "UTC"))]
        arrays += [pa.array(values, from_pandas=True) for values in self._columns.values()]
        told = {"specs": list(self._request.specs), **self._told}
        return pa.table(arrays, names=["instrument", "time", *self._columns]).replace_schema_metadata(metadata_of(told))

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        """Hand the table to any library that speaks the Arrow PyCapsule protocol."""
        return self.to_arrow().__arrow_c_stream__(requested_schema)

    def to_polars(self) -> "pl.DataFrame":
        """Return instrument, time and the columns as a polars frame; raises `DriverMissing`."""
        try:
            import polars as pl  # noqa: PLC0415 - an extra
        except ImportError as error:
            raise DriverMissing(package="polars", extra="polars") from error
        return pl.DataFrame(self.to_arrow())

    def __repr__(self) -> str:
        """Say what there is, and what failed."""
        head = f"<Batch {', '.join(self.columns)}: {len(self)} instruments, {self.rows:,} rows"
        cold = f", warm-up incomplete of {len(self.cold)}" if self.cold else ""
        return f"{head}{cold}{told_failures(self.failures, self.column_failures)}>"

    def _repr_html_(self) -> str:
        """Show the last values in a notebook."""
        from html import escape  # noqa: PLC0415 - only notebooks need it

        return f"<p>{escape(repr(self))}</p>{self.df.tail(10).to_html()}"


class Batches(Iterator[tuple[str, Calculation]]):
    """The indicators of one instrument after the other, as they are computed.

    What failed so far is in ``failures`` and ``column_failures``, as in a `Batch`. It can be gone through once.
    ``close``, or the end of a with statement, ends it before.
    """

    def __init__(
        self,
        found: Iterator[tuple[str, Calculation]],
        failures: Mapping[str, BarledgerError],
        column_failures: Mapping[str, Failed],
    ) -> None:
        """Give what is found, while failures are put down."""
        self.failures, self.column_failures = failures, column_failures
        self._given = 0
        self._found: Any = found

    def __next__(self) -> tuple[str, Calculation]:
        """Return the next instrument, and what was computed of it."""
        name, calculation = next(self._found)
        self._given += 1
        return name, calculation

    def close(self) -> None:
        """End it, and let go of what was read."""
        self._found.close()

    def __enter__(self) -> Self:
        """Use it in a with statement."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End it."""
        self.close()

    def __repr__(self) -> str:
        """Say how far it is."""
        return f"<Batches: {self._given} instruments so far{told_failures(self.failures, self.column_failures)}>"


def told_failures(failures: Mapping[str, BarledgerError], columns: Mapping[str, Failed]) -> str:
    """Return which instruments failed, and which columns of others, as the end of a phrase."""
    partly = {name: failed for name, failed in columns.items() if name not in failures}
    said = [f", {len(failures)} failed: {_first(failures)}"] if failures else []
    if partly:
        named = {f"{column} of {name}": error for name, failed in partly.items() for column, error in failed.items()}
        said.append(f", {len(partly)} failed in part: {_first(named)}")
    return "".join(said)


def _first(failures: Mapping[str, BarledgerError]) -> str:
    first = ", ".join(f"{name} [{error.code}]" for name, error in list(failures.items())[:_SHOWN])
    return f"{first}{', …' if len(failures) > _SHOWN else ''}"
