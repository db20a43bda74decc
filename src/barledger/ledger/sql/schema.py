"""The ledger's schema: all tables, which version brought what, and how it is made."""

import uuid
from functools import cache
from typing import Any, Final

from sqlalchemy import Column, MetaData, Table, Text, insert, select
from sqlalchemy.engine import Connection, make_url
from sqlalchemy.engine.mock import MockConnection

from barledger.ledger.sql.tables.access import access_keys, replies
from barledger.ledger.sql.tables.care import block_checks, pinned_checks, quality
from barledger.ledger.sql.tables.columns import LEFT, OPEN, WAITING, metadata
from barledger.ledger.sql.tables.decisions import (
    absences,
    change_policies,
    decision_rules,
    discrepancies,
    discrepancy_steps,
    looks,
    tolerances,
)
from barledger.ledger.sql.tables.log import audit, audit_nodes, audit_series, audit_strategies, checkpoints, outbox
from barledger.ledger.sql.tables.markets import actions, halts, instruments, materialised, symbols
from barledger.ledger.sql.tables.pinning import approvals, pins, quarantine, snapshots
from barledger.ledger.sql.tables.queueing import queue
from barledger.ledger.sql.tables.running import channels, deliveries, jobs, notices, routes, runs, terms
from barledger.ledger.sql.tables.triggers import APPEND_ONLY, append_only_triggers
from barledger.ledger.sql.tables.versions import (
    block_history,
    blocks,
    clock,
    coverage,
    identity,
    priorities,
    revision_series,
    revisions,
    series,
)

__all__ = [
    "ADDED_IN_0002",
    "ADDED_IN_0003",
    "ADDED_IN_0004",
    "ADDED_IN_0005",
    "ADDED_IN_0006",
    "ADDED_IN_0007",
    "ADDED_IN_0008",
    "ADDED_IN_0009",
    "ADDED_IN_0010",
    "APPEND_ONLY",
    "COLUMNS_ADDED_IN_0003",
    "LEFT",
    "OPEN",
    "SCHEMA_VERSION",
    "WAITING",
    "absences",
    "access_keys",
    "actions",
    "append_only_triggers",
    "approvals",
    "audit",
    "audit_nodes",
    "audit_series",
    "audit_strategies",
    "block_checks",
    "block_history",
    "blocks",
    "change_policies",
    "channels",
    "checkpoints",
    "clock",
    "coverage",
    "create",
    "create_tables",
    "decision_rules",
    "deliveries",
    "discrepancies",
    "discrepancy_steps",
    "found_version",
    "halts",
    "identity",
    "instruments",
    "jobs",
    "looks",
    "materialised",
    "metadata",
    "notices",
    "outbox",
    "pinned_checks",
    "pins",
    "priorities",
    "quality",
    "quarantine",
    "queue",
    "replies",
    "revision_series",
    "revisions",
    "routes",
    "runs",
    "series",
    "snapshots",
    "symbols",
    "terms",
    "tolerances",
]

SCHEMA_VERSION: Final = "0010"

# What each version brought: tables, and columns of tables that were there.
ADDED_IN_0002: Final = (instruments, halts, actions, change_policies, absences)
ADDED_IN_0003: Final = (materialised,)
COLUMNS_ADDED_IN_0003: Final = {"actions": ("denied", "evidence", "mirrored_at"), "snapshots": ("adjusted",)}
ADDED_IN_0004: Final = (audit_strategies, audit_nodes, checkpoints)
ADDED_IN_0005: Final = (discrepancies, discrepancy_steps, decision_rules, tolerances, looks)
ADDED_IN_0006: Final = (quality, block_checks)
ADDED_IN_0007: Final = (channels, routes, notices, deliveries, terms, jobs, runs)
ADDED_IN_0008: Final = (pinned_checks,)
ADDED_IN_0009: Final = (access_keys, replies)
ADDED_IN_0010: Final = (queue,)

# Alembic's own table: which schema this is.
_version = Table("alembic_version", MetaData(), Column("version_num", Text, primary_key=True))


def create(connection: Connection) -> None:
    """Make the newest schema in an empty database, and note which one it is."""
    create_tables(connection)
    _version.create(connection)
    connection.execute(insert(_version).values(version_num=SCHEMA_VERSION))


def create_tables(connection: Connection) -> None:
    """Make every table, the triggers of the audit log, and the ledger's identity and clock."""
    # By the driver itself: what SQLAlchemy does around each statement takes longer than most of them.
    cursor = connection.connection.cursor()
    for statement in _definitions(f"{connection.dialect.name}+{connection.dialect.driver}"):
        cursor.execute(statement)
    cursor.close()
    connection.execute(insert(identity).values(name="ledger_id", value=uuid.uuid4().hex))
    connection.execute(insert(clock).values(id=1, revision=0, time=0, sequence=0))


@cache
def _definitions(dialect: str) -> tuple[str, ...]:
    """Return what makes the tables and triggers; to spell it out takes longer than to run it."""
    spoken = make_url(f"{dialect}://").get_dialect()()
    said: list[str] = []

    def say(statement: Any, *_: object, **__: object) -> None:
        said.append(str(statement.compile(dialect=spoken)))

    metadata.create_all(MockConnection(spoken, say), checkfirst=False)
    return (*said, *append_only_triggers(spoken.name))


def found_version(connection: Connection) -> str | None:
    """Return which schema the database has, or None if it has none."""
    if not connection.dialect.has_table(connection, _version.name):
        return None
    found = connection.execute(select(_version.c.version_num)).scalar()
    return None if found is None else str(found)
