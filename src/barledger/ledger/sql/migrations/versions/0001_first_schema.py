"""The first schema."""

import uuid

import sqlalchemy as sa
from alembic import op

from barledger.ledger.sql import schema

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Make every table, the triggers of the audit log, and the ledger's identity."""
    bind = op.get_bind()
    schema.metadata.create_all(bind)
    for statement in schema.append_only_triggers(bind.dialect.name):
        op.execute(sa.text(statement))
    bind.execute(sa.insert(schema.identity).values(name="ledger_id", value=uuid.uuid4().hex))
    bind.execute(sa.insert(schema.clock).values(id=1, revision=0, time=0, sequence=0))
