"""The key that signs the audit log: made on first use, in a folder that nobody else may read."""

import os
import stat
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from barledger.domain.note import Note, PrivateKey, PublicKey
from barledger.errors import InvalidNote, InvalidSetting, KeyExposed, StoreUnwritable

_PRIVATE: Final = "audit.key"
_NEXT: Final = "audit.key.next"
_SHOWN: Final = 60
_OTHERS: Final = stat.S_IRWXG | stat.S_IRWXO


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyPlace:
    """Where a ledger's key lies: a folder for the private one, and a file beside it for the public one.

    Beside that file, each public key that the log ever had lies in one that is named by its id: ``audit-1a2b3c4d.pub``.
    """

    folder: Path
    public: Path


class KeyRing:
    """One log's key in its files, or in this process if there is no place for files."""

    def __init__(self, origin: str, place: KeyPlace | None) -> None:
        """Look after the key of a log."""
        self.origin = origin
        self.place = place
        self._held: PrivateKey | None = None
        self._next: PrivateKey | None = None

    @property
    def where(self) -> str:
        """Return where the private key is or would be."""
        return str(self.place.folder) if self.place else "this process"

    def load(self) -> PrivateKey | None:
        """Return the key, if there is one; raises `KeyExposed` and `InvalidNote`."""
        if self.place is None:
            return self._held
        return self._read(self.place.folder / _PRIVATE)

    def public(self) -> PublicKey | None:
        """Return the public key, if there is one here; the private one is only looked at if need be."""
        if self.place is None:
            return self._held.public if self._held else None
        if self.place.public.exists():
            return read_keys(self.place.public)[0]
        key = self.load()
        return key.public if key else None

    def make(self) -> PrivateKey:
        """Make the key and return it, or that of another process which was faster."""
        made = PrivateKey.generate(self.origin)
        if self.place is None:
            self._held = self._held or made
            return self._held
        _make_folder(self.place.folder)
        target = self.place.folder / _PRIVATE
        aside = self.place.folder / f"{_PRIVATE}.{os.getpid()}"
        try:
            _write_private(aside, made.pem)
            with suppress(FileExistsError):
                # Only one of several processes can give a file this name, and nobody ever reads half of it.
                os.link(aside, target)
        except OSError as error:
            raise StoreUnwritable(url=str(target), detail=error.strerror or str(error)) from error
        finally:
            aside.unlink(missing_ok=True)
        key = self._read(target)
        if key is None:  # somebody removed it at this very moment
            raise StoreUnwritable(url=str(target), detail="the key that was just written is gone")
        self.publish(key.public)
        return key

    def prepare(self) -> PrivateKey:
        """Make the next key and keep it beside this one, which stays in use until `turn`."""
        made = PrivateKey.generate(self.origin)
        if self.place is None:
            self._next = made
            return made
        _make_folder(self.place.folder)
        aside = self.place.folder / _NEXT
        try:
            aside.unlink(missing_ok=True)
            _write_private(aside, made.pem)
        except OSError as error:
            raise StoreUnwritable(url=str(aside), detail=error.strerror or str(error)) from error
        return made

    def turn(self) -> None:
        """Let the next key take the place of this one, which is gone then."""
        if self.place is None:
            self._held, self._next = self._next, None
            return
        (self.place.folder / _NEXT).replace(self.place.folder / _PRIVATE)
        key = self.load()
        if key is not None:
            self.publish(key.public)

    def publish(self, key: PublicKey) -> None:
        """Write the public key where others may read it, unless it lies there already; also under its own name."""
        if self.place is not None:
            _write_public(self.place.public, key)
            self.retain(key)

    def file_of(self, key: PublicKey) -> Path | None:
        """Return where a public key lies under its own name, whatever key came after it; None in memory."""
        public = None if self.place is None else self.place.public
        return None if public is None else public.with_name(f"{public.stem}-{key.id.hex()}{public.suffix}")

    def retains(self, key: PublicKey) -> bool:
        """Tell whether a public key lies under its own name."""
        file = self.file_of(key)
        return file is None or file.exists()

    def retain(self, key: PublicKey) -> None:
        """Write a public key under its own name, unless it lies there already."""
        file = self.file_of(key)
        if file is not None:
            _write_public(file, key)

    def _read(self, file: Path) -> PrivateKey | None:
        if not file.exists():
            return None
        for path in (file.parent, file):
            _check_private(path)
        return PrivateKey.read(self.origin, file.read_bytes())


