"""Answering: from what was read of one instrument to bars, adjusted as it is asked for."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from barledger.domain.bars import Bars
from barledger.services.retrieval.adjusting import Adjuster
from barledger.services.retrieval.request import ReadRequest
from barledger.services.retrieval.view import Stretch, View


def answer(
    adjuster: Adjuster,
    view: View,
    stretch: Stretch,
    request: ReadRequest,
    notes: Mapping[str, Any],
    *,
    known_at: int | None = None,
) -> Bars:
    """Return a stretch as bars: as it is stored, adjusted, or with adjusted ones beside; raises as `Adjuster` does.

    Corporate actions are those known at ``known_at`` (ns), or in the view's own state.
    """
    mode = request.adjustment
    if mode is None:
        return view.bars(stretch, request, notes)
    done = adjuster.adjust(view, stretch, mode, known_at=known_at)
    told = {**notes, **done.told}
    whole = replace(request, columns=()) if request.include_adjusted else request
    made = view.bars(done.stretch, whole, told, adjustment=mode, events=done.events)
    if not request.include_adjusted:
        return made
    return view.bars(stretch, request, told, events=done.events, adjusted=made)
