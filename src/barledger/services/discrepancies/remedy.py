"""Remedies: what would put a discrepancy right, bars to write or a corporate action to record, as bytes.

Bars are an Arrow stream (`services.discrepancies.payload`), which begins with its own mark; an action is a JSON object.
"""

import json
from typing import Final

from barledger.domain.action import CorporateAction
from barledger.domain.rows import Rows
from barledger.services.discrepancies.payload import decode, encode

Remedy = Rows | CorporateAction

_OBJECT: Final = b"{"
_SAID: Final = ("instrument", "ex_date", "kind", "source", "value", "currency", "evidence")


def pack(remedy: Remedy) -> bytes:
    """Return a remedy as bytes; equal ones give equal bytes."""
    if isinstance(remedy, Rows):
        return encode(remedy)
    told = {name: getattr(remedy, name) for name in _SAID}
    return json.dumps(told, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def unpack(payload: bytes) -> Remedy:
    """Return the remedy; an action is not known yet, and has no times."""
    if not payload.startswith(_OBJECT):
        return decode(payload)
    return CorporateAction(**json.loads(payload))
