"""Headers of answers, as the documentation describes them."""

from collections.abc import Mapping
from typing import Any, Final

_TEXT: Final = {"type": "string"}
_DIGEST: Final = {"type": "string", "pattern": "^[0-9a-f]{64}$"}

_KNOWN: Final[Mapping[str, tuple[str, Mapping[str, Any]]]] = {
    "X-Request-Id": (
        "By which the log tells of the request; the client's own, if it sent one that is fit.",
        {"type": "string", "pattern": "^[A-Za-z0-9._-]{1,64}$"},
    ),
    "ETag": ("What the answer depends on; send it as If-None-Match, or as If-Match with a change.", _TEXT),
    "Cache-Control": ("How long the answer may be kept, and by whom.", _TEXT),
    "Vary": ("What else the answer depends on.", _TEXT),
    "Link": ("The address of the next page, if there is one.", _TEXT),
    "Location": ("Where that which was made is.", {"type": "string", "format": "uri-reference"}),
    "Idempotency-Replayed": (
        "That the request was answered before, and nothing done twice.",
        {"type": "string", "enum": ["true"]},
    ),
    "Retry-After": ("After how many seconds it is worth another try.", {"type": "string", "pattern": "^[1-9][0-9]*$"}),
    "WWW-Authenticate": ("How to show a key.", _TEXT),
    "Barledger-Version": ("The version that was asked for, or the snapshot that it resolved to.", _TEXT),
    "Barledger-Revision": ("The revision of the bars.", {"type": "string", "pattern": "^[0-9]{1,20}$"}),
    "Barledger-Digest": ("The SHA-256 of what the answer holds.", _DIGEST),
    "Barledger-Bars-Digest": ("The canonical SHA-256 of the bars that were computed on.", _DIGEST),
    "Barledger-Adjustment": ("What the prices are adjusted for.", _TEXT),
    "Barledger-Adjusted": ("What adj_* are adjusted for, where they are asked for.", _TEXT),
    "Barledger-Sources": ("How many bars came from which source.", _TEXT),
    "Barledger-Rows": ("How many rows there are.", {"type": "string", "pattern": "^[0-9]+$"}),
    "Barledger-Warning": ("What may not be as it was meant.", _TEXT),
    "Barledger-Warmup-Complete": (
        "Whether every column had the bars before its first row that settle its values.",
        {"type": "string", "enum": ["true", "false"]},
    ),
}

KEPT: Final = ("ETag", "Cache-Control", "Vary")
"""Those of answers that may be kept and asked for again."""

ALWAYS: Final = "X-Request-Id"
"""What every answer has."""


def described(*names: str) -> dict[str, dict[str, Any]]:
    """Return these headers, and the one that every answer has, as OpenAPI describes them."""
    return {
        name: {"description": _KNOWN[name][0], "required": name == ALWAYS, "schema": dict(_KNOWN[name][1])}
        for name in (ALWAYS, *names)
    }
