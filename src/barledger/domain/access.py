"""Access keys: who may ask what of a server, about which instruments, and until when.

A key is ``bl_<id>_<secret>``. The id is public, and finds the key's record; the secret is 256 random bits and shown
once. What is kept is the secret's SHA-256: a slow hash protects what people think up, and nobody guesses 256 bits.
"""

import hashlib
import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from hmac import compare_digest
from typing import Final, Literal, get_args

from barledger.domain.patterns import is_pattern
from barledger.domain.readable import Readable
from barledger.domain.series import check_name, normalise_instrument
from barledger.errors import InvalidSetting

Scope = Literal["read", "ingest", "snapshot", "decide", "admin"]
"""What a key may do; each by itself, but for ``admin``, which may do everything.

- ``read``: bars, what is there, versions, indicators, quality, the audit log and its proofs.
- ``ingest``: let sources be asked, and bars be written.
- ``snapshot``: take, verify, approve, hold and delete snapshots.
- ``decide``: accept, reject and undo corrections, and say what is known of instruments and corporate actions.
- ``admin``: keys, retention, channels, the schedule, and all of the others.
"""
SCOPES: Final[tuple[Scope, ...]] = get_args(Scope)
State = Literal["active", "expired", "revoked"]

_FORM: Final = re.compile(r"bl_([0-9a-f]{12})_([0-9a-f]{64})")
_SHOWN: Final = 128


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class AccessKey(Readable):
    """A key without its secret. No ``instruments`` means all; times are ns, 0 where they have not or never come."""

    id: str
    name: str
    scopes: tuple[Scope, ...]
    instruments: tuple[str, ...] = ()
    hash: bytes = field(default=b"", repr=False)
    made_at: int = 0
    made_by: str = ""
    rotated_at: int = 0
    expires_at: int = 0
    revoked_at: int = 0
    used_at: int = 0

    @property
    def actor(self) -> str:
        """Return in whose name the audit log tells what is done with it."""
        return f"key:{self.name}"

    def state(self, now: int) -> State:
        """Return whether it can be used at a time (ns)."""
        if self.revoked_at:
            return "revoked"
        return "expired" if 0 < self.expires_at <= now else "active"

    def permits(self, scope: Scope) -> bool:
        """Whether it has a scope, by itself or as admin."""
        return scope in self.scopes or "admin" in self.scopes

    def covers(self, instrument: str) -> bool:
        """Whether it is for an instrument, in whatever spelling."""
        name = normalise_instrument(instrument)
        return not self.instruments or any(fnmatchcase(name, pattern) for pattern in self.instruments)

    @property
    def shown(self) -> str:
        """Return the public part of the key, as it may be shown to anybody."""
        return f"bl_{self.id}_…"


@dataclass(frozen=True, slots=True, kw_only=True)
class Presented:
    """A key as somebody shows it: the id, and the hash of the secret."""

    id: str
    hash: bytes

    @staticmethod
    def of(text: str) -> "Presented | None":
        """Read a key; None if it does not have the form of one."""
        found = _FORM.fullmatch(text) if len(text) <= _SHOWN else None
        return None if found is None else Presented(id=found[1], hash=hashed(found[2]))

    def fits(self, key: AccessKey) -> bool:
        """Compare in a time that tells nothing of where they differ."""
        return compare_digest(self.hash, key.hash)


def new_id() -> str:
    """Return an id that no other key has."""
    return secrets.token_hex(6)


def new_secret() -> str:
    """Return 256 random bits, as 64 hexadecimal digits."""
    return secrets.token_hex(32)


def hashed(secret: str) -> bytes:
    """Return what is kept of a secret."""
    return hashlib.sha256(secret.encode()).digest()


def spelled(key_id: str, secret: str) -> str:
    """Return a key as its owner presents it."""
    return f"bl_{key_id}_{secret}"


def check_scopes(scopes: str | Sequence[str]) -> tuple[Scope, ...]:
    """Return scopes in their usual order, each once; raises `InvalidSetting` for none, or one that there is not."""
    listed = [scopes] if isinstance(scopes, str) else list(scopes)
    wrong = next((one for one in listed if one not in SCOPES), None)
    if wrong is not None or not listed:
        reason = "at least one is needed" if wrong is None else f"{wrong!r} is none"
        raise InvalidSetting(setting="scopes", reason=f"{reason}; there are {', '.join(SCOPES)}")
    return tuple(scope for scope in SCOPES if scope in listed)


def check_patterns(patterns: str | Sequence[str]) -> tuple[str, ...]:
    """Return globs of instruments as they are compared; a plain name gets the library's spelling. Raises as it does."""
    listed = [patterns] if isinstance(patterns, str) else list(patterns)
    return tuple(
        sorted({check_name("pattern", one) if is_pattern(one) else normalise_instrument(one) for one in listed})
    )
