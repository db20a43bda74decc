"""The audit log in SQL: canonical JSON, numbered without gaps, hashed as the leaves of a Merkle tree."""

# ruff: noqa: S608 - statements are made of names of our own schema; values are parameters

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from barledger.domain.merkle import Frontier, Node, Span, consistency_spans, inclusion_spans, leaf_hash
from barledger.domain.series import Series
from barledger.errors import EntryNotFound, StoreDamaged
from barledger.ledger.contract import Audit, AuditEntry, KeptEntry, SignedCheckpoint, Who
from barledger.ledger.sql import schema, tree
from barledger.ledger.sql.engine import Database
from barledger.ledger.sql.series_table import SeriesTable
from barledger.ledger.sql.transaction import Writing

_encode: Final = json.JSONEncoder(ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode
quote: Final = json.encoder.encode_basestring
_COLUMNS: Final = ("sequence", "time", "actor", "operation", "body")
_NAMES: Final = ", ".join(f'"{name}"' for name in _COLUMNS)
_CHECKPOINT: Final = ("size", "root", "key", "note", "signed_at")


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
    writing: Writing,
    who: Who,
    time: int,
    details: Mapping[str, Any],
    series_ids: Sequence[int] = (),
    *,
    strategy: str = "",
) -> AuditEntry:
    """Append an entry inside a writing transaction, and let the tree grow by it."""
    sequence = writing.tree.size + 1
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
    leaf = leaf_hash(body.encode())
    row = (sequence, time, who.actor, who.operation, body)
    writing.insert(schema.audit, (*_COLUMNS, "leaf"), [(*row, leaf)])
    tree.grow(writing, leaf)
    links = [(number, sequence) for number in dict.fromkeys(series_ids)]
    writing.insert(schema.audit_series, ("series_id", "sequence"), links)
    if strategy:
        writing.insert(schema.audit_strategies, ("strategy", "sequence"), [(strategy, sequence)])
    return _entry(row)


