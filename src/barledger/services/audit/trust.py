"""Whose signatures count: the keys that a log names, and how one hands over to the next.

The entry ``audit-key`` names the first key, or one that replaces a lost one, which nobody vouches for. The entry
``rotate-audit-key`` has a note in which the old key signs the new one, so whoever trusts the old one can follow.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from barledger.domain.note import Note, PrivateKey, PublicKey
from barledger.errors import InvalidNote

NAMED: Final = "audit-key"
ROTATED: Final = "rotate-audit-key"
_STATEMENT: Final = "barledger/key-rotation/1"


def hand_over(old: PrivateKey, new: PublicKey) -> str:
    """Return the note in which a key says which one comes after it."""
    return old.sign(f"{_STATEMENT}\n{old.public}\n{new}\n")


def successor(note: str, trusted: Iterable[PublicKey]) -> PublicKey | None:
    """Return the key that a trusted one hands over to in this note, or None."""
    try:
        read = Note.of(note)
        statement, old, new = read.text.removesuffix("\n").split("\n")
        signer = read.signer(trusted)
        if statement != _STATEMENT or signer is None or str(signer) != old:
            return None
        after = PublicKey.of(new)
    except (InvalidNote, ValueError):
        return None
    return after if after.name == signer.name else None


def followed(told: Iterable[Mapping[str, Any]], trusted: Iterable[PublicKey]) -> set[PublicKey]:
    """Return the trusted keys and all that come after them, by the entries of a log in their order."""
    keys = set(trusted)
    for entry in told:
        if entry.get("operation") == ROTATED:
            after = successor(str(entry.get("note")), keys)
            keys |= {after} if after else set()
    return keys


def named(entry: Mapping[str, Any]) -> set[PublicKey]:
    """Return the keys that an entry names as the log's; what it says is worth what the entry is."""
    try:
        if entry.get("operation") == NAMED:
            return {PublicKey.of(str(entry.get("public_key")))}
        if entry.get("operation") == ROTATED:
            _, old, new = Note.of(str(entry.get("note"))).text.removesuffix("\n").split("\n")
            return {PublicKey.of(old), PublicKey.of(new)}
    except (InvalidNote, ValueError):
        pass
    return set()


def introduced(entry: Mapping[str, Any]) -> PublicKey | None:
    """Return the key that signs from this entry on; what it says is worth what the entry is."""
    try:
        if entry.get("operation") == NAMED:
            return PublicKey.of(str(entry.get("public_key")))
        if entry.get("operation") == ROTATED:
            return PublicKey.of(Note.of(str(entry.get("note"))).text.removesuffix("\n").split("\n")[2])
    except (InvalidNote, IndexError):
        pass
    return None
