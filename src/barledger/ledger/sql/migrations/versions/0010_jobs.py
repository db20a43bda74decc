"""The queue of jobs that somebody asked for, and the steps of discrepancies by their time."""

from alembic import op

from barledger.ledger.sql import schema

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    """Add them, unless a step before has made the newest schema."""
    for table in schema.ADDED_IN_0010:
        table.create(op.get_bind(), checkfirst=True)
    for index in schema.discrepancy_steps.indexes:
        index.create(op.get_bind(), checkfirst=True)
