"""Access keys and replies in SQL."""

# ruff: noqa: S608 - statements are made of names of our own schema; values are parameters

import builtins
import json
from dataclasses import replace
from typing import Any, Final

from barledger.domain.access import AccessKey
from barledger.domain.interval import format_time
from barledger.domain.timeframe import SECOND
from barledger.errors import AccessKeyNotFound, AccessKeyRevoked, AccessKeyTaken, IdempotencyPending, IdempotencyReused
from barledger.ledger.contract import AccessKeys, Replies, Reply, Who
from barledger.ledger.sql import schema
from barledger.ledger.sql.audit import append
from barledger.ledger.sql.engine import Database
from barledger.ledger.sql.transaction import Transaction, Writing

_COLUMNS: Final = (
    *("id", "name", "scopes", "instruments", "hash", "made_at", "made_by"),
    *("rotated_at", "expires_at", "revoked_at", "used_at"),
)
_QUERY: Final = "SELECT " + ", ".join(f'"{name}"' for name in _COLUMNS) + ' FROM "access_keys"'
_LOOK: Final = (
    'SELECT "ledger".*, '
    + ", ".join(f'"key"."{name}"' for name in _COLUMNS)
    + ' FROM ({clock}) AS "ledger" LEFT JOIN "access_keys" AS "key" ON "key"."id" = ?'
)
_REPLY: Final = ("owner", "name", "request", "status", "headers", "body", "made_at", "claimed_until")
_REPLIED: Final = (
    'SELECT "request", "status", "headers", "body", "claimed_until" FROM "replies" WHERE "owner" = ? AND "name" = ?'
)
_MINE: Final = '"owner" = ? AND "name" = ? AND "request" = ? AND "status" = 0'


class SqlAccessKeys(AccessKeys):
    """Access keys in a table."""

    def __init__(self, database: Database) -> None:
        """Work on this database."""
        self._database = database

    def add(self, key: AccessKey, who: Who) -> AccessKey:
        """Keep a new key."""
        with self._database.write() as writing:
            if writing.one('SELECT 1 FROM "access_keys" WHERE "name" = ?', (key.name,)):
                raise AccessKeyTaken(name=key.name)
            made = replace(key, made_at=writing.tick(), made_by=who.actor)
            writing.insert(schema.access_keys, _COLUMNS, [_row(made)])
            append(writing, who, made.made_at, {"access_key": _told(made)})
            return made

    def rotate(self, key_id: str, new_hash: bytes, who: Who) -> AccessKey:
        """Give a key another secret."""
        with self._database.write() as writing:
            found = _called(writing, key_id)
            if found.revoked_at:
                raise AccessKeyRevoked(key=found.name)
            changed = replace(found, hash=new_hash, rotated_at=writing.tick())
            values = (changed.hash, changed.rotated_at, key_id)
            writing.update(schema.access_keys, ("hash", "rotated_at"), ("id",), [values])
            append(writing, who, changed.rotated_at, {"access_key": _told(changed)})
            return changed

    def revoke(self, key_id: str, who: Who) -> AccessKey:
        """Let a key be worth nothing from now on."""
        with self._database.write() as writing:
            found = _called(writing, key_id)
            if found.revoked_at:
                return found
            changed = replace(found, revoked_at=writing.tick())
            writing.update(schema.access_keys, ("revoked_at",), ("id",), [(changed.revoked_at, key_id)])
            append(writing, who, changed.revoked_at, {"access_key": _told(changed)})
            return changed

    def get(self, key_id: str) -> AccessKey | None:
        """Return a key by its id."""
        return self.look(key_id)[0]

    def look(self, key_id: str) -> tuple[AccessKey | None, int, int]:
        """Return a key by its id, the clock, and the size of the audit log."""
        database = self._database
        _, reached, noted, server_time, *row = database.look(_LOOK.format(clock=database.dialect.clock), (key_id,))
        return None if row[0] is None else _key(row), max(database.now(server_time), reached), noted

    def list(self) -> builtins.list[AccessKey]:
        """Return all keys by name."""
        with self._database.read() as transaction:
            return [_key(row) for row in transaction.all(f'{_QUERY} ORDER BY "name"')]

    def used(self, key_id: str, at: int) -> None:
        """Note when a key was used."""
        with self._database.write() as writing:
            writing.run('UPDATE "access_keys" SET "used_at" = ? WHERE "id" = ? AND "used_at" < ?', (at, key_id, at))


class SqlReplies(Replies):
    """Replies in a table; a claim is a row without a status."""

    def __init__(self, database: Database) -> None:
        """Work on this database."""
        self._database = database

    def claim(self, owner: str, name: str, request: bytes, *, seconds: float) -> Reply | None:
        """Claim the right to answer, or return the answer."""
        with self._database.write() as writing:
            row = writing.one(_REPLIED, (owner, name))
            if row is not None and bytes(row[0]) != request:
                raise IdempotencyReused(key=name)
            if row is not None and row[1]:
                return _reply(row)
            if row is not None and row[4] > writing.now:
                raise IdempotencyPending(key=name)
            until = writing.now + int(seconds * SECOND)
            claimed = (owner, name, request, 0, "[]", b"", writing.moment, until)
            writing.insert(schema.replies, _REPLY, [claimed], replaced=("made_at", "claimed_until"))
            return None

    def keep(self, owner: str, name: str, request: bytes, reply: Reply) -> None:
        """Keep the answer."""
        with self._database.write() as writing:
            told = (reply.status, json.dumps(reply.headers), reply.body, owner, name, request)
            writing.run(f'UPDATE "replies" SET "status" = ?, "headers" = ?, "body" = ? WHERE {_MINE}', told)

    def release(self, owner: str, name: str, request: bytes) -> None:
        """Give a claim back."""
        with self._database.write() as writing:
            writing.run(f'DELETE FROM "replies" WHERE {_MINE}', (owner, name, request))

    def forget(self, before: int) -> int:
        """Forget old answers."""
        with self._database.write() as writing:
            return writing.run('DELETE FROM "replies" WHERE "made_at" < ?', (before,))


def _called(transaction: Transaction | Writing, key_id: str) -> AccessKey:
    row = transaction.one(f'{_QUERY} WHERE "id" = ?', (key_id,))
    if row is None:
        raise AccessKeyNotFound(key=key_id)
    return _key(row)


def _row(key: AccessKey) -> tuple[Any, ...]:
    told = {name: getattr(key, name) for name in _COLUMNS}
    listed = {name: json.dumps(told[name]) for name in ("scopes", "instruments")}
    return tuple((told | listed).values())


def _key(row: Any) -> AccessKey:
    told = dict(zip(_COLUMNS, row, strict=True))
    listed = {name: tuple(json.loads(told[name])) for name in ("scopes", "instruments")}
    return AccessKey(**(told | listed | {"hash": bytes(told["hash"])}))


def _reply(row: Any) -> Reply:
    _, status, headers, body, _ = row
    return Reply(status=status, headers=tuple((name, value) for name, value in json.loads(headers)), body=bytes(body))


def _told(key: AccessKey) -> dict[str, Any]:
    expires = {"expires_at": format_time(key.expires_at)} if key.expires_at else {}
    patterns = {"instruments": list(key.instruments)} if key.instruments else {}
    return {"id": key.id, "name": key.name, "scopes": list(key.scopes), **patterns, **expires}