def read_keys(file: Path) -> list[PublicKey]:
    """Return the public keys in a file, one in a line; raises `InvalidSetting` and `InvalidNote`."""
    try:
        lines = [line for line in file.read_text().splitlines() if line.strip()]
    except (OSError, UnicodeDecodeError) as error:
        reason = f"{file} cannot be read: {getattr(error, 'strerror', None) or error}"
        raise InvalidSetting(setting="key", reason=reason) from error
    if not lines:
        raise InvalidSetting(setting="key", reason=f"{file} has no public key")
    return [PublicKey.of(line) for line in lines]


def told_signer(note: Note, given: Iterable[PublicKey], beside: Path | None = None) -> str:
    """Say whose signature a note has, that none of the given keys lead to it, and where its key may be found."""
    signed = ", ".join(f"{one.id.hex()} of log {one.name[:_SHOWN]}" for one in note.signatures)
    ours = ", ".join(f"{key.id.hex()} of log {key.name[:_SHOWN]}" for key in given)
    known = {(one.name, one.id) for one in note.signatures}
    if any((key.name, key.id) in known for key in given):
        return f"its signature by key {signed} is not valid"
    told = (
        f"it is signed by key {signed}; the key that was given is {ours}, and nothing here says that the other follows"
    )
    found = _found_beside(beside, known)
    if found is not None:
        return f"{told}. The other key lies in {found}: give that one, if you trust it"
    wanted = " or ".join(f"audit-{one.id.hex()}.pub" for one in note.signatures)
    return (
        f"{told}. If it is the library's, it lies in its data folder as {wanted}, and `barledger audit keys` lists it; "
        "else somebody else has signed this"
    )


def _found_beside(beside: Path | None, known: set[tuple[str, bytes]]) -> Path | None:
    """Return the file beside another one that has one of these keys."""
    if beside is None or not beside.parent.is_dir():
        return None
    for file in sorted(beside.parent.glob("*.pub")):
        with suppress(InvalidNote, InvalidSetting):
            if any((key.name, key.id) in known for key in read_keys(file)):
                return file
    return None


def _write_public(file: Path, key: PublicKey) -> None:
    """Write a public key in one piece, unless it lies there already."""
    text, aside = f"{key}\n", file.with_name(f".{file.name}.{os.getpid()}")
    try:
        if file.exists() and file.read_text() == text:
            return
        try:
            aside.write_text(text)
            aside.replace(file)
        finally:
            aside.unlink(missing_ok=True)
    except OSError as error:
        raise StoreUnwritable(url=str(file), detail=error.strerror or str(error)) from error


def _make_folder(folder: Path) -> None:
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with suppress(FileExistsError):
            folder.mkdir(mode=0o700)
    except OSError as error:
        raise StoreUnwritable(url=str(folder), detail=error.strerror or str(error)) from error
    _check_private(folder)


def _write_private(file: Path, data: bytes) -> None:
    handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "wb") as writing:
        writing.write(data)
        writing.flush()
        os.fsync(writing.fileno())


def _check_private(path: Path) -> None:
    """Raise `KeyExposed` if others may read it; Windows keeps what is in a user's folder from others by itself."""
    mode = stat.S_IMODE(path.stat().st_mode)
    if os.name == "posix" and mode & _OTHERS:
        raise KeyExposed(path=str(path), mode=f"{mode:04o}")
