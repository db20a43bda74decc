"""Checkpoints of a log, as the C2SP specification tlog-checkpoint has them: a signed note of origin, size and root."""

import base64
import binascii
import re
from dataclasses import dataclass
from typing import Final

from barledger.domain.merkle import SIZE
from barledger.domain.note import Note, PrivateKey
from barledger.errors import InvalidNote

_NUMBER: Final = re.compile(r"0|[1-9][0-9]{0,18}")
_LINES: Final = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """What a log was at some size: its origin (the ledger's id), the number of its entries, and the tree's root."""

    origin: str
    size: int
    root: bytes

    @staticmethod
    def of(text: str) -> "Checkpoint":
        """Read a note's text; raises `InvalidNote`, also for extension lines, which no log of ours has."""
        lines = text.split("\n")
        if len(lines) != _LINES + 1 or lines[-1] or not lines[0]:
            raise InvalidNote(what="the checkpoint", reason="it is not the three lines origin, size and root")
        if not _NUMBER.fullmatch(lines[1]):
            raise InvalidNote(what="the checkpoint", reason="its size is not a number")
        return Checkpoint(origin=lines[0], size=int(lines[1]), root=_root(lines[2]))

    @staticmethod
    def in_note(note: str) -> "Checkpoint":
        """Read what a note says, whoever signed it; raises `InvalidNote`."""
        return Checkpoint.of(Note.of(note).text)

    def __str__(self) -> str:
        """Return the note's text."""
        return f"{self.origin}\n{self.size}\n{base64.b64encode(self.root).decode()}\n"

    def signed(self, key: PrivateKey) -> str:
        """Return it as a note that the key has signed."""
        return key.sign(str(self))


def _root(text: str) -> bytes:
    try:
        root = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise InvalidNote(what="the checkpoint", reason="its root is not base64") from error
    if len(root) != SIZE or base64.b64encode(root).decode() != text:
        raise InvalidNote(what="the checkpoint", reason="its root is not a SHA-256 in canonical base64")
    return root


def entries_of(count: int) -> str:
    """Return a number of entries as people say it.

    >>> entries_of(1), entries_of(2_000)
    ('1 entry', '2,000 entries')
    """
    return f"{count:,} {'entry' if count == 1 else 'entries'}"
