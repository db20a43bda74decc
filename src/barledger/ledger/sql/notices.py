"""Notices and their deliveries in SQL."""

# ruff: noqa: S608 - statements are made of names of our own schema; values are parameters

import builtins
import hashlib
import json
import secrets
from typing import Any, Final

from barledger.domain.notice import Notice, rank
from barledger.domain.timeframe import SECOND
from barledger.ledger.contract import Delivery, DeliveryState, Noticed, Who
from barledger.ledger.sql import schema
from barledger.ledger.sql.audit import append
from barledger.ledger.sql.channels import SqlChannels, all_channels, all_routes, channel_called
from barledger.ledger.sql.transaction import Transaction, Writing

_NOTICE: Final = (
    *("id", "kind", "severity", "subject", "about", "body", "details", "count"),
    *("made_at", "last_at", "due_at"),
)
_NAMES: Final = ", ".join(f'n."{name}"' for name in _NOTICE)
_DELIVERY: Final = ("channel", "state", "tries", "next_at", "sent_at", "error", "claim")
_FIELDS: Final = ", ".join(f'd."{name}"' for name in _DELIVERY)
_JOINED: Final = f'SELECT {_NAMES}, {_FIELDS} FROM "deliveries" d JOIN "notices" n ON n."id" = d."notice_id"'
_OPEN: Final = 'd."state" = \'waiting\' AND d."next_at" <= ? AND d."claimed_until" <= ?'
_KEY: Final = ("notice_id", "channel")
_AGAIN: Final = (
    'UPDATE "deliveries" SET "state" = \'waiting\', "next_at" = ?, "since" = ?, "tries" = 1, '
    '"claimed_until" = 0 WHERE "channel" = ? AND "state" = \'given_up\''
)
_EXPIRED: Final = "nobody has delivered it in time"


class SqlNotices(SqlChannels):
    """Keeps notices until each of their channels took them, or it is too late."""

    def post(self, notice: Notice, *, window: int) -> Noticed:
        """Keep a notice, or fold it into one like it."""
        alike = hashlib.sha256(f"{notice.kind}\0{notice.about}".encode()).digest()
        with self._database.write() as writing:
            at = writing.tick()
            before, until = _newest(writing, alike)
            repeats = before is not None and at < until and rank(notice.severity) <= rank(before.notice.severity)
            if before is not None and repeats and not _tried(writing, before):
                return _fold(writing, before, notice, at)
            return _add(writing, notice, alike, at=at, due_at=until if repeats else at, window=window)

    def list(self, *, after: int = 0, limit: int | None = None) -> builtins.list[Noticed]:
        """Return what was noticed first after a time, oldest first."""
        query = f'SELECT {_NAMES} FROM "notices" n WHERE n."made_at" > ? ORDER BY n."made_at"'
        with self._database.read() as transaction:
            rows = transaction.all(*_limited(query, (after,), limit))
        return [_noticed(row) for row in rows]

    def forget(self, before: int) -> int:
        """Forget old notices for which nothing waits."""
        old = (
            'SELECT "id" FROM "notices" n WHERE "last_at" < ? AND NOT EXISTS (SELECT 1 FROM "deliveries" d '
            'WHERE d."notice_id" = n."id" AND d."state" = \'waiting\')'
        )
        with self._database.read() as transaction:
            if transaction.one(f"{old} LIMIT 1", (before,)) is None:
                return 0
        with self._database.write() as writing:
            gone = writing.all(old, (before,))
            writing.delete(schema.deliveries, ("notice_id",), gone)
            writing.delete(schema.notices, ("id",), gone)
            return len(gone)

    def due(self) -> builtins.list[str]:
        """Return the channels for which something can be delivered now."""
        query = (
            f'SELECT DISTINCT c."name" FROM "channels" c JOIN "deliveries" d ON d."channel" = c."name" WHERE {_OPEN} '
            'AND c."stopped" = \'\' AND c."not_before" <= ?'
        )
        with self._database.read() as transaction:
            now = max(transaction.clock()[:2])
            return sorted(name for (name,) in transaction.all(query, (now, now, now)))

    def claim(self, channel: str, *, seconds: float) -> Delivery | None:
        """Take the next due delivery of a channel, counting a try."""
        with self._database.write() as writing:
            held = channel_called(writing, channel)
            if held.stopped or held.not_before > writing.moment:
                return None
            query = f'{_JOINED} WHERE d."channel" = ? AND {_OPEN} ORDER BY d."next_at", n."made_at" LIMIT 1'
            row = writing.one(query, (channel, writing.moment, writing.moment))
            if row is None:
                return None
            found = _delivery(row)
            claim = secrets.token_hex(8)
            values = (writing.moment + int(seconds * SECOND), claim, found.tries + 1, found.notice.id, channel)
            writing.update(schema.deliveries, ("claimed_until", "claim", "tries"), _KEY, [values])
            return _delivery((*row[: len(_NOTICE)], channel, "waiting", *values[2:3], found.next_at, 0, "", claim))

    def sent(self, delivery: Delivery) -> None:
        """Note that the channel took it."""
        with self._database.write() as writing:
            values = ("sent", writing.tick(), "", "", delivery.notice.id, delivery.channel)
            writing.update(schema.deliveries, ("state", "sent_at", "error", "claim"), _KEY, [values])
            well = (0, 0, "", delivery.channel)
            writing.update(schema.channels, ("failures", "not_before", "error"), ("name",), [well])

    def failed(self, delivery: Delivery, error: str, *, retry_at: int, pause: bool) -> None:
        """Note that it was not taken."""
        with self._database.write() as writing:
            changed = writing.run(
                'UPDATE "deliveries" SET "next_at" = ?, "error" = ?, "claimed_until" = 0, "claim" = \'\' '
                'WHERE "notice_id" = ? AND "channel" = ? AND "claim" = ? AND "state" = \'waiting\'',
                (retry_at, error, delivery.notice.id, delivery.channel, delivery.claim),
            )
            if changed and pause:
                writing.run(
                    'UPDATE "channels" SET "failures" = "failures" + 1, "not_before" = ?, "error" = ? WHERE "name" = ?',
                    (retry_at, error, delivery.channel),
                )

    def expire(self, who: Who) -> builtins.list[Delivery]:
        """Give up what waits for too long."""
        with self._database.read() as transaction:
            now = max(transaction.clock()[:2])
            if not _late(transaction, now):
                return []
        with self._database.write() as writing:
            late = _late(writing, writing.moment)
            rows = [("given_up", one.error or _EXPIRED, "", one.notice.id, one.channel) for one in late]
            writing.update(schema.deliveries, ("state", "error", "claim"), _KEY, rows)
            told = [
                {"notice": one.notice.id, "channel": one.channel, "error": row[1]}
                for one, row in zip(late, rows, strict=True)
            ]
            if told:
                append(writing, who, writing.tick(), {"given_up": told})
            return late

    def retry(self, channel: str, who: Who) -> int:
        """Let what was given up wait again."""
        with self._database.write() as writing:
            channel_called(writing, channel)
            at = writing.tick()
            count = writing.run(_AGAIN, (at, at, channel))
            if count:
                append(writing, who, at, {"channel": channel, "again": str(count)})
            return count

    def deliveries(self, *, state: DeliveryState | None = None, limit: int | None = None) -> builtins.list[Delivery]:
        """Return deliveries, the newest notice first."""
        where, given = ('WHERE d."state" = ?', (state,)) if state else ("", ())
        query = f'{_JOINED} {where} ORDER BY n."made_at" DESC, d."channel"'
        with self._database.read() as transaction:
            rows = transaction.all(*_limited(query, given, limit))
        return [_delivery(row) for row in rows]


