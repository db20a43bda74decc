"""Integrity: how many blocks are, byte for byte, what the ledger says they are."""

from collections.abc import Sequence

from barledger.domain.quality.metric import Case, Metric, unmeasured, worst_of


def integrity(
    *,
    blocks: int,
    bars: int,
    damaged: Sequence[Case],
    verified_at: int,
    before: Sequence[int] = (),
    pinned: int = 0,
    reason: str = "",
) -> Metric:
    """Return ``matching / blocks``: of the blocks that were read again, the share that match the ledger's digests.

    A block is a UTC day, month or year of bars, and its digest SHA-256 over their values (`domain.digest`). A `Case` of
    ``damaged`` is a stretch of ``value`` blocks. ``before`` are the times (ns, 0 for never) at which each of the blocks
    was last verified before this. ``pinned`` of the blocks are not current: snapshots hold them as they were, or have a
    copy of their own, which counts as one. None where the ledger has no digests to compare with; ``reason`` says why.
    """
    wrong = min(sum(int(case.value) for case in damaged), blocks)
    counts = {"blocks": blocks, "matching": blocks - wrong, "damaged": wrong, "bars": bars}
    counts |= {"pinned": pinned} if pinned else {}
    if reason or not blocks:
        return unmeasured("integrity", reason or "there are no blocks in the interval", counts=counts)
    known = [at for at in before if at]
    figures = {
        "verified_at": str(verified_at),
        "never_verified_before": blocks - len(known),
        "oldest_check_before": str(min(known)) if known else None,
    }
    return Metric(
        name="integrity", score=(blocks - wrong) / blocks, counts=counts, figures=figures, worst=worst_of(damaged)
    )
