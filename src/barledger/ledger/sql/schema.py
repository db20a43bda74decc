"""The ledger's tables. Times and revisions are ns since the epoch; digests are 32 bytes."""

import uuid
from collections.abc import Sequence
from functools import cache
from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Double,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
    false,
    insert,
    select,
    text,
)
from sqlalchemy.engine import Connection, make_url
from sqlalchemy.engine.mock import MockConnection

metadata: Final = MetaData(
    naming_convention={
        "ix": "ix_%(column_0_label)s",
        "uq": "uq_%(table_name)s_%(column_0_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "pk": "pk_%(table_name)s",
    }
)

SCHEMA_VERSION: Final = "0007"

# Conditions of partial indexes, since the rows that they find are few among very many.
OPEN: Final = "state <> 'committed'"
LEFT: Final = "NOT repaired"
WAITING: Final = "state = 'waiting'"

# A 64-bit key that SQLite numbers by itself.
_Id = BigInteger().with_variant(Integer, "sqlite")


def _number(name: str) -> Column[int]:
    return Column(name, BigInteger, nullable=False, default=0, server_default="0")


def _text(name: str) -> Column[str]:
    return Column(name, Text, nullable=False, default="", server_default="")


def _series_id(*, primary: bool) -> Column[int]:
    return Column("series_id", _Id, ForeignKey("series.id"), primary_key=primary, nullable=False, autoincrement=False)


def _key(name: str, kind: type[BigInteger] | type[Text] = BigInteger) -> Column[object]:
    return Column(name, kind, primary_key=True, autoincrement=False)


identity = Table("identity", metadata, _key("name", Text), _text("value"))

clock = Table(
    "clock",
    metadata,
    _key("id"),
    _number("revision"),
    _number("time"),
    _number("sequence"),
    Column("frontier", LargeBinary, comment="the complete subtrees of the audit log's tree, largest first"),
)

series = Table(
    "series",
    metadata,
    Column("id", _Id, primary_key=True),
    _text("instrument"),
    _text("timeframe"),
    _text("source"),
    Column("is_adjusted", Boolean, nullable=False),
    _number("revision"),
    _number("allocated"),
    _number("pending"),
    _number("unrepaired"),
    _number("epoch"),
    _number("horizon"),
    _text("gone"),
    _number("edition_floor"),
    _number("max_edition"),
    _number("rows"),
    Column("digest", LargeBinary),
    Column("sealed", LargeBinary, comment="the chain before the newest block"),
    Column("newest_start", BigInteger),
    _number("newest_rows"),
    Column("newest_digest", LargeBinary),
    _number("aborted"),
    _number("pinned"),
    UniqueConstraint("instrument", "timeframe", "source", "is_adjusted"),
)

revisions = Table(
    "revisions",
    metadata,
    _key("revision"),
    _text("state"),
    _text("owner"),
    _number("lease_until"),
    _text("actor"),
    _text("operation"),
    _text("reason"),
    _text("trigger"),
    _number("begun_at"),
    _number("committed_at"),
    # A query uses it if it has this very condition.
    Index("ix_revisions_open", "revision", sqlite_where=text(OPEN), postgresql_where=text(OPEN)),
)

revision_series = Table(
    "revision_series",
    metadata,
    _series_id(primary=True),
    Column("revision", BigInteger, ForeignKey("revisions.revision"), primary_key=True, index=True),
    _number("start"),
    _number("end"),
    _number("new"),
    _number("changed"),
    _number("withdrawn"),
    _number("jitter"),
    Column("repaired", Boolean, nullable=False, default=True),
    Index("ix_revision_series_left", "series_id", sqlite_where=text(LEFT), postgresql_where=text(LEFT)),
    sqlite_with_rowid=False,
)

blocks = Table(
    "blocks",
    metadata,
    _series_id(primary=True),
    _key("start"),
    _number("rows"),
    Column("digest", LargeBinary, nullable=False),
    _number("revision"),
    sqlite_with_rowid=False,
)

block_history = Table(
    "block_history",
    metadata,
    _series_id(primary=True),
    _key("start"),
    _key("revision"),
    _number("rows"),
    Column("digest", LargeBinary, nullable=False),
    _number("superseded_at"),
    sqlite_with_rowid=False,
)

coverage = Table(
    "coverage",
    metadata,
    _series_id(primary=True),
    _key("start"),
    _key("outcome", Text),
    _number("end"),
    _number("checked_at"),
    _text("detail"),
    sqlite_with_rowid=False,
)

priorities = Table(
    "priorities", metadata, _key("pattern", Text), _key("timeframe", Text), _text("sources"), _text("mode")
)

symbols = Table(
    "symbols",
    metadata,
    _key("source", Text),
    _key("native", Text),
    _key("start"),
    _number("end"),
    Column("instrument", Text, nullable=False, index=True),
    sqlite_with_rowid=False,
)

