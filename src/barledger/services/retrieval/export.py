"""Exports: bars as files for other programs, with a manifest of digests that can be checked without the library."""

import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from barledger import faults
from barledger.domain.adjustment import Mode
from barledger.domain.digest import digest
from barledger.domain.timeframe import Timeframe
from barledger.errors import InvalidBars, InvalidSetting, NoBars, NotEmpty
from barledger.services.retrieval import files
from barledger.services.retrieval.bars_file import BarsFile
from barledger.services.retrieval.collection import Key
from barledger.services.retrieval.manifest import EXPORT, Manifest, Sealed, SealedFile
from barledger.services.retrieval.scroll import Scroll, Told
from barledger.services.retrieval.sealing import adjusted_as

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


Progress = Callable[[int, int], None]
"""Is told how many files, and how many bars, are written so far; what it raises ends the export."""


def export(
    scrolls: Iterable[Scroll],
    keys: Sequence[Key],
    folder: Path,
    *,
    kind: files.Format,
    style: str,
    ledger: str,
    mode: Mode | None = None,
    newest: bool = False,
    progress: Progress | None = None,
) -> Export:
    """Write a file for each series, portion by portion, and then the manifest.

    ``keys`` are those of the scrolls, ``mode`` is what their bars are adjusted for, ``newest`` says that they are of no
    named version. Raises `NotEmpty` rather than overwrite anything.
    """
    names = [files.file_name(*key, kind) for key in keys]
    _prepare(folder, [*names, MANIFEST])
    writing = _Writing(folder=folder, kind=kind, style=style, progress=progress)
    for scroll, name in zip(scrolls, names, strict=True):
        writing.add(scroll, name)
    manifest = Manifest(
        format=EXPORT,
        ledger=ledger,
        series=tuple(writing.series),
        snapshot="" if newest else writing.version,
        files=tuple(writing.files),
        adjustment=None if mode is None else adjusted_as(mode, writing.adjusted, writing.series),
    )
    manifest.save(folder / MANIFEST)
    return Export(folder=folder, manifest=manifest)


@dataclass(slots=True, kw_only=True)
class _Writing:
    """Files on their way, and what the manifest is going to say of them."""

    folder: Path
    kind: files.Format
    style: str
    progress: Progress | None
    files: list[SealedFile] = field(default_factory=list)
    series: list[Sealed] = field(default_factory=list)
    version: str = ""
    adjusted: Mapping[str, Any] = field(default_factory=dict)
    """What the notes of the first bars say of how they are adjusted."""
    _rows: int = 0

    def add(self, scroll: Scroll, name: str) -> None:
        """Write one series."""
        self.version = scroll.version
        told = scroll.told()
        if warned := scroll.warning(told):
            warnings.warn(warned, NoBars, stacklevel=4)
        file = BarsFile(
            self.folder / name, self.kind, self.style, told=_provenance(told), factors=self._has_factors(scroll)
        )
        with file:
            for bars in scroll.portions():
                self._say(self._rows + file.rows)
                file.add(bars)
                self.adjusted = self.adjusted or bars.notes.get("adjusted", {})
        self._note(scroll, told, file, name)

    def _note(self, scroll: Scroll, told: Told, file: BarsFile, name: str) -> None:
        instrument, frame = _key(scroll)
        digest, rows = file.digest, file.rows
        self.files.append(
            SealedFile(file=name, instrument=instrument, timeframe=frame, style=self.style, rows=rows, digest=digest)
        )
        # Several series may have answered together; they are sealed under the most preferred one.
        series, interval = next(iter(told.revisions)), scroll.whole().interval if scroll.small else scroll.interval
        self.series.append(
            Sealed(series=series, interval=interval, revision=told.revision, rows=rows, digest=file.bars_digest)
        )
        self._rows += rows
        faults.reach("export.file-written")
        self._say(self._rows)

    def _has_factors(self, scroll: Scroll) -> bool:
        """Tell whether some bars have adjustment factors, on which the columns of a style may depend."""
        if self.style == files.OWN or scroll.small:
            return False
        return any(bars.rows.adjustment_factor is not None for bars in scroll.portions())

    def _say(self, rows: int) -> None:
        if self.progress is not None:
            self.progress(len(self.files), rows)


def _provenance(told: Told) -> dict[str, Any]:
    """Return what differs between all bars and a portion of them."""
    sources = [{"source": source, "rows": rows} for source, rows in told.sources]
    return {"revision": str(told.revision), "sources": sources}


def _key(scroll: Scroll) -> Key:
    return scroll.view.instrument, scroll.view.timeframe.name


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


def _prepare(folder: Path, names: list[str]) -> None:
    taken = next((name for name in names if (folder / name).exists()), None)
    if taken is not None:
        raise NotEmpty(where=str(folder / taken))
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        reason = f"{folder} cannot be made: {error.strerror or error}"
        raise InvalidSetting(setting="folder", reason=reason) from error
