"""Choosing: whether columns that are known are extended at their end, or computed again as a whole."""

from typing import Final, Literal

from barledger.indicators.binding import Pick, bounds

Way = Literal["tail", "whole"]

_WORTH_IT: Final = 0.5
"""Above this share of the rows, computing the tail with what settles it saves too little to be worth its copies."""


def choose(pick: Pick, *, known: int, rows: int) -> tuple[Way, str]:
    """Return how to go on from ``known`` rows of an output to so many ``rows``, and why.

    A tail has the same bits as the whole only of what is exact, so that nothing depends on what was asked before.
    """
    reach = pick.reach
    if not reach.exact or reach.memory not in ("window", "contractive"):
        return "whole", "a tail would not have the same bits"
    if foresees(pick):
        return "whole", "values change when later bars come"
    if known < reach.settled:
        return "whole", "less is known than settles it"
    computed = rows - known + reach.settled
    if computed > _WORTH_IT * rows:
        return "whole", f"the tail would be {computed:,} of {rows:,} rows"
    return "tail", f"{rows - known:,} new rows and {reach.settled:,} before them"


def foresees(pick: Pick) -> bool:
    """Tell whether an output, or what it is computed from, is drawn back and so depends on later bars."""
    return any(
        output.lookahead is not None and output.lookahead(bound.parameters)
        for bound in bounds(pick)
        for output in bound.indicator.outputs
    )
