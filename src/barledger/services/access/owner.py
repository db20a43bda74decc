"""The owner's key: made for whoever starts a server on this machine, and kept where only they can read it."""

import os
from pathlib import Path
from typing import Final

from barledger.errors import AccessKeyTaken, KeyRefused, StoreUnwritable
from barledger.services.access.keys import KeyService

_FOLDER: Final = "server"
_MOST: Final = 10_000
_LIBRARIES: Final = 100
"""Of so many libraries that were served on a port before, the keys are kept."""


def key_file(home: Path, port: int) -> Path:
    """Return where the key of a server on this machine's loopback lies; its clients look there too."""
    return home.expanduser().absolute() / _FOLDER / f"loopback-{port}.key"


def kept_key(home: Path, port: int) -> str:
    """Return the key that is kept for a server on this machine's loopback; empty if there is none."""
    return _read(key_file(home, port)).strip()


def owner_key(keys: KeyService, home: Path, port: int) -> tuple[Path, bool]:
    """Make a key for everything unless one that is kept still opens this library; returns where, and whether made.

    Raises `StoreUnwritable` where it cannot be kept, and `ReadOnly`.
    """
    file = key_file(home, port)
    earlier = file.with_suffix(".earlier")
    kept = kept_key(home, port)
    if _opens(keys, kept):
        return file, False
    # Another library was served here meanwhile, and may be again: no key is lost, so that none is made twice.
    others = [text for text in _read(earlier).split() if text != kept]
    known = next((text for text in others if _opens(keys, text)), "")
    chosen = known or _new(keys, port)
    try:
        _write(earlier, *[text for text in (kept, *others) if text and text != chosen][:_LIBRARIES])
        _write(file, chosen)
    except OSError as error:
        raise StoreUnwritable(url=str(file), detail=error.strerror or str(error)) from error
    return file, not known


def _read(file: Path) -> str:
    try:
        return file.read_text()
    except OSError:
        return ""


def _opens(keys: KeyService, text: str) -> bool:
    try:
        return keys.authenticate(text).permits("admin")
    except KeyRefused:
        return False


def _new(keys: KeyService, port: int) -> str:
    for number in range(1, _MOST):
        name = f"owner-{port}" + (f"-{number}" if number > 1 else "")
        try:
            return keys.create(name, scopes="admin", reason="a server was started on loopback").text
        except AccessKeyTaken:
            continue
    raise AccessKeyTaken(name=f"owner-{port}")


def _write(file: Path, *lines: str) -> None:
    """Write a file that only its owner can read, from the first moment on."""
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    waiting = file.with_suffix(".new")
    waiting.unlink(missing_ok=True)
    with os.fdopen(os.open(waiting, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as stream:
        stream.writelines(f"{line}\n" for line in lines)
        stream.flush()
        os.fsync(stream.fileno())
    waiting.replace(file)
