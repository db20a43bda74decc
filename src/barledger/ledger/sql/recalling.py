"""Recalling revisions of which only the store's rows still tell."""

from collections.abc import Sequence
from typing import Any, Final

from barledger.ledger.contract import Recalled, Who
from barledger.ledger.sql import schema
from barledger.ledger.sql.transaction import Writing

BEGUN: Final = (
    "revision",
    "state",
    "owner",
    "lease_until",
    "actor",
    "operation",
    "reason",
    "trigger",
    "begun_at",
)
"""The columns of a revision that has begun."""

_REVISION: Final = (*BEGUN, "committed_at")
_LINK: Final = ("series_id", "revision", "start", "end", "new", "changed", "withdrawn", "jitter", "repaired")


def recall(writing: Writing, row: Any, recalled: Sequence[Recalled], *, max_edition: int, who: Who) -> int:
    """Note those that the series' row does not know as committed at their own time; returns how many they were."""
    known = {revision for (revision,) in writing.all(_KNOWN, (row.id,))}
    news = [one for one in recalled if one.revision not in known]
    if not news:
        return 0
    made = [
        (one.revision, "committed", "", 0, who.actor, "recalled", who.reason, "", one.revision, one.revision)
        for one in news
    ]
    writing.insert(schema.revisions, _REVISION, made, replaced=())
    links = [
        (row.id, one.revision, one.interval.start, one.interval.end, one.new, one.changed, one.withdrawn, 0, True)
        for one in news
    ]
    writing.insert(schema.revision_series, _LINK, links)
    newest = max(one.revision for one in news)
    writing.skip(newest)
    writing.reach(newest)
    values = (max(row.revision, newest), max(row.allocated, newest), max(row.max_edition, max_edition), row.id)
    writing.update(schema.series, ("revision", "allocated", "max_edition"), ("id",), [values])
    return len(news)


_KNOWN: Final = 'SELECT "revision" FROM "revision_series" WHERE "series_id" = ?'
