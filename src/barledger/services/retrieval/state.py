"""States: at which revision each series is read, so that all series of one question are of one consistent cut."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from barledger.domain.series import Series
from barledger.domain.version import Version
from barledger.errors import FutureTime
from barledger.ledger.contract import SeriesState, Snapshot
from barledger.services.cache.vault import Vault


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """What a version resolved to: a snapshot, or a revision of each series.

    A series without an entry in ``at`` is read as it is when it is read, which is only right for a single one.
    ``looked`` is what the ledger told of the series when their newest revisions were resolved, or a single one chosen.
    """

    version: Version
    snapshot: Snapshot | None = None
    at: Mapping[Series, int] = field(default_factory=dict)
    looked: Mapping[Series, SeriesState] = field(default_factory=dict)

    @property
    def known_at(self) -> int | None:
        """Return until when (ns) things were known in this state, or None if that is now."""
        if self.snapshot is not None:
            return self.snapshot.created_at
        return self.version.number if self.version.kind in ("time", "revision") else None


def state_of(vault: Vault, series: Sequence[Series], version: Version, *, looked: SeriesState | None = None) -> State:
    """Resolve a version that is no snapshot, once for all series; raises `FutureTime`.

    ``looked`` is what the ledger told of the first one when it was chosen.
    """
    if version.kind == "time":
        at = {one: vault.ledger.revisions.at_time(one, version.number) for one in series}
        return State(version=version, at=at)
    if version.kind == "revision":
        last = vault.ledger.revisions.last()
        if version.number > last:
            raise FutureTime(value=f"revision:{version.number}", now=f"revision {last}")
        return State(version=version, at=dict.fromkeys(series, version.number))
    if len(series) == 1:
        return State(version=version, looked={} if looked is None else {looked.series: looked})
    found = {state.series: state for state in vault.ledger.revisions.states(series)}
    return State(version=version, at={one: state.revision for one, state in found.items()}, looked=found)
