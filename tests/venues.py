"""Questions to exchanges on loopback, and what they should answer."""

from collections.abc import Callable
from typing import Any

import numpy as np

from barledger.domain.interval import Interval
from barledger.domain.rows import VALUES
from barledger.domain.timeframe import HOUR, SECOND, Timeframe
from barledger.errors import BarledgerError
from barledger.sources.contract import Fetched, FetchRequest, Source
from barledger.testing.source import rows_of
from exchanges import FakeExchange

NOON = int(np.datetime64("2024-03-05T12:00:00", "ns").astype(np.int64))
NOW = NOON + 30 * SECOND
Maker = Callable[..., Source]
SERVERS = {"binance": ("BTCUSDT", "BTCUSDT"), "kraken": ("BTCUSD", "XXBTZUSD")}


def asking(
    server: FakeExchange, start: Any = NOON - 2 * HOUR, end: Any = NOON, timeframe: str = "1m", **more: Any
) -> FetchRequest:
    wanted = {"instrument": SERVERS[server.name][0], **more}
    return FetchRequest(timeframe=Timeframe.of(timeframe), interval=Interval.of(start, end), **wanted)


def expected(
    server: FakeExchange, start: int = NOON - 2 * HOUR, end: int = NOON, timeframe: str = "1m", market: str = ""
) -> dict[int, tuple[float, ...]]:
    """Return what the server has, by time."""
    listing, frame = server.listings[market or SERVERS[server.name][1]], Timeframe.of(timeframe)
    bars = {int(at): listing.bar(frame, int(at), NOW) for at in listing.opens(frame, start, end)}
    return {at: tuple(round(bar[name], 8) for name in VALUES) for at, bar in bars.items()}


def found(chunks: list[Fetched]) -> dict[int, tuple[float, ...]]:
    rows = rows_of(chunks)
    columns = [getattr(rows, name).tolist() for name in VALUES]
    return {
        time: tuple(round(v, 8) for v in values) for time, *values in zip(rows.time.tolist(), *columns, strict=True)
    }


def fetched(source: Source, request: FetchRequest) -> tuple[list[Fetched], BarledgerError | None]:
    """Return the chunks that came, and the error after them."""
    chunks: list[Fetched] = []
    try:
        for chunk in source.fetch(request):
            chunks.append(chunk)  # noqa: PERF402 - what came before an error counts
    except BarledgerError as error:
        return chunks, error
    return chunks, None
