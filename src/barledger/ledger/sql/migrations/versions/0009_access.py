"""Access keys of a server, and the answers to requests that may be sent twice."""

from alembic import op

from barledger.ledger.sql import schema

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    """Add the tables, unless a step before has made the newest schema."""
    for table in schema.ADDED_IN_0009:
        table.create(op.get_bind(), checkfirst=True)