def _newest(writing: Writing, alike: bytes) -> tuple[Noticed | None, int]:
    """Return the newest notice of this kind about the same, and until when repeats are folded into it."""
    query = f'SELECT {_NAMES}, n."until" FROM "notices" n WHERE n."alike" = ? ORDER BY n."made_at" DESC LIMIT 1'
    row = writing.one(query, (alike,))
    return (None, 0) if row is None else (_noticed(row[:-1]), int(row[-1]))


def _tried(writing: Writing, noticed: Noticed) -> bool:
    query = 'SELECT 1 FROM "deliveries" WHERE "notice_id" = ? AND ("state" <> \'waiting\' OR "tries" > 0) LIMIT 1'
    return writing.one(query, (noticed.id,)) is not None


def _fold(writing: Writing, before: Noticed, notice: Notice, at: int) -> Noticed:
    columns = ("count", "last_at", "subject", "body", "details")
    values = (before.count + 1, at, notice.subject, notice.body, _json(notice), before.id)
    writing.update(schema.notices, columns, ("id",), [values])
    row = writing.one(f'SELECT {_NAMES} FROM "notices" n WHERE n."id" = ?', (before.id,))
    return _noticed(row)


def _add(writing: Writing, notice: Notice, alike: bytes, *, at: int, due_at: int, window: int) -> Noticed:
    made = Noticed(id=f"ntc-{secrets.token_hex(8)}", notice=notice, count=1, made_at=at, last_at=at, due_at=due_at)
    row = (made.id, notice.kind, notice.severity, notice.subject, notice.about, notice.body, _json(notice))
    columns = (*_NOTICE, "until", "alike")
    writing.insert(schema.notices, columns, [(*row, 1, at, at, due_at, due_at + window, alike)])
    running = {channel.name for channel in all_channels(writing) if not channel.stopped}
    wanted = {route.channel for route in all_routes(writing) if route.takes(notice)} & running
    waiting = [(made.id, channel, "waiting", due_at, due_at) for channel in sorted(wanted)]
    writing.insert(schema.deliveries, ("notice_id", "channel", "state", "since", "next_at"), waiting)
    return made


def _late(transaction: Transaction, now: int) -> list[Delivery]:
    query = (
        f'{_JOINED} JOIN "channels" c ON c."name" = d."channel" WHERE d."state" = \'waiting\' '
        'AND d."claimed_until" <= ? AND d."since" + c."give_up" <= ? ORDER BY n."made_at"'
    )
    return [_delivery(row) for row in transaction.all(query, (now, now))]


def _limited(query: str, parameters: tuple[Any, ...], limit: int | None) -> tuple[str, tuple[Any, ...]]:
    return (query, parameters) if limit is None else (f"{query} LIMIT ?", (*parameters, limit))


def _noticed(row: Any) -> Noticed:
    values = dict(zip(_NOTICE, row, strict=True))
    times = {name: values.pop(name) for name in ("id", "count", "made_at", "last_at", "due_at")}
    return Noticed(**times, notice=Notice(**{**values, "details": json.loads(values["details"])}))


def _delivery(row: Any) -> Delivery:
    values = dict(zip(_DELIVERY, row[len(_NOTICE) :], strict=True))
    return Delivery(**values, notice=_noticed(row[: len(_NOTICE)]))


def _json(notice: Notice) -> str:
    return json.dumps(dict(notice.details), sort_keys=True, default=str)