instruments = Table(
    "instruments",
    metadata,
    _key("pattern", Text),
    _key("origin", Text),
    _text("told"),
    _number("told_at"),
    sqlite_with_rowid=False,
)

halts = Table(
    "halts",
    metadata,
    _key("instrument", Text),
    _key("start"),
    _number("end"),
    _text("reason"),
    sqlite_with_rowid=False,
)

actions = Table(
    "actions",
    metadata,
    _key("instrument", Text),
    _key("source", Text),
    _key("kind", Text),
    _key("ex_date"),
    _key("known_at"),
    _number("superseded_at"),
    Column("value", Double, nullable=False, default=0.0),
    _text("currency"),
    Column("withdrawn", Boolean, nullable=False, default=False),
    Column("denied", Boolean, nullable=False, default=False, server_default=false()),
    _text("evidence"),
    _number("mirrored_at"),
    sqlite_with_rowid=False,
)

materialised = Table(
    "materialised",
    metadata,
    _key("instrument", Text),
    _key("timeframe", Text),
    _key("source", Text),
    _text("adjust"),
    _number("since"),
    sqlite_with_rowid=False,
)

discrepancies = Table(
    "discrepancies",
    metadata,
    _key("id", Text),
    Column("series_id", _Id, ForeignKey("series.id"), nullable=False, index=True),
    _number("start"),
    _number("end"),
    _text("kind"),
    _text("fields"),
    Column("factor", Double),
    Column("confidence", Double, nullable=False, default=1.0),
    _number("bars"),
    _number("revision"),
    _text("against"),
    _text("key"),
    _text("reason"),
    _text("evidence"),
    _text("state"),
    _number("made_at"),
    _number("decided_at"),
    _text("decided_by"),
    _text("decision"),
    _number("result"),
    _number("undone_by"),
    Column("payload", LargeBinary, comment="the bars that it proposes"),
    Index("ix_discrepancies_state", "state"),
)

discrepancy_steps = Table(
    "discrepancy_steps",
    metadata,
    Column("discrepancy_id", Text, ForeignKey("discrepancies.id"), primary_key=True),
    _key("number"),
    _text("state"),
    _number("at"),
    _text("actor"),
    _text("reason"),
    _text("trigger"),
    _number("revision"),
    sqlite_with_rowid=False,
)

decision_rules = Table("decision_rules", metadata, _key("name", Text), _text("rule"))

tolerances = Table("tolerances", metadata, _key("source", Text), _key("against", Text), _text("tolerance"))

looks = Table(
    "looks",
    metadata,
    _series_id(primary=True),
    _key("start"),
    _number("compared_at"),
    _text("outcome"),
    Column("given", LargeBinary, nullable=False, comment="the digest of what the source gave"),
    Column("held", LargeBinary, nullable=False, comment="the digest of the block as it was then"),
    sqlite_with_rowid=False,
)

change_policies = Table("change_policies", metadata, _key("source", Text), _text("policy"))

absences = Table(
    "absences",
    metadata,
    _series_id(primary=True),
    _key("time"),
    _number("noted_at"),
    sqlite_with_rowid=False,
)

snapshots = Table(
    "snapshots",
    metadata,
    _key("id", Text),
    _text("kind"),
    _text("state"),
    _text("purpose"),
    Column("strategy", Text, index=True),
    Column("created_at", BigInteger, nullable=False, index=True),
    _text("created_by"),
    _text("data_hash"),
    Column("materialised", Boolean, nullable=False, default=False),
    _text("held"),
    _number("approved_at"),
    Column("mirrored", Boolean, nullable=False, default=False),
    _text("adjusted"),
)

approvals = Table(
    "approvals",
    metadata,
    _key("strategy", Text),
    Column("snapshot_id", Text, ForeignKey("snapshots.id"), primary_key=True),
    _number("approved_at"),
    sqlite_with_rowid=False,
)

pins = Table(
    "pins",
    metadata,
    Column("snapshot_id", Text, ForeignKey("snapshots.id"), primary_key=True),
    _key("position"),
    Column("series_id", _Id, ForeignKey("series.id"), nullable=False, index=True),
    _number("start"),
    _number("end"),
    _number("revision"),
    _number("rows"),
    Column("digest", LargeBinary),
    sqlite_with_rowid=False,
)

quarantine = Table(
    "quarantine",
    metadata,
    _series_id(primary=True),
    _key("time"),
    _key("code", Text),
    Column("values_digest", LargeBinary, primary_key=True, comment="because an index holds no long texts"),
    _text("values"),
    _text("actor"),
    _number("at"),
    sqlite_with_rowid=False,
)

