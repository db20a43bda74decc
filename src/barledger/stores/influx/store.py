"""The InfluxDB store."""

import warnings
from collections.abc import Sequence
from typing import Final

from barledger.domain.interval import Interval
from barledger.domain.rows import Ints, Rows
from barledger.domain.series import Series, check_name
from barledger.errors import BarledgerError, BucketExpires, BucketNotFound, InvalidSetting, ShortShards
from barledger.influxdb.connection import Connection
from barledger.influxdb.names import identifier
from barledger.influxdb.server import credentials, detect
from barledger.stores.contract import (
    Batch,
    Capabilities,
    Description,
    Finding,
    Foreign,
    ForeignBars,
    Guard,
    Mark,
    Record,
    Store,
    unguarded,
)
from barledger.stores.influx import influxql
from barledger.stores.influx.buckets import Bucket, buckets_of, spoken
from barledger.stores.influx.eraser import Eraser
from barledger.stores.influx.foreign import ForeignPoints
from barledger.stores.influx.layout import MARKED_AT, META
from barledger.stores.influx.line_protocol import mark_line, revision_line
from barledger.stores.influx.reader import Reader
from barledger.stores.influx.writer import Writer

_PATIENCE: Final = 30.0


class InfluxStore(Store):
    """Rows as points of the measurement ``market_data`` in a bucket of InfluxDB 1.x or 2.x (2.4 or newer)."""

    capabilities = Capabilities(mirror=True, torn_rows=True, checksums=False, readers=4)

    def __init__(
        self,
        url: str,
        *,
        bucket: str,
        token: str = "",
        org: str = "",
        accept_expiry: bool = False,
        create: bool = True,
        timeout: float = 60.0,
        patience: float = _PATIENCE,
    ) -> None:
        """Connect, and make the bucket if there is none and ``create`` says so.

        ``token`` is an API token on 2.x, ``user:password`` or empty on 1.x, where ``org`` is not used. ``timeout``
        bounds a request, ``patience`` the time for which an unanswered one is sent again, in seconds. Raises
        `InvalidSetting`, `BucketExpires` (unless ``accept_expiry``), and the errors under `StoreError`.
        """
        self._bucket = _checked_bucket(bucket)
        self._accept_expiry = accept_expiry
        self._connection = Connection(url, timeout=timeout, patience=patience)
        self._server = detect(self._connection)
        basic, secret = credentials(self._server.generation, token)
        self._connection.authenticate(basic=basic, token=secret)
        self._buckets = buckets_of(self._server, self._connection, org)
        self._reader = Reader(self._connection, bucket)
        self._eraser = Eraser(self._connection, bucket, self._reader)
        self._writer = Writer(self._connection, bucket, self._reader, self._eraser)
        self._foreign = ForeignPoints(self._connection, bucket, self._reader)
        # Concurrent writers finish in any order; the mark only rises within this process.
        self._highest = 0
        self._open(create=create)

    def __repr__(self) -> str:
        """Show where the rows are, and nothing of the credentials."""
        return f"InfluxStore({self._connection.url!r}, bucket={self._bucket!r})"

    def read(self, series: Series, layer: str, intervals: Sequence[Interval]) -> Rows:
        """Return the layer's rows in the intervals."""
        return self._reader.layer(series, layer, intervals)

    def read_copies(self, series: Series, intervals: Sequence[Interval], *, after: int = 0) -> Rows:
        """Return the rows of all edition layers in the intervals."""
        return self._reader.copies(series, intervals, after=after)

    def read_foreign(self, series: Series, layer: str, intervals: Sequence[Interval]) -> Rows:
        """Return the bars in this layer that something else wrote, with revision and edition 0."""
        return self._reader.foreign(series, layer, intervals)

    def foreign(self) -> list[Foreign]:
        """Return every set of tags that points of the measurement have."""
        return self._foreign.found()

    def foreign_bars(self, found: Foreign) -> ForeignBars:
        """Return what something else wrote with just these tags."""
        return self._foreign.bars(found)

    def set_aside(self, series: Series, layer: str, rows: Rows) -> Foreign:
        """Copy bars of something else under tags of their own."""
        return self._foreign.set_aside(series, layer, rows)

    def delete_foreign(self, found: Foreign, times: Ints) -> None:
        """Delete the points with just these tags at these times."""
        self._foreign.delete(found, times)

    def write(self, batches: Sequence[Batch], *, revision: int, guard: Guard = unguarded) -> None:
        """Upsert the batches; those of one layer in order, others at the same time."""
        self._highest = max(self._highest, revision)
        self._writer.write(batches, self._highest, guard)

    def delete(
        self, series: Series, layer: str, intervals: Sequence[Interval], *, revision: int, guard: Guard = unguarded
    ) -> None:
        """Delete the layer's rows in the intervals."""
        self._highest = max(self._highest, revision)
        self._eraser.erase(series, layer, intervals, guard)
        self._connection.post_lines(self._bucket, revision_line(self._highest), guard)

    def layers(self, series: Series) -> list[str]:
        """Return the names of the series' layers."""
        return self._reader.layers(series)

    def series(self) -> list[Series]:
        """Return every series."""
        return self._reader.series()

    def mark(self) -> Mark | None:
        """Return whose bucket this is."""
        moment = influxql.within(Interval(MARKED_AT, MARKED_AT + 1))
        statement = f"SELECT ledger_id, revision FROM {identifier(META)} WHERE {moment}"  # noqa: S608 - no name of a caller
        results = self._connection.execute(statement, database=self._bucket)
        for found in results[0].get("series", []):
            _, ledger_id, revision = found["values"][0]
            if ledger_id is not None and revision is not None:
                return Mark(ledger_id=ledger_id, revision=revision)
        return None

    def claim(self, mark: Mark) -> None:
        """Set the mark."""
        self._highest = mark.revision
        self._connection.post_lines(self._bucket, mark_line(mark), unguarded)

    def mirror(self, records: Sequence[Record], *, guard: Guard = unguarded) -> None:
        """Write records as points of their own measurements."""
        if records:
            self._writer.mirror(records, guard)

    def check_expiry(self) -> None:
        """Look at the bucket again; raises `BucketExpires` if it deletes data by itself and that is not accepted."""
        self._checked()

    def check_writable(self) -> None:
        """Send a body of no lines, which the server takes from whoever may write."""
        self._connection.post_lines(self._bucket, b"# nothing\n", unguarded)

    def describe(self) -> Description:
        """Say which server and bucket this is, and what of its settings does harm."""
        facts = {"server": f"InfluxDB {self._server.version}", "bucket": self._bucket}
        try:
            bucket = self._found()
            facts |= {"series": str(len(self.series()))}
        except BarledgerError as error:
            finding = Finding(level="problem", subject="store", detail=str(error), next_step=error.advice)
            return Description(kind="influxdb", location=self._connection.url, facts=facts, findings=[finding])
        facts |= {
            "shards": spoken(bucket.shard) if bucket.shard else "unknown",
            "expiry": spoken(bucket.expiry) if bucket.expiry else "never",
        }
        return Description(
            kind="influxdb", location=self._connection.url, facts=facts, findings=list(_findings(bucket))
        )

    def close(self) -> None:
        """Close the connections."""
        self._connection.close()

    def _open(self, *, create: bool) -> None:
        if self._buckets.find(self._bucket) is None and create:
            self._buckets.make(self._bucket)
        bucket = self._checked()
        if bucket.narrow:
            warnings.warn(f"bucket {bucket.name!r}: {_narrowness(bucket)}", ShortShards, stacklevel=6)

    def _checked(self) -> Bucket:
        bucket = self._found()
        if bucket.expiry and not self._accept_expiry:
            raise BucketExpires(bucket=bucket.name, after=spoken(bucket.expiry))
        return bucket

    def _found(self) -> Bucket:
        bucket = self._buckets.find(self._bucket)
        if bucket is None:
            raise BucketNotFound(url=self._connection.url, detail=repr(self._bucket))
        return bucket


def _narrowness(bucket: Bucket) -> str:
    return f"its shards last {spoken(bucket.shard)}; long histories become slow and open thousands of files"


def _checked_bucket(name: str) -> str:
    check_name("bucket", name)
    if "/" in name or name.startswith("_"):
        raise InvalidSetting(setting="bucket", reason="its name has a slash, or begins with an underscore")
    return name


def _findings(bucket: Bucket) -> list[Finding]:
    findings = []
    if bucket.expiry:
        detail = f"it deletes data after {spoken(bucket.expiry)}, so old versions end without notice"
        findings.append(
            Finding(level="warning", subject="bucket", detail=detail, next_step="Remove the bucket's retention period.")
        )
    if bucket.narrow:
        findings.append(
            Finding(
                level="warning",
                subject="bucket",
                detail=_narrowness(bucket),
                next_step="Use a bucket with a shard duration of 52 weeks or more.",
            )
        )
    return findings
