"""Tabular answers: times and numbers on the screen, or as CSV, JSON, Parquet or Arrow, to stdout or into a file."""

import io
import os
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from barledger.cli.output import Output
from barledger.domain.interval import format_time
from barledger.errors import InvalidSetting
from barledger.indicators.calculation import metadata_of
from barledger.services.retrieval import files

if TYPE_CHECKING:
    import pyarrow as pa

FORMATS: Final = ("table", "csv", "json", "parquet", "arrow")
_BINARY: Final = ("parquet", "arrow")
_JSON: Final = ".json"
_ENDINGS: Final = {**files.ENDINGS, _JSON: "json"}


def format_of(given: str | None, path: Path | None, *, json: bool) -> str:
    """Return which format is meant, by its name, the file's ending or --json; raises `InvalidSetting`."""
    if given is not None and given not in FORMATS:
        raise InvalidSetting(setting="--format", reason=f"{given!r} is none of {', '.join(FORMATS)}")
    if json and given not in (None, "json"):
        raise InvalidSetting(setting="--json", reason=f"--format {given} is something else; give one of both")
    given = "json" if json else given
    if path is None:
        found = given or "table"
        if found in _BINARY and sys.stdout.isatty():
            raise InvalidSetting(setting="--format", reason=f"{found} is nothing to look at; give --output FILE")
        return found
    if given == "table":
        raise InvalidSetting(setting="--format", reason="a table is to be looked at; write csv, json, parquet or arrow")
    ending = _ENDINGS.get(path.suffix)
    if given is not None and ending not in (None, given):
        raise InvalidSetting(setting="--format", reason=f"{given} is not what {path.name} ends in; give one of both")
    return given or ending or files.format_of(path, beside=(_JSON,))


def show(output: Output, table: "pa.Table", told: Mapping[str, Any], kind: str, path: Path | None) -> None:
    """Show or write a table whose times are ns, with what is told of it in JSON; a missing value is empty, or null."""
    if path is not None:
        _into(path, _encoded(output, table, told, kind))
        output.note(f"{table.num_rows:,} rows written to {path}")
    elif kind == "table":
        names = [name for name in table.column_names if name not in ("instrument", "time")]
        labels = [name for name in table.column_names if name not in names]
        output.table("", (*labels, *(f"# {name}" for name in names)), _rows(table), None)
    elif kind == "json":
        output.json(_plain(table, told))
    else:
        sys.stdout.flush()
        sys.stdout.buffer.write(_encoded(output, table, told, kind))
        sys.stdout.buffer.flush()


def _rows(table: "pa.Table") -> Iterator[tuple[object, ...]]:
    """Give the rows with readable times, and None for what is missing."""
    columns = []
    for name in table.column_names:
        column = table[name]
        if name == "time":
            instants = column.to_numpy().astype("datetime64[ns]").astype(np.int64)
            columns.append([format_time(one) for one in instants.tolist()])
        else:
            columns.append(column.to_pylist())
    return zip(*columns, strict=True)


def _plain(table: "pa.Table", told: Mapping[str, Any]) -> dict[str, Any]:
    return {**told, "rows": [dict(zip(table.column_names, row, strict=True)) for row in _rows(table)]}


def _encoded(output: Output, table: "pa.Table", told: Mapping[str, Any], kind: str) -> bytes:
    if kind == "json":
        return output.encoded(_plain(table, told)).encode()
    written = io.BytesIO()
    # In files of a table, all that JSON would tell.
    named = {key.encode(): value.encode() for key, value in metadata_of(told).items()}
    table = table.replace_schema_metadata({**(table.schema.metadata or {}), **named})
    if kind == "csv":
        from pyarrow import csv  # noqa: PLC0415 - only for files

        csv.write_csv(_shortened(table), written)
    elif kind == "parquet":
        from pyarrow import parquet  # noqa: PLC0415 - as above

        parquet.write_table(table, written)
    else:
        from pyarrow import feather  # noqa: PLC0415 - as above

        feather.write_feather(table, written)
    return written.getvalue()


def _shortened(table: "pa.Table") -> "pa.Table":
    """Return times as RFC 3339 and names as text: no bar opens within a second, and few read nine decimals of one."""
    import pyarrow as pa  # noqa: PLC0415 - as above

    instants = table["time"].to_numpy().astype("datetime64[ns]").astype(np.int64)
    texts = pa.array([format_time(one) for one in instants.tolist()], pa.string())
    table = table.set_column(table.column_names.index("time"), "time", texts)
    if "instrument" in table.column_names:
        table = table.set_column(0, "instrument", table["instrument"].cast(pa.string()))
    return table


def _into(path: Path, content: bytes) -> None:
    """Write a file in one piece; raises `InvalidSetting`."""
    beside = path.with_name(f".{path.name}.new")
    try:
        beside.write_bytes(content)
        beside.replace(path)
    except OSError as error:
        beside.unlink(missing_ok=True)
        why = os.strerror(error.errno) if error.errno else str(error)
        raise InvalidSetting(setting="--output", reason=f"{path} cannot be written: {why}") from error
