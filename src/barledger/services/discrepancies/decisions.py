"""Decisions of our own: bars that somebody corrected against their source, by a factor that a finding proposed.

The source goes on giving what was corrected, and another finding of the same look may be about the same bars. So each
decision is known as a *move*: from a revision on, the bars of an interval are multiplied by so much; an undoing is a
move back. Taken back one after the other, moves tell which values stood before them, without reading old editions.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final, Self

import numpy as np

from barledger.domain.discrepancy import Discrepancy
from barledger.domain.interval import Interval
from barledger.domain.rows import VALUES, Flags, Ints, Rows, found_in, overlay
from barledger.domain.series import Series
from barledger.ledger.contract import Ledger
from barledger.services.cache.reader import read
from barledger.services.cache.vault import Vault
from barledger.services.cache.versions import left
from barledger.services.discrepancies.moot import goes_on, unmoved
from barledger.services.discrepancies.multiplying import is_own, multiplied, steps_of

DECIDED: Final = "decided"
"""The evidence that counts the bars which go on being corrected in what a source gives, by decision."""

# How many bars' time beside a decision is looked at.
_BESIDE: Final = 60
# What multiplying, and dividing again, loses in doubles.
_COMPUTED: Final = 1e-9


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """A revision that multiplied the columns of an interval by ``steps``, for a decision or for its undoing."""

    revision: int
    decision: Discrepancy
    steps: Mapping[str, float]

    def covers(self, rows: Rows) -> Flags:
        """Tell which bars it may have written."""
        interval = self.decision.interval
        inside = (rows.time >= interval.start) & (rows.time < interval.end)
        return np.asarray(inside & (rows.revision >= self.revision))

    def taken_back(self, rows: Rows) -> Rows:
        """Return bars as they were before it, up to rounding; those that it did not write stay."""
        before = multiplied(rows, {name: 1 / step for name, step in self.steps.items()})
        mine = self.covers(rows)
        return replace(rows, **_where(mine, before, rows))


@dataclass(frozen=True, slots=True, kw_only=True)
class Heeded:
    """What a source gives, with our own corrections in the place of what they corrected.

    ``bars`` are those that the source gives as they were before somebody corrected them, ``decided`` counts them by
    decision, of which several may be about one bar. ``restated`` counts those that it changed, and that are as wrong as
    they were: they are corrected as before. ``overruled`` are the others that it changed, which stay as it gives them.
    """

    rows: Rows
    bars: int = 0
    decided: Mapping[str, int] = field(default_factory=dict)
    overruled: Mapping[str, int] = field(default_factory=dict)
    restated: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Decisions:
    """The moves of a series, the newest first; ``applied`` are the decisions that stand."""

    moves: tuple[Move, ...]
    applied: tuple[Discrepancy, ...]
    others: tuple[Discrepancy, ...] = ()

    @classmethod
    def of(cls, ledger: Ledger, series: Series) -> Self:
        """Return those of a series."""
        listed = ledger.discrepancies.list(series=series, states={"applied", "undone"})
        mine = [one for one in listed if is_own(one)]
        moves = [move for one in mine for move in _moves(one)]
        return cls(
            moves=tuple(sorted(moves, key=lambda move: -move.revision)),
            applied=tuple(one for one in mine if one.state == "applied"),
            others=tuple(one for one in listed if one.against),
        )

    def wrote(self, rows: Rows) -> Flags:
        """Tell which bars a decision or its undoing wrote last."""
        return np.isin(rows.revision, [move.revision for move in self.moves])

    def before(self, rows: Rows) -> Iterator[Rows]:
        """Give bars as they are, then as they were before the last move, the one before it, and so on."""
        yield rows
        for move in self.moves:
            rows = move.taken_back(rows)
            yield rows

    def without(self, rows: Rows) -> Iterator[Rows]:
        """Give bars without the last decision that stands, without the one before it too, and so on.

        What was undone is no state that a source can be behind of: if it gives that, it has changed its story.
        """
        for move in self.moves:
            if move.decision.state == "applied":
                rows = move.taken_back(rows)
                yield rows

    def touch(self, rows: Rows) -> bool:
        """Whether any bar lies where a decision stands."""
        return len(rows) > 0 and any(
            one.interval.intersects(Interval(int(rows.time[0]), int(rows.time[-1]) + 1)) for one in self.applied
        )

    def heeded(self, stored: Rows, rows: Rows) -> Heeded:
        """Put corrected bars in the place of those that were corrected; ``stored`` are the bars that are held."""
        at, held = _pairs(stored, rows)
        stands = self._stands(held)
        mine = stands | self._by_hand(held)
        at, held, stands = at[mine], held.pick(mine), stands[mine]
        given = rows.take(at)
        agrees, was = alike(held, given), np.zeros(len(at), np.bool_)
        for without in self.without(held):
            was |= alike(without, given)
        was &= ~agrees
        kept = agrees | was
        heeded = _substituted(rows, at[kept], held.pick(kept))
        restated, counts = np.zeros(len(at), np.bool_), dict[str, int]()
        if not kept.all():
            corrected, counts = self._restated(stored, rows, held.time[~kept])
            restated = found_in(held.time, corrected.time)
            heeded = _substituted(heeded, at[restated], corrected)
        return Heeded(
            rows=heeded,
            bars=int(was.sum()),
            decided=self._counts(held.pick(was)),
            overruled=self._counts(held.pick(~kept & ~restated & stands)),
            restated=counts,
        )

    def _restated(self, stored: Rows, rows: Rows, changed: Ints) -> tuple[Rows, dict[str, int]]:
        """Return bars that a source changed and left as wrong as they were, corrected; ``changed`` are their times.

        A bar that somebody wrote since is one of them if it stands in the scale of the correction.
        """
        at, held = _pairs(stored, rows)
        given, source = rows.take(at), held
        for one in self.applied:
            steps = {name: 1 / step for name, step in steps_of(one.fields, one.factor or 1.0).items()}
            within = self._in_force(one, held) | self._written_over(one, held)
            source = replace(source, **_where(within, multiplied(source, steps), source))
        with np.errstate(divide="ignore", invalid="ignore"):
            moved = np.nan_to_num(np.log(given.close / source.close), posinf=0.0, neginf=0.0)
        asked = found_in(held.time, changed)
        made, corrected, counts = given, np.zeros(len(given), np.bool_), dict[str, int]()
        for one in self.applied:
            here, over = self._in_force(one, held) & asked, self._written_over(one, held) & asked
            if not (here.any() or over.any()) or not goes_on(one, held.time, moved, here):
                continue
            here |= over & unmoved(one, moved)
            steps = steps_of(one.fields, one.factor or 1.0)
            made = replace(made, **_where(here, multiplied(made, steps), made))
            corrected |= here
            counts |= {one.id: int(here.sum())} if here.any() else {}
        return made.pick(corrected), counts

    def _by_hand(self, rows: Rows) -> Flags:
        found = np.zeros(len(rows), np.bool_)
        for one in self.applied:
            found |= self._written_over(one, rows)
        return found

    def _written_over(self, one: Discrepancy, rows: Rows) -> Flags:
        """Tell which bars of a decision somebody wrote since, who is neither a decision nor its undoing."""
        inside = (rows.time >= one.interval.start) & (rows.time < one.interval.end)
        return np.asarray(inside & (rows.revision > one.result) & ~np.isin(rows.revision, self._known))

    @property
    def _known(self) -> list[int]:
        """Return the revisions that decisions and their undoings made."""
        known = [move.revision for move in self.moves]
        return known + [revision for each in self.others for revision in (each.result, each.undone_by) if revision]

    def _in_force(self, one: Discrepancy, rows: Rows) -> Flags:
        """Tell which bars have a decision in them: no other one, nor anybody else, has written over it."""
        inside = (rows.time >= one.interval.start) & (rows.time < one.interval.end)
        found = np.asarray(inside & (rows.revision >= one.result) & np.isin(rows.revision, self._known))
        for each in self.others:
            over = each.state == "applied" and each.result > one.result and one.id not in each.evidence.get(DECIDED, {})
            if over:
                its = (rows.time >= each.interval.start) & (rows.time < each.interval.end)
                found &= ~(its & (rows.revision >= each.result))
        return found

    def _stands(self, rows: Rows) -> Flags:
        """Tell which bars are what a decision that stands made them."""
        found = np.zeros(len(rows), np.bool_)
        for one in self.applied:
            found |= self._in_force(one, rows)
        return found

    def _counts(self, rows: Rows) -> dict[str, int]:
        counts = {
            move.decision.id: int(move.covers(rows).sum()) for move in self.moves if move.decision.state == "applied"
        }
        return {name: count for name, count in counts.items() if count}


def heed(vault: Vault, series: Series, rows: Rows) -> Heeded:
    """Return what a source gives of a series, with our own corrections in the place of what they corrected.

    Without decisions it costs one look at the ledger, and reads no bar.
    """
    decisions = Decisions.of(vault.ledger, series) if len(rows) else Decisions(moves=(), applied=())
    if not decisions.touch(rows):
        return Heeded(rows=rows)
    hull = Interval(int(rows.time[0]), int(rows.time[-1]) + 1)
    kept = [part for one in decisions.applied if (part := one.interval.intersection(hull)) is not None]
    span = Interval(min(one.start for one in kept), max(one.end for one in kept))
    beside = _BESIDE * series.timeframe.duration
    span = Interval(max(span.start - beside, hull.start), min(span.end + beside, hull.end))
    stored = read(vault, series, left(vault.ledger.revisions.state(series), span)).rows.standing()
    return decisions.heeded(stored, rows)


def alike(mine: Rows, theirs: Rows) -> Flags:
    """Tell which bars of the same times have the same values, up to what computing loses."""
    same = np.ones(len(mine), np.bool_)
    for name in VALUES:
        old, new = getattr(mine, name), getattr(theirs, name)
        with np.errstate(invalid="ignore"):
            near = np.abs(new - old) <= _COMPUTED * np.abs(old)
        same &= near | (np.isnan(old) & np.isnan(new))
    return same


def composed(decisions: Decisions, found: Discrepancy, now: Rows, wanted: Rows) -> tuple[Rows, Flags]:
    """Return what a finding makes of bars by now, and of which of them that can be told.

    ``now`` are the bars as they are, ``wanted`` as they were proposed, of the same times. Where other decisions wrote
    them since, what the finding was reckoned from has to be what they are, or what they were before some of the moves:
    then the factor is that of what they are now.
    """
    steps = steps_of(found.fields, found.factor or 1.0)
    made, ours = multiplied(now, steps), decisions.wrote(now)
    plain = ~ours & (now.revision <= found.revision)
    fresh = alike(made, wanted)
    follows = np.zeros(len(now), np.bool_)
    for before in decisions.before(now):
        follows |= alike(multiplied(before, steps), wanted)
    # What was written meanwhile, and is what was proposed, is right by whatever way it came.
    stays = (ours & ~fresh & _told_twice(decisions, found, now)) | (~ours & ~plain & alike(now, wanted))
    made = replace(made, **_where(plain, wanted, made))
    return replace(made, **_where(stays, now, made)), plain | (ours & follows) | stays


def _told_twice(decisions: Decisions, found: Discrepancy, now: Rows) -> Flags:
    """Tell which bars were put right for the same error before, seen in another look: it counts once."""
    twice = np.zeros(len(now), np.bool_)
    for move in decisions.moves:
        one = move.decision
        same = (one.kind, one.factor, one.fields) == (found.kind, found.factor, found.fields)
        edges = found.interval.end == one.interval.end if found.kind.startswith("split") else True
        looks = one.evidence.get("seen") != found.evidence.get("seen")
        if same and edges and looks and one.state == "applied":
            twice |= move.covers(now) & decisions.wrote(now)
    return twice


def _moves(one: Discrepancy) -> Iterator[Move]:
    steps = steps_of(one.fields, one.factor or 1.0)
    yield Move(revision=one.result, decision=one, steps=steps)
    if one.undone_by:
        yield Move(revision=one.undone_by, decision=one, steps={name: 1 / step for name, step in steps.items()})


def _pairs(stored: Rows, rows: Rows) -> tuple[Any, Rows]:
    """Return the places of bars that are held too, and these as they are held."""
    return np.flatnonzero(found_in(rows.time, stored.time)), stored.pick(found_in(stored.time, rows.time))


def _substituted(rows: Rows, at: Ints, others: Rows) -> Rows:
    """Return bars with others in some places, which keep when they were written."""
    mine = rows.take(at)
    kept = {name: getattr(mine, name) for name in ("revision", "edition", "withdrawn", "superseded_at")}
    return overlay(rows, replace(others, **kept))


def _where(flags: Flags, left_rows: Rows, right_rows: Rows) -> dict[str, Any]:
    return {name: np.where(flags, getattr(left_rows, name), getattr(right_rows, name)) for name in VALUES}
