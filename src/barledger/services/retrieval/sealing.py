"""Sealing adjusted bars: their digests go into a manifest beside those of the stored ones, and are compared again."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from barledger.domain.adjustment import Mode
from barledger.domain.digest import digest
from barledger.domain.interval import END_OF_TIME, Interval, parse_time
from barledger.domain.rows import Rows
from barledger.domain.series import Series
from barledger.domain.timeframe import Timeframe
from barledger.domain.version import Version
from barledger.errors import IntegrityError, NotFound, Refused
from barledger.ledger.contract import Pin, Snapshot
from barledger.services.cache.vault import Vault
from barledger.services.instruments import InstrumentService
from barledger.services.retrieval.adjusting import Adjuster, settled
from barledger.services.retrieval.comparison import Compared, ReadAs
from barledger.services.retrieval.manifest import Manifest, Sealed, SealedAdjustment, SealedView
from barledger.services.retrieval.state import State
from barledger.services.retrieval.view import View


@dataclass(frozen=True, slots=True)
class Sealer:
    """Seals and compares adjusted bars."""

    vault: Vault
    instruments: InstrumentService
    adjuster: Adjuster

    def seal(self, views: Sequence[View], interval: Interval, mode: Mode) -> SealedAdjustment:
        """Return what some views of one state show when they are adjusted."""
        known_at = max(settled(view) for view in views)
        sealed = [self._sealed(view, interval, mode, known_at) for view in views]
        return SealedAdjustment(mode=mode, known_at=known_at, closed=bool(views[0].pins), views=tuple(sealed))

    def of_snapshot(self, snapshot: Snapshot, mode: Mode) -> SealedAdjustment:
        """Return what a complete snapshot's bars are when they are adjusted."""
        keys = dict.fromkeys((pin.series.instrument, pin.series.timeframe) for pin in snapshot.pins)
        views = [self._pinned(snapshot, *key) for key in keys]
        known_at = snapshot.created_at
        sealed = [self._sealed(view, Interval.of(None, None), mode, known_at) for view in views]
        return SealedAdjustment(mode=mode, known_at=known_at, closed=True, views=tuple(sealed))

    def compare(
        self, manifest: Manifest, *, snapshot: Snapshot | None, same_ledger: bool, latest: bool = False
    ) -> list[Compared]:
        """Compare adjusted bars with a manifest: those of its snapshot or revisions, else, and if asked, the newest."""
        sealed = manifest.adjustment
        if sealed is None:
            return []
        return [self._compare(one, sealed, manifest, snapshot, same_ledger, latest) for one in sealed.views]

    # --- parts ---------------------------------------------------------------------------------

    def _compare(
        self,
        one: SealedView,
        sealed: SealedAdjustment,
        manifest: Manifest,
        snapshot: Snapshot | None,
        same_ledger: bool,  # noqa: FBT001 - as above
        latest: bool,  # noqa: FBT001 - as above
    ) -> Compared:
        frame = Timeframe.of(one.timeframe)
        mine = [it for it in manifest.series if (it.series.instrument, it.series.timeframe) == (one.instrument, frame)]
        said = Sealed(
            series=mine[0].series,
            interval=mine[0].interval,
            revision=mine[0].revision,
            rows=one.rows,
            digest=one.digest,
        )
        try:
            read_as, rows = self._read(sealed, mine, snapshot, same_ledger, latest)
        except (IntegrityError, Refused, NotFound) as error:
            told = str(error)
            return Compared(
                sealed=said, same=False, read_as="nothing", rows=0, digest="", detail=told, adjust=sealed.mode
            )
        found = digest(rows, frame).hex()
        detail = "" if found == one.digest else f"digest {found[:16]}… instead of {one.digest[:16]}…"
        return Compared(
            sealed=said,
            same=not detail,
            read_as=read_as,
            rows=len(rows),
            digest=found,
            detail=detail,
            adjust=sealed.mode,
        )

    def _read(
        self,
        sealed: SealedAdjustment,
        mine: Sequence[Sealed],
        snapshot: Snapshot | None,
        same_ledger: bool,  # noqa: FBT001 - one question
        latest: bool,  # noqa: FBT001 - as above
    ) -> tuple[ReadAs, Rows]:
        first = mine[0]
        if snapshot is not None and not latest:
            view = self._pinned(snapshot, first.series.instrument, first.series.timeframe)
            return "snapshot", self._rows(view, Interval.of(None, None), sealed.mode, sealed.known_at, None)
        end = first.interval.end if sealed.closed else END_OF_TIME
        known_at = None if latest or not same_ledger else sealed.known_at
        view = self._view([one.series for one in mine], mine if same_ledger and not latest else ())
        rows = self._rows(view, first.interval, sealed.mode, known_at, end)
        return ("revision" if same_ledger and not latest else "latest"), rows

    def _view(self, series: Sequence[Series], at: Sequence[Sealed]) -> View:
        states = {one.series: one.revision for one in at}
        if not states and len(series) > 1:
            states = {one.series: one.revision for one in self.vault.ledger.revisions.states(series)}
        return View(
            vault=self.vault,
            instruments=self.instruments,
            instrument=series[0].instrument,
            timeframe=series[0].timeframe,
            series=tuple(series),
            state=State(version=Version.of("latest"), at=states),
        )

    def _pinned(self, snapshot: Snapshot, instrument: str, timeframe: Timeframe) -> View:
        pins: list[Pin] = [
            pin for pin in snapshot.pins if (pin.series.instrument, pin.series.timeframe) == (instrument, timeframe)
        ]
        return View(
            vault=self.vault,
            instruments=self.instruments,
            instrument=instrument,
            timeframe=timeframe,
            series=tuple(pin.series for pin in pins),
            state=State(version=Version.of(snapshot.id), snapshot=snapshot),
            pins=tuple(pins),
        )

    def _sealed(self, view: View, interval: Interval, mode: Mode, known_at: int) -> SealedView:
        rows = self._rows(view, interval, mode, known_at, None)
        return SealedView(
            instrument=view.instrument,
            timeframe=view.timeframe.name,
            rows=len(rows),
            digest=digest(rows, view.timeframe).hex(),
        )

    def _rows(self, view: View, interval: Interval, mode: Mode, known_at: int | None, end: int | None) -> Rows:
        stretch = view.read(interval)
        return self.adjuster.adjust(view, stretch, mode, known_at=known_at, end=end).stretch.rows


def adjusted_as(mode: Mode, told: Mapping[str, Any], sealed: Sequence[Sealed]) -> SealedAdjustment:
    """Return how bars that were read have been adjusted; ``told`` is what their notes say of it."""
    views = tuple(
        SealedView(
            instrument=one.series.instrument, timeframe=one.series.timeframe.name, rows=one.rows, digest=one.digest
        )
        for one in sealed
    )
    return SealedAdjustment(mode=mode, known_at=parse_time(told["known_at"]), closed=told["closed"], views=views)
