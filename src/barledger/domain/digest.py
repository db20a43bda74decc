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
from collections.abc import Callable, Collection, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from math import isnan
from typing import Final, NamedTuple, TypeVar

import numpy as np

from barledger.domain.readable import Readable
from barledger.domain.rows import VALUES, Floats, Ints, Rows
from barledger.domain.timeframe import Timeframe

Found = TypeVar("Found")

_Span = tuple[int, int, int]
"""A block's start, the position of its first row, and that of the row after it."""

_BLOCK_TAG: Final = b"barledger/block/1\n"
_NUMBERS: Final = {
    name: (f"{name} float64\n\x01".encode(), f"{name} float64\n\x00".encode())
    for name in (*VALUES, "adjustment_factor")
}
_NO_TEXTS: Final = b"source_id string\n\x00"
_SOME_TEXTS: Final = b"source_id string\n\x01"
_CELL: Final = 8
EMPTY_ROOT: Final = hashlib.sha256(b"barledger/root/1\n").digest()
# Below this many rows, handing blocks to a second thread costs more than it saves.
_ROWS_WORTH_A_THREAD: Final = 200_000
# From so many rows on, copying the parts of a block into one place costs more than hashing them one by one. Two threads
# that hash short parts spend their time on handing the interpreter to each other.
_ROWS_WORTH_AN_UPDATE: Final = 4_000


@dataclass(frozen=True, slots=True, kw_only=True, order=True, repr=False)
class Block(Readable):
    """The digest of the bars of one block; ``start`` in ns."""

    start: int
    rows: int
    digest: bytes


class _Column(NamedTuple):
    """Bytes of many blocks: what stands before values, what stands for none, the values, and the blocks without any."""

    head: bytes
    nothing: bytes
    cells: memoryview | None
    empty: Collection[int]


def block_digests(rows: Rows, timeframe: Timeframe) -> list[Block]:
    """Return the blocks of these bars in ascending order; blocks without bars are absent."""
    return _on_threads(rows, timeframe, lambda spans: _digest_spans(rows, spans))


def paired_digests(before: Rows, after: Rows, timeframe: Timeframe) -> tuple[list[Block], list[Block]]:
    """Return the blocks of the same stretch before and after a change.

    If both are columns over the same times, what they share (the same arrays) is hashed once, up to the first column
    that differs.
    """
    if before.time is not after.time:
        return block_digests(before, timeframe), block_digests(after, timeframe)
    pairs = _on_threads(before, timeframe, lambda spans: _digest_pairs(before, after, spans))
    return [pair[0] for pair in pairs], [pair[1] for pair in pairs]


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
    start, last = timeframe.block_start(times.item(0)), times.item(-1)
    if last < timeframe.block_end(start):
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


def _on_threads(rows: Rows, timeframe: Timeframe, work: Callable[[Sequence[_Span]], list[Found]]) -> list[Found]:
    """Do the work for the blocks of these rows, in order; on two threads if that pays."""
    if not len(rows):
        return []
    starts, edges = block_edges(rows.time, timeframe)
    spans = list(zip(starts, edges[:-1], edges[1:], strict=True))
    if len(rows) < _ROWS_WORTH_A_THREAD:
        return work(spans)
    half = len(spans) // 2
    with ThreadPoolExecutor(1) as pool:
        second = pool.submit(work, spans[half:])
        return work(spans[:half]) + second.result()


def _digest_spans(rows: Rows, spans: Sequence[_Span]) -> list[Block]:
    """Return the blocks of spans."""
    columns = _columns(rows, spans)
    return [
        _block(span, _hashed((*_head(span), *_cells(columns, at, span), *_texts(rows, span)), span[2] - span[1]))
        for at, span in enumerate(spans)
    ]


def _hashed(parts: Sequence[bytes | memoryview], rows: int) -> "hashlib._Hash":
    """Hash parts in their order: small ones are put together first, so that one call hashes them all."""
    if rows < _ROWS_WORTH_AN_UPDATE:
        return hashlib.sha256(b"".join(parts))
    hasher = hashlib.sha256()
    for part in parts:
        hasher.update(part)
    return hasher


def _digest_pairs(before: Rows, after: Rows, spans: Sequence[_Span]) -> list[tuple[Block, Block]]:
    old, new = _columns(before, spans), _columns(after, spans)
    alike = _alike(before, after)
    pairs = []
    for at, span in enumerate(spans):
        stem = hashlib.sha256(b"".join((*_head(span), *_cells(old[:alike], at, span))))
        twin = stem.copy()
        stem.update(b"".join((*_cells(old[alike:], at, span), *_texts(before, span))))
        twin.update(b"".join((*_cells(new[alike:], at, span), *_texts(after, span))))
        pairs.append((_block(span, stem), _block(span, twin)))
    return pairs


def _alike(before: Rows, after: Rows) -> int:
    """Return how many columns are the same arrays, from the first one on."""
    shared = [getattr(before, name) is getattr(after, name) for name in ("time", *_NUMBERS)]
    return [*shared, False].index(False)


def _block(span: _Span, hasher: "hashlib._Hash") -> Block:
    start, first, last = span
    return Block(start=start, rows=last - first, digest=hasher.digest())


def _head(span: _Span) -> tuple[bytes, bytes]:
    _, first, last = span
    return _BLOCK_TAG, (last - first).to_bytes(8, "little")


def _cells(columns: Sequence[_Column], at: int, span: _Span) -> list[bytes | memoryview]:
    """Return the bytes of one block in these columns."""
    _, first, last = span
    parts: list[bytes | memoryview] = []
    for head, nothing, cells, empty in columns:
        parts += (nothing,) if cells is None or at in empty else (head, cells[_CELL * first : _CELL * last])
    return parts


def _columns(rows: Rows, spans: Sequence[_Span]) -> list[_Column]:
    """Return the columns of time and numbers, which are looked at once for all blocks."""
    time = _Column(b"time int64 ns\n\x01", b"", _buffer(rows.time, "<i8"), ())
    return [time, *(_numbers(name, getattr(rows, name), spans) for name in _NUMBERS)]


def _numbers(name: str, values: Floats | None, spans: Sequence[_Span]) -> _Column:
    head, nothing = _NUMBERS[name]
    if values is None:
        return _Column(head, nothing, None, ())
    # Only where the first value is missing can all of them be.
    suspects = [(at, first, last) for at, (_, first, last) in enumerate(spans) if isnan(values.item(first))]
    empty = {at for at, first, last in suspects if bool(np.isnan(values[first:last]).all())} if suspects else ()
    return _Column(head, nothing, _buffer(values, "<f8"), empty)


def _texts(rows: Rows, span: _Span) -> tuple[bytes | memoryview, ...]:
    if rows.source_id is None:
        return (_NO_TEXTS,)
    _, first, last = span
    encoded = [None if value is None else value.encode() for value in rows.source_id[first:last]]
    words = [text for text in encoded if text is not None]
    if not words:
        return (_NO_TEXTS,)
    lengths = np.array([-1 if text is None else len(text) for text in encoded], "<i8")
    return _SOME_TEXTS, _buffer(lengths, "<i8"), *words


def _buffer(values: Floats | Ints, kind: str) -> memoryview:
    """Return the values' bytes; on a little-endian machine without copying them."""
    return np.ascontiguousarray(values, kind).data.cast("B")
