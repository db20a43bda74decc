"""Verifying a library step by step: the block whose check is the oldest comes first, within a budget.

What was checked is in the ledger after each step, so a run that is killed goes on where it ended.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from heapq import merge
from itertools import groupby, islice
from threading import Event
from typing import Any, Final, Protocol

from barledger import faults
from barledger.domain.interval import everything, format_time
from barledger.domain.notice import Notice
from barledger.domain.series import Series
from barledger.errors import Busy, RevisionExpired
from barledger.ledger.contract import BlockCheck, Due, PinnedCheck
from barledger.services.cache.vault import Vault
from barledger.services.cache.verification import Damage, Kept, keep, moved, verify_kept
from barledger.services.quality.budget import VerificationBudget
from barledger.services.quality.measuring import block_checks
from barledger.services.quality.pinned import oldest_first, part_of, verify_pinned

_LOOKED_UP: Final = 50_000
_EVERY: Final = 2**31 - 1
_ROWS: Final = 1_000_000
_FIRST_ROWS: Final = 20_000
_UNRECORDED_ROWS: Final = 200_000
_ATTEMPTS: Final = 5
_TOLD: Final = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Advance:
    """How far a verification has come: a step of one series is through."""

    series: Series
    blocks: int
    total: int
    damaged: int


Listener = Callable[[Advance], None]
Waiting = Due | PinnedCheck


class Steady(Protocol):
    """A clock of seconds that never goes back."""

    def __call__(self) -> float:
        """Return the seconds."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class LibraryVerification:
    """What a run found: ``ok`` if nothing is damaged, ``complete`` if no block is left that it was to look at.

    ``blocks`` and ``rows`` were read, ``left`` blocks wait for the next run, and ``oldest`` is the oldest check of any
    block now (ns, 0 while some were never checked). ``pinned`` of the blocks are not current: snapshots hold them as
    they were, or have a copy of their own, which counts as one block. ``skipped`` are series that could not be read,
    and why. ``noted`` says whether the ledger keeps the checks, which a session for reading cannot have it do.
    """

    series: int
    blocks: int
    rows: int
    left: int
    oldest: int
    seconds: float
    pinned: int = 0
    damage: tuple[Damage, ...] = ()
    skipped: tuple[str, ...] = ()
    noted: bool = True

    @property
    def ok(self) -> bool:
        """Whether every bar that was read is what it was."""
        return not self.damage

    @property
    def complete(self) -> bool:
        """Whether nothing is left for another run."""
        return not self.left and not self.skipped

    def json(self) -> dict[str, Any]:
        """Return it as plain JSON values; ns are decimal text."""
        return {
            "ok": self.ok,
            "complete": self.complete,
            "series": self.series,
            "blocks": self.blocks,
            "pinned": self.pinned,
            "rows": self.rows,
            "left": self.left,
            "oldest_check": str(self.oldest),
            "seconds": round(self.seconds, 3),
            "damage": [_told(one) for one in self.damage],
            "skipped": list(self.skipped),
            "noted": self.noted,
        }

    def __str__(self) -> str:
        """Say it in a line."""
        verdict = "as they were" if self.ok else f"{len(self.damage):,} stretches damaged"
        rest = f"; {self.left:,} blocks left" if self.left else ""
        kept = "" if self.noted else "; no check was noted, since this session is for reading"
        older = f" ({self.pinned:,} of them as only snapshots hold them)" if self.pinned else ""
        what = f"{self.rows:,} bars in {self.blocks:,} blocks{older} of {self.series:,} series"
        return f"{what} read again: {verdict}{rest}{kept}"

    def __repr__(self) -> str:
        """Say it in brackets."""
        return f"<LibraryVerification {self}>"


@dataclass(kw_only=True)
class _Tally:
    series: set[Series] = field(default_factory=set)
    blocks: int = 0
    pinned: int = 0
    rows: int = 0
    damage: list[Damage] = field(default_factory=list)
    skipped: dict[Series, str] = field(default_factory=dict)


