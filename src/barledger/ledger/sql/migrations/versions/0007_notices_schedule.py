"""Notices with their channels, and the schedule with its runs."""

from alembic import op

from barledger.ledger.sql import schema

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """Add the tables, unless a step before has made the newest schema."""
    bind = op.get_bind()
    for table in schema.ADDED_IN_0007:
        table.create(bind, checkfirst=True)
