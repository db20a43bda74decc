"""Instruments: their names, facts and halts, and corporate actions with the series that are adjusted for them."""

from sqlalchemy import Boolean, Column, Double, Table, Text, false

from barledger.ledger.sql.tables.columns import key, metadata, number, words

symbols = Table(
    "symbols",
    metadata,
    key("source", Text),
    key("native", Text),
    key("start"),
    number("end"),
    Column("instrument", Text, nullable=False, index=True),
    sqlite_with_rowid=False,
)

instruments = Table(
    "instruments",
    metadata,
    key("pattern", Text),
    key("origin", Text),
    words("told"),
    number("told_at"),
    sqlite_with_rowid=False,
)

halts = Table(
    "halts",
    metadata,
    key("instrument", Text),
    key("start"),
    number("end"),
    words("reason"),
    sqlite_with_rowid=False,
)

actions = Table(
    "actions",
    metadata,
    key("instrument", Text),
    key("source", Text),
    key("kind", Text),
    key("ex_date"),
    key("known_at"),
    number("superseded_at"),
    Column("value", Double, nullable=False, default=0.0),
    words("currency"),
    Column("withdrawn", Boolean, nullable=False, default=False),
    Column("denied", Boolean, nullable=False, default=False, server_default=false()),
    words("evidence"),
    number("mirrored_at"),
    sqlite_with_rowid=False,
)

materialised = Table(
    "materialised",
    metadata,
    key("instrument", Text),
    key("timeframe", Text),
    key("source", Text),
    words("adjust"),
    number("since"),
    sqlite_with_rowid=False,
)