class SqlAudit(Audit):
    """Reads the log, and appends what no other transaction records."""

    def __init__(self, database: Database, names: SeriesTable) -> None:
        """Work on this database."""
        self._database = database
        self._names = names

    def append(
        self, who: Who, details: Mapping[str, Any], *, series: Sequence[Series] = (), strategy: str = ""
    ) -> AuditEntry:
        """Append an entry, to be found by those of the series that the ledger knows, and by its strategy."""
        with self._database.write() as writing:
            known = [number for number in self._names.ids_of(writing, series) if number is not None] if series else []
            return append(writing, who, writing.tick(), details, known, strategy=strategy)

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

    def newest(self, limit: int, *, operation: str | None = None) -> list[AuditEntry]:
        """Return the newest entries, in order."""
        where, parameters = ("", ()) if operation is None else ('WHERE "operation" = ?', (operation,))
        query = f'SELECT {_NAMES} FROM "audit" {where} ORDER BY "sequence" DESC LIMIT ?'
        with self._database.read() as transaction:
            return [_entry(row) for row in reversed(transaction.all(query, (*parameters, limit)))]

    def of_strategy(self, strategy: str, *, since: int | None = None, until: int | None = None) -> list[AuditEntry]:
        """Return the entries of a strategy with times in [since, until], in order."""
        among = 'SELECT "sequence" FROM "audit_strategies" WHERE "strategy" = ?'
        bounds = {'"time" >= ?': since, '"time" <= ?': until}
        conditions = [f'"sequence" IN ({among})', *(test for test, value in bounds.items() if value is not None)]
        parameters = [strategy, *(value for value in bounds.values() if value is not None)]
        query = f'SELECT {_NAMES} FROM "audit" WHERE {" AND ".join(conditions)} ORDER BY "sequence"'
        with self._database.read() as transaction:
            return [_entry(row) for row in transaction.all(query, parameters)]

    def count(self) -> int:
        """Return how many entries there are."""
        return int(self._database.look('SELECT COUNT(*) FROM "audit"')[0])

    # --- the tree ------------------------------------------------------------------------------

    def size(self) -> int:
        """Return the tree's size."""
        return int(self._database.look('SELECT "sequence" FROM "clock"')[0])

    def frontier(self) -> Frontier:
        """Return what the tree grows from; raises `StoreDamaged`."""
        size, packed = self._database.look('SELECT "sequence", "frontier" FROM "clock"')
        try:
            return Frontier.of(size, bytes(packed or b""))
        except ValueError as error:
            raise StoreDamaged(where="the audit log's tree", detail=str(error)) from error

    def root(self, size: int) -> bytes:
        """Return the root of the first ``size`` entries; raises `EntryNotFound`, `StoreDamaged`."""
        return self._hashes(size, size, [(0, size)])[0]

    def inclusion(self, sequence: int, size: int) -> list[bytes]:
        """Return the proof that an entry is among the first ``size``; raises `EntryNotFound`, `StoreDamaged`."""
        if not 0 < sequence <= size:
            raise EntryNotFound(sequence=sequence, size=size)
        return self._hashes(sequence, size, inclusion_spans(sequence - 1, size))

    def consistency(self, old: int, size: int) -> list[bytes]:
        """Return the proof that the first ``old`` entries are the beginning of the first ``size``; raises as above."""
        if not 0 <= old <= size:
            raise EntryNotFound(sequence=old, size=size)
        return self._hashes(old, size, consistency_spans(old, size))

    def raw(self, *, after: int, limit: int) -> list[KeptEntry]:
        """Return entries as they lie there."""
        query = f'SELECT {_NAMES}, "leaf" FROM "audit" WHERE "sequence" > ? ORDER BY "sequence" LIMIT ?'
        with self._database.read() as transaction:
            rows = transaction.all(query, (after, limit))
        return [KeptEntry(entry=_entry(row[:-1]), leaf=bytes(row[-1])) for row in rows]

    def kept(self, nodes: Sequence[Node]) -> dict[Node, bytes]:
        """Return which hashes are kept of these subtrees."""
        with self._database.read() as transaction:
            return tree.found(transaction, nodes)

    # --- checkpoints ---------------------------------------------------------------------------

    def keep_checkpoint(self, checkpoint: SignedCheckpoint) -> None:
        """Keep a signed checkpoint; one of the same size by the same key stays as it is."""
        with self._database.write() as writing:
            same = 'SELECT 1 FROM "checkpoints" WHERE "size" = ? AND "key" = ?'
            if writing.one(same, (checkpoint.size, checkpoint.key)) is None:
                row = [getattr(checkpoint, name) for name in _CHECKPOINT]
                writing.insert(schema.checkpoints, _CHECKPOINT, [row])

    def checkpoints(self, *, newest: int | None = None) -> list[SignedCheckpoint]:
        """Return the checkpoints, or only the ``newest`` ones, by size and then by time."""
        names = ", ".join(f'"{name}"' for name in _CHECKPOINT)
        query = f'SELECT {names} FROM "checkpoints" ORDER BY "size" DESC, "signed_at" DESC'
        query, parameters = (query, ()) if newest is None else (f"{query} LIMIT ?", (newest,))
        with self._database.read() as transaction:
            rows = transaction.all(query, parameters)
        found = [dict(zip(_CHECKPOINT, row, strict=True)) for row in reversed(rows)]
        return [SignedCheckpoint(**{**one, "root": bytes(one["root"])}) for one in found]

    def _hashes(self, sequence: int, size: int, spans: Sequence[Span]) -> list[bytes]:
        with self._database.read() as transaction:
            (there,) = transaction.one('SELECT "sequence" FROM "clock"')
            if not 0 <= size <= there:
                raise EntryNotFound(sequence=max(sequence, size), size=there)
            return tree.span_hashes(transaction, spans)


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
