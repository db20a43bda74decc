"""Datasets: all the bars of a backtest, pinned before any of them is handed out."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from barledger.domain.adjustment import Mode
from barledger.domain.bars import Bars
from barledger.domain.interval import BEGINNING, Interval
from barledger.errors import BarledgerError, InvalidSetting, VersionNotFound
from barledger.indicators.calculation import Calculation
from barledger.ledger.contract import Snapshot
from barledger.services.cache.snapshots import finish
from barledger.services.cache.vault import Vault
from barledger.services.retrieval.collection import Asked, BarsBySeries, Item, Key, key_of
from barledger.services.retrieval.comparison import Compared, compare_at
from barledger.services.retrieval.fetching import Still
from barledger.services.retrieval.indicated import (
    IndicatorsOf,
    SealedCalculation,
    SealedIndicators,
    again,
    difference,
)
from barledger.services.retrieval.manifest import DATASET, LOCK, Manifest, Sealed, SealedAdjustment, ordered
from barledger.services.retrieval.sealing import Sealer


class _Lazily(Mapping[Key, Item]):
    """Bars, or what is made of them, that are read when they are first looked at."""

    def __init__(self, keys: tuple[Key, ...], read: Callable[[Key], Item]) -> None:
        self._keys = keys
        self._read = read
        self._found: dict[Key, Item] = {}

    def __getitem__(self, key: Key) -> Item:
        if key not in self._keys:
            raise KeyError(key)
        if key not in self._found:
            self._found[key] = self._read(key)
        return self._found[key]

    def __iter__(self) -> Any:
        return iter(self._keys)

    def __len__(self) -> int:
        return len(self._keys)


class Dataset(BarsBySeries):
    """Bars by (instrument, timeframe), read from one snapshot and from nothing else.

    ``interval`` is what was asked for; bars of the lookback lie before it. ``missing`` tells what could not be found
    when it was made.
    """

    def __init__(
        self,
        *,
        snapshot: Snapshot,
        manifest: Manifest,
        keys: tuple[Key, ...],
        interval: Interval,
        missing: tuple[Still, ...],
        read: Callable[[Key], Bars],
        panel: Callable[..., Any],
        calculate: Callable[[Key], Calculation] | None = None,
    ) -> None:
        """Hold what was pinned."""
        super().__init__(_Lazily(keys, read))
        self._calculated = None if calculate is None else _Lazily(keys, calculate)
        self.snapshot = snapshot
        self.manifest = manifest
        self.interval = interval
        self.missing = missing
        self._panel = panel

    @property
    def id(self) -> str:
        """Return the snapshot's id."""
        return self.snapshot.id

    @property
    def strategy(self) -> str | None:
        """Return the strategy that relies on it."""
        return self.snapshot.strategy

    @property
    def digest(self) -> str:
        """Return the digest over all its bars: the same on every machine that has the same ones."""
        return self.manifest.digest

    def indicators(self, asked: Asked | None = None) -> Calculation:
        """Return the indicators of an instrument (at a timeframe, if there are several), from the start on.

        They are read from the same snapshot as the bars, those before the start among them, and sealed with them.
        Raises `SeriesNotFound`, and `InvalidSetting` if the dataset was made without indicators.
        """
        if self._calculated is None:
            raise InvalidSetting(setting="indicators", reason="this dataset was made without any")
        return self._calculated[self._key(asked)]

    def frame(self, asked: Asked | None = None) -> Any:
        """Return bars and indicators of an instrument as one pandas frame, from the start that was asked for on."""
        calculated = self.indicators(asked).df
        bars = self[self._key(asked)].df.loc[calculated.index]
        joined = bars.join(calculated)
        joined.attrs.update({"bars": bars.attrs, "indicators": calculated.attrs, "digest": self.digest})
        return joined

    def _key(self, asked: Asked | None) -> Key:
        """Return the key that is meant, which nobody has to name where there is one."""
        if asked is not None:
            return key_of(asked, self)
        first, *more = self
        if more:
            listed = ", ".join(" ".join(key) for key in self)
            raise InvalidSetting(setting="asked", reason=f"this dataset has {listed}; say which one, e.g. {first!r}")
        return first

    @property
    def adjust(self) -> Mode | None:
        """Return what its bars are adjusted for, or None if they are as they are stored."""
        sealed = self.manifest.adjustment
        return None if sealed is None else sealed.mode

    def panel(self, timeframe: str, **options: Any) -> Any:
        """Return all its instruments at a timeframe as one frame; the options are those of `retrieval.panel`."""
        instruments = [instrument for instrument, frame in self if frame == timeframe]
        return self._panel(instruments, timeframe, version=self.id, **{"adjust": self.adjust, **options})

    def save_manifest(self, path: str | Path) -> Path:
        """Write what another machine needs to check that it has the same bars."""
        return self.manifest.save(path)

    def __repr__(self) -> str:
        """Say which snapshot this is, and of how many series."""
        rows = sum(one.rows for one in self.manifest.series)
        sealed = self.manifest.indicators
        beside = "" if sealed is None else f", with {', '.join(sealed.specs)}"
        return f"<Dataset {self.id}: {rows:,} bars of {len(self)} series{beside}, digest {self.digest[:16]}…>"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reproduction:
    """Whether this library has the bytes of a dataset, series by series."""

    id: str
    series: tuple[Compared, ...]

    @property
    def same(self) -> bool:
        """Whether every bar is the same."""
        return all(one.same for one in self.series)

    def __bool__(self) -> bool:
        """Whether every bar is the same."""
        return self.same

    def __str__(self) -> str:
        """Say it in lines."""
        head = f"{self.id}: {'the same bytes' if self.same else 'not the same bytes'}"
        return "\n".join([head, *(f"  {one}" for one in self.series)])


