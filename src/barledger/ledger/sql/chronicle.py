"""The chronicle: what the audit log tells of things of which tables keep only the newest state."""

import json
from collections.abc import Iterator
from typing import Any, Final

from barledger.ledger.sql.transaction import Transaction

_ENTRIES: Final = 'SELECT "audit"."sequence", "time", "body" FROM "audit"'
_OF_SERIES: Final = 'JOIN "audit_series" ON "audit_series"."sequence" = "audit"."sequence" AND "series_id" = ?'


def bodies(
    transaction: Transaction, *members: str, after: int = 0, until: int | None = None, series_id: int | None = None
) -> Iterator[tuple[int, int, dict[str, Any]]]:
    """Give sequence, time (ns) and body of the entries that have one of these members, in order.

    They are those above a sequence, up to a time (ns), of a series.
    """
    query, given = (_ENTRIES, []) if series_id is None else (f"{_ENTRIES} {_OF_SERIES}", [series_id])
    # Bodies are canonical, and text in them is escaped: a name in quotes before a colon is a member's.
    named = " OR ".join('"body" LIKE ?' for _ in members)
    conditions, parameters = [f"({named})", '"audit"."sequence" > ?'], [*(f'%"{one}":%' for one in members), after]
    if until is not None:
        conditions.append('"time" <= ?')
        parameters.append(until)
    wanted = f'{query} WHERE {" AND ".join(conditions)} ORDER BY "audit"."sequence"'
    for sequence, time, text in transaction.all(wanted, (*given, *parameters)):
        body = json.loads(text)
        if any(one in body for one in members):
            yield sequence, time, body
