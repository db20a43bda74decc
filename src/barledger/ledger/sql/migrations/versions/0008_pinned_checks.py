"""When what only snapshots hold was last read again."""

from alembic import op

from barledger.ledger.sql import schema

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    """Add the table, unless a step before has made the newest schema."""
    for table in schema.ADDED_IN_0008:
        table.create(op.get_bind(), checkfirst=True)
