"""The ledger in SQL: SQLite by default, PostgreSQL when several hosts write."""

from barledger.ledger.sql.engine import on_server, sqlite_file, sqlite_url
from barledger.ledger.sql.ledger import SqlLedger

__all__ = ["SqlLedger", "on_server", "sqlite_file", "sqlite_url"]
