"""The queue of jobs that somebody asked for."""

from sqlalchemy import BigInteger, Column, Table, Text

from barledger.ledger.sql.tables.columns import key, metadata, number, words

queue = Table(
    "queue",
    metadata,
    key("id", Text),
    words("kind"),
    words("state"),
    Column("made_at", BigInteger, nullable=False, index=True),
    words("made_by"),
    number("started_at"),
    number("ended_at"),
    Column("changed_at", BigInteger, nullable=False, index=True),
    words("runner"),
    number("alive_until"),
    number("deaths"),
    words("error"),
    words("code"),
    words("options"),
    words("instruments"),
    words("result"),
    number("done"),
    number("total"),
    words("text"),
    number("cancel_asked"),
)