def manifest_of(vault: Vault, snapshot: Snapshot) -> Manifest:
    """Return the manifest of a complete snapshot, with the adjustment and indicators that its dataset was made with."""
    handed = json.loads(snapshot.adjusted) if snapshot.adjusted else {}
    return Manifest(
        format=DATASET,
        ledger=vault.ledger.id,
        series=ordered(Sealed.of(pin) for pin in snapshot.pins),
        snapshot=snapshot.id,
        strategy=snapshot.strategy or "",
        adjustment=SealedAdjustment.read(handed) if "mode" in handed else None,
        indicators=SealedIndicators.read(handed["indicators"]) if "indicators" in handed else None,
    )


def keep_handed(
    vault: Vault, snapshot: Snapshot, *, adjustment: SealedAdjustment | None, indicators: SealedIndicators | None
) -> Snapshot:
    """Note in the ledger what a dataset hands out of its bars, so that it can be made again."""
    told = ({} if adjustment is None else adjustment.told) | (
        {} if indicators is None else {"indicators": indicators.told}
    )
    if not told:
        return snapshot
    text = json.dumps(told, sort_keys=True, separators=(",", ":"))
    return vault.ledger.snapshots.set_adjusted(snapshot.id, text, vault.who("adjust", purpose=snapshot.purpose))


def reproduce(
    vault: Vault,
    snapshot_id: str,
    manifest: str | Path | Manifest | None,
    sealer: Sealer,
    service: Callable[[], IndicatorsOf] | None = None,
) -> Reproduction:
    """Read the bars of a dataset again, compute its indicators again, and compare them with its digests.

    Those digests are the ledger's own, or the manifest's. Raises `VersionNotFound` for an id that this ledger does not
    know, if there is no manifest, and `InvalidSetting` for the manifest of something else.
    """
    known = vault.ledger.snapshots.get(snapshot_id)
    snapshot = None if known is None else finish(vault, known)
    if manifest is None:
        if snapshot is None:
            raise VersionNotFound(version=snapshot_id)
        wanted = manifest_of(vault, snapshot)
    else:
        wanted = manifest if isinstance(manifest, Manifest) else Manifest.load(manifest, DATASET, LOCK)
        if wanted.snapshot != snapshot_id:
            reason = f"it is of {wanted.snapshot or 'no snapshot'}, not of {snapshot_id}"
            raise InvalidSetting(setting="manifest", reason=reason)
    same_ledger = wanted.ledger == vault.ledger.id
    compared = [
        compare_at(vault, one, snapshot=snapshot if same_ledger else None, same_ledger=same_ledger)
        for one in wanted.series
    ]
    compared += sealer.compare(wanted, snapshot=snapshot if same_ledger else None, same_ledger=same_ledger)
    compared += compare_indicators(wanted, snapshot=snapshot if same_ledger else None, service=service)
    return Reproduction(id=snapshot_id, series=tuple(compared))


def compare_indicators(
    manifest: Manifest, *, snapshot: Snapshot | None, service: Callable[[], IndicatorsOf] | None
) -> list[Compared]:
    """Compute the indicators of a manifest again, from its snapshot, else from the newest bars, and compare them."""
    sealed = manifest.indicators
    if sealed is None:
        return []
    if service is None:
        raise InvalidSetting(setting="indicators", reason="the manifest has some, and this service computes none")
    return [_again(manifest, sealed, one, snapshot, service()) for one in sealed.series]


def _again(
    manifest: Manifest,
    sealed: SealedIndicators,
    one: SealedCalculation,
    snapshot: Snapshot | None,
    service: IndicatorsOf,
) -> Compared:
    key = one.instrument, one.timeframe
    mine = [it for it in manifest.series if (it.series.instrument, it.series.timeframe.name) == key]
    options: dict[str, Any] = {"adjust": None if manifest.adjustment is None else manifest.adjustment.mode}
    if snapshot is not None:
        options["version"] = snapshot.id
    else:
        bounds = mine[0].interval
        options |= {
            "end": bounds.end,
            "anchor": None if bounds.start == BEGINNING else bounds.start,
            "source": mine[0].series.source if len(mine) == 1 else None,
        }
    found = again(sealed, one, service, **options)
    said = replace(mine[0], rows=one.rows, digest=one.digest)
    failed = isinstance(found, BarledgerError)
    detail = str(found) if isinstance(found, BarledgerError) else difference(sealed, one, found)
    return Compared(
        sealed=said,
        same=not detail,
        read_as="nothing" if failed else "snapshot" if snapshot is not None else "latest",
        rows=0 if isinstance(found, BarledgerError) else len(found),
        digest="" if isinstance(found, BarledgerError) else found.digest,
        detail=detail,
        indicators=", ".join(sealed.specs),
    )
