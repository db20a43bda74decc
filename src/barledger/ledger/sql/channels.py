"""Channels and routes in SQL."""

# ruff: noqa: S608 - statements are made of names of our own schema; values are parameters

import builtins
import secrets
from dataclasses import asdict, replace
from typing import Any, Final

from barledger.domain.notice import Route
from barledger.errors import ChannelNotFound, ChannelTaken, RouteNotFound
from barledger.ledger.contract import ChannelRecord, Notices, Who
from barledger.ledger.sql import schema
from barledger.ledger.sql.audit import append
from barledger.ledger.sql.engine import Database
from barledger.ledger.sql.transaction import Transaction, Writing

_COLUMNS: Final = (
    *("name", "kind", "target", "secret", "shown", "timeout", "give_up"),
    *("stopped", "failures", "not_before", "error", "made_at"),
)
_QUERY: Final = f'SELECT {", ".join(f"{chr(34)}{name}{chr(34)}" for name in _COLUMNS)} FROM "channels"'
_ROUTE: Final = ("id", "channel", "kinds", "about", "severity")
_ROUTES: Final = 'SELECT "id", "channel", "kinds", "about", "severity" FROM "routes"'
_GIVE_UP: Final = (
    'UPDATE "deliveries" SET "state" = \'given_up\', "error" = ?, "claim" = \'\' '
    'WHERE "channel" = ? AND "state" = \'waiting\''
)


class SqlChannels(Notices):
    """The part of the outbox that says who is told what."""

    def __init__(self, database: Database) -> None:
        """Work on this database."""
        self._database = database

    def add_channel(self, channel: ChannelRecord, who: Who) -> ChannelRecord:
        """Keep a channel; raises `ChannelTaken`."""
        with self._database.write() as writing:
            if writing.one('SELECT 1 FROM "channels" WHERE "name" = ?', (channel.name,)):
                raise ChannelTaken(name=channel.name)
            made = replace(channel, made_at=writing.tick())
            values = asdict(made)
            writing.insert(schema.channels, _COLUMNS, [tuple(values[name] for name in _COLUMNS)])
            append(writing, who, made.made_at, {"channel": _told(made)})
            return made

    def remove_channel(self, name: str, who: Who) -> ChannelRecord:
        """Forget a channel and its routes, and give up what waits for it."""
        with self._database.write() as writing:
            found = channel_called(writing, name)
            writing.run(_GIVE_UP, ("the channel was removed", name))
            writing.delete(schema.routes, ("channel",), [(name,)])
            writing.delete(schema.channels, ("name",), [(name,)])
            append(writing, who, writing.tick(), {"channel": _told(found)})
            return found

    def stop_channel(self, name: str, reason: str, who: Who) -> None:
        """Stop a channel, or let it go on."""
        with self._database.write() as writing:
            found = channel_called(writing, name)
            if reason:
                writing.run(_GIVE_UP, (reason, name))
            columns = ("stopped", "failures", "not_before", "error")
            writing.update(schema.channels, columns, ("name",), [(reason, 0, 0, reason, name)])
            append(writing, who, writing.tick(), {"channel": _told(found), "stopped": reason})

    def channels(self) -> builtins.list[ChannelRecord]:
        """Return the channels by name."""
        with self._database.read() as transaction:
            return all_channels(transaction)

    def add_route(self, route: Route, who: Who) -> Route:
        """Keep a route, and return it with its id."""
        with self._database.write() as writing:
            channel_called(writing, route.channel)
            made = replace(route, id=f"route-{secrets.token_hex(4)}")
            writing.insert(schema.routes, _ROUTE, [tuple(asdict(made)[name] for name in _ROUTE)])
            append(writing, who, writing.tick(), {"route": asdict(made)})
            return made

    def remove_route(self, route_id: str, who: Who) -> Route:
        """Forget a route."""
        with self._database.write() as writing:
            row = writing.one(f'{_ROUTES} WHERE "id" = ?', (route_id,))
            if row is None:
                raise RouteNotFound(rule=route_id)
            writing.delete(schema.routes, ("id",), [(route_id,)])
            append(writing, who, writing.tick(), {"route": asdict(_route(row))})
            return _route(row)

    def routes(self) -> builtins.list[Route]:
        """Return the routes, by channel."""
        with self._database.read() as transaction:
            return all_routes(transaction)


def channel_called(transaction: Transaction | Writing, name: str) -> ChannelRecord:
    """Return a channel; raises `ChannelNotFound`."""
    row = transaction.one(f'{_QUERY} WHERE "name" = ?', (name,))
    if row is None:
        raise ChannelNotFound(channel=name)
    return _channel(row)


def all_channels(transaction: Transaction) -> list[ChannelRecord]:
    """Return the channels by name."""
    return [_channel(row) for row in transaction.all(f'{_QUERY} ORDER BY "name"')]


def all_routes(transaction: Transaction) -> list[Route]:
    """Return the routes, by channel."""
    return [_route(row) for row in transaction.all(f'{_ROUTES} ORDER BY "channel", "id"')]


def _channel(row: Any) -> ChannelRecord:
    return ChannelRecord(**dict(zip(_COLUMNS, row, strict=True)))


def _route(row: Any) -> Route:
    return Route(**dict(zip(_ROUTE, row, strict=True)))


def _told(channel: ChannelRecord) -> dict[str, str]:
    return {"name": channel.name, "kind": channel.kind, "target": channel.shown}
