"""Encoding rows into a segment, on as many threads as help."""

from collections import deque
from collections.abc import Sequence
from concurrent.futures import Executor
from dataclasses import replace

from barledger.domain.rows import Rows
from barledger.stores.embedded.chunk import Chunk, ChunkEncoder, stretches
from barledger.stores.embedded.encoding import CHUNK_ROWS
from barledger.stores.embedded.segment import SegmentWriter


def encode_into(segment: SegmentWriter, batches: Sequence[Rows], pool: Executor) -> list[list[Chunk]]:
    """Write rows into a segment, in chunks that lie in any order; returns the chunks of each batch."""
    found: list[dict[int, Chunk]] = [{} for _ in batches]
    jobs = deque((at, part, rows) for at, whole in enumerate(batches) for part, rows in enumerate(stretches(whole)))
    large = sum(map(len, batches)) > CHUNK_ROWS

    def work() -> None:
        encoder = ChunkEncoder()
        while True:
            try:
                at, part, rows = jobs.popleft()
            except IndexError:
                return
            chunk, data = encoder.encode(rows)
            found[at][part] = replace(chunk, offset=segment.add(data))

    helper = pool.submit(work) if large else None
    try:
        work()
    finally:
        jobs.clear()
        if helper is not None:
            helper.result()
    return [[chunks[part] for part in sorted(chunks)] for chunks in found]
