"""Comparing sealed bars with those of this library."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from barledger.domain.digest import digest
from barledger.domain.interval import Interval, everything
from barledger.domain.rows import Rows
from barledger.errors import IntegrityError, NotFound, RevisionExpired
from barledger.ledger.contract import SeriesState, Snapshot
from barledger.services.cache.reader import read
from barledger.services.cache.vault import Vault
from barledger.services.cache.versions import left, pinned_rows
from barledger.services.retrieval.manifest import Sealed

ReadAs = Literal["snapshot", "revision", "latest", "nothing"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """Whether this library has the sealed bars, where it read them, and what is different if it has not.

    ``adjust`` says that these are the bars that are handed out, adjusted so, and not those that are stored, and
    ``indicators`` that these are no bars, but indicators of them.
    """

    sealed: Sealed
    same: bool
    read_as: ReadAs
    rows: int
    digest: str
    detail: str = ""
    adjust: str = ""
    indicators: str = ""

    @property
    def stored(self) -> bool:
        """Whether these are bars as they are stored."""
        return not self.adjust and not self.indicators

    def __str__(self) -> str:
        """Say it in a line."""
        verdict = "the same" if self.same else self.detail
        adjusted = f", adjusted ({self.adjust})" if self.adjust else ""
        computed = f", {self.indicators}" if self.indicators else ""
        return f"{self.sealed.series} in {self.sealed.interval}{adjusted}{computed}: {verdict}"


def compare_at(vault: Vault, sealed: Sealed, *, snapshot: Snapshot | None, same_ledger: bool) -> Compared:
    """Compare with the bars at the sealed revision, or with those of the snapshot that pins them.

    In a library of another ledger revisions are other numbers; its newest bars will do as well there.
    """
    try:
        return _compare_at(vault, sealed, snapshot, same_ledger=same_ledger)
    except (IntegrityError, RevisionExpired, NotFound) as error:
        return Compared(sealed=sealed, same=False, read_as="nothing", rows=0, digest="", detail=str(error))


def _compare_at(vault: Vault, sealed: Sealed, snapshot: Snapshot | None, *, same_ledger: bool) -> Compared:
    pin = next((one for one in (snapshot.pins if snapshot else ()) if _is_pin(one.series, one.interval, sealed)), None)
    if snapshot is not None and pin is not None:
        return _judge(sealed, pinned_rows(vault, snapshot, pin, [pin.interval]), "snapshot")
    state = vault.ledger.revisions.state(sealed.series)
    if not state.revision:
        detail = "this library has no bars of it"
        return Compared(sealed=sealed, same=False, read_as="nothing", rows=0, digest="", detail=detail)
    if same_ledger or _knows(vault, sealed):
        found = _judge(sealed, _rows(vault, state, sealed, sealed.revision), "revision")
        if found.same or same_ledger:
            return found
    return compare_latest(vault, sealed)


def compare_latest(vault: Vault, sealed: Sealed) -> Compared:
    """Compare with the newest bars."""
    state = vault.ledger.revisions.state(sealed.series)
    return _judge(sealed, _rows(vault, state, sealed, None), "latest")


def seal(vault: Vault, sealed: Sealed) -> Sealed:
    """Return the same question with the number and the digest of the bars that answer it."""
    state = vault.ledger.revisions.state(sealed.series)
    rows = _rows(vault, state, sealed, sealed.revision)
    return Sealed(
        series=sealed.series,
        interval=sealed.interval,
        revision=sealed.revision,
        rows=len(rows),
        digest=digest(rows, sealed.series.timeframe).hex(),
    )


def _is_pin(series: object, interval: Interval, sealed: Sealed) -> bool:
    return (series, interval) == (sealed.series, sealed.interval)


def _knows(vault: Vault, sealed: Sealed) -> bool:
    """Tell whether the ledger has committed a revision of this number, as a copy of the other ledger has."""
    record = vault.ledger.revisions.record(sealed.revision)
    return record is not None and record.state == "committed"


def _rows(vault: Vault, state: SeriesState, sealed: Sealed, revision: int | None) -> Rows:
    interval = sealed.interval
    wanted: Sequence[Interval] = [interval]
    if interval.start == everything().start:
        wanted = left(state, interval, revision)
    return read(vault, sealed.series, wanted, revision=revision).rows.standing()


def _judge(sealed: Sealed, rows: Rows, read_as: ReadAs) -> Compared:
    found = digest(rows, sealed.series.timeframe).hex()
    detail = ""
    if found != sealed.digest:
        few = f"{len(rows):,} bars instead of {sealed.rows:,}"
        other = f"digest {found[:16]}… instead of {sealed.digest[:16]}…"
        detail = few if len(rows) != sealed.rows else other
    return Compared(
        sealed=sealed, same=found == sealed.digest, read_as=read_as, rows=len(rows), digest=found, detail=detail
    )