audit = Table(
    "audit",
    metadata,
    # In SQLite this is the row's own number, so that there is no second one by which it could be replaced.
    Column("sequence", _Id, primary_key=True, autoincrement=False),
    _number("time"),
    _text("actor"),
    _text("operation"),
    _text("body"),
    Column("leaf", LargeBinary, nullable=False, comment="SHA-256 of 0x00 and the body, as in RFC 6962"),
)

audit_series = Table(
    "audit_series",
    metadata,
    _series_id(primary=True),
    Column("sequence", BigInteger, ForeignKey("audit.sequence"), primary_key=True, autoincrement=False),
    sqlite_with_rowid=False,
)

audit_strategies = Table(
    "audit_strategies",
    metadata,
    _key("strategy", Text),
    Column("sequence", BigInteger, ForeignKey("audit.sequence"), primary_key=True, autoincrement=False),
    sqlite_with_rowid=False,
)

audit_nodes = Table(
    "audit_nodes",
    metadata,
    # Complete subtrees of every fourth level; what lies between is hashed again from at most sixteen of them.
    _key("level"),
    _key("number"),
    Column("hash", LargeBinary, nullable=False),
    sqlite_with_rowid=False,
)

checkpoints = Table(
    "checkpoints",
    metadata,
    _key("size"),
    _key("key", Text),
    Column("root", LargeBinary, nullable=False),
    _text("note"),
    _number("signed_at"),
    sqlite_with_rowid=False,
)

outbox = Table(
    "outbox",
    metadata,
    Column("id", _Id, primary_key=True),
    Column("snapshot_id", Text, ForeignKey("snapshots.id"), nullable=False, index=True),
    _text("measurement"),
    _text("tags"),
    _text("fields"),
    _number("time"),
    _number("tries"),
    _text("error"),
    _number("delivered_at"),
)

quality = Table(
    "quality",
    metadata,
    _series_id(primary=True),
    _key("measured_at"),
    _text("version"),
    _number("revision"),
    _number("start"),
    _number("end"),
    *(Column(name, Double) for name in ("completeness", "consistency", "timeliness", "accuracy", "integrity")),
    _text("told"),
    sqlite_with_rowid=False,
)

block_checks = Table(
    "block_checks",
    metadata,
    _series_id(primary=True),
    _key("start"),
    Column("digest", LargeBinary, nullable=False),
    Column("checked_at", BigInteger, nullable=False, index=True),
    Column("ok", Boolean, nullable=False),
    _text("detail"),
    sqlite_with_rowid=False,
)

channels = Table(
    "channels",
    metadata,
    _key("name", Text),
    _text("kind"),
    _text("target"),
    _text("secret"),
    _text("shown"),
    Column("timeout", Double, nullable=False, default=0.0),
    _number("give_up"),
    _text("stopped"),
    _number("failures"),
    _number("not_before"),
    _text("error"),
    _number("made_at"),
)

routes = Table(
    "routes", metadata, _key("id", Text), _text("channel"), _text("kinds"), _text("about"), _text("severity")
)

notices = Table(
    "notices",
    metadata,
    _key("id", Text),
    _text("kind"),
    _text("severity"),
    _text("subject"),
    _text("about"),
    _text("body"),
    _text("details"),
    _number("count"),
    Column("made_at", BigInteger, nullable=False, index=True),
    _number("last_at"),
    _number("due_at"),
    _number("until"),
    # A digest, because PostgreSQL's indexes hold no long texts.
    Column("alike", LargeBinary, nullable=False),
    Index("ix_notices_alike", "alike", "made_at"),
)

deliveries = Table(
    "deliveries",
    metadata,
    Column("notice_id", Text, ForeignKey("notices.id"), primary_key=True),
    _key("channel", Text),
    _text("state"),
    _number("tries"),
    _number("since"),
    _number("next_at"),
    _number("claimed_until"),
    _text("claim"),
    _text("error"),
    _number("sent_at"),
    Index("ix_deliveries_waiting", "channel", "next_at", sqlite_where=text(WAITING), postgresql_where=text(WAITING)),
    sqlite_with_rowid=False,
)

terms = Table("terms", metadata, _key("name", Text), _text("owner"), _number("token"), _number("until"))

jobs = Table(
    "jobs",
    metadata,
    _key("name", Text),
    _text("kind"),
    _text("when"),
    _text("zone"),
    _text("options"),
    Column("enabled", Boolean, nullable=False, default=True),
    _number("due_at"),
    _text("cursor"),
    _number("made_at"),
    _text("made_by"),
)

runs = Table(
    "runs",
    metadata,
    _key("id", Text),
    _text("job"),
    _text("state"),
    _text("trigger"),
    _text("runner"),
    _number("scheduled_for"),
    Column("started_at", BigInteger, nullable=False, index=True),
    _number("ended_at"),
    _number("missed"),
    _text("result"),
    _text("error"),
    _number("alive_until"),
    Index("ix_runs_job", "job", "started_at"),
)

