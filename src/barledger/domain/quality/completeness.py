"""Completeness: how many of the bars that there should be are there."""

from collections.abc import Sequence

from barledger.domain.quality.metric import Case, Metric, unmeasured, worst_of


def completeness(*, expected: int, found: int, missing: Sequence[Case], excused: Sequence[Case] = ()) -> Metric:
    """Return ``present / expected``: the share of the bars of a full record that are there.

    ``expected`` counts the closed bars that the calendar has in the interval, less the ``excused`` ones, which never
    were (halts, before the listing); ``found`` those of them that are there. A `Case` of ``missing`` is a stretch of
    ``value`` bars that are missing for one reason, ``what``. None where no bar is expected. It is the completeness of
    ISO/IEC 25012, reckoned for records: those present by those that the calendar requires.
    """
    reasons: dict[str, int] = {}
    for case in missing:
        reasons[case.what] = reasons.get(case.what, 0) + int(case.value)
    forgiven = sum(int(case.value) for case in excused)
    counts = {"expected": expected, "present": found, "missing": expected - found, "excused": forgiven}
    if not expected:
        return unmeasured("completeness", "no bar is expected in the interval", counts=counts)
    return Metric(
        name="completeness",
        score=found / expected,
        counts=counts,
        figures={"reasons": dict(sorted(reasons.items(), key=lambda one: -one[1]))},
        worst=worst_of(missing),
    )
