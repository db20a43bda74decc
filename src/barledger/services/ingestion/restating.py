"""Restating: a series whose source multiplied its history is rewritten as a whole, or not at all.

A bar after a split that is appended to the history before it is the classic corruption, so as long as the history
cannot be rewritten the bars after it wait too. So do the events for which it was: they become known with the bars that
count them (`services.discrepancies.events`).
"""

from collections.abc import Collection, Sequence
from dataclasses import asdict
from typing import Any, Final

import numpy as np

from barledger.domain.comparison import compare
from barledger.domain.discrepancy import RESTATEMENT
from barledger.domain.interval import Interval, format_time
from barledger.domain.rows import Rows, found_in
from barledger.errors import RevisionConflict
from barledger.services.cache.reader import Reading
from barledger.services.discrepancies.events import EVENTS, known_by, noted
from barledger.services.discrepancies.payload import encode
from barledger.services.ingestion.answers import Answer
from barledger.services.ingestion.held import current
from barledger.services.ingestion.judgement import Finding, declined, move, newest_revision, overtake, paired
from barledger.services.ingestion.restatement import PRICES, Restatement, recognise
from barledger.services.ingestion.scribe import Scribe, attempts, joined

_SURE: Final = 0.9


def restate(scribe: Scribe, received: Sequence[Answer], span: Interval, *, kinds: Collection[str]) -> None:
    """Write the answers about the whole of a series: as one restatement if they are one, else as any others.

    ``kinds`` are those of the events that the source counts in its bars.
    """
    rows = joined(received)
    for last in attempts():
        stored = current(scribe.vault, scribe.series, span)
        old, new = paired(stored.rows.standing(), rows)
        found = recognise(old, new, scribe.task.declaration.tolerance) if len(old) else None
        # If this ends here, what is held is still multiplied when it is next compared.
        scribe.hear(received, stored.rows.standing(), kinds, whole=True)
        if found is None:
            _take_all(scribe, received, stored)
            return
        try:
            _write(scribe, received, rows, stored, found)
        except RevisionConflict:
            if last:
                raise
            continue
        return


def _take_all(scribe: Scribe, received: Sequence[Answer], stored: Reading) -> None:
    for answer in received:
        scribe.take(answer, stored.rows.standing())
    scribe.settle()


def _write(
    scribe: Scribe,
    received: Sequence[Answer],
    rows: Rows,
    stored: Reading,
    found: Restatement,
) -> None:
    scribe.restatement, events = found, scribe.uncounted
    stale = _stale(scribe, received, rows, stored, found)
    compared = compare(stored.rows, rows, scribe.task.declaration.tolerance)
    changed = rows.pick(compared.changed)
    old, _ = paired(stored.rows, changed)
    reason = f"{stale} bars before it are not given any more" if stale else ""
    reason = reason or scribe.judge.against(changed, change=move(old, changed))
    reason = reason or scribe.goes_on
    if _declined(scribe, found):
        _keep(scribe, received, rows.take(compared.new), stored, found)
        scribe.declined += len(changed)
        return
    if not reason:
        # Whoever reads the revision finds the events that are counted in its bars.
        scribe.note(events)
        _apply(scribe, received, rows, stored, found)
        return
    written = rows.take(compared.written)
    finding = Finding(
        kind=RESTATEMENT,
        rows=written,
        bars=len(changed),
        revision=newest_revision(stored.rows, written),
        reason=f"{found}: {reason}",
        evidence={
            **told(found),
            "new_bars": str(len(compared.new)),
            "covered": _covered(scribe, received),
            **({EVENTS: noted(events)} if events else {}),
            **scribe.kept_on,
        },
        fields=moved_fields(found),
        factor=found.factor,
        confidence=surety(found),
        key=known_by(RESTATEMENT, encode(written), events),
    )
    if scribe.propose(finding):
        scribe.held += len(compared.new)


def _keep(scribe: Scribe, received: Sequence[Answer], new: Rows, stored: Reading, found: Restatement) -> None:
    """Write the new bars after a restatement that somebody declined, where what is held goes on after it too.

    Elsewhere they would follow bars of another scale, and wait.
    """
    standing = stored.rows.standing()
    after = new.pick(new.time >= found.until)
    if not len(after) or int(standing.time[-1]) < found.until:
        scribe.held += len(new)
        return
    scribe.commit(after, (), received, expected_revision=stored.revision)
    scribe.held += len(new) - len(after)


def _apply(scribe: Scribe, received: Sequence[Answer], rows: Rows, stored: Reading, found: Restatement) -> None:
    own = scribe.task.reason
    done = scribe.commit(
        rows,
        [cover for answer in received for cover in scribe.covers(answer)],
        received,
        reason=f"{scribe.series.source} restated {found}" + (f" ({own})" if own else ""),
        trigger=RESTATEMENT,
        expected_revision=stored.revision,
        more={RESTATEMENT: told(found)},
    )
    scribe.propose_flagged()
    hull = Interval(int(rows.time[0]), int(rows.time[-1]) + 1)
    overtake(scribe.vault.ledger, scribe.series, hull, done.revision, scribe.who(RESTATEMENT))


def _stale(scribe: Scribe, received: Sequence[Answer], rows: Rows, stored: Reading, found: Restatement) -> int:
    """Return how many bars would keep their old scale; those that two answers in a row lack are withdrawn first."""
    standing = stored.rows.standing()
    came = np.union1d(rows.time, np.concatenate([answer.times for answer in received]))
    lacking = standing.time[~found_in(standing.time, came) & (standing.time < found.until)]
    if not len(lacking):
        return 0
    gone: list[int] = []
    for answer in received:
        gone += scribe.absences.see(answer, standing.within(answer.interval).time)
    twice = np.array(sorted(set(gone) & set(lacking.tolist())), np.int64)
    if len(scribe.withdraw(twice)) < len(twice):
        # The series has moved on by the withdrawal, so what it holds is read and judged anew.
        raise RevisionConflict(series=str(scribe.series), expected=stored.revision, found=scribe.written.revision)
    return len(lacking)


def _declined(scribe: Scribe, found: Restatement) -> bool:
    """Whether somebody rejected this restatement before."""
    key = _key(told(found))
    return any(_key(one.evidence) == key for one in declined(scribe.vault.ledger, scribe.series, (RESTATEMENT,)))


def _key(evidence: Any) -> tuple[object, object]:
    return evidence.get("factor"), evidence.get("until")


def moved_fields(found: Restatement) -> tuple[str, ...]:
    """Return the columns that a restatement multiplied."""
    return (*PRICES, "volume") if found.volume == "inverse" else PRICES


def surety(found: Restatement) -> float:
    """Return how sure a restatement is by its prices alone: less, the more of its bars moved otherwise."""
    return _SURE * found.bars / (found.bars + found.others)


def told(found: Restatement) -> dict[str, Any]:
    """Return a restatement for the audit log and for those who decide, numbers as text."""
    values = asdict(found)
    steps = [{"until": format_time(one["until"]), "factor": f"{one['factor']:.10g}"} for one in values.pop("steps")]
    values |= {"until": format_time(found.until), "factor": f"{found.factor:.10g}"}
    return {**{name: str(value) for name, value in values.items()}, **({"steps": steps} if len(steps) > 1 else {})}


def _covered(scribe: Scribe, received: Sequence[Answer]) -> list[list[str]]:
    """Return what the answers settle, to be kept once the proposal is accepted."""
    covers = [cover for answer in received for cover in scribe.covers(answer)]
    return [[str(one.interval.start), str(one.interval.end), one.outcome] for one in covers]
