"""The ledger's tables. Times and revisions are ns since the epoch; digests are 32 bytes."""

import uuid
from typing import Final

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
    insert,
    select,
    text,
)
from sqlalchemy.engine import Connection

metadata: Final = MetaData(
    naming_convention={
        "ix": "ix_%(column_0_label)s",
        "uq": "uq_%(table_name)s_%(column_0_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "pk": "pk_%(table_name)s",
    }
)

SCHEMA_VERSION: Final = "0005"

# Conditions of partial indexes, since the rows that they find are few among very many.
OPEN: Final = "state <> 'committed'"
LEFT: Final = "NOT repaired"

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

clock = Table("clock", metadata, _key("id"), _number("revision"), _number("time"), _number("sequence"))

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

# What the second version of the schema brought.
ADDED_IN_0002: Final = (instruments, halts, actions, change_policies, absences)

# What the register of discrepancies brought, in the place of the proposals.
ADDED_IN_0005: Final = (discrepancies, discrepancy_steps, decision_rules, tolerances, looks)

APPEND_ONLY: Final = (audit, audit_series)

# SQLite fires no trigger for the row that INSERT OR REPLACE deletes, so the insert itself is refused. A row of
# audit_series is all key, and could only be replaced by its like.
_REFUSAL_TO_REPLACE: Final = (
    "CREATE TRIGGER audit_refuses_replace BEFORE INSERT ON audit "
    "WHEN EXISTS (SELECT 1 FROM audit WHERE sequence = NEW.sequence) "
    "BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END"
)


def append_only_triggers(dialect: str) -> list[str]:
    """Return the statements that make the database itself refuse to change or delete audit entries."""
    statements = []
    if dialect == "postgresql":
        statements.append(
            "CREATE OR REPLACE FUNCTION barledger_append_only() RETURNS trigger LANGUAGE plpgsql AS "
            "$$ BEGIN RAISE EXCEPTION 'the audit log is append-only'; END $$"
        )
    for table in APPEND_ONLY:
        for action in ("UPDATE", "DELETE"):
            name = f"{table.name}_refuses_{action.lower()}"
            body = (
                "FOR EACH ROW EXECUTE FUNCTION barledger_append_only()"
                if dialect == "postgresql"
                else "BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END"
            )
            statements.append(f"CREATE TRIGGER {name} BEFORE {action} ON {table.name} {body}")
    if dialect == "sqlite":
        statements.append(_REFUSAL_TO_REPLACE)
    if dialect == "postgresql":
        statements.extend(
            f"CREATE TRIGGER {table.name}_refuses_truncate BEFORE TRUNCATE ON {table.name} "
            "FOR EACH STATEMENT EXECUTE FUNCTION barledger_append_only()"
            for table in APPEND_ONLY
        )
    return statements


# Alembic's own table: which schema this is.
_version = Table("alembic_version", MetaData(), Column("version_num", Text, primary_key=True))


def create(connection: Connection) -> None:
    """Make the newest schema in an empty database, and note which one it is."""
    create_tables(connection)
    _version.create(connection)
    connection.execute(insert(_version).values(version_num=SCHEMA_VERSION))


def create_tables(connection: Connection) -> None:
    """Make every table, the triggers of the audit log, and the ledger's identity and clock."""
    metadata.create_all(connection, checkfirst=False)
    for statement in append_only_triggers(connection.dialect.name):
        connection.execute(text(statement))
    connection.execute(insert(identity).values(name="ledger_id", value=uuid.uuid4().hex))
    connection.execute(insert(clock).values(id=1, revision=0, time=0, sequence=0))


def found_version(connection: Connection) -> str | None:
    """Return which schema the database has, or None if it has none."""
    if not connection.dialect.has_table(connection, _version.name):
        return None
    found = connection.execute(select(_version.c.version_num)).scalar()
    return None if found is None else str(found)
