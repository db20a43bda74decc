"""Measurements of quality, and when blocks were read again."""

from sqlalchemy import BigInteger, Boolean, Column, Double, LargeBinary, Table

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
