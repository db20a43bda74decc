"""The audit log's tree, checkpoints, and which strategies were shown what."""

import sqlalchemy as sa
from alembic import op

from barledger.domain.merkle import Frontier
from barledger.ledger.sql import schema
from barledger.ledger.sql.tree import kept

revision = "0004"
down_revision = "0003"

_AT_ONCE = 10_000


def upgrade() -> None:
    """Add the tables and grow the tree from the leaves that there are, unless the newest schema was made at once."""
    bind = op.get_bind()
    if "frontier" in {column["name"] for column in sa.inspect(bind).get_columns("clock")}:
        return
    op.add_column("clock", sa.Column("frontier", sa.LargeBinary))
    for table in schema.ADDED_IN_0004:
        table.create(bind)
    for statement in schema.append_only_triggers(bind.dialect.name, schema.ADDED_IN_0004):
        bind.execute(sa.text(statement))
    bind.execute(sa.update(schema.clock).values(frontier=_grow(bind).packed))


def _grow(bind: sa.Connection) -> Frontier:
    tree = Frontier()
    leaves = sa.select(schema.audit.c.leaf).order_by(schema.audit.c.sequence)
    # 32 bytes of each entry are little even for a long log.
    found = [bytes(leaf) for (leaf,) in bind.execute(leaves)]
    nodes = [node for leaf in found for node in kept(tree.add(leaf))]
    for at in range(0, len(nodes), _AT_ONCE):
        rows = [dict(zip(("level", "number", "hash"), node, strict=True)) for node in nodes[at : at + _AT_ONCE]]
        bind.execute(sa.insert(schema.audit_nodes), rows)
    return tree
