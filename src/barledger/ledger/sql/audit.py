"""The audit log in SQL: canonical JSON, numbered without gaps, hashed as the leaves of a Merkle tree."""

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from barledger.domain.series import Series
from barledger.ledger.contract import Audit, AuditEntry, Who
from barledger.ledger.sql import schema
from barledger.ledger.sql.engine import Database
from barledger.ledger.sql.series_table import SeriesTable
from barledger.ledger.sql.transaction import Writing

_encode: Final = json.JSONEncoder(ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode
quote: Final = json.encoder.encode_basestring
_COLUMNS: Final = ("sequence", "time", "actor", "operation", "body")


@dataclass(frozen=True, slots=True)
class Fragment:
    """JSON that is canonical already, as a member of an entry that is about to be told."""

    text: str


def fragment(members: Sequence[Mapping[str, Any]]) -> Fragment:
    """Return objects whose values are text, booleans or objects of the same kind as JSON, quickly."""
    return Fragment(_encode(members))


def canonical(value: Mapping[str, Any]) -> str:
    """Return RFC 8785 JSON; integers become decimal strings, because JavaScript's end at 2^53."""
    names = sorted(value, key=_utf16)
    return "{" + ",".join(f"{quote(name)}:{_member(value[name])}" for name in names) + "}"


def canonical_texts(value: Mapping[str, str]) -> str:
    """Return RFC 8785 JSON of an object whose values are text, quickly."""
    return _encode(value) if all(map(str.isascii, value)) else canonical(value)


def series_key(series: Series) -> dict[str, Any]:
    """Return a series as the members that name it in JSON."""
    return {
        "instrument": series.instrument,
        "timeframe": series.timeframe.name,
        "source": series.source,
        "is_adjusted": series.is_adjusted,
    }


def append(
    writing: Writing, who: Who, time: int, details: Mapping[str, Any], series_ids: Sequence[int] = ()
) -> AuditEntry:
    """Append an entry inside a writing transaction."""
    sequence = writing.number()
    body = canonical(
        {
            **details,
            "sequence": sequence,
            "time": time,
            "actor": who.actor,
            "operation": who.operation,
            "reason": who.reason,
            "purpose": who.purpose,
            "trigger": who.trigger,
        }
    )
    leaf = hashlib.sha256(b"\x00" + body.encode()).digest()
    row = (sequence, time, who.actor, who.operation, body)
    writing.insert(schema.audit, (*_COLUMNS, "leaf"), [(*row, leaf)])
    links = [(number, sequence) for number in dict.fromkeys(series_ids)]
    writing.insert(schema.audit_series, ("series_id", "sequence"), links)
    return _entry(row)


class SqlAudit(Audit):
    """Reads the log, and appends what no other transaction records."""

    def __init__(self, database: Database, names: SeriesTable) -> None:
        """Work on this database."""
        self._database = database
        self._names = names

    def append(self, who: Who, details: Mapping[str, Any]) -> AuditEntry:
        """Append an entry."""
        with self._database.write() as writing:
            return append(writing, who, writing.tick(), details)

    def entries(
        self, *, after: int = 0, limit: int | None = None, operation: str | None = None, series: Series | None = None
    ) -> list[AuditEntry]:
        """Return entries with a sequence above ``after``, in order."""
        query = 'SELECT "audit"."sequence", "time", "actor", "operation", "body" FROM "audit"'
        conditions = ['"audit"."sequence" > ?']
        parameters: list[Any] = [after]
        with self._database.read() as transaction:
            if series is not None:
                query += ' JOIN "audit_series" ON "audit_series"."sequence" = "audit"."sequence"'
                conditions.append('"audit_series"."series_id" = ?')
                parameters.append(self._names.id_of(transaction, series) or 0)
            if operation is not None:
                conditions.append('"operation" = ?')
                parameters.append(operation)
            query += f' WHERE {" AND ".join(conditions)} ORDER BY "audit"."sequence"'
            if limit is not None:
                query += " LIMIT ?"
                parameters.append(limit)
            return [_entry(row) for row in transaction.all(query, parameters)]

    def count(self) -> int:
        """Return how many entries there are."""
        return int(self._database.look('SELECT COUNT(*) FROM "audit"')[0])


def _entry(row: Sequence[Any]) -> AuditEntry:
    return AuditEntry(**dict(zip(_COLUMNS, row, strict=True)))


def _member(value: Any) -> str:
    if isinstance(value, Fragment):
        return value.text
    told, plain = _textual(value)
    if plain:
        # Without numbers and with ASCII names this is the same text, in a tenth of the time.
        return _encode(told)
    import rfc8785  # noqa: PLC0415 - most entries do without

    return rfc8785.dumps(told).decode()


def _utf16(name: str) -> bytes:
    """Order names as RFC 8785 does: by their UTF-16 code units."""
    return name.encode("utf-16-be", "surrogatepass")


def _textual(value: Any) -> tuple[Any, bool]:
    """Return the value as JSON has it, and whether it holds neither numbers nor names outside ASCII."""
    plain = True

    def told(value: Any) -> Any:
        nonlocal plain
        if isinstance(value, Mapping):
            members = {str(key): told(member) for key, member in value.items()}
            plain = plain and all(map(str.isascii, members))
            return members
        if isinstance(value, list | tuple):
            return [told(member) for member in value]
        if isinstance(value, float) and math.isfinite(value):
            plain = False
            return float(value)
        if value is None or isinstance(value, str | bool):
            return value
        return value.hex() if isinstance(value, bytes) else str(value)

    return told(value), plain
