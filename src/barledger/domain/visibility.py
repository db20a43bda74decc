"""Which row of each bar a reader sees at a revision.

Of each bar, the row with the highest edition whose revision is committed and not later than R, and which was not
superseded by then (by a committed revision). A copy in an edition layer always wins over the row in ``latest``: a
copy is whole before its row is touched, while a row in ``latest`` may be torn as long as a commit is open.
"""

from collections.abc import Collection

import numpy as np

from barledger.domain.rows import Flags, Ints, Rows, empty_rows, found_in, merge


def visible(latest: Rows, copies: Rows, revision: int, uncommitted: Collection[int]) -> Rows:
    """Return the visible rows, tombstones included.

    ``latest`` and ``copies`` (of all edition layers, in any order) cover the same stretch, and ``latest`` was read
    first. ``uncommitted`` are the revisions, pending or aborted, that may have left rows.
    """
    unborn = np.array(sorted(uncommitted), np.int64)
    chosen = newest(copies.pick(_copies_seen(copies, revision, unborn)))
    current = latest.pick(_committed(latest.revision, revision, unborn))
    return merge([current.pick(~found_in(current.time, chosen.time)), forget_supersession(chosen)])


def newest(copies: Rows) -> Rows:
    """Return the copy with the highest edition of each bar, in ascending order of time."""
    if not len(copies):
        return empty_rows()
    ordered = copies.pick(np.lexsort((copies.edition, copies.time)))
    last = np.append(ordered.time[1:] != ordered.time[:-1], True)
    return ordered.pick(last)


def hidden(latest: Rows, seen: Rows, revision: int, uncommitted: Collection[int]) -> Rows:
    """Return the rows of ``latest`` that are invisible at ``revision`` and stand for a bar that no visible row has."""
    unborn = np.array(sorted(uncommitted), np.int64)
    invisible = latest.pick(~_committed(latest.revision, revision, unborn))
    return invisible.pick(~found_in(invisible.time, seen.time))


def forget_supersession(rows: Rows) -> Rows:
    """Return copies as the rows that they are copies of."""
    if rows.superseded_at is None:
        return rows
    return rows.stamped(revision=rows.revision, edition=rows.edition, withdrawn=rows.withdrawn)


def _committed(revisions: Ints, revision: int, unborn: Ints) -> Flags:
    return (revisions <= revision) & ~found_in(revisions, unborn)


def _copies_seen(copies: Rows, revision: int, unborn: Ints) -> Flags:
    seen = _committed(copies.revision, revision, unborn)
    if copies.superseded_at is None:
        return seen
    return seen & ((copies.superseded_at > revision) | found_in(copies.superseded_at, unborn))
