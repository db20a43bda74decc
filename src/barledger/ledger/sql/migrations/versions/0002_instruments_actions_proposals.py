"""Instruments, corporate actions and proposals; coverage tells what went wrong."""

import sqlalchemy as sa
from alembic import op

from barledger.ledger.sql import schema

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Add the tables, and the column, unless the step before has made the newest schema."""
    bind = op.get_bind()
    for table in schema.ADDED_IN_0002:
        table.create(bind, checkfirst=True)
    if "detail" not in {column["name"] for column in sa.inspect(bind).get_columns("coverage")}:
        op.add_column("coverage", sa.Column("detail", sa.Text, nullable=False, server_default=""))
