"""Line protocol: rows as InfluxDB takes them in.

Columns become text in one sweep each and are joined row by row, for all rows that lack the same fields at once. What
is the same in every row is part of the text between two columns.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from barledger.domain.rows import Ints, Rows, concat
from barledger.domain.series import Series
from barledger.errors import InvalidName
from barledger.influxdb import names
from barledger.stores.contract import Batch, Mark, Record
from barledger.stores.influx.layout import BITS, FLOATS, MARKED_AT, MEASUREMENT, META, SUPERSEDED, masks

LINES: Final = 25_000
"""Lines of a body: near 5 MB, well under what any server refuses."""

Line = list[Any]  # what makes up each line, in order: text that all share, and columns of text


@dataclass(frozen=True, slots=True)
class _Part:
    key: str
    rows: Rows


def series_key(series: Series, layer: str) -> str:
    """Return measurement and tags of a layer's points; raises `InvalidName`."""
    tags = (
        ("instrument", series.instrument),
        ("is_adjusted", "true" if series.is_adjusted else "false"),
        ("source", series.source),
        ("timeframe", series.timeframe.name),
        ("version", layer),
    )
    return ",".join([MEASUREMENT, *(f"{name}={names.tag(value)}" for name, value in tags)])


def bodies(batches: Sequence[Batch], *, lines: int = LINES) -> Iterator[bytes]:
    """Give the batches as bodies of about so many lines; raises `InvalidName`."""
    gathered: list[_Part] = []
    room = lines
    for part in _parts(batches, lines):
        if len(part.rows) > room:
            yield _body(gathered)
            gathered, room = [], lines
        gathered.append(part)
        room -= len(part.rows)
    if gathered:
        yield _body(gathered)


def mark_line(mark: Mark) -> bytes:
    """Return the point that says whose bucket this is."""
    return f"{META} ledger_id={names.text(mark.ledger_id)},revision={mark.revision}i {MARKED_AT}\n".encode()


def revision_line(revision: int) -> bytes:
    """Return the point that lifts the mark's revision and leaves its ledger as it is."""
    return f"{META} revision={revision}i {MARKED_AT}\n".encode()


def record_line(record: Record) -> bytes:
    """Return a record of the ledger as a line; an empty tag is left out. Raises `InvalidName`."""
    tags = [f"{names.tag(name)}={names.tag(value)}" for name, value in sorted(record.tags.items()) if value]
    fields = [f"{names.tag(name)}={_field(value)}" for name, value in record.fields.items() if value == value]  # noqa: PLR0124 - NaN
    return f"{','.join([names.measurement(record.measurement), *tags])} {','.join(fields)} {record.time}\n".encode()


def _field(value: "str | float | bool") -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return names.text(value)
    return f"{value}i" if isinstance(value, int) else repr(float(value))


def _parts(batches: Sequence[Batch], lines: int) -> Iterator[_Part]:
    for batch in batches:
        key = series_key(batch.series, batch.layer)
        for start in range(0, len(batch.rows), lines):
            yield _Part(key, batch.rows.pick(slice(start, start + lines)) if len(batch.rows) > lines else batch.rows)


def _body(parts: Sequence[_Part]) -> bytes:
    rows = concat([part.rows for part in parts])
    nulls = masks(rows)
    keys = [part.key for part in parts]
    owners = None if len(parts) == 1 else np.repeat(np.arange(len(parts)), [len(part.rows) for part in parts])
    return b"".join(
        _joined(_line(rows.pick(chosen), mask, keys, owners if owners is None else owners[chosen]))
        for mask, chosen in _groups(nulls)
    )


def _groups(nulls: Ints) -> Iterator[tuple[int, Any]]:
    """Give each mask and the rows that have it."""
    if bool((nulls == nulls[0]).all()):
        yield int(nulls[0]), slice(None)
        return
    for mask in np.unique(nulls).tolist():
        yield mask, nulls == mask


def _line(rows: Rows, mask: int, keys: Sequence[str], owners: "npt.NDArray[Any] | None") -> Line:
    line: Line = [keys[0] if owners is None else pa.array(keys, pa.string()).take(pa.array(owners)), " "]
    for name in FLOATS:
        if not mask & BITS[name]:
            line += [f"{name}=", _text(getattr(rows, name)), ","]
    if not mask & BITS["source_id"]:
        line += ['source_id="', _escaped(rows.source_id), '",']
    if mask & SUPERSEDED:
        line += ["superseded_at=", *_integer(rows.superseded_at)]
    line += ["revision=", *_integer(rows.revision), "edition=", *_integer(rows.edition), f"nulls={mask}i "]
    return [*line, _text(rows.time), "\n"]


def _text(column: Any) -> pa.Array:
    return pc.cast(pa.array(column), pa.string())


def _integer(column: Any) -> Line:
    if column.strides == (0,):
        return [f"{column[0]}i,"]
    return [_text(column), "i,"]


def _escaped(column: Any) -> pa.Array:
    try:
        values = pa.array(column, pa.string())
    except (pa.ArrowException, UnicodeEncodeError, TypeError) as error:
        raise InvalidName(kind="source reference", value="source_id", reason=str(error)) from error
    return pc.replace_substring(pc.replace_substring(values, "\\", "\\\\"), '"', '\\"')


def _joined(line: Line) -> bytes:
    """Join the columns and the texts between them, row by row, into one run of bytes."""
    pieces: Line = []
    for piece in line:
        if isinstance(piece, str) and pieces and isinstance(pieces[-1], str):
            pieces[-1] += piece
        else:
            pieces.append(piece)
    joined = pc.binary_join_element_wise(*pieces, "")
    _, offsets, data = joined.buffers()
    end = int(np.frombuffer(offsets, np.int32, len(joined) + 1)[-1])
    return memoryview(data)[:end].tobytes()
