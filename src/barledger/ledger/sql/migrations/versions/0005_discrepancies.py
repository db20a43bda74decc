"""The register of discrepancies takes over the proposals; how far apart sources may be, and what was last seen."""

from typing import Any, Final

import sqlalchemy as sa
from alembic import op

from barledger.ledger.sql import schema

revision = "0005"
down_revision = "0004"

_KEPT: Final = (
    *("id", "series_id", "start", "end", "bars", "revision", "reason", "evidence", "made_at"),
    *("decided_at", "decided_by", "decision", "result", "payload"),
)
# What was closed without a person had no other state than that of a rejection.
_OVERTAKEN: Final = "overtaken by revision"
_KINDS: Final = {"withdrawal": "withdrawn"}


def upgrade() -> None:
    """Add the tables, and move what the proposals hold."""
    bind = op.get_bind()
    for table in schema.ADDED_IN_0005:
        table.create(bind, checkfirst=True)
    if not sa.inspect(bind).has_table("proposals"):
        return
    old = sa.Table("proposals", sa.MetaData(), autoload_with=bind)
    named = bind.execute(sa.select(schema.series.c.id, schema.series.c.source))
    sources = {row.id: row.source for row in named}
    for row in bind.execute(sa.select(old)).mappings().all():
        _move(bind, row, sources[row["series_id"]])
    old.drop(bind)


def _move(bind: Any, row: Any, source: str) -> None:
    kind, state = _KINDS.get(row["kind"], row["kind"]), _state(row)
    values = {name: row[name] for name in _KEPT} | {"kind": kind, "state": state, "against": source}
    values |= {"key": f"{kind}:{bytes(row['payload_digest']).hex()}", "confidence": 1.0}
    bind.execute(sa.insert(schema.discrepancies), values)
    told = {"discrepancy_id": row["id"], "actor": row["decided_by"], "reason": row["decision"], "at": row["decided_at"]}
    steps: list[dict[str, Any]] = [{"state": "proposed", "at": row["made_at"], "reason": row["reason"], "actor": ""}]
    if state == "applied":
        steps += [{"state": "accepted"}, {"state": "applied", "revision": row["result"]}]
    elif state != "proposed":
        steps.append({"state": state})
    for number, step in enumerate(steps, 1):
        bind.execute(sa.insert(schema.discrepancy_steps), {**told, **step, "number": number})


def _state(row: Any) -> str:
    if row["state"] == "rejected" and (not row["decided_by"] or row["decision"].startswith(_OVERTAKEN)):
        return "superseded"
    return {"open": "proposed", "accepted": "applied"}.get(str(row["state"]), str(row["state"]))
