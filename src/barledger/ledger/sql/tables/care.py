"""Measurements of quality, and when blocks, and what only snapshots hold, were read again."""

from sqlalchemy import BigInteger, Boolean, Column, Double, LargeBinary, Table, Text

from barledger.ledger.sql.tables.columns import key, metadata, number, series_id, words

quality = Table(
    "quality",
    metadata,
    series_id(primary=True),
    key("measured_at"),
    words("version"),
    number("revision"),
    number("start"),
    number("end"),
    *(Column(name, Double) for name in ("completeness", "consistency", "timeliness", "accuracy", "integrity")),
    words("told"),
    sqlite_with_rowid=False,
)

block_checks = Table(
    "block_checks",
    metadata,
    series_id(primary=True),
    key("start"),
    Column("digest", LargeBinary, nullable=False),
    Column("checked_at", BigInteger, nullable=False, index=True),
    Column("ok", Boolean, nullable=False),
    words("detail"),
    sqlite_with_rowid=False,
)

# A block that was superseded by its own revision, or all bars of a snapshot's pin by the snapshot's id.
pinned_checks = Table(
    "pinned_checks",
    metadata,
    series_id(primary=True),
    key("start"),
    key("revision"),
    key("snapshot_id", Text),
    number("checked_at"),
    Column("ok", Boolean, nullable=False),
    words("detail"),
    sqlite_with_rowid=False,
)
