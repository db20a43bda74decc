"""Location: which files a path with placeholders means for a request."""

import glob
import re
from collections.abc import Mapping
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Final

from barledger.errors import DataNotFound, SourceError
from barledger.sources.contract import FetchRequest
from barledger.sources.files.layout import Kind, refused
from barledger.sources.files.origin import Origin, members_of

_KINDS: Final[Mapping[str, Kind]] = {
    ".csv": "csv",
    ".tsv": "csv",
    ".parquet": "parquet",
    ".pq": "parquet",
    ".arrow": "arrow",
    ".feather": "arrow",
    ".ipc": "arrow",
    ".arrows": "arrow",
    ".json": "json",
}
_TEXTUAL: Final = frozenset({"csv", "json"})
_ARCHIVE: Final = ".zip"
_STOOQ: Final = b"<TICKER>,"
_COMPRESSED: Final = frozenset({".gz", ".bz2", ".zst"})
_PLACEHOLDER: Final = re.compile(r"\{([^{}]*)\}")
_NUMBER: Final = re.compile(r"(\d+)")
_NAMES: Final = ("instrument", "symbol", "timeframe")


def kind_of(path: Path) -> Kind | None:
    """Return the format that a file's name tells."""
    return _KINDS.get(suffix_of(path))


def suffix_of(path: Path) -> str:
    """Return the ending before that of a compression, in lower case."""
    suffixes = [suffix.lower() for suffix in path.suffixes]
    if len(suffixes) > 1 and suffixes[-1] in _COMPRESSED and _KINDS.get(suffixes[-2]) in _TEXTUAL:
        return suffixes[-2]
    return suffixes[-1] if suffixes else ""


def check_path(path: str) -> None:
    """Refuse a path that names nothing, and a placeholder that nothing fills."""
    if not path:
        raise refused("path", "it names no file")
    for name in _PLACEHOLDER.findall(path):
        if name not in _NAMES:
            raise refused("path", f"{{{name}}} is none of {', '.join(f'{{{known}}}' for known in _NAMES)}")


def kind_in(origin: Origin) -> Kind | None:
    """Return the format that a file's name tells, else the one that its first bytes tell beyond doubt."""
    kind = kind_of(origin.name)
    if kind is not None or origin.member or suffix_of(origin.name) != ".txt":
        return kind
    with origin.path.open("rb") as file:
        return "csv" if file.read(len(_STOOQ)) == _STOOQ else None


def locate(path: str, request: FetchRequest) -> list[Origin]:
    """Return the files in the order of their names, where numbers count as numbers; of an archive its members.

    Raises `DataNotFound` where the name of the instrument or timeframe leads to no file, else `SourceError`.
    """
    pattern = str(Path(_filled(path, request)).expanduser())
    found = origins(pattern)
    if found:
        return found
    if _PLACEHOLDER.search(path):
        raise DataNotFound(what=f"source files has no file {pattern} for {request.symbol} {request.timeframe}")
    raise SourceError(source="files", detail=f"there is no file {pattern}")


def origins(pattern: str) -> list[Origin]:
    """Return what a pattern without placeholders leads to; what follows ``.zip/`` chooses among the members."""
    outer, archive, inner = pattern.partition(f"{_ARCHIVE}/")
    if archive:
        archives = sorted(_matching(outer + _ARCHIVE), key=_natural)
        return [one for path in archives for one in _members(path, inner)]
    paths = _in_folder(Path(pattern)) if Path(pattern).is_dir() else sorted(_matching(pattern), key=_natural)
    return [one for path in paths for one in (_members(path) if _is_archive(path) else [Origin(path=path)])]


def _is_archive(path: Path) -> bool:
    return path.suffix.lower() == _ARCHIVE


def _members(archive: Path, pattern: str = "") -> list[Origin]:
    """Return the members that are delimited text or JSON and match a pattern; that there are none is an error."""
    names = [name for name in members_of(archive) if not pattern or fnmatchcase(name, pattern)]
    readable = [name for name in names if kind_of(Path(name)) in _TEXTUAL and not _is_packed(Path(name))]
    if not readable and not pattern:
        raise SourceError(source="files", detail=f"{archive} has no CSV file, but {', '.join(names[:5]) or 'nothing'}")
    return [Origin(path=archive, member=name) for name in sorted(readable, key=lambda name: _natural(Path(name)))]


def _is_packed(path: Path) -> bool:
    return path.suffix.lower() in _COMPRESSED


def _filled(path: str, request: FetchRequest) -> str:
    values = {"instrument": request.instrument, "symbol": request.symbol, "timeframe": request.timeframe.name}

    def fill(match: re.Match[str]) -> str:
        value = values[match[1]]
        # A symbol such as ../x must not reach outside of the folder that the caller named.
        if "/" in value or "\\" in value or value in {".", ".."}:
            raise DataNotFound(what=f"source files has no file named after {value!r}, which cannot be in a file's name")
        return glob.escape(value)

    return _PLACEHOLDER.sub(fill, path)


def _in_folder(folder: Path) -> list[Path]:
    shown = [path for path in folder.iterdir() if path.is_file() and not path.name.startswith(".")]
    found = [path for path in shown if kind_of(path) or _is_archive(path)]
    if not found:
        raise SourceError(source="files", detail=f"the folder {folder} has no CSV, Parquet or Arrow file")
    return sorted(found, key=_natural)


def _matching(pattern: str) -> list[Path]:
    if Path(pattern).is_file():
        return [Path(pattern)]
    return [path for path in map(Path, glob.glob(pattern, recursive=True)) if path.is_file()]  # noqa: PTH207 - `**` and absolute patterns


def _natural(path: Path) -> list[tuple[int, int, str]]:
    """Return a key that puts 2024-2 before 2024-10."""
    parts = _NUMBER.split(str(path))
    return [(0, int(part), part) if part.isdigit() else (1, 0, part) for part in parts]
