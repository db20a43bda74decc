"""Snapshots as a server tells of them, their hash computed again from what they pin."""

import hashlib
from typing import Any, Final

import rfc8785

from barledger.domain.interval import parse_time
from barledger.domain.series import Series
from barledger.errors import AnswerDamaged
from barledger.ledger.contract import Pin, Snapshot
from barledger.remote.availability import span
from barledger.services.cache.verification import Damage, Verification

_FORMAT: Final = "barledger/manifest/1"


def snapshot_of(told: dict[str, Any]) -> Snapshot:
    """Return a snapshot whose hash is that of what it pins.

    Raises `AnswerDamaged` if it is not, and `KeyError`, `ValueError` or `TypeError` for what is no snapshot.
    """
    made = Snapshot(
        id=told["id"],
        kind=told["kind"],
        state=told["state"],
        purpose=told["purpose"],
        strategy=told["strategy"],
        created_at=moment(told["created_at"]),
        created_by=told["created_by"],
        pins=tuple(_pin(one) for one in told["pins"]),
        data_hash=told["data_hash"],
        materialised=told["materialised"],
        held=told["held"],
        approved_at=moment(told["approved_at"]),
    )
    found = _hash(made.pins)
    if made.data_hash and found != made.data_hash:
        raise AnswerDamaged(what=f"snapshot {made.id}", expected=made.data_hash, found=found)
    return made


def moment(told: str | None) -> int:
    """Return when something happened (ns), 0 where it has not."""
    return parse_time(told) if told else 0


def _hash(pins: tuple[Pin, ...]) -> str:
    """Return SHA-256 over the canonical JSON of the manifest, as docs/evidence.md has it."""
    listed: list[Any] = [
        {
            "digest": (pin.digest or b"").hex(),
            "end": str(pin.interval.end),
            "instrument": pin.series.instrument,
            "is_adjusted": pin.series.is_adjusted,
            "revision": str(pin.revision),
            "rows": str(pin.rows),
            "source": pin.series.source,
            "start": str(pin.interval.start),
            "timeframe": pin.series.timeframe.name,
        }
        for pin in pins
    ]
    return hashlib.sha256(rfc8785.dumps({"format": _FORMAT, "pins": listed})).hexdigest()


def _pin(told: dict[str, Any]) -> Pin:
    digest = told["digest"]
    return Pin(
        series=Series.of(told["instrument"], told["timeframe"], told["source"], is_adjusted=told["is_adjusted"]),
        interval=span(told["interval"]),
        revision=int(told["revision"]),
        rows=told["rows"],
        digest=None if digest is None else bytes.fromhex(digest),
    )


def verification_of(told: dict[str, Any]) -> Verification:
    """Return what a verification found; raises as `snapshot_of` does."""
    return Verification(
        subject=told["subject"],
        series=told["series"],
        rows=told["rows"],
        damage=tuple(_damage(one) for one in told["damage"]),
    )


def _damage(told: dict[str, Any]) -> Damage:
    adjusted = told.get("is_adjusted", False)
    series = Series.of(told["instrument"], told["timeframe"], told["source"], is_adjusted=adjusted)
    return Damage(series=series, interval=span(told["interval"]), detail=told["detail"], blocks=told["blocks"])
