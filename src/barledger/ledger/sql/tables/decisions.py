"""Discrepancies with their steps, the rules that decide, and what was seen of sources."""

from sqlalchemy import Column, Double, ForeignKey, Index, LargeBinary, Table, Text

from barledger.ledger.sql.tables.columns import Id, key, metadata, number, series_id, words

discrepancies = Table(
    "discrepancies",
    metadata,
    key("id", Text),
    Column("series_id", Id, ForeignKey("series.id"), nullable=False, index=True),
    number("start"),
    number("end"),
    words("kind"),
    words("fields"),
    Column("factor", Double),
    Column("confidence", Double, nullable=False, default=1.0),
    number("bars"),
    number("revision"),
    words("against"),
    words("key"),
    words("reason"),
    words("evidence"),
    words("state"),
    number("made_at"),
    number("decided_at"),
    words("decided_by"),
    words("decision"),
    number("result"),
    number("undone_by"),
    Column("payload", LargeBinary, comment="the bars that it proposes"),
    Index("ix_discrepancies_state", "state"),
)

discrepancy_steps = Table(
    "discrepancy_steps",
    metadata,
    Column("discrepancy_id", Text, ForeignKey("discrepancies.id"), primary_key=True),
    key("number"),
    words("state"),
    number("at"),
    words("actor"),
    words("reason"),
    words("trigger"),
    number("revision"),
    Index("ix_discrepancy_steps_at", "at"),
    sqlite_with_rowid=False,
)

decision_rules = Table("decision_rules", metadata, key("name", Text), words("rule"))

tolerances = Table("tolerances", metadata, key("source", Text), key("against", Text), words("tolerance"))

looks = Table(
    "looks",
    metadata,
    series_id(primary=True),
    key("start"),
    number("compared_at"),
    words("outcome"),
    Column("given", LargeBinary, nullable=False, comment="the digest of what the source gave"),
    Column("held", LargeBinary, nullable=False, comment="the digest of the block as it was then"),
    sqlite_with_rowid=False,
)

change_policies = Table("change_policies", metadata, key("source", Text), words("policy"))

absences = Table(
    "absences",
    metadata,
    series_id(primary=True),
    key("time"),
    number("noted_at"),
    sqlite_with_rowid=False,
)
