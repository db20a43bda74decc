"""Kept answers: what a server sent, on disk, with the tag by which it is asked whether it is still so.

An entry is one file: a line that describes it, then the body. It is put in place whole, so that several processes may
share a folder, and its digest is checked whenever it is used: what is damaged is dropped and asked for anew. Nothing
here is used without asking the server first, so that a revoked key reads nothing and a deleted snapshot is gone.
"""

import json
import mmap
import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass
from hashlib import sha256
from pathlib import Path
from typing import IO, Any, Final, Self

from xxhash import xxh3_128

_FORM: Final = 1
_ENDING: Final = ".answer"
_WAITING: Final = ".part"
_ABANDONED: Final = 3_600.0
# One answer may take so much of the room, so that it does not push everything else out.
_SHARE: Final = 2
# The line that describes an entry, filled with blanks.
_ROOM: Final = 8_192


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """What is known of a kept body: its tag, the headers that belong to it, its size, and the digest of all of it."""

    tag: str
    headers: dict[str, str]
    size: int
    digest: str
    form: int = _FORM


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """A kept answer; ``body`` is mapped, and stays readable though its file is deleted."""

    head: Head
    body: memoryview

    @property
    def whole(self) -> bool:
        """Whether it is what was kept, to the byte."""
        found = xxh3_128(self.body)
        found.update(_sealed(self.head.tag, self.head.headers))
        return len(self.body) == self.head.size and found.hexdigest() == self.head.digest


class AnswerCache:
    """A folder of answers, at most ``limit`` bytes of them; 0 keeps nothing."""

    def __init__(self, folder: Path, *, limit: int) -> None:
        """Make nothing yet."""
        self.folder = folder.expanduser().absolute()
        self.limit = limit

    def name(self, *parts: str) -> str:
        """Return the name of an entry, which tells nothing of what it is about."""
        return sha256("\n".join(parts).encode()).hexdigest() + _ENDING

    def look(self, name: str) -> Kept | None:
        """Return an entry, or None where there is none that can be read."""
        if not self.limit:
            return None
        try:
            with (self.folder / name).open("rb") as file:
                head = _head(file)
                if head is None:
                    return None
                begin = file.tell()
                mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
            return Kept(head=head, body=memoryview(mapped)[begin:])
        except (OSError, ValueError):
            return None

    def used(self, name: str) -> None:
        """Note that an entry is of use, so that others go first."""
        with suppress(OSError):
            os.utime(self.folder / name)

    def drop(self, name: str) -> None:
        """Forget an entry."""
        with suppress(OSError):
            (self.folder / name).unlink()

    def keeper(self, name: str) -> "Keeper | None":
        """Return what takes a body as it comes; None where nothing is or can be kept."""
        if not self.limit:
            return None
        try:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            # Made for its owner alone from the first moment on.
            handle, path = tempfile.mkstemp(suffix=_WAITING, dir=self.folder)
        except OSError:
            return None
        return Keeper(self, name, os.fdopen(handle, "w+b"), Path(path), most=self.limit // _SHARE)

    def tidy(self) -> None:
        """Delete the entries that were not used for longest until the rest is within bounds, and what was abandoned."""
        found = sorted(self._files(), key=lambda one: one[1])
        total = sum(size for _, _, size in found)
        for path, at, size in found:
            abandoned = path.suffix == _WAITING and time.time() - at > _ABANDONED
            if not abandoned and (total <= self.limit or path.suffix == _WAITING):
                continue
            with suppress(OSError):
                path.unlink()
                total -= size

    def _files(self) -> Iterator[tuple[Path, float, int]]:
        with suppress(OSError), os.scandir(self.folder) as listed:
            for one in listed:
                with suppress(OSError):
                    if one.name.endswith((_ENDING, _WAITING)):
                        told = one.stat()
                        yield Path(one.path), told.st_mtime, told.st_size

    def __repr__(self) -> str:
        """Say where it is and how much it may hold."""
        return f"<AnswerCache {self.folder}, at most {self.limit:,} bytes>"


class Keeper:
    """Takes a body as it comes, and puts it in place once all of it is there; what fails on disk only is not kept."""

    def __init__(self, cache: AnswerCache, name: str, file: IO[bytes], path: Path, *, most: int) -> None:
        """Write into a file that has another name until then."""
        self._cache, self._name, self._path = cache, name, path
        self._file: IO[bytes] | None = file
        self._most, self._size, self._digest = most, 0, xxh3_128()
        # Room for the line that describes it, which is only known at the end.
        self._tried(lambda: file.write(bytes(_ROOM)))

    def take(self, data: bytes) -> None:
        """Take some of the body."""
        file = self._file
        if file is None:
            return
        self._size += len(data)
        if self._size > self._most:
            self.forget()
            return
        self._digest.update(data)
        self._tried(lambda: file.write(data))

    def keep(self, tag: str, headers: dict[str, str]) -> None:
        """Put it in place."""
        file = self._file
        if file is None:
            return
        self._digest.update(_sealed(tag, headers))
        head = Head(tag=tag, headers=headers, size=self._size, digest=self._digest.hexdigest())
        line = json.dumps(asdict(head)).encode()
        if len(line) >= _ROOM:
            self.forget()
            return

        def place() -> None:
            file.seek(0)
            file.write(line.ljust(_ROOM - 1) + b"\n")
            file.close()
            self._path.replace(self._cache.folder / self._name)
            self._file = None

        self._tried(place)
        self._cache.tidy()

    def forget(self) -> None:
        """Keep nothing of it."""
        if self._file is not None:
            with suppress(OSError):
                self._file.close()
            with suppress(OSError):
                self._path.unlink()
            self._file = None

    def _tried(self, work: Any) -> None:
        """Do something on disk; a full one loses what is kept, and no answer."""
        try:
            work()
        except OSError:
            self.forget()

    def __enter__(self) -> Self:
        """Use it in a with statement."""
        return self

    def __exit__(self, *_: object) -> None:
        """Leave nothing behind that was not put in place."""
        self.forget()


def _sealed(tag: str, headers: dict[str, str]) -> bytes:
    """Return what belongs to a body as bytes, so that the digest is over that too."""
    return json.dumps([tag, headers], sort_keys=True).encode()


def _head(file: IO[bytes]) -> Head | None:
    line = file.read(_ROOM)
    try:
        told = json.loads(line)
        head = Head(**told)
    except (ValueError, TypeError):
        return None
    return head if head.form == _FORM and isinstance(head.headers, dict) else None
