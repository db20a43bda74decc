"""Exports: bars as files for other programs, with a manifest of digests that can be checked without the library."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from barledger.domain.bars import Bars
from barledger.domain.digest import digest
from barledger.domain.timeframe import Timeframe
from barledger.errors import InvalidBars, InvalidSetting, NotEmpty
from barledger.services.retrieval import files
from barledger.services.retrieval.collection import Key
from barledger.services.retrieval.manifest import EXPORT, Manifest, Sealed, SealedAdjustment, SealedFile

MANIFEST: Final = "manifest.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Export:
    """What was written, and where."""

    folder: Path
    manifest: Manifest

    @property
    def rows(self) -> int:
        """Return how many bars were written."""
        return sum(one.rows for one in self.manifest.files)


@dataclass(frozen=True, slots=True, kw_only=True)
class DamagedFile:
    """A file that is not what the manifest says, and why."""

    file: str
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportCheck:
    """What reading an export again found; ``ok`` if every file has the bars that it was written with."""

    manifest: Path
    files: int
    rows: int
    damage: tuple[DamagedFile, ...]

    @property
    def ok(self) -> bool:
        """Whether nothing is damaged."""
        return not self.damage


def export(
    bars: Mapping[Key, Bars],
    folder: Path,
    *,
    kind: files.Format,
    style: str,
    ledger: str,
    snapshot: str,
    adjustment: SealedAdjustment | None = None,
) -> Export:
    """Write a file for each series and then the manifest; raises `NotEmpty` rather than overwrite anything."""
    names = {key: files.file_name(*key, kind) for key in bars}
    _prepare(folder, [*names.values(), MANIFEST])
    written = []
    for key, one in bars.items():
        sealed = files.write(one, folder / names[key], kind, style)
        written.append(
            SealedFile(file=names[key], instrument=key[0], timeframe=key[1], style=style, rows=len(one), digest=sealed)
        )
    series = tuple(_sealed(one) for one in bars.values())
    manifest = Manifest(
        format=EXPORT,
        ledger=ledger,
        series=series,
        snapshot=snapshot,
        files=tuple(written),
        adjustment=adjustment,
    )
    manifest.save(folder / MANIFEST)
    return Export(folder=folder, manifest=manifest)


def verify_export(path: str | Path) -> ExportCheck:
    """Read the files of an export again and compare their bars with the manifest; raises `InvalidSetting`."""
    given = Path(path).expanduser()
    source = given / MANIFEST if given.is_dir() else given
    manifest = Manifest.load(source, EXPORT)
    damage = [found for one in manifest.files if (found := _check(source.parent, one)) is not None]
    rows = sum(one.rows for one in manifest.files)
    return ExportCheck(manifest=source, files=len(manifest.files), rows=rows, damage=tuple(damage))


def _check(folder: Path, sealed: SealedFile) -> DamagedFile | None:
    if Path(sealed.file).name != sealed.file:
        return DamagedFile(file=sealed.file, detail="it does not lie beside the manifest")
    timeframe = Timeframe.of(sealed.timeframe)
    try:
        rows = files.read(folder / sealed.file, timeframe, sealed.style)
    except (InvalidSetting, InvalidBars) as error:
        return DamagedFile(file=sealed.file, detail=str(error))
    if len(rows) != sealed.rows:
        return DamagedFile(file=sealed.file, detail=f"it has {len(rows):,} bars, not {sealed.rows:,}")
    found = digest(rows, timeframe).hex()
    if found != sealed.digest:
        detail = f"its bars have digest {found[:16]}…, not {sealed.digest[:16]}…"
        return DamagedFile(file=sealed.file, detail=detail)
    return None


def _sealed(bars: Bars) -> Sealed:
    """Seal what a file holds under the most preferred series; several may have answered together."""
    first = bars.series[0]
    return Sealed(series=first, interval=bars.interval, revision=bars.revision, rows=len(bars), digest=bars.digest)


def _prepare(folder: Path, names: list[str]) -> None:
    taken = next((name for name in names if (folder / name).exists()), None)
    if taken is not None:
        raise NotEmpty(where=str(folder / taken))
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        reason = f"{folder} cannot be made: {error.strerror or error}"
        raise InvalidSetting(setting="folder", reason=reason) from error
