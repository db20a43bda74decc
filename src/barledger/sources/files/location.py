"""Location: which files a path with placeholders means for a request."""

import glob
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from barledger.errors import DataNotFound, SourceError
from barledger.sources.contract import FetchRequest
from barledger.sources.files.layout import Kind, refused

_KINDS: Final[Mapping[str, Kind]] = {
    ".csv": "csv",
    ".tsv": "csv",
    ".parquet": "parquet",
    ".pq": "parquet",
    ".arrow": "arrow",
    ".feather": "arrow",
    ".ipc": "arrow",
    ".arrows": "arrow",
}
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
    if len(suffixes) > 1 and suffixes[-1] in _COMPRESSED and _KINDS.get(suffixes[-2]) == "csv":
        return suffixes[-2]
    return suffixes[-1] if suffixes else ""


def check_path(path: str) -> None:
    """Refuse a path that names nothing, and a placeholder that nothing fills."""
    if not path:
        raise refused("path", "it names no file")
    for name in _PLACEHOLDER.findall(path):
        if name not in _NAMES:
            raise refused("path", f"{{{name}}} is none of {', '.join(f'{{{known}}}' for known in _NAMES)}")


def locate(path: str, request: FetchRequest) -> list[Path]:
    """Return the files in the order of their names, where numbers count as numbers.

    Raises `DataNotFound` where the name of the instrument or timeframe leads to no file, else `SourceError`.
    """
    pattern = str(Path(_filled(path, request)).expanduser())
    found = _in_folder(Path(pattern)) if Path(pattern).is_dir() else sorted(_matching(pattern), key=_natural)
    if found:
        return found
    if _PLACEHOLDER.search(path):
        raise DataNotFound(what=f"source files has no file {pattern} for {request.symbol} {request.timeframe}")
    raise SourceError(source="files", detail=f"there is no file {pattern}")


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
    found = [path for path in folder.iterdir() if path.is_file() and kind_of(path) and not path.name.startswith(".")]
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
