"""Measurements of quality, and when each block was last read again."""

from alembic import op

from barledger.ledger.sql import schema

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Add the tables, unless the first step has made the newest schema."""
    for table in schema.ADDED_IN_0006:
        table.create(op.get_bind(), checkfirst=True)
