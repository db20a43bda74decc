"""Access keys, and the answers to requests that may be sent twice."""

from sqlalchemy import BigInteger, Column, LargeBinary, Table, Text

from barledger.ledger.sql.tables.columns import key, metadata, number, words

access_keys = Table(
    "access_keys",
    metadata,
    key("id", Text),
    Column("name", Text, nullable=False, unique=True),
    words("scopes"),
    words("instruments"),
    Column("hash", LargeBinary, nullable=False),
    number("made_at"),
    words("made_by"),
    number("rotated_at"),
    number("expires_at"),
    number("revoked_at"),
    number("used_at"),
)

# A status of 0 is a claim: somebody works on the answer until ``claimed_until``.
replies = Table(
    "replies",
    metadata,
    key("owner", Text),
    key("name", Text),
    Column("request", LargeBinary, nullable=False),
    number("status"),
    words("headers"),
    Column("body", LargeBinary, nullable=False),
    Column("made_at", BigInteger, nullable=False, index=True),
    number("claimed_until"),
)
