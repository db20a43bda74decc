"""Options: what an operator decides about the HTTP face, passed down as values."""

from dataclasses import dataclass
from typing import Final

from barledger.services.retrieval.scroll import PORTION

INDICATOR_BARS: Final = 1_048_576
"""Of so many bars the indicators of one instrument are computed in a request: about 100 MB."""

LOOPBACK: Final = ("localhost", "127.0.0.1", "[::1]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """How the app behaves.

    ``hosts`` are the names that requests may address it by (a rebinding DNS name is none of them), ``origins`` the
    browser origins that may read answers, ``open_docs`` whether /docs and /openapi.json need no key. ``tls`` says that
    clients speak TLS to it or to its proxy, ``proxied`` that it is the proxy. ``body_bytes`` and ``query_bytes`` bound
    what is sent, ``page_rows`` what is held at once, ``claim_seconds`` how long a request with an Idempotency-Key may
    take before it can be tried again. ``remembered_bytes`` bounds the answers of up to a megabyte that are kept in
    memory. ``indicator_bars`` is of how many bars the indicators of one instrument may be computed at once (0: of any
    number). ``retry_seconds`` is what clients are told to wait for while the store does not answer.

    ``header_bytes`` and ``header_count`` bound the headers of a request, ``body_seconds`` how long its body may take.
    Each key has ``rate`` requests a second, and ``burst`` at once (0: as many as it likes). ``event_seconds`` is how
    long a stream of events lasts at most, ``keep_alive`` how long it is silent, ``event_queue`` how many events wait
    for one client, and ``followers`` how many clients there are. Text of ``compress_bytes`` or more is compressed for
    clients that want it (0: never). ``open_metrics`` says whether /metrics needs no key.
    """

    hosts: tuple[str, ...] = LOOPBACK
    origins: tuple[str, ...] = ()
    open_docs: bool = False
    tls: bool = False
    proxied: bool = False
    body_bytes: int = 1_048_576
    query_bytes: int = 8_192
    page_rows: int = PORTION
    claim_seconds: float = 300.0
    retry_seconds: int = 5
    remembered_bytes: int = 67_108_864
    indicator_bars: int = INDICATOR_BARS
    header_bytes: int = 32_768
    header_count: int = 100
    body_seconds: float = 30.0
    rate: float = 0.0
    burst: int = 200
    event_seconds: float = 3_600.0
    keep_alive: float = 15.0
    event_queue: int = 1_000
    followers: int = 100
    compress_bytes: int = 1_024
    open_metrics: bool = False
