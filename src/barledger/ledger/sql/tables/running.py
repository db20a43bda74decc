"""Channels and notices, and the schedule with its runs."""

from sqlalchemy import BigInteger, Boolean, Column, Double, ForeignKey, Index, LargeBinary, Table, Text, text

from barledger.ledger.sql.tables.columns import WAITING, key, metadata, number, words

channels = Table(
    "channels",
    metadata,
    key("name", Text),
    words("kind"),
    words("target"),
    words("secret"),
    words("shown"),
    Column("timeout", Double, nullable=False, default=0.0),
    number("give_up"),
    words("stopped"),
    number("failures"),
    number("not_before"),
    words("error"),
    number("made_at"),
)

routes = Table("routes", metadata, key("id", Text), words("channel"), words("kinds"), words("about"), words("severity"))

notices = Table(
    "notices",
    metadata,
    key("id", Text),
    words("kind"),
    words("severity"),
    words("subject"),
    words("about"),
    words("body"),
    words("details"),
    number("count"),
    Column("made_at", BigInteger, nullable=False, index=True),
    number("last_at"),
    number("due_at"),
    number("until"),
    # A digest, because PostgreSQL's indexes hold no long texts.
    Column("alike", LargeBinary, nullable=False),
    Index("ix_notices_alike", "alike", "made_at"),
)

deliveries = Table(
    "deliveries",
    metadata,
    Column("notice_id", Text, ForeignKey("notices.id"), primary_key=True),
    key("channel", Text),
    words("state"),
    number("tries"),
    number("since"),
    number("next_at"),
    number("claimed_until"),
    words("claim"),
    words("error"),
    number("sent_at"),
    Index("ix_deliveries_waiting", "channel", "next_at", sqlite_where=text(WAITING), postgresql_where=text(WAITING)),
    sqlite_with_rowid=False,
)

terms = Table("terms", metadata, key("name", Text), words("owner"), number("token"), number("until"))

jobs = Table(
    "jobs",
    metadata,
    key("name", Text),
    words("kind"),
    words("when"),
    words("zone"),
    words("options"),
    Column("enabled", Boolean, nullable=False, default=True),
    number("due_at"),
    words("cursor"),
    number("made_at"),
    words("made_by"),
)

runs = Table(
    "runs",
    metadata,
    key("id", Text),
    words("job"),
    words("state"),
    words("trigger"),
    words("runner"),
    number("scheduled_for"),
    Column("started_at", BigInteger, nullable=False, index=True),
    number("ended_at"),
    number("missed"),
    words("result"),
    words("error"),
    number("alive_until"),
    Index("ix_runs_job", "job", "started_at"),
)