# What the second version of the schema brought.
ADDED_IN_0002: Final = (instruments, halts, actions, change_policies, absences)

# What the register of discrepancies brought, in the place of the proposals.
ADDED_IN_0005: Final = (discrepancies, discrepancy_steps, decision_rules, tolerances, looks)

# What the third one brought: tables, and columns of tables that were there.
ADDED_IN_0003: Final = (materialised,)
COLUMNS_ADDED_IN_0003: Final = {
    "actions": ("denied", "evidence", "mirrored_at"),
    "snapshots": ("adjusted",),
}

# What the seventh version brought.
ADDED_IN_0007: Final = (channels, routes, notices, deliveries, terms, jobs, runs)

# What the sixth version brought.
ADDED_IN_0006: Final = (quality, block_checks)

# What the fourth version brought, beside the clock's frontier.
ADDED_IN_0004: Final = (audit_strategies, audit_nodes, checkpoints)

APPEND_ONLY: Final = (audit, audit_series, *ADDED_IN_0004)

# SQLite fires no trigger for the row that INSERT OR REPLACE deletes, so the insert itself is refused. A row of
# audit_series or audit_strategies is all key, and could only be replaced by its like; nodes are hashed again.
_NEVER_REPLACED: Final = {
    "audit": "EXISTS (SELECT 1 FROM audit WHERE sequence = NEW.sequence)",
    "checkpoints": "EXISTS (SELECT 1 FROM checkpoints WHERE size = NEW.size AND key = NEW.key)",
}


def append_only_triggers(dialect: str, tables: Sequence[Table] = APPEND_ONLY) -> list[str]:
    """Return the statements that make the database itself refuse to change or delete audit entries."""
    return _postgres_triggers(tables) if dialect == "postgresql" else _sqlite_triggers(tables)


def _postgres_triggers(tables: Sequence[Table]) -> list[str]:
    refusal = (
        "CREATE OR REPLACE FUNCTION barledger_append_only() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN RAISE EXCEPTION 'the audit log is append-only'; END $$"
    )
    each = {"UPDATE": "ROW", "DELETE": "ROW", "TRUNCATE": "STATEMENT"}
    return [
        refusal,
        *(
            f"CREATE TRIGGER {table.name}_refuses_{action.lower()} BEFORE {action} ON {table.name} "
            f"FOR EACH {what} EXECUTE FUNCTION barledger_append_only()"
            for table in tables
            for action, what in each.items()
        ),
    ]


def _sqlite_triggers(tables: Sequence[Table]) -> list[str]:
    refusal = "BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END"
    replacing = {table.name: _NEVER_REPLACED[table.name] for table in tables if table.name in _NEVER_REPLACED}
    return [
        *(
            f"CREATE TRIGGER {table.name}_refuses_{action.lower()} BEFORE {action} ON {table.name} {refusal}"
            for table in tables
            for action in ("UPDATE", "DELETE")
        ),
        *(
            f"CREATE TRIGGER {name}_refuses_replace BEFORE INSERT ON {name} WHEN {same} {refusal}"
            for name, same in replacing.items()
        ),
    ]


# Alembic's own table: which schema this is.
_version = Table("alembic_version", MetaData(), Column("version_num", Text, primary_key=True))


def create(connection: Connection) -> None:
    """Make the newest schema in an empty database, and note which one it is."""
    create_tables(connection)
    _version.create(connection)
    connection.execute(insert(_version).values(version_num=SCHEMA_VERSION))


def create_tables(connection: Connection) -> None:
    """Make every table, the triggers of the audit log, and the ledger's identity and clock."""
    for statement in _definitions(f"{connection.dialect.name}+{connection.dialect.driver}"):
        connection.exec_driver_sql(statement)
    for statement in append_only_triggers(connection.dialect.name):
        connection.execute(text(statement))
    connection.execute(insert(identity).values(name="ledger_id", value=uuid.uuid4().hex))
    connection.execute(insert(clock).values(id=1, revision=0, time=0, sequence=0))


@cache
def _definitions(dialect: str) -> tuple[str, ...]:
    """Return what makes the tables; to spell it out takes longer than to run it."""
    spoken = make_url(f"{dialect}://").get_dialect()()
    said: list[str] = []

    def say(statement: Any, *_: object, **__: object) -> None:
        said.append(str(statement.compile(dialect=spoken)))

    metadata.create_all(MockConnection(spoken, say), checkfirst=False)
    return tuple(said)


def found_version(connection: Connection) -> str | None:
    """Return which schema the database has, or None if it has none."""
    if not connection.dialect.has_table(connection, _version.name):
        return None
    found = connection.execute(select(_version.c.version_num)).scalar()
    return None if found is None else str(found)