class Verifier:
    """One run over the blocks of some series, or of all."""

    def __init__(
        self,
        vault: Vault,
        *,
        budget: VerificationBudget,
        series: Sequence[Series] | None,
        steady: Steady,
        progress: Listener | None,
        stop: Event | None = None,
    ) -> None:
        """Begin the run: blocks that are checked from now on are not looked at again."""
        self._vault = vault
        self._budget = budget
        self._series = series
        self._steady = steady
        self._progress = progress
        self._stop = stop or Event()
        self._since = vault.ledger.now()
        self._begun = steady()
        self._tally = _Tally()
        self._total = 0
        self._kept: Kept | None = None
        self._checks: list[BlockCheck] = []
        self._pinned: list[PinnedCheck] = []
        self._pinned_checks: list[PinnedCheck] = []
        self._read_pinned: set[int] = set()

    def run(self) -> LibraryVerification:
        """Verify until nothing is due, or the budget is spent."""
        state = self._vault.ledger.quality.state(self._series)
        self._pinned = oldest_first(self._vault.ledger.quality.pinned(self._series))
        self._total = state.blocks + len(self._pinned)
        try:
            self._verify()
        except BaseException:
            with suppress(Exception):
                self._flush()
            raise
        self._flush()
        return self._finish()

    def _verify(self) -> None:
        while waiting := self._due():
            before = self._tally.blocks, len(self._tally.skipped)
            room = all(self._step(part) for part in self._parts(waiting))
            # Where nothing is noted, the same blocks would wait again.
            if self._vault.read_only or not room or before == (self._tally.blocks, len(self._tally.skipped)):
                return

    def _due(self) -> list[Waiting]:
        self._flush()
        skipped = self._tally.skipped
        most = _EVERY if self._vault.read_only else _LOOKED_UP
        room = most if self._budget.blocks is None else self._budget.blocks - self._tally.blocks
        if room <= 0:
            return []
        # Those that were skipped stay the oldest, and would hide all others.
        series = self._series
        if skipped:
            known = self._vault.ledger.catalog.series() if series is None else series
            series = [one for one in known if one not in skipped]
        current = self._vault.ledger.quality.due(before=self._since, limit=min(room, most), series=series)
        pinned = [one for one in self._unread() if one.series not in skipped]
        both: Iterator[Waiting] = merge(current, pinned, key=_checked_at)
        return list(islice(both, min(room, most)))

    def _unread(self) -> list[PinnedCheck]:
        return [one for one in self._pinned if id(one) not in self._read_pinned]

    def _parts(self, waiting: Sequence[Waiting]) -> Iterator[list[Waiting]]:
        """Give what is read of one series together, as much as memory and what is left of the budget allow."""
        for _, alike in groupby(waiting, key=part_of):
            part: list[Waiting] = []
            rows = 0
            for due in alike:
                if part and rows + due.rows > self._room():
                    yield part
                    part, rows = [], 0
                part.append(due)
                rows += due.rows
            if part:
                yield part

    def _room(self) -> float:
        """Return how many bars the next step may read."""
        if self._budget.seconds == float("inf"):
            return _ROWS
        spent = self._steady() - self._begun
        if not self._tally.rows or spent <= 0:
            return _FIRST_ROWS
        return min(_ROWS, max(self._budget.seconds - spent, 0.0) * self._tally.rows / spent)

    def _step(self, part: Sequence[Waiting]) -> bool:
        """Verify blocks of one series; tells whether there was room for it in the budget."""
        series = part[0].series
        if self._stop.is_set():
            return False
        if self._tally.blocks and self._steady() - self._begun >= self._budget.seconds:
            return False
        if series in self._tally.skipped:
            return True
        pinned = [one for one in part if isinstance(one, PinnedCheck)]
        try:
            if pinned:
                self._verify_pinned(pinned)
            else:
                self._verify_current(series, [one for one in part if isinstance(one, Due)])
        except (Busy, RevisionExpired) as error:
            self._tally.skipped[series] = str(error)
        return True

    def _verify_current(self, series: Series, part: Sequence[Due]) -> None:
        kept, damage = self._read(series, part)
        faults.reach("verify.read")
        starts = {due.start for due in part}
        blocks = [block for block in kept.blocks if block.start in starts]
        self._checks += block_checks(series, blocks, damage)
        self._note(series, damage, blocks=len(starts), rows=sum(block.rows for block in blocks))

    def _verify_pinned(self, part: Sequence[PinnedCheck]) -> None:
        checks, damage = verify_pinned(self._vault, part)
        faults.reach("verify.read")
        self._read_pinned |= {id(one) for one in part}
        self._pinned_checks += checks
        self._tally.pinned += len(part)
        self._note(part[0].series, damage, blocks=len(part), rows=sum(one.rows for one in checks))

    def _read(self, series: Series, part: Sequence[Due]) -> tuple[Kept, list[Damage]]:
        """Read blocks again; what writers or retention changed meanwhile is no damage."""
        starts = {due.start for due in part}
        for _ in range(_ATTEMPTS):
            kept = self._keep(series)
            damage = verify_kept(self._vault, kept, [block for block in kept.blocks if block.start in starts])
            if not damage or not moved(self._vault, kept.state):
                return kept, damage
        raise Busy(what=str(series), waited=0.0)

    def _keep(self, series: Series) -> Kept:
        """Return what the ledger keeps of all of a series; looked up again if it has moved since."""
        kept = self._kept
        if kept is None or kept.state.series != series or moved(self._vault, kept.state):
            kept = self._kept = keep(self._vault, series, everything())
        return kept

    def _note(self, series: Series, damage: Sequence[Damage], *, blocks: int, rows: int) -> None:
        """Keep what was found out for the ledger; damage is told at once."""
        tally = self._tally
        if damage:
            self._flush(details={"damage": [_told(one) for one in damage[:_TOLD]]})
            if not self._vault.read_only:
                self._vault.notify(notice_of(series, damage))
        tally.series.add(series)
        tally.blocks += blocks
        tally.rows += rows
        tally.damage += damage
        waiting = sum(check.rows for check in self._checks) + sum(check.rows for check in self._pinned_checks)
        if waiting >= _UNRECORDED_ROWS:
            self._flush()
        if self._progress is not None:
            self._progress(Advance(series=series, blocks=tally.blocks, total=self._total, damaged=len(tally.damage)))

    def _flush(self, *, details: Mapping[str, Any] | None = None) -> None:
        """Write the checks of all steps since the last time, since a transaction takes as long as reading much."""
        checks, self._checks = self._checks, []
        pinned, self._pinned_checks = self._pinned_checks, []
        if (checks or pinned or details) and not self._vault.read_only:
            self._vault.ledger.quality.record([], checks, self._vault.who("verify"), pinned=pinned, details=details)
            faults.reach("verify.recorded")

    def _finish(self) -> LibraryVerification:
        ledger, tally = self._vault.ledger, self._tally
        state, reading = ledger.quality.state(self._series, before=self._since), self._vault.read_only
        unread = [one.checked_at for one in self._unread()]
        left = state.due + len(unread) - (tally.blocks - tally.pinned if reading else 0)
        never = state.never or 0 in unread
        oldest = min([*unread, *([state.oldest] if state.oldest else [])], default=0)
        found = LibraryVerification(
            series=len(tally.series),
            blocks=tally.blocks,
            rows=tally.rows,
            pinned=tally.pinned,
            left=left,
            oldest=0 if never else oldest,
            seconds=self._steady() - self._begun,
            damage=tuple(tally.damage),
            skipped=tuple(f"{series}: {why}" for series, why in tally.skipped.items()),
            noted=not reading,
        )
        # A library in which nothing was ever written shall not look as if something had been.
        if reading or not (self._total or ledger.revisions.last()):
            return found
        told = {"series": found.series, "blocks": found.blocks, "bars": found.rows, "left": found.left}
        told |= {"pinned": found.pinned} if found.pinned else {}
        ledger.quality.record(
            [], [], self._vault.who("verify"), details={"verified": {**told, "damaged": len(found.damage)}}
        )
        return found


def _checked_at(one: Waiting) -> int:
    return one.checked_at


def notice_of(series: Series, damage: Sequence[Damage]) -> Notice:
    """Return the notice that bars of a series are not what they were."""
    blocks = sum(one.blocks for one in damage)
    shown = "\n".join(str(one) for one in damage[:_TOLD])
    more = f"\nand {len(damage) - _TOLD} more" if len(damage) > _TOLD else ""
    return Notice(
        kind="verification_failed",
        severity="critical",
        subject=f"{series}: {blocks} damaged {'block' if blocks == 1 else 'blocks'}, the first {damage[0]}",
        about=str(series),
        body=shown + more,
        details={"series": str(series), "damage": [_told(one) for one in damage[:_TOLD]]},
    )


def _told(one: Damage) -> dict[str, Any]:
    return {
        "series": str(one.series),
        "start": str(one.interval.start),
        "end": str(one.interval.end),
        "from": format_time(one.interval.start),
        "blocks": str(one.blocks),
        "detail": one.detail,
    }
