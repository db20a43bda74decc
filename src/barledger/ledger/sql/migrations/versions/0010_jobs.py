"""The queue of jobs that somebody asked for."""

from alembic import op

from barledger.ledger.sql import schema

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    """Add the table, unless a step before has made the newest schema."""
    for table in schema.ADDED_IN_0010:
        table.create(op.get_bind(), checkfirst=True)
