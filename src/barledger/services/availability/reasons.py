"""Reasons: why bars that are not there are missing.

Each reason is a layer of numbers; on top of each other they are painted over what is missing, and what is seen in the
end is the reason.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

import numpy as np

from barledger.domain.instrument import Halt
from barledger.domain.interval import EARLIEST, LATEST, Interval, union
from barledger.domain.rows import Flags, Ints
from barledger.domain.series import Series
from barledger.ledger.contract import Cover
from barledger.services.availability.listing import Extent, unlisted
from barledger.services.availability.question import Question
from barledger.services.availability.report import FETCHABLE, Missing, Reason
from barledger.services.availability.runs import Runs
from barledger.services.cache.reader import read
from barledger.services.cache.vault import Vault


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What the ledger knows of series and instruments, looked up at once for many."""

    coverage: Mapping[Series, Sequence[Cover]]
    gone: Mapping[Series, Sequence[Interval]]
    withdrawals: Mapping[Series, Sequence[Interval]]
    put_aside: Mapping[Series, Mapping[int, str]]
    halts: Mapping[str, Sequence[Halt]]
    extent: Extent


@dataclass(frozen=True, slots=True)
class _Layer:
    """Numbers with one reason each; a later stretch lies on top of an earlier one."""

    runs: Runs
    reason: Reason
    detail: str = ""


@dataclass(frozen=True, slots=True)
class _Verdict:
    reason: Reason
    detail: str
    source: str


_UNANSWERED = {"fetched": "lacking"}


def explain(vault: Vault, question: Question, runs: Runs, evidence: Evidence) -> tuple[Missing, ...]:
    """Return the missing bars, in stretches of one reason each."""
    if not len(runs):
        return ()
    painted = [_of_series(vault, question, series, runs, evidence) for series in question.subject.series] or [[]]
    halts = _halts(question, evidence)
    outside = [_Layer(each, "not_listed") for each in unlisted(vault, question, runs, evidence.extent)]
    layers = [[*own, *halts, listing] for own, listing in zip(painted, outside, strict=True)]
    stretches = [layer.runs for listed in layers for layer in listed]
    first, last = runs.cut_at([bound for each in stretches for bound in (each.first, each.last)])
    names = [series.source for series in question.subject.series] or [""]
    verdicts = [_paint(first, listed, name) for listed, name in zip(layers, names, strict=True)]
    return _joined(question, first, last, [_chosen(each) for each in zip(*verdicts, strict=True)])


def _paint(first: Ints, layers: Sequence[_Layer], source: str) -> list[_Verdict]:
    known = [_Verdict("never_requested", "", source), *(_Verdict(one.reason, one.detail, source) for one in layers)]
    seen = np.zeros(len(first), np.int64)
    for at, layer in enumerate(layers, 1):
        seen[layer.runs.position(first) >= 0] = at
    return [known[at] for at in seen.tolist()]


def _chosen(verdicts: Sequence[_Verdict]) -> _Verdict:
    """Return, of several sources' reasons, the first that fetching may do away with, else the first of all."""
    return next((one for one in verdicts if one.reason in FETCHABLE), verdicts[0])


def _joined(question: Question, first: Ints, last: Ints, verdicts: Sequence[_Verdict]) -> tuple[Missing, ...]:
    """Join neighbours that are missing for the same reason."""
    if not verdicts:
        return ()
    changes = [one != other for one, other in zip(verdicts[1:], verdicts[:-1], strict=True)]
    begins: Flags = np.concatenate([[True], (first[1:] != last[:-1]) | np.array(changes, np.bool_)])
    starts, ends = first[begins], last[np.append(begins[1:], True)]
    kept = [verdict for verdict, begin in zip(verdicts, begins.tolist(), strict=True) if begin]
    spans = question.spans(starts, ends)
    return tuple(
        Missing(interval=span, reason=one.reason, bars=bars, detail=one.detail, source=one.source)
        for span, one, bars in zip(spans, kept, (ends - starts).tolist(), strict=True)
    )


def _of_series(vault: Vault, question: Question, series: Series, runs: Runs, evidence: Evidence) -> list[_Layer]:
    """Return the layers of one series, the lowest first."""
    layers = _coverage(question, evidence.coverage.get(series, ()))
    layers.append(_Layer(_labelled(question, evidence.gone.get(series, ())), "expired"))
    layers += _put_aside(question, evidence.put_aside.get(series, {}))
    withdrawn = _labelled(question, evidence.withdrawals.get(series, ()))
    layers.append(_Layer(_withdrawn(vault, question, series, runs, withdrawn), "withdrawn"))
    return layers


def _coverage(question: Question, covers: Sequence[Cover]) -> list[_Layer]:
    """Return a layer for each answer; the ledger keeps them apart from each other."""

    def answer(cover: Cover) -> tuple[str, str]:
        return cover.outcome, cover.detail

    return [
        _Layer(_labelled(question, [cover.interval for cover in alike]), _UNANSWERED.get(outcome, outcome), detail)  # type: ignore[arg-type]
        for (outcome, detail), alike in groupby(sorted(covers, key=answer), key=answer)
    ]


def _put_aside(question: Question, codes: Mapping[int, str]) -> list[_Layer]:
    by_code: dict[str, list[int]] = {}
    for time, code in sorted(codes.items()):
        by_code.setdefault(code, []).append(time)
    return [_Layer(_at(question, times), "quarantined", code) for code, times in sorted(by_code.items())]


def _withdrawn(vault: Vault, question: Question, series: Series, runs: Runs, suspected: Runs) -> Runs:
    """Read the missing bars of stretches in which some were withdrawn, of which a tombstone is left."""
    first, last = runs.cut_at([suspected.first, suspected.last])
    inside = suspected.position(first) >= 0
    if not inside.any():
        return _at(question, [])
    wanted = union(question.spans(first[inside], last[inside]))
    rows = read(vault, series, wanted, pinned=True).rows
    return _at(question, [] if rows.withdrawn is None else rows.time[rows.withdrawn].tolist())


def _halts(question: Question, evidence: Evidence) -> list[_Layer]:
    """Return a layer for each halt: the bars that lie wholly in it."""
    layers = []
    for halt in evidence.halts.get(question.subject.instrument.name, ()):
        start, end = np.clip(np.array([[halt.interval.start], [halt.interval.end]], np.int64), EARLIEST, LATEST)
        runs = Runs.of(question.table.opened(start), question.table.closed(end))
        layers.append(_Layer(runs, "halted", halt.reason))
    return layers


def _labelled(question: Question, intervals: Iterable[Interval]) -> Runs:
    """Return the bars whose labels lie in the intervals."""
    ends = np.array([(interval.start, interval.end) for interval in intervals], np.int64).reshape(-1, 2)
    return Runs.of(question.before(ends[:, 0]), question.before(ends[:, 1]))


def _at(question: Question, times: Sequence[int]) -> Runs:
    """Return the bars that are labelled with these ascending times."""
    numbers, found = question.table.find(np.array(times, np.int64))
    return Runs.of_numbers(numbers[found])
