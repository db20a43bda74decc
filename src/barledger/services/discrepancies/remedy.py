"""Remedies: what would put a discrepancy right, bars to write or a corporate action to record, as bytes.

Bars are an Arrow stream (`services.discrepancies.payload`), which begins with its own mark; an action is a JSON object.
"""

import json
from dataclasses import replace
from typing import Final

from barledger.domain.action import CorporateAction
from barledger.domain.discrepancy import Discrepancy
from barledger.domain.interval import Interval
from barledger.domain.rows import Rows, empty_rows, found_in
from barledger.domain.series import Series
from barledger.services.cache.reader import Reading, read
from barledger.services.cache.vault import Vault
from barledger.services.cache.versions import left
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


def remedy_of(vault: Vault, found: Discrepancy) -> Remedy:
    """Return what is proposed; no bars if nothing is."""
    payload = vault.ledger.discrepancies.payload(found.id)
    return empty_rows() if payload is None else unpack(payload)


def bars_now(vault: Vault, series: Series, rows: Rows) -> Reading:
    """Return the bars of the same times as they are now, withdrawn ones too."""
    hull = Interval(int(rows.time[0]), int(rows.time[-1]) + 1)
    reading = read(vault, series, left(vault.ledger.revisions.state(series), hull))
    return replace(reading, rows=reading.rows.pick(found_in(reading.rows.time, rows.time)))
