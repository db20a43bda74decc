r"""Signed notes, as the C2SP specification signed-note has them: text, a blank line, and lines that sign the text.

A signature line is an em dash, the key's name, and base64 of the key's id (4 bytes) and the Ed25519 signature of the
text with its last newline. The id is the beginning of ``SHA-256(name || "\n" || 0x01 || public key)``, and a public key
is written ``name+id+base64(0x01 || public key)``, as Go's sumdb/note and the C2SP tools write it.
"""

import base64
import binascii
import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from barledger.errors import InvalidNote

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

_DASH: Final = "\u2014 "
_ED25519: Final = b"\x01"
_KEY_SIZE: Final = 32
_ID_SIZE: Final = 4
_MOST: Final = 100
# A name is not empty and has neither spaces, whatever they are called in Unicode, nor a plus.
_NAME: Final = re.compile(r"[^\s+]+")
_CONTROL: Final = re.compile(r"[\x00-\x09\x0b-\x1f]")


@dataclass(frozen=True, slots=True, kw_only=True)
class PublicKey:
    """Whose signature it is: the key's name and its 32 bytes."""

    name: str
    data: bytes

    @staticmethod
    def of(text: str) -> "PublicKey":
        """Read ``name+id+base64``; raises `InvalidNote`."""
        parts = text.strip().split("+", 2)
        if len(parts) != 3:
            raise InvalidNote(what="the public key", reason="it is not written name+id+base64")
        decoded = _decode("the public key", parts[2])
        if decoded[:1] != _ED25519 or len(decoded) != 1 + _KEY_SIZE:
            raise InvalidNote(what="the public key", reason="it is not an Ed25519 key")
        key = PublicKey(name=parts[0], data=decoded[1:])
        if str(key) != text.strip() or not _NAME.fullmatch(key.name):
            raise InvalidNote(what="the public key", reason="its id is not that of its name and bytes")
        return key

    @property
    def id(self) -> bytes:
        """Return the four bytes by which signature lines name it."""
        return hashlib.sha256(self.name.encode() + b"\n" + _ED25519 + self.data).digest()[:_ID_SIZE]

    def verifies(self, signature: bytes, text: str) -> bool:
        """Tell whether this key has signed the text."""
        from cryptography.exceptions import InvalidSignature  # noqa: PLC0415 - most of a library's life signs nothing
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey  # noqa: PLC0415 - as above

        try:
            Ed25519PublicKey.from_public_bytes(self.data).verify(signature, text.encode())
        except (InvalidSignature, ValueError):
            return False
        return True

    def __str__(self) -> str:
        """Write it as others read it."""
        return f"{self.name}+{self.id.hex()}+{base64.b64encode(_ED25519 + self.data).decode()}"


class PrivateKey:
    """What signs: an Ed25519 key under a name."""

    def __init__(self, name: str, key: "Ed25519PrivateKey") -> None:
        """Hold a key; raises `InvalidNote` for what cannot be a name."""
        if not _NAME.fullmatch(name):
            raise InvalidNote(what="the key's name", reason="it is empty, or has a space or a plus")
        self._key = key
        self.public = PublicKey(name=name, data=key.public_key().public_bytes_raw())

    @staticmethod
    def generate(name: str) -> "PrivateKey":
        """Make a new one, from the system's randomness."""
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey  # noqa: PLC0415 - as above

        return PrivateKey(name, Ed25519PrivateKey.generate())

    @staticmethod
    def read(name: str, pem: bytes) -> "PrivateKey":
        """Read what `pem` gave; raises `InvalidNote`."""
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey  # noqa: PLC0415 - as above
        from cryptography.hazmat.primitives.serialization import load_pem_private_key  # noqa: PLC0415 - as above

        try:
            key: Any = load_pem_private_key(pem, password=None)
        except (ValueError, TypeError) as error:
            raise InvalidNote(what="the private key", reason="it is not an unencrypted PEM file") from error
        if not isinstance(key, Ed25519PrivateKey):
            raise InvalidNote(what="the private key", reason="it is not an Ed25519 key")
        return PrivateKey(name, key)

    @property
    def pem(self) -> bytes:
        """Return it as an unencrypted PKCS #8 file in PEM."""
        from cryptography.hazmat.primitives import serialization  # noqa: PLC0415 - as above

        return self._key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )

    def sign(self, text: str) -> str:
        """Return the text as a note with this key's signature; raises `InvalidNote` for what cannot be a note's."""
        _check_text(text)
        signed = base64.b64encode(self.public.id + self._key.sign(text.encode())).decode()
        return f"{text}\n{_DASH}{self.public.name} {signed}\n"

    def __repr__(self) -> str:
        """Say whose it is, and not what."""
        return f"<PrivateKey of {self.public}>"


@dataclass(frozen=True, slots=True, kw_only=True)
class Signature:
    """One line: the name and the id of a key, and what it signed with."""

    name: str
    id: bytes
    data: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """A text that somebody may have signed; nothing of it is to be believed before `signer` has said who did."""

    text: str
    signatures: tuple[Signature, ...]

    @staticmethod
    def of(note: str) -> "Note":
        """Read a note; raises `InvalidNote` for whatever the specification does not allow."""
        text, blank, lines = note.rpartition("\n\n")
        if not blank or not lines.endswith("\n"):
            raise InvalidNote(what="the note", reason="it lacks a blank line, or a newline at its end")
        text += "\n"
        _check_text(text)
        signatures = tuple(_signature(line) for line in lines[:-1].split("\n"))
        if len(signatures) > _MOST:
            raise InvalidNote(what="the note", reason=f"it has more than {_MOST} signatures")
        return Note(text=text, signatures=signatures)

    def signer(self, keys: Iterable[PublicKey]) -> PublicKey | None:
        """Return which of these keys has signed it, or None.

        Signatures of others are left out of account, as the specification demands; one by a known key that does not
        verify makes the whole note worthless.
        """
        known = {(key.name, key.id): key for key in keys}
        found = [(known[one.name, one.id], one) for one in self.signatures if (one.name, one.id) in known]
        if not found or not all(key.verifies(one.data, self.text) for key, one in found):
            return None
        return found[0][0]


def _check_text(text: str) -> None:
    if not text.endswith("\n") or text == "\n" or _CONTROL.search(text) or text.endswith("\n\n"):
        raise InvalidNote(
            what="the note", reason="its text is empty, does not end in one newline, or has control signs"
        )


def _signature(line: str) -> Signature:
    parts = line.removeprefix(_DASH).split(" ")
    if not line.startswith(_DASH) or len(parts) != 2 or not _NAME.fullmatch(parts[0]):
        raise InvalidNote(what="the note", reason="a signature is not an em dash, a name and base64")
    decoded = _decode("a signature", parts[1])
    if len(decoded) <= _ID_SIZE:
        raise InvalidNote(what="the note", reason="a signature is too short")
    return Signature(name=parts[0], id=decoded[:_ID_SIZE], data=decoded[_ID_SIZE:])


def _decode(what: str, text: str) -> bytes:
    """Decode base64 that is written in the one canonical way."""
    try:
        decoded = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise InvalidNote(what=what, reason="it is not base64") from error
    if base64.b64encode(decoded).decode() != text:
        raise InvalidNote(what=what, reason="its base64 is not canonical")
    return decoded
