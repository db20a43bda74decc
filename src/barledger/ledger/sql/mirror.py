"""What the store is told of a snapshot, for people who look at it with other tools."""

from typing import Any, Final

from barledger.ledger.contract import Snapshot
from barledger.ledger.sql import schema
from barledger.ledger.sql.audit import canonical_texts, quote
from barledger.ledger.sql.transaction import Writing

# InfluxDB has no empty tags.
NO_STRATEGY: Final = "none"
_COLUMNS: Final = ("snapshot_id", "measurement", "tags", "fields", "time")


def post(writing: Writing, snapshot: Snapshot, *, most: int) -> bool:
    """Put the records of a snapshot into the outbox, unless ``most`` snapshots are mirrored already."""
    (mirrored,) = writing.one('SELECT COUNT(*) FROM "snapshots" WHERE "mirrored"')
    if mirrored >= most:
        return False
    writing.insert(schema.outbox, _COLUMNS, _records(snapshot))
    return True


def _records(snapshot: Snapshot) -> list[tuple[Any, ...]]:
    """Return one record for each instrument and timeframe, with the tags and fields of ``data_audit``."""
    versions: dict[tuple[str, str], dict[str, str]] = {}
    for pin in snapshot.pins:
        key = (pin.series.instrument, pin.series.timeframe.name)
        source = f"{pin.series.source} (adjusted)" if pin.series.is_adjusted else pin.series.source
        versions.setdefault(key, {})[source] = str(pin.revision)
    strategy = quote(snapshot.strategy or NO_STRATEGY)
    tags = f'"snapshot_id":{quote(snapshot.id)},"strategy_id":{strategy}'
    hashed = f'"data_hash":{quote(snapshot.data_hash)}'
    fields = f'"created_by":{quote(snapshot.created_by)},"purpose":{quote(snapshot.purpose)},{hashed}'
    return [
        (
            snapshot.id,
            "data_audit",
            f'{{"instrument":{quote(instrument)},"timeframe":{quote(timeframe)},{tags}}}',
            f'{{"source_versions":{quote(canonical_texts(sources))},{fields}}}',
            snapshot.created_at,
        )
        for (instrument, timeframe), sources in versions.items()
    ]
