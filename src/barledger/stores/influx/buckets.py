"""Buckets, or databases as 1.x calls them: finding, making, and when they delete data by themselves."""

import re
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlencode

from barledger.errors import (
    BucketNotFound,
    NotAuthenticated,
    NotPermitted,
    OrganizationNotFound,
    StoreError,
    StoreRejected,
)
from barledger.influxdb.connection import Connection
from barledger.influxdb.names import identifier
from barledger.influxdb.refusals import words
from barledger.influxdb.server import Server

_WEEK: Final = 7 * 24 * 3600
_SHARD_WEEKS: Final = 520
"""Ten years: fifty years of daily bars are then a handful of shards, where weeks would make thousands."""
_UNITS: Final = {"w": _WEEK, "d": 86_400, "h": 3600, "m": 60, "s": 1}
_DURATION: Final = re.compile(r"(\d+)([wdhms])(?![a-zµ])")


@dataclass(frozen=True, slots=True, kw_only=True)
class Bucket:
    """How a bucket keeps data, in seconds; ``expiry`` 0 means for ever, ``shard`` 0 that nobody says."""

    name: str
    expiry: int
    shard: int

    @property
    def narrow(self) -> bool:
        """Whether its shards are under four weeks, so that long histories open thousands of files."""
        return 0 < self.shard < 4 * _WEEK


class Buckets(ABC):
    """The administration of one server, as far as it is needed."""

    def __init__(self, connection: Connection, org: str) -> None:
        """Use this connection; ``org`` matters on 2.x only."""
        self._connection = connection
        self._org = org

    @abstractmethod
    def find(self, name: str) -> Bucket | None:
        """Return the bucket, or None if there is none."""

    @abstractmethod
    def make(self, name: str) -> None:
        """Make a bucket with long shards that keeps data for ever; raises `BucketNotFound` if that is not allowed."""

    @abstractmethod
    def drop(self, name: str) -> None:
        """Delete the bucket with all that is in it."""


def buckets_of(server: Server, connection: Connection, org: str) -> Buckets:
    """Return the administration for the server's generation."""
    return Databases(connection, org) if server.generation == 1 else ApiBuckets(connection, org)


class Databases(Buckets):
    """1.x: databases, by InfluxQL."""

    def find(self, name: str) -> Bucket | None:
        """Return the database with the durations of its default retention policy."""
        try:
            results = self._connection.execute(f"SHOW RETENTION POLICIES ON {identifier(name)}")
        except BucketNotFound:
            return None
        except NotPermitted as error:
            raise self._unseen(name, error) from error
        for series in results[0].get("series", []):
            for values in series.get("values", []):
                policy = dict(zip(series["columns"], values, strict=True))
                if policy["default"]:
                    shard = seconds(policy["shardGroupDuration"])
                    return Bucket(name=name, expiry=seconds(policy["duration"]), shard=shard)
        raise BucketNotFound(url=self._connection.url, detail=f"database {name!r} has no default retention policy")

    def _unseen(self, name: str, error: NotPermitted) -> StoreError:
        """Tell a database that this user may not look into from one that is not there, as far as a user can."""
        results = self._connection.execute("SHOW DATABASES")
        seen = (values[0] for found in results[0].get("series", []) for values in found.get("values", []))
        if name in seen:
            return error
        return BucketNotFound(url=self._connection.url, detail=f"database {name!r}, or none that this user may see")

    def make(self, name: str) -> None:
        """Create the database."""
        shards = f"WITH DURATION INF SHARD DURATION {_SHARD_WEEKS}w"
        try:
            self._connection.execute(f"CREATE DATABASE {identifier(name)} {shards}")
        except NotPermitted as error:
            detail = f"database {name!r}, and this user may not create it ({error.detail})"
            raise BucketNotFound(url=self._connection.url, detail=detail) from error

    def drop(self, name: str) -> None:
        """Drop the database."""
        self._connection.execute(f"DROP DATABASE {identifier(name)}")


