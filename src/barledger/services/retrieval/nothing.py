"""Nothing: what is said where a question has no bars for an answer, which may be a misspelling."""

from barledger.domain.interval import format_time
from barledger.ledger.contract import RevisionRecord
from barledger.services.cache.priority import hint
from barledger.services.retrieval.request import ReadRequest
from barledger.services.retrieval.view import View


def told_of_nothing(view: View, request: ReadRequest, *, rows: int, revision: int) -> str:
    """Say that a view never had any bars, or had none yet at the version; nothing where that is not so.

    ``rows`` are those of the answer, ``revision`` is the one that it was read at.
    """
    # A revision by its number is read at even where it is one of other series alone.
    if view.pins or rows or (revision and request.version.kind != "revision"):
        return ""
    first = _first_record(view)
    if revision and (first is None or first.revision <= revision):
        return ""
    told = f"there are no bars of {view.series[0]}"
    if first is None:
        return told + hint(view.vault, view.instrument, view.timeframe)
    return f"{told} at {request.label}: the first were written at {format_time(first.committed_at)}"


def _first_record(view: View) -> RevisionRecord | None:
    """Return the revision that wrote the first bars of a view, or None if there never were any."""
    revisions = view.vault.ledger.revisions
    records = [record for series in view.series for record in revisions.records(series)[:1]]
    return min(records, key=lambda record: record.revision, default=None)
