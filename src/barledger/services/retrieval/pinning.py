"""Pinning: what a backtest is going to read is fetched and put under one snapshot before any of it is handed out."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from barledger.domain.bars import Bars
from barledger.ledger.contract import Intent
from barledger.services.cache import snapshots
from barledger.services.cache.vault import Vault
from barledger.services.retrieval.completing import Completer
from barledger.services.retrieval.dataset import Dataset, keep_handed, manifest_of
from barledger.services.retrieval.indicated import Wish
from barledger.services.retrieval.request import ReadRequest
from barledger.services.retrieval.sealing import Sealer
from barledger.services.retrieval.selection import Name


@dataclass(frozen=True, slots=True, kw_only=True)
class Backtest:
    """What a strategy wants to read: bars of these names, as ``request`` says, and indicators if there is a ``wish``.

    The request's lookback is long enough to settle them. ``purpose`` and ``id`` are those of its snapshot; ``fetching``
    are the options of fetching what is missing, None where nothing is fetched.
    """

    strategy: str
    names: Sequence[Name]
    request: ReadRequest
    purpose: str
    id: str | None
    wish: Wish | None
    fetching: Mapping[str, Any] | None


class Pinner:
    """Makes datasets."""

    def __init__(
        self,
        vault: Vault,
        completer: Completer,
        sealer: Sealer,
        *,
        before: Callable[..., object] | None,
        bars: Callable[..., Bars],
        panel: Callable[..., Any],
    ) -> None:
        """Fetch by this completer; ``bars`` and ``panel`` read what is pinned, ``before`` is told of what will be."""
        self._vault, self._completer, self._sealer = vault, completer, sealer
        self._before, self._bars, self._panel = before, bars, panel

    def pinned(self, wanted: Backtest) -> Dataset:
        """Fetch what is missing, pin everything under one snapshot, and return what reads from that."""
        keys = tuple((instrument, frame.name) for instrument, frame in wanted.names)
        wish, request = wanted.wish, wanted.request
        fetching = wanted.fetching
        fetched = {} if fetching is None else self._completer.close_gaps(wanted.names, request, fetching)
        missing = [still for one in fetched.values() for still in one.missing]
        ranges: list[Intent] = []
        for name in wanted.names:
            whole = wish is not None and wish.anchored
            intents, short = self._completer.ranges(name, request, fetched.get(name), whole=whole)
            ranges += intents
            missing += short
        if wish is not None:
            wish.tried(keys, request.interval, source=request.source, adjust=request.adjust)
        asked = snapshots.SnapshotRequest(ranges=ranges, purpose=wanted.purpose, strategy=wanted.strategy, id=wanted.id)
        if self._before is not None and not self._vault.read_only:
            self._before(strategy=wanted.strategy, series=list(keys))
        taken = snapshots.take(self._vault, asked)
        adjusted = None if request.adjust is None else self._sealer.of_snapshot(taken, request.adjust)
        computed = None if wish is None else wish.sealed(keys, taken.id, request.interval, request.adjust)
        taken = keep_handed(self._vault, taken, adjustment=adjusted, indicators=computed)
        self._completer.say_incomplete(missing)
        return Dataset(
            snapshot=taken,
            manifest=manifest_of(self._vault, taken),
            keys=keys,
            interval=request.interval,
            missing=tuple(missing),
            read=lambda key: self._bars(*key, version=taken.id, adjust=request.adjust),
            panel=self._panel,
            calculate=None
            if wish is None
            else lambda key: wish.calculated(key, taken.id, request.interval, request.adjust),
        )
