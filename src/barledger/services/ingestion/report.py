"""Reports: what an ingestion did, in all and for each series."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

from barledger.domain.interval import Interval
from barledger.domain.readable import Readable
from barledger.domain.series import Series
from barledger.errors import BarledgerError
from barledger.services.cache.commit import Written
from barledger.services.ingestion.restatement import Restatement

State = Literal["done", "current", "proposed", "not_done", "failed", "skipped"]


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class InstrumentReport(Readable):
    """What became of one series.

    ``state`` is ``done``; ``current`` if there was nothing to ask for; ``proposed`` if changes wait for a decision;
    ``not_done`` if the budget was spent, or all was stopped, before the end; ``failed`` with the ``error``;
    ``skipped`` if callers wrote its bars, so that nobody can be asked for those that are missing. ``asked`` are the
    stretches that the source was asked for, ``left`` those without an answer, ``out_of_reach`` what lies before the
    source's history. ``notes`` say in words what was left out, and why nothing came. ``dropped`` counts bars
    that were not closed yet, ``future`` those that had not even opened, ``held`` new bars that wait with a restatement,
    ``declined`` changes that were rejected before. ``flagged`` are discrepancies about bars that look wrong beyond
    doubt, and were written all the same; ``heard`` is what the source said of how it read them. ``decided`` counts the
    bars that the source gives as they were before somebody corrected them, which stay corrected, and ``decisions``
    names the corrections; ``overruled`` are those of which it gives some bars in a third way, which is a change.
    """

    series: Series
    state: State
    written: Written
    error: BarledgerError | None = None
    asked: tuple[Interval, ...] = ()
    left: tuple[Interval, ...] = ()
    out_of_reach: Interval | None = None
    notes: tuple[str, ...] = ()
    dropped: int = 0
    future: int = 0
    proposed: int = 0
    held: int = 0
    declined: int = 0
    decided: int = 0
    decisions: tuple[str, ...] = ()
    overruled: tuple[str, ...] = ()
    proposals: tuple[str, ...] = ()
    flagged: tuple[str, ...] = ()
    heard: tuple[str, ...] = ()
    restatement: Restatement | None = None
    calls: int = 0

    def __str__(self) -> str:
        """Say it in a line."""
        error = "" if self.error is None else f": [{self.error.code}] {self.error}"
        asked = f"; asked for {', '.join(map(str, self.asked))}" if self.asked else ""
        left = f"; left {', '.join(map(str, self.left))}" if self.left else ""
        notes = "".join(f"; {note}" for note in self.notes)
        state = self.state.replace("_", " ")
        return f"{self.series}: {state}{error}, {self.written.counts}{asked}{left}{notes}"

    @property
    def rescaled(self) -> bool:
        """Whether the history is on another scale than before."""
        return self.restatement is not None and self.written.changed > 0


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class IngestionReport(Written):
    """What an ingestion did: the counts of all series, and of each its own report, in the order that was asked."""

    instruments: tuple[InstrumentReport, ...] = ()
    dropped: int = 0
    future: int = 0
    proposed: int = 0
    held: int = 0
    declined: int = 0
    decided: int = 0
    proposals: tuple[str, ...] = ()
    calls: int = 0
    seconds: float = 0.0

    def __str__(self) -> str:
        """Say it in lines: all together, and each series."""
        return "\n".join([self.headline, *(f"  {one}" for one in self.instruments)])

    @property
    def headline(self) -> str:
        """Return the counts of all series, in words."""
        more = [f"{self.dropped + self.future:,} not closed yet"] if self.dropped + self.future else []
        more += [f"{self.proposed:,} proposed ({', '.join(self.proposals)})"] if self.proposals else []
        more += [f"{self.held:,} held back"] if self.held else []
        more += [f"{self.declined:,} declined before"] if self.declined else []
        more += [f"{self.decided:,} corrected before"] if self.decided else []
        return f"{', '.join([self.counts, *more])}; revision {self.revision}"

    @property
    def ok(self) -> bool:
        """Whether all that was asked for is done, and nothing waits for a decision."""
        return all(one.state in _WELL for one in self.instruments)

    @property
    def failed(self) -> tuple[InstrumentReport, ...]:
        """Return the series that failed, with their errors."""
        return self._in("failed")

    @property
    def not_done(self) -> tuple[InstrumentReport, ...]:
        """Return the series for which the budget did not last."""
        return self._in("not_done")

    @property
    def restated(self) -> tuple[InstrumentReport, ...]:
        """Return the series whose source multiplied its history."""
        return tuple(one for one in self.instruments if one.restatement is not None)

    def _in(self, state: State) -> tuple[InstrumentReport, ...]:
        return tuple(one for one in self.instruments if one.state == state)


_WELL: Final = frozenset({"done", "current", "skipped"})


def summed(reports: Sequence[InstrumentReport], *, seconds: float) -> IngestionReport:
    """Put the reports of all series together."""
    total = Written(series=(), revision=0, fields={})
    for one in reports:
        total = add(total, one.written)
    return IngestionReport(
        **{name: getattr(total, name) for name in Written.__dataclass_fields__},
        instruments=tuple(reports),
        dropped=sum(one.dropped for one in reports),
        future=sum(one.future for one in reports),
        proposed=sum(one.proposed for one in reports),
        held=sum(one.held for one in reports),
        declined=sum(one.declined for one in reports),
        decided=sum(one.decided for one in reports),
        proposals=tuple(proposal for one in reports for proposal in one.proposals),
        calls=sum(one.calls for one in reports),
        seconds=seconds,
    )


def add(left: Written, right: Written) -> Written:
    """Return what two writes did together; the revision is the later one."""
    fields = {name: left.fields.get(name, 0) + right.fields.get(name, 0) for name in {**left.fields, **right.fields}}
    return Written(
        series=tuple(dict.fromkeys((*left.series, *right.series))),
        revision=max(left.revision, right.revision),
        new=left.new + right.new,
        changed=left.changed + right.changed,
        withdrawn=left.withdrawn + right.withdrawn,
        same=left.same + right.same,
        jitter=left.jitter + right.jitter,
        quarantined=left.quarantined + right.quarantined,
        fields=fields,
    )
