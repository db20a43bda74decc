"""Corporate actions have evidence and a mirror; adjusted series and datasets are kept track of."""

import sqlalchemy as sa
from alembic import op

from barledger.ledger.sql import schema

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Add the table and the columns, unless the step before has made the newest schema."""
    bind = op.get_bind()
    for table in schema.ADDED_IN_0003:
        table.create(bind, checkfirst=True)
    for name, added in schema.COLUMNS_ADDED_IN_0003.items():
        found = {column["name"] for column in sa.inspect(bind).get_columns(name)}
        for column in added:
            if column not in found:
                op.add_column(name, schema.metadata.tables[name].columns[column]._copy())  # noqa: SLF001 - as Alembic does
