"""Examples of errors, one for each status, as the documentation shows them; a route may have better ones."""

from collections.abc import Mapping
from typing import Final

from barledger.errors import (
    BarledgerError,
    DriverMissing,
    InvalidInterval,
    KeyRefused,
    LedgerMismatch,
    RevisionConflict,
    RevisionExpired,
    ScopeMissing,
    SeriesNotFound,
    SourceUnavailable,
    StoreDamaged,
    StoreDiverged,
    StoreUnavailable,
)

LIBRARY: Final[Mapping[int, BarledgerError]] = {
    401: KeyRefused(reason="no key was shown"),
    403: ScopeMissing(key="desk", scope="decide", scopes=("read",)),
    404: SeriesNotFound(series="AAPL 1d"),
    409: RevisionConflict(series="AAPL 1d from yahoo", expected=1795658068935660612, found=1795658070001234567),
    410: RevisionExpired(series="AAPL 1m from yahoo", requested="2005-01-01T00:00:00Z", horizon="2026-08-28T00:00:00Z"),
    422: InvalidInterval(reason="it ends at 2005-01-01T00:00:00Z, before it starts at 2010-01-01T00:00:00Z"),
    500: StoreDamaged(where="AAPL 1d from yahoo", detail="the block of 2005-01-01 is not what was written"),
    501: DriverMissing(package="apprise", extra="notify"),
    502: SourceUnavailable(source="yahoo", detail="no answer within 30 s"),
    503: StoreUnavailable(url="http://influx:8086", detail="connection refused"),
}
"""Errors of the library."""

BESIDE: Final[Mapping[int, tuple[BarledgerError, ...]]] = {
    503: (
        StoreDiverged(series="AAPL 1d from yahoo", detail="it has 0 of 1259 bars"),
        LedgerMismatch(reason="the ledger knows revisions, and the store is empty or was never its own"),
    ),
}
"""Others that have the same status."""

HTTP: Final[Mapping[int, tuple[str, str, str]]] = {
    400: (
        "host-refused",
        "this server does not go by that name",
        "Address the server by one of its names; `barledger serve --allow-host NAME` adds one.",
    ),
    405: ("method-not-allowed", "Method Not Allowed", "Use one of the methods that the header Allow names."),
    406: (
        "not-acceptable",
        "none of the formats that are accepted can be had",
        "Accept one of application/json, text/csv, …, or name one by ?format=json|csv|ndjson|arrow|parquet.",
    ),
    412: (
        "precondition-failed",
        "it is not what If-Match expects any more",
        "Read it again, decide anew, and send the ETag of that answer.",
    ),
    413: ("body-too-large", "a body may have 1,048,576 bytes", "Send less at once: divide the request into several."),
    414: (
        "address-too-long",
        "an address may have 8,192 bytes",
        "Ask for less in one request, or use an operation that takes a body.",
    ),
    415: (
        "body-not-json",
        "the body is not read, since the header Content-Type is missing",
        "Send the header, with curl by -H 'Content-Type: application/json'.",
    ),
    408: ("body-too-slow", "the body did not come in time", "Send it again, faster or in smaller parts."),
    431: ("headers-too-large", "the headers are more than the server takes", "Send fewer or shorter headers."),
    429: ("too-many-requests", "too many requests with this key", "Wait for as long as Retry-After says."),
}
"""What only HTTP knows: code, detail and next step."""
