"""Snapshots with their pins and approvals, and bars that were put aside."""

from sqlalchemy import BigInteger, Boolean, Column, ForeignKey, LargeBinary, Table, Text

from barledger.ledger.sql.tables.columns import Id, key, metadata, number, series_id, words

snapshots = Table(
    "snapshots",
    metadata,
    key("id", Text),
    words("kind"),
    words("state"),
    words("purpose"),
    Column("strategy", Text, index=True),
    Column("created_at", BigInteger, nullable=False, index=True),
    words("created_by"),
    words("data_hash"),
    Column("materialised", Boolean, nullable=False, default=False),
    words("held"),
    number("approved_at"),
    Column("mirrored", Boolean, nullable=False, default=False),
    words("adjusted"),
)

approvals = Table(
    "approvals",
    metadata,
    key("strategy", Text),
    Column("snapshot_id", Text, ForeignKey("snapshots.id"), primary_key=True),
    number("approved_at"),
    sqlite_with_rowid=False,
)

pins = Table(
    "pins",
    metadata,
    Column("snapshot_id", Text, ForeignKey("snapshots.id"), primary_key=True),
    key("position"),
    Column("series_id", Id, ForeignKey("series.id"), nullable=False, index=True),
    number("start"),
    number("end"),
    number("revision"),
    number("rows"),
    Column("digest", LargeBinary),
    sqlite_with_rowid=False,
)

quarantine = Table(
    "quarantine",
    metadata,
    series_id(primary=True),
    key("time"),
    key("code", Text),
    Column("values_digest", LargeBinary, primary_key=True, comment="because an index holds no long texts"),
    words("values"),
    words("actor"),
    number("at"),
    sqlite_with_rowid=False,
)
