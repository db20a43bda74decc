"""Listing: which bars lie before an instrument was listed or after it was, as far as the bars that are there allow.

Who says when an instrument was listed may be wrong. Bars that are there are not: none of those between them was missing
because there was no trading.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from barledger.domain.instrument import Instrument
from barledger.domain.interval import Interval
from barledger.domain.rows import Ints
from barledger.domain.series import Series
from barledger.services.availability.presence import Counts
from barledger.services.availability.question import Question
from barledger.services.availability.runs import Runs
from barledger.services.cache.reader import read
from barledger.services.cache.vault import Vault


@dataclass(frozen=True, slots=True, kw_only=True)
class Extent:
    """What tells where bars begin and end: the counts of all blocks, and the hulls of all bars that series ever had."""

    counts: Mapping[Series, Counts]
    spans: Mapping[Series, Interval]


def unlisted(vault: Vault, question: Question, absent: Runs, extent: Extent) -> list[Runs]:
    """Return, for each of the subject's listings, the bars outside; as to those that are not ``absent`` it may err."""
    dates = [_dates(question, listing) for listing in question.subject.listings]
    begin = max((first for first, _ in dates if first is not None), default=None)
    end = min((last for _, last in dates if last is not None), default=None)
    # Bars are read only if something may depend on them.
    if begin is not None and absent.first[0] < begin:
        begin = _begin(vault, question, extent, begin)
    if end is not None and absent.last[-1] > end:
        end = _end(vault, question, extent, end)
    return [_outside(question, first, last, begin, end) for first, last in dates]


def first_bar(vault: Vault, series: Series, counts: Counts) -> int | None:
    """Return the label of the first bar that is there."""
    times = _block(vault, series, counts[0][:1])
    return int(times[0]) if len(times) else None


def _last_bar(vault: Vault, series: Series, counts: Counts) -> int | None:
    times = _block(vault, series, counts[0][-1:])
    return int(times[-1]) if len(times) else None


def _block(vault: Vault, series: Series, starts: Ints) -> Ints:
    blocks = [Interval(start, series.timeframe.block_end(start)) for start in starts.tolist()]
    return read(vault, series, blocks, pinned=True).rows.standing().time if blocks else starts


def _dates(question: Question, listing: Instrument) -> tuple[int | None, int | None]:
    """Return the number of the first bar that closed after the first trade, and of the first that opened too late."""
    first = last = None
    if listing.first_trade is not None:
        (first,) = question.table.closed(np.array([listing.first_trade], np.int64)).tolist()
    if listing.last_trade is not None:
        (last,) = question.table.opened(np.array([listing.last_trade], np.int64)).tolist()
    return first, last


def _begin(vault: Vault, question: Question, extent: Extent, listed: int) -> int:
    """Return the number of the first bar that is there, if it comes before the listing, else the listing's."""
    for series in question.subject.series:
        span = extent.spans.get(series)
        if span is not None and _number(question, span.start) >= listed:
            continue
        label = first_bar(vault, series, extent.counts[series])
        listed = listed if label is None else min(listed, _number(question, label))
    return listed


def _end(vault: Vault, question: Question, extent: Extent, delisted: int) -> int:
    """Return the number after the last bar that is there, if it comes after the listing's end, else the end's."""
    for series in question.subject.series:
        span = extent.spans.get(series)
        if span is not None and _number(question, span.end) <= delisted:
            continue
        label = _last_bar(vault, series, extent.counts[series])
        delisted = delisted if label is None else max(delisted, _number(question, label + 1))
    return delisted


def _number(question: Question, time: int) -> int:
    (number,) = question.before(np.array([time], np.int64)).tolist()
    return int(number)


def _outside(question: Question, first: int | None, last: int | None, begin: int | None, end: int | None) -> Runs:
    """Return the bars before the first and after the last number, without those between bars that are there."""
    parts = []
    if first is not None and begin is not None:
        parts.append(Runs.single(question.first, min(first, begin)))
    if last is not None and end is not None:
        parts.append(Runs.single(max(last, end), question.last))
    return Runs.single(0, 0).union(parts)
