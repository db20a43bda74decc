r"""The canonical digest: SHA-256 over values in one fixed form, block by block.

It depends on the bars alone: not on revisions, stores, libraries or their versions. Two parties that hold the same
bars compute the same digest with nothing but SHA-256 and the rules below.

A *block* is a UTC day, month or year (see `Timeframe.block_of`). Its digest is over, in this order:

1. the tag ``barledger/block/1\n`` and the number of rows (uint64);
2. for each column, in the order of the schema without revision: its name and type as ASCII with a newline; one byte,
   1 if any row has a value, else 0; and, after a 1, the values: int64 ns for time, IEEE 754 doubles for numbers, and
   for text the lengths in bytes (int64, -1 where missing) followed by the UTF-8 bytes, all of them.

Numbers are little-endian; NaN is 0x7ff8000000000000 and -0.0 is 0.0, which `Rows` promises. The digest of a stretch
is a chain: its first link is over the tag ``barledger/root/1\n``, each next one over the link before, a block's start
(int64 ns) and that block's digest, in ascending order; the last link is the digest.
"""

import hashlib
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final

import numpy as np

from barledger.domain.rows import VALUES, Floats, Ints, Rows, Texts
from barledger.domain.timeframe import Timeframe

_BLOCK_TAG: Final = b"barledger/block/1\n"
EMPTY_ROOT: Final = hashlib.sha256(b"barledger/root/1\n").digest()
# Below this many rows, handing blocks to a second thread costs more than it saves.
_ROWS_WORTH_A_THREAD: Final = 200_000


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Block:
    """The digest of the bars of one block; ``start`` in ns."""

    start: int
    rows: int
    digest: bytes


def block_digests(rows: Rows, timeframe: Timeframe) -> list[Block]:
    """Return the blocks of these bars in ascending order; blocks without bars are absent."""
    if not len(rows):
        return []
    starts, edges = block_edges(rows.time, timeframe)
    spans = list(zip(starts, edges[:-1], edges[1:], strict=True))
    if len(rows) < _ROWS_WORTH_A_THREAD:
        return _digest_spans(rows, spans)
    half = len(spans) // 2
    with ThreadPoolExecutor(1) as pool:
        second = pool.submit(_digest_spans, rows, spans[half:])
        return _digest_spans(rows, spans[:half]) + second.result()


def root_digest(blocks: Iterable[Block], *, after: bytes = EMPTY_ROOT) -> bytes:
    """Return the digest of a stretch from its blocks in ascending order, going on from the link ``after``."""
    link = after
    for block in blocks:
        link = hashlib.sha256(link + block.start.to_bytes(8, "little", signed=True) + block.digest).digest()
    return link


def digest(rows: Rows, timeframe: Timeframe) -> bytes:
    """Return the digest of these bars."""
    return root_digest(block_digests(rows, timeframe))


def block_edges(times: Ints, timeframe: Timeframe) -> tuple[list[int], list[int]]:
    """Return the starts of the blocks of ascending times, and the positions of their first rows and of the end.

    Jumping from one block to the next is cheaper than labelling every row.
    """
    start = int(timeframe.block_of(times[:1])[0])
    if times[-1] == times[0] or times[-1] < timeframe.block_end(start):
        return [start], [0, len(times)]
    if len(times) < 64:
        blocks = timeframe.block_of(times)
        first = np.flatnonzero(np.diff(blocks)) + 1
        edges = [0, *first.tolist(), len(times)]
        return blocks[edges[:-1]].tolist(), edges
    ends = np.searchsorted(times, _block_bounds(int(times[0]), int(times[-1]), timeframe))
    cuts = sorted({0, len(times), *ends.tolist()})
    starts = timeframe.block_of(times[cuts[:-1]])
    return starts.tolist(), cuts


def _block_bounds(first: int, last: int, timeframe: Timeframe) -> Ints:
    unit = {"day": "D", "month": "M", "year": "Y"}[timeframe.block]
    ends = np.array([first, last], "datetime64[ns]").astype(f"datetime64[{unit}]")
    return np.arange(ends[0] + 1, ends[1] + 1).astype("datetime64[ns]").astype(np.int64)


def _digest_spans(rows: Rows, spans: list[tuple[int, int, int]]) -> list[Block]:
    return [
        Block(start=start, rows=last - first, digest=_digest_span(rows, first, last)) for start, first, last in spans
    ]


def _digest_span(rows: Rows, first: int, last: int) -> bytes:
    """Return the digest of a block; its bytes are put together first, since many small updates take twice as long."""
    factor, texts = rows.adjustment_factor, rows.source_id
    return hashlib.sha256(
        b"".join(
            (
                _BLOCK_TAG,
                (last - first).to_bytes(8, "little"),
                b"time int64 ns\n\x01",
                _buffer(rows.time[first:last], "<i8"),
                *(part for name in VALUES for part in _floats(name, getattr(rows, name)[first:last])),
                *_floats("adjustment_factor", None if factor is None else factor[first:last]),
                *_texts("source_id", None if texts is None else texts[first:last]),
            )
        )
    ).digest()


def _floats(name: str, values: Floats | None) -> tuple[bytes | memoryview, ...]:
    head = f"{name} float64\n".encode()
    if values is None or (np.isnan(values[0]) and bool(np.isnan(values).all())):
        return head, b"\x00"
    return head, b"\x01", _buffer(values, "<f8")


def _texts(name: str, values: Texts | None) -> tuple[bytes | memoryview, ...]:
    head = f"{name} string\n".encode()
    if values is None or all(value is None for value in values):
        return head, b"\x00"
    encoded = [None if value is None else value.encode() for value in values]
    lengths = np.array([-1 if text is None else len(text) for text in encoded], "<i8")
    return head, b"\x01", _buffer(lengths, "<i8"), *(text for text in encoded if text is not None)


def _buffer(values: Floats | Ints, kind: str) -> memoryview:
    """Return the values' bytes; on a little-endian machine without copying them."""
    return np.ascontiguousarray(values, kind).data
