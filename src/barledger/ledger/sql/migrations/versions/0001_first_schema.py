"""The first schema."""

from alembic import op

from barledger.ledger.sql import schema

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Make every table, the triggers of the audit log, and the ledger's identity."""
    schema.create_tables(op.get_bind())
