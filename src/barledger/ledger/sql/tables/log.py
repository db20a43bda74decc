"""The audit log with its tree and checkpoints, and records on their way into the store."""

from sqlalchemy import BigInteger, Column, ForeignKey, LargeBinary, Table, Text

from barledger.ledger.sql.tables.columns import Id, key, metadata, number, series_id, words

audit = Table(
    "audit",
    metadata,
    # In SQLite this is the row's own number, so that there is no second one by which it could be replaced.
    Column("sequence", Id, primary_key=True, autoincrement=False),
    number("time"),
    words("actor"),
    words("operation"),
    words("body"),
    Column("leaf", LargeBinary, nullable=False, comment="SHA-256 of 0x00 and the body, as in RFC 6962"),
)

audit_series = Table(
    "audit_series",
    metadata,
    series_id(primary=True),
    Column("sequence", BigInteger, ForeignKey("audit.sequence"), primary_key=True, autoincrement=False),
    sqlite_with_rowid=False,
)

audit_strategies = Table(
    "audit_strategies",
    metadata,
    key("strategy", Text),
    Column("sequence", BigInteger, ForeignKey("audit.sequence"), primary_key=True, autoincrement=False),
    sqlite_with_rowid=False,
)

audit_nodes = Table(
    "audit_nodes",
    metadata,
    # Complete subtrees of every fourth level; what lies between is hashed again from at most sixteen of them.
    key("level"),
    key("number"),
    Column("hash", LargeBinary, nullable=False),
    sqlite_with_rowid=False,
)

checkpoints = Table(
    "checkpoints",
    metadata,
    key("size"),
    key("key", Text),
    Column("root", LargeBinary, nullable=False),
    words("note"),
    number("signed_at"),
    sqlite_with_rowid=False,
)

outbox = Table(
    "outbox",
    metadata,
    Column("id", Id, primary_key=True),
    Column("snapshot_id", Text, ForeignKey("snapshots.id"), nullable=False, index=True),
    words("measurement"),
    words("tags"),
    words("fields"),
    number("time"),
    number("tries"),
    words("error"),
    number("delivered_at"),
)
