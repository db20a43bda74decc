"""Anchors: a file outside of the library to which checkpoints are only ever added."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from barledger.domain.checkpoint import Checkpoint
from barledger.domain.note import Note
from barledger.errors import InvalidNote, InvalidSetting, LogRewritten, StoreUnwritable


@dataclass(frozen=True, slots=True, kw_only=True)
class Anchor:
    """A checkpoint in a file: its note, and where that begins."""

    note: str
    checkpoint: Checkpoint
    file: str
    line: int

    @property
    def where(self) -> str:
        """Say where it lies."""
        return f"{self.file}, line {self.line}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Anchors:
    """What a file has of one log, in its order, and why the rest of it could not be read, if so."""

    found: Sequence[Anchor]
    torn: str = ""


def read_anchors(file: Path, origin: str) -> Anchors:
    """Return the checkpoints of a log in a file; those of other logs are left out. Raises `InvalidSetting`.

    Each is a note with a blank line after it; a file with one note needs none.
    """
    try:
        text = file.read_bytes().decode()
    except (OSError, UnicodeDecodeError) as error:
        reason = f"{file} cannot be read: {getattr(error, 'strerror', None) or error}"
        raise InvalidSetting(setting="anchor", reason=reason) from error
    found: list[Anchor] = []
    parts = text.split("\n\n")
    line = 1
    for told, signed in zip(parts[::2], [*parts[1::2], ""], strict=False):
        if not told and not signed:
            break
        note = f"{told}\n\n{signed.removesuffix(chr(10))}\n"
        try:
            checkpoint = Checkpoint.of(Note.of(note).text)
        except InvalidNote as error:
            return Anchors(found=found, torn=f"{file}, line {line}: {error}")
        if checkpoint.origin == origin:
            found.append(Anchor(note=note, checkpoint=checkpoint, file=str(file), line=line))
        line += note.count("\n") + 1
    if text and not text.endswith("\n"):
        return Anchors(found=found, torn=f"{file}: its last line has no end")
    return Anchors(found=found)


def add_anchor(file: Path, note: str, origin: str) -> bool:
    """Add a checkpoint to the file, and tell whether it was not its newest already; the file is made if need be.

    Raises `LogRewritten` for a file whose end is no whole checkpoint, and `StoreUnwritable`.
    """
    between = ""
    if file.exists():
        known = read_anchors(file, origin)
        if known.torn:
            raise LogRewritten(where="the anchor file", detail=known.torn)
        if known.found and known.found[-1].note == note:
            return False
        between = "" if file.read_bytes().endswith(b"\n\n") or not file.stat().st_size else "\n"
    try:
        # One write at the end of the file, so that nobody else's comes in between.
        handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        try:
            os.write(handle, f"{between}{note}\n".encode())
            os.fsync(handle)
        finally:
            os.close(handle)
    except OSError as error:
        raise StoreUnwritable(url=str(file), detail=error.strerror or str(error)) from error
    return True
