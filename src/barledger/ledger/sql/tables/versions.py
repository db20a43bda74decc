"""Series, their revisions and blocks, what was asked for, and which source is preferred."""

from sqlalchemy import BigInteger, Boolean, Column, ForeignKey, Index, LargeBinary, Table, Text, UniqueConstraint, text

from barledger.ledger.sql.tables.columns import LEFT, OPEN, Id, key, metadata, number, series_id, words

identity = Table("identity", metadata, key("name", Text), words("value"))

clock = Table(
    "clock",
    metadata,
    key("id"),
    number("revision"),
    number("time"),
    number("sequence"),
    Column("frontier", LargeBinary, comment="the complete subtrees of the audit log's tree, largest first"),
)

series = Table(
    "series",
    metadata,
    Column("id", Id, primary_key=True),
    words("instrument"),
    words("timeframe"),
    words("source"),
    Column("is_adjusted", Boolean, nullable=False),
    number("revision"),
    number("allocated"),
    number("pending"),
    number("unrepaired"),
    number("epoch"),
    number("horizon"),
    words("gone"),
    number("edition_floor"),
    number("max_edition"),
    number("rows"),
    Column("digest", LargeBinary),
    Column("sealed", LargeBinary, comment="the chain before the newest block"),
    Column("newest_start", BigInteger),
    number("newest_rows"),
    Column("newest_digest", LargeBinary),
    number("aborted"),
    number("pinned"),
    UniqueConstraint("instrument", "timeframe", "source", "is_adjusted"),
)

revisions = Table(
    "revisions",
    metadata,
    key("revision"),
    words("state"),
    words("owner"),
    number("lease_until"),
    words("actor"),
    words("operation"),
    words("reason"),
    words("trigger"),
    number("begun_at"),
    number("committed_at"),
    # A query uses it if it has this very condition.
    Index("ix_revisions_open", "revision", sqlite_where=text(OPEN), postgresql_where=text(OPEN)),
)

revision_series = Table(
    "revision_series",
    metadata,
    series_id(primary=True),
    Column("revision", BigInteger, ForeignKey("revisions.revision"), primary_key=True, index=True),
    number("start"),
    number("end"),
    number("new"),
    number("changed"),
    number("withdrawn"),
    number("jitter"),
    Column("repaired", Boolean, nullable=False, default=True),
    Index("ix_revision_series_left", "series_id", sqlite_where=text(LEFT), postgresql_where=text(LEFT)),
    sqlite_with_rowid=False,
)

blocks = Table(
    "blocks",
    metadata,
    series_id(primary=True),
    key("start"),
    number("rows"),
    Column("digest", LargeBinary, nullable=False),
    number("revision"),
    sqlite_with_rowid=False,
)

block_history = Table(
    "block_history",
    metadata,
    series_id(primary=True),
    key("start"),
    key("revision"),
    number("rows"),
    Column("digest", LargeBinary, nullable=False),
    number("superseded_at"),
    sqlite_with_rowid=False,
)

coverage = Table(
    "coverage",
    metadata,
    series_id(primary=True),
    key("start"),
    key("outcome", Text),
    number("end"),
    number("checked_at"),
    words("detail"),
    sqlite_with_rowid=False,
)

priorities = Table(
    "priorities", metadata, key("pattern", Text), key("timeframe", Text), words("sources"), words("mode")
)
