"""Triggers by which the database itself keeps the audit log as it is."""

from collections.abc import Sequence
from typing import Final

from sqlalchemy import Table

from barledger.ledger.sql.tables.log import audit, audit_nodes, audit_series, audit_strategies, checkpoints

APPEND_ONLY: Final = (audit, audit_series, audit_strategies, audit_nodes, checkpoints)

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
