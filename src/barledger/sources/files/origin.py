"""Origins: where a file's bytes come from, a file of its own or a member of a zip archive."""

import io
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pyarrow as pa

from barledger.errors import SourceError

_MOST_EXPANSION: Final = 200
"""Prices as text become up to ten times smaller; what expands further than this was made to fill a memory."""
_ALWAYS_FINE: Final = 1 << 20
_MOST_MEMBERS: Final = 10_000
_PIECE: Final = 1 << 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """A file, or a member of the zip archive that it is."""

    path: Path
    member: str = ""

    @property
    def name(self) -> Path:
        """Return the name that tells the format."""
        return Path(self.member) if self.member else self.path

    def __str__(self) -> str:
        """Name it for people."""
        return f"{self.path}/{self.member}" if self.member else str(self.path)

    def open(self) -> Any:
        """Return a stream of the bytes, without their compression; it is read piece by piece."""
        if not self.member:
            return pa.input_stream(str(self.path), compression="detect")
        return pa.PythonFile(io.BufferedReader(_Member(self.path, self.member), _PIECE), mode="r")


def members_of(archive: Path) -> list[str]:
    """Return the names of the files in an archive; raises `SourceError` if it is none, or made to do harm."""
    try:
        with zipfile.ZipFile(archive) as opened:
            found = [one for one in opened.infolist() if not one.is_dir() and not _hidden(one.filename)]
    except (zipfile.BadZipFile, OSError, EOFError) as error:
        raise SourceError(source="files", detail=f"{archive}: {error}") from error
    if len(found) > _MOST_MEMBERS:
        raise SourceError(source="files", detail=f"{archive} has more than {_MOST_MEMBERS} files; unpack it first")
    for one in found:
        if one.flag_bits & 1:
            raise SourceError(source="files", detail=f"{archive}/{one.filename} is encrypted; unpack it first")
        if one.file_size > max(_MOST_EXPANSION * one.compress_size, _ALWAYS_FINE):
            told = f"{archive}/{one.filename} expands more than {_MOST_EXPANSION}-fold; unpack it first"
            raise SourceError(source="files", detail=told)
    return [one.filename for one in found]


def _hidden(name: str) -> bool:
    return any(part.startswith((".", "__MACOSX")) for part in Path(name).parts)


class _Member(io.RawIOBase):
    """A member's bytes, no more than the archive's list promises; what is wrong with them is an `OSError`."""

    def __init__(self, archive: Path, name: str) -> None:
        """Open it."""
        super().__init__()
        self._archive = self._guarded(lambda: zipfile.ZipFile(archive))
        self._stream = self._guarded(lambda: self._archive.open(name))

    def readable(self) -> bool:
        """Say that it can be read."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Read the next bytes."""
        data = self._guarded(lambda: self._stream.read(len(buffer)))
        buffer[: len(data)] = data
        return len(data)

    def close(self) -> None:
        """Close the archive too."""
        if not self.closed:
            self._stream.close()
            self._archive.close()
        super().close()

    def _guarded(self, work: Callable[[], Any]) -> Any:
        try:
            return work()
        except (zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError, KeyError) as error:
            raise OSError(str(error)) from error