class ApiBuckets(Buckets):
    """2.x: buckets, by /api/v2."""

    def find(self, name: str) -> Bucket | None:
        """Return the bucket with its retention rule."""
        found = self._lookup(name)
        if found is None:
            return None
        rules = found.get("retentionRules") or [{}]
        shard = int(rules[0].get("shardGroupDurationSeconds", 0))
        return Bucket(name=name, expiry=int(rules[0].get("everySeconds", 0)), shard=shard)

    def make(self, name: str) -> None:
        """Create the bucket in the organization."""
        rule = {"type": "expire", "everySeconds": 0, "shardGroupDurationSeconds": _SHARD_WEEKS * _WEEK}
        payload = {"name": name, "orgID": self._organization(name), "retentionRules": [rule]}
        status, answer = self._connection.api("POST", "/api/v2/buckets", payload)
        if status in {401, 403}:
            detail = f"bucket {name!r}, and this token may not create it ({_told(answer)})"
            raise BucketNotFound(url=self._connection.url, detail=detail)
        # Another session may have made it between our look and our attempt.
        if status >= 400 and self._lookup(name) is None:
            raise StoreRejected(url=self._connection.url, detail=f"bucket {name!r}: {_told(answer)}")

    def drop(self, name: str) -> None:
        """Delete the bucket."""
        found = self._lookup(name)
        if found is not None:
            status, answer = self._connection.api("DELETE", f"/api/v2/buckets/{found['id']}")
            if status >= 400:
                raise NotPermitted(url=self._connection.url, detail=_told(answer))

    def _lookup(self, name: str) -> dict[str, Any] | None:
        wanted = {"name": name} | ({"org": self._org} if self._org else {})
        status, answer = self._connection.api("GET", f"/api/v2/buckets?{urlencode(wanted)}")
        if status == 401:
            raise NotAuthenticated(url=self._connection.url, detail=_told(answer))
        if status == 403:
            raise NotPermitted(url=self._connection.url, detail=_told(answer))
        if status == 404 and "organization" in _told(answer):
            raise OrganizationNotFound(url=self._connection.url, detail=_told(answer))
        if status not in {200, 404}:
            raise StoreRejected(url=self._connection.url, detail=_told(answer))
        buckets = (answer or {}).get("buckets") or []
        return next((bucket for bucket in buckets if bucket.get("name") == name), None)

    def _organization(self, bucket: str) -> str:
        """Return the id of the organization that is to own the bucket."""
        query = f"?{urlencode({'org': self._org})}" if self._org else ""
        status, answer = self._connection.api("GET", f"/api/v2/orgs{query}")
        found = (answer or {}).get("orgs") or [] if status == 200 else []
        if len(found) == 1:
            return str(found[0]["id"])
        if self._org and status != 404 and not found:
            detail = f"bucket {bucket!r}, and this token sees no organization to create it in"
            raise BucketNotFound(url=self._connection.url, detail=detail)
        detail = f"{self._org!r}" if self._org else f"none is named, and the token sees {len(found)}"
        raise OrganizationNotFound(url=self._connection.url, detail=detail)


def seconds(duration: str) -> int:
    """Return a duration in seconds.

    >>> seconds("87360h0m0s") == 520 * 7 * 24 * 3600
    True
    """
    return sum(int(count) * _UNITS[unit] for count, unit in _DURATION.findall(duration))


def spoken(seconds_: int) -> str:
    """Return seconds in the largest unit that divides them.

    >>> spoken(604800)
    '1 week'
    """
    for unit, name in (("w", "week"), ("d", "day"), ("h", "hour")):
        if seconds_ >= _UNITS[unit] and seconds_ % _UNITS[unit] == 0:
            count = seconds_ // _UNITS[unit]
            return f"{count} {name}" if count == 1 else f"{count} {name}s"
    return f"{seconds_} seconds"


def _told(answer: Any) -> str:
    return str(answer.get("message", answer)) if isinstance(answer, dict) else words(str(answer).encode())
