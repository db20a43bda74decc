"""What a server says when it refuses, as the errors of barledger.

InfluxDB tells its reasons in words, and the generations differ in words and codes, so both are looked at.
"""

import json
import re
from typing import Any, Final

from barledger.errors import (
    BucketNotFound,
    FieldTypeConflict,
    NotAuthenticated,
    NotInfluxDB,
    NotPermitted,
    OrganizationNotFound,
    StoreError,
    StoreRejected,
    StoreTimeout,
    StoreUnavailable,
    TlsFailed,
)

_LONGEST: Final = 300
_BY_WORDS: Final[tuple[tuple[str, type[StoreError]], ...]] = (
    (r"field type conflict|input field .* is type|already exists as type", FieldTypeConflict),
    (r"^organization .*not found|^failed to find organization", OrganizationNotFound),
    (
        r"database not found|bucket.*not found|no dbrp mapping|dbrp mapping not found|unable to find dbrp",
        BucketNotFound,
    ),
    (r"authorization failed|unauthorized access|invalid (username|credentials)|unable to parse auth", NotAuthenticated),
    (r"not authorized|unauthorized|insufficient permissions|forbidden|requires admin|write privileges", NotPermitted),
    (r"query-timeout|timeout", StoreTimeout),
    # Each part of a server that stops has words of its own.
    (r"engine (is closed|shutdown)|(store|index|file|wal) (is )?(already )?clos(ed|ing)", StoreUnavailable),
    (r"shard is (disabled|not open)|query interrupted|server (is )?shut", StoreUnavailable),
    # Of several statements 2.x tells this in place of what kept an earlier one from its end.
    (r"^not executed$", StoreUnavailable),
    (r"HTTP request to an HTTPS server", TlsFailed),
)
_BY_STATUS: Final[dict[int, type[StoreError]]] = {401: NotAuthenticated, 403: NotPermitted, 404: BucketNotFound}
_TEMPORARY: Final = {408, 429, 500, 502, 503, 504}


def words(body: bytes) -> str:
    """Return what an answer says in words: the message of a JSON answer, or the beginning of the text."""
    try:
        answer: Any = json.loads(body)
    except ValueError:
        return " ".join(body[:_LONGEST].decode("utf-8", "replace").split())
    if isinstance(answer, dict):
        told = answer.get("error") or answer.get("message") or answer
        return str(told)[:_LONGEST]
    return str(answer)[:_LONGEST]


def refusal(url: str, status: int, body: bytes) -> StoreError:
    """Return the error that an answer other than success means."""
    told = words(body) or f"HTTP status {status}"
    if status not in {401, 403}:
        for pattern, kind in _BY_WORDS:
            if re.search(pattern, told, re.IGNORECASE):
                return kind(url=url, detail=told)
    if status in _TEMPORARY:
        return StoreUnavailable(url=url, detail=f"status {status}: {told}")
    if body.lstrip()[:1] == b"<" or status < 400:
        return NotInfluxDB(url=url, detail=f"it answers with status {status}: {told}")
    return _BY_STATUS.get(status, StoreRejected)(url=url, detail=told)


def failure(url: str, told: str) -> StoreError:
    """Return the error that a statement's own words mean; its status says nothing."""
    for pattern, kind in _BY_WORDS:
        if re.search(pattern, told, re.IGNORECASE):
            return kind(url=url, detail=told[:_LONGEST])
    return StoreRejected(url=url, detail=told[:_LONGEST])


def temporary(error: StoreError) -> bool:
    """Tell whether the same request may succeed later."""
    return isinstance(error, StoreUnavailable | StoreTimeout)
